//! Connections that are no longer the session's.

use super::super::runtime::Stream;
use super::BATCH;
use super::link::{LONGEST_PAUSE, PAUSE};
use super::read::{Ask, Read, read};
use crate::session::{Peer, Session};
use crate::time::{Duration, Instant};
use alloc::vec::Vec;
use core::task::Poll;

/// A connection that the server has closed and the client not yet.
pub(super) struct Draining<S> {
    pub(super) stream: S,
    pub(super) shut: bool,
    pub(super) until: Instant,
    /// Whether it is still the session's latest: then what comes is put on record.
    pub(super) latest: bool,
    /// When to look again whether the client has read all, if that is waited for, and the pause behind that.
    pub(super) next_look: Option<Instant>,
    pause: Duration,
}

/// A connection that is about to be reset.
pub(super) struct Refused<S> {
    pub(super) stream: S,
    pub(super) until: Instant,
}

impl<S: Stream> Draining<S> {
    /// Returns a connection that the server closes now, and that is let go at this moment at the latest.
    pub(super) fn new(stream: S, until: Instant) -> Self {
        Self { stream, shut: false, until, latest: true, next_look: None, pause: PAUSE }
    }

    /// Says whether the client is known to have something left to read. When it has read that no event tells; so this is to be asked
    /// again, ever later.
    pub(super) fn is_read_from(&mut self, now: Instant) -> bool {
        if self.next_look.is_some_and(|at| now < at) {
            return true;
        }
        let reads = matches!(self.stream.peer(), Some(Peer::Open { unread: Some(1..) }));
        self.next_look = reads.then(|| now + self.pause);
        self.pause = LONGEST_PAUSE.min(self.pause * 2);
        reads
    }

    /// Sends the end of the stream, then receives until that of the client; what comes goes into the session's records.
    pub(super) fn poll(
        &mut self,
        mut session: Option<&mut Session>,
        buffer: &mut Vec<u8>,
        now: Instant,
        ask: &mut Ask<'_, '_>,
    ) -> Poll<()> {
        if let (false, Ask::Runtime(cx)) = (self.shut, &mut *ask) {
            // An error says that the connection is gone already; the next read tells so too.
            self.shut = self.stream.poll_shutdown(cx).is_ready();
        }
        for _ in 0..BATCH {
            match read(&mut self.stream, buffer, usize::MAX, ask) {
                Poll::Pending if now < self.until => return Poll::Pending,
                Poll::Pending => return Poll::Ready(()),
                Poll::Ready(Read::Bytes(count)) => {
                    if let Some(session) = &mut session {
                        session.handle_bytes(now, &buffer[..count]);
                    }
                }
                Poll::Ready(Read::End(error)) => {
                    match (session, error) {
                        (None, _) => {}
                        (Some(session), None) => session.handle_eof(now),
                        (Some(session), Some(_)) => session.handle_reset(now),
                    }
                    return Poll::Ready(());
                }
            }
        }
        if now >= self.until {
            return Poll::Ready(());
        }
        if let Ask::Runtime(cx) = ask {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests;
