//! The state machine that plays the steps of one script.
//!
//! # Theory of operation
//! A session has at most one connection at a time. What the transport saw goes in through the `handle_*` methods; what the
//! transport must do comes out of [`Session::poll_output`]. Both carry the time; the session has no clock.
//!
//! | state | leaves it when |
//! |---|---|
//! | no connection | an `expect_connect` step is current and a client is at the door |
//! | open | `expect_disconnect` passes, or `disconnect` or `reset` is played; either side may end its stream before |
//! | over | as from no connection |
//!
//! A step becomes current when the one before it is done or, if none is, at the first call that carries the time after it
//! was pushed. A pause is done when its time has come. Bytes that come before their step wait in the backlog. The first failure
//! is latched: nothing is played after it, the connection is reset, and only the evidence may still grow.

mod alternatives;
mod backlog;
mod channel;
mod config;
mod connection;
mod door;
mod log;
mod outbox;
mod output;
mod plain;
mod play;
mod progress;
mod recorder;
mod secure;
mod steps;
mod story;

#[cfg(feature = "std")]
pub(crate) use channel::Arrival;
pub(crate) use channel::Channel;
pub use config::Config;
pub use connection::Peer;
pub use output::{Output, Wait};

use crate::bytes::Bytes;
use crate::report::{Arrived, Cause, Excerpt, Part};
use crate::security::{Stage, Trouble};
use crate::step::{Amendment, Flow, Kind, Step, Wanted};
use crate::time::{Deadline, Duration, Instant, Reason};
use crate::transcript::{Event, Transcript};
use alloc::boxed::Box;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use alternatives::Alternatives;
use backlog::Backlog;
use connection::{Connection, Hold};
use core::net::SocketAddr;
use core::panic::Location;
use log::Log;
use outbox::Outbox;
use plain::Calm;
use progress::Progress;
use steps::{Skip, Steps};

/// How long a `wait_until_read` takes where nobody knows what a client has read.
const READING: Duration = Duration::from_millis(20);

/// Plays one script against the clients that connect.
///
/// The driver calls `handle_*` for what happened, then [`poll_output`](Self::poll_output) until it says
/// [`Output::Wait`]. Calls that come too early or twice do no harm.
#[derive(Debug)]
pub struct Session {
    config: Config,
    steps: Steps,
    /// When the current step became current; `None` if there is no current step, or nobody told the time since.
    started: Option<Instant>,
    /// How much of the current step's message was received or sent.
    progress: Progress,
    /// The message that was received last, unless a step has expected it to the byte: those the steps know.
    heard: Option<Bytes>,
    /// The indices of the steps whose rules are in force.
    rules: Vec<usize>,
    alternatives: Alternatives,
    outbox: Outbox,
    /// The index of the rule whose closures are being called.
    acting: Option<usize>,
    /// The names of holds that were released.
    released: BTreeSet<String>,
    /// The names of marks that were reached and that nobody has taken.
    marks: Vec<Box<str>>,
    link: Link,
    /// The clients that have connected and that no step has claimed.
    door: VecDeque<Option<SocketAddr>>,
    /// Whether a client is taken from the door only when the driver says so.
    shares_door: bool,
    connections: usize,
    backlog: Backlog,
    /// What encrypts the connection, from the step on that began it.
    channel: Option<Box<Channel>>,
    /// The bytes that go with a connection which is given away.
    handed: Vec<u8>,
    command: Option<Command>,
    /// Since when bytes or clients wait, or a client is connected, and no step is there for them.
    idle_since: Option<Instant>,
    /// What the session waits for, if that was [plain to see](Self::plain_wait) when it was last asked, and nothing has happened since but bytes of
    /// the message that it waits for.
    calm: Option<Calm>,
    /// In a box, for most sessions have none, and an allocator has what takes less than a KiB at hand.
    fault: Option<Box<Fault>>,
    log: Log,
}

/// The connection of a session, as far as it got.
#[derive(Clone, Copy, Debug, Default)]
enum Link {
    #[default]
    None,
    Open(Connection),
    /// Ended by the step with this index.
    Over {
        step: usize,
        by_server: bool,
        connection: Connection,
    },
}

