//! Connections in memory: no socket, no kernel, no clock.
//!
//! They behave as TCP does on Linux. A side that closes with bytes left to read resets the connection; what was sent before a reset
//! can still be read; an error is told once. What differs: a write to a side that has let go of the connection fails at once, where a
//! socket takes the first; closing the sending half is what `poll_close` does; and a read into no room returns at once.

use super::runtime;
use crate::session::Peer;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::mem;
use core::net::SocketAddr;
use core::task::{Context, Poll, Waker};
use std::io::{self, ErrorKind};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One side of a connection in memory. Dropping it closes it.
///
/// An adapter gives the client's side its runtime's I/O traits; here are the methods that those are made of.
#[derive(Debug)]
pub struct Stream {
    wire: Arc<Mutex<Wire>>,
    side: Side,
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
    fn read(&mut self, side: Side, buffer: &mut [u8]) -> io::Result<(usize, Option<Waker>)> {
        let (end, other) = self.ends(side);
        if buffer.is_empty() {
            return Ok((0, None));
        }
        if end.inbox.is_empty() {
            return match end.error.take() {
                Some(error) => Err(error.into()),
                None if end.ended => Ok((0, None)),
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
        Ok((count, other.writer.take()))
    }

    /// Writes as much as there is room for; returns how much that was and who waits for it.
    fn write(&mut self, side: Side, bytes: &[u8]) -> io::Result<(usize, Option<Waker>)> {
        let capacity = self.capacity;
        let (end, other) = self.ends(side);
        if let Some(error) = end.error.take() {
            return Err(error.into());
        }
        if end.cut || other.ended {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let count = bytes.len().min(capacity.saturating_sub(other.inbox.len()));
        if count == 0 && !bytes.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        other.inbox.extend(&bytes[..count]);
        Ok((count, other.reader.take()))
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
fn connect(capacity: usize) -> (Stream, Stream) {
    let wire = Arc::new(Mutex::new(Wire { client: End::default(), server: End::default(), capacity }));
    let client = Stream { wire: Arc::clone(&wire), side: Side::Client };
    (client, Stream { wire, side: Side::Server })
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

    /// Reads what is there, or has the task woken when there is something. 0 bytes are the end of the stream.
    ///
    /// # Errors
    /// `ConnectionReset`, once, if the other side has reset the connection.
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        poll(self.call(|wire, side| wire.read(side, buffer), |end| end.reader.replace(cx.waker().clone())))
    }

    /// Writes as much as there is room for, or has the task woken when there is some.
    ///
    /// # Errors
    /// `ConnectionReset`, once, or `BrokenPipe` if nobody is there to read it.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        poll(self.call(|wire, side| wire.write(side, bytes), |end| end.writer.replace(cx.waker().clone())))
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

/// Where clients of a server in memory come in.
#[derive(Clone, Debug)]
pub(super) struct Entrance {
    door: Arc<Mutex<Door>>,
    capacity: usize,
}

#[derive(Debug, Default)]
struct Door {
    waiting: VecDeque<Stream>,
    closed: bool,
    listener: Option<Waker>,
}

impl Entrance {
    /// Returns an entrance to connections with room for so many bytes in each direction, and who listens there.
    pub(super) fn new(capacity: usize) -> (Self, Listener) {
        let door = Arc::<Mutex<Door>>::default();
        (Self { door: Arc::clone(&door), capacity }, Listener { door })
    }

    /// Connects a client. If nobody listens any more, its first use of the connection is an error.
    pub(super) fn connect(&self) -> Stream {
        let (client, server) = connect(self.capacity);
        let mut door = lock(&self.door);
        if door.closed {
            drop(door);
            runtime::Stream::reset(server);
            return client;
        }
        door.waiting.push_back(server);
        let listener = door.listener.take();
        drop(door);
        wake([listener, None]);
        client
    }
}

fn lock(door: &Mutex<Door>) -> MutexGuard<'_, Door> {
    // Nothing panics while it holds the lock.
    door.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Accepts connections in memory.
#[derive(Debug)]
pub struct Listener {
    door: Arc<Mutex<Door>>,
}

impl runtime::Listener for Listener {
    type Stream = Stream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Stream, Option<SocketAddr>)>> {
        let mut door = lock(&self.door);
        match door.waiting.pop_front() {
            Some(stream) => Poll::Ready(Ok((stream, None))),
            None => {
                let replaced = door.listener.replace(cx.waker().clone());
                drop(door);
                drop(replaced);
                Poll::Pending
            }
        }
    }

    fn accept_now(&mut self) -> io::Result<(Stream, Option<SocketAddr>)> {
        let stream = lock(&self.door).waiting.pop_front();
        stream.map(|stream| (stream, None)).ok_or_else(|| ErrorKind::WouldBlock.into())
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let waiting = {
            let mut door = lock(&self.door);
            door.closed = true;
            mem::take(&mut door.waiting)
        };
        waiting.into_iter().for_each(runtime::Stream::reset);
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
