//! Scripted TCP servers for testing TCP clients on async-std.
//!
//! A test says what its client must send and what the server answers; the server plays that script on a real loopback socket;
//! and when the client strays from it, the test fails at once, with the step, its source line, the bytes, and what the client
//! did. Add this crate as a dev-dependency, beside `async-std` with the feature `attributes`.
//!
//! ```
//! use tcpclient_async_std::prelude::*;
//!
//! # fn main() { async_std::task::block_on(hello()) }
//! # /*
//! #[async_std::test]
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
//! The [guides](https://docs.rs/tcpclient-tokio/latest/tcpclient_tokio/guide/) are those of `tcpclient-tokio`: the items are the same.
//!
//! [`in_memory`](Server::in_memory) makes a server without a socket, [`bind_blocking`](Server::bind_blocking) one for a client
//! that blocks. [`explore`](Server::explore) finds clients that are right only when TCP delivers every message in one piece.
//!
//! async-std is discontinued (RUSTSEC-2025-0052). This crate is for clients that still support it.
//!
//! # A server that is not up
//! [`refusing`](Builder::refusing) makes a server that has its port and refuses its clients, until [`open`](Server::open) has it
//! listen. One that is [`unresponsive`](Builder::unresponsive) gives them no answer. To reset clients that were accepted, a script
//! needs no option: `expect_connect(); reset();`.
//!
//! ```
//! use tcpclient_async_std::prelude::*;
//!
//! # fn main() { async_std::task::block_on(tries_again()) }
//! # /*
//! #[async_std::test]
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
//! - A server of `bind` runs as a task of async-std's executor, until it is dropped. A *blocking* client may stand in the body of
//!   a test, but not in a spawned task: that could take the thread which the server needs. There it wants `bind_blocking`.
//! - `close` on async-std's `TcpStream` sends nothing: a client half-closes with `shutdown`. In memory `close` half-closes.
//! - How much of what it was sent a client left unread is known on Linux and in memory; elsewhere, only that it left something.
#![cfg_attr(docsrs, feature(doc_cfg))]
use core::net::SocketAddr;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io;
use std::sync::Arc;

use async_std::net::{TcpListener, TcpStream};
use async_std::task;
use tcpclient_core::server::transport::{self, FuturesIo};
use tcpclient_core::server::{Server, Servers, runtime, socket};

#[doc(inline)]
pub use tcpclient_core::server::memory::Stream as MemoryStream;
#[doc(inline)]
pub use tcpclient_core::server::{Anytime, Block, Builder, Explored, Failure, HandOver, Pushed, RawStream, Script};
#[cfg(feature = "tls")]
#[doc(inline)]
pub use tcpclient_core::tls;
#[doc(inline)]
pub use tcpclient_core::{
    framing, framing::Framing, pattern, pattern::Pattern, reply, reply::Reply, report, transcript,
};

/// A scripted TCP server on async-std.
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
pub type TcpServer = Server<AsyncStd>;

/// Several scripted TCP servers on async-std, for one test.
pub type TcpServers = Servers<AsyncStd>;

/// All that a test needs: the server, and what a client on async-std is made of.
pub mod prelude {
    pub use crate::{Failure, Framing, MemoryStream, Pattern, Pushed, Reply, Script, TcpServer, TcpServers};
    pub use async_std::io::prelude::*;
    pub use async_std::net::TcpStream;
    pub use core::time::Duration;
}

/// The async-std runtime.
#[derive(Debug)]
pub struct AsyncStd;

impl runtime::Runtime for AsyncStd {
    type Listener = Listener;
    type Timer = runtime::SleepTimer;
    type MemoryStream = MemoryStream;

    const CLOSING: Option<&'static str> =
        Some("on async-std, close() of a TcpStream sends nothing: drop the stream, or call shutdown()");

    fn listen(listener: std::net::TcpListener) -> io::Result<Listener> {
        Ok(Listener { socket: Arc::new(TcpListener::from(listener)), accepting: None })
    }

    fn timer(_: runtime::Clock) -> runtime::SleepTimer {
        runtime::SleepTimer::new(|span| Box::pin(task::sleep(span)))
    }

    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        task::spawn(task);
    }

    fn block_on<F: Future>(future: F) -> io::Result<F::Output> {
        Ok(task::block_on(future))
    }
}

/// A listening socket.
pub struct Listener {
    socket: Arc<TcpListener>,
    accepting: Option<Accepting>,
}

type Accepting = Pin<Box<dyn Future<Output = io::Result<(TcpStream, SocketAddr)>> + Send>>;

impl runtime::Listener for Listener {
    type Stream = transport::Stream<FuturesIo<TcpStream>>;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, Option<SocketAddr>)>> {
        let socket = &self.socket;
        let accepting = self.accepting.get_or_insert_with(|| {
            let socket = Arc::clone(socket);
            Box::pin(async move { socket.accept().await })
        });
        let result = ready!(accepting.as_mut().poll(cx));
        self.accepting = None;
        Poll::Ready(result.map(|(stream, peer)| (transport::Stream::new(stream), Some(peer))))
    }

    fn accept_now(&mut self) -> io::Result<(Self::Stream, Option<SocketAddr>)> {
        let (stream, peer) = socket::accept_now(&*self.socket)?;
        Ok((transport::Stream::new(TcpStream::from(stream)), peer))
    }
}

impl core::fmt::Debug for Listener {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Listener").field(&self.socket).finish()
    }
}
