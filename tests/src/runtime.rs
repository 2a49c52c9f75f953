//! A fourth runtime, taught to the library from outside: threads of std, and [mio] to learn when sockets are ready.
//!
//! No adapter knows it, and nothing in `tcpclient-core` was made for it. Copy it as a start for a runtime of your own. What it
//! consists of:
//! - [`Threads`], the runtime: each task has a thread of its own, which parks while its future waits;
//! - a reactor, one thread for the whole process, which waits for sockets and wakes the tasks that they belong to;
//! - [`Listener`] and [`Stream`], mio's sockets, registered with the reactor;
//! - the timer of the library that needs nothing but threads.
//!
//! Since tasks have threads of their own, the test's thread may block, and so may a client on it, also with
//! [`bind`](Server::bind).

use mio::event::{Events, Source};
use mio::{Interest, Poll as Readiness, Registry, Token, net};
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use tcpclient_core::server::runtime::{self, Clock, Runtime, SleepTimer, ThreadSleep};
use tcpclient_core::server::{Server, Servers, memory, socket};

/// A scripted TCP server on threads.
pub type TcpServer = Server<Threads>;

/// Several scripted TCP servers on threads, for one test.
pub type TcpServers = Servers<Threads>;

/// The runtime.
#[derive(Debug)]
pub struct Threads;

impl Runtime for Threads {
    type Listener = Listener;
    type Timer = SleepTimer;
    // It has the traits of futures-io, if the core has that feature. A runtime with other traits wraps it.
    type MemoryStream = memory::Stream;

    fn listen(listener: std::net::TcpListener) -> io::Result<Listener> {
        Socket::new(net::TcpListener::from_std(listener), Interest::READABLE).map(Listener)
    }

    fn timer(_: Clock) -> SleepTimer {
        // An alarm costs a thread. That is cheap enough here: a server has one alarm, and sets it anew once in a while.
        SleepTimer::new(|span| Box::pin(ThreadSleep::new(span, |wait| drop(thread::spawn(wait)))))
    }

    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        // If there is no thread to be had the task is dropped, and the server tells the test that it is gone.
        drop(thread::Builder::new().name("task".to_owned()).spawn(|| Self::block_on(task)));
    }

    fn block_on<F: Future>(future: F) -> io::Result<F::Output> {
        Ok(runtime::block_on(future))
    }
}

/// What wakes tasks when their sockets are ready. It lasts as long as the process.
struct Reactor {
    registry: Registry,
    /// The number of the next socket. Numbers are not used twice: an event may come late, when its socket is gone.
    next: AtomicUsize,
    /// Who is to be woken for which socket.
    wakers: Arc<Mutex<Wakers>>,
}

type Wakers = HashMap<Token, Waker>;

impl Reactor {
    /// Returns the reactor of this process, which starts with the first socket.
    fn get() -> io::Result<&'static Self> {
        static REACTOR: OnceLock<io::Result<Reactor>> = OnceLock::new();
        let reactor = REACTOR.get_or_init(Self::start).as_ref();
        // An error is told to everybody who asks, and cannot be cloned.
        reactor.map_err(|error| io::Error::new(error.kind(), error.to_string()))
    }

    fn start() -> io::Result<Self> {
        let readiness = Readiness::new()?;
        let registry = readiness.registry().try_clone()?;
        let wakers = Arc::<Mutex<Wakers>>::default();
        let shared = Arc::clone(&wakers);
        thread::Builder::new().name("reactor".to_owned()).spawn(move || Self::run(readiness, &shared))?;
        Ok(Self { registry, next: AtomicUsize::new(0), wakers })
    }

    fn run(mut readiness: Readiness, wakers: &Mutex<Wakers>) {
        let mut events = Events::with_capacity(256);
        loop {
            match readiness.poll(&mut events, None) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // Not to be mended. The servers still have their deadlines, and so come to an end.
                Err(_) => return,
            }
            // Wakers are foreign code: they are called without the lock.
            let ready: Vec<Waker> = {
                let wakers = lock(wakers);
                events.iter().filter_map(|event| wakers.get(&event.token()).cloned()).collect()
            };
            ready.into_iter().for_each(Waker::wake);
        }
    }
}

fn lock(wakers: &Mutex<Wakers>) -> MutexGuard<'_, Wakers> {
    // Nothing panics while it holds the lock.
    wakers.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A socket that the reactor watches until it is dropped. One task has it, so one waker will do for reads and writes.
struct Socket<S: Source> {
    inner: S,
    token: Token,
    reactor: &'static Reactor,
}

impl<S: Source> Socket<S> {
    /// Takes over a socket that does not block.
    fn new(mut inner: S, interest: Interest) -> io::Result<Self> {
        let reactor = Reactor::get()?;
        let token = Token(reactor.next.fetch_add(1, Ordering::Relaxed));
        reactor.registry.register(&mut inner, token, interest)?;
        Ok(Self { inner, token, reactor })
    }

    /// Makes a system call; if it is too early for it, has the task woken when it is not.
    fn poll<T>(&mut self, cx: &Context<'_>, call: impl FnOnce(&mut S) -> io::Result<T>) -> Poll<io::Result<T>> {
        // An event comes once, when something changes, and may come right behind the call: the waker has to be there first.
        lock(&self.reactor.wakers).entry(self.token).or_insert_with(|| cx.waker().clone()).clone_from(cx.waker());
        match call(&mut self.inner) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            result => Poll::Ready(result),
        }
    }
}

impl<S: Source> Drop for Socket<S> {
    fn drop(&mut self) {
        // An error says that it is not registered, which is what we want.
        let _ = self.reactor.registry.deregister(&mut self.inner);
        // The lock is free again when the waker, foreign code, is dropped.
        let waker = lock(&self.reactor.wakers).remove(&self.token);
        drop(waker);
    }
}

/// A listening socket.
pub struct Listener(Socket<net::TcpListener>);

impl runtime::Listener for Listener {
    type Stream = Stream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Stream, Option<SocketAddr>)>> {
        self.0.poll(cx, |listener| {
            let (stream, peer) = listener.accept()?;
            Ok((Stream::new(stream)?, Some(peer)))
        })
    }

    fn accept_now(&mut self) -> io::Result<(Stream, Option<SocketAddr>)> {
        let (stream, peer) = socket::accept_now(&self.0.inner)?;
        Ok((Stream::new(net::TcpStream::from_std(stream))?, peer))
    }
}

/// A connection.
pub struct Stream(Socket<net::TcpStream>);

impl Stream {
    fn new(stream: net::TcpStream) -> io::Result<Self> {
        Socket::new(stream, Interest::READABLE | Interest::WRITABLE).map(Self)
    }
}

impl runtime::Stream for Stream {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.0.poll(cx, |stream| stream.read(buffer))
    }

    fn read_now(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        socket::read_now(&self.0.inner, buffer)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.poll(cx, |stream| stream.write(bytes))
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(socket::shutdown(&self.0.inner))
    }

    fn set_nodelay(&self) {
        socket::set_nodelay(&self.0.inner);
    }

    fn take_error(&self) -> Option<io::Error> {
        socket::take_error(&self.0.inner)
    }

    fn to_std(&self) -> io::Result<std::net::TcpStream> {
        socket::to_std(&self.0.inner)
    }

    fn reset(self) {
        socket::reset_on_close(&self.0.inner);
    }
}
