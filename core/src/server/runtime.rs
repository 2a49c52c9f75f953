//! What the driver needs of an async runtime. An adapter implements it; users of an adapter never see it.
//!
//! A runtime that no adapter is for can be taught in some eighty lines, without a change to this crate. What it takes is a
//! listener, a stream, a timer, and a way to start a task. This one knows no I/O of its own at all: its servers are in memory,
//! each task is a thread, and [`ThreadSleep`] keeps the time. One with sockets is in the repository, in `tests/src/runtime.rs`.
//!
//! ```
//! use std::future::Future;
//! use std::{io, thread};
//! use tcpclient_core::server::memory;
//! use tcpclient_core::server::Server;
//! use tcpclient_core::server::runtime::{self, Clock, Runtime, SleepTimer, ThreadSleep};
//!
//! struct Threads;
//!
//! impl Runtime for Threads {
//!     type Listener = memory::Listener;
//!     type Timer = SleepTimer;
//!     type MemoryStream = memory::Stream;
//!
//!     fn listen(_: std::net::TcpListener) -> io::Result<memory::Listener> {
//!         Err(io::Error::new(io::ErrorKind::Unsupported, "this runtime has no sockets"))
//!     }
//!
//!     fn timer(_: Clock) -> SleepTimer {
//!         SleepTimer::new(|span| Box::pin(ThreadSleep::new(span, |wait| drop(thread::spawn(wait)))))
//!     }
//!
//!     fn spawn(task: impl Future<Output = ()> + Send + 'static) {
//!         thread::spawn(move || Self::block_on(task));
//!     }
//!
//!     fn block_on<F: Future>(future: F) -> io::Result<F::Output> {
//!         Ok(runtime::block_on(future))
//!     }
//! }
//!
//! Threads::block_on(async {
//!     let server = Server::<Threads>::in_memory();
//!     server.expect_connect();
//!     server.send_bytes("220 ready");
//!     server.expect_disconnect();
//!     let mut client = server.connect_in_memory();
//!     let mut greeting = [0; 9];
//!     let count = std::future::poll_fn(|cx| client.poll_read(cx, &mut greeting)).await?;
//!     assert_eq!(&greeting[..count], b"220 ready");
//!     drop(client);
//!     server.finish().await;
//!     io::Result::Ok(())
//! })??;
//! # io::Result::Ok(())
//! ```

pub use super::blocking::block_on;
use super::memory;
use crate::session::Peer;
use crate::time::{Duration, Instant};
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;
use core::net::SocketAddr;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::{Condvar, Mutex, PoisonError};

/// An async runtime with TCP sockets.
pub trait Runtime: Sized + Send + 'static {
    /// A listening socket of this runtime.
    type Listener: Listener;
    /// A timer of this runtime.
    type Timer: Timer;
    /// The client's side of a connection in memory: it has this runtime's I/O traits.
    type MemoryStream: From<memory::Stream>;

    /// What users of this runtime should know when a client on sockets does not seem to close: a report says it then.
    const CLOSING: Option<&'static str> = None;

    /// Takes over a socket that listens already and does not block.
    ///
    /// # Errors
    /// Returns the error of the runtime that could not take it.
    fn listen(listener: TcpListener) -> io::Result<Self::Listener>;

    /// Returns a timer that goes by this clock, which begins now. It is made where the server is, and used where its task runs.
    fn timer(clock: Clock) -> Self::Timer;

    /// Has a task run in the background until it ends by itself. A task that cannot be started is dropped: then the test is told
    /// that the server is gone.
    fn spawn(task: impl Future<Output = ()> + Send + 'static);

    /// Runs a future on the calling thread, on which this runtime does not run yet, and returns its output.
    ///
    /// # Errors
    /// Returns the error of the system if the runtime cannot be started.
    fn block_on<F: Future>(future: F) -> io::Result<F::Output>;
}

/// Which time a [`Timer`] keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Real time, for servers on sockets: what the kernel does takes real time.
    Real,
    /// The time of the runtime, for servers in memory. It is real time too, unless the runtime can pause its clock.
    Runtime,
}

/// Accepts connections.
///
/// As with a [`Stream`], one task polls it; the latest waker counts, and may be woken for nothing. Between two calls that poll, the
/// driver may ask the kernel past the runtime, and so take what the runtime was about to wake for; it polls again before it waits or,
/// behind a client who has just come, some milliseconds later.
pub trait Listener: Send + Unpin + 'static {
    /// What is accepted.
    type Stream: Stream;

    /// Accepts a connection, or has the task woken when there is one. The address is the client's, if it has one.
    ///
    /// # Errors
    /// Returns the error of the system.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, Option<SocketAddr>)>>;

    /// Accepts a connection that the kernel already holds. The answer comes from the kernel, never from what the runtime
    /// remembers.
    ///
    /// # Errors
    /// Returns [`io::ErrorKind::WouldBlock`] if there is none, and other errors of the system.
    fn accept_now(&mut self) -> io::Result<(Self::Stream, Option<SocketAddr>)>;
}

