use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

use super::Shared;
use super::cache::Cache;
use crate::store::{Change, WatchedStore};

const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How often it is seen that the task runs.
const BEAT: Duration = Duration::from_millis(300);

/// Starts the task that listens to the store, unless there is one. Without a runtime there is
/// none, and everything is asked of the store.
pub(super) fn start<S: WatchedStore>(shared: &Arc<Shared<S>>) {
    let mut task = shared.task.lock().unwrap_or_else(PoisonError::into_inner);
    if task.as_ref().is_some_and(|task| !task.is_finished()) {
        return;
    }
    if let Ok(runtime) = Handle::try_current() {
        let listening = listen(Arc::downgrade(shared));
        *task = Some(runtime.spawn(listening).abort_handle());
    }
}

/// The task. It holds nothing that would keep the store alive, unless it is just connecting.
async fn listen<S: WatchedStore>(shared: Weak<Shared<S>>) {
    let deaf = Deaf(shared);
    let mut pause = SHORTEST_PAUSE;
    while let Some(shared) = deaf.0.upgrade() {
        let watch = shared.store.watch().await;
        drop(shared);
        let Ok(mut watch) = watch else {
            sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
            continue;
        };
        loop {
            let change = timeout(BEAT, watch.next()).await;
            let Some(shared) = deaf.0.upgrade() else {
                return;
            };
            shared.cache.beat();
            if let Ok(change) = change {
                shared.cache.hear(&change);
            }
        }
    }
}

/// Ends the cache's era when the task ends, whichever way: nobody listens any more.
struct Deaf<S: WatchedStore>(Weak<Shared<S>>);

impl<S: WatchedStore> Drop for Deaf<S> {
    fn drop(&mut self) {
        if let Some(shared) = self.0.upgrade() {
            shared.cache.end();
        }
    }
}

impl<P: Send + Sync + 'static> Cache<P> {
    fn hear(&self, change: &Change) {
        match change {
            Change::Connected => self.begin(),
            Change::Removed(digests) => digests.iter().for_each(|digest| self.forget(digest)),
            Change::Lost => self.end(),
        }
    }
}
