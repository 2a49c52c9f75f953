//! The one loop that plays the scripts of a server on a runtime: it carries what the sockets have to the sessions, and what these
//! want to the sockets.
//!
//! The order within a round matters. Inputs are taken first; then the sessions play; and before anything is judged by the
//! clock, or anybody is told that all is well, the kernel is asked once more, past the runtime's cached readiness (a *sweep*).
//! So whatever was in the kernel at that moment counts; and whatever a test had ordered before, for the hub is asked behind it.

mod lane;
mod leaving;
mod link;
mod read;
mod routing;

use super::hub::{Hub, Shift};
use super::runtime::{Alarm, Listener, Stream, Timer};
use super::sessions::Sessions;
use crate::report::Cause;
use crate::session::Session;
use crate::time::{Deadline, Duration, Instant, Reason};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::panic::AssertUnwindSafe;
use core::pin::Pin;
use core::task::{Context, Poll};
use lane::{Earliest, Guest, Kit, Lane, Obeyed};
use link::LASTING;
use read::{Ask, is_passing, is_reset, read};
use std::io::ErrorKind;
use std::panic::catch_unwind;

/// How long a connection that the server has closed may go on receiving, so that the client can read all it was sent: closing a
/// socket with unread data would reset the connection, and cut off a reply that is still under way.
const DRAIN: Duration = Duration::from_secs(1);

/// How long a client whose connection is reset stays connected without having said a word. A reset that comes earlier could make
/// its `connect` fail, where it has to be the first use of the connection.
const GRACE: Duration = Duration::from_millis(100);

/// How long the server waits with the end of its stream when a script has seen the client close. A client that has closed only its
/// sending half waits for it; but a reset that comes right behind a client's close is only noticed as long as it was not sent.
const ANSWER: Duration = Duration::from_millis(20);

/// The number of rounds that one poll may take before the runtime gets its turn.
const ROUNDS: u32 = 64;

/// The number of reads, or accepts, in a row before a session is asked what it thinks of them; and of things that a session
/// wants before the sockets are asked again.
const BATCH: usize = 16;

/// The longest time for which an alarm is set: a runtime's clock has an end, which a deadline of a user may lie beyond.
const LONGEST: Duration = Duration::from_secs(3600);

/// Plays the scripts of a server. Spawned on the runtime by whoever binds a server; ends when the server is closed.
pub(super) struct Driver<L: Listener, T> {
    hub: Arc<Hub>,
    listener: Option<L>,
    /// The connections of each script.
    lanes: Vec<Lane<L::Stream>>,
    /// The index of the lane that is at work.
    current: usize,
    /// The clients of a server with several scripts for whom it is yet to be known whether any script waits.
    lobby: Vec<Guest<L::Stream>>,
    kit: Kit<L::Stream, T>,
    /// Whether it is known in this turn that the task is woken for who comes.
    watched: bool,
    /// Until when nobody looks for a client behind one that has just come, unless a script waits for it: to look in vain is dear on a socket.
    /// A [sweep](Self::sweep) asks in any case, and most connections do not last so long.
    rest: Option<Instant>,
    /// Counts the turns and the orders carried out, and the clients.
    turn: u64,
    guests: u64,
    /// When the timer goes off.
    alarm: Option<Alarm>,
    /// Whether the failure of a script has been made known, and what to do about it is done.
    failed: bool,
    finished: bool,
}

/// What a look at the sockets brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// Nothing: all that there was is with the sessions.
    Nothing,
    /// Something, and there may be more.
    Something,
}

impl Look {
    fn and(self, other: Self) -> Self {
        if self == Self::Something { self } else { other }
    }
}

impl<L: Listener, T: Timer> Driver<L, T> {
    pub(super) fn new(hub: Arc<Hub>, listener: L, timer: T) -> Self {
        Self {
            hub,
            listener: Some(listener),
            lanes: Vec::with_capacity(1),
            current: 0,
            lobby: Vec::new(),
            watched: false,
            rest: None,
            kit: Kit::new(timer),
            turn: 0,
            guests: 0,
            alarm: None,
            failed: false,
            finished: false,
        }
    }

    /// Has a lane for each script.
    fn open_lanes(&mut self, sessions: &Sessions) {
        while self.lanes.len() < sessions.len() {
            self.lanes.push(Lane::new(self.lanes.len()));
        }
    }

