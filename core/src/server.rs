//! The server side that all runtimes share: a [`Server`] listens, a [`Script`] tells it what to do, and one driver plays the
//! script on any [`Runtime`].

mod blocking;
mod builder;
mod capture;
mod driver;
#[cfg(feature = "tls")]
mod encrypt;
mod environment;
mod explore;
mod failure;
mod fixture;
mod hand_over;
mod hub;
mod join;
mod listening;
pub mod memory;
mod plan;
pub mod probe;
mod pushed;
pub mod raw;
pub mod runtime;
mod script;
mod sessions;
pub mod socket;
mod tape;
pub mod transport;

pub use builder::Builder;
pub use explore::{Explore, Explored};
pub use failure::Failure;
pub use fixture::{Run, Servers};
pub use hand_over::HandOver;
pub use join::{Finish, Join, TryFinish, TryJoin};
pub use pushed::{Anytime, Block, Pushed};
pub use raw::RawStream;
pub use script::Script;

use crate::framing::Framing;
use alloc::sync::Arc;
use blocking::block_on;
use core::net::{Ipv4Addr, SocketAddr};
use core::ops::Deref;
use core::panic::Location;
use hub::{Judge, Which};
use listening::Port;
use memory::Entrance;
use runtime::Runtime;
use std::io;

/// A scripted TCP server: a listener, and the script that it plays to whoever connects.
///
/// All verbs are methods of [`Script`], to which a server dereferences: they are those of its main script. For connections at
/// the same time there are more of them, from [`script`](Self::script).
///
/// # Drop
/// A server that is dropped with a failure that nobody was told, or with steps pushed to any of its scripts since the last successful
/// [`join`](Self::join), panics with the report. If the thread is panicking already, it prints the report instead.
#[derive(Debug)]
pub struct Server<R: Runtime> {
    script: Script,
    /// The framing with which scripts begin.
    framing: Framing,
    place: Place,
    judge: Judge,
    runtime: core::marker::PhantomData<fn() -> R>,
}

/// Where clients find a server.
#[derive(Debug)]
enum Place {
    Socket(Arc<Port>),
    Memory(Entrance),
}

impl<R: Runtime> Server<R> {
    /// Listens on 127.0.0.1, on a port that the kernel picks. The server accepts clients from when this returns until it is
    /// dropped.
    ///
    /// Shorthand for `Self::builder().bind()`.
    ///
    /// # Errors
    /// Returns the error of the system, with what was tried.
    #[track_caller]
    pub fn bind() -> impl Future<Output = io::Result<Self>> + Send {
        Self::builder().bind()
    }

    /// Listens as [`bind`](Self::bind) does, and plays the script on a thread of its own: for clients that block, in a plain
    /// `#[test]` or in the body of an async one. The test asks with [`join_blocking`](Self::join_blocking) and
    /// [`finish_blocking`](Self::finish_blocking).
    ///
    /// Shorthand for `Self::builder().bind_blocking()`.
    ///
    /// # Errors
    /// Returns the error of the system, with what was tried.
    #[track_caller]
    pub fn bind_blocking() -> io::Result<Self> {
        Self::builder().bind_blocking()
    }

    /// Makes a server in memory, without a socket: clients come from [`connect_in_memory`](Self::connect_in_memory). It goes by
    /// the clock of its runtime, also where that is paused.
    ///
    /// Shorthand for `Self::builder().in_memory()`.
    ///
    /// # Panics
    /// Panics if `TCPCLIENT_DEADLINE_SCALE` is set to something that is not a number from 0 on, and as the runtime does where it
    /// does not run.
    #[track_caller]
    pub fn in_memory() -> Self {
        Self::builder().in_memory()
    }

    /// Returns a builder, for servers that are not as [`bind`](Self::bind) makes them.
    pub fn builder() -> Builder<R> {
        Builder::new(None)
    }

    fn new(script: Script, framing: Framing, place: Place, judge: Judge) -> Self {
        Self { script, framing, place, judge, runtime: core::marker::PhantomData }
    }

    /// Connects a client to a server in memory and returns the client's side, a stream with the I/O traits of the runtime.
    ///
    /// It behaves as a TCP stream does, with these differences: how much it leaves unread is known exactly; once the server has let
    /// go of the connection a write fails at once, where a socket takes the first; and a read into no room returns at once.
    ///
    /// # Panics
    /// Panics if the server listens on a socket.
    #[track_caller]
    pub fn connect_in_memory(&self) -> R::MemoryStream {
        match &self.place {
            Place::Memory(entrance) => entrance.connect().into(),
            Place::Socket(port) => {
                panic!(
                    "connect_in_memory: this server listens on {}; make it with in_memory(), or connect to local_addr()",
                    port.addr()
                )
            }
        }
    }

