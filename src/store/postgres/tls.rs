use deadpool_postgres::{Manager, ManagerConfig, RecyclingMethod};
use tokio_postgres::{CancelToken, Client, Config, Error, NoTls};
#[cfg(feature = "tls")]
use tokio_postgres_rustls::MakeRustlsConnect;

use super::messages::Messages;
use crate::store::StoreError;

/// How a connection is encrypted.
#[derive(Clone)]
pub(super) enum Tls {
    None,
    #[cfg(feature = "tls")]
    Rustls(MakeRustlsConnect),
}

impl Tls {
    /// TLS that trusts the system's roots, or those of this file alone.
    #[cfg(feature = "tls")]
    pub(super) fn verified(roots: Option<&str>) -> Result<Self, StoreError> {
        use std::sync::Arc;

        use rustls::{ClientConfig, RootCertStore, crypto::ring};

        let mut trusted = RootCertStore::empty();
        trusted.add_parsable_certificates(certificates(roots)?);
        if trusted.is_empty() {
            let place = roots.unwrap_or("the system's certificates");
            return Err(StoreError::new(format!(
                "expected root certificates in {place}, found none"
            )));
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(StoreError::new)?;
        let config = config.with_root_certificates(trusted).with_no_client_auth();
        Ok(Self::Rustls(MakeRustlsConnect::new(config)))
    }

    #[cfg(not(feature = "tls"))]
    pub(super) fn verified(_roots: Option<&str>) -> Result<Self, StoreError> {
        Err(StoreError::new(
            "the URL asks for TLS: turn on the feature `tls` of tower-expiring-token",
        ))
    }

    pub(super) fn manager(self, config: Config) -> Manager {
        let settings = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        match self {
            Self::None => Manager::from_config(config, NoTls, settings),
            #[cfg(feature = "tls")]
            Self::Rustls(tls) => Manager::from_config(config, tls, settings),
        }
    }

    /// A connection that its owner drives, to see what the server says without being asked.
    pub(super) async fn connect(self, config: &Config) -> Result<(Client, Messages), Error> {
        match self {
            Self::None => {
                let (client, connection) = config.connect(NoTls).await?;
                Ok((client, Messages::of(connection)))
            }
            #[cfg(feature = "tls")]
            Self::Rustls(tls) => {
                let (client, connection) = config.connect(tls).await?;
                Ok((client, Messages::of(connection)))
            }
        }
    }

    /// Asks the server to give up what it does on a connection.
    pub(super) async fn cancel(self, connection: CancelToken) -> Result<(), Error> {
        match self {
            Self::None => connection.cancel_query(NoTls).await,
            #[cfg(feature = "tls")]
            Self::Rustls(tls) => connection.cancel_query(tls).await,
        }
    }
}

#[cfg(feature = "tls")]
fn certificates(
    file: Option<&str>,
) -> Result<Vec<rustls::pki_types::CertificateDer<'static>>, StoreError> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;

    let Some(path) = file else {
        return Ok(rustls_native_certs::load_native_certs().certs);
    };
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    read.map_err(|error| {
        StoreError::new(format!(
            "expected a file of root certificates (PEM) at {path}: {error}"
        ))
    })
}
