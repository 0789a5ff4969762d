//! Look-ups beside a purge of half of all tokens, in a store that a server keeps.

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::join;
use tokio::runtime::Runtime;
use tower_expiring_token::{IssuingStore, Timestamp, TokenDigest};

use crate::callers::together;
use crate::quantile::quantile;
use crate::table::{Budget, Table, number};

const CALLERS: u64 = 8;
/// As a repeated purge has it.
const BATCH: NonZeroUsize = NonZeroUsize::new(1_000).expect("is not zero");
const PAUSE: Duration = Duration::from_millis(100);
/// How long look-ups go on alone.
const ALONE: Duration = Duration::from_secs(5);

/// How long look-ups of tokens that last take while those that ended before `dead` are purged, and
/// otherwise.
pub(crate) fn measure<S: IssuingStore + Clone>(
    store_name: &str,
    runtime: &Runtime,
    store: &S,
    lasting: &Arc<[TokenDigest]>,
    dead: Timestamp,
) -> (Table, Budget) {
    let alone = async { tokio::time::sleep(ALONE).await };
    let ((), before) = runtime.block_on(beside(store, lasting, alone));
    let (removed, meanwhile) = runtime.block_on(beside(store, lasting, purge(store, dead)));
    let head = ["", "p50, µs", "p99, µs", "p99.9, µs", "worst, µs"];
    let removed = number(removed as f64, 0);
    let title =
        format!("{store_name}: a look-up of {CALLERS} at once while {removed} tokens are purged");
    let mut table = Table::new(title, &head);
    for (name, nanos) in [("before", &before), ("meanwhile", &meanwhile)] {
        let [p50, p99, p999, worst] =
            [0.5, 0.99, 0.999, 1.0].map(|part| number(quantile(nanos, part) / 1e3, 1));
        table.row([name.to_owned(), p50, p99, p999, worst]);
    }
    let lifted = quantile(&meanwhile, 0.99) / quantile(&before, 0.99);
    let name = "p99 of look-ups during a purge beside before";
    (table, Budget::most(name, lifted, [2.0, 2.0], 2))
}

async fn purge(store: &impl IssuingStore, dead: Timestamp) -> usize {
    let mut removed = 0;
    loop {
        let batch = store.purge(dead, BATCH).await;
        let batch = batch.expect("the server takes it");
        removed += batch;
        if batch < BATCH.get() {
            return removed;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// What `work` gives, and the nanoseconds of each look-up until it was done, in order.
async fn beside<S: IssuingStore + Clone, T>(
    store: &S,
    digests: &Arc<[TokenDigest]>,
    work: impl Future<Output = T>,
) -> (T, Vec<f64>) {
    let done = Arc::new(AtomicBool::new(false));
    let all = Arc::new(Mutex::new(Vec::new()));
    let look_up = |store: S, caller: u64| {
        let (digests, all, done) = (Arc::clone(digests), Arc::clone(&all), Arc::clone(&done));
        async move {
            let mut nanos = Vec::new();
            for digest in digests.iter().cycle().skip(caller as usize * 10_000) {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                let begun = Instant::now();
                black_box(store.find(digest).await.expect("it answers"));
                nanos.push(begun.elapsed().as_nanos() as f64);
            }
            all.lock().expect("nobody panics").append(&mut nanos);
        }
    };
    let worked = async {
        let worked = work.await;
        done.store(true, Ordering::Relaxed);
        worked
    };
    let (worked, ()) = join(worked, together(CALLERS, look_up, store)).await;
    let mut nanos = std::mem::take(&mut *all.lock().expect("nobody panics"));
    nanos.sort_unstable_by(f64::total_cmp);
    (worked, nanos)
}
