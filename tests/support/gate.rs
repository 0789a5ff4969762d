//! A store whose look-ups wait until they are let through.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tower_expiring_token::{Finding, StoreError, TokenDigest, TokenStore, Touch, async_trait};

/// Another store behind a gate. Clones share the gate.
#[derive(Clone)]
pub(crate) struct Gated<S> {
    store: S,
    gate: Arc<Semaphore>,
}

impl<S> Gated<S> {
    pub(crate) fn new(store: S) -> Self {
        Self {
            store,
            gate: Arc::new(Semaphore::new(0)),
        }
    }

    /// Lets one look-up through, also one that comes later.
    pub(crate) fn open(&self) {
        self.gate.add_permits(1);
    }
}

#[async_trait]
impl<S: TokenStore> TokenStore for Gated<S> {
    type Principal = S::Principal;

    async fn find(&self, digest: &TokenDigest) -> Finding<S::Principal> {
        let permit = self.gate.acquire().await.map_err(StoreError::new)?;
        permit.forget();
        self.store.find(digest).await
    }

    async fn extend(&self, touches: &[Touch]) -> Result<(), StoreError> {
        self.store.extend(touches).await
    }
}
