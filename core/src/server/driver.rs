//! The one loop that plays a script on a runtime: it carries what the sockets have to the session, and what the session wants
//! to the sockets.
//!
//! The order within a round matters. Inputs are taken first; then the session plays; and before anything is judged by the
//! clock, or anybody is told that all is well, the kernel is asked once more, past the runtime's cached readiness (a *sweep*).
//! So whatever was in the kernel at that moment counts.

mod leaving;
mod link;
mod read;

use super::hub::{Hub, Shift};
use super::runtime::{Alarm, Listener, Stream, Timer};
use crate::report::Cause;
use crate::session::{Output, Session};
use crate::time::{Deadline, Duration, Reason};
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::net::SocketAddr;
use core::panic::AssertUnwindSafe;
use core::pin::Pin;
use core::task::{Context, Poll};
use leaving::{Draining, Refused};
use link::Link;
use read::{Ask, Read, is_passing, is_reset, read};
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

/// The number of reads, or accepts, in a row before the session is asked what it thinks of them; and of things that the session
/// wants before the sockets are asked again.
const BATCH: usize = 16;

/// The longest time for which an alarm is set: a runtime's clock has an end, which a deadline of a user may lie beyond.
const LONGEST: Duration = Duration::from_secs(3600);

/// Plays one script. Spawned on the runtime by whoever binds a server; ends when the server is closed.
pub(super) struct Driver<L: Listener, T> {
    hub: Arc<Hub>,
    listener: Option<L>,
    /// The clients at the session's door, oldest first.
    door: VecDeque<L::Stream>,
    /// The session's connection.
    link: Option<Link<L::Stream>>,
    /// Connections that the server has closed and the client not yet.
    draining: Vec<Draining<L::Stream>>,
    /// Connections that are about to be reset.
    refused: Vec<Refused<L::Stream>>,
    timer: T,
    /// When the timer goes off.
    alarm: Option<Alarm>,
    buffer: Vec<u8>,
    /// Whether the failure of the session has been made known, and what to do about it is done.
    failed: bool,
    finished: bool,
}

/// What a look at the sockets brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// Nothing: all that there was is with the session.
    Nothing,
    /// Something, and there may be more.
    Something,
}

/// How far the driver came with what the session wants.
enum Obeyed {
    /// The script has failed.
    Failed,
    /// There is more to do, but first it is the sockets' turn.
    Busy,
    /// The session waits: until then, if nothing else happens; and, maybe, for what the client does with its end.
    Until(Option<Deadline>, bool),
}

impl<L: Listener, T: Timer> Driver<L, T> {
    pub(super) fn new(hub: Arc<Hub>, listener: L, timer: T) -> Self {
        Self {
            hub,
            listener: Some(listener),
            door: VecDeque::new(),
            link: None,
            draining: Vec::new(),
            refused: Vec::new(),
            timer,
            alarm: None,
            buffer: Vec::new(),
            failed: false,
            finished: false,
        }
    }

    /// Plays until there is nothing more to do now. Returns the number of the checkpoint that this served.
    fn drive(&mut self, session: &mut Session, shift: &Shift, cx: &mut Context<'_>) -> u64 {
        let mut swept = shift.requested == shift.served;
        if !session.is_done() {
            // What was known of a client that has ended its stream may be out of date when a step comes that it matters to.
            self.look_behind_end(session);
        }
        if let Some(link) = &mut self.link {
            link.behind = false;
        }
        for _ in 0..ROUNDS {
            let mut look = self.accept(session, &mut Ask::Runtime(cx));
            if self.read(session, &mut Ask::Runtime(cx)) == Look::Something {
                look = Look::Something;
            }
            self.drain(session, &mut Ask::Runtime(cx));
            self.reset_refused(cx);
            self.answer(session, cx);
            let (until, watch) = match self.obey(session, cx) {
                Obeyed::Failed => return shift.requested,
                Obeyed::Busy => continue,
                Obeyed::Until(until, watch) => (until, watch),
            };
            // The session may have taken what made it stop reading.
            let unwatched = self.link.as_ref().is_some_and(|link| !link.watched && !link.ended);
            if look == Look::Something || (unwatched && session.appetite() > 0) {
                continue;
            }

            let now = self.timer.now();
            let settled = !session.is_settling();
            let passed = settled && session.done() >= shift.awaited;
            if let Some(link) = &mut self.link {
                // Behind a checkpoint the test may do whatever it likes before it is our turn again.
                link.watch_on(now, passed && shift.requested > shift.served);
                if link.look_again(session, now, watch) {
                    continue;
                }
            }
            let due = until.is_some_and(|until| until.at <= now);
            let finishing = shift.finishing.filter(|_| settled && session.is_done() && !self.finished);
            if due || !swept || passed || finishing.is_some() {
                if self.sweep(session) == Look::Something {
                    continue;
                }
                swept = true;
                // Only when somebody asks: else it would depend on the driver's alarms what a test that ends here is told.
                if shift.requested > shift.served && self.link.as_ref().is_some_and(|link| !link.behind) {
                    self.look_behind_end(session);
                }
                if due {
                    // How much the client has not read belongs to the story of a step that is too late.
                    if let Some(link) = self.link.as_mut().filter(|link| link.is_worth_a_look() && !link.gone) {
                        link.look(session, now);
                        if link.gone {
                            // So nobody waits any more.
                            continue;
                        }
                    }
                    session.handle_timeout(now);
                    continue;
                }
            }
            if let Some(location) = finishing {
                self.look_behind_end(session);
                session.finish(location);
                if session.has_failed() || !session.is_done() {
                    continue;
                }
                self.listener = None;
                // Who is to be reset is so before the test goes on: nobody would do it behind the end of its runtime.
                self.finished = self.refused.is_empty();
            }
            if self.set_alarm(until, cx) {
                return if swept && settled { shift.requested } else { shift.served };
            }
        }
        // The client keeps us busy: let the others have their turn.
        cx.waker().wake_by_ref();
        if swept && !session.is_settling() { shift.requested } else { shift.served }
    }

