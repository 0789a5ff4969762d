//! A store that lets others run before and after each of its verbs.

use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::task::Poll;

use tokio::task::yield_now;
use tower_expiring_token::{
    Finding, Inserted, IssuingStore, NewSession, Rotated, RotatingStore, Rotation, SessionId, Slot,
    StoreError, Subject, Timestamp, TokenDigest, TokenRecord, TokenStore, Touch, async_trait,
};

/// Another store, each of whose verbs is pending before it does anything and once it is done.
#[derive(Clone)]
pub(crate) struct Steps<S>(S);

impl<S> Steps<S> {
    pub(crate) const fn new(store: S) -> Self {
        Self(store)
    }
}

/// What the future gives, unless it is still pending after so many polls; then it is dropped.
pub(crate) async fn poll_times<F: IntoFuture>(future: F, times: usize) -> Option<F::Output> {
    let mut future = pin!(future.into_future());
    let mut left = times;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

async fn step<T>(verb: impl Future<Output = T>) -> T {
    yield_now().await;
    let output = verb.await;
    yield_now().await;
    output
}

#[async_trait]
impl<S: TokenStore> TokenStore for Steps<S> {
    type Principal = S::Principal;

    async fn find(&self, digest: &TokenDigest) -> Finding<S::Principal> {
        step(self.0.find(digest)).await
    }

    async fn extend(&self, touches: &[Touch]) -> Result<(), StoreError> {
        step(self.0.extend(touches)).await
    }
}

#[async_trait]
impl<S: IssuingStore> IssuingStore for Steps<S> {
    async fn insert(&self, new: NewSession, slot: Slot) -> Result<Inserted, StoreError> {
        step(self.0.insert(new, slot)).await
    }

    async fn remove(&self, digest: &TokenDigest) -> Result<bool, StoreError> {
        step(self.0.remove(digest)).await
    }

    async fn remove_session(
        &self,
        subject: &Subject,
        session: &SessionId,
    ) -> Result<u64, StoreError> {
        step(self.0.remove_session(subject, session)).await
    }

    async fn remove_subject(
        &self,
        subject: &Subject,
        but: Option<&SessionId>,
    ) -> Result<u64, StoreError> {
        step(self.0.remove_subject(subject, but)).await
    }

    async fn list(&self, subject: &Subject) -> Result<Vec<TokenRecord>, StoreError> {
        step(self.0.list(subject)).await
    }

    async fn purge(&self, ended_by: Timestamp, most: NonZeroUsize) -> Result<usize, StoreError> {
        step(self.0.purge(ended_by, most)).await
    }
}

#[async_trait]
impl<S: RotatingStore> RotatingStore for Steps<S> {
    async fn rotate(&self, rotation: Rotation) -> Result<Rotated, StoreError> {
        step(self.0.rotate(rotation)).await
    }
}
