//! The options of a server.

use super::driver::Driver;
use super::hub::{Hub, Judge};
use super::runtime::Runtime;
use super::script::Script;
use super::{Server, socket};
use crate::framing::Framing;
use crate::session::Config;
use crate::time::Duration;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::marker::PhantomData;
use core::net::{Ipv4Addr, SocketAddr};
use core::panic::Location;
use std::io;
use std::net::{TcpListener, ToSocketAddrs};

/// The variable that multiplies all deadlines; 0 means that there are none.
const SCALE: &str = "TCPCLIENT_DEADLINE_SCALE";

/// Builds a [`Server`] that is not as [`Server::bind`] makes it.
#[derive(Debug)]
#[must_use = "a builder does nothing until bind()"]
pub struct Builder<R> {
    addr: Result<Vec<SocketAddr>, io::Error>,
    config: Config,
    framing: Framing,
    runtime: PhantomData<fn() -> R>,
}

impl<R: Runtime> Builder<R> {
    pub(super) fn new() -> Self {
        Self {
            addr: Ok(Vec::from([SocketAddr::from((Ipv4Addr::LOCALHOST, 0))])),
            config: Config::default(),
            framing: Framing::default(),
            runtime: PhantomData,
        }
    }

    /// Sets the address to listen on. Default: `127.0.0.1:0`; port 0 has the kernel pick a free one.
    ///
    /// Of several addresses the first that can be had is taken. An address that does not resolve is the error of
    /// [`bind`](Self::bind).
    pub fn addr(mut self, addr: impl ToSocketAddrs) -> Self {
        self.addr = addr.to_socket_addrs().map(Iterator::collect);
        self
    }

    /// Sets how long each step may take that has no deadline of its own. Default: 1 s.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.config.deadline = deadline;
        self
    }

    /// Sets how long bytes or a client may wait, and how long a connection may stay open, while no step is left for them.
    /// Default: 10 s.
    ///
    /// A client that has closed counts until an [`expect_disconnect`](super::Script::expect_disconnect) has seen it: without a
    /// write it looks like one that has closed only its sending half, and waits for a reply.
    pub fn idle_limit(mut self, limit: Duration) -> Self {
        self.config.idle_limit = limit;
        self
    }

    /// Sets the framing of the script. Default: a 4-byte big-endian length, at most 16 MiB.
    pub fn framing(mut self, framing: Framing) -> Self {
        self.framing = framing;
        self
    }

    /// Listens. The server accepts clients from when this returns until it is dropped.
    ///
    /// The future must be awaited on the runtime that the server is to run on.
    ///
    /// # Errors
    /// Returns the error of the system, with what was tried; an error of kind `InvalidInput` if `TCPCLIENT_DEADLINE_SCALE` is
    /// set to something that is not a number from 0 on.
    #[track_caller]
    pub fn bind(self) -> impl Future<Output = io::Result<Server<R>>> + Send {
        let caller = Location::caller();
        async move { self.listen(Judge::Drop, caller) }
    }

    pub(super) fn listen(mut self, judge: Judge, caller: &'static Location<'static>) -> io::Result<Server<R>> {
        if let Some(scale) = std::env::var_os(SCALE).filter(|scale| !scale.is_empty()) {
            self.config.deadline_scale = parse_scale(&scale.to_string_lossy())?;
        }
        let listener = self.open()?;
        let addr = listener.local_addr()?;
        let hub = Arc::new(Hub::new(addr.to_string(), self.config, caller));
        R::spawn(Driver::<R>::new(Arc::clone(&hub), R::listen(listener)?, R::timer()));
        let script = Script::new(Arc::clone(&hub), self.framing);
        Ok(Server::new(hub, addr, script, judge))
    }

    fn open(&self) -> io::Result<TcpListener> {
        let addrs = match &self.addr {
            Ok(addrs) => addrs,
            Err(error) => return Err(explain(error, "find the address to listen on")),
        };
        let mut result = Err(io::Error::new(io::ErrorKind::InvalidInput, "no address to listen on was given"));
        for &addr in addrs {
            result = socket::listen(addr).map_err(|error| explain(&error, &format!("listen on {addr}")));
            if result.is_ok() {
                break;
            }
        }
        result
    }
}

fn explain(error: &io::Error, action: &str) -> io::Error {
    io::Error::new(error.kind(), format!("cannot {action}: {error}"))
}

fn parse_scale(text: &str) -> io::Result<f64> {
    match text.trim().parse::<f64>() {
        Ok(scale) if scale >= 0.0 && scale.is_finite() => Ok(scale),
        _ => {
            let message: String = format!("{SCALE} is {text:?}: not a number from 0 on");
            Err(io::Error::new(io::ErrorKind::InvalidInput, message))
        }
    }
}
