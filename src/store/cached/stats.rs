use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// What a [`Cached`](super::Cached) has done since it was made, and how it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheStats {
    /// Look-ups that were answered from memory.
    pub hits: u64,
    /// Look-ups that waited for another one of the same token.
    pub joined: u64,
    /// Look-ups that the store was asked for, to be kept.
    pub loads: u64,
    /// Look-ups that were passed on to the store, since the channel was not connected.
    pub passed: u64,
    /// Look-ups of the store that are under way, to be kept.
    pub loading: usize,
    /// How many tokens are kept and may be answered with.
    pub entries: usize,
    /// For how many there is room.
    pub capacity: usize,
    /// For how long one is kept at most. Zero: the cache is off.
    pub staleness: Duration,
    /// Whether the store tells what is removed. While it does not, nothing is kept.
    pub is_connected: bool,
    /// How often the channel was lost.
    pub losses: u64,
}

impl CacheStats {
    /// The share of look-ups that the store was not asked for, from 0 to 1. None before the
    /// first one.
    #[must_use]
    pub fn hit_rate(&self) -> Option<f64> {
        let spared = self.hits + self.joined;
        let all = spared + self.loads + self.passed;
        (all > 0).then(|| spared as f64 / all as f64)
    }
}

const STRIPES: usize = 64;

/// A count to which many threads add all the time, each in a line of memory that is its own.
/// Where there are more threads than lines, some of what two of them add at once may be lost.
pub(super) struct Count([Stripe; STRIPES]);

#[derive(Default)]
#[repr(align(64))]
struct Stripe(AtomicU64);

impl Count {
    pub(super) fn add_one(&self) {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            static STRIPE: usize = THREADS.fetch_add(1, Ordering::Relaxed) % STRIPES;
        }
        // None only while the thread ends.
        if let Ok(stripe) = STRIPE.try_with(|stripe| *stripe) {
            let Stripe(count) = &self.0[stripe];
            count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        }
    }

    pub(super) fn sum(&self) -> u64 {
        self.0
            .iter()
            .map(|Stripe(count)| count.load(Ordering::Relaxed))
            .sum()
    }
}

impl Default for Count {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Stripe::default()))
    }
}
