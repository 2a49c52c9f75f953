//! How long a session waits.

use crate::time::Duration;

/// How long a session waits.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The deadline of each step that has none of its own. Default: 1 s, as in pytest-tcpclient.
    pub deadline: Duration,
    /// How long bytes or a client may wait, and how long a connection may stay open, while no step is left for them. Default: 10 s.
    pub idle_limit: Duration,
    /// The factor for all deadlines, those of single steps too; 0 means that there are none. Default: 1.
    pub deadline_scale: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { deadline: Duration::from_secs(1), idle_limit: Duration::from_secs(10), deadline_scale: 1.0 }
    }
}

impl Config {
    /// Returns the duration after scaling; `None` if there is to be no deadline.
    pub(crate) fn scaled(&self, deadline: Duration) -> Option<Duration> {
        if self.deadline_scale == 1.0 {
            return Some(deadline);
        }
        let seconds = deadline.as_secs_f64() * self.deadline_scale;
        (self.deadline_scale > 0.0).then(|| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
    }
}
