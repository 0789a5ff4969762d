//! The bundled store: built for millions of tokens, gone with the process.

mod home;
mod kept;
mod shard;
mod table;
mod verbs;
mod watch;

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::task::Poll;

use async_trait::async_trait;

use self::verbs::Tokens;
use super::{
    Finding, Found, Inserted, IssuingStore, NewSession, Rotated, RotatingStore, Rotation, Slot,
    StoreError, TokenStore, Touch, Watch, WatchedStore,
};
use crate::clock::Timestamp;
use crate::token::{SessionId, Subject, TokenDigest, TokenRecord};

/// Tokens in this process's memory. Clones are cheap and share the same tokens, so the layer and
/// the login handler see each other's. All tokens are lost when the process ends.
///
/// The principal is the [`Subject`]; see [`WithPrincipals`](super::WithPrincipals) for your own.
///
/// Look-ups wait for nobody but a writer to the same one of 1,024 shards, which holds it for one pass
/// over its table at most, and that only when it grows. A token with a subject and a label of 20 bytes
/// together takes some 230 bytes.
#[derive(Clone, Default)]
pub struct MemoryStore {
    tokens: Arc<Tokens>,
}

impl MemoryStore {
    /// A store without any token.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many tokens are kept, dead ones that are not purged yet among them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether no token is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("len", &self.len())
            .finish()
    }
}

#[async_trait]
impl TokenStore for MemoryStore {
    type Principal = Subject;

    async fn find(&self, digest: &TokenDigest) -> Finding<Subject> {
        Ok(self.tokens.find(digest).map(|kept| Found::of(kept)))
    }

    fn find_now(&self, digest: &TokenDigest) -> Option<Finding<Subject>> {
        Some(Ok(self.tokens.find(digest).map(|kept| Found::of(kept))))
    }

    async fn extend(&self, touches: &[Touch]) -> Result<(), StoreError> {
        for touch in touches {
            self.tokens.extend(touch);
        }
        Ok(())
    }
}

#[async_trait]
impl IssuingStore for MemoryStore {
    async fn insert(&self, new: NewSession, slot: Slot) -> Result<Inserted, StoreError> {
        Ok(self.tokens.insert(new, slot))
    }

    async fn remove(&self, digest: &TokenDigest) -> Result<bool, StoreError> {
        Ok(self.tokens.remove(digest))
    }

    async fn remove_session(
        &self,
        subject: &Subject,
        session: &SessionId,
    ) -> Result<u64, StoreError> {
        Ok(self
            .tokens
            .remove_where(subject, |record| record.session() == session))
    }

    async fn remove_subject(
        &self,
        subject: &Subject,
        but: Option<&SessionId>,
    ) -> Result<u64, StoreError> {
        Ok(self
            .tokens
            .remove_where(subject, |record| Some(record.session()) != but))
    }

    async fn list(&self, subject: &Subject) -> Result<Vec<TokenRecord>, StoreError> {
        Ok(self.tokens.list(subject))
    }

    async fn purge(&self, ended_by: Timestamp, most: NonZeroUsize) -> Result<usize, StoreError> {
        let mut purged = 0;
        for shard in self.tokens.purge_order() {
            purged += self
                .tokens
                .purge_shard(shard, ended_by, most.get() - purged);
            if purged == most.get() {
                break;
            }
            yield_now().await;
        }
        Ok(purged)
    }
}

#[async_trait]
impl RotatingStore for MemoryStore {
    async fn rotate(&self, rotation: Rotation) -> Result<Rotated, StoreError> {
        Ok(self.tokens.rotate(rotation))
    }
}

/// For a service that is tested with this store and runs with another behind a cache.
#[async_trait]
impl WatchedStore for MemoryStore {
    async fn watch(&self) -> Result<Box<dyn Watch>, StoreError> {
        Ok(self.tokens.watch())
    }
}

/// Lets the executor run something else, whichever it is.
async fn yield_now() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::kept::Kept;

    #[test]
    fn a_kept_token_takes_one_allocation_of_152_bytes_beside_its_texts() {
        assert!(
            size_of::<Kept>() + 2 * size_of::<usize>() <= 152,
            "{}",
            size_of::<Kept>()
        );
    }
}
