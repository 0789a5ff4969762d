//! A store's answers, kept for a few seconds and never longer than they are true.

mod cache;
mod listen;
mod set;
mod stats;

use std::error::Error;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::AbortHandle;

use self::cache::{Cache, Moment, Turn};
pub use self::stats::CacheStats;
use super::{
    Finding, Inserted, IssuingStore, NewSession, Place, Rotated, RotatingStore, Rotation, Slot,
    StoreError, TokenStore, Touch, WatchedStore,
};
use crate::clock::Timestamp;
use crate::token::{SessionId, Subject, TokenDigest, TokenRecord};

const MOST_STALENESS: Duration = Duration::from_secs(30);
const USUAL_ENTRIES: usize = 16_384;
const MOST_ENTRIES: usize = 1 << 26;

/// Another store, whose answers are kept in this process's memory for a few seconds. A look-up
/// that is answered from there costs about what one of [`MemoryStore`](super::MemoryStore) costs.
///
/// ```
/// use std::time::Duration;
/// use tower_expiring_token::{Cached, Lifetime, MemoryStore, TokenAuthority};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let store = MemoryStore::new();
/// let store = Cached::new(store, Duration::from_secs(30))?;
/// let tokens = TokenAuthority::builder(store.clone()).expiry(Lifetime::hours(24)).build()?;
/// assert_eq!(store.stats().hit_rate(), None);
/// # let _ = tokens;
/// # Ok(())
/// # }
/// ```
///
/// # When a revoked token is refused
///
/// - What is removed through this value or a clone of it: from the moment that this is
///   acknowledged.
/// - What another process removes: as soon as the store tells it ([`WatchedStore`]), which takes
///   milliseconds.
/// - While the channel to the store is cut, nothing is kept: each request asks the store.
/// - Whatever happens to the channel, no answer is older than the staleness that you name.
///
/// # What is kept
///
/// Tokens that were found and may act, until their own end or as long as the staleness allows,
/// whichever is earlier; a use that is written makes the next look-up ask again. Never that a
/// token is unknown, since whoever sends rubbish would choose what is kept; nor refresh tokens.
/// There is room for 16,384 tokens, or as many as [`with_entries`](Self::with_entries) says.
///
/// Look-ups of the same token at the same time are one. Nobody is answered by a look-up that
/// began before a removal of which this process has heard.
///
/// # Principals
///
/// A principal is kept with his token. The bundled stores know subjects, which never change.
/// [`WithPrincipals`](super::WithPrincipals) belongs outside, where it loads the principal for
/// each request, so that whoever is suspended is refused at once:
///
/// ```
/// # use std::{sync::Arc, time::Duration};
/// # use tower_expiring_token::{Cached, MemoryStore, Principals, StoreError, Subject, WithPrincipals, async_trait};
/// # struct Users;
/// # #[async_trait]
/// # impl Principals for Users {
/// #     type Principal = u32;
/// #     async fn load(&self, _: &Subject) -> Result<Option<Arc<u32>>, StoreError> { Ok(None) }
/// # }
/// # let store = MemoryStore::new();
/// let store = WithPrincipals::new(Cached::new(store, Duration::from_secs(30))?, Users);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// It can't be inside, since it does not know when principals change:
///
/// ```compile_fail,E0277
/// # use std::{sync::Arc, time::Duration};
/// # use tower_expiring_token::{Cached, MemoryStore, Principals, StoreError, Subject, WithPrincipals, async_trait};
/// # struct Users;
/// # #[async_trait]
/// # impl Principals for Users {
/// #     type Principal = u32;
/// #     async fn load(&self, _: &Subject) -> Result<Option<Arc<u32>>, StoreError> { Ok(None) }
/// # }
/// # let store = MemoryStore::new();
/// let store = Cached::new(WithPrincipals::new(store, Users), Duration::from_secs(30))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A store of your own that gives principals says by [`WatchedStore`] how they are forgotten.
///
/// # The task
///
/// It listens to the store. It starts with the first look-up, in that tokio runtime, and ends
/// with the last clone; where there is no runtime, each request asks the store. So it does while
/// the task has not run for most of a second, because something else keeps its thread busy.
pub struct Cached<S: WatchedStore> {
    shared: Arc<Shared<S>>,
}

