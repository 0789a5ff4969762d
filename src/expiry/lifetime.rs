use std::time::Duration;

use super::{Bound, ExpiryPolicy, Rule};
use crate::clock::Timestamp;
use crate::token::TokenTimes;

/// A life, and by choice an idle time within it.
///
/// ```
/// use std::time::Duration;
/// use tower_expiring_token::Lifetime;
///
/// let day = Lifetime::hours(24);
/// // Dies after 30 minutes without use, after 24 hours however much it is used.
/// let sliding = Lifetime::hours(24).idle(Duration::from_secs(30 * 60));
/// ```
///
/// With an idle time, use is written down once an interval, so an idle token dies between `idle`
/// less the interval and `idle` after its last use, never later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    life: Duration,
    idle: Option<Duration>,
    write_interval: Option<Duration>,
}

/// What is wrong with a lifetime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    NoLife,
    NoIdle,
    IdleBeyondLife { idle: Duration, life: Duration },
    IntervalBeyondIdle { interval: Duration, idle: Duration },
}

impl Lifetime {
    /// A life of this length, counted from issue.
    #[must_use]
    pub const fn new(life: Duration) -> Self {
        Self {
            life,
            idle: None,
            write_interval: None,
        }
    }

    /// A life of this many minutes.
    #[must_use]
    pub const fn minutes(minutes: u32) -> Self {
        Self::new(Duration::from_secs(minutes as u64 * 60))
    }

    /// A life of this many hours.
    #[must_use]
    pub const fn hours(hours: u32) -> Self {
        Self::new(Duration::from_secs(hours as u64 * 3600))
    }

    /// A life of this many days of 24 hours.
    #[must_use]
    pub const fn days(days: u32) -> Self {
        Self::new(Duration::from_secs(days as u64 * 86_400))
    }

    /// Ends a token that is not used for this long. The life stays the cap.
    #[must_use]
    pub const fn idle(mut self, idle: Duration) -> Self {
        self.idle = Some(idle);
        self
    }

    /// How long a use may go unwritten, instead of 60 seconds or a tenth of the idle time,
    /// whichever is smaller.
    #[must_use]
    pub const fn write_every(mut self, interval: Duration) -> Self {
        self.write_interval = Some(interval);
        self
    }

    fn fault(&self) -> Option<Fault> {
        if self.life < MICROSECOND {
            return Some(Fault::NoLife);
        }
        let idle = self.idle?;
        let interval = self.write_interval();
        if idle < MICROSECOND {
            Some(Fault::NoIdle)
        } else if idle > self.life {
            Some(Fault::IdleBeyondLife {
                idle,
                life: self.life,
            })
        } else if interval >= idle {
            Some(Fault::IntervalBeyondIdle { interval, idle })
        } else {
            None
        }
    }
}

const MICROSECOND: Duration = Duration::from_micros(1);
const WRITE_INTERVAL: Duration = Duration::from_secs(60);

impl ExpiryPolicy for Lifetime {
    fn bound(&self, times: &TokenTimes) -> Bound {
        let life = Bound {
            at: self.cap(times),
            rule: Rule::Life,
        };
        match self.idle {
            None => life,
            Some(idle) => life.or_earlier(Bound {
                at: times.last_used_at + idle,
                rule: Rule::Idle,
            }),
        }
    }

    fn cap(&self, times: &TokenTimes) -> Timestamp {
        times.issued_at + self.life
    }

    fn write_interval(&self) -> Duration {
        self.write_interval.unwrap_or_else(|| match self.idle {
            None => WRITE_INTERVAL,
            Some(idle) => WRITE_INTERVAL.min(idle / 10),
        })
    }

    fn check(&self) -> Result<(), String> {
        match self.fault() {
            None => Ok(()),
            Some(fault) => Err(fault.to_string()),
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoLife => f.write_str(
                "expected a life of a microsecond or more, found none; name one, such as Lifetime::hours(24)",
            ),
            Self::NoIdle => f.write_str(
                "expected an idle time of a microsecond or more, found none; leave `.idle(..)` out for tokens that only their life ends",
            ),
            Self::IdleBeyondLife { idle, life } => write!(
                f,
                "expected an idle time within the life of {life:?}, found {idle:?}; shorten it or lengthen the life"
            ),
            Self::IntervalBeyondIdle { interval, idle } => write!(
                f,
                "expected uses to be written more often than the idle time of {idle:?}, found every {interval:?}; shorten `.write_every(..)`"
            ),
        }
    }
}
