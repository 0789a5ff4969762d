//! A store that is asked as one beyond a network is: it never answers at once, its answers may
//! come late, and the channel of what it tells may be cut.

use std::num::NonZeroUsize;
use std::sync::Arc;

use tokio::sync::watch;
use tower_expiring_token::testing::FaultyStore;
use tower_expiring_token::{
    Finding, Inserted, IssuingStore, MemoryStore, NewSession, Rotated, RotatingStore, Rotation,
    SessionId, Slot, StoreError, Subject, Timestamp, TokenDigest, TokenRecord, TokenStore, Touch,
    Watch, WatchedStore, async_trait,
};

/// Clones are nodes of one store and share all of it.
#[derive(Clone)]
pub(crate) struct Remote {
    /// Counts look-ups, cuts and mends, fails.
    pub(crate) store: FaultyStore<MemoryStore>,
    /// Without late answers.
    pub(crate) memory: MemoryStore,
    late: Arc<watch::Sender<bool>>,
}

impl Remote {
    pub(crate) fn new() -> Self {
        let memory = MemoryStore::new();
        Self {
            store: FaultyStore::new(memory.clone()),
            memory,
            late: Arc::new(watch::Sender::new(false)),
        }
    }

    /// What is done from now on is done at once, but answered when [`answer`](Self::answer) is
    /// called.
    pub(crate) fn answer_late(&self) {
        self.late.send_replace(true);
    }

    pub(crate) fn answer(&self) {
        self.late.send_replace(false);
    }

    /// Waits until it was asked so many times, while all other tasks do what they can.
    pub(crate) async fn is_asked(&self, times: usize) {
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
        assert_eq!(self.store.asked(), times);
    }

    async fn answered<T>(&self, answer: T) -> T {
        let mut late = self.late.subscribe();
        late.wait_for(|late| !late).await.unwrap();
        answer
    }
}

#[async_trait]
impl TokenStore for Remote {
    type Principal = Subject;

    async fn find(&self, digest: &TokenDigest) -> Finding<Subject> {
        self.answered(self.store.find(digest).await).await
    }

    async fn extend(&self, touches: &[Touch]) -> Result<(), StoreError> {
        self.answered(self.store.extend(touches).await).await
    }
}

#[async_trait]
impl IssuingStore for Remote {
    async fn insert(&self, new: NewSession, slot: Slot) -> Result<Inserted, StoreError> {
        self.answered(self.store.insert(new, slot).await).await
    }

    async fn remove(&self, digest: &TokenDigest) -> Result<bool, StoreError> {
        self.answered(self.store.remove(digest).await).await
    }

    async fn remove_session(
        &self,
        subject: &Subject,
        session: &SessionId,
    ) -> Result<u64, StoreError> {
        self.answered(self.store.remove_session(subject, session).await)
            .await
    }

    async fn remove_subject(
        &self,
        subject: &Subject,
        but: Option<&SessionId>,
    ) -> Result<u64, StoreError> {
        self.answered(self.store.remove_subject(subject, but).await)
            .await
    }

    async fn list(&self, subject: &Subject) -> Result<Vec<TokenRecord>, StoreError> {
        self.answered(self.store.list(subject).await).await
    }

    async fn purge(&self, ended_by: Timestamp, most: NonZeroUsize) -> Result<usize, StoreError> {
        self.answered(self.store.purge(ended_by, most).await).await
    }
}

#[async_trait]
impl RotatingStore for Remote {
    async fn rotate(&self, rotation: Rotation) -> Result<Rotated, StoreError> {
        self.answered(self.store.rotate(rotation).await).await
    }
}

#[async_trait]
impl WatchedStore for Remote {
    async fn watch(&self) -> Result<Box<dyn Watch>, StoreError> {
        self.store.watch().await
    }
}
