//! Who writes a use down: of many requests at once with one token, one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::Timestamp;
use crate::token::TokenDigest;

const PLACES: usize = 4096;
/// They tell ages below 34 years; the rest of a mark tells tokens apart.
const MILLIS_BITS: u32 = 40;
const MILLIS: u64 = (1 << MILLIS_BITS) - 1;

/// The touches of the last interval. Each token has one place, which it may share with others:
/// a token that loses its place is merely written once more.
pub(super) struct Touches(Box<[AtomicU64]>);

/// The right to write one use down. Given up, when it is dropped before it was [`used`](Self::used).
pub(super) struct Claim {
    touches: Arc<Touches>,
    place: usize,
    mark: u64,
}

impl Default for Touches {
    fn default() -> Self {
        Self((0..PLACES).map(|_| AtomicU64::new(0)).collect())
    }
}

impl Touches {
    /// None, when another request has written this token's use within the interval, or does so now.
    pub(super) fn claim(
        self: &Arc<Self>,
        digest: &TokenDigest,
        now: Timestamp,
        interval: Duration,
    ) -> Option<Claim> {
        let [_, _, _, _, _, _, place, more, tag @ ..] = digest.as_bytes();
        let place = usize::from(u16::from_be_bytes([*place, *more])) % PLACES;
        let tag = tag[..3]
            .iter()
            .fold(0, |tag, byte| tag << 8 | u64::from(*byte));
        let millis = millis(now);
        let mark = tag << MILLIS_BITS | millis;
        let seen = self.0[place].load(Ordering::Relaxed);
        let age = millis.wrapping_sub(seen) & MILLIS;
        if seen >> MILLIS_BITS == tag && u128::from(age) < interval.as_millis() {
            return None;
        }
        self.0[place]
            .compare_exchange(seen, mark, Ordering::Relaxed, Ordering::Relaxed)
            .ok()?;
        Some(Claim {
            touches: Arc::clone(self),
            place,
            mark,
        })
    }
}

fn millis(at: Timestamp) -> u64 {
    (at.as_micros() / 1000) as u64 & MILLIS
}

impl Claim {
    pub(super) fn used(mut self) {
        self.mark = 0;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.mark != 0 {
            let place = &self.touches.0[self.place];
            let _ = place.compare_exchange(self.mark, 0, Ordering::Relaxed, Ordering::Relaxed);
        }
    }
}
