use std::hint::black_box;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tokio::runtime::Builder;
use tower_expiring_token::{IssuingStore, MemoryStore, TokenDigest, TokenStore};

use super::{filled, lasting};
use crate::processors::Processors;
use crate::quantile::{median, quantile};
use crate::table::{Budget, Table, number};
use crate::tokens::{DAY, now};
use crate::{child, time};

const TIMES: usize = 5;
const DIGESTS: u64 = 100_000;
/// As `TokenAuthority::purge` has it: the pauses of a repeated purge would hide what it costs.
const BATCH: NonZeroUsize = NonZeroUsize::new(10_000).expect("is not zero");
const PARTS: [f64; 4] = [0.5, 0.99, 0.9999, 1.0];

/// How long reads of what lasts take while another thread purges half of all, and before.
pub(super) fn measure(tokens: u64) -> (Table, Budget) {
    let times = [(); TIMES].map(|()| {
        eprintln!("purging memory");
        child::apart(|| beside_purge(tokens))
    });
    let of = |column: usize| median(times.map(|time| time[column]).to_vec());
    let title = format!(
        "Memory: a read while {} tokens are purged: medians of {TIMES} times",
        number(tokens as f64 / 2.0, 0)
    );
    let head = ["", "p50, µs", "p99, µs", "p99.99, µs", "worst, µs"];
    let mut table = Table::new(title, &head);
    for (name, first) in [("before", 0), ("meanwhile", PARTS.len())] {
        let cell = |column: usize| number(of(first + column), 2);
        table.row([name.to_owned(), cell(0), cell(1), cell(2), cell(3)]);
    }
    let what = "memory: p99.99 of a read during a purge, µs";
    let p9999 = of(PARTS.len() + 2);
    (table, Budget::most(what, p9999, [100.0, 45.0], 1))
}

/// The parts before and meanwhile, in microseconds.
fn beside_purge(tokens: u64) -> [f64; 2 * PARTS.len()] {
    let store = filled(tokens);
    let digests = lasting(tokens, DIGESTS);
    let processors = Processors::here();
    processors.one(0).stay();
    let before = reads(&store, &digests, |done| done == 5 * digests.len());
    let purged = AtomicBool::new(false);
    let meanwhile = thread::scope(|scope| {
        scope.spawn(|| {
            processors.one(1).stay();
            let removed = purge(&store);
            purged.store(true, Ordering::Relaxed);
            assert_eq!(removed as u64, tokens / 2, "every second token had ended");
        });
        reads(&store, &digests, |_| purged.load(Ordering::Relaxed))
    });
    let mut parts = [before, meanwhile]
        .into_iter()
        .flat_map(|nanos| PARTS.map(|part| quantile(&nanos, part) / 1e3));
    [(); 2 * PARTS.len()].map(|()| parts.next().expect("each has all parts"))
}

fn purge(store: &MemoryStore) -> usize {
    let runtime = Builder::new_current_thread().build();
    runtime.expect("a runtime can be had").block_on(async {
        let mut removed = 0;
        loop {
            let batch = store.purge(now() + 2 * DAY, BATCH).await;
            let batch = batch.expect("memory can say");
            removed += batch;
            if batch < BATCH.get() {
                return removed;
            }
        }
    })
}

/// The nanoseconds of each until it is done, in order.
fn reads(store: &MemoryStore, digests: &[TokenDigest], done: impl Fn(usize) -> bool) -> Vec<f64> {
    let mut nanos = Vec::new();
    for digest in digests.iter().cycle() {
        if done(nanos.len()) {
            break;
        }
        nanos.push(time::once(|| drop(black_box(store.find_now(digest)))));
    }
    nanos.sort_unstable_by(f64::total_cmp);
    nanos
}