    /// Asks the kernel for all that it holds: clients first, for one that closed and connected again has done so in this order.
    fn sweep(&mut self, session: &mut Session) -> Look {
        let accepted = self.accept(session, &mut Ask::Kernel);
        let read = self.read(session, &mut Ask::Kernel);
        self.drain(session, &mut Ask::Kernel);
        if accepted == Look::Something { accepted } else { read }
    }

    fn accept(&mut self, session: &mut Session, ask: &mut Ask<'_, '_>) -> Look {
        let mut look = Look::Nothing;
        for _ in 0..BATCH {
            let Some(listener) = &mut self.listener else { break };
            let result = match ask {
                Ask::Runtime(cx) => match listener.poll_accept(cx) {
                    Poll::Ready(result) => result,
                    Poll::Pending => break,
                },
                Ask::Kernel => listener.accept_now(),
            };
            match result {
                Ok((stream, peer)) => {
                    look = Look::Something;
                    self.welcome(session, stream, peer);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                // The client gave up before it was accepted: the next one, please.
                Err(error) if is_passing(&error) || is_reset(&error) => look = Look::Something,
                Err(error) => {
                    self.listener = None;
                    session.fail(Cause::Transport(format!("cannot accept clients: {error}")));
                    break;
                }
            }
        }
        look
    }

    fn welcome(&mut self, session: &mut Session, stream: L::Stream, peer: Option<SocketAddr>) {
        // The connection before this one is about to be forgotten.
        self.look_behind_end(session);
        let now = self.timer.now();
        session.handle_connection(now, peer);
        if session.has_failed() {
            self.refused.push(Refused { stream, until: now + GRACE });
        } else {
            self.door.push_back(stream);
        }
    }

    fn read(&mut self, session: &mut Session, ask: &mut Ask<'_, '_>) -> Look {
        let mut look = Look::Nothing;
        let Some(link) = &mut self.link else { return look };
        if matches!(ask, Ask::Runtime(_)) {
            link.watched = link.ended;
        }
        for _ in 0..BATCH {
            // After a failure, whatever there is goes into its report.
            let most = if session.has_failed() { usize::MAX } else { session.appetite() };
            if link.ended || most == 0 {
                break;
            }
            match read(&mut link.stream, &mut self.buffer, most, ask) {
                Poll::Pending => {
                    link.watched |= matches!(ask, Ask::Runtime(_));
                    break;
                }
                Poll::Ready(Read::Bytes(count)) => {
                    look = Look::Something;
                    link.used = true;
                    session.handle_bytes(self.timer.now(), &self.buffer[..count]);
                }
                Poll::Ready(Read::End(error)) => {
                    look = Look::Something;
                    link.ended = true;
                    link.behind = true;
                    link.used = true;
                    link.look(session, self.timer.now());
                    match error {
                        None => session.handle_eof(self.timer.now()),
                        Some(error) if is_reset(&error) => session.handle_reset(self.timer.now()),
                        Some(error) => session.fail(Cause::Transport(format!("cannot read: {error}"))),
                    }
                }
            }
        }
        look
    }

    /// Does what the session says.
    fn obey(&mut self, session: &mut Session, cx: &mut Context<'_>) -> Obeyed {
        for _ in 0..BATCH {
            if session.has_failed() {
                return Obeyed::Failed;
            }
            // Behind what was read: nothing is to be dated before what it follows from, however long the thread stood still.
            let now = self.timer.now();
            match session.poll_output(now) {
                Output::Accept => {
                    self.draining.iter_mut().for_each(|draining| draining.latest = false);
                    let stream = self.door.pop_front();
                    self.link = stream.map(Link::new);
                }
                Output::ShutDown => {
                    if let Some(link) = &mut self.link {
                        link.shut_down(cx, now);
                    }
                }
                Output::Disconnect => {
                    if self.link.as_ref().is_some_and(|link| link.gone) {
                        self.link = None;
                    } else if let Some(link) = self.link.as_mut().filter(|link| link.ended && !link.held) {
                        // There is nothing left to drain; the socket stays for what its error may still tell.
                        link.answer = Some(now + ANSWER);
                    } else if let Some(link) = self.link.take() {
                        self.draining.push(Draining {
                            stream: link.stream,
                            shut: false,
                            until: now + DRAIN,
                            latest: true,
                        });
                        self.drain(session, &mut Ask::Runtime(cx));
                    }
                }
                Output::Reset => {
                    // Of a step that has only just failed: first everybody has to know why.
                    if session.has_failed() {
                        return Obeyed::Failed;
                    }
                    self.reset_link();
                }
                Output::Wait(wait) if wait.send.is_empty() => return Obeyed::Until(wait.until, wait.watch),
                Output::Wait(wait) => {
                    let until = wait.until;
                    let Some(link) = &mut self.link else { return Obeyed::Until(until, false) };
                    if !link.looked {
                        // What the client did before this is sent decides what it means if it cannot be delivered.
                        link.looked = true;
                        let ended = link.ended;
                        self.read(session, &mut Ask::Kernel);
                        if let Some(link) = self.link.as_mut().filter(|_| ended) {
                            link.look(session, now);
                        }
                        continue;
                    }
                    match link.poll_write(cx, now, wait.send) {
                        Poll::Pending => return Obeyed::Until(until, false),
                        Poll::Ready(Ok(count)) => {
                            link.looked = false;
                            session.handle_sent(now, count);
                        }
                        Poll::Ready(Err(error)) if is_passing(&error) => {}
                        Poll::Ready(Err(error)) if is_reset(&error) => {
                            link.ended = true;
                            link.look(session, now);
                            session.handle_send_failed(now);
                        }
                        Poll::Ready(Err(error)) => session.fail(Cause::Transport(format!("cannot send: {error}"))),
                    }
                }
            }
        }
        Obeyed::Busy
    }

    /// Sends the end of the stream to a client that has closed, or only its sending half, some time ago.
    fn answer(&mut self, session: &mut Session, cx: &mut Context<'_>) {
        let now = self.timer.now();
        if self.link.as_ref().and_then(|link| link.answer).is_none_or(|answer| answer > now) {
            return;
        }
        // A reset that comes later accuses nobody: it may be the answer of a kernel that has forgotten a client which was gone.
        self.look_behind_end(session);
        if let Some(link) = &mut self.link {
            link.answer = None;
            link.answered = true;
            // An error says that nobody is there to get it.
            let _ = link.stream.poll_shutdown(cx);
        }
    }

    /// A reset that came behind the end of a client's stream shows only in the socket's error.
    fn look_behind_end(&mut self, session: &mut Session) {
        if let Some(link) = self.link.as_mut().filter(|link| link.ended && !link.answered) {
            link.behind = true;
            // The error first: a client that leaves between the two is known to be gone then, and how.
            let error = link.stream.take_error();
            link.look(session, self.timer.now());
            if error.is_some() {
                session.handle_reset(self.timer.now());
            }
        }
    }

    /// Goes on receiving where the server has closed.
    fn drain(&mut self, session: &mut Session, ask: &mut Ask<'_, '_>) {
        if self.draining.is_empty() {
            return;
        }
        let now = self.timer.now();
        let buffer = &mut self.buffer;
        self.draining.retain_mut(|draining| {
            let session = (draining.latest && session.is_over()).then_some(&mut *session);
            draining.poll(session, buffer, now, ask).is_pending()
        });
    }

    /// Has the task woken by this deadline, or when the next connection is to be let go. Returns whether there is nothing to do
    /// until then.
    fn set_alarm(&mut self, until: Option<Deadline>, cx: &mut Context<'_>) -> bool {
        // A client may wait for what the next steps bring or how they fail, for its reset, and for our end of the stream.
        let step = until.map(|until| Alarm { at: until.at, owed: until.reason != Reason::Idle });
        let drained = self.draining.iter().map(|draining| Alarm { at: draining.until, owed: false });
        let refused = self.refused.iter().map(|refused| Alarm { at: refused.until, owed: true });
        let answer = self.link.as_ref().and_then(|link| link.answer).map(|at| Alarm { at, owed: true });
        let due = self.link.iter().flat_map(Link::due).map(|at| Alarm { at, owed: false });
        let alarms = step.into_iter().chain(drained).chain(refused).chain(answer).chain(due);
        let earliest = alarms.reduce(|a, b| Alarm { at: a.at.min(b.at), owed: a.owed || b.owed });
        let Some(mut alarm) = earliest else {
            if self.alarm.take().is_some() {
                self.timer.set_alarm(None);
            }
            return true;
        };
        // An alarm that goes off too early costs a poll; setting it anew for each step costs more.
        if self.alarm.is_none_or(|set| set.at > alarm.at || set.owed != alarm.owed) {
            alarm.at = alarm.at.min(self.timer.now() + LONGEST);
            self.timer.set_alarm(Some(alarm));
            self.alarm = Some(alarm);
        }
        let rang = self.timer.poll_alarm(cx).is_ready();
        if rang {
            self.alarm = None;
        }
        !rang
    }

    /// Goes on after a failure: whoever comes is sent away, so that no client waits in vain.
    fn refuse(&mut self, session: &mut Session, cx: &mut Context<'_>) {
        for _ in 0..ROUNDS {
            let accepted = self.accept(session, &mut Ask::Runtime(cx));
            self.reset_refused(cx);
            if accepted == Look::Nothing && self.set_alarm(None, cx) {
                return;
            }
        }
        cx.waker().wake_by_ref();
    }

    /// Resets the connections whose clients have said something, or were silent for long enough.
    fn reset_refused(&mut self, cx: &mut Context<'_>) {
        if self.refused.is_empty() {
            return;
        }
        let now = self.timer.now();
        for mut refused in core::mem::take(&mut self.refused) {
            let ask = &mut Ask::Runtime(cx);
            if now < refused.until && read(&mut refused.stream, &mut self.buffer, usize::MAX, ask).is_pending() {
                self.refused.push(refused);
            } else {
                refused.stream.reset();
            }
        }
    }

    /// Resets the session's connection: at once if the client has made use of it, else when it does.
    fn reset_link(&mut self) {
        let Some(link) = self.link.take() else { return };
        if link.used {
            link.stream.reset();
        } else {
            self.refused.push(Refused { stream: link.stream, until: self.timer.now() + GRACE });
        }
    }

    /// Resets what is open when the script fails.
    fn reset(&mut self) {
        self.reset_link();
        let until = self.timer.now() + GRACE;
        self.refused.extend(self.door.drain(..).map(|stream| Refused { stream, until }));
        self.draining.drain(..).for_each(|draining| draining.stream.reset());
    }

    /// Lets go of everything in good order: clients get the end of the stream, behind all that they were sent.
    fn close(&mut self, session: &mut Session, cx: &mut Context<'_>) -> Poll<()> {
        self.listener = None;
        self.door.clear();
        let now = self.timer.now();
        if let Some(link) = self.link.take().filter(|link| !link.ended) {
            self.draining.push(Draining { stream: link.stream, shut: false, until: now + DRAIN, latest: true });
        }
        loop {
            self.drain(session, &mut Ask::Runtime(cx));
            self.reset_refused(cx);
            if self.draining.is_empty() && self.refused.is_empty() {
                return Poll::Ready(());
            }
            if self.set_alarm(None, cx) {
                return Poll::Pending;
            }
        }
    }
}

impl<L: Listener, T: Timer> Future for Driver<L, T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let hub = Arc::clone(&this.hub);
        let Some((mut session, shift)) = hub.begin(cx.waker()) else { return Poll::Ready(()) };
        let work = catch_unwind(AssertUnwindSafe(|| {
            if shift.closed {
                (this.close(&mut session, cx), shift.served)
            } else if this.failed {
                this.refuse(&mut session, cx);
                (Poll::Pending, shift.requested)
            } else {
                (Poll::Pending, this.drive(&mut session, &shift, cx))
            }
        }));
        let (state, served) = work.unwrap_or_else(|payload| {
            session.fail(Cause::Panicked(panic_message(&*payload)));
            (Poll::Pending, shift.requested)
        });
        let news = session.has_failed() && !core::mem::replace(&mut this.failed, session.has_failed());
        if news {
            // One more look at what came behind the bytes that made it fail, for the report. If it panics, that is not why it failed.
            let _ = catch_unwind(AssertUnwindSafe(|| this.read(&mut session, &mut Ask::Kernel)));
            if this.link.as_ref().is_some_and(|link| !link.ended || link.held) || !this.door.is_empty() {
                session.record_reset(this.timer.now());
            }
        }
        if news {
            hub.note_clock(this.timer.remark());
        }
        hub.park(session, served, this.finished);
        if news {
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
        self.refused.drain(..).for_each(|refused| refused.stream.reset());
        self.hub.leave();
    }
}

/// Returns the message of a panic.
pub(super) fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).map_or_else(|| "(no message)".to_string(), String::from)
}
