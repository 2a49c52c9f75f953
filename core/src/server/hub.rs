//! What the handles of a server and its driver share.
//!
//! While the driver is not at work its session lies here, so that a report is always at hand, even after the runtime is gone.
//! While it is, handles leave their orders here; they never wait for a session in order to change it, so that a closure which
//! the session calls may use them.

use super::failure::Failure;
use super::listening::Port;
use crate::report::{Cause, Client, Report};
use crate::session::{Config, Session};
use crate::step::{Amendment, Step, SyncPoint};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::panic::Location;
use core::sync::atomic::{AtomicU64, Ordering};
use core::task::{Context, Waker};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

#[derive(Debug)]
pub(super) struct Hub {
    name: String,
    bound: &'static Location<'static>,
    /// Whether the driver has a thread of its own, so that a test may block its own.
    on_thread: bool,
    /// What to say of a client that does not seem to close.
    closing: Option<&'static str>,
    /// Where the server listens, if that is a socket.
    port: Option<Arc<Port>>,
    board: Mutex<Board>,
    parked: Condvar,
}

/// Who says how a server that is dropped has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judge {
    /// The drop itself.
    Drop,
    /// The fixture that gave the server out.
    Fixture,
}

#[derive(Debug)]
struct Board {
    /// The session, while the driver is not at work.
    session: Option<Box<Session>>,
    /// The thread on which the driver is at work.
    driving: Option<ThreadId>,
    /// The number of threads that wait for the session.
    blocked: usize,
    orders: Vec<Order>,
    pushed: usize,
    /// The names of the steps that hold, and those of the marks with their steps.
    holds: BTreeSet<String>,
    marks: BTreeMap<String, usize>,
    /// The number of the latest checkpoint that somebody asked for: a look at all that the kernel holds.
    requested: u64,
    /// The smallest number of done steps that somebody waits for.
    awaited: usize,
    finishing: Option<&'static Location<'static>>,
    closed: bool,
    progress: Progress,
    /// What there is to say of the clock.
    clock: Option<&'static str>,
    /// The number of steps that a successful join has vouched for.
    joined: usize,
    told: Told,
    driver: Option<Waker>,
    waiters: Vec<(Ticket, Waker)>,
}

/// Stands for a future that waits, so that only its latest waker is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket(u64);

impl Ticket {
    pub(super) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// What the driver last made known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    pub(super) done: usize,
    pub(super) failed: bool,
    /// The number of the latest checkpoint that was served.
    pub(super) served: u64,
    pub(super) connections: usize,
    /// Whether the script has been finished and its listener is gone.
    pub(super) finished: bool,
    /// Whether the driver is no more.
    pub(super) gone: bool,
}

/// How much of a failure the test has been told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    Nothing,
    /// It was handed out as a value.
    Value,
    /// It was shown in full.
    Shown,
}

/// What a handle wants of the session.
#[derive(Debug)]
enum Order {
    Push(Step),
    Amend(usize, Amendment),
    Release(String),
}

/// What the driver finds when it begins to work.
#[derive(Debug)]
pub(super) struct Shift {
    pub(super) requested: u64,
    pub(super) served: u64,
    pub(super) awaited: usize,
    pub(super) finishing: Option<&'static Location<'static>>,
    pub(super) closed: bool,
}

impl Board {
    /// Carries out what handles have ordered; needs the session to be here.
    fn settle(&mut self) -> Option<&mut Session> {
        let session = self.session.as_deref_mut()?;
        for order in self.orders.drain(..) {
            match order {
                Order::Push(step) => {
                    session.push(step);
                }
                Order::Amend(index, amendment) => session.amend(index, amendment),
                Order::Release(name) => session.release(name),
            }
        }
        Some(session)
    }
}

impl Hub {
    pub(super) fn new(name: String, config: Config, bound: &'static Location<'static>) -> Self {
        let board = Board {
            session: Some(Box::new(Session::new(config))),
            driving: None,
            blocked: 0,
            orders: Vec::new(),
            pushed: 0,
            holds: BTreeSet::new(),
            marks: BTreeMap::new(),
            requested: 0,
            awaited: usize::MAX,
            finishing: None,
            closed: false,
            progress: Progress::default(),
            clock: None,
            joined: 0,
            told: Told::Nothing,
            driver: None,
            waiters: Vec::new(),
        };
        Self {
            name,
            bound,
            on_thread: false,
            closing: None,
            port: None,
            board: Mutex::new(board),
            parked: Condvar::new(),
        }
    }

    /// The same for a driver on a thread of its own.
    pub(super) fn on_thread(name: String, config: Config, bound: &'static Location<'static>) -> Self {
        Self { on_thread: true, ..Self::new(name, config, bound) }
    }

    /// The same for a server on a socket, with something to say of a client that does not seem to close.
    pub(super) fn on_socket(self, port: &Arc<Port>, closing: Option<&'static str>) -> Self {
        Self { port: Some(Arc::clone(port)), closing, ..self }
    }

