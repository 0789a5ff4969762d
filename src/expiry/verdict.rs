use super::{Bound, ExpiryPolicy, Rule};
use crate::clock::Timestamp;
use crate::token::TokenTimes;

/// What the times of a token say at an instant, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it lives: `now` is before the bound.
    pub live: bool,
    /// Where it ends (or ended) unless it is used, and by which rule.
    pub bound: Bound,
    /// Where a use now moves its stored end, if that is due to be written down.
    pub touch: Option<Timestamp>,
}

/// Judges a token by its own times and its kind's policy, whichever ends it earlier.
///
/// A life is half-open: at its end instant a token is dead. A clock that went back, or another
/// node's that is ahead, never kills: what was issued or used in the future simply lives longer.
#[inline]
#[must_use]
pub fn judge(policy: &dyn ExpiryPolicy, times: &TokenTimes, now: Timestamp) -> Verdict {
    let record = Bound {
        at: times.expires_at.min(times.ends_at),
        rule: Rule::Record,
    };
    let bound = policy.bound(times).or_earlier(record);
    let live = now < bound.at;
    let due = live && now >= times.last_used_at + policy.write_interval();
    let touch = due.then(|| {
        policy
            .bound(&TokenTimes {
                last_used_at: now,
                ..*times
            })
            .at
            .min(times.ends_at)
    });
    Verdict { live, bound, touch }
}
