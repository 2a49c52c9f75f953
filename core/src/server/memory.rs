//! Connections in memory: no socket, no kernel, no clock.
//!
//! They behave as TCP does on Linux. A side that closes with bytes left to read resets the connection; what was sent before a reset
//! can still be read; an error is told once. What differs: a write to a side that has let go of the connection fails at once, where a
//! socket takes the first; closing the sending half is what `poll_close` does; and a read into no room returns at once.
//!
//! How TCP might have cut the bytes is up to a plan, if there is one. It is the client that it cuts them for.

mod course;
mod entrance;
mod plot;
#[cfg(feature = "tokio-io")]
mod tokio;

pub(super) use course::Passed;
pub(super) use entrance::Entrance;
pub use entrance::Listener;
pub(super) use plot::Plot;
#[cfg(feature = "tokio-io")]
pub use tokio::TokioStream;

use super::runtime;
use crate::session::Peer;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::mem;
use core::task::{Context, Poll, Waker};
use course::Course;
use plot::Scene;
use std::io::{self, ErrorKind, IoSlice};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One side of a connection in memory. Dropping it closes it.
///
/// An adapter gives the client's side its runtime's I/O traits; here are the methods that those are made of.
#[derive(Debug)]
pub struct Stream {
    wire: Arc<Mutex<Wire>>,
    side: Side,
    /// What a plan says of this connection and others, if there is one.
    scene: Option<Arc<Scene>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Client,
    Server,
}

/// Both sides of a connection.
#[derive(Debug)]
struct Wire {
    client: End,
    server: End,
    /// The most bytes that may be under way in each direction.
    capacity: usize,
    /// What a plan says of it, if there is one.
    course: Option<Box<Course>>,
}

/// What one side of a connection has before it.
#[derive(Debug, Default)]
struct End {
    /// The bytes that the other side has sent and this one not read.
    inbox: VecDeque<u8>,
    /// Whether the other side has ended its stream, behind those bytes.
    ended: bool,
    /// The error that this side meets next.
    error: Option<ErrorKind>,
    /// Whether the other side does not receive any more.
    cut: bool,
    /// Once this side has closed: the number of bytes that it left unread.
    left: Option<u64>,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Wire {
    /// Returns what lies before this side, and before the other.
    fn ends(&mut self, side: Side) -> (&mut End, &mut End) {
        match side {
            Side::Client => (&mut self.client, &mut self.server),
            Side::Server => (&mut self.server, &mut self.client),
        }
    }

    /// Reads what is there; returns how much it was and who waits for the room. 0 bytes are the end of the stream.
    fn read(&mut self, side: Side, mut buffer: &mut [u8]) -> io::Result<(usize, Option<Waker>)> {
        if buffer.is_empty() {
            return Ok((0, None));
        }
        if let Some(course) = self.course.as_ref().filter(|_| side == Side::Client) {
            let most = course.most_read(self.client.inbox.len().min(buffer.len()));
            buffer = &mut buffer[..most];
        }
        let (end, other) = self.ends(side);
        if end.inbox.is_empty() {
            return match end.error.take() {
                Some(error) => Err(error.into()),
                None if end.ended => {
                    if let Some(course) = self.course.as_mut().filter(|_| side == Side::Client) {
                        course.read_end();
                    }
                    Ok((0, None))
                }
                None => Err(ErrorKind::WouldBlock.into()),
            };
        }
        let mut count = 0;
        let (front, back) = end.inbox.as_slices();
        for part in [front, back] {
            let room = &mut buffer[count..];
            let fits = part.len().min(room.len());
            room[..fits].copy_from_slice(&part[..fits]);
            count += fits;
        }
        end.inbox.drain(..count);
        let waker = other.writer.take();
        if let Some(course) = self.course.as_mut().filter(|_| side == Side::Client) {
            course.read(count);
        }
        Ok((count, waker))
    }

    /// Writes as much as there is room for; returns how much that was and who waits for it.
    fn write(&mut self, side: Side, bytes: &[u8]) -> io::Result<(usize, Option<Waker>)> {
        let most = match &self.course {
            Some(course) if side == Side::Client => course.most_written(self.server.inbox.len()),
            _ => usize::MAX,
        };
        let capacity = self.capacity;
        let (end, other) = self.ends(side);
        if let Some(error) = end.error.take() {
            return Err(error.into());
        }
        if end.cut || other.ended {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let count = bytes.len().min(most).min(capacity.saturating_sub(other.inbox.len()));
        if count == 0 && !bytes.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        other.inbox.extend(&bytes[..count]);
        let waker = other.reader.take();
        match &mut self.course {
            Some(course) if side == Side::Client => course.written(count, most),
            Some(course) => course.sent(&bytes[..count], count == bytes.len()),
            None => {}
        }
        Ok((count, waker))
    }
}

impl End {
    /// Takes whoever waits for something to happen at this side.
    fn wakers(&mut self) -> [Option<Waker>; 2] {
        [self.reader.take(), self.writer.take()]
    }
}

fn wake(wakers: [Option<Waker>; 2]) {
    wakers.into_iter().flatten().for_each(Waker::wake);
}

fn poll(result: io::Result<usize>) -> Poll<io::Result<usize>> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Poll::Pending,
        result => Poll::Ready(result),
    }
}

/// Returns both sides of a new connection: the client's and the server's.
fn connect(capacity: usize, course: Option<Course>) -> (Stream, Stream) {
    let scene = course.as_ref().map(|course| Arc::clone(&course.scene));
    let course = course.map(Box::new);
    let wire = Arc::new(Mutex::new(Wire { client: End::default(), server: End::default(), capacity, course }));
    let client = Stream { wire: Arc::clone(&wire), side: Side::Client, scene: scene.clone() };
    (client, Stream { wire, side: Side::Server, scene })
}

