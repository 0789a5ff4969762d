use deadpool_postgres::Manager;
use percent_encoding::percent_decode_str;
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use super::tls::Tls;
use crate::store::StoreError;

/// Where a server is and how to talk to it. Its password is seen nowhere.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) config: Config,
    pub(super) tls: Tls,
}

impl Target {
    /// Reads a URL, or libpq's `key=value` words. What can't be read is never repeated: it may
    /// be a piece of a password.
    pub(super) fn parse(url: &str) -> Result<Self, StoreError> {
        let (url, roots) = plain(url);
        let mut config: Config = url.parse().map_err(|_| {
            StoreError::new(
                "expected a URL such as postgres://user:password@host:5432/database?sslmode=require, \
                 with characters such as @ / ? in its parts percent-encoded",
            )
        })?;
        let tls = match config.get_ssl_mode() {
            SslMode::Disable | SslMode::Prefer => {
                config.ssl_mode(SslMode::Disable);
                Tls::None
            }
            _ => Tls::verified(roots.as_deref())?,
        };
        Ok(Self { config, tls })
    }

    /// Tells the server what these connections are for, unless the URL does.
    pub(super) fn named(mut self, role: &str) -> Self {
        if self.config.get_application_name().is_none() {
            let name = format!("tower-expiring-token: {role}");
            self.config.application_name(name);
        }
        self
    }

    pub(super) fn manager(self) -> Manager {
        self.tls.manager(self.config)
    }
}

/// The same URL in words that the client knows, and the file of root certificates that it names.
/// Whatever mode asks for TLS, the server's certificate and name are verified.
fn plain(url: &str) -> (String, Option<String>) {
    let Some((before, query)) = url.split_once('?') else {
        return (url.to_owned(), None);
    };
    let mut roots = None;
    let mut kept = Vec::new();
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some(("sslrootcert", path)) if path != "system" => {
                roots = Some(percent_decode_str(path).decode_utf8_lossy().into_owned());
            }
            Some(("sslrootcert", _)) => {}
            Some(("sslmode", "verify-ca" | "verify-full")) => kept.push("sslmode=require"),
            _ => kept.push(pair),
        }
    }
    (format!("{before}?{}", kept.join("&")), roots)
}
