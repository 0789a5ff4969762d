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
