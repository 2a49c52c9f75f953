//! The connections of one script.

use super::super::raw::RawStream;
use super::super::runtime::{Alarm, Stream, Timer};
use super::leaving::{Draining, Refused};
use super::link::Link;
use super::read::{Ask, Read, is_passing, is_reset, read};
use super::{ANSWER, BATCH, DRAIN, GRACE, Look};
use crate::report::Cause;
use crate::session::{Output, Session};
use crate::time::{Deadline, Instant, Reason};
use alloc::collections::VecDeque;
use alloc::format;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::task::{Context, Poll};

/// The connections of one script. The session is given to each call.
pub(super) struct Lane<S> {
    /// The index of the script.
    number: usize,
    /// The clients at the session's door, oldest first.
    pub(super) door: VecDeque<Guest<S>>,
    /// The session's connection.
    pub(super) link: Option<Link<S>>,
    /// Connections that the server has closed and the client not yet.
    pub(super) draining: Vec<Draining<S>>,
    /// Until when the session waits, if nothing else happens.
    pub(super) until: Option<Deadline>,
    /// Whether it waits for what the client does with its end.
    watch: bool,
    /// The turn since which it wants a client.
    pub(super) wants_since: Option<u64>,
}

/// A client that no script has taken yet.
pub(super) struct Guest<S> {
    pub(super) stream: S,
    pub(super) peer: Option<SocketAddr>,
    /// Counts all clients in the order in which they came.
    pub(super) number: u64,
}

/// What the lanes share.
pub(super) struct Kit<S, T> {
    pub(super) timer: T,
    /// The moment of the latest event, if the clock was asked since.
    moment: Option<Instant>,
    pub(super) buffer: Vec<u8>,
    /// Connections that are about to be reset.
    pub(super) refused: Vec<Refused<S>>,
    /// Connections that scripts have given away, and nobody has got yet.
    pub(super) handed: Vec<Handed>,
}

/// A connection that a step of a script has given away.
pub(super) struct Handed {
    pub(super) script: usize,
    pub(super) step: usize,
    pub(super) stream: RawStream,
}

/// The earliest of several alarms, in plain loops: this is asked in every turn, and chains of iterators cost most where tests are
/// built without optimisation.
pub(super) struct Earliest(pub(super) Option<Alarm>);

impl Earliest {
    pub(super) fn add(&mut self, at: Instant, owed: bool) {
        self.0 = Some(match self.0 {
            None => Alarm { at, owed },
            Some(alarm) => Alarm { at: alarm.at.min(at), owed: alarm.owed || owed },
        });
    }
}

/// How far a lane came with what the session wants.
pub(super) enum Obeyed {
    /// The script has failed.
    Failed,
    /// There is more to do, but first it is the sockets' turn.
    Busy,
    /// The session waits.
    Waiting,
}

impl<S: Stream, T: Timer> Kit<S, T> {
    pub(super) fn new(timer: T) -> Self {
        Self { timer, moment: None, buffer: Vec::new(), refused: Vec::new(), handed: Vec::new() }
    }

    /// Returns the time of the latest event. To ask the clock each time would be a good part of what a short conversation costs.
    pub(super) fn now(&mut self) -> Instant {
        match self.moment {
            Some(moment) => moment,
            None => *self.moment.insert(self.timer.now()),
        }
    }

    /// Has the clock be asked anew. To be called where something has come from outside, and behind what may have taken time, such as what a
    /// session does with it: nothing is to be dated before what it follows from, however long the thread stood still.
    pub(super) fn forget_time(&mut self) {
        self.moment = None;
    }

    /// Has a connection reset when its client has said something, or was silent for long enough.
    pub(super) fn refuse(&mut self, stream: S) {
        let until = self.now() + GRACE;
        self.refused.push(Refused { stream, until });
    }
}

impl<S> Lane<S> {
    pub(super) fn new(number: usize) -> Self {
        Self {
            number,
            door: VecDeque::new(),
            link: None,
            draining: Vec::new(),
            until: None,
            watch: false,
            wants_since: None,
        }
    }
}

impl<S: Stream> Lane<S> {
    /// Begins a turn.
    pub(super) fn begin<T: Timer>(&mut self, session: &mut Session, kit: &mut Kit<S, T>) {
        if !session.is_done() {
            // What was known of a client that has ended its stream may be out of date when a step comes that it matters to.
            self.look_behind_end(session, kit);
        }
        if let Some(link) = &mut self.link {
            link.behind = false;
            link.watched = false;
        }
    }

    /// Takes in a client that waits at the session's door.
    pub(super) fn welcome<T: Timer>(&mut self, session: &mut Session, kit: &mut Kit<S, T>, guest: Guest<S>) {
        self.take_leave(session, kit);
        let too_late = session.has_failed();
        session.handle_connection(kit.now(), guest.peer);
        kit.forget_time();
        if too_late {
            kit.refuse(guest.stream);
        } else {
            self.door.push_back(guest);
        }
    }