struct Shared<S: WatchedStore> {
    store: S,
    cache: Cache<S::Principal>,
    staleness: Duration,
    task: Mutex<Option<AbortHandle>>,
}

/// What a cache can't be.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CacheError {
    /// It would let a revoked token in for so long.
    TooStale(Duration),
    /// It would take more memory, at once, than anybody means.
    TooManyEntries(usize),
}

impl<S: WatchedStore> Cached<S> {
    /// Answers of `store`, none of them older than `staleness`: at most 30 seconds. Zero: nothing
    /// is kept, and nothing listens.
    ///
    /// # Errors
    ///
    /// [`CacheError::TooStale`] when it is more than that.
    pub fn new(store: S, staleness: Duration) -> Result<Self, CacheError> {
        Self::with_entries(store, staleness, USUAL_ENTRIES)
    }

    /// The same, with room for so many tokens (rounded up to eight). The room itself takes some
    /// 80 bytes a token, at once; a token in it about as much as in the memory store.
    ///
    /// # Errors
    ///
    /// [`CacheError`] when the staleness is more than 30 seconds, or the tokens are more than
    /// 67,108,864 (2^26).
    pub fn with_entries(store: S, staleness: Duration, entries: usize) -> Result<Self, CacheError> {
        if staleness > MOST_STALENESS {
            return Err(CacheError::TooStale(staleness));
        }
        if entries > MOST_ENTRIES {
            return Err(CacheError::TooManyEntries(entries));
        }
        let shared = Arc::new(Shared {
            store,
            cache: Cache::new(staleness, entries),
            staleness,
            task: Mutex::default(),
        });
        Ok(Self { shared })
    }

    /// How well it does, and whether its channel is whole.
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        let cache = &self.shared.cache;
        let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        CacheStats {
            hits: cache.hits.sum(),
            joined: count(&cache.joined),
            loads: count(&cache.loads),
            passed: count(&cache.passed),
            loading: cache.loading(),
            entries: cache.len(),
            capacity: cache.capacity(),
            staleness: self.shared.staleness,
            is_connected: cache.is_on(),
            losses: count(&cache.losses),
        }
    }

    fn store(&self) -> &S {
        &self.shared.store
    }

    /// Forgets this when it is dropped, at the end of a verb or when that is given up: nobody
    /// knows then what the store has done of it.
    fn forgetting<F: Fn(&Cache<S::Principal>)>(&self, forget: F) -> Forgetting<'_, S, F> {
        Forgetting(self, forget)
    }
}

struct Forgetting<'a, S: WatchedStore, F: Fn(&Cache<S::Principal>)>(&'a Cached<S>, F);

impl<S: WatchedStore, F: Fn(&Cache<S::Principal>)> Drop for Forgetting<'_, S, F> {
    fn drop(&mut self) {
        (self.1)(&self.0.shared.cache);
    }
}

impl<S: WatchedStore> Clone for Cached<S> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<S: WatchedStore> fmt::Debug for Cached<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cached")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

impl<S: WatchedStore> Drop for Shared<S> {
    fn drop(&mut self) {
        let task = self.task.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = task {
            task.abort();
        }
    }
}

#[async_trait]
impl<S: WatchedStore> TokenStore for Cached<S> {
    type Principal = S::Principal;

    async fn find(&self, digest: &TokenDigest) -> Finding<S::Principal> {
        let Shared { store, cache, .. } = &*self.shared;
        if self.shared.staleness.is_zero() {
            return store.find(digest).await;
        }
        if let Some(found) = cache.get(digest) {
            return Ok(Some(found));
        }
        listen::start(&self.shared);
        let seat = match cache.turn(digest) {
            Turn::Found(found) => return Ok(Some(found)),
            Turn::Pass => return store.find(digest).await,
            Turn::Load(seat) => seat,
        };
        let load = || async {
            let began = Moment::now();
            let finding = store.find(digest).await;
            seat.keep(&finding, began);
            finding
        };
        seat.answer().get_or_init(load).await.clone()
    }

