//! What happened on a connection, and what it means for its end.

use super::{Link, Session};
use crate::report::{Cause, End};
use crate::time::Instant;
use crate::transcript::Event;

/// What happened on one connection.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Connection {
    /// How the client ended it.
    pub(super) end: Option<End>,
    pub(super) sent: u64,
    /// How many of the bytes sent the client reads in all, where that is known. That of the others would still grow: what is
    /// sent from then on is not read either.
    pub(super) read: Option<u64>,
}

impl Connection {
    /// Returns how many bytes the client leaves unread, where that is known.
    pub(super) fn unread(&self) -> Option<u64> {
        self.read.map(|read| self.sent.saturating_sub(read))
    }

    /// Judges the end of a connection that the client has closed where it should.
    pub(super) fn judge_end(&self) -> Result<(), Cause> {
        match (self.end, self.unread()) {
            (None, _) | (Some(End::Close), None | Some(0)) => Ok(()),
            (Some(_), unread) if unread.unwrap_or(self.sent) == 0 => Err(Cause::Aborted),
            (Some(_), unread) => Err(Cause::Unread { sent: self.sent, unread }),
        }
    }
}

impl Session {
    /// Handles the end of the client's stream: it has closed the connection, or its sending half.
    pub fn handle_eof(&mut self, now: Instant) {
        self.handle_end(now, End::Close);
    }

    /// Handles a reset by the client, be it instead of the end of its stream or behind it.
    pub fn handle_reset(&mut self, now: Instant) {
        self.handle_end(now, End::Reset);
    }

    /// Handles that the client will never read the last `count` bytes that it was sent on this connection, nor any that follow
    /// them; with 0, that it has read all there were. For transports that know.
    ///
    /// This may come before or behind [`handle_eof`](Self::handle_eof) and [`handle_reset`](Self::handle_reset), for an
    /// `expect_disconnect` that has passed is judged again. But a reset that comes first has failed the script by then, with a
    /// number that is [not known](Cause::Unread); the report then adds it. Of several counts for a connection, the first is
    /// taken.
    pub fn handle_unread(&mut self, now: Instant, count: u64) {
        let (Link::Open(connection) | Link::Over { connection, .. }) = &mut self.link else { return };
        if connection.read.is_some() {
            return;
        }
        // Nobody leaves more than there is.
        let count = count.min(connection.sent);
        connection.read = Some(connection.sent - count);
        if count > 0 {
            self.transcript.record(now, Event::Unread(count));
        }
        self.judge_end(now);
    }

    pub(super) fn handle_end(&mut self, now: Instant, end: End) {
        let (Link::Open(connection) | Link::Over { connection, .. }) = &mut self.link else { return };
        if connection.end == Some(end) || connection.end == Some(End::Reset) {
            return;
        }
        connection.end = Some(end);
        let event = if end == End::Close { Event::ClientClosed } else { Event::ClientReset };
        self.transcript.record(now, event);
        self.judge_end(now);
    }

    /// Judges what has just become known of the end of the connection.
    fn judge_end(&mut self, now: Instant) {
        match self.link {
            // The step that passed could not know yet.
            Link::Over { step, by_server: false, connection } => {
                if let Err(cause) = connection.judge_end() {
                    self.fail_at(Some(step), cause);
                }
            }
            Link::Over { .. } => {}
            _ => self.play_backlog(now),
        }
    }
}
