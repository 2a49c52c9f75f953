//! x
use core::net::SocketAddr;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std::io;

use tcpclient_core::server::{Server, Servers, runtime, socket};
use tcpclient_core::time::Instant;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Sleep;

#[doc(inline)]
pub use tcpclient_core::server::Script;

/// A scripted TCP server on tokio.
pub type TcpServer = Server<Tokio>;

/// Several scripted TCP servers on tokio, for one test.
pub type TcpServers = Servers<Tokio>;

/// All that a test needs: the server, and what a client on tokio is made of.
pub mod prelude {
    pub use crate::{Script, TcpServer, TcpServers};
    pub use core::time::Duration;
    pub use tcpclient_core::framing::Framing;
    pub use tcpclient_core::pattern::Pattern;
    pub use tcpclient_core::server::Failure;
    pub use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
    pub use tokio::net::TcpStream;
}

/// The tokio runtime.
#[derive(Debug)]
pub struct Tokio;

impl runtime::Runtime for Tokio {
    type Listener = Listener;
    type Timer = Timer;

    fn listen(listener: std::net::TcpListener) -> io::Result<Listener> {
        TcpListener::from_std(listener).map(Listener)
    }

    fn timer() -> Timer {
        Timer { origin: std::time::Instant::now(), sleep: Box::pin(tokio::time::sleep(Duration::ZERO)) }
    }

    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(task);
    }
}

/// A listening socket.
#[derive(Debug)]
pub struct Listener(TcpListener);

impl runtime::Listener for Listener {
    type Stream = Stream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Stream, SocketAddr)>> {
        let (stream, peer) = ready!(self.0.poll_accept(cx))?;
        Poll::Ready(Ok((Stream(stream), peer)))
    }

    fn accept_now(&mut self) -> io::Result<(Stream, SocketAddr)> {
        let (stream, peer) = socket::accept_now(&self.0)?;
        Ok((Stream(TcpStream::from_std(stream)?), peer))
    }
}

/// A connection.
#[derive(Debug)]
pub struct Stream(TcpStream);

impl runtime::Stream for Stream {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        ready!(Pin::new(&mut self.0).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }

    fn read_now(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        socket::read_now(&self.0, buffer)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }

    fn set_nodelay(&self) {
        socket::set_nodelay(&self.0);
    }

    fn take_error(&self) -> Option<io::Error> {
        socket::take_error(&self.0)
    }

    fn reset(self) {
        socket::reset(self.0);
    }
}

/// A clock in real time, and an alarm.
#[derive(Debug)]
pub struct Timer {
    origin: std::time::Instant,
    sleep: Pin<Box<Sleep>>,
}

impl runtime::Timer for Timer {
    fn now(&self) -> Instant {
        Instant::at(self.origin.elapsed())
    }

    fn poll_until(&mut self, cx: &mut Context<'_>, at: Instant) -> Poll<()> {
        let wait = at.since(runtime::Timer::now(self));
        self.sleep.as_mut().reset(tokio::time::Instant::now() + wait);
        self.sleep.as_mut().poll(cx)
    }
}
