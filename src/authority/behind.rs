//! Uses that are written behind the requests, by a task that starts itself.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::sleep;

use super::authenticate::DueTouch;
use super::{Kind, Shared, TokenAuthority};
use crate::clock::Timestamp;
use crate::store::{StoreError, TokenStore, Touch};
use crate::token::{TokenDigest, TokenTimes};

/// More tokens than this with a use unwritten: the uses of further ones are not written.
const MOST: usize = 65_536;
/// Touches to one call of the store.
const BATCH: usize = 256;
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);
/// How long a call of the store is waited for, before its uses are tried again.
const PATIENCE: Duration = Duration::from_secs(10);

/// The uses that are not written yet, at most one entry a token.
pub(super) struct Behind {
    uses: Mutex<Uses>,
    /// Batches are written by one writer at a time: the task, or a shutdown.
    writing: tokio::sync::Mutex<()>,
    pause: Duration,
}

#[derive(Default)]
struct Uses {
    /// In the order of digests, which is the order in which batches are written.
    of: BTreeMap<TokenDigest, Use>,
    /// Lives as long as the task, which may end with its runtime.
    task: Weak<()>,
}

#[derive(Clone, Copy)]
struct Use {
    /// The first use that is not written, and where the record said then that the token ends.
    first: Timestamp,
    ends: Timestamp,
    /// The newest one, and where it moves that end.
    last: Timestamp,
    moved: Timestamp,
    /// It is kept a little longer, for look-ups that began before it was written.
    written: bool,
}

impl<S: TokenStore> TokenAuthority<S> {
    /// Writes down all uses that are not written yet: call it when the service shuts down, after
    /// its last request. Without [`touch_behind`](super::AuthorityBuilder::touch_behind) there
    /// are none. Call it in a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't say; those that are left can be written by another
    /// call.
    pub async fn shutdown(&self) -> Result<(), StoreError> {
        match &self.shared.behind {
            Some(behind) => behind.write(&self.shared.store).await,
            None => Ok(()),
        }
    }

    /// The times of a token with its unwritten uses, if there are any.
    pub(super) fn with_unwritten(
        &self,
        digest: &TokenDigest,
        times: &TokenTimes,
    ) -> Option<TokenTimes> {
        let behind = self.shared.behind.as_ref()?;
        let uses = behind.uses();
        Some(uses.of.get(digest)?.applied_to(*times))
    }

    /// Takes a touch over. None when that is done; the touch, when the request is to write it
    /// itself: touches are inline here, or there is no runtime for a task.
    pub(super) fn leave_behind(&self, due: DueTouch, ends: Timestamp) -> Option<DueTouch> {
        let Some(behind) = &self.shared.behind else {
            return Some(due);
        };
        let mut uses = behind.uses();
        if uses.task.strong_count() == 0 {
            let Ok(runtime) = Handle::try_current() else {
                return Some(due);
            };
            let life = Arc::new(());
            uses.task = Arc::downgrade(&life);
            runtime.spawn(write_behind(Arc::clone(&self.shared), life));
        }
        if uses.keep(&due.touch, ends) {
            due.claim.used();
        }
        None
    }
}

// === impl Behind ===

impl Behind {
    pub(super) fn new(kinds: &[Kind]) -> Self {
        let intervals = kinds.iter().map(|kind| kind.policy.write_interval());
        let shortest = intervals.min().unwrap_or(LONGEST_PAUSE);
        Self {
            uses: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
            pause: shortest.clamp(SHORTEST_PAUSE, LONGEST_PAUSE),
        }
    }

    fn uses(&self) -> MutexGuard<'_, Uses> {
        self.uses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what is unwritten now. What can't be written stays, and what comes meanwhile waits
    /// for the next time.
    async fn write(&self, store: &impl TokenStore) -> Result<(), StoreError> {
        let _alone = self.writing.lock().await;
        let unwritten: Vec<(TokenDigest, Use)> = {
            let uses = self.uses();
            let unwritten = uses.of.iter().filter(|(_, used)| !used.written);
            unwritten.map(|(digest, used)| (*digest, *used)).collect()
        };
        for batch in unwritten.chunks(BATCH) {
            let bridges: Vec<Touch> = batch.iter().filter_map(bridge).collect();
            if !bridges.is_empty() {
                in_time(store.extend(&bridges)).await?;
            }
            let touches: Vec<Touch> = batch.iter().map(newest).collect();
            in_time(store.extend(&touches)).await?;
            self.uses().note_written(batch);
        }
        Ok(())
    }
}