    /// Returns the clock that the driver goes by.
    pub(super) fn timer(&mut self) -> &mut T {
        &mut self.kit.timer
    }

    /// Plays until there is nothing more to do now. Returns the number of the checkpoint that this served.
    fn drive(&mut self, sessions: &mut Sessions, shift: &Shift, cx: &mut Context<'_>) -> u64 {
        self.carry_out(sessions, cx);
        let served = self.rounds(sessions, shift, cx);
        // Nobody is to hear that a script has come to its mark before those that hold until then know it.
        if sessions.meet() {
            self.obey(sessions, cx);
            cx.waker().wake_by_ref();
        }
        served
    }

    /// Carries out what handles have ordered. Where there are several scripts, each order has its effect before the next: who is
    /// first in an `expect_connect` is not to depend on how many orders come in one turn.
    fn carry_out(&mut self, sessions: &mut Sessions, cx: &mut Context<'_>) {
        self.turn += 1;
        while sessions.carry_out().is_some() {
            self.open_lanes(sessions);
            if self.lanes.len() > 1 {
                self.each(sessions, |lane, session, kit| lane.begin(session, kit));
                self.obey(sessions, cx);
                self.turn += 1;
            }
        }
    }

    fn rounds(&mut self, sessions: &mut Sessions, shift: &Shift, cx: &mut Context<'_>) -> u64 {
        let asked = shift.requested > shift.served;
        let mut swept = !asked;
        let began = self.kit.now();
        self.each(sessions, |lane, session, kit| lane.begin(session, kit));
        for _ in 0..ROUNDS {
            let mut look = self.accept(sessions, &mut Ask::Runtime(cx));
            self.each(sessions, |lane, session, kit| {
                look = look.and(lane.read(session, kit, &mut Ask::Runtime(cx)));
                lane.drain(session, kit, &mut Ask::Runtime(cx));
                lane.answer(session, kit, cx);
            });
            self.reset_refused(cx);
            match self.obey(sessions, cx) {
                Obeyed::Failed => return shift.requested,
                Obeyed::Busy => continue,
                Obeyed::Waiting => {}
            }
            // A script may have come to wait for the next client.
            if look == Look::Something || (self.rest.is_some() && !self.rests(sessions)) {
                continue;
            }

            let now = self.kit.now();
            let mut settled = true;
            let (mut passed, mut looked, mut due) = (false, false, false);
            for (lane, part) in self.lanes.iter_mut().zip(sessions.iter_mut()) {
                let session = &mut part.session;
                let settles = session.is_settling();
                settled &= !settles;
                let has_passed = !settles && session.done() >= part.awaited;
                // Behind a checkpoint the test may do whatever it likes before it is our turn again.
                looked |= lane.watch_on(session, now, has_passed && asked);
                passed |= has_passed;
                due |= lane.until.is_some_and(|until| until.at <= now);
            }
            if looked {
                self.kit.forget_time();
                continue;
            }
            let finishing = shift.finishing.filter(|_| settled && sessions.are_done() && !self.finished);
            if due || !swept || passed || finishing.is_some() || !self.lobby.is_empty() {
                if self.sweep(sessions) == Look::Something {
                    continue;
                }
                swept = true;
                // What was ordered before the client did what it did counts, too, where somebody is to be told that nothing came, or
                // that nobody waits.
                if (due || !self.lobby.is_empty()) && self.hub.hand_over(sessions) {
                    self.kit.forget_time();
                    self.carry_out(sessions, cx);
                    continue;
                }
                if self.host(sessions) {
                    continue;
                }
                // Only when somebody asks: else it would depend on the driver's alarms what a test that ends here is told.
                if asked {
                    self.each(sessions, |lane, session, kit| {
                        if lane.link.as_ref().is_some_and(|link| !link.behind) {
                            lane.look_behind_end(session, kit);
                        }
                    });
                }
                if due {
                    self.judge(sessions, now, true);
                    continue;
                }
            }
            if let Some(location) = finishing {
                self.each(sessions, |lane, session, kit| lane.look_behind_end(session, kit));
                if let (None, Some((script, cause))) = (sessions.failed(), self.hub.unheard()) {
                    sessions[script].session.fail(cause);
                }
                self.each(sessions, |_, session, _| session.finish(location));
                if sessions.failed().is_some() || !sessions.are_done() {
                    continue;
                }
                self.listener = None;
                // Who is to be reset is so before the test goes on: nobody would do it behind the end of its runtime. Nor would
                // anybody receive what a client sends that has yet to read its reply, which would be cut off.
                let now = self.kit.now();
                let draining = self.lanes.iter_mut().flat_map(|lane| &mut lane.draining);
                let read = draining.map(|draining| draining.is_read_from(now));
                self.finished = !read.fold(!self.kit.refused.is_empty(), |waits, read| waits | read);
            }
            if self.set_alarm(cx) {
                return if swept && settled { shift.requested } else { shift.served };
            }
        }
        // The clients keep us busy. What the kernel held when this turn began has been read by now, so what was due then is judged, and who
        // asked before it is answered: else a client that never stops would keep everybody waiting.
        self.judge(sessions, began, false);
        if let Some(location) = shift.finishing.filter(|_| sessions.are_done() && !self.finished) {
            self.each(sessions, |_, session, _| session.finish(location));
        }
        // Let the others have their turn.
        cx.waker().wake_by_ref();
        if sessions.are_settling() { shift.served } else { shift.requested }
    }

