//! Sockets of an async runtime: what is the same for all of them.

use super::probe::{self, Probe};
use super::{runtime, socket};
use crate::session::Peer;
use alloc::boxed::Box;
use core::cell::Cell;
#[cfg(feature = "futures-io")]
use core::marker::PhantomData;
#[cfg(feature = "futures-io")]
use core::pin::Pin;
use core::task::{Context, Poll};
use socket2::SockRef;
use std::io::{self, ErrorKind};
use std::net::TcpStream;

/// How a runtime reads and writes its sockets.
pub trait Transport: 'static {
    /// A connected socket of the runtime.
    type Socket: Send + Unpin + 'static;

    /// Reads, or has the task woken when there is something. 0 bytes are the end of the stream.
    ///
    /// # Errors
    /// Returns the error of the system.
    fn poll_read(socket: &mut Self::Socket, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Writes, or has the task woken when there is room.
    ///
    /// # Errors
    /// Returns the error of the system.
    fn poll_write(socket: &mut Self::Socket, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;
}

/// A socket as a [`runtime::Stream`]: what the transport does not do is asked of the system itself.
#[derive(Debug)]
pub struct Stream<T: Transport> {
    socket: T::Socket,
    /// It is large, and the stream goes from hand to hand.
    probe: Option<Box<Probe>>,
    /// The number of bytes written.
    written: u64,
    /// Whether the end of the stream was sent.
    finished: bool,
    /// Whether the connection has met an error, so that it is no more.
    broken: Cell<bool>,
}

impl<T: Transport> Stream<T> {
    /// Returns the stream of a connected socket.
    pub fn new(socket: T::Socket) -> Self {
        Self { socket, probe: None, written: 0, finished: false, broken: Cell::new(false) }
    }
}

impl<T: Transport> Stream<T>
where
    for<'s> SockRef<'s>: From<&'s T::Socket>,
{
    /// Takes note of an error.
    fn note<V>(&self, result: io::Result<V>) -> io::Result<V> {
        let passing = |error: &io::Error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted);
        if result.as_ref().is_err_and(|error| !passing(error)) {
            self.broken.set(true);
        }
        result
    }

    fn probe(&mut self) -> Option<&mut Probe> {
        if self.probe.is_none() {
            if !probe::is_available() {
                return None;
            }
            let socket = SockRef::from(&self.socket);
            let server = socket.local_addr().ok()?.as_socket()?;
            // It is known as long as the connection is.
            let client = socket.peer_addr().ok()?.as_socket()?;
            self.probe = Probe::new(server, client).map(Box::new);
        }
        self.probe.as_deref_mut()
    }
}

impl<T: Transport> runtime::Stream for Stream<T>
where
    for<'s> SockRef<'s>: From<&'s T::Socket>,
{
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        T::poll_read(&mut self.socket, cx, buffer).map(|result| self.note(result))
    }

    fn read_now(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.note(socket::read_now(&self.socket, buffer))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut result = T::poll_write(&mut self.socket, cx, bytes);
        if result.is_pending() {
            // A runtime that has not heard of a new socket yet takes it for full.
            match socket::write_now(&self.socket, bytes) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                answer => result = Poll::Ready(answer),
            }
        }
        if let Poll::Ready(Ok(count)) = &result {
            self.written += *count as u64;
        }
        result.map(|result| self.note(result))
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.finished = true;
        // Not the runtime's own way: to close a stream of async-std sends nothing.
        Poll::Ready(socket::shutdown(&self.socket))
    }

    fn set_nodelay(&self) {
        socket::set_nodelay(&self.socket);
    }

    fn take_error(&self) -> Option<io::Error> {
        let error = socket::take_error(&self.socket);
        if error.is_some() {
            self.broken.set(true);
        }
        error
    }

    fn watch(&mut self) -> bool {
        self.probe().is_some_and(Probe::watch)
    }

    fn watch_on(&mut self) {
        if let Some(probe) = &mut self.probe {
            probe.narrow();
        }
    }

    fn peer(&mut self) -> Option<Peer> {
        // A client behind an error is gone for certain.
        let (written, may_stay) = (self.written, self.finished && !self.broken.get());
        self.probe()?.peer(written, may_stay)
    }

    fn to_std(&self) -> io::Result<TcpStream> {
        socket::to_std(&self.socket)
    }

    fn reset(self) {
        socket::reset_on_close(&self.socket);
    }
}

/// The transport of runtimes whose sockets speak futures-io.
#[cfg(feature = "futures-io")]
#[derive(Debug)]
pub struct FuturesIo<S>(PhantomData<fn() -> S>);

#[cfg(feature = "futures-io")]
impl<S> Transport for FuturesIo<S>
where
    S: futures_io::AsyncRead + futures_io::AsyncWrite + Send + Unpin + 'static,
{
    type Socket = S;

    fn poll_read(socket: &mut S, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(socket).poll_read(cx, buffer)
    }

    fn poll_write(socket: &mut S, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(socket).poll_write(cx, bytes)
    }
}