/// A write that never ends must not keep all others from beginning.
async fn in_time(write: impl Future<Output = Result<(), StoreError>>) -> Result<(), StoreError> {
    let written = tokio::time::timeout(PATIENCE, write).await;
    written.unwrap_or_else(|late| Err(StoreError::new(late)))
}

fn newest((digest, used): &(TokenDigest, Use)) -> Touch {
    Touch {
        digest: *digest,
        used_at: used.last,
        expires_at: used.moved,
    }
}

/// A token that was used all the time while nothing could be written has ended by its record
/// before its newest use, which moves nothing then. Its first unwritten use is from before that.
fn bridge((digest, used): &(TokenDigest, Use)) -> Option<Touch> {
    (used.last >= used.ends).then_some(Touch {
        digest: *digest,
        used_at: used.first,
        expires_at: used.moved,
    })
}

// === impl Uses ===

impl Uses {
    /// Whether there was room.
    fn keep(&mut self, touch: &Touch, ends: Timestamp) -> bool {
        let new = Use {
            first: touch.used_at,
            ends,
            last: touch.used_at,
            moved: touch.expires_at,
            written: false,
        };
        let full = self.of.len() >= MOST;
        match self.of.entry(touch.digest) {
            Entry::Occupied(mut entry) if entry.get().written => drop(entry.insert(new)),
            Entry::Occupied(mut entry) => {
                let used = entry.get_mut();
                used.last = used.last.max(new.last);
                used.moved = used.moved.max(new.moved);
            }
            Entry::Vacant(_) if full => return false,
            Entry::Vacant(entry) => drop(entry.insert(new)),
        }
        true
    }

    fn note_written(&mut self, batch: &[(TokenDigest, Use)]) {
        for (digest, written) in batch {
            if let Some(used) = self.of.get_mut(digest) {
                used.written = (used.last, used.moved) == (written.last, written.moved);
                used.first = written.last;
                used.ends = written.moved;
            }
        }
    }
}

impl Use {
    fn applied_to(&self, times: TokenTimes) -> TokenTimes {
        times
            .extended(self.first, self.moved)
            .extended(self.last, self.moved)
    }
}

/// The task: writes now and then, until there is nothing left to write or nobody to write it for.
async fn write_behind<S: TokenStore>(shared: Arc<Shared<S>>, _life: Arc<()>) {
    let Some(behind) = &shared.behind else { return };
    loop {
        sleep(behind.pause).await;
        behind.uses().of.retain(|_, used| !used.written);
        let wrote = behind.write(&shared.store).await;
        let abandoned = wrote.is_err() && Arc::strong_count(&shared) == 1;
        let mut uses = behind.uses();
        if uses.of.is_empty() || abandoned {
            uses.task = Weak::new();
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST, Uses};
    use crate::clock::Timestamp;
    use crate::store::Touch;
    use crate::token::TokenDigest;

    fn touch(number: usize, used_at: i64) -> Touch {
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&number.to_be_bytes());
        Touch {
            digest: TokenDigest::from_bytes(digest),
            used_at: Timestamp::from_micros(used_at),
            expires_at: Timestamp::MAX,
        }
    }

    #[test]
    fn uses_of_so_many_tokens_are_kept_and_newer_ones_of_the_same_take_no_room() {
        let mut uses = Uses::default();
        let mut keep = |number, at| uses.keep(&touch(number, at), Timestamp::MAX);
        assert!((0..MOST).all(|number| keep(number, 1)));
        assert!(!keep(MOST, 1), "it is full");
        assert!((0..MOST).all(|number| keep(number, 2)));
        assert_eq!(uses.of.len(), MOST);
        let newest = Timestamp::from_micros(2);
        assert!(uses.of.values().all(|used| used.last == newest));
    }
}
