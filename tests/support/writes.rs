//! A store whose writes are seen, fail or never end, and whose answers may come late.

use std::sync::{Arc, Mutex};

use tokio::sync::Semaphore;
use tower_expiring_token::{
    Finding, MemoryStore, StoreError, Subject, TokenDigest, TokenStore, Touch, async_trait,
};

/// The memory store, asked by `find`. Clones share all.
#[derive(Clone)]
pub(crate) struct Writes {
    pub(crate) memory: MemoryStore,
    state: Arc<Mutex<State>>,
    late: Arc<Semaphore>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    Works,
    Fails,
    NeverEnds,
}

struct State {
    manner: Manner,
    late: bool,
    written: Vec<Vec<Touch>>,
}

impl Writes {
    pub(crate) fn new() -> Self {
        Self {
            memory: MemoryStore::new(),
            state: Arc::new(Mutex::new(State {
                manner: Manner::Works,
                late: false,
                written: Vec::new(),
            })),
            late: Arc::new(Semaphore::new(0)),
        }
    }

    /// How it writes from now on.
    pub(crate) fn be(&self, manner: Manner) {
        self.state.lock().unwrap().manner = manner;
    }

    /// The touches that were written since this was last asked, call by call.
    pub(crate) fn written(&self) -> Vec<Vec<Touch>> {
        std::mem::take(&mut self.state.lock().unwrap().written)
    }

    /// From now on an answer waits for a call of [`answer`](Self::answer).
    pub(crate) fn answer_late(&self) {
        self.state.lock().unwrap().late = true;
    }

    pub(crate) fn answer(&self) {
        self.late.add_permits(1);
    }
}

#[async_trait]
impl TokenStore for Writes {
    type Principal = Subject;

    async fn find(&self, digest: &TokenDigest) -> Finding<Subject> {
        let found = self.memory.find(digest).await;
        let late = self.state.lock().unwrap().late;
        if late {
            self.late.acquire().await.unwrap().forget();
        }
        found
    }

    async fn extend(&self, touches: &[Touch]) -> Result<(), StoreError> {
        let manner = self.state.lock().unwrap().manner;
        match manner {
            Manner::Works => {
                self.state.lock().unwrap().written.push(touches.to_vec());
                self.memory.extend(touches).await
            }
            Manner::Fails => Err(StoreError::new("the disk is full")),
            Manner::NeverEnds => std::future::pending().await,
        }
    }
}