    /// Reads what there is. Says whether there may be more of it; of the kernel, whether there was anything.
    pub(super) fn read<T: Timer>(&mut self, session: &mut Session, kit: &mut Kit<S, T>, ask: &mut Ask<'_, '_>) -> Look {
        let mut look = Look::Nothing;
        let Some(link) = &mut self.link else { return look };
        if link.watched && matches!(ask, Ask::Runtime(_)) {
            return look;
        }
        for _ in 0..BATCH {
            // After a failure, whatever there is goes into its report.
            let most = if session.has_failed() { usize::MAX } else { session.appetite() };
            if link.ended || most == 0 {
                break;
            }
            match read(&mut link.stream, &mut kit.buffer, most, ask) {
                Poll::Pending => {
                    if let Ask::Runtime(_) = ask {
                        // What came is taken, and what comes next wakes the task: nothing more is to be had by another round.
                        link.watched = true;
                        return Look::Nothing;
                    }
                    break;
                }
                Poll::Ready(Read::Bytes(count)) => {
                    look = Look::Something;
                    link.watched = false;
                    link.used = true;
                    kit.forget_time();
                    session.handle_bytes(kit.now(), &kit.buffer[..count]);
                    kit.forget_time();
                }
                Poll::Ready(Read::End(error)) => {
                    if let Ask::Kernel = ask {
                        look = Look::Something;
                    }
                    link.ended = true;
                    link.behind = true;
                    link.used = true;
                    kit.forget_time();
                    link.look(session, kit.now());
                    match error {
                        None => session.handle_eof(kit.now()),
                        Some(error) if is_reset(&error) => session.handle_reset(kit.now()),
                        Some(error) => session.fail(Cause::Transport(format!("cannot read: {error}"))),
                    }
                    kit.forget_time();
                }
            }
        }
        look
    }

