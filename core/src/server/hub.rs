//! What the handles of a server and its driver share.
//!
//! While the driver is not at work its sessions lie here, so that a report is always at hand, even after the runtime is gone.
//! While it is, handles leave their orders here; they never wait for a session in order to change it, so that a closure which
//! the session calls may use them.

mod board;

#[cfg(feature = "pcapng")]
use super::capture::Place;
use super::failure::Failure;
use super::hand_over::Taker;
use super::listening::Port;
use super::raw::RawStream;
use super::sessions::{Order, Sessions};
use crate::report::{Cause, Client, Report};
use crate::session::{Config, Session};
use crate::step::{Amendment, Step};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;
use board::{Board, Desk, Told};
use core::fmt;
use core::net::SocketAddr;
use core::panic::Location;
use core::sync::atomic::{AtomicU64, Ordering};
use core::task::{Context, Waker};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

#[derive(Debug)]
pub(super) struct Hub {
    name: Name,
    bound: &'static Location<'static>,
    /// How long the sessions of all scripts wait.
    config: Config,
    /// Whether the driver has a thread of its own, so that a test may block its own.
    on_thread: bool,
    /// What to say of a client that does not seem to close.
    closing: Option<&'static str>,
    /// Where the server listens, if that is a socket.
    port: Option<Arc<Port>>,
    /// Where its capture goes, if anywhere.
    #[cfg(feature = "pcapng")]
    place: Option<Place>,
    board: Mutex<Board>,
    parked: Condvar,
}

/// What a server is called. Only reports, and refusals, ask for the text.
#[derive(Clone, Copy, Debug)]
pub(super) enum Name {
    /// It is on a socket with this address.
    Of(SocketAddr),
    InMemory,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Of(addr) => addr.fmt(f),
            Self::InMemory => f.write_str("in memory"),
        }
    }
}

/// Who says how a server that is dropped has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judge {
    /// The drop itself.
    Drop,
    /// The fixture that gave the server out.
    Fixture,
}

/// Which scripts of a server a call is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    All,
    /// The one with this index.
    One(usize),
}

/// How far scripts have to come for somebody who waits.
#[derive(Clone, Debug)]
pub(super) enum Goal {
    /// So many steps of the script with this index.
    One(usize, usize),
    /// So many steps of each script.
    Each(Vec<usize>),
}

impl Goal {
    /// Returns the scripts and their steps.
    fn steps(&self) -> impl Iterator<Item = (usize, usize)> {
        let (one, each) = match self {
            &Self::One(script, steps) => (Some((script, steps)), &[][..]),
            Self::Each(steps) => (None, &steps[..]),
        };
        one.into_iter().chain(each.iter().copied().enumerate())
    }
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
    pub(super) failed: bool,
    /// The number of the latest checkpoint that was served.
    pub(super) served: u64,
    pub(super) connections: usize,
    /// Whether the scripts have been finished and their listener is gone.
    pub(super) finished: bool,
    /// Whether the driver is no more.
    pub(super) gone: bool,
}

/// What the driver finds when it begins to work.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shift {
    pub(super) requested: u64,
    pub(super) served: u64,
    pub(super) finishing: Option<&'static Location<'static>>,
    pub(super) closed: bool,
}

impl Hub {
    pub(super) fn new(name: Name, config: Config, bound: &'static Location<'static>) -> Self {
        Self {
            name,
            bound,
            board: Mutex::new(Board::new(config.clone())),
            config,
            on_thread: false,
            closing: None,
            port: None,
            #[cfg(feature = "pcapng")]
            place: None,
            parked: Condvar::new(),
        }
    }

    /// The same for a driver on a thread of its own.
    pub(super) fn on_thread(name: Name, config: Config, bound: &'static Location<'static>) -> Self {
        Self { on_thread: true, ..Self::new(name, config, bound) }
    }

    /// Says that the server is on a socket, and what there is to say of a client that does not seem to close.
    pub(super) fn set_port(&mut self, port: &Arc<Port>, closing: Option<&'static str>) {
        (self.port, self.closing) = (Some(Arc::clone(port)), closing);
    }

    /// Has the conversation captured.
    #[cfg(feature = "pcapng")]
    pub(super) fn set_place(&mut self, place: Place) {
        if let Some(sessions) = &mut self.board().sessions {
            sessions.start_captures();
        }
        self.place = Some(place);
    }

    #[cfg(feature = "pcapng")]
    pub(super) fn place(&self) -> Option<&Place> {
        self.place.as_ref()
    }

    pub(super) fn is_on_socket(&self) -> bool {
        self.port.is_some()
    }

