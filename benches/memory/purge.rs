use std::hint::black_box;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tokio::runtime::Builder;
use tower_expiring_token::{IssuingStore, MemoryStore, TokenDigest, TokenStore, Touch};

use super::{filled, lasting};
use crate::processors::Processors;
use crate::quantile::{median, quantile};
use crate::table::{Budget, Table, number};
use crate::tokens::{DAY, now};
use crate::{case, child, time};

const TIMES: usize = 5;
const DIGESTS: u64 = 100_000;
/// As `TokenAuthority::purge` has it: the pauses of a repeated purge would hide what it costs.
const BATCH: NonZeroUsize = NonZeroUsize::new(10_000).expect("is not zero");
const PARTS: [f64; 4] = [0.5, 0.99, 0.9999, 1.0];

/// How long reads and uses of what lasts take while another thread purges half of all, and before.
pub(super) fn measure(tokens: u64) -> (Table, Budget) {
    let times = [(); TIMES].map(|()| {
        eprintln!("purging memory");
        child::apart(|| beside_purge(tokens))
    });
    let of = |column: usize| median(times.map(|time| time[column]).to_vec());
    let title = format!(
        "Memory: while {} tokens are purged: medians of {TIMES} times",
        number(tokens as f64 / 2.0, 0)
    );
    let head = ["", "p50, µs", "p99, µs", "p99.99, µs", "worst, µs"];
    let mut table = Table::new(title, &head);
    let names = [
        "a read before",
        "a use before",
        "a read meanwhile",
        "a use meanwhile",
    ];
    for (index, name) in names.into_iter().enumerate() {
        let cell = |column: usize| number(of(index * PARTS.len() + column), 2);
        table.row([name.to_owned(), cell(0), cell(1), cell(2), cell(3)]);
    }
    let what = "memory: p99.99 of a read during a purge, µs";
    let p9999 = of(2 * PARTS.len() + 2);
    (table, Budget::most(what, p9999, [100.0, 45.0], 1))
}

/// The parts of reads and uses before, and of both meanwhile, in microseconds.
fn beside_purge(tokens: u64) -> [f64; 4 * PARTS.len()] {
    let store = filled(tokens);
    let digests = lasting(tokens, DIGESTS);
    let processors = Processors::here();
    processors.one(0).stay();
    let [reads, uses] = calls(&store, &digests, |done| done == 5 * digests.len());
    let purged = AtomicBool::new(false);
    let [reads_meanwhile, uses_meanwhile] = thread::scope(|scope| {
        scope.spawn(|| {
            processors.one(1).stay();
            let removed = purge(&store);
            purged.store(true, Ordering::Relaxed);
            assert_eq!(removed as u64, tokens / 2, "every second token had ended");
        });
        calls(&store, &digests, |_| purged.load(Ordering::Relaxed))
    });
    let mut parts = [reads, uses, reads_meanwhile, uses_meanwhile]
        .into_iter()
        .flat_map(|nanos| PARTS.map(|part| quantile(&nanos, part) / 1e3));
    [(); 4 * PARTS.len()].map(|()| parts.next().expect("each has all parts"))
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

/// The nanoseconds of each read and of each use until it is done, in order.
fn calls(
    store: &MemoryStore,
    digests: &[TokenDigest],
    done: impl Fn(usize) -> bool,
) -> [Vec<f64>; 2] {
    let [mut reads, mut uses] = [Vec::new(), Vec::new()];
    // Another one than is read, or the read would have brought it near.
    let used = digests.iter().rev().cycle();
    for ((digest, &used), number) in digests.iter().cycle().zip(used).zip(1..) {
        if done(reads.len()) {
            break;
        }
        let touch = Touch {
            digest: used,
            used_at: now() + Duration::from_micros(number),
            expires_at: now() + 3 * DAY,
        };
        reads.push(time::once(|| drop(black_box(store.find_now(digest)))));
        uses.push(time::once(|| {
            case::now(store.extend(&[touch])).expect("memory takes it");
        }));
    }
    [reads, uses].map(|mut nanos| {
        nanos.sort_unstable_by(f64::total_cmp);
        nanos
    })
}
