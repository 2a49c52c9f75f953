//! The stages on which every case of the conformance suite is played: a runtime, and what carries the bytes of a client on it.

use crate::each;
use crate::server::{Builder, Server, Servers};
use core::time::Duration;
use futures_lite::future::{self, Boxed, FutureExt};
use std::pin::Pin;
use tcpclient_core::server::runtime::{self, ThreadSleep};
use tcpclient_core::server::{Explored, probe};

/// Makes a test of an `async fn case(stage: Stage)` for each stage, such as `bytes::nothing_is_sent::tokio`.
#[macro_export]
macro_rules! on_every_stage {
    ($case:ident) => {
        mod $case {
            $crate::on_every_stage! { $case on
                tokio: Tokio over Sockets,
                tokio_in_memory: Tokio over Memory,
                tokio_blocking: Tokio over Blocking,
                tokio_threads: TokioThreads over Sockets,
                tokio_threads_in_memory: TokioThreads over Memory,
                async_std: AsyncStd over Sockets,
                async_std_in_memory: AsyncStd over Memory,
                async_std_blocking: AsyncStd over Blocking,
                smol: Smol over Sockets,
                smol_in_memory: Smol over Memory,
                smol_blocking: Smol over Blocking,
                fourth: Threads over Sockets,
                fourth_in_memory: Threads over Memory,
            }
        }
    };
    ($case:ident on $($name:ident: $runtime:ident over $carrier:ident,)+) => {$(
        #[test]
        fn $name() {
            let stage = $crate::stage::Stage::new($crate::stage::On::$runtime, $crate::stage::Over::$carrier);
            stage.play(super::$case(stage));
        }
    )+};
}

/// A runtime, and what carries the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    pub(crate) on: On,
    pub(crate) over: Over,
}

/// A runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// One thread of tokio: the server gets it whenever the test waits.
    Tokio,
    /// Tokio with two threads for the server, beside that of the test.
    TokioThreads,
    /// async-std: a pool of threads, beside that of the test.
    AsyncStd,
    /// smol: a thread, beside that of the test.
    Smol,
    /// The [fourth](crate::runtime) runtime: a thread for each task, and clients that block.
    Threads,
}

/// What carries the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// Sockets of the runtime.
    Sockets,
    /// Memory.
    Memory,
    /// Sockets of std on the side of the client, which blocks; the server has a thread of its own.
    Blocking,
}

impl Stage {
    /// Returns the stage of a runtime and what carries the bytes.
    pub fn new(on: On, over: Over) -> Self {
        Self { on, over }
    }

    /// Plays a case. Only the first stages may rewrite the golden texts: each is in the source once.
    pub fn play(self, case: impl Future<Output = ()>) {
        let first = self.on == On::Tokio && self.over != Over::Blocking;
        if first || std::env::var_os("UPDATE_EXPECT").is_none() {
            self.run(case);
        }
    }

    /// Runs a future to its end.
    pub fn run<T>(self, body: impl Future<Output = T>) -> T {
        let tokio = |mut builder: tokio::runtime::Builder| builder.worker_threads(2).enable_all().build().unwrap();
        match self {
            Self { over: Over::Blocking, .. } => future::block_on(body),
            Self { on: On::Tokio, .. } => tokio(tokio::runtime::Builder::new_current_thread()).block_on(body),
            Self { on: On::TokioThreads, .. } => tokio(tokio::runtime::Builder::new_multi_thread()).block_on(body),
            Self { on: On::AsyncStd, .. } => async_std::task::block_on(body),
            Self { on: On::Smol, .. } => smol::block_on(body),
            Self { on: On::Threads, .. } => runtime::block_on(body),
        }
    }

    /// Says whether clients come over sockets: they have addresses and can abort, and the kernel buffers for them.
    pub fn on_sockets(self) -> bool {
        self.over != Over::Memory
    }

    /// Returns how often a case is repeated that is out for a race: so often on tokio's sockets, and a tenth of that elsewhere.
    pub fn rounds(self, most: usize) -> usize {
        let thorough = matches!(self, Self { on: On::Tokio | On::TokioThreads, over: Over::Sockets });
        if thorough { most } else { most / 10 }
    }

    /// Says whether the server knows what the client does with its end of a connection. That of the fourth runtime does not.
    pub fn knows_the_peer(self) -> bool {
        self.over == Over::Memory || (self.on != On::Threads && probe::is_available())
    }

    /// Returns what holds where nobody knows what the client does with its end of a connection or, where it is known, what
    /// holds there.
    pub fn pick<T>(self, unknown: T, known: T) -> T {
        if self.knows_the_peer() { known } else { unknown }
    }

