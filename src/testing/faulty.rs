use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;

use super::channel::{Channel, ThroughChannel};
use crate::clock::Timestamp;
use crate::store::{
    Finding, Inserted, IssuingStore, NewSession, Rotated, RotatingStore, Rotation, Slot,
    StoreError, TokenStore, Touch, Watch, WatchedStore,
};
use crate::token::{SessionId, Subject, TokenDigest, TokenRecord};

/// Another store, that can't say anything while it is told to fail, and counts who asks. The
/// channel to its watches can be cut. Clones share all of it.
///
/// ```
/// # use tower_expiring_token::testing::FaultyStore;
/// # use tower_expiring_token::{BearerToken, Lifetime, MemoryStore, Reason, TokenAuthority};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = FaultyStore::new(MemoryStore::new());
/// let tokens = TokenAuthority::builder(store.clone()).expiry(Lifetime::hours(24)).build()?;
/// let issued = tokens.issue("alice").await?;
/// let token = BearerToken::parse(issued.secret())?;
///
/// store.fail();
/// let refused = tokens.authenticate(&token).await.unwrap_err();
/// assert_eq!(*refused.reason(), Reason::StoreUnavailable);
/// store.heal();
/// assert_eq!(tokens.authenticate(&token).await?.subject().as_str(), "alice");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct FaultyStore<S> {
    store: S,
    failing: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
    touched: Arc<AtomicUsize>,
    channel: Arc<Channel>,
}

impl<S> FaultyStore<S> {
    /// This store, which works until [`fail`](Self::fail) is called.
    #[must_use]
    pub fn new(store: S) -> Self {
        Self {
            store,
            failing: Arc::default(),
            asked: Arc::default(),
            touched: Arc::default(),
            channel: Arc::default(),
        }
    }

    /// Fails every call from now on.
    pub fn fail(&self) {
        self.failing.store(true, Ordering::SeqCst);
    }

    /// Works again.
    pub fn heal(&self) {
        self.failing.store(false, Ordering::SeqCst);
    }

    /// Tells all watches that they have lost the store, and nothing from now on.
    pub fn cut(&self) {
        self.channel.cut();
    }

    /// Lets them connect again.
    pub fn mend(&self) {
        self.channel.mend();
    }

    /// How many look-ups there were, failed ones too.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// How many touches there were, failed ones too.
    #[must_use]
    pub fn touched(&self) -> usize {
        self.touched.load(Ordering::SeqCst)
    }

    fn works(&self) -> Result<&S, StoreError> {
        if self.failing.load(Ordering::SeqCst) {
            return Err(StoreError::new("told to fail"));
        }
        Ok(&self.store)
    }
}

#[async_trait]
impl<S: TokenStore> TokenStore for FaultyStore<S> {
    type Principal = S::Principal;

    async fn find(&self, digest: &TokenDigest) -> Finding<S::Principal> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.works()?.find(digest).await
    }

    fn find_now(&self, digest: &TokenDigest) -> Option<Finding<S::Principal>> {
        let answer = match self.works() {
            Ok(store) => store.find_now(digest)?,
            Err(error) => Err(error),
        };
        self.asked.fetch_add(1, Ordering::SeqCst);
        Some(answer)
    }

    async fn extend(&self, touches: &[Touch]) -> Result<(), StoreError> {
        self.touched.fetch_add(touches.len(), Ordering::SeqCst);
        self.works()?.extend(touches).await
    }
}

#[async_trait]
impl<S: IssuingStore> IssuingStore for FaultyStore<S> {
    async fn insert(&self, new: NewSession, slot: Slot) -> Result<Inserted, StoreError> {
        self.works()?.insert(new, slot).await
    }

    async fn holds(&self, digest: &TokenDigest) -> Result<bool, StoreError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.works()?.holds(digest).await
    }

    async fn remove(&self, digest: &TokenDigest) -> Result<bool, StoreError> {
        self.works()?.remove(digest).await
    }

    async fn remove_session(
        &self,
        subject: &Subject,
        session: &SessionId,
    ) -> Result<u64, StoreError> {
        self.works()?.remove_session(subject, session).await
    }

    async fn remove_subject(
        &self,
        subject: &Subject,
        but: Option<&SessionId>,
    ) -> Result<u64, StoreError> {
        self.works()?.remove_subject(subject, but).await
    }

    async fn list(&self, subject: &Subject) -> Result<Vec<TokenRecord>, StoreError> {
        self.works()?.list(subject).await
    }

    async fn purge(&self, ended_by: Timestamp, most: NonZeroUsize) -> Result<usize, StoreError> {
        self.works()?.purge(ended_by, most).await
    }
}

#[async_trait]
impl<S: RotatingStore> RotatingStore for FaultyStore<S> {
    async fn rotate(&self, rotation: Rotation) -> Result<Rotated, StoreError> {
        self.works()?.rotate(rotation).await
    }
}

#[async_trait]
impl<S: WatchedStore + Clone> WatchedStore for FaultyStore<S> {
    async fn watch(&self) -> Result<Box<dyn Watch>, StoreError> {
        let store = self.works()?.clone();
        Ok(Box::new(ThroughChannel::new(store, self.channel.clone())))
    }
}
