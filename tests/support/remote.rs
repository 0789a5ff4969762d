//! A store that is asked as one beyond a network is: it never answers at once, its answers may
//! come late, and the channel of what it tells may be cut, or be dead without a word.

use std::num::NonZeroUsize;
use std::sync::Arc;

use tokio::sync::watch;
use tower_expiring_token::testing::FaultyStore;
use tower_expiring_token::{
    Change, Finding, Inserted, IssuingStore, MemoryStore, NewSession, Rotated, RotatingStore,
    Rotation, SessionId, Slot, StoreError, Subject, Timestamp, TokenDigest, TokenRecord,
    TokenStore, Touch, Watch, WatchedStore, async_trait,
};

/// Clones are nodes of one store and share all of it.
#[derive(Clone)]
pub(crate) struct Remote {
    /// Counts look-ups, cuts and mends, fails.
    pub(crate) store: FaultyStore<MemoryStore>,
    /// The same tokens, at once.
    pub(crate) memory: MemoryStore,
    answers: Late,
    acknowledgements: Late,
    is_silent: bool,
}

/// Whether what is done is told late.
type Late = Arc<watch::Sender<bool>>;

impl Remote {
    pub(crate) fn new() -> Self {
        let memory = MemoryStore::new();
        Self {
            store: FaultyStore::new(memory.clone()),
            memory,
            answers: Arc::new(watch::Sender::new(false)),
            acknowledgements: Arc::new(watch::Sender::new(false)),
            is_silent: false,
        }
    }

    /// Its watches say that they are connected, and then never anything.
    pub(crate) fn silent() -> Self {
        Self {
            is_silent: true,
            ..Self::new()
        }
    }

    /// A token that is looked up from now on is read at once, but the answer comes when
    /// [`answer`](Self::answer) is called.
    pub(crate) fn answer_late(&self) {
        self.answers.send_replace(true);
    }

    pub(crate) fn answer(&self) {
        self.answers.send_replace(false);
    }

    /// What is changed from now on is changed at once, and never acknowledged.
    pub(crate) fn acknowledge_nothing(&self) {
        self.acknowledgements.send_replace(true);
    }

    /// Waits until it was asked so many times, while all other tasks do what they can.
    pub(crate) async fn is_asked(&self, times: usize) {
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
        assert_eq!(self.store.asked(), times);
    }

    async fn done<T>(&self, acknowledgement: T) -> T {
        in_time(&self.acknowledgements).await;
        acknowledgement
    }
}

async fn in_time(late: &Late) {
    let mut late = late.subscribe();
    late.wait_for(|late| !late).await.unwrap();
}

#[async_trait]
impl TokenStore for Remote {
    type Principal = Subject;

    async fn find(&self, digest: &TokenDigest) -> Finding<Subject> {
        let finding = self.store.find(digest).await;
        in_time(&self.answers).await;
        finding
    }

    async fn extend(&self, touches: &[Touch]) -> Result<(), StoreError> {
        self.done(self.store.extend(touches).await).await
    }
}

#[async_trait]
impl IssuingStore for Remote {
    async fn insert(&self, new: NewSession, slot: Slot) -> Result<Inserted, StoreError> {
        self.done(self.store.insert(new, slot).await).await
    }

    async fn remove(&self, digest: &TokenDigest) -> Result<bool, StoreError> {
        self.done(self.store.remove(digest).await).await
    }

    async fn remove_session(
        &self,
        subject: &Subject,
        session: &SessionId,
    ) -> Result<u64, StoreError> {
        self.done(self.store.remove_session(subject, session).await)
            .await
    }

    async fn remove_subject(
        &self,
        subject: &Subject,
        but: Option<&SessionId>,
    ) -> Result<u64, StoreError> {
        self.done(self.store.remove_subject(subject, but).await)
            .await
    }

    async fn list(&self, subject: &Subject) -> Result<Vec<TokenRecord>, StoreError> {
        self.done(self.store.list(subject).await).await
    }

    async fn purge(&self, ended_by: Timestamp, most: NonZeroUsize) -> Result<usize, StoreError> {
        self.done(self.store.purge(ended_by, most).await).await
    }
}

#[async_trait]
impl RotatingStore for Remote {
    async fn rotate(&self, rotation: Rotation) -> Result<Rotated, StoreError> {
        self.done(self.store.rotate(rotation).await).await
    }
}

#[async_trait]
impl WatchedStore for Remote {
    async fn watch(&self) -> Result<Box<dyn Watch>, StoreError> {
        if self.is_silent {
            return Ok(Box::new(Silence { is_told: false }));
        }
        self.store.watch().await
    }
}

/// Says that it is connected, and then never anything.
pub(crate) struct Silence {
    pub(crate) is_told: bool,
}

#[async_trait]
impl Watch for Silence {
    async fn next(&mut self) -> Change {
        if std::mem::replace(&mut self.is_told, true) {
            return std::future::pending().await;
        }
        Change::Connected
    }
}