    /// Says whether the server goes on while the test's own thread is blocked.
    pub fn plays_beside_the_test(self) -> bool {
        self.on != On::Tokio || self.over == Over::Blocking
    }

    /// Says whether waiting blocks the test's thread: then nobody can give it up, and a fixture cannot end a body that waits.
    pub fn waits_blocking(self) -> bool {
        self.over == Over::Blocking
    }

    /// Binds a server.
    #[track_caller]
    pub fn bind(self) -> Boxed<Server> {
        self.builder().bind()
    }

    /// Returns a builder for a server that is not as [`bind`](Self::bind) makes it.
    pub fn builder(self) -> Builder {
        Builder::new(self)
    }

    /// Plays a test body in the fixture of one server.
    #[track_caller]
    pub fn run_fixture<'a, B: Future<Output: core::fmt::Debug> + 'a>(
        self,
        body: impl FnOnce(Server) -> B + 'a,
    ) -> Pin<Box<dyn Future<Output = B::Output> + 'a>> {
        each!(self, Adapter, TcpServer => match self.over {
            Over::Sockets => Box::pin(TcpServer::run(move |server| body(Server::new(self, Adapter(server))))),
            Over::Memory => Box::pin(TcpServer::run_in_memory(move |server| body(Server::new(self, Adapter(server))))),
            Over::Blocking => {
                let body = move |server| future::block_on(body(Server::new(self, Adapter(server))));
                Box::pin(future::ready(TcpServer::run_blocking(body)))
            }
        })
    }

    /// Plays a test body in memory for each delivery plan.
    #[track_caller]
    pub fn explore<'a, T: core::fmt::Debug + 'a>(
        self,
        mut body: impl AsyncFnMut(Server) -> T + 'a,
    ) -> Pin<Box<dyn Future<Output = Explored> + 'a>> {
        each!(self, Adapter, TcpServer => {
            Box::pin(TcpServer::explore(async move |server| body(Server::new(self, Adapter(server))).await))
        })
    }

    /// Plays a test body in the fixture of several servers.
    #[track_caller]
    pub fn run_factory<'a, B: Future<Output: core::fmt::Debug> + 'a>(
        self,
        body: impl FnOnce(Servers) -> B + 'a,
    ) -> Pin<Box<dyn Future<Output = B::Output> + 'a>> {
        each!(self, Together, TcpServers => match self.over {
            Over::Sockets | Over::Memory => {
                Box::pin(TcpServers::run(move |servers| body(Servers::new(self, Together(servers)))))
            }
            Over::Blocking => {
                let body = move |servers| future::block_on(body(Servers::new(self, Together(servers))));
                Box::pin(future::ready(TcpServers::run_blocking(body)))
            }
        })
    }

    /// Starts a client that does its work beside the test, and returns what waits for its end.
    pub fn spawn<T: Send + 'static>(self, client: impl Future<Output = T> + Send + 'static) -> Boxed<T> {
        match self {
            Self { over: Over::Blocking, .. } => {
                let thread = std::thread::spawn(|| future::block_on(client));
                async { thread.join().unwrap() }.boxed()
            }
            Self { on: On::Threads, .. } => {
                let (sender, receiver) = smol::channel::bounded(1);
                std::thread::spawn(move || drop(sender.try_send(future::block_on(client))));
                async move { receiver.recv().await.unwrap() }.boxed()
            }
            Self { on: On::Tokio | On::TokioThreads, .. } => {
                let task = tokio::spawn(client);
                async { task.await.unwrap() }.boxed()
            }
            Self { on: On::AsyncStd, .. } => async_std::task::spawn(client).boxed(),
            Self { on: On::Smol, .. } => smol::spawn(client).boxed(),
        }
    }

    /// Waits for so long.
    pub async fn sleep(self, time: Duration) {
        match self {
            Self { over: Over::Blocking, .. } => std::thread::sleep(time),
            Self { on: On::Threads, .. } => {
                ThreadSleep::new(time, |wait| drop(std::thread::spawn(wait))).await;
            }
            Self { on: On::Tokio | On::TokioThreads, .. } => tokio::time::sleep(time).await,
            Self { on: On::AsyncStd, .. } => async_std::task::sleep(time).await,
            Self { on: On::Smol, .. } => {
                smol::Timer::after(time).await;
            }
        }
    }

    /// Waits for a future, but no longer than this; then it is dropped. One that blocks is not given up.
    pub async fn timeout<T>(self, limit: Duration, future: impl Future<Output = T>) -> Option<T> {
        let alarm = async {
            if self.waits_blocking() {
                future::pending::<()>().await;
            }
            self.sleep(limit).await;
            None
        };
        future::or(async { Some(future.await) }, alarm).await
    }
}
