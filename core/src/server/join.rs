//! The futures that wait for scripts. They are named types with a tracked `poll`: a panic then bears the line of the `await`.

use super::Server;
use super::failure::Failure;
use super::hub::{Goal, Hub, Ticket, Which};
use super::runtime::Runtime;
use alloc::format;
use alloc::sync::Arc;
use core::panic::Location;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

/// The call that a future stands for, for its report.
#[derive(Clone, Copy, Debug)]
struct Asked {
    call: &'static str,
    location: &'static Location<'static>,
}

impl Asked {
    /// Returns the failure of a server for the one who asked, as soon as there is one.
    fn failure(self, hub: &Hub) -> Poll<Failure> {
        hub.failure().map_or(Poll::Pending, Poll::Ready).map(|failure| {
            let mut report = failure.report().clone();
            report.add_note(format!("told by {} at {}", self.call, self.location));
            hub.add_capture(&mut report);
            Failure::new(report)
        })
    }
}

/// Panics with the failure: in full the first time that it is shown, later in a line.
#[track_caller]
fn show(hub: &Hub, failure: &Failure) -> ! {
    if hub.tell() {
        panic!("{failure}")
    }
    panic!("{} (the whole report was shown before)", failure.report().summary())
}

/// The future of [`Script::try_join`](super::Script::try_join).
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct TryJoin {
    hub: Arc<Hub>,
    ticket: Ticket,
    goal: Goal,
    /// Whether this vouches for these steps.
    vouches: bool,
    checkpoint: Option<u64>,
    asked: Asked,
}

impl TryJoin {
    /// Waits for all steps that these scripts have by now.
    pub(super) fn new(hub: &Arc<Hub>, which: Which, call: &'static str, location: &'static Location<'static>) -> Self {
        Self {
            hub: Arc::clone(hub),
            ticket: Ticket::new(),
            goal: hub.pushed(which),
            vouches: true,
            checkpoint: None,
            asked: Asked { call, location },
        }
    }

    /// Waits for one step of a script.
    pub(super) fn reached(
        hub: &Arc<Hub>,
        (script, step): (usize, usize),
        call: &'static str,
        location: &'static Location<'static>,
    ) -> Self {
        let join = Self::new(hub, Which::One(script), call, location);
        Self { goal: Goal::One(script, step + 1), vouches: false, ..join }
    }

    fn poll_failure(&mut self, cx: &Context<'_>) -> Poll<Result<(), Failure>> {
        let checkpoint = *self.checkpoint.get_or_insert_with(|| self.hub.request_checkpoint());
        let (progress, passed) = self.hub.watch_for(self.ticket, cx, &self.goal, checkpoint);
        if progress.gone && !passed {
            self.hub.abandon();
        }
        if progress.failed || (progress.gone && !passed) {
            return self.asked.failure(&self.hub).map(Err);
        }
        if passed && (progress.served >= checkpoint || progress.gone) {
            if self.vouches {
                self.hub.vouch(&self.goal);
            }
            return Poll::Ready(Ok(()));
        }
        Poll::Pending
    }
}

impl Future for TryJoin {
    type Output = Result<(), Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let result = ready!(self.poll_failure(cx));
        if result.is_err() {
            self.hub.tell_value();
        }
        Poll::Ready(result)
    }
}

/// The future of [`Script::join`](super::Script::join).
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Join {
    join: TryJoin,
}

impl Join {
    pub(super) fn new(join: TryJoin) -> Self {
        Self { join }
    }
}

impl Future for Join {
    type Output = ();

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match ready!(self.join.poll_failure(cx)) {
            Ok(()) => Poll::Ready(()),
            Err(failure) => show(&self.join.hub, &failure),
        }
    }
}

/// The future of [`Server::try_finish`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct TryFinish<R: Runtime> {
    server: Server<R>,
    ticket: Ticket,
    requested: bool,
    asked: Asked,
}

impl<R: Runtime> TryFinish<R> {
    pub(super) fn new(server: Server<R>, call: &'static str, location: &'static Location<'static>) -> Self {
        Self { server, ticket: Ticket::new(), requested: false, asked: Asked { call, location } }
    }

    fn poll_failure(&mut self, cx: &Context<'_>) -> Poll<Result<(), Failure>> {
        let hub = Arc::clone(self.server.hub());
        let first = !core::mem::replace(&mut self.requested, true);
        let result = ready!(poll_finish(&hub, self.ticket, self.asked.location, first, cx));
        match result {
            Ok(()) => Poll::Ready(Ok(())),
            Err(()) => self.asked.failure(&hub).map(Err),
        }
    }
}

/// Waits for the end of a server's scripts; `Err` says that one has failed.
pub(super) fn poll_finish(
    hub: &Hub,
    ticket: Ticket,
    location: &'static Location<'static>,
    first: bool,
    cx: &Context<'_>,
) -> Poll<Result<(), ()>> {
    if first {
        hub.request_finish(location);
    }
    let progress = hub.watch(ticket, cx);
    if progress.finished {
        hub.vouch(&hub.pushed(Which::All));
        return Poll::Ready(Ok(()));
    }
    if progress.gone && !progress.failed {
        hub.abandon();
    }
    if progress.failed || progress.gone { Poll::Ready(Err(())) } else { Poll::Pending }
}

impl<R: Runtime> Future for TryFinish<R> {
    type Output = Result<(), Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let result = ready!(self.poll_failure(cx));
        if result.is_err() {
            self.server.hub().tell_value();
        }
        Poll::Ready(result)
    }
}

/// The future of [`Server::finish`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Finish<R: Runtime> {
    finish: TryFinish<R>,
}

impl<R: Runtime> Finish<R> {
    pub(super) fn new(finish: TryFinish<R>) -> Self {
        Self { finish }
    }
}

impl<R: Runtime> Future for Finish<R> {
    type Output = ();

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match ready!(self.finish.poll_failure(cx)) {
            Ok(()) => Poll::Ready(()),
            Err(failure) => show(self.finish.server.hub(), &failure),
        }
    }
}
