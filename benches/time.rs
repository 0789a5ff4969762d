//! The least time that some work takes, of many rounds that take turns with other work's.

use std::time::Instant;

/// The least nanoseconds of one turn of each, over so many rounds. Rounds take turns, so that
/// what else the machine does falls on all alike.
pub(crate) fn least(rounds: usize, works: &mut [&mut dyn FnMut()]) -> Vec<f64> {
    let mut least = vec![f64::INFINITY; works.len()];
    for _ in 0..rounds {
        for (work, least) in works.iter_mut().zip(&mut least) {
            *least = least.min(once(work));
        }
    }
    least
}

/// The nanoseconds of doing it once.
pub(crate) fn once(mut work: impl FnMut()) -> f64 {
    let begun = Instant::now();
    work();
    begun.elapsed().as_nanos() as f64
}
