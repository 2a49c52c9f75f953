//! What happened on a connection, and what it means for its end.

use crate::report::{Cause, End};

/// What happened on one connection.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Connection {
    /// How the client ended it.
    pub(super) end: Option<End>,
    pub(super) sent: u64,
}

impl Connection {
    /// Judges the end of a connection that the client has closed where it should.
    pub(super) fn judge_end(&self) -> Result<(), Cause> {
        match self.end {
            Some(End::Reset) if self.sent > 0 => Err(Cause::Unread { sent: self.sent }),
            Some(End::Reset) => Err(Cause::Aborted),
            Some(End::Close) | None => Ok(()),
        }
    }
}
