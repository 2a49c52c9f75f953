//! A scripted server on any stage.

use crate::client::Client;
use crate::normalize_on;
use crate::stage::{On, Over, Stage};
use core::net::SocketAddr;
use core::ops::Deref;
use core::time::Duration;
use futures_lite::future::{self, Boxed, FutureExt};
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Instant;
use tcpclient_core::framing::Framing;
use tcpclient_core::server::{self, Explored, Failure, Script, runtime::Runtime};
use tcpclient_core::tls::Tls;

/// The deadline of steps whose deadline is not what is tested.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server of the adapter that the stage is for.
///
/// What waits returns a future that is made at the call, so that the place of the call is in the report. On stages that block,
/// the call itself waits.
#[derive(Debug)]
pub struct Server {
    stage: Stage,
    adapter: Adapter,
}

#[derive(Debug)]
pub(crate) enum Adapter {
    Tokio(tcpclient_tokio::TcpServer),
    AsyncStd(tcpclient_async_std::TcpServer),
    Smol(tcpclient_smol::TcpServer),
    Threads(crate::runtime::TcpServer),
}

/// Several servers of the adapter that the stage is for.
#[derive(Debug)]
pub(crate) enum Together {
    Tokio(tcpclient_tokio::TcpServers),
    AsyncStd(tcpclient_async_std::TcpServers),
    Smol(tcpclient_smol::TcpServers),
    Threads(crate::runtime::TcpServers),
}

/// Expands an expression for the adapter of a stage, or of a value that has one: `$variant` is its variant of an enum, `$name` a
/// type or value of it.
#[macro_export]
#[doc(hidden)]
macro_rules! each {
    ($stage:expr, $variant:ident, $name:ident => $expression:expr) => {
        match $stage.on {
            $crate::stage::On::Tokio | $crate::stage::On::TokioThreads => {
                use tcpclient_tokio::$name;
                use $crate::server::$variant::Tokio as $variant;
                $expression
            }
            $crate::stage::On::AsyncStd => {
                use tcpclient_async_std::$name;
                use $crate::server::$variant::AsyncStd as $variant;
                $expression
            }
            $crate::stage::On::Smol => {
                use tcpclient_smol::$name;
                use $crate::server::$variant::Smol as $variant;
                $expression
            }
            $crate::stage::On::Threads => {
                use $crate::runtime::$name;
                use $crate::server::$variant::Threads as $variant;
                $expression
            }
        }
    };
    ($value:expr; $kind:ident($name:pat) => $expression:expr) => {
        match $value {
            $kind::Tokio($name) => $expression,
            $kind::AsyncStd($name) => $expression,
            $kind::Smol($name) => $expression,
            $kind::Threads($name) => $expression,
        }
    };
}

impl Server {
    pub(crate) fn new(stage: Stage, adapter: Adapter) -> Self {
        Self { stage, adapter }
    }

    /// Returns the address to connect to.
    pub fn local_addr(&self) -> SocketAddr {
        each!(&self.adapter; Adapter(server) => server.local_addr())
    }

    /// Returns the port to connect to.
    pub fn port(&self) -> u16 {
        self.local_addr().port()
    }

    /// Connects a client.
    pub fn connect(&self) -> Boxed<Client> {
        let connect = self.try_connect();
        async { connect.await.unwrap() }.boxed()
    }

    /// As [`connect`](Self::connect), but returns an error as a value. The future may outlive the server.
    pub fn try_connect(&self) -> Boxed<io::Result<Client>> {
        let addr = self.local_addr();
        match (self.stage.over, self.stage.on) {
            (Over::Memory, _) => future::ready(Ok(self.connect_in_memory())).boxed(),
            // On threads, clients may block as well.
            (Over::Blocking, _) | (Over::Sockets, On::Threads) => async move { Client::blocking(addr) }.boxed(),
            (Over::Sockets, On::Tokio | On::TokioThreads) => Client::tokio(addr).boxed(),
            (Over::Sockets, On::AsyncStd) => Client::async_std(addr).boxed(),
            (Over::Sockets, On::Smol) => Client::smol(addr).boxed(),
        }
    }

