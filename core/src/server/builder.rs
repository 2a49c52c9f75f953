//! The options of a server.

use super::capture::Captures;
use super::driver::Driver;
use super::environment::Variable;
use super::explore::Options;
use super::fixture::Hubs;
use super::hub::{Hub, Judge, Name};
use super::listening::{Listening, Manner, Port, explain};
use super::memory::{Entrance, Plot};
use super::probe;
use super::runtime::{Clock, Runtime};
use super::script::Script;
use super::{Place, Server};
use crate::framing::Framing;
use crate::security::Security;
use crate::session::Config;
use crate::time::Duration;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::marker::PhantomData;
use core::net::{Ipv4Addr, SocketAddr};
use core::panic::Location;
use std::io;
use std::net::ToSocketAddrs;
use std::sync::mpsc;
use std::thread;

/// The variable that multiplies all deadlines; 0 means that there are none.
static SCALE: Variable = Variable::new("TCPCLIENT_DEADLINE_SCALE");

/// The capacity of a connection in memory, in bytes, in each direction.
const CAPACITY: usize = 1 << 20;

/// Builds a [`Server`] that is not as [`Server::bind`] makes it.
#[derive(Debug)]
#[must_use = "a builder does nothing until bind() or run()"]
pub struct Builder<R> {
    /// Where to listen, if that was said.
    addr: Option<io::Result<Vec<SocketAddr>>>,
    manner: Manner,
    pub(super) config: Config,
    pub(super) framing: Framing,
    capacity: Option<usize>,
    /// How the bytes are delivered, and what is explored of that.
    pub(super) exploring: Options,
    pub(super) captures: Captures,
    /// What encrypts each connection from its first byte.
    pub(super) security: Option<Arc<dyn Security>>,
    /// Who finishes the server, if it is a fixture.
    servers: Option<Hubs>,
    runtime: PhantomData<fn() -> R>,
}

impl<R: Runtime> Builder<R> {
    pub(super) fn new(servers: Option<Hubs>) -> Self {
        Self {
            addr: None,
            manner: Manner::default(),
            config: Config::default(),
            framing: Framing::default(),
            capacity: None,
            exploring: Options::default(),
            captures: Default::default(),
            security: None,
            servers,
            runtime: PhantomData,
        }
    }

    /// Has the server finished by this fixture.
    pub(super) fn for_fixture(mut self, servers: &Hubs) -> Self {
        self.servers = Some(servers.clone());
        self
    }

    /// Sets the address to listen on. Default: `127.0.0.1:0`; port 0 has the kernel pick a free one.
    ///
    /// Of several addresses the first that can be had is taken. An address that does not resolve is the error of
    /// [`bind`](Self::bind).
    pub fn addr(mut self, addr: impl ToSocketAddrs) -> Self {
        self.addr = Some(addr.to_socket_addrs().map(Iterator::collect));
        self
    }

    /// Has the server refuse its clients until the test [opens](Server::open) it: a server that is not up yet.
    ///
    /// The server has its port from when [`bind`](Self::bind) returns, and nobody else can take it; but it does not listen there, so a
    /// client's `connect` fails at once (`ECONNREFUSED`). Neither the script nor the transcript sees such an attempt: no system shows it
    /// to the server. Steps are played as ever, so the deadline of an [`expect_connect`](super::Script::expect_connect) runs
    /// meanwhile. A server that was never opened is finished, or dropped, as any other.
    ///
    /// For a client that is to be connected first and then reset, no option is needed: let the script
    /// [`expect_connect`](super::Script::expect_connect) and [`reset`](super::Script::reset).
    ///
    /// # Limits
    /// On Windows, a client that is refused tries again by itself, for 2 s, before its `connect` fails.
    pub fn refusing(mut self) -> Self {
        self.manner = Manner::Refusing;
        self
    }

    /// Has the server give its clients no answer: a `connect` waits until the client gives up.
    ///
    /// The server listens, but its queue of clients is full and stays so. Nobody is ever accepted, so the script sees no client, and
    /// an [`expect_connect`](super::Script::expect_connect) times out. A client that still waits when the server is dropped is refused
    /// the next time that its system tries.
    ///
    /// Of this and [`refusing`](Self::refusing), the one that was called last counts.
    ///
    /// # Limits
    /// Only on Linux, Android and Apple's systems do clients wait at a full queue; on all others [`bind`](Self::bind) returns an error of
    /// the kind `Unsupported`. How long a client waits that has no timeout of its own is up to its system: about two minutes on Linux.
    pub fn unresponsive(mut self) -> Self {
        self.manner = Manner::Unresponsive;
        self
    }

