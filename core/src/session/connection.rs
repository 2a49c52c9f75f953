//! What happened on a connection, and what it means for its end.

use super::{Link, Session};
use crate::report::{Cause, End};
use crate::security::{State, Trouble};
use crate::time::Instant;
use crate::transcript::Event;

/// What a transport knows of the client's end of a connection.
///
/// The bytes that a client leaves unread are the last that it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// The client holds the connection, though it may have ended its stream.
    Open {
        /// The number of bytes that it was sent and has not read so far; `None` if that is not known.
        unread: Option<u64>,
    },
    /// The client has let go of the connection: it has closed it, or its process has ended.
    Closed {
        /// The number of bytes that it was sent and will never read; `None` if that is not known.
        unread: Option<u64>,
    },
    /// The client has reset the connection on purpose, with nothing left to read.
    Aborted,
    /// The client has let go of the connection, or has lost it; what it left unread is about to be known. Until then, there is no
    /// verdict on its end, and no deadline counts: the transport sees to it that it does not take for ever.
    Leaving,
    /// It is not known any more: what was known is out of date.
    Unknown,
}

/// What happened on one connection.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Connection {
    /// How the client ended it.
    pub(super) end: Option<End>,
    pub(super) sent: u64,
    /// How far the client has let go of it, where that is known.
    pub(super) hold: Hold,
    /// How many of the bytes sent the client has read, where that is known. That of the others would still grow: what is sent
    /// from then on is not read either.
    pub(super) read: Option<u64>,
    /// The index of the step that has ended the server's stream.
    pub(super) shut_down_by: Option<usize>,
    /// The index of the step since which no more is read from it than steps wait for.
    pub(super) lazy_since: Option<usize>,
    /// Whether only TLS has said that the client sends no more: its TCP stream goes on.
    pub(super) goes_on_below: bool,
    /// Whether what was sent last is for TLS alone, or was to be.
    pub(super) ends_in_tls: bool,
    /// Who has taken the client's last message, in clear or, behind the handshake, in TLS.
    pub(super) heard_by: Hearer,
}

/// Who takes a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Hearer {
    /// There was none yet.
    #[default]
    Nobody,
    /// A step that had waited for it.
    Step,
    /// The step with this index, which answers it at any time.
    Rule(usize),
}

/// How far a client has let go of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Hold {
    /// There is only the end of its stream to tell, if that.
    #[default]
    Unknown,
    Held,
    /// It has let go, and how is about to be known.
    Leaving,
    Closed,
    Aborted,
}

impl Connection {
    /// Returns how many bytes the client has not read, where that is known: so far or, if it has let go, in all.
    pub(super) fn unread(&self) -> Option<u64> {
        self.read.map(|read| self.sent.saturating_sub(read))
    }

    /// Returns how the client has ended its stream, once that can be judged.
    pub(super) fn judged_end(&self) -> Option<End> {
        self.end.filter(|_| self.hold != Hold::Leaving)
    }

    /// Returns how the client has ended its stream, as it is told: a reset over nothing but what TLS has sent is a close.
    pub(super) fn told_end(&self) -> Option<End> {
        let end = self.judged_end()?;
        Some(if self.hold != Hold::Aborted && self.left_to_tls() { End::Close } else { end })
    }

    /// Says whether the client is known to have ended its stream only, and to hold the connection.
    pub(super) fn is_half_closed(&self) -> bool {
        let holds = self.hold == Hold::Held || (self.goes_on_below && self.hold == Hold::Unknown);
        self.end == Some(End::Close) && holds
    }

    /// Says whether what the client left unread, if it has reset the connection over that, is nothing of what the script has sent.
    fn left_to_tls(&self) -> bool {
        match self.unread() {
            Some(1..) => false,
            // Nothing of it, or nobody knows: then it is about what came last.
            Some(0) | None => self.ends_in_tls,
        }
    }

    /// Says whether the client may be there and wait for something.
    pub(super) fn may_wait(&self) -> bool {
        self.end != Some(End::Reset) && !self.is_closed()
    }

    /// Says whether the client is known to have let go of the connection.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self.hold, Hold::Closed | Hold::Aborted)
    }

    /// What was known of a client that held the connection is out of date when it is reset.
    pub(super) fn forget_hold(&mut self, end: End) {
        if end == End::Reset && self.hold == Hold::Held {
            (self.hold, self.read) = (Hold::Unknown, None);
        }
    }

    /// Judges the end of a connection that the client has closed where it should. There is no verdict as long as it has not.
    pub(super) fn judge_end(&self) -> Option<Result<(), Cause>> {
        let end = self.judged_end()?;
        if self.is_half_closed() {
            return None;
        }
        // While it held the connection, it could still have read more.
        let unread = self.unread().filter(|_| self.hold != Hold::Held);
        Some(match (end, unread) {
            _ if self.hold == Hold::Aborted => Err(Cause::Aborted),
            (End::Close, None | Some(0)) => Ok(()),
            (End::Reset, _) if self.left_to_tls() => Ok(()),
            (_, unread) if unread.unwrap_or(self.sent) == 0 => Err(Cause::Aborted),
            (_, unread) => Err(Cause::Unread { sent: self.sent, unread }),
        })
    }
}

