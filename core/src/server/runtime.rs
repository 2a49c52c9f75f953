//! What the driver needs of an async runtime. An adapter implements it; users of an adapter never see it.

use crate::time::Instant;
use core::net::SocketAddr;
use core::task::{Context, Poll};
use std::io;
use std::net::TcpListener;

/// An async runtime with TCP sockets.
pub trait Runtime: Sized + Send + 'static {
    /// A listening socket of this runtime.
    type Listener: Listener;
    /// A timer of this runtime.
    type Timer: Timer;

    /// Takes over a socket that listens already and does not block.
    ///
    /// # Errors
    /// Returns the error of the runtime that could not take it.
    fn listen(listener: TcpListener) -> io::Result<Self::Listener>;

    /// Returns a timer whose clock begins now.
    fn timer() -> Self::Timer;

    /// Has a task run in the background until it ends by itself.
    fn spawn(task: impl Future<Output = ()> + Send + 'static);
}

/// Accepts connections.
pub trait Listener: Send + Unpin + 'static {
    /// What is accepted.
    type Stream: Stream;

    /// Accepts a connection, or has the task woken when there is one.
    ///
    /// # Errors
    /// Returns the error of the system.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, SocketAddr)>>;

    /// Accepts a connection that the kernel already holds. The answer comes from the kernel, never from what the runtime
    /// remembers.
    ///
    /// # Errors
    /// Returns [`io::ErrorKind::WouldBlock`] if there is none, and other errors of the system.
    fn accept_now(&mut self) -> io::Result<(Self::Stream, SocketAddr)>;
}

/// One connection.
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

    /// Writes, or has the task woken when there is room.
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

    /// Aborts the connection: the client gets a reset.
    fn reset(self);
}

/// A clock, and one alarm.
pub trait Timer: Send + Unpin + 'static {
    /// Returns the time since the timer was made.
    fn now(&self) -> Instant;

    /// Sets the alarm, instead of the one set before.
    fn set_alarm(&mut self, at: Instant);

    /// Returns whether the alarm went off, or has the task woken when it does. It may go off early: the driver looks at the
    /// clock itself.
    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> Poll<()>;
}
