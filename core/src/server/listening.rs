//! How a server listens: at once, when the test opens it, or so that nobody gets through.

use super::runtime::{Listener, Runtime};
use super::socket;
use alloc::format;
use alloc::sync::Arc;
use core::net::SocketAddr;
use core::task::{Context, Poll};
use socket2::Socket;
use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How a server meets its clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Manner {
    /// It accepts them.
    #[default]
    Accepting,
    /// It refuses them until it is opened.
    Refusing,
    /// It lets them wait.
    Unresponsive,
}

impl Manner {
    /// Returns the option of the builder that asks for it.
    pub(super) fn option(self) -> Option<&'static str> {
        match self {
            Self::Accepting => None,
            Self::Refusing => Some("refusing()"),
            Self::Unresponsive => Some("unresponsive()"),
        }
    }
}

/// The port of a server, which it has from the beginning to the end, whether it listens there or not.
#[derive(Debug)]
pub(super) struct Port {
    addr: SocketAddr,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// Nobody listens: clients are refused.
    Closed(Socket),
    /// It listens, and the runtime is yet to take the listener over.
    Open(TcpListener),
    /// It listens, and the runtime has the listener.
    Taken,
    /// It listens with a full queue, which nobody ever takes a client from.
    Full(#[expect(dead_code, reason = "it is open as long as it is here")] TcpListener),
    /// The server has ended.
    Gone,
}

impl Port {
    /// Takes a port of this address, whose connections are to have buffers of this size, if one is given.
    pub(super) fn bind(addr: SocketAddr, manner: Manner, capacity: Option<usize>) -> io::Result<Self> {
        let bound = match manner {
            Manner::Accepting => socket::listen(addr, capacity).and_then(|it| Ok((it.local_addr()?, State::Open(it)))),
            Manner::Refusing => {
                socket::hold(addr, capacity).and_then(|it| Ok((socket::local_addr(&it)?, State::Closed(it))))
            }
            Manner::Unresponsive => socket::listen_full(addr).and_then(|it| Ok((it.local_addr()?, State::Full(it)))),
        };
        let (addr, state) = bound.map_err(|error| explain(&error, &format!("listen on {addr}")))?;
        Ok(Self { addr, state: Mutex::new(state) })
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Listens from now on. `None` means that it does so already.
    pub(super) fn open(&self) -> Option<io::Result<()>> {
        let mut state = self.state();
        let result = match core::mem::replace(&mut *state, State::Gone) {
            State::Closed(socket) => match socket::open(&socket) {
                Ok(()) => {
                    *state = State::Open(TcpListener::from(socket));
                    return Some(Ok(()));
                }
                Err(error) => {
                    *state = State::Closed(socket);
                    Err(error)
                }
            },
            State::Gone => Err(io::Error::other("the server has been finished, or its runtime has shut down")),
            listening => {
                *state = listening;
                return None;
            }
        };
        Some(result.map_err(|error| explain(&error, &format!("listen on {}", self.addr))))
    }

    /// Says why no client gets through, if that is so.
    pub(super) fn remark(&self) -> Option<&'static str> {
        match *self.state() {
            State::Closed(_) => {
                Some("the server was made with refusing(), and nobody has opened it: it refuses its clients")
            }
            State::Full(_) => Some("the server was made with unresponsive(): it accepts no client"),
            State::Open(_) | State::Taken | State::Gone => None,
        }
    }

    /// Hands the listener out, once there is one.
    fn take(&self) -> Option<TcpListener> {
        let mut state = self.state();
        match core::mem::replace(&mut *state, State::Taken) {
            State::Open(listener) => Some(listener),
            other => {
                *state = other;
                None
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the driver accepts clients from: the runtime's listener, as soon as the port is open.
pub(super) struct Listening<R: Runtime> {
    port: Arc<Port>,
    listener: Option<R::Listener>,
}

impl<R: Runtime> Listening<R> {
    /// Has the runtime take over what listens already.
    pub(super) fn new(port: Arc<Port>) -> io::Result<Self> {
        let mut listening = Self { port, listener: None };
        listening.listener()?;
        Ok(listening)
    }

    fn listener(&mut self) -> io::Result<Option<&mut R::Listener>> {
        if self.listener.is_none() {
            self.listener = self.port.take().map(R::listen).transpose()?;
        }
        Ok(self.listener.as_mut())
    }
}

impl<R: Runtime> Listener for Listening<R> {
    type Stream = <R::Listener as Listener>::Stream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, Option<SocketAddr>)>> {
        match self.listener()? {
            Some(listener) => listener.poll_accept(cx),
            // Whoever opens the port has the driver woken, as for a step.
            None => Poll::Pending,
        }
    }

    fn accept_now(&mut self) -> io::Result<(Self::Stream, Option<SocketAddr>)> {
        match self.listener()? {
            Some(listener) => listener.accept_now(),
            None => Err(ErrorKind::WouldBlock.into()),
        }
    }
}

impl<R: Runtime> Drop for Listening<R> {
    fn drop(&mut self) {
        *self.port.state() = State::Gone;
    }
}

/// Says what was tried.
pub(super) fn explain(error: &io::Error, action: &str) -> io::Error {
    io::Error::new(error.kind(), format!("cannot {action}: {error}"))
}

#[cfg(test)]
mod tests;
