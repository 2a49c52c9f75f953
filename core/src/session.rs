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

mod backlog;
mod config;
mod connection;
mod output;
mod progress;
mod steps;
mod story;

pub use config::Config;
pub use connection::Peer;
pub use output::{Output, Wait};

use crate::report::{Cause, End, Excerpt};
use crate::step::{Amendment, Kind, Shown, Step};
use crate::time::{Deadline, Duration, Instant, Reason};
use crate::transcript::{Event, Transcript};
use alloc::collections::{BTreeSet, VecDeque};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use backlog::Backlog;
use connection::{Connection, Hold};
use core::net::SocketAddr;
use core::panic::Location;
use progress::{Outcome, Progress};
use steps::Steps;

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
    /// The message that was received last.
    message: Arc<[u8]>,
    /// The names of holds that were released.
    released: BTreeSet<String>,
    link: Link,
    /// The clients that have connected and that no step has claimed.
    door: VecDeque<Option<SocketAddr>>,
    connections: usize,
    backlog: Backlog,
    command: Option<Command>,
    /// Since when bytes or clients wait, or a client is connected, and no step is there for them.
    idle_since: Option<Instant>,
    fault: Option<Fault>,
    transcript: Transcript,
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
}

/// The first failure.
#[derive(Debug)]
struct Fault {
    /// The index of the step that failed.
    step: Option<usize>,
    cause: Cause,
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
            message: Arc::from([]),
            released: BTreeSet::new(),
            link: Link::None,
            door: VecDeque::new(),
            connections: 0,
            backlog: Backlog::default(),
            command: None,
            idle_since: None,
            fault: None,
            transcript: Transcript::default(),
        }
    }

    /// Appends a step to the script and returns its index, which [`amend`](Self::amend) takes. This takes no time: the step
    /// can become current at the next call that carries the time.
    pub fn push(&mut self, step: Step) -> usize {
        self.steps.queue.push_back(step);
        self.steps.total() - 1
    }

    /// Changes a step, wherever it is: a running deadline is counted anew from the same start, and a failed step still gets
    /// its name. A step that reports no longer show is left alone.
    pub fn amend(&mut self, index: usize, amendment: Amendment) {
        if let Some(step) = self.steps.get_mut(index) {
            step.amend(amendment);
        }
    }

    /// Lets a script go on that holds, or will hold, with this name. This takes no time, as [`push`](Self::push) does not.
    pub fn release(&mut self, name: impl Into<String>) {
        self.released.insert(name.into());
    }

    /// Returns the number of steps that are done.
    pub fn done(&self) -> usize {
        self.steps.done
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
        &self.transcript
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
        self.transcript.record(now, Event::Connected(peer));
        if self.fault.is_some() {
            return;
        }
        self.begin_waiting();
        self.door.push_back(peer);
        self.play_backlog(now);
    }

    /// Handles bytes that the client sent.
    pub fn handle_bytes(&mut self, now: Instant, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.transcript.received(now, bytes);
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
        if !self.is_waited_for() {
            self.idle_since = None;
        }
    }

    /// Handles that the transport refused [`Wait::send`], or took some of it and told at once that it cannot be delivered, because
    /// the client had closed the connection (broken pipe).
    pub fn handle_send_failed(&mut self, now: Instant) {
        let missing = self.unsent().len() as u64;
        if missing == 0 {
            self.handle_end(now, End::Reset);
            return;
        }
        if let Link::Open(connection) = &mut self.link {
            if connection.hold == Hold::Leaving {
                connection.end = Some(End::Reset);
                return;
            }
            connection.forget_hold(End::Reset);
            // The reset that a send provokes is only the answer of a kernel whose client had closed before.
            if connection.end.replace(End::Reset).is_none() {
                self.transcript.record(now, Event::ClientReset);
            }
        }
        let started = self.progress.bytes > 0;
        let cause = if started { Cause::CutOff { bytes: missing } } else { Cause::NotDelivered { bytes: missing } };
        self.fail_at(Some(self.steps.done), cause);
    }

    /// Handles that the transport took the first `count` bytes of [`Wait::send`].
    pub fn handle_sent(&mut self, now: Instant, count: usize) {
        let (Some(Step { kind: Kind::Send { wire, .. }, .. }), Link::Open(connection)) =
            (self.steps.current(), &mut self.link)
        else {
            return;
        };
        let start = self.progress.bytes;
        let sent = &wire[start..wire.len().min(start.saturating_add(count))];
        if sent.is_empty() {
            return;
        }
        connection.sent += sent.len() as u64;
        self.transcript.sent(now, sent, start == 0);
        self.progress.bytes += sent.len();
        self.play_backlog(now);
    }

    /// Handles that the time of [`Wait::until`] has come: the script fails or, if it pauses, goes on. Does nothing if it has
    /// not.
    pub fn handle_timeout(&mut self, now: Instant) {
        let Some(deadline) = self.deadline() else { return };
        if now < deadline.at {
            return;
        }
        let index = self.steps.done;
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
                let cause = match &step.kind {
                    Kind::ExpectConnect => Cause::ConnectTimeout { after },
                    Kind::Send { wire, .. } => Cause::SendTimeout { after, taken: self.progress.bytes, of: wire.len() },
                    Kind::ExpectBytes(expected) => {
                        Cause::MessageTimeout { after, arrived: self.progress.of_bytes(expected) }
                    }
                    Kind::ExpectMessage { framing, .. } => {
                        Cause::MessageTimeout { after, arrived: self.progress.of_message(framing) }
                    }
                    Kind::ExpectEof => Cause::EofTimeout { after },
                    Kind::ExpectDisconnect { .. } | Kind::ShutDown | Kind::Disconnect | Kind::Reset => {
                        Cause::DisconnectTimeout { after }
                    }
                    Kind::WaitUntilRead => Cause::ReadTimeout { after },
                    Kind::Hold(_) => Cause::HoldTimeout { after, released: self.released.iter().cloned().collect() },
                    // Their deadlines have other reasons, or are those of what they become.
                    Kind::Pause(_) | Kind::ExpectSilence(_) | Kind::Reply { .. } | Kind::Mark(_) => return,
                };
                self.fail_at(Some(index), cause);
            }
        }
    }

    /// Fails the script for a reason that lies outside of it. Only the first failure counts.
    pub fn fail(&mut self, cause: Cause) {
        let step = (!self.is_done()).then_some(self.steps.done);
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
        self.play_backlog(now);
        match self.command.take() {
            Some(Command::Accept) => Output::Accept,
            Some(Command::ShutDown) => Output::ShutDown,
            Some(Command::Disconnect) => Output::Disconnect,
            Some(Command::Reset) => Output::Reset,
            None => {
                let open = matches!(self.link, Link::Open(connection) if connection.may_wait());
                if self.is_done() && (open || self.is_waited_for()) {
                    self.idle_since.get_or_insert(now);
                } else {
                    self.idle_since = None;
                }
                Output::Wait(Wait {
                    until: self.deadline(),
                    receive: self.wants_bytes(),
                    watch: self.wants_peer(),
                    send: self.unsent(),
                })
            }
        }
    }

    /// Says whether bytes or a client wait for their step.
    fn is_waited_for(&self) -> bool {
        !(self.backlog.is_empty() && self.door.is_empty())
    }

    /// Says whether the session still takes bytes.
    pub(crate) fn wants_bytes(&self) -> bool {
        self.fault.is_none() && self.backlog.bytes.len() < Backlog::LIMIT
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
            _ => false,
        }
    }

    /// Says whether a client has gone and what it left is about to be known: until then nobody is to be told that all is well.
    pub fn is_settling(&self) -> bool {
        self.fault.is_none() && self.connection().hold == Hold::Leaving
    }

    /// Returns what the current step has yet to send.
    fn unsent(&self) -> &[u8] {
        if self.is_settling() {
            return &[];
        }
        match (self.steps.current(), &self.fault, &self.link) {
            (Some(Step { kind: Kind::Send { wire, .. }, .. }), None, Link::Open(_)) => &wire[self.progress.bytes..],
            _ => &[],
        }
    }

    /// Returns when and why the session fails, or goes on, if nothing happens.
    fn deadline(&self) -> Option<Deadline> {
        if self.fault.is_some() || self.is_settling() {
            return None;
        }
        // While more has come than is kept, the end of the connection may be hidden behind it.
        if self.is_connected() && !self.door.is_empty() && self.wants_bytes() {
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
            (Kind::Pause(duration) | Kind::ExpectSilence(duration), _) => {
                return Some(Deadline { at: started + *duration, reason: Reason::Pause });
            }
            (Kind::WaitUntilRead, Link::Open(connection)) if connection.unread().is_none() => {
                return Some(Deadline { at: started + READING, reason: Reason::Pause });
            }
            _ => {}
        }
        let usual = if let Kind::Hold(_) = step.kind { self.config.idle_limit } else { self.config.deadline };
        let limit = self.config.scaled(step.deadline().unwrap_or(usual))?;
        Some(Deadline { at: started + limit, reason: Reason::Step })
    }

    /// Stores bytes that no step claimed; after a failure, those that show what came instead.
    fn keep(&mut self, bytes: &[u8]) {
        match &mut self.fault {
            Some(fault) => {
                let room = Excerpt::LIMIT - fault.tail.len();
                fault.tail.extend_from_slice(&bytes[..bytes.len().min(room)]);
            }
            None => self.backlog.bytes.extend_from_slice(bytes),
        }
    }

    fn play_backlog(&mut self, now: Instant) {
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

    /// Plays steps as far as `input` takes them and returns how many of its bytes were claimed.
    fn play(&mut self, now: Instant, input: &[u8]) -> usize {
        let mut rest = input;
        while self.fault.is_none() && self.command.is_none() {
            self.reply();
            let Some(step) = self.steps.current() else { break };
            self.started.get_or_insert(now);
            let outcome = match (&step.kind, self.link) {
                (Kind::ExpectConnect, _) => self.claim_client(rest),
                (Kind::Pause(Duration::ZERO) | Kind::Mark(_), _) => Outcome::Done,
                (Kind::Hold(name), _) if self.released.contains(&**name) => Outcome::Done,
                // A pause is ended by `handle_timeout` alone, so that all that came before is handed in.
                (Kind::Pause(_) | Kind::Hold(_), _) | (_, Link::None | Link::Over { .. }) => Outcome::Waiting,
                (Kind::ExpectBytes(expected), Link::Open(connection)) => {
                    self.progress.take_bytes(expected, &mut rest, connection)
                }
                (Kind::ExpectMessage { framing, pattern, .. }, Link::Open(connection)) => {
                    self.progress.take_message(framing, pattern, &mut rest, connection)
                }
                // Its closure has no answer.
                (Kind::Reply { .. }, _) => Outcome::Waiting,
                (Kind::ExpectSilence(_), _) if rest.is_empty() => Outcome::Waiting,
                (Kind::ExpectSilence(_), _) => Outcome::Failed(Cause::UnexpectedData),
                (Kind::Send { wire, .. }, Link::Open(connection)) => self.progress.send(wire, connection),
                (Kind::ExpectEof, Link::Open(connection)) => Self::expect_eof(rest, connection),
                (Kind::ExpectDisconnect { .. }, Link::Open(connection)) => self.expect_end(rest, connection),
                (Kind::WaitUntilRead, Link::Open(connection)) => Self::wait_until_read(connection),
                (Kind::ShutDown, Link::Open(connection)) => self.shut_down(now, connection),
                (Kind::Disconnect, Link::Open(connection)) => {
                    self.end_connection(now, connection, Command::Disconnect, &mut rest)
                }
                (Kind::Reset, Link::Open(connection)) => {
                    self.end_connection(now, connection, Command::Reset, &mut rest)
                }
            };
            match outcome {
                Outcome::Waiting => break,
                Outcome::Done => self.advance(now),
                Outcome::Failed(cause) => self.fail_at(Some(self.steps.done), cause),
            }
        }
        input.len() - rest.len()
    }

    /// Computes what the current step replies, if it is one that does.
    fn reply(&mut self) {
        let Link::Open(_) = self.link else { return };
        let Some(Step { kind, .. }) = self.steps.current_mut() else { return };
        let Kind::Reply { framing, answer } = kind else { return };
        let message = answer(&self.message);
        let (verb, wire) = match framing {
            None => ("reply", Ok(message.clone())),
            Some(framing) => ("reply_frame", framing.encode(&message)),
        };
        match wire {
            Ok(wire) => *kind = Kind::Send { wire: Arc::from(wire), shown: Some(Shown::new(verb, &message)) },
            Err(error) => self.fail_at(Some(self.steps.done), Cause::Reply(error)),
        }
    }

    /// Has the next step become current, the current one being done.
    fn advance(&mut self, now: Instant) {
        let progress = core::mem::take(&mut self.progress);
        let message = self.steps.current().and_then(|step| match &step.kind {
            Kind::ExpectBytes(bytes) => Some(Arc::clone(bytes)),
            Kind::ExpectMessage { pattern, .. } => {
                Some(pattern.as_exact().map_or_else(|| Arc::from(progress.message), Arc::clone))
            }
            _ => None,
        });
        if let (Some(step), Some(message)) = (self.steps.current(), message) {
            step.capture(&message);
            self.message = message;
        }
        self.steps.advance();
        self.started = self.steps.current().map(|_| now);
        self.idle_since = None;
    }

    /// Gives the connection to the client that waits at the door. The connection before it must have ended properly.
    fn claim_client(&mut self, rest: &[u8]) -> Outcome {
        if let Link::Open(connection) = self.link {
            let ended = self.expect_end(rest, connection);
            if !matches!(ended, Outcome::Done) {
                return ended;
            }
        }
        if self.door.pop_front().is_none() {
            return Outcome::Waiting;
        }
        self.link = Link::Open(Connection::default());
        self.command = Some(Command::Accept);
        Outcome::Done
    }

    fn expect_end(&mut self, rest: &[u8], connection: Connection) -> Outcome {
        if !rest.is_empty() {
            return Outcome::Failed(Cause::UnexpectedData);
        }
        let Some(verdict) = connection.judge_end() else { return Outcome::Waiting };
        self.link = Link::Over { step: self.steps.done, by_server: false, connection };
        if let Err(cause) = verdict {
            return Outcome::Failed(cause);
        }
        // A client that has closed only its sending half still waits for the end of ours.
        self.command = Some(Command::Disconnect);
        Outcome::Done
    }

    fn expect_eof(rest: &[u8], connection: Connection) -> Outcome {
        match (connection.judged_end(), connection.judge_end()) {
            _ if !rest.is_empty() => Outcome::Failed(Cause::UnexpectedData),
            (None, _) => Outcome::Waiting,
            (Some(_), Some(Err(cause))) => Outcome::Failed(cause),
            (Some(_), _) => Outcome::Done,
        }
    }

    fn wait_until_read(connection: Connection) -> Outcome {
        match (connection.hold, connection.unread()) {
            _ if connection.sent == 0 => Outcome::Done,
            (Hold::Held | Hold::Closed | Hold::Aborted, Some(0)) => Outcome::Done,
            (Hold::Held, _) => Outcome::Waiting,
            _ => match connection.judge_end() {
                Some(Err(cause)) => Outcome::Failed(cause),
                // Nobody will ever know.
                Some(Ok(())) => Outcome::Done,
                None => Outcome::Waiting,
            },
        }
    }

    /// Ends the server's stream. The client may go on sending.
    fn shut_down(&mut self, now: Instant, connection: Connection) -> Outcome {
        if connection.shut_down_by.is_none() {
            self.transcript.record(now, Event::ShutDown);
            self.link = Link::Open(Connection { shut_down_by: Some(self.steps.done), ..connection });
            self.command = Some(Command::ShutDown);
        }
        Outcome::Done
    }

    /// Ends the connection from the server's side. Bytes that nobody claimed are on record, and are not judged.
    fn end_connection(&mut self, now: Instant, connection: Connection, command: Command, rest: &mut &[u8]) -> Outcome {
        let event = if matches!(command, Command::Reset) { Event::Reset } else { Event::Disconnected };
        self.transcript.record(now, event);
        self.link = Link::Over { step: self.steps.done, by_server: true, connection };
        self.command = Some(command);
        *rest = &[];
        Outcome::Done
    }

    fn fail_at(&mut self, step: Option<usize>, cause: Cause) {
        if self.fault.is_some() {
            return;
        }
        let mut tail = Vec::new();
        if let Cause::Framing(_) = cause {
            let received = [self.progress.header(), &self.progress.message];
            tail.extend(received.into_iter().flatten().take(Excerpt::LIMIT));
        }
        self.fault = Some(Fault { step, cause, tail });
        self.command = matches!(self.link, Link::Open(_)).then_some(Command::Reset);
    }

    /// Records that the failure reset the connections. For the driver, which is the one who does it.
    pub fn record_reset(&mut self, now: Instant) {
        self.transcript.record(now, Event::Failed);
    }
}

#[cfg(test)]
mod tests;
