//! The server side that all runtimes share: a [`Server`] listens, a [`Script`] tells it what to do, and one driver plays the
//! script on any [`Runtime`].

mod blocking;
mod builder;
mod driver;
mod failure;
mod fixture;
mod hub;
mod join;
mod listening;
pub mod memory;
pub mod probe;
mod pushed;
pub mod runtime;
mod script;
pub mod socket;
mod tape;
pub mod transport;

pub use builder::Builder;
pub use failure::Failure;
pub use fixture::{Run, Servers};
pub use join::{Finish, Join, TryFinish, TryJoin};
pub use pushed::{Anytime, Pushed};
pub use script::Script;

use alloc::sync::Arc;
use blocking::block_on;
use core::net::{Ipv4Addr, SocketAddr};
use core::ops::Deref;
use core::panic::Location;
use hub::Judge;
use listening::Port;
use memory::Entrance;
use runtime::Runtime;
use std::io;

/// A scripted TCP server: a listener, and the script that it plays to whoever connects.
///
/// All verbs are methods of [`Script`], to which a server dereferences.
///
/// # Drop
/// A server that is dropped with a failure that nobody was told, or with steps pushed since the last successful
/// [`join`](Script::join), panics with the report. If the thread is panicking already, it prints the report instead.
#[derive(Debug)]
pub struct Server<R: Runtime> {
    script: Script,
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
    /// `#[test]` or in the body of an async one. The test asks with [`join_blocking`](Script::join_blocking) and
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

    fn new(script: Script, place: Place, judge: Judge) -> Self {
        Self { script, place, judge, runtime: core::marker::PhantomData }
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

    /// Consumes the server: waits until all steps are done and the client has gone, and checks that nothing surplus arrived
    /// and nobody else connected. The listener is gone when it returns.
    ///
    /// If a connection is open and the script does not end it, an [`expect_disconnect`](Script::expect_disconnect) is implied.
    ///
    /// # Panics
    /// The future panics with the report if the script has failed or fails now.
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
            self.script.hub().close();
            fixture::tell(self.script.hub().judge_drop().as_slice());
        }
    }
}
