//! The memory store under threads, and with tokens of foreign forms.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use tower_expiring_token::{
    Change, Found, IssuingStore, MemoryStore, Slot, Subject, TokenDigest, TokenStore, TokenTimes,
    Touch, WatchedStore,
};

use crate::support::tokens::{ADD, at, foreign, hour, login, own, session};

const FEW: NonZeroUsize = NonZeroUsize::new(3).expect("is not zero");
const MANY: NonZeroUsize = NonZeroUsize::new(1_000).expect("is not zero");

fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread();
    { runtime }.build().unwrap().block_on(future)
}

fn find(store: &MemoryStore, digest: &TokenDigest) -> Option<Found<Subject>> {
    store.find_now(digest).unwrap().unwrap()
}

fn insert(store: &MemoryStore, digest: TokenDigest, subject: &str, number: u64, times: TokenTimes) {
    wait(store.insert(login(digest, subject, number, times), ADD)).unwrap();
}

#[test]
fn clones_share_their_tokens() {
    let store = MemoryStore::new();
    insert(&store.clone(), own("alice", 1), "alice", 1, hour());
    assert_eq!(store.len(), 1);
    assert!(find(&store, &own("alice", 1)).is_some());
    assert!(wait(store.remove(&own("alice", 1))).unwrap());
    assert!(find(&store.clone(), &own("alice", 1)).is_none());
    assert!(store.is_empty());
}

#[test]
fn a_foreign_token_that_is_taken_over_twice_is_its_last_subjects_alone() {
    let store = MemoryStore::new();
    for number in 0..64 {
        insert(&store, foreign(number), "alice", number, hour());
        insert(&store, foreign(number), "bob", number, hour());
    }
    let alice = Subject::new("alice");
    assert_eq!(wait(store.list(&alice)).unwrap(), []);
    assert_eq!(wait(store.remove_subject(&alice, None)).unwrap(), 0);
    let bob = Subject::new("bob");
    assert_eq!(wait(store.list(&bob)).unwrap().len(), 64);
    assert_eq!(wait(store.remove_subject(&bob, None)).unwrap(), 64);
    assert!(store.is_empty());
}

#[test]
fn a_purge_that_removes_fewer_than_it_may_leaves_none_also_beside_another() {
    let store = MemoryStore::new();
    for round in 0..20 {
        for number in 0..300 {
            insert(
                &store,
                foreign(number),
                "alice",
                number,
                TokenTimes::fixed(at(0), at(1)),
            );
        }
        wait(async {
            // The two take turns; the first has had enough while the second is under way.
            let enough = NonZeroUsize::new(1 + round).unwrap();
            let purges = (store.purge(at(1), enough), store.purge(at(1), MANY));
            let (first, second) = tokio::join!(purges.0, purges.1);
            assert_eq!(first.unwrap() + second.unwrap(), 300);
        });
        assert!(store.is_empty());
    }
}

#[test]
fn purges_of_many_threads_leave_none_when_one_removes_fewer_than_it_may() {
    let store = MemoryStore::new();
    // All in one shard, so that the threads meet.
    let crowd: Vec<TokenDigest> = (0..2_000).map(|number| own("alice", number)).collect();
    for _ in 0..10 {
        for (number, digest) in (0..).zip(&crowd) {
            insert(
                &store,
                *digest,
                "alice",
                number,
                TokenTimes::fixed(at(0), at(1)),
            );
        }
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while wait(store.purge(at(1), FEW)).unwrap() == FEW.get() {}
                    assert_eq!(store.len(), 0);
                });
            }
        });
    }
}

#[test]
fn threads_that_insert_find_remove_and_purge_do_not_disturb_each_other() {
    const EACH: u64 = 2_000;
    let store = MemoryStore::new();
    let at_work = AtomicBool::new(true);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..4_u64)
            .map(|worker| {
                let store = store.clone();
                scope.spawn(move || {
                    let subject = format!("subject {worker}");
                    for number in worker * EACH..(worker + 1) * EACH {
                        let digest = match number % 2 {
                            0 => own(&subject, number),
                            _ => foreign(number),
                        };
                        let ends_at = if number % 5 == 0 { at(1) } else { at(100) };
                        insert(
                            &store,
                            digest,
                            &subject,
                            number,
                            TokenTimes::fixed(at(0), ends_at),
                        );
                        let there = find(&store, &digest).is_some();
                        assert!(there || number % 5 == 0, "{number}");
                        if number % 3 == 0 {
                            let removed = wait(store.remove(&digest)).unwrap();
                            assert!(removed || number % 5 == 0, "{number}");
                            assert!(find(&store, &digest).is_none());
                        }
                    }
                    let left = wait(store.list(&Subject::new(&subject))).unwrap();
                    let live = left.iter().filter(|record| record.times().ends_at > at(1));
                    let kept =
                        (worker * EACH..(worker + 1) * EACH).filter(|n| n % 3 != 0 && n % 5 != 0);
                    assert_eq!(live.count(), kept.count());
                })
            })
            .collect();
        scope.spawn(|| {
            while at_work.load(Ordering::Relaxed) {
                wait(store.purge(at(1), MANY)).unwrap();
            }
        });
        let done: Vec<_> = workers
            .into_iter()
            .map(thread::ScopedJoinHandle::join)
            .collect();
        at_work.store(false, Ordering::Relaxed);
        done.into_iter().for_each(|worker| worker.unwrap());
    });
    while wait(store.purge(at(1), MANY)).unwrap() == MANY.get() {}
    assert_eq!(
        store.len(),
        (0..4 * EACH).filter(|n| n % 3 != 0 && n % 5 != 0).count()
    );
}