    /// Has every lane do something, until a script fails: then no other goes on.
    fn each(
        &mut self,
        sessions: &mut Sessions,
        mut work: impl FnMut(&mut Lane<L::Stream>, &mut Session, &mut Kit<L::Stream, T>),
    ) {
        if sessions.failed().is_some() {
            return;
        }
        // A plain loop, for the same reason as that of `Sessions::failed`.
        let mut index = 0;
        while index < self.lanes.len() {
            self.current = index;
            let session = &mut sessions[index].session;
            work(&mut self.lanes[index], session, &mut self.kit);
            if session.has_failed() {
                return;
            }
            index += 1;
        }
    }

    /// Does what the sessions say, until none has anything more to say to another.
    fn obey(&mut self, sessions: &mut Sessions, cx: &mut Context<'_>) -> Obeyed {
        loop {
            let mut busy = false;
            self.each(sessions, |lane, session, kit| busy |= matches!(lane.obey(session, kit, cx), Obeyed::Busy));
            if sessions.failed().is_some() {
                return Obeyed::Failed;
            }
            let met = sessions.meet();
            if self.lanes.len() == 1 || !(self.route(sessions, cx) || met) {
                self.stay(sessions);
                return if busy { Obeyed::Busy } else { Obeyed::Waiting };
            }
        }
    }

    /// Has a script that has nothing left to do wait for those that have: what goes on there may be why nothing happens here.
    fn stay(&mut self, sessions: &mut Sessions) {
        if self.lanes.len() == 1 || sessions.are_done() {
            return;
        }
        for (lane, part) in self.lanes.iter_mut().zip(sessions.iter_mut()) {
            if lane.until.is_some_and(|until| until.reason == Reason::Idle) {
                lane.until = None;
                part.session.stay();
            }
        }
    }

    /// Judges the steps whose time had come at this moment, in the order in which it had.
    fn judge(&mut self, sessions: &mut Sessions, now: Instant, swept: bool) {
        // What is due at once waits for a sweep.
        let is_due = |until: &Deadline, now| until.at <= now && (swept || until.at > Instant::ORIGIN);
        loop {
            let lanes = self.lanes.iter().enumerate();
            let due =
                lanes.filter_map(|(index, lane)| Some((lane.until.filter(|until| is_due(until, now))?.at, index)));
            let Some((_, index)) = due.min() else { return };
            self.current = index;
            let session = &mut sessions[index].session;
            self.lanes[index].judge(session, now);
            self.kit.forget_time();
            if session.has_failed() {
                return;
            }
        }
    }

    /// Asks the kernel for all that it holds: clients first, for one that closed and connected again has done so in this order.
    fn sweep(&mut self, sessions: &mut Sessions) -> Look {
        let mut look = self.accept(sessions, &mut Ask::Kernel);
        self.each(sessions, |lane, session, kit| {
            look = look.and(lane.read(session, kit, &mut Ask::Kernel));
            lane.drain(session, kit, &mut Ask::Kernel);
        });
        look
    }

