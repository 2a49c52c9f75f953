//! Scripted TCP servers for testing TCP clients on tokio.
//!
//! A test says what its client must send and what the server answers; the server plays that script on a real loopback socket;
//! and when the client strays from it, the test fails at once, with the step, its source line, the bytes, and what the client
//! did. Add this crate as a dev-dependency, beside `tokio` with the features `macros` and `rt`.
//!
//! ```
//! use tcpclient_tokio::prelude::*;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() { hello().await }
//! # /*
//! #[tokio::test]
//! # */
//! async fn hello() {
//!     let server = TcpServer::bind().await.unwrap();
//!     server.expect_connect();
//!     server.expect_bytes(b"Hello, server!");
//!     server.send_bytes(b"Hello, client!");
//!     server.expect_disconnect();
//!
//!     let mut client = TcpStream::connect(server.local_addr()).await.unwrap();
//!     client.write_all(b"Hello, server!").await.unwrap();
//!     let mut reply = [0; 14];
//!     client.read_exact(&mut reply).await.unwrap();
//!     drop(client);
//!
//!     server.join().await;
//! }
//! ```
//!
//! # Limits
//! - The server runs as a task of the test's runtime, which needs its I/O and time drivers (`enable_all`). A *blocking* client
//!   must not run on the thread that the server needs: use `spawn_blocking`, or a runtime with several threads.
//! - The server's deadlines are in real time, also while tokio's clock is paused; but then its waiting makes that clock run ahead.
//! - How much of what it was sent a client left unread is not known, only that it left something.
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
pub use tcpclient_core::server::{Builder, Failure, Pushed, Script};
#[doc(inline)]
pub use tcpclient_core::{framing::Framing, pattern::Pattern, report, transcript};

/// A scripted TCP server on tokio.
///
/// | verb | meaning |
/// |---|---|
/// | [`expect_connect`](Script::expect_connect) | a client connects |
/// | [`expect_bytes`](Script::expect_bytes), [`expect_frame`](Script::expect_frame) | the client sends this |
/// | [`send_bytes`](Script::send_bytes), [`send_frame`](Script::send_frame) | the server sends this |
/// | [`expect_disconnect`](Script::expect_disconnect) | the client closes, having read all |
/// | [`disconnect`](Script::disconnect), [`reset`](Script::reset) | the server closes, or aborts |
/// | [`join`](Script::join), [`finish`](Server::finish) | the test asks how it went |
///
/// [`run`](Server::run) binds a server, runs a test body with it and finishes it.
pub type TcpServer = Server<Tokio>;

/// Several scripted TCP servers on tokio, for one test.
pub type TcpServers = Servers<Tokio>;

/// All that a test needs: the server, and what a client on tokio is made of.
pub mod prelude {
    pub use crate::{Failure, Framing, Pattern, Script, TcpServer, TcpServers};
    pub use core::time::Duration;
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

    fn set_alarm(&mut self, at: Instant) {
        let wait = at.since(runtime::Timer::now(self));
        self.sleep.as_mut().reset(tokio::time::Instant::now() + wait);
    }

    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.sleep.as_mut().poll(cx)
    }
}