    fn find_now(&self, digest: &TokenDigest) -> Option<Finding<S::Principal>> {
        match self.shared.cache.get(digest) {
            Some(found) => Some(Ok(Some(found))),
            None => self.store().find_now(digest),
        }
    }

    async fn extend(&self, touches: &[Touch]) -> Result<(), StoreError> {
        let _forgetting = self.forgetting(|cache| {
            touches.iter().for_each(|touch| cache.forget(&touch.digest));
        });
        self.store().extend(touches).await
    }
}

#[async_trait]
impl<S: WatchedStore + IssuingStore> IssuingStore for Cached<S> {
    async fn insert(&self, new: NewSession, slot: Slot) -> Result<Inserted, StoreError> {
        let access = new.access.digest;
        let refresh = new.refresh.as_ref().map(|refresh| refresh.digest);
        let others = slot.place != Place::Add || slot.limit.is_some();
        let subject = others.then(|| new.access.record.subject().clone());
        let _forgetting = self.forgetting(|cache| {
            cache.forget(&access);
            refresh.iter().for_each(|refresh| cache.forget(refresh));
            subject
                .iter()
                .for_each(|subject| cache.forget_subject(subject));
        });
        self.store().insert(new, slot).await
    }

    async fn holds(&self, digest: &TokenDigest) -> Result<bool, StoreError> {
        self.store().holds(digest).await
    }

    async fn remove(&self, digest: &TokenDigest) -> Result<bool, StoreError> {
        let _forgetting = self.forgetting(|cache| cache.forget(digest));
        self.store().remove(digest).await
    }

    async fn remove_session(
        &self,
        subject: &Subject,
        session: &SessionId,
    ) -> Result<u64, StoreError> {
        let _forgetting = self.forgetting(|cache| cache.forget_subject(subject));
        self.store().remove_session(subject, session).await
    }

    async fn remove_subject(
        &self,
        subject: &Subject,
        but: Option<&SessionId>,
    ) -> Result<u64, StoreError> {
        let _forgetting = self.forgetting(|cache| cache.forget_subject(subject));
        self.store().remove_subject(subject, but).await
    }

    async fn list(&self, subject: &Subject) -> Result<Vec<TokenRecord>, StoreError> {
        self.store().list(subject).await
    }

    async fn purge(&self, ended_by: Timestamp, most: NonZeroUsize) -> Result<usize, StoreError> {
        let left = |record: &TokenRecord| ended_by < record.times().ends_at;
        let _forgetting = self.forgetting(|cache| cache.retain(left));
        self.store().purge(ended_by, most).await
    }
}

#[async_trait]
impl<S: WatchedStore + RotatingStore> RotatingStore for Cached<S> {
    async fn rotate(&self, rotation: Rotation) -> Result<Rotated, StoreError> {
        let (refresh, access) = (rotation.digest, rotation.access.digest);
        let subject = rotation.access.record.subject().clone();
        let _forgetting = self.forgetting(|cache| {
            cache.forget(&refresh);
            cache.forget(&access);
            cache.forget_subject(&subject);
        });
        self.store().rotate(rotation).await
    }
}

// === impl CacheError ===

impl fmt::Display for CacheError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooStale(staleness) => write!(
                f,
                "a token may be answered from memory for at most {MOST_STALENESS:?}, not for {staleness:?}: a revoked one could be let in for as long; name a shorter staleness"
            ),
            Self::TooManyEntries(entries) => write!(
                f,
                "a cache has room for at most {MOST_ENTRIES} tokens, not for {entries}: the room takes some 80 bytes a token at once; name as many as are used within the staleness"
            ),
        }
    }
}

impl fmt::Debug for CacheError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CacheError({self})")
    }
}

impl Error for CacheError {}
