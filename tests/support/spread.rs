//! Several values of a store over the same tokens, as several nodes have them.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};

use tower_expiring_token::{
    Finding, Inserted, IssuingStore, NewSession, Rotated, RotatingStore, Rotation, SessionId, Slot,
    StoreError, Subject, Timestamp, TokenDigest, TokenRecord, TokenStore, Touch, async_trait,
};

/// Each call goes to the next of them.
pub(crate) struct Spread<S> {
    stores: Vec<S>,
    next: AtomicUsize,
}

impl<S> Spread<S> {
    pub(crate) fn over(stores: impl IntoIterator<Item = S>) -> Self {
        Self {
            stores: stores.into_iter().collect(),
            next: AtomicUsize::new(0),
        }
    }

    fn next(&self) -> &S {
        &self.stores[self.next.fetch_add(1, Ordering::Relaxed) % self.stores.len()]
    }
}

#[async_trait]
impl<S: TokenStore> TokenStore for Spread<S> {
    type Principal = S::Principal;

    async fn find(&self, digest: &TokenDigest) -> Finding<S::Principal> {
        self.next().find(digest).await
    }

    fn find_now(&self, digest: &TokenDigest) -> Option<Finding<S::Principal>> {
        self.next().find_now(digest)
    }

    async fn extend(&self, touches: &[Touch]) -> Result<(), StoreError> {
        self.next().extend(touches).await
    }
}

#[async_trait]
impl<S: IssuingStore> IssuingStore for Spread<S> {
    async fn insert(&self, new: NewSession, slot: Slot) -> Result<Inserted, StoreError> {
        self.next().insert(new, slot).await
    }

    async fn holds(&self, digest: &TokenDigest) -> Result<bool, StoreError> {
        self.next().holds(digest).await
    }

    async fn remove(&self, digest: &TokenDigest) -> Result<bool, StoreError> {
        self.next().remove(digest).await
    }

    async fn remove_session(
        &self,
        subject: &Subject,
        session: &SessionId,
    ) -> Result<u64, StoreError> {
        self.next().remove_session(subject, session).await
    }

    async fn remove_subject(
        &self,
        subject: &Subject,
        but: Option<&SessionId>,
    ) -> Result<u64, StoreError> {
        self.next().remove_subject(subject, but).await
    }

    async fn list(&self, subject: &Subject) -> Result<Vec<TokenRecord>, StoreError> {
        self.next().list(subject).await
    }

    async fn purge(&self, ended_by: Timestamp, most: NonZeroUsize) -> Result<usize, StoreError> {
        self.next().purge(ended_by, most).await
    }
}

#[async_trait]
impl<S: RotatingStore> RotatingStore for Spread<S> {
    async fn rotate(&self, rotation: Rotation) -> Result<Rotated, StoreError> {
        self.next().rotate(rotation).await
    }
}
