//! A connection that a script has given away.

use super::runtime::Stream;
use crate::security::{State, Trouble};
use crate::session::{Arrival, Channel};
use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
#[cfg(any(feature = "futures-io", feature = "tokio-io"))]
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io;
use std::net::TcpStream;

/// A connection to a client that a script has [handed over](super::Script::hand_over). It is the test's own from then on: no step and no report
/// knows what happens on it. Dropping it closes it. If the script had encrypted it, it goes on so: what is read and written here is what was
/// meant, and to end the stream says so in TLS.
///
/// It has the I/O traits of the runtime: with the feature `futures-io` those of futures-io, with `tokio-io` those of tokio. What the client had
/// sent already, and no step had claimed, is read first.
pub struct RawStream {
    /// What comes before all that is still to be read, and how much of that was.
    received: Vec<u8>,
    taken: usize,
    stream: Box<dyn Stream>,
    /// What encrypts it, if it is.
    channel: Option<Box<Channel>>,
}

/// The most bytes that are read at once of what is encrypted.
const PIECE: usize = 16 << 10;

impl RawStream {
    pub(super) fn new(stream: impl Stream, received: Vec<u8>, channel: Option<Box<Channel>>) -> Self {
        stream.set_nodelay();
        Self { received, taken: 0, stream: Box::new(stream), channel }
    }

    /// Returns the socket, for code that wants one of its own, and the bytes that the client had sent already: they come before all that is
    /// read from the socket. It blocks, as a socket of std does at first.
    ///
    /// # Errors
    /// Returns an error of kind `Unsupported` for a connection in memory and for one that is encrypted, and the errors of the system.
    pub fn into_std(self) -> io::Result<(TcpStream, Vec<u8>)> {
        if self.channel.is_some() {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "the connection is encrypted, and a socket is not"));
        }
        let stream = self.stream.to_std()?;
        stream.set_nonblocking(false)?;
        let mut received = self.received;
        received.drain(..self.taken);
        Ok((stream, received))
    }

    /// Reads, or has the task woken when there is something. 0 bytes are the end of the stream; in TLS, be it said by a `close_notify` or not.
    ///
    /// # Errors
    /// Returns the error of the connection.
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        if self.received.is_empty() && !buffer.is_empty() {
            let Some(channel) = &mut self.channel else { return self.stream.poll_read(cx, buffer) };
            match ready!(Self::decrypt(channel, &mut *self.stream, cx))? {
                Some(plain) => self.received = plain,
                None => return Poll::Ready(Ok(0)),
            }
        }
        let left = &self.received[self.taken..];
        let count = left.len().min(buffer.len());
        buffer[..count].copy_from_slice(&left[..count]);
        self.taken += count;
        if self.taken == self.received.len() {
            (self.received, self.taken) = (Vec::new(), 0);
        }
        Poll::Ready(Ok(count))
    }

    /// Writes, or has the task woken when there is room. Of a connection that is encrypted, some may stay behind until it is
    /// [flushed](Self::poll_flush), or used again.
    ///
    /// # Errors
    /// Returns the error of the connection.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Some(channel) = &mut self.channel else { return self.stream.poll_write(cx, bytes) };
        ready!(Self::flush(channel, &mut *self.stream, cx))?;
        let sealed = channel.seal(bytes);
        if sealed == 0 && !bytes.is_empty() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        match Self::flush(channel, &mut *self.stream, cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(sealed)),
        }
    }

    /// Sends what stayed behind.
    ///
    /// # Errors
    /// Returns the error of the connection.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.channel {
            Some(channel) => Self::flush(channel, &mut *self.stream, cx),
            None => Poll::Ready(Ok(())),
        }
    }

    /// Ends the stream that the client is sent; in TLS as well, if it is encrypted.
    ///
    /// # Errors
    /// Returns the error of the connection.
    pub fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(channel) = &mut self.channel {
            ready!(Self::flush(channel, &mut *self.stream, cx))?;
            channel.close();
            ready!(Self::flush(channel, &mut *self.stream, cx))?;
        }
        self.stream.poll_shutdown(cx)
    }

    /// Returns what the client has to say next; nothing at the end of its stream.
    fn decrypt(
        channel: &mut Channel,
        stream: &mut dyn Stream,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Option<Vec<u8>>>> {
        loop {
            // What TLS has to say goes out whenever there is room; it keeps nobody from reading.
            if let Poll::Ready(Err(error)) = Self::flush(channel, stream, cx) {
                return Poll::Ready(Err(error));
            }
            match channel.next() {
                Some(Arrival { trouble: Some(trouble), .. }) => {
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, trouble.to_string())));
                }
                Some(arrival) if !arrival.plain.is_empty() => return Poll::Ready(Ok(Some(arrival.plain))),
                Some(_) => continue,
                None if channel.is_broken() => return Poll::Ready(Err(io::ErrorKind::InvalidData.into())),
                None => {}
            }
            if channel.state() == State::Closed {
                return Poll::Ready(Ok(None));
            }
            let mut piece = vec![0; PIECE];
            match ready!(stream.poll_read(cx, &mut piece))? {
                0 => {
                    return Poll::Ready(match channel.remainder() {
                        None => Ok(None),
                        Some((bytes, of)) => {
                            Err(io::Error::new(io::ErrorKind::UnexpectedEof, Trouble::Cut { bytes, of }.to_string()))
                        }
                    });
                }
                count => channel.receive(&piece[..count]),
            }
        }
    }

    fn flush(channel: &mut Channel, stream: &mut dyn Stream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !channel.pending().is_empty() {
            match ready!(stream.poll_write(cx, channel.pending()))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => _ = channel.took(count),
            }
        }
        Poll::Ready(Ok(()))
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

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Self::poll_flush(&mut self, cx)
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
        let count = ready!(Self::poll_read(&mut self, cx, buffer.initialize_unfilled()))?;
        buffer.advance(count);
        Poll::Ready(Ok(()))
    }
}

#[cfg(feature = "tokio-io")]
impl tokio::io::AsyncWrite for RawStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Self::poll_write(&mut self, cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Self::poll_flush(&mut self, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Self::poll_shutdown(&mut self, cx)
    }
}

#[cfg(test)]
mod tests;
