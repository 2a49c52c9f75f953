//! The connection that the session has.

use super::super::runtime::Stream;
use super::lane::Earliest;
use super::read::is_reset;
use crate::session::{Peer, Session};
use crate::time::{Duration, Instant};
use core::task::{Context, Poll};
use std::io::{self, ErrorKind};

/// When a connection has lasted: what is worth doing for it then, most do not live to see. No sooner than the next tick of most kernels (4 ms, of
/// 250 a second): an earlier alarm costs more to set, a third of what a whole short conversation costs where threads sleep in between.
pub(super) const LASTING: Duration = Duration::from_millis(5);

/// The pauses between looks at the client's end while the session waits for what it does: they begin short, for a client that is at
/// it, and double up to the longest.
pub(super) const PAUSE: Duration = Duration::from_micros(100);
pub(super) const LONGEST_PAUSE: Duration = Duration::from_millis(10);

/// The session's connection.
pub(super) struct Link<S> {
    pub(super) stream: S,
    /// Whether the end of the client's stream was read.
    pub(super) ended: bool,
    /// Whether it was asked in this turn what came behind that end.
    pub(super) behind: bool,
    /// Whether the kernel was asked what the client had done before the next bytes are sent.
    pub(super) looked: bool,
    /// Whether it is known in this turn that the task is woken for what the client sends.
    pub(super) watched: bool,
    /// The number of writes.
    writes: u64,
    /// Whether the transport was asked to watch the client's end, and when the connection has lasted.
    watching: bool,
    lasting: Option<Instant>,
    /// When the next look at the client's end is due, while the session waits for what it does, and the pause behind that.
    next_look: Option<Instant>,
    pause: Duration,
    /// Whether the client is known to hold the connection, and whether it is known to have let go.
    pub(super) held: bool,
    pub(super) gone: bool,
    /// When to send the end of the stream, the script being done with the connection.
    pub(super) answer: Option<Instant>,
    /// Whether it was sent for that.
    pub(super) answered: bool,
    /// Whether the client has made use of the connection, so that its `connect` is known to have returned.
    pub(super) used: bool,
}

impl<S> Link<S> {
    /// Returns the connection of a client that was just accepted.
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            ended: false,
            behind: false,
            looked: false,
            watched: false,
            writes: 0,
            watching: false,
            lasting: None,
            next_look: None,
            pause: PAUSE,
            held: false,
            gone: false,
            answer: None,
            answered: false,
            used: false,
        }
    }
}

impl<S: Stream> Link<S> {
    /// Tells the session what is known of the client's end.
    pub(super) fn look(&mut self, session: &mut Session, now: Instant) {
        if let Some(peer) = self.stream.peer() {
            self.held = matches!(peer, Peer::Open { .. });
            self.gone = matches!(peer, Peer::Closed { .. } | Peer::Aborted);
            session.handle_peer(now, peer);
        }
    }

    /// Looks if it is time to: while the session waits for what the client does with its end, of which no event tells. Returns
    /// whether it has looked.
    pub(super) fn look_again(&mut self, session: &mut Session, now: Instant, watch: bool) -> bool {
        if !watch || self.gone {
            (self.pause, self.next_look) = (PAUSE, None);
            return false;
        }
        if self.next_look.is_some_and(|at| now < at) {
            return false;
        }
        self.look(session, now);
        self.next_look = Some(now + self.pause);
        self.pause = LONGEST_PAUSE.min(self.pause * 2);
        true
    }

    /// Says whether there may be something to know of the client that no event tells.
    pub(super) fn is_worth_a_look(&self) -> bool {
        self.watching || self.ended
    }

    /// Ends the stream that the client is sent.
    pub(super) fn shut_down(&mut self, cx: &mut Context<'_>, now: Instant) {
        self.begin_to_watch(now);
        // An error says that nobody is there to get it.
        let _ = self.stream.poll_shutdown(cx);
    }

    fn begin_to_watch(&mut self, now: Instant) {
        if !core::mem::replace(&mut self.watching, true) {
            self.lasting = self.stream.watch().then(|| now + LASTING);
        }
    }

    /// Does what is due for a connection that has lasted, or now.
    pub(super) fn watch_on(&mut self, now: Instant, at_once: bool) {
        if self.lasting.is_some_and(|at| at_once || at <= now) {
            self.lasting = None;
            self.stream.watch_on();
        }
    }

    /// Adds when it is this connection's turn again, if nothing happens before.
    pub(super) fn due(&self, earliest: &mut Earliest) {
        if let Some(at) = self.lasting {
            earliest.add(at, false);
        }
        if let Some(at) = self.next_look {
            earliest.add(at, false);
        }
    }

    /// Writes, or has the task woken when there is room. Tells in the same call if the client is not there any more, where a socket
    /// takes the first write after a client's close.
    ///
    /// To a client that has ended its stream and may be gone, the last byte goes in a packet of its own. The first packet tells whether the
    /// client is gone, by the reset that it provokes; but Linux drops it, unanswered, if it comes while another processor is at work
    /// on the acknowledgement of that end. The second comes behind that.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>, now: Instant, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.begin_to_watch(now);
        if self.writes == 1 || (self.writes == 0 && self.ended) {
            // A second small write would wait for the client's delayed acknowledgement of the first: 40 ms each. Conversations of
            // one reply, which are many, do without the system call.
            self.stream.set_nodelay();
        }
        self.writes += 1;
        let Some((last, most)) = bytes.split_last().filter(|_| self.ended && !self.held) else {
            return self.stream.poll_write(cx, bytes);
        };
        let mut written = 0;
        for piece in [most, core::slice::from_ref(last)] {
            if piece.is_empty() {
                continue;
            }
            match self.stream.poll_write(cx, piece) {
                Poll::Ready(Ok(_)) if self.stream.take_error().is_some() => {
                    return Poll::Ready(Err(ErrorKind::BrokenPipe.into()));
                }
                Poll::Ready(Ok(count)) => {
                    written += count;
                    if count < piece.len() {
                        break;
                    }
                }
                // It comes again with the next write; what was written must not be forgotten over it.
                Poll::Ready(Err(error)) if written > 0 && !is_reset(&error) => break,
                Poll::Pending if written > 0 => break,
                other => return other,
            }
        }
        Poll::Ready(Ok(written))
    }
}

#[cfg(test)]
mod tests;