#[test]
fn no_token_outlives_a_removal_of_its_subject_that_came_after_it() {
    const EACH: u64 = 3_000;
    let store = MemoryStore::new();
    let inserted: Vec<AtomicU64> = (0..3).map(|_| AtomicU64::new(0)).collect();
    let digest = |worker: u64, number: u64| match number % 2 {
        0 => own("alice", worker * EACH + number),
        _ => foreign(worker * EACH + number),
    };
    thread::scope(|scope| {
        for (worker, count) in (0_u64..).zip(&inserted) {
            let store = store.clone();
            scope.spawn(move || {
                for number in 0..EACH {
                    insert(
                        &store,
                        digest(worker, number),
                        "alice",
                        worker * EACH + number,
                        hour(),
                    );
                    count.store(number + 1, Ordering::SeqCst);
                }
            });
        }
        let mut seen = [0; 3];
        while seen != [EACH; 3] {
            let acknowledged: Vec<u64> = inserted
                .iter()
                .map(|count| count.load(Ordering::SeqCst))
                .collect();
            wait(store.remove_subject(&Subject::new("alice"), None)).unwrap();
            for (worker, count) in (0_u64..).zip(acknowledged) {
                for number in seen[worker as usize]..count {
                    assert!(
                        find(&store, &digest(worker, number)).is_none(),
                        "{worker} {number}"
                    );
                }
                seen[worker as usize] = count;
            }
        }
    });
    assert!(store.is_empty());
}

#[test]
fn a_watch_that_nobody_reads_is_told_to_forget_all_and_takes_no_more_memory() {
    let store = MemoryStore::new();
    let mut watch = wait(store.watch()).unwrap();
    assert_eq!(wait(watch.next()), Change::Connected);
    let again = |number| {
        insert(&store, own("alice", number), "alice", number, hour());
        assert!(wait(store.remove(&own("alice", number))).unwrap());
        own("alice", number)
    };
    let told: Vec<TokenDigest> = (0..4_096).map(again).collect();
    assert_eq!(wait(watch.next()), Change::Removed(told));
    (0..5_000).map(again).for_each(drop);
    assert_eq!(wait(watch.next()), Change::Lost);
    assert_eq!(wait(watch.next()), Change::Connected);
    let after = Change::Removed(vec![again(1)]);
    assert_eq!(wait(watch.next()), after);
}

#[test]
fn a_limit_holds_under_eight_threads() {
    let store = MemoryStore::new();
    let alice = Subject::new("alice");
    let slot = Slot {
        limit: Some(FEW),
        ..ADD
    };
    let at_work = AtomicU64::new(8);
    thread::scope(|scope| {
        for worker in 0_u64..8 {
            let (store, at_work) = (&store, &at_work);
            scope.spawn(move || {
                for number in worker * 500..(worker + 1) * 500 {
                    let digest = if number.is_multiple_of(2) {
                        own("alice", number)
                    } else {
                        foreign(number)
                    };
                    let new = login(digest, "alice", number, hour());
                    wait(store.insert(new, slot)).unwrap();
                }
                at_work.fetch_sub(1, Ordering::Relaxed);
            });
        }
        while at_work.load(Ordering::Relaxed) > 0 {
            let live = wait(store.list(&alice)).unwrap().len();
            assert!(live <= 3, "{live} live sessions at a limit of 3");
        }
    });
    assert_eq!(wait(store.list(&alice)).unwrap().len(), 3);
    assert_eq!(store.len(), 3);
}

#[test]
fn a_purge_beside_touches_takes_the_ended_alone_and_loses_no_touch() {
    let store = MemoryStore::new();
    let sliding = |ends_at| TokenTimes {
        expires_at: at(10),
        ..TokenTimes::fixed(at(0), ends_at)
    };
    let ended = |number: u64| number.is_multiple_of(2);
    for number in 0..1_000 {
        let ends_at = if ended(number) { at(100) } else { at(200) };
        insert(
            &store,
            own("alice", number),
            "alice",
            number,
            sliding(ends_at),
        );
    }
    thread::scope(|scope| {
        scope.spawn(|| while wait(store.purge(at(100), FEW)).unwrap() == FEW.get() {});
        scope.spawn(|| {
            for used in 1..9 {
                for number in 0..1_000 {
                    let touch = Touch {
                        digest: own("alice", number),
                        used_at: at(used),
                        expires_at: at(300),
                    };
                    wait(store.extend(&[touch])).unwrap();
                }
            }
        });
    });
    for number in 0..1_000 {
        let found = find(&store, &own("alice", number));
        assert_eq!(found.is_none(), ended(number), "{number}");
        if let Some(found) = found {
            let times = found.record().times();
            assert_eq!((times.last_used_at, times.expires_at), (at(8), at(200)));
            assert_eq!(found.record().session(), &session(number));
        }
    }
}
