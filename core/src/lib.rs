//! The core of tcpclient: scripted TCP servers for testing TCP clients.
//!
//! Users of an async runtime want an adapter instead of this crate: `tcpclient-tokio` has the same scripts, ready to use. The
//! core is for those who embed scripts in a harness of their own. It is sans-IO: it has no socket, no clock and no task; by
//! default it is `no_std` with `alloc` and has no dependency.
//!
//! - A [`Step`](step::Step) is what the server waits for or does next.
//! - A [`Framing`](framing::Framing) says where a message ends, a [`Pattern`](pattern::Pattern) whether it is the right one.
//! - A [`Session`](session::Session) plays the steps: what the transport saw goes in, what it must do comes out.
//! - A [`Report`](report::Report) tells how it ended.
//!
//! # Embedding a session
//! A driver needs no more than this: hand in what happens, drain [`poll_output`](session::Session::poll_output), and sleep until
//! something happens or the time that it names has come. Here with blocking sockets, one client, and a thread for it:
//!
//! ```
//! use std::io::{ErrorKind, Read, Write};
//! use std::net::{Shutdown, TcpListener, TcpStream};
//! use tcpclient_core::report::Cause;
//! use tcpclient_core::session::{Config, Output, Session};
//! use tcpclient_core::step::Step;
//! use tcpclient_core::time::{Duration, Instant};
//!
//! fn play(listener: &TcpListener, session: &mut Session) -> std::io::Result<()> {
//!     let clock = std::time::Instant::now();
//!     let now = || Instant::at(clock.elapsed());
//!     let (mut stream, peer) = listener.accept()?;
//!     session.handle_connection(now(), Some(peer));
//!     let mut buffer = [0; 4096];
//!     while !session.is_done() && !session.has_failed() {
//!         match session.poll_output(now()) {
//!             Output::Accept => {}
//!             Output::ShutDown | Output::Disconnect => stream.shutdown(Shutdown::Write)?,
//!             Output::Reset | Output::HandOver { .. } => break,
//!             Output::Wait(wait) if !wait.send.is_empty() => {
//!                 let count = stream.write(wait.send)?;
//!                 session.handle_sent(now(), count);
//!             }
//!             Output::Wait(wait) => {
//!                 let left = wait.until.map(|until| until.at.since(now()));
//!                 stream.set_read_timeout(left.map(|left| left.max(Duration::from_millis(1))))?;
//!                 match stream.read(&mut buffer) {
//!                     Ok(0) => session.handle_eof(now()),
//!                     Ok(count) => session.handle_bytes(now(), &buffer[..count]),
//!                     Err(e) if e.kind() == ErrorKind::ConnectionReset => session.handle_reset(now()),
//!                     Err(_) => session.handle_timeout(now()),
//!                 }
//!             }
//!         }
//!     }
//!     Ok(())
//! }
//!
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let addr = listener.local_addr()?;
//! let client = std::thread::spawn(move || TcpStream::connect(addr)?.write_all(b"Hullo"));
//!
//! let mut session = Session::new(Config::default());
//! session.push(Step::expect_connect());
//! session.push(Step::expect_bytes("Hello"));
//! play(&listener, &mut session)?;
//! client.join().unwrap()?;
//!
//! let report = session.report("demo", Cause::Interrupted);
//! assert_eq!(report.step(), Some(2));
//! let wrong = Cause::WrongByte { offset: 1, expected: b'e', received: b'u', framed: false };
//! assert_eq!(report.cause(), &wrong);
//! # std::io::Result::Ok(())
//! ```
//!
//! # A runtime of your own
//! With the feature `std` the core has the whole server side, for any async runtime that implements one trait. The module
//! `server::runtime` shows one; the adapters are no more than that.
//!
//! # Features
//! - `std`: the server side that the adapters share, generic over a runtime (the module `server`). Off by default.
//! - `futures-io`: the transport of runtimes that speak futures-io, and those traits on the client's side of connections in
//!   memory. Off by default.
//! - `pcapng`: the whole conversation as a file for Wireshark and the like (the module `capture`). It needs no `std` and has no dependency.
//!   Off by default.
//! - `tls`: TLS from the first byte, and in the middle of a connection (the module `tls`), over rustls. Off by default.
//! - `tokio-io`: the traits of tokio on connections that scripts hand over. Off by default.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![no_std]

extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

mod bytes;
#[cfg(feature = "pcapng")]
pub mod capture;
pub mod framing;
pub mod pattern;
mod preview;
mod render;
pub mod reply;
pub mod report;
pub mod security;
#[cfg(feature = "std")]
pub mod server;
pub mod session;
pub mod step;
pub mod time;
#[cfg(feature = "tls")]
pub mod tls;
pub mod transcript;
