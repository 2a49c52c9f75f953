//! A connection that a script has given away.

use super::runtime::Stream;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
#[cfg(any(feature = "futures-io", feature = "tokio-io"))]
use core::pin::Pin;
use core::task::{Context, Poll};
use std::io;
use std::net::TcpStream;

/// A connection to a client that a script has [handed over](super::Script::hand_over). It is the test's own from then on: no step and no report
/// knows what happens on it. Dropping it closes it.
///
/// It has the I/O traits of the runtime: with the feature `futures-io` those of futures-io, with `tokio-io` those of tokio. What the client had
/// sent already, and no step had claimed, is read first.
pub struct RawStream {
    /// What comes before all that is still to be read, and how much of that was.
    received: Vec<u8>,
    taken: usize,
    stream: Box<dyn Stream>,
}

impl RawStream {
    pub(super) fn new(stream: impl Stream, received: Vec<u8>) -> Self {
        stream.set_nodelay();
        Self { received, taken: 0, stream: Box::new(stream) }
    }

    /// Returns the socket, for code that wants one of its own, and the bytes that the client had sent already: they come before all that is
    /// read from the socket. It blocks, as a socket of std does at first.
    ///
    /// # Errors
    /// Returns an error of kind `Unsupported` for a connection in memory, and the errors of the system.
    pub fn into_std(self) -> io::Result<(TcpStream, Vec<u8>)> {
        let stream = self.stream.to_std()?;
        stream.set_nonblocking(false)?;
        let mut received = self.received;
        received.drain(..self.taken);
        Ok((stream, received))
    }

    /// Reads, or has the task woken when there is something. 0 bytes are the end of the stream.
    ///
    /// # Errors
    /// Returns the error of the connection.
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let left = &self.received[self.taken..];
        if left.is_empty() {
            return self.stream.poll_read(cx, buffer);
        }
        let count = left.len().min(buffer.len());
        buffer[..count].copy_from_slice(&left[..count]);
        self.taken += count;
        if self.taken == self.received.len() {
            (self.received, self.taken) = (Vec::new(), 0);
        }
        Poll::Ready(Ok(count))
    }

    /// Writes, or has the task woken when there is room.
    ///
    /// # Errors
    /// Returns the error of the connection.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.stream.poll_write(cx, bytes)
    }

    /// Ends the stream that the client is sent.
    ///
    /// # Errors
    /// Returns the error of the connection.
    pub fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_shutdown(cx)
    }
}

impl fmt::Debug for RawStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawStream").field("received", &(self.received.len() - self.taken)).finish_non_exhaustive()
    }
}

#[cfg(feature = "futures-io")]
impl ::futures_io::AsyncRead for RawStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        Self::poll_read(&mut self, cx, buffer)
    }
}

#[cfg(feature = "futures-io")]
impl ::futures_io::AsyncWrite for RawStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Self::poll_write(&mut self, cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_shutdown(cx)
    }
}

#[cfg(feature = "tokio-io")]
impl tokio::io::AsyncRead for RawStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let count = core::task::ready!(Self::poll_read(&mut self, cx, buffer.initialize_unfilled()))?;
        buffer.advance(count);
        Poll::Ready(Ok(()))
    }
}

#[cfg(feature = "tokio-io")]
impl tokio::io::AsyncWrite for RawStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Self::poll_write(&mut self, cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Self::poll_shutdown(&mut self, cx)
    }
}