    /// Notes what there is to say of the clock, now that the script has failed.
    pub(super) fn note_clock(&self, clock: Option<&'static str>) {
        self.board().clock = clock;
    }

    /// Refuses a call that blocks the thread which the driver may need.
    #[track_caller]
    pub(super) fn check_blocking(&self, call: &str) {
        assert!(
            self.on_thread,
            "{call}: the scripted server {} plays on the runtime of the test, which blocking its thread may stop; \
             bind it with bind_blocking(), or await the call without `_blocking`",
            self.name
        );
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        // No code of a user runs under this lock: even after a panic the board is whole.
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the board, then wakes the driver.
    fn order<T>(&self, change: impl FnOnce(&mut Board) -> T) -> T {
        let mut board = self.board();
        let result = change(&mut board);
        let driver = board.driver.take();
        drop(board);
        if let Some(driver) = driver {
            driver.wake();
        }
        result
    }

    /// Adds steps, with nothing between them, and returns the index of the first.
    #[track_caller]
    pub(super) fn push(&self, steps: impl IntoIterator<Item = Step> + AsRef<[Step]>) -> usize {
        let result = self.order(|board| {
            if board.closed || board.finishing.is_some() {
                return Err("a step was added after the server had been finished or dropped".into());
            }
            let first = board.pushed;
            for (index, step) in (first..).zip(steps.as_ref()) {
                let is_new = match step.sync_point() {
                    Some(SyncPoint::Mark(name)) => board.marks.insert(name.into(), index).is_none(),
                    Some(SyncPoint::Hold(name)) => board.holds.insert(name.into()),
                    None => true,
                };
                if !is_new {
                    return Err(format!("there is a {step} already; each name is for one step"));
                }
            }
            board.pushed += steps.as_ref().len();
            board.orders.extend(steps.into_iter().map(Order::Push));
            Ok(first)
        });
        match result {
            Ok(index) => index,
            Err(reason) => panic!("scripted server {}: {reason}", self.name),
        }
    }

    /// Returns the index of the step that is a mark of this name.
    pub(super) fn marked(&self, name: &str) -> Option<usize> {
        self.board().marks.get(name).copied()
    }

    pub(super) fn release(&self, name: &str) {
        self.order(|board| board.orders.push(Order::Release(name.into())));
    }

    pub(super) fn amend(&self, index: usize, amendment: Amendment) {
        self.order(|board| board.orders.push(Order::Amend(index, amendment)));
    }

    /// Has the driver look around: its listener is open.
    pub(super) fn wake(&self) {
        self.order(|_| ());
    }

    /// Has the driver go home: no more clients, no more steps.
    pub(super) fn close(&self) {
        self.order(|board| board.closed = true);
    }

    /// Asks for a checkpoint and returns its number.
    pub(super) fn request_checkpoint(&self) -> u64 {
        self.order(|board| {
            board.requested += 1;
            board.requested
        })
    }

    /// Asks for the end of the script.
    pub(super) fn request_finish(&self, location: &'static Location<'static>) {
        self.order(|board| board.finishing = Some(location));
    }

    /// Returns the number of steps pushed so far.
    pub(super) fn pushed(&self) -> usize {
        self.board().pushed
    }

    /// Returns how many clients have connected.
    pub(super) fn connections(&self) -> usize {
        self.board().progress.connections
    }

    /// Returns what the driver last made known and has the task of this ticket woken when that changes.
    pub(super) fn watch(&self, ticket: Ticket, cx: &Context<'_>) -> Progress {
        let mut board = self.board();
        let progress = board.progress;
        let replaced = match board.waiters.iter_mut().find(|(waiter, _)| *waiter == ticket) {
            Some((_, waker)) if waker.will_wake(cx.waker()) => None,
            Some((_, waker)) => Some(core::mem::replace(waker, cx.waker().clone())),
            None => {
                board.waiters.push((ticket, cx.waker().clone()));
                None
            }
        };
        drop(board);
        drop(replaced);
        progress
    }

    /// As [`watch`](Self::watch), for a task that waits until so many steps are done.
    pub(super) fn watch_for(&self, ticket: Ticket, cx: &Context<'_>, steps: usize) -> Progress {
        let progress = self.watch(ticket, cx);
        let mut board = self.board();
        board.awaited = board.awaited.min(steps);
        progress
    }

    /// Notes that the test has heard that so many steps are done.
    pub(super) fn vouch(&self, steps: usize) {
        let mut board = self.board();
        board.joined = board.joined.max(steps);
    }

    /// Looks at the session, waiting for a driver that is at work on another thread. Returns `None` if it is at work on this
    /// one: then it is the session that calls.
    pub(super) fn with_session<T>(&self, look: impl FnOnce(&mut Session) -> T) -> Option<T> {
        let mut board = self.board();
        while board.session.is_none() {
            if board.driving == Some(thread::current().id()) {
                return None;
            }
            board.blocked += 1;
            board = self.parked.wait(board).unwrap_or_else(PoisonError::into_inner);
            board.blocked -= 1;
        }
        board.settle().map(look)
    }

    fn report(&self, cause: Cause) -> Option<Report> {
        let mut report = self.with_session(|session| session.report(&self.name, cause))?;
        let note = match (report.cause(), report.client()) {
            (Cause::DisconnectTimeout { .. } | Cause::EofTimeout { .. }, Client::Connected) => self.closing,
            (Cause::Closed { .. }, _) => self.board().clock,
            _ => None,
        };
        if let Some(note) = note {
            report.add_note(note);
        }
        if let (Cause::ConnectTimeout { .. }, Client::NeverConnected) = (report.cause(), report.client()) {
            report.reason = self.port.as_ref().and_then(|port| port.remark());
        }
        Some(report)
    }

    /// Returns the failure, if there is one.
    pub(super) fn failure(&self) -> Option<Failure> {
        let failed = self.with_session(|session| session.has_failed())?;
        failed.then(|| self.report(Cause::Interrupted)).flatten().map(Failure::new)
    }

    /// Fails the script because its driver is gone, if it has not failed before.
    pub(super) fn abandon(&self) {
        self.with_session(|session| session.fail(Cause::Abandoned));
    }

    /// Says that the failure is handed out as a value.
    pub(super) fn tell_value(&self) {
        let mut board = self.board();
        board.told = board.told.max(Told::Value);
    }

    /// Returns whether the failure is yet to be shown in full, and takes it that it is now.
    pub(super) fn tell(&self) -> bool {
        let mut board = self.board();
        core::mem::replace(&mut board.told, Told::Shown) != Told::Shown
    }

    /// Returns the state of a script that has not failed, for a test that fails for another reason.
    pub(super) fn state(&self) -> Option<Report> {
        self.report(Cause::Interrupted)
    }

    /// Judges what the test did with a server that it now drops. Returns what is to be told about it.
    pub(super) fn judge_drop(&self) -> Option<Report> {
        let (told, unheard, finishing) = {
            let board = self.board();
            (board.told != Told::Nothing, board.pushed > board.joined, board.finishing)
        };
        let failure = self.failure();
        if told || (failure.is_none() && !unheard) {
            return None;
        }
        self.tell();
        let mut report = match failure {
            Some(failure) => failure.report().clone(),
            None if thread::panicking() => self.state()?,
            None => self.report(Cause::Dropped)?,
        };
        if let Some(location) = finishing {
            report.add_note(format!("the future of finish() at {location} was dropped before its end"));
        }
        if self.on_thread {
            report.add_note("a server of bind_blocking() is asked with join_blocking() or finish_blocking()");
        }
        report.add_note(format!("the server was bound at {}", self.bound));
        Some(report)
    }

    /// Lets the driver begin to work; `waker` is how it learns of orders. Returns `None` if the session is lost.
    pub(super) fn begin(&self, waker: &Waker) -> Option<(Box<Session>, Shift)> {
        let mut board = self.board();
        let known = board.driver.as_ref().is_some_and(|driver| driver.will_wake(waker));
        // A waker is foreign code, also when it is dropped: not under the lock.
        let replaced = if known { None } else { board.driver.replace(waker.clone()) };
        board.settle();
        board.driving = Some(thread::current().id());
        let session = board.session.take()?;
        let shift = Shift {
            requested: board.requested,
            served: board.progress.served,
            awaited: board.awaited,
            finishing: board.finishing,
            closed: board.closed,
        };
        drop(board);
        drop(replaced);
        Some((session, shift))
    }

    /// Puts the session back, makes the progress known, and wakes who waits for it.
    pub(super) fn park(&self, session: Box<Session>, served: u64, finished: bool) {
        let mut board = self.board();
        let progress = Progress {
            done: session.done(),
            failed: session.has_failed(),
            served,
            connections: session.connections(),
            finished,
            gone: false,
        };
        board.session = Some(session);
        board.driving = None;
        if board.blocked > 0 {
            // A system call, which a script that nobody looks at does without.
            self.parked.notify_all();
        }
        self.publish(board, progress);
    }

    /// Makes known that the driver is no more.
    pub(super) fn leave(&self) {
        let board = self.board();
        let progress = Progress { gone: true, ..board.progress };
        self.publish(board, progress);
    }

    fn publish(&self, mut board: MutexGuard<'_, Board>, progress: Progress) {
        if board.progress == progress {
            return;
        }
        board.progress = progress;
        board.awaited = usize::MAX;
        let waiters = core::mem::take(&mut board.waiters);
        drop(board);
        waiters.into_iter().for_each(|(_, waiter)| waiter.wake());
    }
}