impl Session {
    /// Handles the end of the client's stream: it has closed the connection, or its sending half. Where the transport knows which,
    /// [`handle_peer`](Self::handle_peer) comes first.
    pub fn handle_eof(&mut self, now: Instant) {
        self.handle_end(now, End::Close);
    }

    /// Handles a reset by the client, be it instead of the end of its stream or behind it.
    pub fn handle_reset(&mut self, now: Instant) {
        self.handle_end(now, End::Reset);
    }

    /// Handles what the transport knows of the client's end of the connection. For transports that know; before what
    /// [`handle_eof`](Self::handle_eof) and [`handle_reset`](Self::handle_reset) tell, where both do.
    ///
    /// As long as a client that has ended its stream holds the connection, it has not disconnected. An `expect_disconnect` that
    /// has passed without that knowledge is judged again; but a reset that comes first has failed the script by then, with a
    /// number that is [not known](Cause::Unread); the report then adds it. That a client has let go is final.
    pub fn handle_peer(&mut self, now: Instant, peer: Peer) {
        if self.is_accepting() {
            return;
        }
        self.calm = None;
        let (Link::Open(connection) | Link::Over { connection, .. }) = &mut self.link else { return };
        let known = connection.hold == Hold::Aborted || (connection.hold == Hold::Closed && connection.read.is_some());
        if known {
            return;
        }
        let (was_half_closed, was_leaving) = (connection.is_half_closed(), connection.hold == Hold::Leaving);
        let (hold, unread) = match peer {
            Peer::Leaving => {
                connection.hold = Hold::Leaving;
                connection.read = None;
                return;
            }
            Peer::Open { unread } => (Hold::Held, unread),
            Peer::Closed { unread } => (Hold::Closed, unread),
            Peer::Aborted => (Hold::Aborted, Some(0)),
            Peer::Unknown => (Hold::Unknown, None),
        };
        connection.hold = hold;
        let of_script = match &self.channel {
            Some(channel) => unread.map(|unread| channel.unread(unread)),
            None => unread,
        };
        // Nobody leaves more than there is.
        connection.read = of_script.map(|unread| connection.sent.saturating_sub(unread));
        let left = connection.unread().filter(|&left| left > 0 && hold == Hold::Closed);
        if let Some(left) = left {
            self.log.record(now, Event::Unread(left));
        }
        let aborted = hold == Hold::Aborted && connection.end == Some(End::Close);
        if aborted {
            connection.end = Some(End::Reset);
        }
        match connection.end {
            Some(End::Reset) if aborted || was_leaving => self.log.record(now, Event::ClientReset),
            Some(End::Close) if was_leaving || (was_half_closed && connection.is_closed()) => {
                self.log.record(now, Event::ClientClosed);
            }
            _ => {}
        }
        self.judge_end(now);
    }

    /// Handles the `close_notify` of the client: the end of its stream, though not that of TCP.
    pub(super) fn handle_close_notify(&mut self, now: Instant) {
        self.log.record(now, Event::CloseNotifyReceived);
        let (Link::Open(connection) | Link::Over { connection, .. }) = &mut self.link else { return };
        if connection.end.is_none() {
            connection.end = Some(End::Close);
            connection.goes_on_below = true;
            self.judge_end(now);
        }
    }

    pub(super) fn handle_end(&mut self, now: Instant, end: End) {
        if self.is_accepting() {
            return;
        }
        self.calm = None;
        if let Some(channel) = &mut self.channel {
            if channel.has_more() {
                // What has come before is looked at first.
                channel.end = Some(end);
                return;
            }
            if let (End::Close, Link::Open(_), Some((bytes, of))) = (end, self.link, channel.remainder()) {
                self.fail(Cause::Tls(Trouble::Cut { bytes, of }));
            }
        }
        let is_over = self.is_over();
        let is_cut = self.channel.as_ref().is_some_and(|channel| channel.state() == State::Established);
        let (Link::Open(connection) | Link::Over { connection, .. }) = &mut self.link else { return };
        // The reset of a client that aborts behind the end of its stream may still be on its way.
        let end = if connection.hold == Hold::Aborted { End::Reset } else { end };
        connection.forget_hold(end);
        let went_on = core::mem::take(&mut connection.goes_on_below);
        if (connection.end == Some(end) && !went_on) || connection.end == Some(End::Reset) {
            return;
        }
        connection.end = Some(end);
        if is_cut && end == End::Close {
            self.log.record(now, Event::ClientTruncated);
        }
        if connection.hold == Hold::Leaving {
            // It is told, and judged, when all of it is known.
            return;
        }
        let event = match end {
            // TLS has said so before, and what is known of the client is told.
            End::Close if went_on && connection.hold != Hold::Unknown => return self.judge_end(now),
            End::Close if connection.is_closed() => Event::ClientClosed,
            // When the server has closed the connection, nobody looks any more.
            End::Close if connection.hold == Hold::Held && !is_over => Event::ClientShutDown,
            End::Close => Event::ClientEnded,
            End::Reset => Event::ClientReset,
        };
        self.log.record(now, event);
        self.judge_end(now);
    }

    /// Judges what has just become known of the end of the connection.
    fn judge_end(&mut self, now: Instant) {
        match self.link {
            // The step that passed could not know yet.
            Link::Over { step, by_server: false, connection } => {
                if let Some(Err(cause)) = connection.judge_end() {
                    self.fail_at(Some(step), cause);
                }
            }
            _ => self.play_backlog(now),
        }
    }
}
