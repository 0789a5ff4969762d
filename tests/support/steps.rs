//! A store that lets others run before and after each of its verbs.

use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use tokio::task::yield_now;
use tower_expiring_token::{
    Finding, Inserted, IssuingStore, NewSession, Rotated, RotatingStore, Rotation, SessionId, Slot,
    StoreError, Subject, Timestamp, TokenDigest, TokenRecord, TokenStore, Touch, async_trait,
};

/// Another store, each of whose verbs is pending before it does anything and once it is done.
/// Clones count their verbs together.
#[derive(Clone)]
pub(crate) struct Steps<S> {
    store: S,
    done: Arc<AtomicUsize>,
}

impl<S> Steps<S> {
    pub(crate) fn new(store: S) -> Self {
        Self {
            store,
            done: Arc::default(),
        }
    }

    /// How many verbs it has done.
    pub(crate) fn done(&self) -> usize {
        self.done.load(Ordering::SeqCst)
    }

    async fn step<T>(&self, verb: impl Future<Output = T>) -> T {
        yield_now().await;
        let output = verb.await;
        self.done.fetch_add(1, Ordering::SeqCst);
        yield_now().await;
        output
    }
}

/// What the future gives, unless it is still pending after so many polls.
pub(crate) async fn poll_times<F: IntoFuture>(future: F, times: usize) -> Option<F::Output> {
    let mut left = times + 1;
    poll_while(future, || {
        left -= 1;
        left > 0
    })
    .await
}

/// What the future gives, unless it is still pending when it is no longer to go on.
pub(crate) async fn poll_while<F: IntoFuture>(
    future: F,
    mut goes_on: impl FnMut() -> bool,
) -> Option<F::Output> {
    let mut future = pin!(future.into_future());
    let mut going = goes_on();
    poll_fn(|context| {
        if !going {
            return Poll::Ready(None);
        }
        match future.as_mut().poll(context) {
            Poll::Ready(output) => return Poll::Ready(Some(output)),
            Poll::Pending => going = goes_on(),
        }
        match going {
            true => Poll::Pending,
            false => Poll::Ready(None),
        }
    })
    .await
}

#[async_trait]
impl<S: TokenStore> TokenStore for Steps<S> {
    type Principal = S::Principal;

    async fn find(&self, digest: &TokenDigest) -> Finding<S::Principal> {
        self.step(self.store.find(digest)).await
    }

    async fn extend(&self, touches: &[Touch]) -> Result<(), StoreError> {
        self.step(self.store.extend(touches)).await
    }
}

#[async_trait]
impl<S: IssuingStore> IssuingStore for Steps<S> {
    async fn insert(&self, new: NewSession, slot: Slot) -> Result<Inserted, StoreError> {
        self.step(self.store.insert(new, slot)).await
    }

    async fn remove(&self, digest: &TokenDigest) -> Result<bool, StoreError> {
        self.step(self.store.remove(digest)).await
    }

    async fn remove_session(
        &self,
        subject: &Subject,
        session: &SessionId,
    ) -> Result<u64, StoreError> {
        self.step(self.store.remove_session(subject, session)).await
    }

    async fn remove_subject(
        &self,
        subject: &Subject,
        but: Option<&SessionId>,
    ) -> Result<u64, StoreError> {
        self.step(self.store.remove_subject(subject, but)).await
    }

    async fn list(&self, subject: &Subject) -> Result<Vec<TokenRecord>, StoreError> {
        self.step(self.store.list(subject)).await
    }

    async fn purge(&self, ended_by: Timestamp, most: NonZeroUsize) -> Result<usize, StoreError> {
        self.step(self.store.purge(ended_by, most)).await
    }
}

#[async_trait]
impl<S: RotatingStore> RotatingStore for Steps<S> {
    async fn rotate(&self, rotation: Rotation) -> Result<Rotated, StoreError> {
        self.step(self.store.rotate(rotation)).await
    }
}
