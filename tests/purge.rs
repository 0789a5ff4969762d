//! A purge that a task repeats: in batches, with pauses, until it is stopped.

use std::time::Duration;

use tokio::time::sleep;
use tower_expiring_token::testing::{FaultyStore, ManualClock};
use tower_expiring_token::{Lifetime, MemoryStore, TokenAuthority};

type Tokens = TokenAuthority<FaultyStore<MemoryStore>>;

const PERIOD: Duration = Duration::from_secs(600);
const HOUR: Duration = Duration::from_secs(3_600);

struct Kept {
    tokens: Tokens,
    store: FaultyStore<MemoryStore>,
    memory: MemoryStore,
    clock: ManualClock,
}

impl Kept {
    fn new() -> Self {
        let (memory, clock) = (MemoryStore::new(), ManualClock::default());
        let store = FaultyStore::new(memory.clone());
        let tokens = TokenAuthority::builder(store.clone())
            .expiry(Lifetime::hours(1))
            .retention(HOUR)
            .clock(clock.clone())
            .build()
            .unwrap();
        Self {
            tokens,
            store,
            memory,
            clock,
        }
    }

    async fn issue(&self, tokens: usize) {
        for _ in 0..tokens {
            self.tokens.issue("alice").await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_purge_that_is_asked_for_takes_all_that_has_ended_in_however_many_steps() {
    let kept = Kept::new();
    kept.issue(10_001).await;
    kept.clock.advance(3 * HOUR);
    assert_eq!(kept.tokens.purge().await.unwrap(), 10_001);
    assert!(kept.memory.is_empty());
}

/// Long enough for one more purge, and not for two.
async fn a_period() {
    sleep(PERIOD.mul_f64(1.11)).await;
}

#[tokio::test(start_paused = true)]
async fn a_purge_comes_each_period_and_takes_what_is_dead_for_the_retention() {
    let kept = Kept::new();
    kept.issue(3).await;
    kept.clock.advance(HOUR);
    kept.issue(2).await;
    let purging = kept.tokens.purge_every(PERIOD);
    a_period().await;
    assert_eq!(kept.memory.len(), 5, "dead, but not for long");
    kept.clock.advance(HOUR);
    a_period().await;
    assert_eq!(kept.memory.len(), 2);
    kept.clock.advance(HOUR);
    a_period().await;
    assert_eq!(kept.memory.len(), 0);
    let report = purging.report();
    assert_eq!((report.removed, report.failures), (5, 0));
    assert!((3..=4).contains(&report.runs), "{report:?}");
}

#[tokio::test(start_paused = true)]
async fn a_purge_is_done_in_batches_with_pauses() {
    let kept = Kept::new();
    kept.issue(2_500).await;
    kept.clock.advance(3 * HOUR);
    let purging = kept.tokens.purge_every(PERIOD);
    let mut seen = Vec::new();
    while !kept.memory.is_empty() {
        sleep(Duration::from_millis(10)).await;
        if seen.last() != Some(&kept.memory.len()) {
            seen.push(kept.memory.len());
        }
    }
    assert_eq!(seen, [2_500, 1_500, 500, 0]);
    assert_eq!(purging.report().runs, 1);
}

#[tokio::test(start_paused = true)]
async fn a_purge_that_failed_is_tried_again_the_next_time() {
    let kept = Kept::new();
    kept.issue(3).await;
    kept.clock.advance(3 * HOUR);
    kept.store.fail();
    let purging = kept.tokens.purge_every(PERIOD);
    a_period().await;
    let report = purging.report();
    assert!(report.failures > 0 && report.runs == 0, "{report:?}");
    assert!(report.last_error.is_some());
    kept.store.heal();
    a_period().await;
    let report = purging.report();
    assert_eq!((report.removed, kept.memory.len()), (3, 0));
    assert!(report.last_error.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_purge_that_was_stopped_comes_no_more() {
    let kept = Kept::new();
    kept.issue(1_500).await;
    kept.clock.advance(3 * HOUR);
    let purging = kept.tokens.purge_every(PERIOD);
    while kept.memory.len() == 1_500 {
        sleep(Duration::from_millis(10)).await;
    }
    let report = purging.stop().await;
    assert_eq!((report.removed, report.runs), (1_000, 0), "in its pause");
    a_period().await;
    a_period().await;
    assert_eq!(kept.memory.len(), 500);
}

#[tokio::test(start_paused = true)]
async fn a_purge_goes_on_when_its_handle_is_dropped() {
    let kept = Kept::new();
    kept.issue(3).await;
    kept.clock.advance(3 * HOUR);
    drop(kept.tokens.purge_every(PERIOD));
    a_period().await;
    assert!(kept.memory.is_empty());
}

#[tokio::test(start_paused = true)]
async fn nodes_that_start_together_do_not_purge_together() {
    let kept = Kept::new();
    let nodes: Vec<_> = (0..20).map(|_| kept.tokens.purge_every(PERIOD)).collect();
    let early = |purging: &&tower_expiring_token::Purging| purging.report().runs > 0;
    sleep(PERIOD / 2).await;
    let half = nodes.iter().filter(early).count();
    assert!((1..20).contains(&half), "{half} of 20 in half a period");
    sleep(PERIOD / 2).await;
    assert_eq!(nodes.iter().filter(early).count(), 20);
}

#[tokio::test(start_paused = true)]
async fn no_period_is_too_short_or_too_long() {
    let kept = Kept::new();
    let (short, long) = (
        kept.tokens.purge_every(Duration::ZERO),
        kept.tokens.purge_every(Duration::MAX),
    );
    sleep(Duration::from_secs(60)).await;
    let runs = short.report().runs;
    assert!((50..=70).contains(&runs), "{runs} in a minute");
    long.stop().await;
}
