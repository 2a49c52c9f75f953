//! The server side that all runtimes share: a [`Server`] listens, a [`Script`] tells it what to do, and one driver plays the
//! script on any [`Runtime`].

mod builder;
mod driver;
mod failure;
mod fixture;
mod hub;
mod join;
pub mod runtime;
mod script;
pub mod socket;

pub use builder::Builder;
pub use failure::Failure;
pub use fixture::{Run, Servers};
pub use join::{Finish, Join, TryFinish, TryJoin};
pub use script::{Pushed, Script};

use core::net::SocketAddr;
use core::ops::Deref;
use core::panic::Location;
use hub::{Hub, Judge};
use runtime::Runtime;
use std::io;
use std::sync::Arc;

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
    addr: SocketAddr,
    judge: Judge,
    runtime: core::marker::PhantomData<fn() -> R>,
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

    /// Returns a builder, for servers that are not as [`bind`](Self::bind) makes them.
    pub fn builder() -> Builder<R> {
        Builder::new()
    }

    fn new(hub: Arc<Hub>, addr: SocketAddr, script: Script, judge: Judge) -> Self {
        debug_assert!(Arc::ptr_eq(&hub, script.hub()));
        Self { script, addr, judge, runtime: core::marker::PhantomData }
    }

    /// Returns the address to connect to.
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// Returns the port to connect to.
    pub fn port(&self) -> u16 {
        self.addr.port()
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
