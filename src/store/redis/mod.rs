//! Tokens in Redis or Valkey: a look-up is one GET, every other verb one script.

mod address;
mod builder;
mod checks;
mod error;
mod keys;
mod link;
mod lookups;
mod packed;
mod scripts;
mod sentinel;
mod watch;

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use async_trait::async_trait;

pub use self::builder::RedisBuilder;
use self::keys::{Keys, ROUTES};
use self::link::Link;
use self::lookups::Lookups;
use self::scripts::Scripts;
use super::{
    Finding, Found, Inserted, IssuingStore, NewSession, Rotated, RotatingStore, Rotation, Slot,
    StoreError, TokenStore, Touch, Watch, WatchedStore,
};
use crate::clock::Timestamp;
use crate::token::{SessionId, Subject, TokenDigest, TokenRecord};

/// Touches of one script, and steps of a purge's: so few that look-ups hardly wait for it.
const TOUCHES: usize = 32;
const STEPS: usize = 16;
/// Routes that one script of a purge looks at.
const ROUTES_AT_ONCE: u16 = 32;

/// Tokens in Redis 7 or Valkey, alone or with Sentinel. Clones are cheap and share a connection.
///
/// The principal is the [`Subject`]; see [`WithPrincipals`](super::WithPrincipals) for your own.
///
/// ```no_run
/// use tower_expiring_token::{Lifetime, RedisStore, TokenAuthority};
///
/// # async fn main_() -> Result<(), Box<dyn std::error::Error>> {
/// let store = RedisStore::connect("redis://:password@localhost:6379/0").await?;
/// for warning in store.warnings() {
///     eprintln!("tokens: {warning}");
/// }
/// let tokens = TokenAuthority::builder(store).expiry(Lifetime::hours(24)).build()?;
/// # Ok(())
/// # }
/// ```
///
/// # What an acknowledgement is worth
///
/// With `appendonly yes` and `appendfsync always`, what was acknowledged is on disk, and no crash
/// undoes it. With `everysec` a crash takes back the last second or two: a token that was removed
/// in it is accepted again. A fail-over by Sentinel takes back whatever the replica had not heard
/// yet, always: replication is asynchronous (`min-replicas-to-write` narrows that). A server that
/// evicts drops tokens that live; one that may evict every key is refused, since it could drop the
/// list of a user's tokens and keep the tokens. [`warnings`](Self::warnings) says which of it holds.
///
/// # Outages
///
/// No call takes longer than the [time-out](RedisBuilder::time_out). While there is no
/// connection each one fails at once, and a task tries again every second or sooner. Calls need
/// tokio, in whichever runtime.
///
/// # Rights
///
/// A user of the server's ACL needs these, and nothing else:
///
/// ```text
/// ACL SETUSER service on >password ~tokens:* +get +getrange +set +setrange +del +zadd +zrem
///   +zrange +zrangebyscore +evalsha +script|load +ping +info +config|get +select +client|tracking
/// ```
///
/// `role` too with Sentinel, `select` for another database than 0 alone, `client|tracking` for
/// [caches](crate::Cached) alone; without `info` or `config|get` a warning says what could not be
/// checked.
///
/// # Keys
///
/// All tokens of a subject, and the list of them, have one hash tag: the two characters of the
/// subject's route, which a token's text and digest carry too. So Redis Cluster, which is not
/// supported yet, will keep together what a script needs, under the same keys. Tokens of a foreign
/// form lie by the route of their own digest, so that a look-up stays one GET; on a server alone
/// scripts reach them as well. There the server drops what nobody has purged when it has been dead
/// for the [retention](RedisBuilder::retention); its lists are tidied by
/// [`purge`](IssuingStore::purge) alone, so purge now and then.
#[derive(Clone)]
pub struct RedisStore(Arc<Inner>);

struct Inner {
    link: Arc<Link>,
    lookups: Arc<Lookups>,
    keys: Arc<Keys>,
    scripts: Scripts,
    retention: Duration,
    /// Where the next purge begins.
    purge_next: AtomicU16,
    warnings: Vec<String>,
}

