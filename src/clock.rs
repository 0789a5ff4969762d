//! The one reader of time. Everything else takes `now` as a value.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, SecondsFormat, Utc};

/// An instant to the microsecond: what every store can keep without rounding.
///
/// Prints as RFC 3339 in UTC, converts from and to [`SystemTime`] and chrono's [`DateTime<Utc>`],
/// and saturates at the ends of its range (some 292,000 years from 1970) instead of overflowing.
///
/// ```
/// use std::time::Duration;
/// use tower_expiring_token::Timestamp;
///
/// let issued = Timestamp::from_micros(1_700_000_000_000_000);
/// assert_eq!((issued + Duration::from_secs(60)).to_string(), "2023-11-14T22:14:20.000000Z");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// Where the time comes from. Implement it to test, to replay, or to follow a time source of
/// your own; an `Arc` of a clock is a clock.
pub trait Clock: Send + Sync + 'static {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// The system's clock, and the only code of this crate that reads it. On Linux it is read to the
/// kernel's tick, which may be some milliseconds old: half of what an exact reading costs.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

// === impl Timestamp ===

impl Timestamp {
    /// The latest instant that can be represented.
    pub const MAX: Self = Self(i64::MAX);

    /// The instant this many microseconds after the Unix epoch (before it, if negative).
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// How long ago `earlier` was; zero if it lies in the future.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        if self.0 <= earlier.0 {
            Duration::ZERO
        } else {
            Duration::from_micros(self.0.abs_diff(earlier.0))
        }
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add_unsigned(micros(duration)))
    }
}

impl std::ops::Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub_unsigned(micros(duration)))
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Self(0) + after,
            Err(before) => Self(0) - before.duration(),
        }
    }
}

impl From<Timestamp> for SystemTime {
    fn from(at: Timestamp) -> Self {
        let distance = Duration::from_micros(at.0.unsigned_abs());
        let time = if at.0 < 0 {
            UNIX_EPOCH.checked_sub(distance)
        } else {
            UNIX_EPOCH.checked_add(distance)
        };
        time.unwrap_or(UNIX_EPOCH)
    }
}

/// Digits below the microsecond are cut off.
impl From<DateTime<Utc>> for Timestamp {
    fn from(time: DateTime<Utc>) -> Self {
        Self(time.timestamp_micros())
    }
}

/// Instants beyond chrono's range become its nearest end.
impl From<Timestamp> for DateTime<Utc> {
    fn from(at: Timestamp) -> Self {
        let end = if at.0 < 0 {
            Self::MIN_UTC
        } else {
            Self::MAX_UTC
        };
        Self::from_timestamp_micros(at.0).unwrap_or(end)
    }
}

/// RFC 3339 has the years 0 to 9999: what lies beyond is shown as its nearest end.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = Self(self.0.clamp(FIRST_SHOWN, LAST_SHOWN));
        f.write_str(&DateTime::<Utc>::from(shown).to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

/// `0000-01-01T00:00:00Z`
const FIRST_SHOWN: i64 = -62_167_219_200_000_000;
/// `9999-12-31T23:59:59.999999Z`
const LAST_SHOWN: i64 = 253_402_300_799_999_999;

/// Microseconds since some instant, by a clock that nobody sets: it never goes back. On Linux
/// as old as the kernel's tick, like [`SystemClock`].
#[cfg(feature = "cache")]
pub(crate) fn monotonic() -> u64 {
    #[cfg(target_os = "linux")]
    {
        use rustix::time::{ClockId, clock_gettime};

        let time = clock_gettime(ClockId::MonotonicCoarse);
        (time.tv_sec * 1_000_000 + time.tv_nsec / 1000).unsigned_abs()
    }
    #[cfg(not(target_os = "linux"))]
    {
        use std::sync::LazyLock;
        use std::time::Instant;

        #[expect(
            clippy::disallowed_methods,
            reason = "the one place that reads the time"
        )]
        static FIRST: LazyLock<Instant> = LazyLock::new(Instant::now);
        u64::try_from(FIRST.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

const fn micros(duration: Duration) -> u64 {
    let seconds = duration.as_secs().saturating_mul(1_000_000);
    seconds.saturating_add(duration.subsec_micros() as u64)
}

// === impl Clock ===

impl<T: Clock + ?Sized> Clock for Arc<T> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }
}

impl Clock for SystemClock {
    #[cfg(target_os = "linux")]
    fn now(&self) -> Timestamp {
        use rustix::time::{ClockId, clock_gettime};

        let time = clock_gettime(ClockId::RealtimeCoarse);
        // In range for 290,000 years.
        Timestamp(time.tv_sec * 1_000_000 + time.tv_nsec / 1000)
    }

    #[cfg(not(target_os = "linux"))]
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the time"
    )]
    fn now(&self) -> Timestamp {
        SystemTime::now().into()
    }
}
