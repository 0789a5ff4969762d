use std::hint::black_box;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tower_expiring_token::{IssuingStore, TokenDigest, TokenStore};

use super::{File, digests, runtime};
use crate::quantile::quantile;
use crate::table::{Budget, Table, number};
use crate::tokens::{DAY, now};

const LOOK_UPS: u64 = 200_000;
/// As a repeated purge has it.
const BATCH: NonZeroUsize = NonZeroUsize::new(1_000).expect("is not zero");
const PAUSE: Duration = Duration::from_millis(100);

/// How long look-ups take while half of all tokens are purged, and otherwise.
pub(super) fn measure(file: &File) -> (Table, Budget) {
    let digests = digests(3, LOOK_UPS);
    let before = look_ups(file, &digests, |done| done == LOOK_UPS);
    let purged = AtomicBool::new(false);
    let (removed, beside) = thread::scope(|scope| {
        let purge = scope.spawn(|| {
            let removed = runtime().block_on(purge(file));
            purged.store(true, Ordering::Relaxed);
            removed
        });
        let beside = look_ups(file, &digests, |_| purged.load(Ordering::Relaxed));
        (purge.join().expect("the purge is done"), beside)
    });
    let head = ["", "p50, µs", "p99, µs", "p99.9, µs", "worst, µs"];
    let title = format!("SQLite: a look-up while {removed} tokens are purged");
    let mut table = Table::new(title, &head);
    for (name, nanos) in [("before", &before), ("meanwhile", &beside)] {
        let [p50, p99, p999, worst] =
            [0.5, 0.99, 0.999, 1.0].map(|part| number(quantile(nanos, part) / 1e3, 1));
        table.row([name.to_owned(), p50, p99, p999, worst]);
    }
    let lifted = quantile(&beside, 0.99) / quantile(&before, 0.99);
    let name = "SQLite, p99 of look-ups during a purge beside before";
    (table, Budget::most(name, lifted, [2.0, 2.0], 2))
}

async fn purge(file: &File) -> usize {
    let mut removed = 0;
    loop {
        let batch = file.store.purge(now() + 2 * DAY, BATCH).await;
        let batch = batch.expect("the disk takes it");
        removed += batch;
        if batch < BATCH.get() {
            return removed;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The nanoseconds of each, in order.
fn look_ups(file: &File, digests: &[TokenDigest], done: impl Fn(u64) -> bool) -> Vec<f64> {
    let mut nanos = Vec::new();
    runtime().block_on(async {
        for digest in digests.iter().cycle() {
            if done(nanos.len() as u64) {
                break;
            }
            let begun = Instant::now();
            black_box(file.store.find(digest).await.expect("it answers"));
            nanos.push(begun.elapsed().as_nanos() as f64);
        }
    });
    nanos.sort_unstable_by(f64::total_cmp);
    nanos
}
