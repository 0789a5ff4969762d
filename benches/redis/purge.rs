use std::hint::black_box;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tower_expiring_token::{IssuingStore, RedisStore, TokenStore};

use super::{digests, together};
use crate::quantile::quantile;
use crate::table::{Budget, Table, number};
use crate::tokens::{DAY, now};

const CALLERS: u64 = 8;
/// As a repeated purge has it.
const BATCH: NonZeroUsize = NonZeroUsize::new(1_000).expect("is not zero");
const PAUSE: Duration = Duration::from_millis(100);

/// How long look-ups take while half of all tokens are purged, and otherwise.
pub(super) fn measure(runtime: &Runtime, store: &RedisStore) -> (Table, Budget) {
    let done = Arc::new(AtomicBool::new(false));
    let before = runtime.block_on(async {
        let look_ups = tokio::spawn(look_ups(store.clone(), Arc::clone(&done)));
        tokio::time::sleep(Duration::from_secs(5)).await;
        done.store(true, Ordering::Relaxed);
        look_ups.await.expect("they go well")
    });
    done.store(false, Ordering::Relaxed);
    let (removed, meanwhile) = runtime.block_on(async {
        let look_ups = tokio::spawn(look_ups(store.clone(), Arc::clone(&done)));
        let removed = purge(store).await;
        done.store(true, Ordering::Relaxed);
        (removed, look_ups.await.expect("they go well"))
    });
    let head = ["", "p50, µs", "p99, µs", "p99.9, µs", "worst, µs"];
    let removed = number(removed as f64, 0);
    let title = format!("Redis: a look-up of {CALLERS} at once while {removed} tokens are purged");
    let mut table = Table::new(title, &head);
    for (name, nanos) in [("before", &before), ("meanwhile", &meanwhile)] {
        let [p50, p99, p999, worst] =
            [0.5, 0.99, 0.999, 1.0].map(|part| number(quantile(nanos, part) / 1e3, 1));
        table.row([name.to_owned(), p50, p99, p999, worst]);
    }
    let lifted = quantile(&meanwhile, 0.99) / quantile(&before, 0.99);
    let name = "Redis, p99 of look-ups during a purge beside before";
    (table, Budget::most(name, lifted, [2.0, 2.0], 2))
}

async fn purge(store: &RedisStore) -> usize {
    let mut removed = 0;
    loop {
        let batch = store.purge(now() + 2 * DAY, BATCH).await;
        let batch = batch.expect("the server takes it");
        removed += batch;
        if batch < BATCH.get() {
            return removed;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The nanoseconds of each until it is done, in order.
async fn look_ups(store: RedisStore, done: Arc<AtomicBool>) -> Vec<f64> {
    let digests = digests(100_000, 1);
    let all = Arc::new(Mutex::new(Vec::new()));
    let look_up = |store: RedisStore, caller: u64| {
        let (digests, all, done) = (Arc::clone(&digests), Arc::clone(&all), Arc::clone(&done));
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
    together(CALLERS, look_up, &store).await;
    let mut nanos = std::mem::take(&mut *all.lock().expect("nobody panics"));
    nanos.sort_unstable_by(f64::total_cmp);
    nanos
}
