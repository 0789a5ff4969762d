use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::Client;

use super::address::{Access, Address};
use super::checks;
use super::keys::Keys;
use super::link::Link;
use super::lookups::Lookups;
use super::scripts::Scripts;
use super::{Inner, RedisStore};
use crate::store::StoreError;

/// How a [`RedisStore`] is made: by [`RedisStore::builder`], or for a client that the application
/// has already, by [`RedisStore::with_client`].
#[must_use = "a builder makes nothing until `connect` is called"]
pub struct RedisBuilder {
    source: Source,
    access: Access,
    prefix: String,
    time_out: Duration,
    retention: Duration,
}

enum Source {
    Url(String),
    Client(Box<Client>),
}

impl RedisBuilder {
    pub(super) fn new(url: &str) -> Self {
        Self::of(Source::Url(url.to_owned()))
    }

    pub(super) fn with_client(client: Client) -> Self {
        Self::of(Source::Client(Box::new(client)))
    }

    fn of(source: Source) -> Self {
        Self {
            source,
            access: Access::default(),
            prefix: "tokens:".to_owned(),
            time_out: Duration::from_secs(1),
            retention: Duration::from_secs(24 * 3600),
        }
    }

    /// What the names of all keys begin with; `tokens:` unless it is said. Stores with prefixes of
    /// their own don't know of one another. No braces: those are for Redis Cluster.
    pub fn prefix(mut self, prefix: &str) -> Self {
        prefix.clone_into(&mut self.prefix);
        self
    }

    /// How long a call may take before it is a [`StoreError`]; one second unless it is said.
    pub fn time_out(mut self, time_out: Duration) -> Self {
        self.time_out = time_out;
        self
    }

    /// How long the server keeps a token after its `ends_at`, if no purge has removed it by then;
    /// 24 hours unless it is said. Make it no shorter than the retention that purges go by.
    pub fn retention(mut self, retention: Duration) -> Self {
        self.retention = retention;
        self
    }

    /// User and password of the sentinels, if they want any. Those of the server are in the URL.
    pub fn sentinel_login(mut self, user: &str, password: &str) -> Self {
        self.access.sentinel_login = Some((user.to_owned(), password.to_owned()));
        self
    }

    /// Trusts these root certificates (PEM) instead of the system's, for the server and for the
    /// sentinels.
    #[cfg(feature = "tls")]
    pub fn root_certificates(mut self, pem: &[u8]) -> Self {
        self.access.roots = Some(pem.to_owned());
        self
    }

    /// Connects and looks at the server's settings; see [`RedisStore::warnings`].
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the URL can't be read, when there is no server that lets us in, and
    /// when it is none to keep tokens on: a replica, a node of Redis Cluster, or one that may evict
    /// any key.
    pub async fn connect(self) -> Result<RedisStore, StoreError> {
        if self.prefix.contains(['{', '}']) {
            return Err(StoreError::new(format!(
                "expected a prefix of keys without braces, found {:?}",
                self.prefix
            )));
        }
        let address = match &self.source {
            Source::Url(url) => Address::parse(url, self.access)?,
            Source::Client(client) => Address::of(client, &self.access)?,
        };
        let link = Link::new(address, self.time_out).await?;
        let warnings = link.run(checks::ask).await?.warnings()?;
        Ok(RedisStore(Arc::new(Inner {
            lookups: Lookups::new(Arc::clone(&link)),
            link,
            keys: Arc::new(Keys::new(&self.prefix)),
            scripts: Scripts::default(),
            retention: self.retention,
            purge_next: 0.into(),
            warnings,
        })))
    }
}

impl fmt::Debug for RedisBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisBuilder")
            .field("prefix", &self.prefix)
            .field("time_out", &self.time_out)
            .field("retention", &self.retention)
            .finish_non_exhaustive()
    }
}