#[derive(Clone, Copy, Debug)]
enum Command {
    Accept,
    ShutDown,
    Disconnect,
    Reset,
    HandOver,
}

/// The first failure.
#[derive(Debug)]
struct Fault {
    /// The index of the step that failed.
    step: Option<usize>,
    cause: Cause,
    /// The number of clients that had connected.
    connections: usize,
    /// What was received from the point of failure on.
    tail: Vec<u8>,
}

impl Session {
    /// Returns a session with an empty script.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            steps: Steps::default(),
            started: None,
            progress: Progress::default(),
            heard: None,
            rules: Vec::new(),
            alternatives: Alternatives::default(),
            outbox: Outbox::default(),
            acting: None,
            released: BTreeSet::new(),
            marks: Vec::new(),
            link: Link::None,
            door: VecDeque::new(),
            shares_door: false,
            connections: 0,
            backlog: Backlog::default(),
            channel: None,
            handed: Vec::new(),
            command: None,
            idle_since: None,
            calm: None,
            fault: None,
            log: Log::default(),
        }
    }

    /// Appends a step to the script and returns its index, which [`amend`](Self::amend) takes. This takes no time: the step
    /// can become current at the next call that carries the time.
    pub fn push(&mut self, step: Step) -> usize {
        self.steps.push(step);
        self.steps.total() - 1
    }

    /// Changes a step, wherever it is: a running deadline is counted anew from the same start, and a failed step still gets
    /// its name. A step that reports no longer show is left alone.
    pub fn amend(&mut self, index: usize, amendment: Amendment) {
        self.calm = None;
        if let Some(step) = self.steps.get_mut(index) {
            step.amend(amendment);
        }
        let (steps, rules) = (&self.steps, self.rules.len());
        self.rules.retain(|&rule| steps.get(rule).is_some_and(Step::is_in_force));
        if self.rules.len() < rules {
            // Whose the message is that has come in part is for those to say who are left.
            if self.alternatives.is_peeked_by(self.steps.at) {
                self.progress.reset();
            }
            self.alternatives.clear();
        }
    }

    /// Lets a script go on that holds, or will hold, with this name. This takes no time, as [`push`](Self::push) does not.
    pub fn release(&mut self, name: impl Into<String>) {
        self.released.insert(name.into());
    }

    /// Returns the names of the marks that were reached since this was last asked: other sessions may hold until then.
    pub fn take_marks(&mut self) -> Vec<Box<str>> {
        core::mem::take(&mut self.marks)
    }

    /// Says whether there are any for [`take_marks`](Self::take_marks).
    #[cfg(feature = "std")]
    pub(crate) fn has_marks(&self) -> bool {
        !self.marks.is_empty()
    }

    /// Returns the number of steps that are done.
    pub fn done(&self) -> usize {
        self.steps.done()
    }

    /// Says whether all steps that were pushed are done.
    pub fn is_done(&self) -> bool {
        self.steps.current().is_none()
    }

    /// Says whether the script has failed.
    pub fn has_failed(&self) -> bool {
        self.fault.is_some()
    }

    /// Returns how many clients have connected.
    pub fn connections(&self) -> usize {
        self.connections
    }

    /// Returns the conversation so far.
    pub fn transcript(&self) -> &Transcript {
        self.log.transcript()
    }

    /// Says whether the session has a connection that neither side has ended.
    pub fn is_connected(&self) -> bool {
        matches!(self.link, Link::Open(Connection { end: None, .. }))
    }

    /// Says whether the session had a connection that has ended, and has no other.
    pub fn is_over(&self) -> bool {
        matches!(self.link, Link::Over { .. })
    }

    /// Handles a client that has connected. It waits, unread, until [`Output::Accept`].
    ///
    /// If the session is still connected when the deadline judges, which is due at once, this is a second connection and the
    /// script fails.
    pub fn handle_connection(&mut self, now: Instant, peer: Option<SocketAddr>) {
        self.connections += 1;
        self.log.connected(now, peer, false);
        if self.fault.is_some() {
            return;
        }
        self.begin_waiting();
        self.door.push_back(peer);
        self.play_backlog(now);
    }

    /// Handles bytes that the client sent.
    pub fn handle_bytes(&mut self, now: Instant, bytes: &[u8]) {
        if self.calm.is_some() {
            self.handle_calmly(now, bytes);
        } else {
            self.handle_at_length(now, bytes);
        }
    }

    /// Handles bytes where nothing but the current step has a say.
    #[inline(never)]
    fn handle_calmly(&mut self, now: Instant, bytes: &[u8]) {
        debug_assert_eq!(self.plain_wait(), self.calm, "whatever changes that says so");
        if bytes.is_empty() {
            return;
        }
        self.log.received(now, bytes, self.steps.at);
        let claimed = self.play_plainly(now, bytes);
        self.keep(&bytes[claimed..]);
    }

    fn handle_at_length(&mut self, now: Instant, bytes: &[u8]) {
        if bytes.is_empty() || self.is_accepting() {
            return;
        }
        match &mut self.channel {
            Some(channel) if !channel.is_clear() => channel.receive(bytes),
            _ => self.handle_plain(now, bytes),
        }
        self.decrypt(now);
    }

    /// Handles bytes that the client sent, as they are meant.
    fn handle_plain(&mut self, now: Instant, bytes: &[u8]) {
        if self.is_handing_over() {
            self.handed.extend_from_slice(bytes);
            return;
        }
        self.log.received(now, bytes, self.steps.at);
        self.begin_waiting();
        if !matches!(self.link, Link::Open(_)) {
            return;
        }
        if self.backlog.is_empty() {
            let claimed = self.play(now, bytes);
            self.keep(&bytes[claimed..]);
        } else {
            self.keep(bytes);
            self.play_backlog(now);
        }
    }

    /// Has the idle limit count from the first that waits.
    fn begin_waiting(&mut self) {
        // A client that is answered at any time may wait for something else all the while.
        if !self.is_waited_for() && self.rules.is_empty() {
            self.idle_since = None;
        }
    }

    /// Handles that the time of [`Wait::until`] has come: the script fails or, if it pauses, goes on. Does nothing if it has
    /// not.
    pub fn handle_timeout(&mut self, now: Instant) {
        let Some(deadline) = self.deadline() else { return };
        if now < deadline.at {
            return;
        }
        let index = self.steps.at;
        match deadline.reason {
            Reason::Connection => {
                let cause = match (&self.link, self.door.is_empty()) {
                    (_, false) => Cause::MissingConnect,
                    (Link::Over { step, .. }, true) => Cause::NotConnected { ended_by: Some(step + 1) },
                    (_, true) => Cause::NotConnected { ended_by: None },
                };
                self.fail_at(Some(index), cause);
            }
            Reason::SecondConnection => {
                let peer = self.door.front().copied().flatten();
                self.fail(Cause::SecondConnection { peer });
            }
            Reason::Idle => {
                let after = self.idle_since.map(|since| deadline.at.since(since)).unwrap_or_default();
                let cause = match (self.backlog.is_empty(), self.door.front()) {
                    (false, _) => Cause::UnclaimedData { after },
                    (true, Some(&peer)) => Cause::UnclaimedClient { after, peer },
                    (true, None) => Cause::NoStepLeft { after },
                };
                self.fail_at(None, cause);
                // What nobody expects is the evidence.
                self.play_backlog(now);
            }
            Reason::Pause => {
                self.advance(now);
                self.play_backlog(now);
            }
            Reason::Step => {
                let Some((step, started)) = self.steps.current().zip(self.started) else { return };
                let after = deadline.at.since(started);
                if let Some((rule, cause)) = self.outbox.too_late(started, after) {
                    return self.fail_at(Some(rule), cause);
                }
                if self.steps.tentative().is_some() && step.receives_message() {
                    let missed = self.backlog.is_empty();
                    self.skip(now, if missed { Skip::Missed } else { Skip::Cut });
                    self.play_backlog(now);
                    return;
                }
                let cause = match &step.kind {
                    Kind::ExpectConnect => Cause::ConnectTimeout { after },
                    Kind::Send(_) | Kind::Reply(_) => {
                        let of = step.kind.wire().map_or(0, |wire| wire.len());
                        Cause::SendTimeout { after, taken: self.progress.bytes, of }
                    }
                    Kind::ExpectBytes(_) | Kind::ExpectMessage(_)
                        if self.connection().end.is_some() && self.steps.is_between_rounds() =>
                    {
                        Cause::DisconnectTimeout { after }
                    }
                    Kind::ExpectBytes(expected) => {
                        Cause::MessageTimeout { after, arrived: self.progress.arrived(Wanted::Bytes(expected)) }
                    }
                    Kind::ExpectMessage(awaited) => {
                        Cause::MessageTimeout { after, arrived: self.progress.arrived(Wanted::Message(awaited)) }
                    }
                    Kind::ExpectEof => Cause::EofTimeout { after },
                    Kind::Encrypt(_) => {
                        let stage = self.channel.as_ref().map_or(Stage::Hello(0), |channel| channel.stage());
                        Cause::Tls(Trouble::Timeout { after, stage })
                    }
                    // Only what TLS has to say before has them wait.
                    Kind::ShutDown | Kind::Disconnect | Kind::Truncate if self.channel.is_some() => {
                        let (taken, of) = self.channel.as_ref().map_or((0, 0), |channel| channel.share());
                        Cause::SendTimeout { after, taken, of }
                    }
                    Kind::ExpectDisconnect { .. }
                    | Kind::ShutDown
                    | Kind::Disconnect
                    | Kind::Truncate
                    | Kind::Reset
                    | Kind::HandOver => Cause::DisconnectTimeout { after },
                    Kind::WaitUntilRead => Cause::ReadTimeout { after },
                    Kind::Hold(_) => Cause::HoldTimeout { after, released: self.released.iter().cloned().collect() },
                    // Their deadlines have other reasons, or are those of what they become.
                    Kind::Pause(_) | Kind::ExpectSilence(_) | Kind::ExpectNoConnect(_) | Kind::Mark(_) => return,
                    // They are done, or begin others, at once.
                    Kind::Anytime(_) | Kind::Block { flow: Flow::Optional { .. }, .. } | Kind::StopReading => return,
                    // What has come in part may be for a rule, and not for the block.
                    Kind::Block { flow: Flow::Repeat { .. }, .. } => {
                        let bytes = self.backlog.bytes.len() - self.backlog.claimed;
                        Cause::MessageTimeout { after, arrived: Arrived { part: Part::Message, bytes, of: None } }
                    }
                };
                if self.alternatives.is_peeked_by(index) {
                    // It belongs to the story.
                    self.backlog.claim(self.progress.bytes);
                }
                self.fail_at(Some(index), cause);
            }
        }
    }

    /// Fails the script for a reason that lies outside of it. Only the first failure counts.
    pub fn fail(&mut self, cause: Cause) {
        let step = self.acting.or_else(|| (!self.is_done()).then_some(self.steps.at));
        self.fail_at(step, cause);
    }

    /// Handles that no more steps will come and that all which came are done: the client must have gone, or go now, and no
    /// other may have come.
    ///
    /// If the connection is still open, an `expect_disconnect` is appended, at the line of whoever ends the script; call this
    /// again when it is done. Before, hand in what the kernel still holds.
    pub fn finish(&mut self, location: &'static Location<'static>) {
        if self.fault.is_some() || !self.is_done() {
            return;
        }
        if matches!(self.link, Link::Open(_)) {
            self.push(Step::implied_disconnect(location));
        } else if let Some(&peer) = self.door.front() {
            self.fail_at(None, self.surplus_connection(peer));
        }
    }

    fn surplus_connection(&self, peer: Option<SocketAddr>) -> Cause {
        match self.link {
            Link::None => Cause::UnclaimedConnection { peer },
            _ => Cause::SecondConnection { peer },
        }
    }

    /// Returns what the driver is to do next. Drain it: call it until it returns [`Output::Wait`].
    pub fn poll_output(&mut self, now: Instant) -> Output<'_> {
        if let Some(calm) = self.calm { self.wait_calmly(calm) } else { self.poll_anew(now) }
    }

    /// Returns what the session waits for where nothing but the current step has a say.
    #[inline]
    fn wait_calmly(&mut self, Calm { until, sends }: Calm) -> Output<'_> {
        debug_assert_eq!(self.plain_wait(), self.calm, "whatever changes that says so");
        self.idle_since = None;
        self.outbox.answering = false;
        self.log.waits();
        let send = if sends { self.unsent_of_step() } else { &[] };
        Output::Wait(Wait { until, receive: usize::MAX, watch: false, send })
    }

    #[inline(never)]
    fn poll_anew(&mut self, now: Instant) -> Output<'_> {
        self.calm = self.plain_wait();
        if let Some(calm) = self.calm { self.wait_calmly(calm) } else { self.poll_at_length(now) }
    }

    /// The same, whatever there is to do; for itself for the same reason as [`play_at_length`](Self::play_at_length).
    #[inline(never)]
    fn poll_at_length(&mut self, now: Instant) -> Output<'_> {
        self.play_backlog(now);
        self.decrypt(now);
        match self.command.take() {
            Some(Command::Accept) => {
                self.log.accepted(now);
                Output::Accept
            }
            Some(Command::ShutDown) => Output::ShutDown,
            Some(Command::Disconnect) => {
                self.log.closed(now);
                Output::Disconnect
            }
            Some(Command::Reset) => Output::Reset,
            Some(Command::HandOver) => {
                let Link::Over { step, .. } = self.link else { return Output::Reset };
                Output::HandOver { step, received: core::mem::take(&mut self.handed) }
            }
            None => {
                let open = matches!(self.link, Link::Open(connection) if connection.may_wait());
                if self.is_done() && (open || self.is_waited_for()) {
                    self.idle_since.get_or_insert(now);
                } else {
                    self.idle_since = None;
                }
                self.outbox.answering = self.outbox.has_answers();
                self.seal();
                self.log.waits();
                Output::Wait(Wait {
                    until: self.deadline(),
                    receive: self.appetite(),
                    watch: self.wants_peer(),
                    send: self.outgoing(),
                })
            }
        }
    }

    /// Says whether bytes or a client wait for their step.
    fn is_waited_for(&self) -> bool {
        !(self.backlog.is_empty() && self.door.is_empty())
    }

    /// Says whether the next client is about to be taken: what is still told is about the connection before.
    fn is_accepting(&self) -> bool {
        matches!(self.command, Some(Command::Accept))
    }

    /// Says whether the connection is about to be given away: what still comes belongs to whoever gets it.
    fn is_handing_over(&self) -> bool {
        matches!(self.command, Some(Command::HandOver))
    }

    /// Says whether the session keeps more bytes than come.
    fn has_room(&self) -> bool {
        let encrypted = self.channel.as_ref().map_or(0, |channel| channel.len());
        self.fault.is_none() && self.backlog.bytes.len() + encrypted < Backlog::LIMIT
    }

    /// Returns how many bytes the session takes now, at most.
    pub(crate) fn appetite(&self) -> usize {
        if self.is_handing_over() {
            return 0;
        }
        let Link::Open(Connection { lazy_since: Some(_), .. }) = self.link else {
            return if self.has_room() { usize::MAX } else { 0 };
        };
        let Some(step) = self.steps.current().filter(|_| self.has_room()) else { return 0 };
        let waiting = self.backlog.bytes.len() - self.backlog.claimed;
        let wanted = match &step.kind {
            Kind::ExpectBytes(expected) => (expected.len() - self.progress.matched).saturating_sub(waiting).max(1),
            Kind::ExpectMessage(awaited) => self.progress.missing(&awaited.framing).saturating_sub(waiting).max(1),
            Kind::ExpectEof
            | Kind::ExpectDisconnect { .. }
            | Kind::ExpectConnect
            | Kind::ExpectSilence(_)
            | Kind::Encrypt(_) => usize::MAX,
            _ => 0,
        };
        match &self.channel {
            // No less than a record can be decrypted.
            Some(channel) if wanted > 0 => channel.missing(),
            _ => wanted,
        }
    }

    /// Says whether the current step waits for what only [`handle_peer`](Self::handle_peer) tells.
    fn wants_peer(&self) -> bool {
        if self.is_settling() {
            return true;
        }
        let (Some(step), None, Link::Open(connection)) = (self.steps.current(), &self.fault, self.link) else {
            return false;
        };
        match step.kind {
            Kind::WaitUntilRead => true,
            Kind::ExpectDisconnect { .. } | Kind::ExpectConnect => connection.is_half_closed(),
            _ => connection.is_half_closed() && step.receives_message() && self.steps.is_between_rounds(),
        }
    }

    /// Says whether a client has gone and what it left is about to be known: until then nobody is to be told that all is well.
    pub fn is_settling(&self) -> bool {
        self.fault.is_none() && self.connection().hold == Hold::Leaving
    }

    /// Returns when and why the session fails, or goes on, if nothing happens.
    fn deadline(&self) -> Option<Deadline> {
        if self.fault.is_some() || self.is_settling() {
            return None;
        }
        // While more has come than is kept, the end of the connection may be hidden behind it.
        if self.is_connected() && !self.door.is_empty() && self.has_room() {
            return Some(Deadline { at: Instant::ORIGIN, reason: Reason::SecondConnection });
        }
        let Some(step) = self.steps.current() else {
            let limit = self.config.scaled(self.config.idle_limit)?;
            return self.idle_since.map(|since| Deadline { at: since + limit, reason: Reason::Idle });
        };
        let started = self.started?;
        if step.needs_connection() && !matches!(self.link, Link::Open(_)) {
            return Some(Deadline { at: Instant::ORIGIN, reason: Reason::Connection });
        }
        match (&step.kind, self.link) {
            (Kind::Pause(duration) | Kind::ExpectSilence(duration) | Kind::ExpectNoConnect(duration), _) => {
                return Some(Deadline { at: started + *duration, reason: Reason::Pause });
            }
            (Kind::WaitUntilRead, Link::Open(connection)) if connection.unread().is_none() => {
                return Some(Deadline { at: started + READING, reason: Reason::Pause });
            }
            _ => {}
        }
        let usual = if let Kind::Hold(_) = step.kind { self.config.idle_limit } else { self.config.deadline };
        let tentative = self.steps.tentative().filter(|_| step.receives_message());
        let limit = step.deadline().or_else(|| tentative?.deadline()).unwrap_or(usual);
        let limit = match tentative {
            // It ends in no failure, and the script goes on behind it.
            Some(_) => self.config.scaled(limit).unwrap_or(limit),
            None => self.config.scaled(limit)?,
        };
        Some(Deadline { at: started + limit, reason: Reason::Step })
    }

    /// Stores bytes that no step claimed; after a failure, those that show what came instead.
    fn keep(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.calm = None;
        match &mut self.fault {
            Some(fault) => {
                let room = Excerpt::LIMIT - fault.tail.len();
                fault.tail.extend_from_slice(&bytes[..bytes.len().min(room)]);
            }
            None => self.backlog.bytes.extend_from_slice(bytes),
        }
    }

    fn play_backlog(&mut self, now: Instant) {
        self.calm = None;
        if self.backlog.is_empty() {
            self.play(now, &[]);
            return;
        }
        let backlog = core::mem::take(&mut self.backlog);
        let claimed = self.play(now, &backlog.bytes[backlog.claimed..]);
        let kept = core::mem::replace(&mut self.backlog, backlog);
        debug_assert!(kept.is_empty(), "playing never refills the backlog");
        self.backlog.claim(claimed);
        if self.fault.is_some() {
            let mut rest = core::mem::take(&mut self.backlog);
            self.keep(&rest.bytes[rest.claimed..]);
            rest.clear();
        }
    }

    fn fail_at(&mut self, step: Option<usize>, cause: Cause) {
        if self.fault.is_some() {
            return;
        }
        self.calm = None;
        let mut tail = Vec::new();
        if let Cause::Framing(_) = cause {
            let received = [self.progress.beginning(), &self.progress.message];
            tail.extend(received.into_iter().flatten().take(Excerpt::LIMIT));
        }
        self.fault = Some(Box::new(Fault { step, cause, connections: self.connections, tail }));
        self.log.failed();
        self.command = matches!(self.link, Link::Open(_)).then_some(Command::Reset);
    }

    /// Records that the failure, of this script or of one beside it, reset the connections. For the driver, which is the one who
    /// does it.
    pub fn record_reset(&mut self, now: Instant) {
        let event = if self.fault.is_some() { Event::Failed } else { Event::OtherFailed };
        self.log.record(now, event);
    }
}

#[cfg(test)]
mod tests;