    /// Does what the session says.
    pub(super) fn obey<T: Timer>(
        &mut self,
        session: &mut Session,
        kit: &mut Kit<S, T>,
        cx: &mut Context<'_>,
    ) -> Obeyed {
        let mut now = kit.now();
        for _ in 0..BATCH {
            if session.has_failed() {
                return Obeyed::Failed;
            }
            match session.poll_output(now) {
                Output::Accept => {
                    self.draining.iter_mut().for_each(|draining| draining.latest = false);
                    let guest = self.door.pop_front();
                    self.link = guest.map(|guest| Link::new(guest.stream));
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
                    } else {
                        self.let_go(now);
                        self.drain(session, kit, &mut Ask::Runtime(cx));
                    }
                }
                Output::Reset => {
                    // Of a step that has only just failed: first everybody has to know why.
                    if session.has_failed() {
                        return Obeyed::Failed;
                    }
                    self.reset_link(kit);
                }
                Output::HandOver { step, received } => {
                    if let Some(link) = self.link.take() {
                        let stream = RawStream::new(link.stream, received, session.take_channel());
                        kit.handed.push(Handed { script: self.number, step, stream });
                    }
                }
                Output::Wait(wait) => {
                    (self.until, self.watch) = (wait.until, wait.watch);
                    if wait.send.is_empty() {
                        if self.reads_on(session, kit, cx) {
                            now = kit.now();
                            continue;
                        }
                        return Obeyed::Waiting;
                    }
                    self.watch = false;
                    let Some(link) = &mut self.link else { return Obeyed::Waiting };
                    if !link.looked {
                        // What the client did before this is sent decides what it means if it cannot be delivered.
                        link.looked = true;
                        let ended = link.ended;
                        self.read(session, kit, &mut Ask::Kernel);
                        now = kit.now();
                        if let Some(link) = self.link.as_mut().filter(|_| ended) {
                            link.look(session, now);
                        }
                        continue;
                    }
                    match link.poll_write(cx, now, wait.send) {
                        Poll::Pending => {
                            if self.reads_on(session, kit, cx) {
                                now = kit.now();
                                continue;
                            }
                            return Obeyed::Waiting;
                        }
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
        kit.forget_time();
        Obeyed::Busy
    }

    /// Has the connection drain in the background, if there is one.
    fn let_go(&mut self, now: Instant) {
        if let Some(link) = self.link.take() {
            self.draining.push(Draining::new(link.stream, now + DRAIN));
        }
    }

    /// Sends the end of the stream to a client that has closed, or only its sending half, some time ago.
    pub(super) fn answer<T: Timer>(&mut self, session: &mut Session, kit: &mut Kit<S, T>, cx: &mut Context<'_>) {
        let Some(answer) = self.link.as_ref().and_then(|link| link.answer) else { return };
        if answer > kit.now() {
            return;
        }
        // A reset that comes later accuses nobody: it may be the answer of a kernel that has forgotten a client which was gone.
        self.look_behind_end(session, kit);
        if let Some(link) = &mut self.link {
            link.answer = None;
            link.answered = true;
            // An error says that nobody is there to get it.
            let _ = link.stream.poll_shutdown(cx);
        }
    }

    /// A reset that came behind the end of a client's stream shows only in the socket's error.
    pub(super) fn look_behind_end<T: Timer>(&mut self, session: &mut Session, kit: &mut Kit<S, T>) {
        if let Some(link) = self.link.as_mut().filter(|link| link.ended && !link.answered) {
            link.behind = true;
            // The error first: a client that leaves between the two is known to be gone then, and how.
            let error = link.stream.take_error();
            kit.forget_time();
            link.look(session, kit.now());
            if error.is_some() {
                session.handle_reset(kit.now());
            }
            kit.forget_time();
        }
    }

    /// The connection that the session had until now is about to be forgotten: what its client has done so far came before whoever comes next.
    pub(super) fn take_leave<T: Timer>(&mut self, session: &mut Session, kit: &mut Kit<S, T>) {
        self.drain(session, kit, &mut Ask::Kernel);
        self.look_behind_end(session, kit);
    }

    /// Goes on receiving where the server has closed.
    pub(super) fn drain<T: Timer>(&mut self, session: &mut Session, kit: &mut Kit<S, T>, ask: &mut Ask<'_, '_>) {
        if self.draining.is_empty() {
            return;
        }
        kit.forget_time();
        let now = kit.now();
        self.draining.retain_mut(|draining| {
            let session = (draining.latest && session.is_over()).then_some(&mut *session);
            draining.poll(session, &mut kit.buffer, now, ask).is_pending()
        });
        kit.forget_time();
    }

    /// Reads if the session reads on and the task would not be woken for what comes: it has just taken in a client, or what made it stop
    /// reading, or the kernel was asked in between. Returns whether that was so.
    fn reads_on<T: Timer>(&mut self, session: &mut Session, kit: &mut Kit<S, T>, cx: &mut Context<'_>) -> bool {
        let unwatched = self.link.as_ref().is_some_and(|link| !link.watched && !link.ended) && session.appetite() > 0;
        if unwatched {
            self.read(session, kit, &mut Ask::Runtime(cx));
        }
        unwatched
    }

    /// Does what is due for a connection that has lasted, or now, and looks at the client's end if it is time to. Returns whether it
    /// has looked.
    pub(super) fn watch_on(&mut self, session: &mut Session, now: Instant, at_once: bool) -> bool {
        let Some(link) = &mut self.link else { return false };
        link.watch_on(now, at_once);
        link.look_again(session, now, self.watch)
    }

    /// Judges a step whose time has come.
    pub(super) fn judge(&mut self, session: &mut Session, now: Instant) {
        self.until = None;
        // How much the client has not read belongs to the story of a step that is too late.
        if let Some(link) = self.link.as_mut().filter(|link| link.is_worth_a_look() && !link.gone) {
            link.look(session, now);
            if link.gone {
                // So nobody waits any more.
                return;
            }
        }
        session.handle_timeout(now);
    }

    /// Adds when it is this lane's turn again, if nothing happens before.
    pub(super) fn alarms(&self, earliest: &mut Earliest) {
        // A client may wait for what the next steps bring or how they fail, and for our end of the stream.
        if let Some(until) = self.until {
            earliest.add(until.at, until.reason != Reason::Idle);
        }
        for draining in &self.draining {
            earliest.add(draining.until, false);
            if let Some(at) = draining.next_look {
                earliest.add(at, false);
            }
        }
        if let Some(link) = &self.link {
            if let Some(at) = link.answer {
                earliest.add(at, true);
            }
            link.due(earliest);
        }
    }

    /// Says whether a failure resets a client.
    pub(super) fn has_client(&self) -> bool {
        self.link.as_ref().is_some_and(|link| !link.ended || link.held) || !self.door.is_empty()
    }

    /// Resets the session's connection: at once if the client has made use of it, else when it does.
    fn reset_link<T: Timer>(&mut self, kit: &mut Kit<S, T>) {
        let Some(link) = self.link.take() else { return };
        if link.used {
            link.stream.reset();
        } else {
            kit.refuse(link.stream);
        }
    }

    /// Resets what is open when a script has failed.
    pub(super) fn reset<T: Timer>(&mut self, kit: &mut Kit<S, T>) {
        self.reset_link(kit);
        self.door.drain(..).for_each(|guest| kit.refuse(guest.stream));
        self.draining.drain(..).for_each(|draining| draining.stream.reset());
        self.until = None;
    }

    /// Lets go of everything in good order: the client gets the end of the stream, behind all that it was sent.
    pub(super) fn close<T: Timer>(&mut self, kit: &mut Kit<S, T>) {
        self.door.clear();
        if self.link.as_ref().is_some_and(|link| !link.ended) {
            self.let_go(kit.now());
        }
        self.link = None;
        self.until = None;
    }
}