    /// Connects a client that gives up after this: then there is none.
    pub fn connect_within(&self, limit: Duration) -> Boxed<Option<io::Result<Client>>> {
        let (stage, addr, connect) = (self.stage, self.local_addr(), self.try_connect());
        async move {
            if stage.waits_blocking() || stage.on == On::Threads {
                let result = Client::blocking_within(addr, limit);
                return if matches!(&result, Err(error) if error.kind() == io::ErrorKind::TimedOut) {
                    None
                } else {
                    Some(result)
                };
            }
            stage.timeout(limit, connect).await
        }
        .boxed()
    }

    /// Has a server listen that was refusing its clients.
    #[track_caller]
    pub fn open(&self) -> io::Result<()> {
        each!(&self.adapter; Adapter(server) => server.open())
    }

    /// Connects a client in memory.
    #[track_caller]
    pub fn connect_in_memory(&self) -> Client {
        each!(&self.adapter; Adapter(server) => server.connect_in_memory().into())
    }

    /// Connects a client that the server resets as soon as it can, without an error of the `connect`. `None` means that the
    /// client got no processor for as long as the server leaves a silent client alone, as may be on a busy machine.
    pub fn connect_to_be_reset(&self) -> Boxed<Option<Client>> {
        const GRACE: Duration = Duration::from_millis(100);
        let connect = self.try_connect();
        async move {
            let began = Instant::now();
            let client = connect.await;
            assert!(client.is_ok() || began.elapsed() >= GRACE, "the connect itself fails: {client:?}");
            client.ok()
        }
        .boxed()
    }

    /// Connects a client all of whose work is complete when its call returns, while the test does not wait: on one thread, the
    /// server has had no occasion to notice any of it.
    pub fn connect_unnoticed(&self) -> Client {
        match self.stage.over {
            Over::Memory => self.connect_in_memory(),
            Over::Sockets | Over::Blocking => Client::blocking(self.local_addr()).unwrap(),
        }
    }

    /// Opens one more script.
    #[track_caller]
    pub fn script(&self) -> Script {
        each!(&self.adapter; Adapter(server) => server.script())
    }

    /// Waits until all steps of all scripts are done.
    #[track_caller]
    pub fn join(&self) -> Boxed<()> {
        each!(&self.adapter; Adapter(server) => match self.stage.over {
            Over::Blocking => {
                server.join_blocking();
                future::ready(()).boxed()
            }
            _ => server.join().boxed(),
        })
    }

    /// As [`join`](Self::join), but returns the failure as a value.
    #[track_caller]
    pub fn try_join(&self) -> Boxed<Result<(), Failure>> {
        each!(&self.adapter; Adapter(server) => match self.stage.over {
            Over::Blocking => future::ready(server.try_join_blocking()).boxed(),
            _ => server.try_join().boxed(),
        })
    }

    /// Waits until all steps of one script are done.
    #[track_caller]
    pub fn join_script(&self, script: &Script) -> Boxed<()> {
        match self.stage.over {
            Over::Blocking => {
                script.join_blocking();
                future::ready(()).boxed()
            }
            _ => script.join().boxed(),
        }
    }

    /// As [`join_script`](Self::join_script), but returns the failure as a value.
    #[track_caller]
    pub fn try_join_script(&self, script: &Script) -> Boxed<Result<(), Failure>> {
        match self.stage.over {
            Over::Blocking => future::ready(script.try_join_blocking()).boxed(),
            _ => script.try_join().boxed(),
        }
    }

    /// Consumes the server.
    #[track_caller]
    pub fn finish(self) -> Boxed<()> {
        each!(self.adapter; Adapter(server) => match self.stage.over {
            Over::Blocking => {
                server.finish_blocking();
                future::ready(()).boxed()
            }
            _ => server.finish().boxed(),
        })
    }