/// One connection.
///
/// Errors of the kind `WouldBlock` come from `read_now` only: calls that poll wait instead. `Interrupted` may be passed on. Errors
/// that say that the client is gone are the client's; all others fail the script.
pub trait Stream: Send + Unpin + 'static {
    /// Reads, or has the task woken when there is something. 0 bytes are the end of the stream.
    ///
    /// # Errors
    /// Returns the error of the system.
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Reads what the kernel already holds. The answer comes from the kernel, never from what the runtime remembers.
    ///
    /// # Errors
    /// Returns [`io::ErrorKind::WouldBlock`] if there is nothing, and other errors of the system.
    fn read_now(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes, or has the task woken when there is room. That there is none is the answer of the kernel, never what the runtime
    /// remembers: a step that sends something could be too late for it.
    ///
    /// # Errors
    /// Returns the error of the system.
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;

    /// Sends the end of the stream behind what was written.
    ///
    /// # Errors
    /// Returns the error of the system. Errors that say that the connection is gone already do not matter.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Has small writes sent at once, where they would wait for the acknowledgement of the one before (Nagle's algorithm).
    fn set_nodelay(&self);

    /// Takes the error that the connection met behind the back of reads and writes.
    fn take_error(&self) -> Option<io::Error>;

    /// Begins to watch the client's end of the connection, before the first byte, or the end of the stream, is written to it.
    /// Returns whether to call [`watch_on`](Self::watch_on) if the connection lasts. A transport that knows all of it anyway, or
    /// nothing, does nothing.
    fn watch(&mut self) -> bool {
        false
    }

    /// Goes on to watch a connection that has lasted for some milliseconds, or that a test looks at and leaves open: what is too dear for
    /// the many that do not.
    fn watch_on(&mut self) {}

    /// Returns what is known of the client's end of the connection, if anything is. The call may block for half a millisecond; what takes
    /// longer to be known is [`Peer::Leaving`] until then.
    fn peer(&mut self) -> Option<Peer> {
        None
    }

    /// Returns a socket of std for the connection, which this goes with: it is about to be dropped. Transports without sockets have none.
    ///
    /// # Errors
    /// Returns [`io::ErrorKind::Unsupported`] if there is no socket, and other errors of the system.
    fn to_std(&self) -> io::Result<TcpStream> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "there is no socket behind this connection"))
    }

    /// Aborts the connection: the client gets a reset.
    fn reset(self)
    where
        Self: Sized;
}

/// A clock, and one alarm.
pub trait Timer: Send + Unpin + 'static {
    /// Returns the time since the timer was made.
    fn now(&self) -> Instant;

    /// Sets the alarm, or none, instead of the one set before.
    fn set_alarm(&mut self, alarm: Option<Alarm>);

    /// Returns whether the alarm went off, or has the task woken when it does. It may go off early: the driver looks at the
    /// clock itself.
    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Returns what users should know of the runtime's clock when a client has closed early: a report says it then.
    fn remark(&self) -> Option<&'static str> {
        None
    }
}

/// When a [`Timer`] goes off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// The moment, on the timer's clock.
    pub at: Instant,
    /// Whether the client may count on something to happen until then. A runtime that makes its clock jump when all its tasks wait
    /// must not do so meanwhile if the alarm is in real time: the client's own timeouts would go off while the server is at work.
    pub owed: bool,
}

/// A future that is done after some time.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A [`Timer`] in real time, for runtimes that have a future to sleep with.
pub struct SleepTimer {
    origin: std::time::Instant,
    sleep: fn(Duration) -> Sleep,
    alarm: Option<Sleep>,
}

impl SleepTimer {
    /// Returns a timer whose clock begins now and whose alarm is a future of this function.
    pub fn new(sleep: fn(Duration) -> Sleep) -> Self {
        Self { origin: std::time::Instant::now(), sleep, alarm: None }
    }
}

impl Timer for SleepTimer {
    fn now(&self) -> Instant {
        Instant::at(self.origin.elapsed())
    }

    fn set_alarm(&mut self, alarm: Option<Alarm>) {
        self.alarm = alarm.map(|alarm| (self.sleep)(alarm.at.since(self.now())));
    }

    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.alarm.as_mut().map_or(Poll::Pending, |alarm| alarm.as_mut().poll(cx))
    }
}

impl fmt::Debug for SleepTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SleepTimer").field("origin", &self.origin).finish_non_exhaustive()
    }
}

/// A sleep in real time for which a thread waits. The thread ends with the sleep, or when that is dropped.
#[derive(Debug)]
pub struct ThreadSleep {
    shared: Arc<(Mutex<Slept>, Condvar)>,
}

#[derive(Debug, Default)]
struct Slept {
    over: bool,
    sleeper: Option<Waker>,
}

impl ThreadSleep {
    /// Begins to sleep; `spawn` is given what to run on the thread. If it drops that, the sleep is over.
    pub fn new(span: Duration, spawn: impl FnOnce(Box<dyn FnOnce() + Send>)) -> Self {
        let shared = Arc::<(Mutex<Slept>, Condvar)>::default();
        let end = EndOfSleep { shared: Arc::clone(&shared) };
        spawn(Box::new(move || {
            let (slept, changed) = &*end.shared;
            let slept = slept.lock().unwrap_or_else(PoisonError::into_inner);
            drop(changed.wait_timeout_while(slept, span, |slept| !slept.over));
        }));
        Self { shared }
    }
}

/// Ends a sleep when it is dropped, be it at the end of its thread or because there is none.
struct EndOfSleep {
    shared: Arc<(Mutex<Slept>, Condvar)>,
}

impl Drop for EndOfSleep {
    fn drop(&mut self) {
        let mut slept = self.shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        slept.over = true;
        let sleeper = slept.sleeper.take();
        drop(slept);
        sleeper.into_iter().for_each(Waker::wake);
    }
}

impl Future for ThreadSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut slept = self.shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        if slept.over {
            return Poll::Ready(());
        }
        slept.sleeper = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for ThreadSleep {
    fn drop(&mut self) {
        let (slept, changed) = &*self.shared;
        let mut slept = slept.lock().unwrap_or_else(PoisonError::into_inner);
        slept.over = true;
        slept.sleeper = None;
        changed.notify_one();
    }
}
