//! One play of the body, with one plan.

use super::bell::{Bell, Player, Ring};
use super::clock::IdleClock;
use super::setback::Setback;
use crate::framing::Framing;
use crate::report::{Cause, Report};
use crate::security::Security;
use crate::server::capture::Captures;
use crate::server::driver::{Driver, panic_message};
use crate::server::fixture::{shown_error, tell};
use crate::server::hub::{Hub, Judge, Name, Ticket};
use crate::server::join::poll_finish;
use crate::server::memory::{Entrance, Listener, Plot};
use crate::server::plan::Plan;
use crate::server::runtime::{Clock, Runtime, Timer};
use crate::server::script::Script;
use crate::server::{Place, Server};
use crate::session::Config;
use crate::time::Instant;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::Debug;
use core::marker::PhantomData;
use core::panic::{AssertUnwindSafe, Location};
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::panic::catch_unwind;
use std::thread;

/// The turns that a body may have one behind the other without that anything moves before time passes all the same: one that asks again and
/// again is not to wait for ever for what takes time.
const BUSY: u32 = 100;

/// What all plays of an exploration have in common.
pub(super) struct Stage<R> {
    pub(super) config: Config,
    pub(super) framing: Framing,
    /// What encrypts each connection from its first byte.
    pub(super) security: Option<Arc<dyn Security>>,
    pub(super) captures: Captures,
    /// The capacity of a connection.
    pub(super) capacity: usize,
    pub(super) caller: &'static Location<'static>,
    /// Whether time is skipped in which nobody can do anything.
    pub(super) skips: bool,
    pub(super) runtime: PhantomData<fn() -> R>,
}

/// What has come of a play.
pub(super) struct Played {
    pub(super) hub: Arc<Hub>,
    pub(super) plot: Arc<Plot>,
    /// How it failed, if it did.
    pub(super) setback: Option<Box<Setback>>,
    /// Whether time was skipped.
    pub(super) skipped: bool,
    /// Whether anybody was seen who does something, and is neither the body nor its server.
    pub(super) outsiders: bool,
}

impl<R: Runtime> Stage<R> {
    /// Plays the body with a new server.
    pub(super) async fn play<F, T>(&self, plan: &Plan, body: &mut F) -> Played
    where
        F: AsyncFnMut(Server<R>) -> T,
        T: Debug,
    {
        let bell = Arc::new(Bell::new());
        let [ring, driver_ring, alarm_ring] = [Player::Body, Player::Driver, Player::Alarm].map(|who| bell.ring(who));
        let (body_waker, driver_waker) = (Waker::from(Arc::clone(&ring)), Waker::from(driver_ring));

        let mut hub = Hub::new(Name::InMemory, self.config.clone(), self.caller);
        self.captures.of(&mut hub);
        let hub = Arc::new(hub);
        let plot = Arc::new(Plot::new(plan.clone(), Vec::from([body_waker.clone(), driver_waker.clone()])));
        let (entrance, listener) = Entrance::new(self.capacity, Some(Arc::clone(&plot)));
        let script = Script::new(Arc::clone(&hub), 0, self.framing.clone(), self.security.clone());
        let server = Server::<R>::new(script, self.framing.clone(), Place::Memory(entrance), Judge::Fixture);
        let driver = Driver::new(Arc::clone(&hub), listener, IdleClock::new(R::timer(Clock::Runtime)));
        let play = Play {
            stage: self,
            plan,
            hub,
            driver,
            driver_waker,
            alarm_waker: Waker::from(alarm_ring),
            // The call itself may panic as well.
            body: Some(Box::pin(async move { body(server).await })),
            // One for the field, one for each of the two wakers.
            own: Arc::strong_count(&ring),
            ring,
            body_waker,
            plot,
            bell,
            returned: None,
            ticket: Ticket::new(),
            finishing: false,
            skipped: false,
            moves: 0,
            moved_at: Instant::ORIGIN,
            busy: 0,
            stalled: None,
            over: false,
        };
        play.await
    }
}

