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
//! [`in_memory`](Server::in_memory) makes a server without a socket, [`bind_blocking`](Server::bind_blocking) one for a client
//! that blocks. The [guides](guide) show each, a page at a time. [`explore`](Server::explore) finds clients that are right only when TCP delivers every message in one piece.
//!
//! # A server that is not up
//! [`refusing`](Builder::refusing) makes a server that has its port and refuses its clients, until [`open`](Server::open) has it
//! listen. One that is [`unresponsive`](Builder::unresponsive) gives them no answer. To reset clients that were accepted, a script
//! needs no option: `expect_connect(); reset();`.
//!
//! ```
//! use tcpclient_tokio::prelude::*;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() { tries_again().await }
//! # /*
//! #[tokio::test]
//! # */
//! async fn tries_again() {
//!     let server = TcpServer::builder().refusing().bind().await.unwrap();
//!     TcpStream::connect(server.local_addr()).await.unwrap_err();
//!
//!     server.open().unwrap();
//!     server.expect_connect();
//!     server.send_bytes("220 ready");
//!     let mut client = TcpStream::connect(server.local_addr()).await.unwrap();
//!     client.read_exact(&mut [0; 9]).await.unwrap();
//!     drop(client);
//!
//!     server.finish().await;
//! }
//! ```
//!
//! # Limits
//! - A server of `bind` runs as a task of the test's runtime, which needs its I/O and time drivers (`enable_all`), and ends with it.
//!   A *blocking* client must not block the thread that the server needs: it wants `bind_blocking`, also in the body of a
//!   `#[tokio::test]`.
//! - While tokio's clock is paused, a server on sockets goes by real time; and while a server of `bind` waits for a step, that clock
//!   stands still, so that no timeout of the client goes off early. A client that sleeps needs a server in memory, which goes by
//!   the paused clock. A server of `bind_blocking` knows nothing of the test's clock.
//! - How much of what it was sent a client left unread is known on Linux and in memory; elsewhere, only that it left something.
#![cfg_attr(docsrs, feature(doc_cfg))]
use core::net::SocketAddr;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std::io;

use tcpclient_core::server::transport::{self, Transport};
use tcpclient_core::server::{Server, Servers, runtime, socket};
use tcpclient_core::time::Instant;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Sleep;

#[doc(inline)]
pub use tcpclient_core::server::memory::TokioStream as MemoryStream;
#[doc(inline)]
pub use tcpclient_core::server::{Anytime, Block, Builder, Explored, Failure, HandOver, Pushed, RawStream, Script};
#[cfg(feature = "tls")]
#[doc(inline)]
pub use tcpclient_core::tls;
#[doc(inline)]
pub use tcpclient_core::{
    framing, framing::Framing, pattern, pattern::Pattern, reply, reply::Reply, report, transcript,
};

/// A scripted TCP server on tokio.
///
/// | verb | meaning |
/// |---|---|
/// | [`expect_connect`](Script::expect_connect) | a client connects |
/// | [`expect_bytes`](Script::expect_bytes), [`expect_frame`](Script::expect_frame) | the client sends this |
/// | [`expect_line`](Script::expect_line), [`expect_until`](Script::expect_until) | the client sends this, with an end that is seen |
/// | [`expect_silence`](Script::expect_silence) | the client sends nothing for a while |
/// | [`expect_no_connect`](Script::expect_no_connect) | nobody connects for a while |
/// | [`send_bytes`](Script::send_bytes), [`send_frame`](Script::send_frame), [`send_line`](Script::send_line) | the server sends this |
/// | [`reply`](Script::reply), [`reply_frame`](Script::reply_frame) | the server sends what a closure makes of the last message |
/// | [`framing`](Script::framing) | from here on, messages are cut in this way |
/// | [`repeat`](Script::repeat), [`repeat_until_disconnect`](Script::repeat_until_disconnect) | a fragment of a script, so many times, or as often as the client likes |
/// | [`optional`](Script::optional) | a fragment that is played if its message comes |
/// | [`anytime`](Script::anytime) | whenever this message comes, it is answered |
/// | [`stop_reading`](Script::stop_reading) | the server reads no more than it expects |
/// | [`wait_until_read`](Script::wait_until_read) | the client has read all that it was sent |
/// | [`expect_eof`](Script::expect_eof) | the client ends its stream, and may go on reading |
/// | [`expect_disconnect`](Script::expect_disconnect) | the client closes, having read all |
/// | [`shutdown`](Script::shutdown) | the server ends its stream, and goes on reading |
/// | [`disconnect`](Script::disconnect), [`reset`](Script::reset) | the server closes, or aborts |
/// | [`hand_over`](Script::hand_over) | the test's own code goes on with the connection |
/// | `start_tls`, `refuse_tls`, `interrupt_tls`, `truncate` | TLS, with the feature `tls` |
/// | [`pause`](Script::pause) | nothing is played for a while |
/// | [`mark`](Script::mark), [`reached`](Script::reached) | the test, or another script, waits until the script has come so far |
/// | [`hold`](Script::hold), [`release`](Script::release) | the script waits until the test, or another script, lets it go on |
/// | [`script`](Server::script) | one more script runs beside the others, for a connection at the same time |
/// | [`join`](Server::join), [`finish`](Server::finish) | the test asks how it went |
///
/// [`run`](Server::run) binds a server, runs a test body with it and finishes it.
/// [`explore`](Server::explore) plays a test body for every way in which TCP could have cut the bytes.
pub type TcpServer = Server<Tokio>;

