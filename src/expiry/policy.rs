use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::token::TokenTimes;

/// When tokens of a kind end. [`Lifetime`](super::Lifetime) is the one that most need; implement
/// this for a rule of your own.
///
/// A policy never reads the time and never does I/O. The verdict on a token is the earlier of
/// what its record says and what its kind's policy says today, so a stricter policy bites at
/// once, also on tokens that were issued before it.
///
/// ```
/// use std::time::Duration;
/// use tower_expiring_token::{Bound, ExpiryPolicy, Rule, Timestamp, TokenTimes};
///
/// /// Everybody is logged out at midnight (UTC).
/// struct Midnight;
///
/// impl ExpiryPolicy for Midnight {
///     fn bound(&self, times: &TokenTimes) -> Bound {
///         const DAY: i64 = 86_400_000_000;
///         let days = times.issued_at.as_micros().div_euclid(DAY) + 1;
///         Bound { at: Timestamp::from_micros(days * DAY), rule: Rule::Other("midnight") }
///     }
/// }
/// ```
pub trait ExpiryPolicy: Send + Sync + 'static {
    /// The instant at which a token with these times ends if it is not used again, and the rule
    /// that says so. `expires_at` and `ends_at` are the record's own and judged beside this.
    fn bound(&self, times: &TokenTimes) -> Bound;

    /// The latest instant to which use can ever move that end: what is written as `ends_at` at
    /// issue. By default use moves nothing.
    fn cap(&self, times: &TokenTimes) -> Timestamp {
        self.bound(times).at
    }

    /// How long a use may go unwritten. A token's last use, and an end that use moves, are at
    /// most this much behind.
    fn write_interval(&self) -> Duration {
        Duration::from_secs(60)
    }

    /// What makes the policy unusable, as a sentence that says what was expected, what was found
    /// and what to do. The authority refuses to be built with it.
    ///
    /// # Errors
    ///
    /// That sentence.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

/// When a token ends, and why then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The first instant at which it is dead.
    pub at: Timestamp,
    /// The rule that says so.
    pub rule: Rule,
}

/// The rule that ends a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// The life of its kind.
    Life,
    /// It was not used for too long.
    Idle,
    /// A shorter life of its own, or what its record has said since its issue.
    Record,
    /// A rule of your own policy.
    Other(&'static str),
}

macro_rules! pointer {
    ($pointer:ident) => {
        impl<T: ExpiryPolicy + ?Sized> ExpiryPolicy for $pointer<T> {
            fn bound(&self, times: &TokenTimes) -> Bound {
                (**self).bound(times)
            }

            fn cap(&self, times: &TokenTimes) -> Timestamp {
                (**self).cap(times)
            }

            fn write_interval(&self) -> Duration {
                (**self).write_interval()
            }

            fn check(&self) -> Result<(), String> {
                (**self).check()
            }
        }
    };
}

pointer!(Arc);
pointer!(Box);

// === impl Bound ===

impl Bound {
    /// The earlier of the two; this one, if they are equal.
    #[must_use]
    pub fn or_earlier(self, other: Self) -> Self {
        if other.at < self.at { other } else { self }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Life => "the life of its kind",
            Self::Idle => "its idle time",
            Self::Record => "its own end",
            Self::Other(name) => name,
        })
    }
}