    /// Has a server listen that was [`refusing`](Builder::refusing) its clients, on the port that it has had all the time. From when
    /// this returns clients connect, and the script is played to them as ever.
    ///
    /// It may be called at any time and from any thread, and does not wait for the server.
    ///
    /// # Errors
    /// Returns the error of the system, with what was tried: then clients are refused as before, and the server may be opened again.
    /// Also returns an error if the server has ended before, with its fixture or its runtime.
    ///
    /// # Panics
    /// Panics if the server was opened before, and if it never was `refusing`.
    #[track_caller]
    pub fn open(&self) -> io::Result<()> {
        let hub = self.script.hub();
        let result = match &self.place {
            Place::Socket(port) => port.open(),
            Place::Memory(_) => None,
        };
        let Some(result) = result else {
            panic!(
                "open: the scripted server {} listens already; only one that is refusing() does not, until it is opened",
                hub.name()
            );
        };
        hub.wake();
        result
    }

    /// Returns the address to connect to. A server in memory has none: it gives 127.0.0.1 and port 0.
    pub fn local_addr(&self) -> SocketAddr {
        match &self.place {
            Place::Socket(port) => port.addr(),
            Place::Memory(_) => SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        }
    }

    /// Returns the port to connect to.
    pub fn port(&self) -> u16 {
        self.local_addr().port()
    }

    /// Opens one more script, which runs beside the others and has connections of its own: for a client that has several at once.
    ///
    /// The first failure of any script is that of the server: no script is played any further, and all connections are reset.
    ///
    /// # Who gets a client
    /// Scripts take clients in the order in which they came to their [`expect_connect`](Script::expect_connect), and each takes the one
    /// that has waited longest. So open the scripts, and say whom they expect, before the clients connect.
    ///
    /// A client for which no script waits yet waits itself, for the first that does. Meanwhile it is with the main script, whose
    /// transcript and failures it then belongs to; or, if that has an open connection, with the first script that has none. If they all
    /// have one, it is a second connection for the main script, and fails it at once.
    ///
    /// # Order between scripts
    /// A [`mark`](Script::mark) of one script lets every other one go on that [holds](Script::hold) with its name, before anybody is told
    /// that the mark was reached.
    ///
    /// # Panics
    /// Panics if the server has been finished or dropped already.
    ///
    /// # Examples
    /// ```
    /// # use tcpclient_core::server::{memory, runtime::{self, Clock, Runtime, SleepTimer, ThreadSleep}};
    /// # use std::{io, thread};
    /// # struct Threads;
    /// # impl Runtime for Threads {
    /// #     type Listener = memory::Listener;
    /// #     type Timer = SleepTimer;
    /// #     type MemoryStream = memory::Stream;
    /// #     fn listen(_: std::net::TcpListener) -> io::Result<memory::Listener> { Err(io::ErrorKind::Unsupported.into()) }
    /// #     fn timer(_: Clock) -> SleepTimer {
    /// #         SleepTimer::new(|span| Box::pin(ThreadSleep::new(span, |wait| drop(thread::spawn(wait)))))
    /// #     }
    /// #     fn spawn(task: impl Future<Output = ()> + Send + 'static) { thread::spawn(move || Self::block_on(task)); }
    /// #     fn block_on<F: Future>(future: F) -> io::Result<F::Output> { Ok(runtime::block_on(future)) }
    /// # }
    /// # type TcpServer = tcpclient_core::server::Server<Threads>;
    /// # runtime::block_on(async {
    /// let server = TcpServer::in_memory();
    /// server.expect_connect();
    /// server.send_bytes("publish here");
    ///
    /// let subscriber = server.script();
    /// subscriber.expect_connect();
    /// subscriber.send_bytes("subscribe here");
    ///
    /// let first = server.connect_in_memory();
    /// let second = server.connect_in_memory();
    /// server.join().await;
    /// # for (mut client, greeting) in [(first, "publish here"), (second, "subscribe here")] {
    /// #     let mut bytes = vec![0; greeting.len()];
    /// #     std::future::poll_fn(|cx| client.poll_read(cx, &mut bytes)).await?;
    /// #     assert_eq!(bytes, greeting.as_bytes());
    /// # }
    /// server.finish().await;
    /// # io::Result::Ok(())
    /// # })?;
    /// # io::Result::Ok(())
    /// ```
    #[track_caller]
    #[must_use = "a script does nothing until it is given steps"]
    pub fn script(&self) -> Script {
        let hub = self.script.hub();
        let number = hub.open_script();
        Script::new(Arc::clone(hub), number, self.framing.clone(), self.script.security())
    }