/// Several scripted TCP servers on tokio, for one test.
pub type TcpServers = Servers<Tokio>;

// In the documentation alone: a build has nothing of it.
#[cfg(any(doc, doctest))]
pub mod guide;

/// All that a test needs: the server, and what a client on tokio is made of.
pub mod prelude {
    pub use crate::{Failure, Framing, MemoryStream, Pattern, Pushed, Reply, Script, TcpServer, TcpServers};
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
    type MemoryStream = MemoryStream;

    fn listen(listener: std::net::TcpListener) -> io::Result<Listener> {
        TcpListener::from_std(listener).map(Listener)
    }

    fn timer(clock: runtime::Clock) -> Timer {
        let own = tokio::time::Instant::now();
        Timer {
            clock,
            real: std::time::Instant::now(),
            own,
            alarm: None,
            sleep: Box::pin(tokio::time::sleep_until(own)),
            is_set: false,
            thread: None,
            hold: None,
        }
    }

    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(task);
    }

    fn block_on<F: Future>(future: F) -> io::Result<F::Output> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(future))
    }
}

/// A listening socket.
#[derive(Debug)]
pub struct Listener(TcpListener);

impl runtime::Listener for Listener {
    type Stream = transport::Stream<Tokio>;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, Option<SocketAddr>)>> {
        let (stream, peer) = ready!(self.0.poll_accept(cx))?;
        Poll::Ready(Ok((transport::Stream::new(stream), Some(peer))))
    }

    fn accept_now(&mut self) -> io::Result<(Self::Stream, Option<SocketAddr>)> {
        let (stream, peer) = socket::accept_now(&self.0)?;
        Ok((transport::Stream::new(TcpStream::from_std(stream)?), peer))
    }
}

impl Transport for Tokio {
    type Socket = TcpStream;

    fn poll_read(socket: &mut TcpStream, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        ready!(Pin::new(socket).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }

    fn poll_write(socket: &mut TcpStream, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(socket).poll_write(cx, bytes)
    }
}

/// A clock, and an alarm.
#[derive(Debug)]
pub struct Timer {
    clock: runtime::Clock,
    real: std::time::Instant,
    own: tokio::time::Instant,
    alarm: Option<runtime::Alarm>,
    sleep: Pin<Box<Sleep>>,
    /// Whether it was set for that alarm.
    is_set: bool,
    /// What the alarm is while tokio's clock is paused, and the server's is not.
    thread: Option<runtime::ThreadSleep>,
    /// What keeps tokio's clock from jumping meanwhile.
    hold: Option<runtime::ThreadSleep>,
}

impl Timer {
    /// Says whether tokio's clock stands still while it should not.
    fn is_paused(&self) -> bool {
        if self.clock == runtime::Clock::Runtime {
            return false;
        }
        let own = tokio::time::Instant::now();
        if tokio::time::Instant::now() != own {
            return false;
        }
        // It stands still, or was asked twice within its tick.
        let real = std::time::Instant::now();
        let moved = core::iter::repeat_with(std::time::Instant::now).any(|now| now != real);
        moved && tokio::time::Instant::now() == own
    }

    /// Returns the moment on tokio's clock that is this on the server's.
    fn on_tokio(&self, at: Instant) -> tokio::time::Instant {
        match self.clock {
            runtime::Clock::Real => tokio::time::Instant::now() + at.since(runtime::Timer::now(self)),
            runtime::Clock::Runtime => self.own + at.since(Instant::ORIGIN),
        }
    }
}

impl runtime::Timer for Timer {
    fn now(&self) -> Instant {
        match self.clock {
            runtime::Clock::Real => Instant::at(self.real.elapsed()),
            runtime::Clock::Runtime => Instant::at(self.own.elapsed()),
        }
    }

    fn set_alarm(&mut self, alarm: Option<runtime::Alarm>) {
        (self.alarm, self.is_set, self.thread, self.hold) = (alarm, false, None, None);
    }

    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // The clock may be paused since the alarm was set.
        if let (Some(alarm), None) = (self.alarm, &self.thread) {
            if self.is_paused() {
                let wait = alarm.at.since(runtime::Timer::now(self));
                self.thread = Some(runtime::ThreadSleep::new(wait, |wait| drop(std::thread::spawn(wait))));
                // As long as such a task runs, tokio does not make its clock jump. It ends when the driver has heard the alarm.
                let hold = || runtime::ThreadSleep::new(Duration::MAX, |wait| drop(tokio::task::spawn_blocking(wait)));
                self.hold = alarm.owed.then(hold);
            } else if !self.is_set {
                let at = self.on_tokio(alarm.at);
                self.sleep.as_mut().reset(at);
                self.is_set = true;
            }
        }
        let rang = match &mut self.thread {
            Some(thread) => Pin::new(thread).poll(cx),
            None => self.sleep.as_mut().poll(cx),
        };
        if rang.is_ready() {
            self.hold = None;
        }
        rang
    }

    fn remark(&self) -> Option<&'static str> {
        self.is_paused()
            .then_some("tokio's clock is paused: a timeout of the client goes off as soon as everybody waits")
    }
}