    /// As [`finish`](Self::finish), but returns the failure as a value.
    #[track_caller]
    pub fn try_finish(self) -> Boxed<Result<(), Failure>> {
        each!(self.adapter; Adapter(server) => match self.stage.over {
            Over::Blocking => future::ready(server.try_finish_blocking()).boxed(),
            _ => server.try_finish().boxed(),
        })
    }

    /// Returns how the script failed, as [normalized](normalize_on) text.
    #[track_caller]
    pub fn failure(&self) -> Boxed<String> {
        let (stage, join) = (self.stage, self.try_join());
        async move { normalize_on(stage, &join.await.expect_err("the script is to fail").to_string()) }.boxed()
    }
}

impl Deref for Server {
    type Target = Script;

    fn deref(&self) -> &Script {
        each!(&self.adapter; Adapter(server) => server)
    }
}

/// Several servers of one fixture.
#[derive(Debug)]
pub struct Servers {
    stage: Stage,
    adapter: Together,
}

impl Servers {
    pub(crate) fn new(stage: Stage, adapter: Together) -> Self {
        Self { stage, adapter }
    }

    /// Binds one more server.
    #[track_caller]
    pub fn bind(&self) -> Boxed<Server> {
        self.bind_with(self.stage.builder())
    }

    /// Binds one more server, with options.
    #[track_caller]
    pub fn bind_with(&self, options: Builder) -> Boxed<Server> {
        let bind = match &self.adapter {
            Together::Tokio(servers) => options.start(servers.builder(), Adapter::Tokio),
            Together::AsyncStd(servers) => options.start(servers.builder(), Adapter::AsyncStd),
            Together::Smol(servers) => options.start(servers.builder(), Adapter::Smol),
            Together::Threads(servers) => options.start(servers.builder(), Adapter::Threads),
        };
        async { bind.await.unwrap() }.boxed()
    }
}

/// The options of a server.
#[derive(Debug)]
#[must_use = "a builder does nothing until bind()"]
pub struct Builder {
    stage: Stage,
    addr: Option<String>,
    refusing: bool,
    unresponsive: bool,
    deadline: Duration,
    idle_limit: Option<Duration>,
    framing: Option<Framing>,
    capacity: Option<usize>,
    plan: Option<&'static str>,
    plans: Option<usize>,
    seed: Option<u64>,
    tls: Option<Tls>,
    capture: Option<PathBuf>,
}

impl Builder {
    pub(crate) fn new(stage: Stage) -> Self {
        Self {
            stage,
            addr: None,
            refusing: false,
            unresponsive: false,
            deadline: PATIENCE,
            idle_limit: None,
            framing: None,
            capacity: None,
            plan: None,
            plans: None,
            seed: None,
            tls: None,
            capture: None,
        }
    }

    /// Sets the address to listen on.
    pub fn addr(self, addr: &str) -> Self {
        Self { addr: Some(addr.to_owned()), ..self }
    }

    /// Has the server refuse its clients until it is opened.
    pub fn refusing(self) -> Self {
        Self { refusing: true, ..self }
    }

    /// Has the server let its clients wait.
    pub fn unresponsive(self) -> Self {
        Self { unresponsive: true, ..self }
    }

    /// Sets how long each step may take that has no deadline of its own. Default: long enough for a busy machine, where the
    /// kernel alone may take a second to repeat a lost attempt to connect.
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// Sets how long bytes, a client or a connection may wait while no step is left for them.
    pub fn idle_limit(self, limit: Duration) -> Self {
        Self { idle_limit: Some(limit), ..self }
    }

    /// Sets the framing of the script.
    pub fn framing(self, framing: Framing) -> Self {
        Self { framing: Some(framing), ..self }
    }

    /// Sets how many bytes may be under way in each direction.
    pub fn capacity(self, bytes: usize) -> Self {
        Self { capacity: Some(bytes), ..self }
    }

    /// Has the bytes delivered by this plan.
    pub fn plan(self, plan: &'static str) -> Self {
        Self { plan: Some(plan), ..self }
    }

    /// Sets how many plans are explored at most.
    pub fn plans(self, most: usize) -> Self {
        Self { plans: Some(most), ..self }
    }

