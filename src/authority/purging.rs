//! A purge that a task repeats.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::TokenAuthority;
use crate::store::{IssuingStore, StoreError};

const BATCH: NonZeroUsize = NonZeroUsize::new(1_000).expect("is not zero");
const PAUSE: Duration = Duration::from_millis(100);
const SHORTEST_PERIOD: Duration = Duration::from_secs(1);
const LONGEST_PERIOD: Duration = Duration::from_secs(366 * 86_400);

/// A purge that is repeated: made by [`TokenAuthority::purge_every`]. It goes on when this is
/// dropped, as long as its runtime.
#[derive(Debug)]
pub struct Purging {
    state: Arc<State>,
    task: JoinHandle<()>,
}

/// What a repeated purge has done so far.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct PurgeReport {
    /// How often it ran to its end.
    pub runs: u64,
    /// How many records it removed.
    pub removed: u64,
    /// How often the store could not say. What was removed by then is gone, the rest is tried
    /// again next time.
    pub failures: u64,
    /// Why, if the last one failed.
    pub last_error: Option<StoreError>,
}

#[derive(Debug, Default)]
struct State {
    stop: Notify,
    report: Mutex<PurgeReport>,
}

impl<S: IssuingStore> TokenAuthority<S> {
    /// Purges once a period (of a second to a year), as [`purge`](Self::purge) does but in batches
    /// of 1,000 records with pauses of 100 ms between, so that requests hardly notice. The first
    /// purge comes after a random part of the period and each further one up to a tenth earlier or
    /// later, so that the nodes of a service don't all purge at once.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tower_expiring_token::{Lifetime, MemoryStore, TokenAuthority};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let tokens = TokenAuthority::builder(MemoryStore::new()).expiry(Lifetime::hours(24)).build()?;
    /// let purging = tokens.purge_every(Duration::from_secs(600));
    /// // …
    /// purging.stop().await;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with its timer, as `tokio::spawn` does.
    pub fn purge_every(&self, period: Duration) -> Purging {
        let state = Arc::<State>::default();
        let task = purge_every(
            self.clone(),
            period.clamp(SHORTEST_PERIOD, LONGEST_PERIOD),
            Arc::clone(&state),
        );
        Purging {
            state,
            task: tokio::spawn(task),
        }
    }
}

impl Purging {
    /// What it has done so far.
    #[must_use]
    pub fn report(&self) -> PurgeReport {
        self.state.report().clone()
    }

    /// Ends it, when the batch that is under way is done. What it has done.
    pub async fn stop(self) -> PurgeReport {
        self.state.stop.notify_one();
        // It fails where the runtime has ended, and the task with it.
        let _ = self.task.await;
        self.state.report().clone()
    }
}

impl State {
    fn report(&self) -> MutexGuard<'_, PurgeReport> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what came of a batch. Whether another is due now.
    fn note(&self, purged: Result<usize, StoreError>) -> bool {
        let mut report = self.report();
        match purged {
            Ok(batch) => {
                report.removed += batch as u64;
                if batch >= BATCH.get() {
                    return true;
                }
                report.runs += 1;
                report.last_error = None;
            }
            Err(error) => {
                report.failures += 1;
                report.last_error = Some(error);
            }
        }
        false
    }

    /// Whether it is to stop, at the latest after so long.
    async fn stops_within(&self, pause: Duration) -> bool {
        timeout(pause, self.stop.notified()).await.is_ok()
    }
}

async fn purge_every<S: IssuingStore>(
    tokens: TokenAuthority<S>,
    period: Duration,
    state: Arc<State>,
) {
    let mut pause = period.mul_f64(random());
    while !state.stops_within(pause).await {
        if purge(&tokens, &state).await {
            return;
        }
        pause = period.mul_f64(0.9 + 0.2 * random());
    }
}

/// Whether it is to stop.
async fn purge<S: IssuingStore>(tokens: &TokenAuthority<S>, state: &State) -> bool {
    let ended_by = tokens.purge_end();
    while state.note(tokens.purge_batch(ended_by, BATCH).await) {
        if state.stops_within(PAUSE).await {
            return true;
        }
    }
    false
}

/// At least 0, less than 1.
fn random() -> f64 {
    getrandom::u32().map_or(0.5, |random| {
        f64::from(random) / (f64::from(u32::MAX) + 1.0)
    })
}