impl Stream {
    fn wire(&self) -> MutexGuard<'_, Wire> {
        // Nothing panics while it holds the lock.
        self.wire.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a call on the connection. If it is too early for it, has the task woken when it is not.
    fn call(
        &self,
        call: impl FnOnce(&mut Wire, Side) -> io::Result<(usize, Option<Waker>)>,
        wait: impl FnOnce(&mut End) -> Option<Waker>,
    ) -> io::Result<usize> {
        let mut wire = self.wire();
        match call(&mut wire, self.side) {
            Ok((count, waker)) => {
                drop(wire);
                wake([waker, None]);
                Ok(count)
            }
            Err(error) => {
                // A waker is foreign code, also when it is dropped: not under the lock.
                let would_block = error.kind() == ErrorKind::WouldBlock;
                let replaced = if would_block { wait(wire.ends(self.side).0) } else { None };
                drop(wire);
                drop(replaced);
                Err(error)
            }
        }
    }

    /// Says whether this side has to wait for its next turn because of its plan. If so, has the task woken for that at once.
    fn waits_a_turn(&self, cx: &Context<'_>, waits: impl FnOnce(&mut Course, &End) -> bool) -> bool {
        let Some(scene) = &self.scene else { return false };
        scene.enter(cx.waker());
        if self.side == Side::Server {
            return false;
        }
        let waits = {
            let wire = &mut *self.wire();
            wire.course.as_mut().is_some_and(|course| waits(course, &wire.client))
        };
        if waits {
            cx.waker().wake_by_ref();
        }
        waits
    }

    /// Reads what is there, or has the task woken when there is something. 0 bytes are the end of the stream.
    ///
    /// # Errors
    /// `ConnectionReset`, once, if the other side has reset the connection.
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        if self.waits_a_turn(cx, |course, end| course.waits_to_read(!end.inbox.is_empty())) {
            return Poll::Pending;
        }
        poll(self.call(|wire, side| wire.read(side, buffer), |end| end.reader.replace(cx.waker().clone())))
    }

    /// Writes as much as there is room for, or has the task woken when there is some.
    ///
    /// # Errors
    /// `ConnectionReset`, once, or `BrokenPipe` if nobody is there to read it.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.waits_a_turn(cx, |course, _| course.waits_to_write()) {
            return Poll::Pending;
        }
        poll(self.call(|wire, side| wire.write(side, bytes), |end| end.writer.replace(cx.waker().clone())))
    }

    /// As [`poll_write`](Self::poll_write), of several pieces at once, as sockets take them: a client that gives up in TLS writes all that it
    /// has to say in one go.
    ///
    /// # Errors
    /// As for one piece.
    pub fn poll_write_vectored(&mut self, cx: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut written = 0;
        for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
            match self.poll_write(cx, piece) {
                Poll::Ready(Ok(count)) if count == piece.len() => written += count,
                Poll::Ready(Ok(count)) => return Poll::Ready(Ok(written + count)),
                // It comes again with the next write.
                _ if written > 0 => break,
                other => return other,
            }
        }
        Poll::Ready(Ok(written))
    }

    /// Ends the stream that this side sends (FIN); it may go on reading.
    pub fn shutdown(&mut self) {
        let mut wire = self.wire();
        let (_, other) = wire.ends(self.side);
        other.ended = true;
        let wakers = other.wakers();
        drop(wire);
        wake(wakers);
    }

    /// Closes this side, with a reset if it is told to or has left something unread.
    fn close(&self, reset: bool) {
        let mut wire = self.wire();
        let (end, other) = wire.ends(self.side);
        if end.left.is_some() {
            return;
        }
        let left = mem::take(&mut end.inbox).len() as u64;
        end.left = Some(left);
        if (reset || left > 0) && !other.cut && other.left.is_none() {
            let error = if other.ended { ErrorKind::BrokenPipe } else { ErrorKind::ConnectionReset };
            other.error = Some(error);
        }
        other.ended = true;
        other.cut = true;
        let wakers = other.wakers();
        drop(wire);
        wake(wakers);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.close(false);
    }
}

impl runtime::Stream for Stream {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        Self::poll_read(self, cx, buffer)
    }

    fn read_now(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.call(|wire, side| wire.read(side, buffer), |_| None)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Self::poll_write(self, cx, bytes)
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shutdown();
        Poll::Ready(Ok(()))
    }

    fn set_nodelay(&self) {}

    fn take_error(&self) -> Option<io::Error> {
        let mut wire = self.wire();
        wire.ends(self.side).0.error.take().map(io::Error::from)
    }

    fn peer(&mut self) -> Option<Peer> {
        let mut wire = self.wire();
        let (_, other) = wire.ends(self.side);
        Some(match other.left {
            None => Peer::Open { unread: Some(other.inbox.len() as u64) },
            left => Peer::Closed { unread: left },
        })
    }

    fn reset(self) {
        self.close(true);
    }
}

#[cfg(feature = "futures-io")]
impl ::futures_io::AsyncRead for Stream {
    fn poll_read(
        mut self: core::pin::Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Self::poll_read(&mut self, cx, buffer)
    }
}

#[cfg(feature = "futures-io")]
impl ::futures_io::AsyncWrite for Stream {
    fn poll_write(mut self: core::pin::Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Self::poll_write(&mut self, cx, bytes)
    }

    fn poll_write_vectored(
        mut self: core::pin::Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Self::poll_write_vectored(&mut self, cx, pieces)
    }

    fn poll_flush(self: core::pin::Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: core::pin::Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shutdown();
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests;
