//! The future of a connection that a script gives away.

use super::hub::Hub;
use super::join::{Join, TryJoin};
use super::raw::RawStream;
use alloc::sync::Arc;
use core::panic::Location;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::sync::{Mutex, PoisonError};

/// Where the connection comes.
pub(super) type Taker = Mutex<Option<RawStream>>;

/// The future of [`Script::hand_over`](super::Script::hand_over). If it is dropped before the connection is given away, that is closed instead.
#[derive(Debug)]
#[must_use = "the connection is closed if nobody takes it"]
pub struct HandOver {
    join: Join,
    taker: Arc<Taker>,
}

impl HandOver {
    pub(super) fn new(
        hub: &Arc<Hub>,
        (script, step): (usize, usize),
        call: &'static str,
        location: &'static Location<'static>,
    ) -> Self {
        let taker = Arc::default();
        hub.take_over(script, step, &taker);
        Self { join: Join::new(TryJoin::reached(hub, (script, step), call, location)), taker }
    }
}

impl Future for HandOver {
    type Output = RawStream;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<RawStream> {
        let taken = |taker: &Taker| taker.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Whatever has happened since: the connection is there. It may also come between two looks.
        let mut stream = taken(&self.taker);
        if stream.is_none() {
            ready!(Pin::new(&mut self.join).poll(cx));
            stream = taken(&self.taker);
        }
        match stream {
            Some(stream) => Poll::Ready(stream),
            None => panic!("polled after completion"),
        }
    }
}
