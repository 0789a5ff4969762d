use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::OnceCell;

use super::set::{Entry, Load, Set, WAYS};
use super::stats::Count;
use crate::clock::{Clock, SystemClock, Timestamp, monotonic};
use crate::store::{Finding, Found};
use crate::token::{Subject, TokenDigest, TokenRecord};

/// The clock is read to the kernel's tick, which may be so old: as much less is kept.
const TICK: Duration = Duration::from_millis(10);

/// After how long without a sign of it the task that listens counts as asleep: its thread is busy
/// with something else, or its runtime is not driven.
const LONGEST_SLEEP: Duration = Duration::from_millis(800);

/// What was found of late, and what is being looked up.
///
/// An entry is good in the era in which its load began. Eras are odd while the channel is whole
/// and even while it is not, so that then none is good. A load is spoilt, which means that it is
/// not kept and nobody joins it any more, when its token is forgotten, when an era begins, and
/// when a subject is forgotten, whosever token it may bring. Nobody joins one that is older than
/// an answer may be.
pub(super) struct Cache<P> {
    sets: Box<[Set<P>]>,
    /// Whose entry is in which place, so that those of a subject are found without any lock.
    owners: Box<[AtomicU32]>,
    era: AtomicU32,
    /// Until when it is trusted that the task which listens runs, by the clock that never goes back.
    awake_until: AtomicU64,
    spoils: AtomicU64,
    fresh_for: u64,
    pub(super) hits: Count,
    pub(super) loads: AtomicU64,
    pub(super) joined: AtomicU64,
    pub(super) passed: AtomicU64,
    pub(super) losses: AtomicU64,
}

/// When a load begins.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    monotonic: u64,
    now: Timestamp,
}

/// What a look-up comes to that found nothing at once.
pub(super) enum Turn<'a, P> {
    /// There is an entry by now.
    Found(Found<P>),
    /// A place among those who wait for a load.
    Load(Seat<'a, P>),
    /// The channel is not whole: the store answers everybody for himself.
    Pass,
}

/// One who waits for a load. He leaves when this is dropped.
pub(super) struct Seat<'a, P> {
    cache: &'a Cache<P>,
    digest: TokenDigest,
    load: Arc<Load<P>>,
}

impl<P: Send + Sync + 'static> Cache<P> {
    pub(super) fn new(staleness: Duration, entries: usize) -> Self {
        let sets = entries.div_ceil(WAYS).max(1);
        let fresh_for = staleness.saturating_sub(TICK).as_micros();
        Self {
            sets: (0..sets).map(|_| Set::default()).collect(),
            owners: (0..sets * WAYS).map(|_| AtomicU32::new(0)).collect(),
            era: AtomicU32::new(0),
            awake_until: AtomicU64::new(0),
            spoils: AtomicU64::new(0),
            fresh_for: u64::try_from(fresh_for).unwrap_or(u64::MAX),
            hits: Count::default(),
            loads: AtomicU64::new(0),
            joined: AtomicU64::new(0),
            passed: AtomicU64::new(0),
            losses: AtomicU64::new(0),
        }
    }

    pub(super) fn get(&self, digest: &TokenDigest) -> Option<Found<P>> {
        let now = monotonic();
        let era = self.era(now);
        let found = self.sets[self.set_of(digest)].get(digest, |entry| entry.is_good(era, now))?;
        self.hits.add_one();
        Some(found)
    }

    /// For whom [`get`](Self::get) had nothing.
    pub(super) fn turn(&self, digest: &TokenDigest) -> Turn<'_, P> {
        let began = monotonic();
        let mut places = self.sets[self.set_of(digest)].write();
        let (era, spoils) = (self.era(began), self.spoils());
        if era.is_multiple_of(2) {
            self.passed.fetch_add(1, Ordering::Relaxed);
            return Turn::Pass;
        }
        let good = places
            .entry(digest)
            .filter(|entry| entry.is_good(era, began));
        if let Some(entry) = good {
            return Turn::Found(entry.found.clone());
        }
        let young = |load: &Load<P>| began.saturating_sub(load.began) < self.fresh_for;
        let whole = |load: &Load<P>| (load.era, load.spoils) == (era, spoils) && young(load);
        let (load, joined) = places.sit(digest, whole, || Load {
            era,
            spoils,
            began,
            answer: OnceCell::new(),
        });
        let counter = if joined { &self.joined } else { &self.loads };
        counter.fetch_add(1, Ordering::Relaxed);
        Turn::Load(Seat {
            cache: self,
            digest: *digest,
            load,
        })
    }

    /// Forgets a token. Afterwards nobody is told what was found before.
    pub(super) fn forget(&self, digest: &TokenDigest) {
        self.sets[self.set_of(digest)].write().forget(digest);
    }

    /// Forgets all tokens of a subject.
    pub(super) fn forget_subject(&self, subject: &Subject) {
        self.spoils.fetch_add(1, Ordering::SeqCst);
        let owner = owner(subject);
        for (set, owners) in self.sets.iter().zip(self.owners.chunks(WAYS)) {
            if owners
                .iter()
                .any(|known| known.load(Ordering::SeqCst) == owner)
            {
                let others = |entry: &Entry<P>| entry.found.record().subject() != subject;
                set.write().retain(others);
            }
        }
    }

    /// Forgets all tokens whose record is not `wanted`.
    pub(super) fn retain(&self, wanted: impl Fn(&TokenRecord) -> bool) {
        self.spoils.fetch_add(1, Ordering::SeqCst);
        let wanted = |entry: &Entry<P>| wanted(entry.found.record());
        for set in &self.sets {
            if !set.read().entries().all(wanted) {
                set.write().retain(wanted);
            }
        }
    }

    /// From here on each change is told: what was found before is good for nothing.
    pub(super) fn begin(&self) {
        self.next_era(|era| if era.is_multiple_of(2) { 1 } else { 2 });
    }

    /// Changes may not be told from here on.
    pub(super) fn end(&self) {
        let ended = self.next_era(|era| era % 2);
        self.losses
            .fetch_add(u64::from(ended % 2), Ordering::Relaxed);
    }

    /// The task runs. Where it did not for too long, what was told meanwhile is still to be heard:
    /// what was found before is good for nothing.
    pub(super) fn beat(&self) {
        let now = monotonic();
        if now >= self.awake_until.load(Ordering::SeqCst) {
            self.next_era(|era| if era.is_multiple_of(2) { 0 } else { 2 });
        }
        let until = now.saturating_add(LONGEST_SLEEP.as_micros() as u64);
        self.awake_until.store(until, Ordering::SeqCst);
    }

    pub(super) fn is_on(&self) -> bool {
        !self.era(monotonic()).is_multiple_of(2)
    }

    /// How many entries are good.
    pub(super) fn len(&self) -> usize {
        let now = monotonic();
        let era = self.era(now);
        let good = |set: &Set<P>| {
            set.read()
                .entries()
                .filter(|entry| entry.is_good(era, now))
                .count()
        };
        self.sets.iter().map(good).sum()
    }

    pub(super) fn loading(&self) -> usize {
        self.sets.iter().map(|set| set.read().loading()).sum()
    }

    pub(super) const fn capacity(&self) -> usize {
        self.owners.len()
    }

    /// Which one was before.
    fn next_era(&self, step: impl Fn(u32) -> u32) -> u32 {
        let next = |era: u32| Some(era.wrapping_add(step(era)));
        let before = self
            .era
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, next);
        before.unwrap_or_else(|era| era)
    }

    /// The era; the even one before while nobody knows whether changes are heard of. Whoever lets it
    /// begin anew counts first and says then that he is awake, so it is read in the other order.
    fn era(&self, now: u64) -> u32 {
        let is_awake = now < self.awake_until.load(Ordering::SeqCst);
        let era = self.era.load(Ordering::SeqCst);
        if is_awake { era } else { era & !1 }
    }

    fn spoils(&self) -> u64 {
        self.spoils.load(Ordering::SeqCst)
    }
}