    fn accept(&mut self, sessions: &mut Sessions, ask: &mut Ask<'_, '_>) -> Look {
        let mut look = Look::Nothing;
        for _ in 0..BATCH {
            if matches!(ask, Ask::Runtime(_)) && (self.watched || self.rests(sessions)) {
                return Look::Nothing;
            }
            let Some(listener) = &mut self.listener else { break };
            let result = match ask {
                Ask::Runtime(cx) => match listener.poll_accept(cx) {
                    Poll::Ready(result) => result,
                    // Whoever came is taken, and who comes next wakes the task.
                    Poll::Pending => {
                        self.watched = true;
                        return Look::Nothing;
                    }
                },
                Ask::Kernel => listener.accept_now(),
            };
            match result {
                Ok((stream, peer)) => {
                    look = Look::Something;
                    // By the kernel, it may be somebody the runtime was about to wake for.
                    self.watched = false;
                    self.kit.forget_time();
                    if self.hub.is_on_socket() {
                        self.rest = Some(self.kit.now() + LASTING);
                    }
                    self.guests += 1;
                    self.receive(sessions, Guest { stream, peer, number: self.guests });
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                // The client gave up before it was accepted: the next one, please.
                Err(error) if is_passing(&error) || is_reset(&error) => look = Look::Something,
                Err(error) => {
                    self.listener = None;
                    let script = sessions.failed().unwrap_or(0);
                    sessions[script].session.fail(Cause::Transport(format!("cannot accept clients: {error}")));
                    break;
                }
            }
        }
        look
    }

    /// Says whether nobody is to look yet for the client behind the one that has just come.
    fn rests(&mut self, sessions: &Sessions) -> bool {
        let Some(until) = self.rest else { return false };
        let rests = !self.failed && self.kit.now() < until && !sessions.want_client();
        if !rests {
            self.rest = None;
        }
        rests
    }

    /// Has the task woken by the time when there is something to do next. Returns whether there is nothing to do until then.
    fn set_alarm(&mut self, cx: &mut Context<'_>) -> bool {
        let mut earliest = Earliest(None);
        if let Some(at) = self.rest.filter(|_| self.listener.is_some()) {
            // Somebody may have come since then.
            earliest.add(at, true);
        }
        // A client waits for its reset.
        for refused in &self.kit.refused {
            earliest.add(refused.until, true);
        }
        for lane in &self.lanes {
            lane.alarms(&mut earliest);
        }
        let Some(mut alarm) = earliest.0 else {
            if self.alarm.take().is_some() {
                self.kit.timer.set_alarm(None);
            }
            return true;
        };
        // An alarm that goes off too early costs a poll; setting it anew for each step costs more.
        if self.alarm.is_none_or(|set| set.at > alarm.at || set.owed != alarm.owed) {
            let now = self.kit.now();
            // On a socket one is due soon behind the first client, who mostly comes at once.
            let soon = Some(Instant::ORIGIN + LASTING).filter(|&soon| now < soon && self.hub.is_on_socket());
            alarm.at = alarm.at.min(soon.unwrap_or(now + LONGEST));
            self.kit.timer.set_alarm(Some(alarm));
            self.alarm = Some(alarm);
        }
        let rang = self.kit.timer.poll_alarm(cx).is_ready();
        if rang {
            self.alarm = None;
            self.kit.forget_time();
        }
        !rang
    }

    /// Goes on after a failure: whoever comes is sent away, so that no client waits in vain.
    fn refuse(&mut self, sessions: &mut Sessions, cx: &mut Context<'_>) {
        for _ in 0..ROUNDS {
            let accepted = self.accept(sessions, &mut Ask::Runtime(cx));
            self.reset_refused(cx);
            if accepted == Look::Nothing && self.set_alarm(cx) {
                return;
            }
        }
        cx.waker().wake_by_ref();
    }

    /// Resets the connections whose clients have said something, or were silent for long enough.
    fn reset_refused(&mut self, cx: &mut Context<'_>) {
        if self.kit.refused.is_empty() {
            return;
        }
        let now = self.kit.now();
        for mut refused in core::mem::take(&mut self.kit.refused) {
            let ask = &mut Ask::Runtime(cx);
            if now < refused.until && read(&mut refused.stream, &mut self.kit.buffer, usize::MAX, ask).is_pending() {
                self.kit.refused.push(refused);
            } else {
                refused.stream.reset();
            }
        }
    }

    /// Puts on record what the failure of a script means for the clients.
    fn record_failure(&mut self, sessions: &mut Sessions, failed: usize) {
        for guest in core::mem::take(&mut self.lobby) {
            self.receive(sessions, guest);
        }
        // One more look at what came behind the bytes that made it fail, for the report. If it panics, that is not why it failed.
        let (lane, session) = (&mut self.lanes[failed], &mut sessions[failed].session);
        let _ = catch_unwind(AssertUnwindSafe(|| lane.read(session, &mut self.kit, &mut Ask::Kernel)));
        let now = self.kit.now();
        for (lane, part) in self.lanes.iter().zip(sessions.iter_mut()) {
            if lane.has_client() {
                part.session.record_reset(now);
            }
        }
    }

    /// Resets what is open when a script has failed.
    fn reset(&mut self) {
        self.lanes.iter_mut().for_each(|lane| lane.reset(&mut self.kit));
    }

    /// Lets go of everything in good order: clients get the end of the stream, behind all that they were sent.
    fn close(&mut self, sessions: &mut Sessions, cx: &mut Context<'_>) -> Poll<()> {
        self.listener = None;
        self.lobby.clear();
        self.lanes.iter_mut().for_each(|lane| lane.close(&mut self.kit));
        loop {
            for (lane, part) in self.lanes.iter_mut().zip(sessions.iter_mut()) {
                lane.drain(&mut part.session, &mut self.kit, &mut Ask::Runtime(cx));
            }
            self.reset_refused(cx);
            if self.lanes.iter().all(|lane| lane.draining.is_empty()) && self.kit.refused.is_empty() {
                return Poll::Ready(());
            }
            if self.set_alarm(cx) {
                return Poll::Pending;
            }
        }
    }
}

impl<L: Listener, T: Timer> Future for Driver<L, T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        this.watched = false;
        this.kit.forget_time();
        let Some((mut sessions, shift)) = this.hub.begin(cx.waker()) else { return Poll::Ready(()) };
        // Those that a handle which asked for a report has opened.
        this.open_lanes(&sessions);
        let work = catch_unwind(AssertUnwindSafe(|| {
            if shift.closed || this.failed {
                while sessions.carry_out().is_some() {}
                this.open_lanes(&sessions);
            }
            if shift.closed {
                (this.close(&mut sessions, cx), shift.served)
            } else if this.failed {
                this.refuse(&mut sessions, cx);
                (Poll::Pending, shift.requested)
            } else {
                (Poll::Pending, this.drive(&mut sessions, &shift, cx))
            }
        }));
        let (state, served) = work.unwrap_or_else(|payload| {
            sessions[this.current].session.fail(Cause::Panicked(panic_message(&*payload)));
            (Poll::Pending, shift.requested)
        });
        let news = sessions.failed().filter(|_| !this.failed);
        if let Some(failed) = news {
            this.failed = true;
            this.record_failure(&mut sessions, failed);
            this.hub.note_failure(this.kit.timer.remark());
        }
        for handed in core::mem::take(&mut this.kit.handed) {
            this.hub.give_away(handed.script, handed.step, handed.stream);
        }
        this.hub.park(sessions, served, this.finished);
        if news.is_some() {
            // Only now, when everybody can know why: a client's error must not come before its cause.
            this.reset();
            // All that is left has to be watched anew.
            cx.waker().wake_by_ref();
        }
        state
    }
}

impl<L: Listener, T> Drop for Driver<L, T> {
    fn drop(&mut self) {
        self.kit.refused.drain(..).for_each(|refused| refused.stream.reset());
        for draining in self.lanes.iter_mut().flat_map(|lane| &mut lane.draining) {
            // What the client has sent is received at least once more: its reply would be cut off.
            let _ = draining.poll(None, &mut self.kit.buffer, Instant::ORIGIN, &mut Ask::Kernel);
        }
        self.hub.leave();
    }
}

/// Returns the message of a panic.
pub(super) fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).map_or_else(|| "(no message)".to_string(), String::from)
}

#[cfg(test)]
mod tests;