impl RedisStore {
    /// Connects to the server of a URL: `redis://`, `rediss://` (feature `tls`), or
    /// `redis-sentinel://:password@host:26379,host:26379/0#master` for whichever server the
    /// sentinels call the master of that name (`rediss-sentinel://` with TLS to all of them).
    ///
    /// # Errors
    ///
    /// Those of [`RedisBuilder::connect`].
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        Self::builder(url).connect().await
    }

    /// Starts to make a store on the server of a URL.
    pub fn builder(url: &str) -> RedisBuilder {
        RedisBuilder::new(url)
    }

    /// Starts to make a store on the server of a client that the application has, with its TLS and
    /// credentials. The connection is the store's own and speaks RESP3.
    pub fn with_client(client: redis::Client) -> RedisBuilder {
        RedisBuilder::with_client(client)
    }

    /// What was found amiss with the server's settings when the store was made, as sentences: log
    /// them at the start of your service.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.0.warnings
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("address", &format_args!("{}", self.0.link.address()))
            .field("prefix", &self.0.keys.prefix())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl TokenStore for RedisStore {
    type Principal = Subject;

    async fn find(&self, digest: &TokenDigest) -> Finding<Subject> {
        let value = self.0.lookups.get(self.0.keys.token(digest)).await?;
        let record = value.map(|value| packed::unpack(&value)).transpose()?;
        Ok(record.map(Found::of_record))
    }

    async fn extend(&self, touches: &[Touch]) -> Result<(), StoreError> {
        let mut outcome = Ok(());
        for touches in touches.chunks(TOUCHES) {
            let call = self.0.scripts.extend(&self.0.keys, touches);
            if let Err(error) = self.0.link.script::<()>(call).await {
                outcome = Err(error);
            }
        }
        outcome
    }
}

#[async_trait]
impl IssuingStore for RedisStore {
    async fn insert(&self, new: NewSession, slot: Slot) -> Result<Inserted, StoreError> {
        let Inner {
            keys, retention, ..
        } = &*self.0;
        let call = self.0.scripts.insert(keys, &new, slot, *retention)?;
        scripts::inserted(self.0.link.script(call).await?)
    }

    async fn remove(&self, digest: &TokenDigest) -> Result<bool, StoreError> {
        let call = self.0.scripts.remove(&self.0.keys, digest);
        self.0.link.script(call).await
    }

    async fn remove_session(
        &self,
        subject: &Subject,
        session: &SessionId,
    ) -> Result<u64, StoreError> {
        let Inner { keys, scripts, .. } = &*self.0;
        let call = scripts.remove_where(keys, subject, Some(session), None);
        self.0.link.script(call).await
    }

    async fn remove_subject(
        &self,
        subject: &Subject,
        but: Option<&SessionId>,
    ) -> Result<u64, StoreError> {
        let Inner { keys, scripts, .. } = &*self.0;
        let call = scripts.remove_where(keys, subject, None, but);
        self.0.link.script(call).await
    }

    async fn list(&self, subject: &Subject) -> Result<Vec<TokenRecord>, StoreError> {
        let call = self.0.scripts.list(&self.0.keys, subject);
        scripts::listed(self.0.link.script(call).await?)
    }

    async fn purge(&self, ended_by: Timestamp, most: NonZeroUsize) -> Result<usize, StoreError> {
        let Inner {
            keys,
            scripts,
            purge_next,
            ..
        } = &*self.0;
        let first = purge_next.load(Ordering::Relaxed);
        let (mut purged, mut done) = (0, 0);
        while purged < most.get() && done < ROUTES {
            let routes = done..ROUTES.min(done + ROUTES_AT_ONCE);
            let routes = routes.map(|route| (first + route) % ROUTES);
            let steps = STEPS.min(most.get() - purged);
            let call = scripts.purge(keys, routes, ended_by, steps);
            let (more, routes): (usize, u16) = self.0.link.script(call).await?;
            purged += more;
            done += routes;
        }
        purge_next.store((first + done) % ROUTES, Ordering::Relaxed);
        Ok(purged)
    }
}

#[async_trait]
impl RotatingStore for RedisStore {
    async fn rotate(&self, rotation: Rotation) -> Result<Rotated, StoreError> {
        let Inner {
            keys, retention, ..
        } = &*self.0;
        let call = self.0.scripts.rotate(keys, &rotation, *retention)?;
        scripts::rotated(self.0.link.script(call).await?)
    }
}

#[async_trait]
impl WatchedStore for RedisStore {
    async fn watch(&self) -> Result<Box<dyn Watch>, StoreError> {
        let (link, keys) = (Arc::clone(&self.0.link), Arc::clone(&self.0.keys));
        Ok(Box::new(watch::watch(link, keys).await?))
    }
}
