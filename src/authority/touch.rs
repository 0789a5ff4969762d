//! Who writes a use down: of many requests at once with one token, one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::Timestamp;
use crate::token::TokenDigest;

const PLACES: usize = 4096;

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
        let [
            _,
            _,
            _,
            _,
            _,
            _,
            a,
            b,
            tag @ ..,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
        ] = *digest.as_bytes();
        let tag: [u8; 4] = tag;
        let place = usize::from(u16::from_be_bytes([a, b])) % PLACES;
        let millis = millis(now);
        let mark = u64::from(u32::from_be_bytes(tag)) << 32 | u64::from(millis);
        let seen = self.0[place].load(Ordering::Relaxed);
        let age = millis.wrapping_sub(seen as u32);
        if seen >> 32 == mark >> 32 && u128::from(age) < interval.as_millis() {
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

/// The low bits are enough to tell ages below 49 days.
fn millis(at: Timestamp) -> u32 {
    (at.as_micros() / 1000) as u32
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
