//! Streams and runtimes as tests want them.

use super::memory;
use super::runtime::{self, Clock, Runtime, SleepTimer};
use crate::session::Peer;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::task::{Context, Poll};
use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A stream that does what it was told, which is shared with its clones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fake(Arc<Mutex<Wire>>);

#[derive(Debug, Default)]
pub(crate) struct Wire {
    /// What reads bring, one after the other; no bytes are the end of the stream. Behind them nothing comes.
    pub(crate) reads: VecDeque<io::Result<Vec<u8>>>,
    /// What all reads bring, once the others are used up.
    pub(crate) flood: Option<u8>,
    /// What writes return, one after the other. Behind them all is taken.
    pub(crate) writes: VecDeque<Poll<io::Result<usize>>>,
    pub(crate) written: Vec<u8>,
    pub(crate) shut: bool,
    /// What is known of the client at each look, one after the other; behind them nothing is.
    pub(crate) peers: VecDeque<Peer>,
}

impl Fake {
    /// Says whether its clones are gone.
    pub(crate) fn is_closed(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    pub(crate) fn wire(&self) -> MutexGuard<'_, Wire> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl runtime::Stream for Fake {
    fn poll_read(&mut self, _: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        match self.read_now(buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Poll::Pending,
            result => Poll::Ready(result),
        }
    }

    fn read_now(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut wire = self.wire();
        let bytes = match (wire.reads.pop_front(), wire.flood) {
            (Some(bytes), _) => bytes?,
            (None, Some(byte)) => alloc::vec![byte; buffer.len()],
            (None, None) => return Err(ErrorKind::WouldBlock.into()),
        };
        let count = bytes.len().min(buffer.len());
        buffer[..count].copy_from_slice(&bytes[..count]);
        if count < bytes.len() {
            wire.reads.push_front(Ok(bytes[count..].to_vec()));
        }
        Ok(count)
    }

    fn poll_write(&mut self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut wire = self.wire();
        let answer = wire.writes.pop_front().unwrap_or(Poll::Ready(Ok(bytes.len())));
        if let Poll::Ready(Ok(count)) = answer {
            wire.written.extend(&bytes[..count]);
        }
        answer
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire().shut = true;
        Poll::Ready(Ok(()))
    }

    fn set_nodelay(&self) {}

    fn take_error(&self) -> Option<io::Error> {
        None
    }

    fn watch(&mut self) -> bool {
        true
    }

    fn peer(&mut self) -> Option<Peer> {
        self.wire().peers.pop_front()
    }

    fn reset(self) {}
}

/// How a runtime is out of order.
#[derive(Debug)]
pub(crate) struct Faulty<const FAULT: u8>;

/// It cannot take over a listener, cannot be started, or ends before it began.
pub(crate) const DEAF: u8 = 0;
pub(crate) const SHORT: u8 = 1;
pub(crate) const DEAD: u8 = 2;
/// Its only client cannot be read from, or not written to.
pub(crate) const CUT: u8 = 3;
pub(crate) const CLOGGED: u8 = 4;
/// It has more clients than the driver takes in one turn.
pub(crate) const CROWDED: u8 = 5;

impl<const FAULT: u8> Runtime for Faulty<FAULT> {
    type Listener = Clients<FAULT>;
    type Timer = SleepTimer;
    type MemoryStream = memory::Stream;

    fn listen(_: TcpListener) -> io::Result<Self::Listener> {
        if FAULT == DEAF { Err(io::Error::other("no ear")) } else { Ok(Clients(0)) }
    }

    fn timer(_: Clock) -> SleepTimer {
        SleepTimer::new(|duration| {
            Box::pin(runtime::ThreadSleep::new(duration, |sleep| drop(std::thread::spawn(sleep))))
        })
    }

    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        drop(task);
    }

    fn block_on<F: Future>(future: F) -> io::Result<F::Output> {
        match FAULT {
            SHORT => Err(io::Error::other("no breath")),
            DEAD => panic!("the runtime of this test ends before it began"),
            _ => Ok(super::block_on(future)),
        }
    }
}

/// Counts the clients that have come.
#[derive(Debug)]
pub(crate) struct Clients<const FAULT: u8>(u64);

impl<const FAULT: u8> runtime::Listener for Clients<FAULT> {
    type Stream = Fake;

    fn poll_accept(&mut self, _: &mut Context<'_>) -> Poll<io::Result<(Fake, Option<SocketAddr>)>> {
        if self.0 == if FAULT == CROWDED { 2000 } else { 1 } {
            return Poll::Pending;
        }
        self.0 += 1;
        let client = Fake::default();
        let fault = || io::Error::other("out of order");
        match FAULT {
            CUT => client.wire().reads.push_back(Err(fault())),
            CLOGGED => client.wire().writes.push_back(Poll::Ready(Err(fault()))),
            _ => {}
        }
        Poll::Ready(Ok((client, None)))
    }

    fn accept_now(&mut self) -> io::Result<(Fake, Option<SocketAddr>)> {
        Err(ErrorKind::WouldBlock.into())
    }
}
