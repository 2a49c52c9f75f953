//! Moments on the clock of whoever drives a session.

use core::fmt;
use core::ops::Add;
pub use core::time::Duration;

/// A moment, measured from an origin that the driver of a session chooses (usually the moment it began to listen).
///
/// The core has no clock: time enters as an argument of every call that needs it. Moments of one session must come from one
/// origin and must not go backwards.
///
/// ```
/// use tcpclient_core::time::{Duration, Instant};
///
/// let later = Instant::ORIGIN + Duration::from_millis(1500);
/// assert_eq!(later.since(Instant::ORIGIN), Duration::from_millis(1500));
/// assert_eq!(later.to_string(), "1.500 s");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(Duration);

impl Instant {
    /// The origin of the clock.
    pub const ORIGIN: Self = Self(Duration::ZERO);

    /// Returns the moment that lies this long after the origin.
    pub const fn at(since_origin: Duration) -> Self {
        Self(since_origin)
    }

    /// Returns the time from `earlier` to this moment; zero if `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    /// Saturates at the end of time instead of overflowing.
    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }
}

impl fmt::Display for Instant {
    /// Writes seconds since the origin with three decimals, as reports do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03} s", self.0.as_secs(), self.0.subsec_millis())
    }
}

/// A duration in the largest unit that needs no more than three decimals.
pub(crate) struct Span(pub(crate) Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(span) = *self;
        let micros = span.as_micros();
        let (whole, unit, parts) = match micros {
            0..1_000 => (micros, "us", 0),
            1_000..1_000_000 => (micros / 1_000, "ms", micros % 1_000),
            _ => (micros / 1_000_000, "s", micros / 1_000 % 1_000),
        };
        write!(f, "{whole}")?;
        if parts > 0 {
            let decimals = alloc::format!("{parts:03}");
            write!(f, ".{}", decimals.trim_end_matches('0'))?;
        }
        write!(f, " {unit}")
    }
}

/// When a wait ends, and what it is that has not come by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// The moment from which on the wait has failed or, if it is a [pause](Reason::Pause), is over.
    pub at: Instant,
    /// What was waited for.
    pub reason: Reason,
}

/// What a [`Deadline`] waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The current step is done.
    Step,
    /// A connection for a step that has none. Such a deadline is always due at once: it only gives the driver the occasion to
    /// hand in what the kernel already holds.
    Connection,
    /// The end of the open connection, now that another client has connected. It is due at once, too: a client that closed
    /// and connected again is no second connection.
    SecondConnection,
    /// A step that claims the bytes or the client which nothing in the script expects.
    Idle,
    /// Nothing: the script pauses, and goes on when the time has come.
    Pause,
}

#[cfg(test)]
mod tests;