/// A server, its driver and the body, as one future: they take turns, the body first.
struct Play<'a, R: Runtime, B: Future> {
    stage: &'a Stage<R>,
    plan: &'a Plan,
    hub: Arc<Hub>,
    plot: Arc<Plot>,
    bell: Arc<Bell>,
    driver: Driver<Listener, IdleClock<R::Timer>>,
    driver_waker: Waker,
    alarm_waker: Waker,
    /// The body, until it is done or has been dropped.
    body: Option<Pin<Box<B>>>,
    body_waker: Waker,
    /// What wakes the body, and how many hold it if nobody waits.
    ring: Arc<Ring>,
    own: usize,
    /// What error the body has returned.
    returned: Option<String>,
    ticket: Ticket,
    finishing: bool,
    /// Whether time was skipped.
    skipped: bool,
    /// How much has moved, and when something last did; and how many turns the body has had since, one behind the other.
    moves: u64,
    moved_at: Instant,
    busy: u32,
    /// Why nothing more will.
    stalled: Option<Cause>,
    over: bool,
}

// The body is behind a pointer.
impl<R: Runtime, B: Future> Unpin for Play<'_, R, B> {}

impl<R: Runtime, B: Future<Output: Debug>> Play<'_, R, B> {
    /// Has the body play, then the driver, if they have something to do. Returns whether it has ended and, if it failed, how.
    fn turn(&mut self) -> Poll<Option<Box<Setback>>> {
        if self.bell.takes_turn(Player::Body) {
            if let Err(message) = self.poll_body() {
                // What the body did last is to be in the report.
                self.poll_driver();
                return Poll::Ready(Some(self.setback(Some(&message))));
            }
        }
        if self.body.is_none() && !core::mem::replace(&mut self.finishing, true) {
            self.hub.request_finish(self.stage.caller);
        }
        if self.bell.takes_turn(Player::Driver) {
            self.poll_driver();
        }
        // Nobody has to be woken for what the driver makes known: it does so here.
        let cx = Context::from_waker(Waker::noop());
        if !self.finishing {
            let failed = self.hub.watch(self.ticket, &cx).failed;
            return if failed { Poll::Ready(Some(self.setback(None))) } else { Poll::Pending };
        }
        match poll_finish(&self.hub, self.ticket, self.stage.caller, false, &cx) {
            Poll::Ready(Ok(())) if self.returned.is_none() => Poll::Ready(None),
            Poll::Ready(_) => Poll::Ready(Some(self.setback(None))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn poll_driver(&mut self) {
        // It is not ready before its hub is closed, with this play.
        let _ = Pin::new(&mut self.driver).poll(&mut Context::from_waker(&self.driver_waker));
    }

    /// Polls the body. `Err` has the message with which it panicked.
    fn poll_body(&mut self) -> Result<(), String> {
        let Some(body) = &mut self.body else { return Ok(()) };
        let mut cx = Context::from_waker(&self.body_waker);
        let polled = catch_unwind(AssertUnwindSafe(|| body.as_mut().poll(&mut cx).map(|value| shown_error(&value))));
        let done = match polled {
            Ok(Poll::Pending) => return Ok(()),
            Ok(Poll::Ready(returned)) => {
                self.returned = returned;
                let body = self.body.take();
                catch_unwind(AssertUnwindSafe(|| drop(body)))
            }
            Err(payload) => Err(payload),
        };
        done.map_err(|payload| panic_message(&*payload))
    }

    /// Says how the script failed or, if it did not, how far it was when the body did.
    fn setback(&mut self, panicked: Option<&str>) -> Box<Setback> {
        let failure = self.hub.failure().map(|failure| failure.report().clone());
        let (too, returned) = (if failure.is_some() { " as well" } else { "" }, self.returned.take());
        let mut notes = Vec::new();
        let report = match (failure, returned) {
            (None, None) => match self.stalled.take() {
                Some(cause) => self.hub.state_behind(cause),
                None => self.hub.state(),
            },
            (None, Some(error)) => self.hub.state_behind(Cause::Returned(error)),
            (failure, returned) => {
                notes.extend(returned.map(|error| format!("the test body had returned {error}")));
                failure
            }
        };
        notes.extend(panicked.map(|message| format!("the test body panicked{too}: {message}")));
        let body = self.body.take();
        // What the body's values say when they are dropped must not hide the cause.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(body)));
        Box::new(Setback::new(report, notes, Arc::clone(&self.plot), Arc::clone(&self.hub)))
    }

    /// Waits for the next turn, and lets time pass. Returns how it ended if there will be none.
    fn rest(&mut self, cx: &Context<'_>) -> Poll<Option<Box<Setback>>> {
        self.bell.wait(cx.waker().clone());
        let is_stuck = self.is_stuck();
        let timer = self.driver.timer();
        let moves = self.plot.moves();
        if core::mem::replace(&mut self.moves, moves) != moves {
            (self.moved_at, self.busy) = (timer.now(), 0);
        }
        // When it is too long that nothing has moved, and nothing else ends it.
        let limit = self.stage.config.scaled(self.stage.config.idle_limit);
        let limit = limit.map(|limit| self.moved_at + limit).filter(|_| !timer.has_alarm());
        let is_late = limit.is_some_and(|limit| timer.now() >= limit);
        let mut stalled = None;
        if self.bell.has_rung() {
            self.busy += 1;
            if self.busy > BUSY {
                if timer.pass() {
                    self.alarm_waker.wake_by_ref();
                }
                stalled = is_late.then_some(Cause::Stalled { waits: false });
            }
            // Not at once: the other tasks are to have their turns.
            cx.waker().wake_by_ref();
        } else {
            let skips = is_stuck && self.stage.skips;
            let skipped = skips && timer.skip();
            self.skipped |= skips;
            if is_stuck && !timer.has_alarm() && (skips || is_late) {
                stalled = Some(Cause::Stalled { waits: true });
            } else if skipped || timer.wait(&mut Context::from_waker(&self.alarm_waker), limit.filter(|_| is_stuck)) {
                self.alarm_waker.wake_by_ref();
            }
        }
        if stalled.is_none() {
            return Poll::Pending;
        }
        self.stalled = stalled;
        Poll::Ready(Some(self.setback(None)))
    }

    /// Says whether nobody can do anything before the driver's alarm goes off, as far as is known.
    fn is_stuck(&self) -> bool {
        if self.has_outsiders() {
            false
        } else if self.body.is_some() {
            // Whoever holds one more can wake the body: a timer, or another task.
            Arc::strong_count(&self.ring)
                == self.own + self.plot.held(&self.body_waker) + self.hub.held(&self.body_waker)
        } else {
            self.plot.is_left()
        }
    }

    fn has_outsiders(&self) -> bool {
        self.bell.rang_from_outside() || self.plot.had_strangers() || self.hub.was_visited()
    }
}

impl<R: Runtime, B: Future<Output: Debug>> Future for Play<'_, R, B> {
    type Output = Played;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Played> {
        let this = &mut *self;
        this.bell.play();
        this.hub.stay_at(Some(thread::current().id()));
        this.driver.timer().go_on();
        let mut played = this.turn();
        if played.is_pending() {
            played = this.rest(cx);
        }
        this.hub.stay_at(None);
        played.map(|setback| {
            this.over = true;
            let (plot, skipped, outsiders) = (Arc::clone(&this.plot), this.skipped, this.has_outsiders());
            Played { hub: Arc::clone(&this.hub), plot, setback, skipped, outsiders }
        })
    }
}

impl<R: Runtime, B: Future> Drop for Play<'_, R, B> {
    fn drop(&mut self) {
        self.hub.close();
        // Dropped half-way, by a timeout of the test for example: that must not pass in silence.
        if !self.over {
            let mut reports: Vec<Report> = self.hub.judge_drop().into_iter().collect();
            let (plan, caller) = (self.plan, self.stage.caller);
            let note = format!("the future of explore() at {caller} was dropped before its end, at the plan `{plan}`");
            reports.iter_mut().for_each(|report| report.add_note(note.clone()));
            tell(&reports);
        }
    }
}