    /// Returns where the server listens, if that is a socket.
    #[cfg(feature = "pcapng")]
    pub(super) fn addr(&self) -> Option<SocketAddr> {
        self.port.as_ref().map(|port| port.addr())
    }

    /// Notes what there is to say of the clock, and whether a client could get through, now that the script has failed.
    pub(super) fn note_failure(&self, clock: Option<&'static str>) {
        let shut = self.port.as_ref().is_some_and(|port| port.remark().is_some());
        let mut board = self.board();
        (board.clock, board.shut) = (clock, shut);
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

    pub(super) fn name(&self) -> Name {
        self.name
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        // No code of a user runs under this lock: even after a panic the board is whole.
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the board, then wakes the driver.
    fn order<T>(&self, change: impl FnOnce(&mut Board) -> T) -> T {
        let mut board = self.board();
        let result = change(&mut board);
        if let Some(home) = &mut board.home {
            home.visited |= home.thread != Some(thread::current().id());
        }
        let driver = board.driver.take();
        drop(board);
        if let Some(driver) = driver {
            driver.wake();
        }
        result
    }

    /// Adds a script and returns its index.
    #[track_caller]
    pub(super) fn open_script(&self) -> usize {
        let config = self.config.clone();
        let index = self.order(|board| {
            if board.is_over() {
                return None;
            }
            board.orders.push_back(Order::Open(config));
            board.desks.push(Desk::NEW);
            Some(board.desks.len() - 1)
        });
        match index {
            Some(index) => index,
            None => panic!(
                "scripted server {}: a script was opened after the server had been finished or dropped",
                self.name
            ),
        }
    }

    /// Adds steps to a script, with nothing between them, and returns the index of the first.
    #[track_caller]
    pub(super) fn push(&self, script: usize, steps: impl IntoIterator<Item = Step> + AsRef<[Step]>) -> usize {
        let result = self.order(|board| match board.admit(script, steps.as_ref()) {
            Ok(first) => {
                for step in steps {
                    board.orders.push_back(Order::Push(script, step));
                }
                Ok(first)
            }
            // What a test has put into them is foreign code when it is dropped: not under the lock.
            Err(reason) => Err((reason, steps)),
        });
        match result {
            Ok(index) => index,
            Err((reason, _)) => panic!("scripted server {}: {reason}", self.name),
        }
    }

    /// Has the connection that this step gives away go there.
    pub(super) fn take_over(&self, script: usize, step: usize, taker: &Arc<Taker>) {
        let mut board = self.board();
        // Its step was pushed before: a driver on another thread may have come to it already.
        match board.given.iter().position(|(at, _)| *at == (script, step)) {
            Some(place) => put(board.given.swap_remove(place).1, taker),
            None => board.takers.push(((script, step), Arc::downgrade(taker))),
        }
    }

    /// Gives away the connection of this step. If nobody takes it any more, it is closed.
    pub(super) fn give_away(&self, script: usize, step: usize, stream: RawStream) {
        let mut board = self.board();
        let Some(place) = board.takers.iter().position(|(at, _)| *at == (script, step)) else {
            return board.given.push(((script, step), stream));
        };
        let taker = board.takers.swap_remove(place).1.upgrade();
        drop(board);
        if let Some(taker) = taker {
            put(stream, &taker);
        }
    }

    /// Returns the script and the index of the step that is a mark of this name.
    pub(super) fn marked(&self, name: &str) -> Option<(usize, usize)> {
        self.board().marks.get(name).copied()
    }

    /// Lets the scripts go on that hold with this name, at the word of one of them.
    pub(super) fn release(&self, script: usize, name: &str, location: &'static Location<'static>) {
        self.order(|board| {
            board.releases.entry(name.into()).or_insert((script, location));
            board.orders.push_back(Order::Release(name.into()));
        });
    }

    pub(super) fn amend(&self, script: usize, index: usize, amendment: Amendment) {
        self.order(|board| board.orders.push_back(Order::Amend(script, index, amendment)));
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

    /// Asks for the end of all scripts.
    pub(super) fn request_finish(&self, location: &'static Location<'static>) {
        self.order(|board| board.finishing = Some(location));
    }

    /// Returns the steps pushed so far.
    pub(super) fn pushed(&self, which: Which) -> Goal {
        let board = self.board();
        match (which, &board.desks[..]) {
            (Which::One(script), desks) => Goal::One(script, desks[script].pushed),
            (Which::All, [desk]) => Goal::One(0, desk.pushed),
            (Which::All, desks) => Goal::Each(desks.iter().map(|desk| desk.pushed).collect()),
        }
    }

    /// Returns how many clients have connected.
    pub(super) fn connections(&self) -> usize {
        self.board().progress.connections
    }

    /// Returns what the driver last made known and has the task of this ticket woken when that changes.
    pub(super) fn watch(&self, ticket: Ticket, cx: &Context<'_>) -> Progress {
        let mut board = self.board();
        let progress = board.progress;
        let replaced = board.watch(ticket, cx);
        drop(board);
        drop(replaced);
        progress
    }

    /// As [`watch`](Self::watch), for a task that waits until so many steps are done and this checkpoint was served; also says whether the
    /// steps are done. If there is nothing left to wait for, nobody is woken.
    pub(super) fn watch_for(&self, ticket: Ticket, cx: &Context<'_>, goal: &Goal, checkpoint: u64) -> (Progress, bool) {
        let mut board = self.board();
        let progress = board.progress;
        let passed = goal.steps().all(|(script, steps)| board.desks[script].done >= steps);
        if passed && !progress.failed && (progress.served >= checkpoint || progress.gone) {
            return (progress, passed);
        }
        for (script, steps) in goal.steps() {
            let desk = &mut board.desks[script];
            desk.awaited = desk.awaited.min(steps);
        }
        let replaced = board.watch(ticket, cx);
        drop(board);
        drop(replaced);
        (progress, passed)
    }

    /// Says that a server which plays in the task of its test has its turn on this thread, or no turn.
    pub(super) fn stay_at(&self, thread: Option<thread::ThreadId>) {
        self.board().home.get_or_insert_default().thread = thread;
    }

    /// Says whether anybody has given orders who was not in that task.
    pub(super) fn was_visited(&self) -> bool {
        self.board().home.as_ref().is_some_and(|home| home.visited)
    }

    /// Returns how many of a task's wakers are kept here.
    pub(super) fn held(&self, waker: &Waker) -> usize {
        self.board().waiters.iter().filter(|(_, waiter)| waiter.data() == waker.data()).count()
    }

    /// Notes that the test has heard that so many steps are done.
    pub(super) fn vouch(&self, goal: &Goal) {
        let mut board = self.board();
        for (script, steps) in goal.steps() {
            let desk = &mut board.desks[script];
            desk.joined = desk.joined.max(steps);
        }
    }

    /// Looks at the session of a script as the driver has left it, if there is one yet.
    pub(super) fn with_session<T>(&self, script: usize, look: impl FnOnce(&Session) -> T) -> Option<T> {
        let board = self.parked_board()?;
        let part = board.sessions.as_ref()?.get(script)?;
        Some(look(&part.session))
    }

    /// Looks at the sessions, having carried out what was ordered: for when nothing is played any more.
    pub(super) fn with_sessions<T>(&self, look: impl FnOnce(&mut Sessions) -> T) -> Option<T> {
        self.parked_board()?.settle().map(look)
    }

    /// Waits for a driver that is at work on another thread. Returns `None` if it is at work on this one: then it is a session
    /// that calls.
    fn parked_board(&self) -> Option<MutexGuard<'_, Board>> {
        let mut board = self.board();
        while board.sessions.is_none() {
            if board.driving == Some(thread::current().id()) {
                return None;
            }
            board.blocked += 1;
            board = self.parked.wait(board).unwrap_or_else(PoisonError::into_inner);
            board.blocked -= 1;
        }
        Some(board)
    }

    /// Returns the story of the script that has failed or, if none has, of the one that is asked for.
    fn report(&self, cause: Cause, which: impl FnOnce(&Sessions) -> usize) -> Option<Report> {
        let mut report = self.with_sessions(|sessions| {
            let script = sessions.failed().unwrap_or_else(|| which(sessions));
            sessions.report(script, &self.name.to_string(), cause)
        })?;
        let note = match (report.cause(), report.client()) {
            (Cause::DisconnectTimeout { .. } | Cause::EofTimeout { .. }, Client::Connected) => self.closing,
            (Cause::Closed { .. }, _) => self.board().clock,
            _ => None,
        };
        if let Some(note) = note {
            report.add_note(note);
        }
        if let (Cause::ConnectTimeout { .. }, Client::NeverConnected | Client::Waiting) =
            (report.cause(), report.client())
        {
            let opened = || self.board().shut.then_some("the server was made with refusing(), and opened too late");
            report.reason = self.port.as_ref().and_then(|port| port.remark()).or_else(opened);
        }
        Some(report)
    }

    /// Returns the failure, if there is one.
    pub(super) fn failure(&self) -> Option<Failure> {
        self.with_sessions(|sessions| sessions.failed())??;
        self.report(Cause::Interrupted, Sessions::unfinished).map(Failure::new)
    }

    /// Fails a script because the driver is gone, if none has failed before.
    pub(super) fn abandon(&self) {
        self.with_sessions(|sessions| {
            if sessions.failed().is_none() {
                let script = sessions.unfinished();
                sessions[script].session.fail(Cause::Abandoned);
            }
        });
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
        self.report(Cause::Interrupted, Sessions::unfinished)
    }

    /// Returns the state of a script that has not failed, for a test body that did not come to its end.
    pub(super) fn state_behind(&self, cause: Cause) -> Option<Report> {
        self.report(cause, Sessions::unfinished)
    }

    /// Judges what the test did with a server that it now drops. Returns what is to be told about it.
    pub(super) fn judge_drop(&self) -> Option<Report> {
        let (told, unheard, finishing) = {
            let board = self.board();
            let unheard = board.desks.iter().position(|desk| desk.pushed > desk.joined);
            (board.told != Told::Nothing, unheard, board.finishing)
        };
        let failure = self.failure();
        if told || (failure.is_none() && unheard.is_none()) {
            return None;
        }
        self.tell();
        let mut report = match failure {
            Some(failure) => failure.report().clone(),
            None if thread::panicking() => self.state()?,
            None => self.report(Cause::Dropped, |_| unheard.unwrap_or_default())?,
        };
        if let Some(location) = finishing {
            report.add_note(format!("the future of finish() at {location} was dropped before its end"));
        }
        if self.on_thread {
            report.add_note("a server of bind_blocking() is asked with join_blocking() or finish_blocking()");
        }
        report.add_note(format!("the server was bound at {}", self.bound));
        self.add_capture(&mut report);
        Some(report)
    }

    /// Lets the driver begin to work; `waker` is how it learns of orders. Returns `None` if the sessions are lost.
    pub(super) fn begin(&self, waker: &Waker) -> Option<(Box<Sessions>, Shift)> {
        let mut guard = self.board();
        let board = &mut *guard;
        let known = board.driver.as_ref().is_some_and(|driver| driver.will_wake(waker));
        // A waker is foreign code, also when it is dropped: not under the lock.
        let replaced = if known { None } else { board.driver.replace(waker.clone()) };
        board.driving = Some(thread::current().id());
        let mut sessions = board.sessions.take()?;
        sessions.order(&mut board.orders);
        for (part, desk) in sessions.iter_mut().zip(&board.desks) {
            part.awaited = desk.awaited;
        }
        let shift = Shift {
            requested: board.requested,
            served: board.progress.served,
            finishing: board.finishing,
            closed: board.closed,
        };
        drop(guard);
        drop(replaced);
        Some((sessions, shift))
    }

    /// Hands to the driver, which is at work, what was ordered since it began. Returns whether there is anything.
    pub(super) fn hand_over(&self, sessions: &mut Sessions) -> bool {
        let mut board = self.board();
        let some = !board.orders.is_empty();
        sessions.order(&mut board.orders);
        some
    }

    /// Returns the index of a script that has released a name which no hold has, and what that means for it.
    pub(super) fn unheard(&self) -> Option<(usize, Cause)> {
        self.board().unheard()
    }

    /// Returns how many scripts there are, with those that were opened since the driver began.
    pub(super) fn scripts(&self) -> usize {
        self.board().desks.len()
    }

    /// Puts the sessions back, makes the progress known, and wakes who waits for it.
    pub(super) fn park(&self, sessions: Box<Sessions>, served: u64, finished: bool) {
        let mut board = self.board();
        let progress = Progress {
            failed: sessions.failed().is_some(),
            served,
            connections: sessions.connections(),
            finished,
            gone: false,
        };
        let mut advanced = false;
        for (part, desk) in sessions.iter().zip(&mut board.desks) {
            let done = part.session.done();
            advanced |= core::mem::replace(&mut desk.done, done) != done;
        }
        board.sessions = Some(sessions);
        board.driving = None;
        if board.blocked > 0 {
            // A system call, which a script that nobody looks at does without.
            self.parked.notify_all();
        }
        self.publish(board, progress, advanced);
    }

    /// Makes known that the driver is no more.
    pub(super) fn leave(&self) {
        let board = self.board();
        let progress = Progress { gone: true, ..board.progress };
        self.publish(board, progress, false);
    }

    fn publish(&self, mut board: MutexGuard<'_, Board>, progress: Progress, advanced: bool) {
        if board.progress == progress && !advanced {
            return;
        }
        board.progress = progress;
        board.desks.iter_mut().for_each(|desk| desk.awaited = usize::MAX);
        let waiters = core::mem::take(&mut board.waiters);
        drop(board);
        waiters.into_iter().for_each(|(_, waiter)| waiter.wake());
    }
}

fn put(stream: RawStream, taker: &Taker) {
    *taker.lock().unwrap_or_else(PoisonError::into_inner) = Some(stream);
}

#[cfg(test)]
mod tests;
