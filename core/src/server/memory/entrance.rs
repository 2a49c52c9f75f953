//! Where clients of a server in memory come in, and who lets them.

use super::plot::Plot;
use super::{Stream, connect, wake};
use crate::server::runtime;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::mem;
use core::net::SocketAddr;
use core::task::{Context, Poll, Waker};
use std::io::{self, ErrorKind};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Where clients of a server in memory come in.
#[derive(Clone, Debug)]
pub(in crate::server) struct Entrance {
    door: Arc<Mutex<Door>>,
    capacity: usize,
    /// How the bytes are delivered, if that is planned.
    plot: Option<Arc<Plot>>,
}

#[derive(Debug, Default)]
struct Door {
    waiting: VecDeque<Stream>,
    closed: bool,
    listener: Option<Waker>,
}

impl Entrance {
    /// Returns an entrance to connections with room for so many bytes in each direction, and who listens there.
    pub(in crate::server) fn new(capacity: usize, plot: Option<Arc<Plot>>) -> (Self, Listener) {
        let door = Arc::<Mutex<Door>>::default();
        (Self { door: Arc::clone(&door), capacity, plot }, Listener { door })
    }

    /// Connects a client. If nobody listens any more, its first use of the connection is an error.
    pub(in crate::server) fn connect(&self) -> Stream {
        let (client, server) = match &self.plot {
            Some(plot) => plot.connect(self.capacity),
            None => connect(self.capacity, None),
        };
        let mut door = lock(&self.door);
        if door.closed {
            drop(door);
            runtime::Stream::reset(server);
            return client;
        }
        door.waiting.push_back(server);
        let listener = door.listener.take();
        drop(door);
        wake([listener, None]);
        client
    }
}

fn lock(door: &Mutex<Door>) -> MutexGuard<'_, Door> {
    // Nothing panics while it holds the lock.
    door.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Accepts connections in memory.
#[derive(Debug)]
pub struct Listener {
    door: Arc<Mutex<Door>>,
}

impl runtime::Listener for Listener {
    type Stream = Stream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Stream, Option<SocketAddr>)>> {
        let mut door = lock(&self.door);
        match door.waiting.pop_front() {
            Some(stream) => Poll::Ready(Ok((stream, None))),
            None => {
                let replaced = door.listener.replace(cx.waker().clone());
                drop(door);
                drop(replaced);
                Poll::Pending
            }
        }
    }

    fn accept_now(&mut self) -> io::Result<(Stream, Option<SocketAddr>)> {
        let stream = lock(&self.door).waiting.pop_front();
        stream.map(|stream| (stream, None)).ok_or_else(|| ErrorKind::WouldBlock.into())
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let waiting = {
            let mut door = lock(&self.door);
            door.closed = true;
            mem::take(&mut door.waiting)
        };
        waiting.into_iter().for_each(runtime::Stream::reset);
    }
}