    /// Sets how long each step may take that has no deadline of its own. Default: 1 s.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.config.deadline = deadline;
        self
    }

    /// Sets how long bytes or a client may wait, and how long a connection may stay open, while no step is left for them; of a server
    /// with several [scripts](Server::script), while none of these has a step left. Default: 10 s.
    ///
    /// A client that is known to have closed does not count. Where that is not known (see [`probe`](super::probe)), it does until an
    /// [`expect_disconnect`](super::Script::expect_disconnect) has seen it: it looks like one that has closed only its sending
    /// half, and waits for a reply.
    pub fn idle_limit(mut self, limit: Duration) -> Self {
        self.config.idle_limit = limit;
        self
    }

    /// Sets the framing of the scripts. Default: a 4-byte big-endian length, at most 16 MiB.
    pub fn framing(mut self, framing: Framing) -> Self {
        self.framing = framing;
        self
    }

    /// Sets how many bytes may be under way in each direction of a connection: a side that writes more waits until the other has read
    /// some. A client that does not read makes the server wait so; the server itself reads ahead, up to 16 MiB beyond what its steps have
    /// taken, unless it [is told not to](super::Script::stop_reading), so that for the client's writes the capacity is how much is taken at a
    /// time. Default: in memory 1 MiB, about what a kernel holds; on sockets what the kernel likes.
    ///
    /// # Limits
    /// On sockets it is the size that the server's buffers are asked to have. Kernels round it (Linux doubles it, and has a minimum of some
    /// 2 KiB), and the client's side has buffers of its own, of up to some MiB.
    ///
    /// # Panics
    /// Panics if the capacity is 0: no byte could ever get through.
    #[track_caller]
    pub fn capacity(mut self, bytes: usize) -> Self {
        assert!(bytes > 0, "capacity: a connection without room for a byte would never carry one");
        self.capacity = Some(bytes);
        self
    }

    /// Listens. The server accepts clients from when this returns until it is dropped, unless it is [`refusing`](Self::refusing) or
    /// [`unresponsive`](Self::unresponsive).
    ///
    /// The future must be awaited on the runtime that the server is to run on.
    ///
    /// # Errors
    /// Returns the error of the system, with what was tried, also where a capture cannot be written; an error of kind `InvalidInput` if
    /// `TCPCLIENT_DEADLINE_SCALE` is set to something that is not a number from 0 on, or `TCPCLIENT_PROBE` to something that is neither `on` nor
    /// `off`, and for a server with a plan, which has to be in memory; one of kind `Unsupported` as [`unresponsive`](Self::unresponsive) says.
    #[track_caller]
    pub fn bind(self) -> impl Future<Output = io::Result<Server<R>>> + Send + use<R> {
        let caller = Location::caller();
        async move { self.listen(caller) }
    }

    pub(super) fn listen(mut self, caller: &'static Location<'static>) -> io::Result<Server<R>> {
        self.obey_environment()?;
        let port = Arc::new(self.port()?);
        let mut hub = Hub::new(Name::Of(port.addr()), self.config.clone(), caller);
        hub.set_port(&port, R::CLOSING);
        self.captures.of(&mut hub);
        let hub = Arc::new(hub);
        let listening = Listening::<R>::new(Arc::clone(&port))?;
        // It is large, and a runtime moves a task about before it runs it.
        R::spawn(Box::pin(Driver::new(Arc::clone(&hub), listening, R::timer(Clock::Real))));
        Ok(self.server(hub, Place::Socket(port)))
    }

    /// Listens, and plays the script on a thread of its own, so that the test may block its own thread.
    ///
    /// # Errors
    /// As for [`bind`](Self::bind); also if the thread or the runtime on it cannot be started.
    #[track_caller]
    pub fn bind_blocking(self) -> io::Result<Server<R>> {
        self.listen_blocking(Location::caller())
    }

    pub(super) fn listen_blocking(mut self, caller: &'static Location<'static>) -> io::Result<Server<R>> {
        self.obey_environment()?;
        let port = Arc::new(self.port()?);
        let addr = port.addr();
        let mut hub = Hub::on_thread(Name::Of(addr), self.config.clone(), caller);
        hub.set_port(&port, R::CLOSING);
        self.captures.of(&mut hub);
        let hub = Arc::new(hub);
        let (started, is_started) = mpsc::channel();
        let play = {
            let (port, hub, started) = (Arc::clone(&port), Arc::clone(&hub), started.clone());
            async move {
                // Nobody waits for the word of a thread that is too late with it.
                match Listening::<R>::new(port) {
                    Ok(listening) => {
                        let driver = Driver::new(hub, listening, R::timer(Clock::Real));
                        let _ = started.send(Ok(()));
                        driver.await;
                    }
                    Err(error) => drop(started.send(Err(error))),
                }
            }
        };
        let thread = thread::Builder::new().name(format!("scripted server {addr}"));
        let thread = thread.spawn(move || {
            if let Err(error) = R::block_on(play) {
                let _ = started.send(Err(error));
            }
        });
        thread.map_err(|error| explain(&error, "start a thread for the server"))?;
        match is_started.recv() {
            Ok(Ok(())) => Ok(self.server(hub, Place::Socket(port))),
            Ok(Err(error)) => Err(explain(&error, "start a runtime for the server")),
            Err(_) => Err(io::Error::other("the thread of the server ended before it began")),
        }
    }

    /// Makes a server in memory: clients come from [`connect_in_memory`](Server::connect_in_memory).
    ///
    /// # Panics
    /// Panics if `TCPCLIENT_DEADLINE_SCALE` is set to something that is not a number from 0 on, and as the runtime does where it
    /// does not run, and where a capture cannot be written. Panics for a server that is [`refusing`](Self::refusing) or [`unresponsive`](Self::unresponsive): only a socket
    /// can be.
    #[track_caller]
    pub fn in_memory(mut self) -> Server<R> {
        self.be_in_memory("in_memory");
        let mut hub = Hub::new(Name::InMemory, self.config.clone(), Location::caller());
        self.captures.of(&mut hub);
        let hub = Arc::new(hub);
        let plot = self.exploring.plan.take().map(|plan| Arc::new(Plot::new(plan, Vec::new())));
        let (entrance, listener) = Entrance::new(self.memory(), plot);
        R::spawn(Box::pin(Driver::new(Arc::clone(&hub), listener, R::timer(Clock::Runtime))));
        self.server(hub, Place::Memory(entrance))
    }

    /// Checks the options for a call that makes servers in memory, and reads the environment for it.
    #[track_caller]
    pub(super) fn be_in_memory(&mut self, call: &str) {
        if let Some(option) = self.manner.option() {
            panic!("{call}: only a server on a socket can be {option}; make it with bind()");
        }
        if let Err(error) = self.scale().and_then(|()| self.captures.prepare()) {
            panic!("{error}");
        }
    }

    /// Returns the capacity of a connection in memory.
    pub(super) fn memory(&self) -> usize {
        self.capacity.unwrap_or(CAPACITY)
    }

    fn server(self, hub: Arc<Hub>, place: Place) -> Server<R> {
        let judge = match &self.servers {
            Some(servers) => servers.add(&hub),
            None => Judge::Drop,
        };
        Server::new(Script::new(hub, 0, self.framing.clone(), self.security), self.framing, place, judge)
    }

    /// Reads what the environment says of servers on sockets.
    fn obey_environment(&mut self) -> io::Result<()> {
        if let Some(plan) = &self.exploring.plan {
            let message = format!("the plan `{plan}` is for a server in memory: the kernel delivers as it likes");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        probe::is_off()?;
        // The first time, this has to wait for the kernel. Behind it, deadlines run.
        let _ = probe::is_available();
        self.scale()?;
        self.captures.prepare()
    }

    fn scale(&mut self) -> io::Result<()> {
        if let Some(scale) = SCALE.get() {
            self.config.deadline_scale = parse_scale(&scale.to_string_lossy())?;
        }
        Ok(())
    }

    fn port(&self) -> io::Result<Port> {
        let addrs = match &self.addr {
            None => &[SocketAddr::from((Ipv4Addr::LOCALHOST, 0))][..],
            Some(Ok(addrs)) => addrs,
            Some(Err(error)) => return Err(explain(error, "find the address to listen on")),
        };
        let mut failure = None;
        for &addr in addrs {
            match Port::bind(addr, self.manner, self.capacity) {
                Ok(port) => return Ok(port),
                Err(error) => failure = Some(error),
            }
        }
        let nowhere = || io::Error::new(io::ErrorKind::InvalidInput, "no address to listen on was given");
        Err(failure.unwrap_or_else(nowhere))
    }
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

#[cfg(test)]
mod tests;