impl<P> Cache<P> {
    /// By the last bytes: the first are the route, which all tokens of a subject share.
    fn set_of(&self, digest: &TokenDigest) -> usize {
        let [.., a, b, c, d] = *digest.as_bytes();
        let hash = u64::from(u32::from_be_bytes([a, b, c, d]));
        ((hash * self.sets.len() as u64) >> 32) as usize
    }
}

impl<P> Entry<P> {
    fn is_good(&self, era: u32, now: u64) -> bool {
        self.era == era && now < self.fresh_until
    }
}

impl Moment {
    pub(super) fn now() -> Self {
        Self {
            monotonic: monotonic(),
            now: SystemClock.now(),
        }
    }
}

// === impl Seat ===

impl<P: Send + Sync + 'static> Seat<'_, P> {
    pub(super) fn answer(&self) -> &OnceCell<Finding<P>> {
        &self.load.answer
    }

    /// The load is made: keeps what came of it, unless it was spoilt meanwhile.
    pub(super) fn keep(&self, finding: &Finding<P>, began: Moment) {
        let cache = self.cache;
        let index = cache.set_of(&self.digest);
        let mut places = cache.sets[index].write();
        let now = monotonic();
        let (era, load_era) = (cache.era(now), self.load.era);
        let spoilt = !places.finish(&self.digest, &self.load) || era != load_era;
        let Ok(Some(found)) = finding else { return };
        let record = found.record();
        // Who is suspended may be let in again, and a refresh token opens nothing.
        if spoilt || found.principal().is_none() || record.generation().is_some() {
            return;
        }
        let times = record.times();
        let left = times.expires_at.min(times.ends_at).since(began.now);
        let left = u64::try_from(left.as_micros()).unwrap_or(u64::MAX);
        let entry = Entry {
            digest: self.digest,
            found: found.clone(),
            fresh_until: began.monotonic.saturating_add(left.min(cache.fresh_for)),
            era,
            used: AtomicBool::new(false),
        };
        let place = places.put(entry, |entry| entry.is_good(era, now));
        cache.owners[index * WAYS + place].store(owner(record.subject()), Ordering::SeqCst);
        // Whoever forgets a subject counts first and looks for its entries then. Either he finds
        // this one, or it is seen here that he has counted.
        if cache.spoils() != self.load.spoils {
            places.forget(&self.digest);
        }
    }
}

impl<P> Drop for Seat<'_, P> {
    fn drop(&mut self) {
        let set = &self.cache.sets[self.cache.set_of(&self.digest)];
        set.write().leave(&self.digest, &self.load);
    }
}

fn owner(subject: &Subject) -> u32 {
    subject.route_and_tag().1
}