    /// Waits until all steps pushed so far are done, on all scripts of the server. It may be joined as often as a test likes.
    ///
    /// The main script alone is joined by a handle on it: `Script::join(&server)`.
    ///
    /// # Panics
    /// The future panics if a script has failed or fails before that: the first time with the whole report, later with a
    /// line that names it.
    #[track_caller]
    pub fn join(&self) -> Join {
        Join::new(self.try_join_as("join()", Location::caller()))
    }

    /// As [`join`](Self::join), but returns the failure as a value.
    ///
    /// # Errors
    /// The future returns the failure, again and again, if a script has failed.
    #[track_caller]
    pub fn try_join(&self) -> TryJoin {
        self.try_join_as("try_join()", Location::caller())
    }

    /// As [`join`](Self::join), for a test that blocks. The server must be one of [`bind_blocking`](Self::bind_blocking).
    ///
    /// # Panics
    /// Panics if a script has failed or fails before that; and if the server plays on the test's own runtime, which would never
    /// come to it.
    #[track_caller]
    pub fn join_blocking(&self) {
        self.script.hub().check_blocking("join_blocking()");
        block_on(Join::new(self.try_join_as("join_blocking()", Location::caller())));
    }

    /// As [`join_blocking`](Self::join_blocking), but returns the failure as a value.
    ///
    /// # Errors
    /// Returns the failure, again and again, if a script has failed.
    ///
    /// # Panics
    /// Panics if the server plays on the test's own runtime, which would never come to it.
    #[track_caller]
    pub fn try_join_blocking(&self) -> Result<(), Failure> {
        self.script.hub().check_blocking("try_join_blocking()");
        block_on(self.try_join_as("try_join_blocking()", Location::caller()))
    }

    fn try_join_as(&self, call: &'static str, location: &'static Location<'static>) -> TryJoin {
        TryJoin::new(self.script.hub(), Which::All, call, location)
    }

    /// Consumes the server: waits until all steps of all scripts are done and the clients have gone, and checks that nothing surplus
    /// arrived, nobody else connected, and every name that was [released](Script::release) is that of a [`hold`](Script::hold). The
    /// listener is gone when it returns.
    ///
    /// Where a connection is open and its script does not end it, an [`expect_disconnect`](Script::expect_disconnect) is implied. Where a
    /// script has [ended](Script::disconnect) one whose client is known to have something left to read, it waits for that as well, at
    /// most until a second has passed since that end.
    ///
    /// # Panics
    /// The future panics with the report if a script has failed or fails now.
    #[track_caller]
    pub fn finish(self) -> Finish<R> {
        Finish::new(TryFinish::new(self, "finish()", Location::caller()))
    }

    /// As [`finish`](Self::finish), but returns the failure as a value.
    ///
    /// # Errors
    /// The future returns the failure if the script has failed or fails now.
    #[track_caller]
    pub fn try_finish(self) -> TryFinish<R> {
        TryFinish::new(self, "try_finish()", Location::caller())
    }

    /// As [`finish`](Self::finish), for a test that blocks. The server must be one of [`bind_blocking`](Self::bind_blocking).
    ///
    /// # Panics
    /// Panics with the report if the script has failed or fails now; and if the server plays on the test's own runtime, which
    /// would never come to it.
    #[track_caller]
    pub fn finish_blocking(self) {
        self.script.hub().check_blocking("finish_blocking()");
        block_on(Finish::new(TryFinish::new(self, "finish_blocking()", Location::caller())));
    }

    /// As [`finish_blocking`](Self::finish_blocking), but returns the failure as a value.
    ///
    /// # Errors
    /// Returns the failure if the script has failed or fails now.
    ///
    /// # Panics
    /// Panics if the server plays on the test's own runtime, which would never come to it.
    #[track_caller]
    pub fn try_finish_blocking(self) -> Result<(), Failure> {
        self.script.hub().check_blocking("try_finish_blocking()");
        block_on(TryFinish::new(self, "try_finish_blocking()", Location::caller()))
    }
}

impl<R: Runtime> Deref for Server<R> {
    type Target = Script;

    fn deref(&self) -> &Script {
        &self.script
    }
}

impl<R: Runtime> Drop for Server<R> {
    fn drop(&mut self) {
        // A fixture still has to finish what it gave out.
        if self.judge == Judge::Drop {
            let hub = self.script.hub();
            hub.close();
            let report = hub.judge_drop();
            hub.leave_capture();
            fixture::tell(report.as_slice());
        }
    }
}

#[cfg(test)]
mod tests;