    /// Sets by which chance they are chosen.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed: Some(seed), ..self }
    }

    /// Has the server speak TLS from the first byte.
    pub fn tls(self, tls: impl Into<Tls>) -> Self {
        Self { tls: Some(tls.into()), ..self }
    }

    /// Has the capture of the server written to this file.
    pub fn capture(self, file: &Path) -> Self {
        Self { capture: Some(file.to_owned()), ..self }
    }

    /// Binds the server.
    #[track_caller]
    pub fn bind(self) -> Boxed<Server> {
        let bind = self.try_bind();
        async { bind.await.unwrap() }.boxed()
    }

    /// As [`bind`](Self::bind), but returns an error as a value.
    #[track_caller]
    pub fn try_bind(self) -> Boxed<io::Result<Server>> {
        each!(self.stage, Adapter, TcpServer => self.start(TcpServer::builder(), Adapter))
    }

    /// Plays a test body in the fixture of a server with these options.
    #[track_caller]
    pub fn run_fixture<'a, B: Future<Output: core::fmt::Debug> + 'a>(
        self,
        body: impl FnOnce(Server) -> B + 'a,
    ) -> Pin<Box<dyn Future<Output = B::Output> + 'a>> {
        let stage = self.stage;
        each!(stage, Adapter, TcpServer => {
            let builder = self.with_options(TcpServer::builder());
            let body = move |server| body(Server::new(stage, Adapter(server)));
            match stage.over {
                Over::Sockets => Box::pin(builder.run(body)),
                Over::Memory => Box::pin(builder.run_in_memory(body)),
                Over::Blocking => {
                    Box::pin(future::ready(builder.run_blocking(move |server| future::block_on(body(server)))))
                }
            }
        })
    }

    /// Plays a test body in memory for each delivery plan, with servers of these options.
    #[track_caller]
    pub fn explore<'a, T: core::fmt::Debug + 'a>(
        self,
        mut body: impl AsyncFnMut(Server) -> T + 'a,
    ) -> Pin<Box<dyn Future<Output = Explored> + 'a>> {
        let stage = self.stage;
        each!(stage, Adapter, TcpServer => {
            let body = async move |server| body(Server::new(stage, Adapter(server))).await;
            Box::pin(self.with_options(TcpServer::builder()).explore(body))
        })
    }

    fn with_options<R: Runtime>(self, mut builder: server::Builder<R>) -> server::Builder<R> {
        builder = builder.deadline(self.deadline);
        if let Some(addr) = self.addr {
            builder = builder.addr(addr);
        }
        if self.refusing {
            builder = builder.refusing();
        }
        if self.unresponsive {
            builder = builder.unresponsive();
        }
        if let Some(limit) = self.idle_limit {
            builder = builder.idle_limit(limit);
        }
        if let Some(framing) = self.framing {
            builder = builder.framing(framing);
        }
        if let Some(bytes) = self.capacity {
            builder = builder.capacity(bytes);
        }
        if let Some(plan) = self.plan {
            builder = builder.plan(plan);
        }
        if let Some(most) = self.plans {
            builder = builder.plans(most);
        }
        if let Some(seed) = self.seed {
            builder = builder.seed(seed);
        }
        if let Some(tls) = self.tls {
            builder = builder.tls(tls);
        }
        if let Some(file) = self.capture {
            builder = builder.capture(file);
        }
        builder
    }

    /// Starts a server of an adapter with these options.
    #[track_caller]
    fn start<R: Runtime>(
        self,
        builder: server::Builder<R>,
        adapter: fn(server::Server<R>) -> Adapter,
    ) -> Boxed<io::Result<Server>> {
        let stage = self.stage;
        let builder = self.with_options(builder);
        let server = move |server| Server::new(stage, adapter(server));
        match stage.over {
            Over::Memory => future::ready(Ok(server(builder.in_memory()))).boxed(),
            Over::Blocking => future::ready(builder.bind_blocking().map(server)).boxed(),
            Over::Sockets => {
                let bind = builder.bind();
                async move { bind.await.map(server) }.boxed()
            }
        }
    }
}
