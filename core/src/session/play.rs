//! The playing of steps.

use super::alternatives::Choice;
use super::connection::{Connection, Hearer, Hold};
use super::outbox::Outbox;
use super::progress::Outcome;
use super::steps::Skip;
use super::{Command, Link, Session};
use crate::bytes::Bytes;
use crate::report::{Arrived, Cause, Part};
use crate::step::{Answer, Flow, Kind, Rule, Shown, Step};
use crate::time::{Duration, Instant};
use crate::transcript::Event;
use alloc::sync::Arc;

impl Session {
    /// Plays steps as far as `input` takes them and returns how many of its bytes were claimed.
    pub(super) fn play(&mut self, now: Instant, input: &[u8]) -> usize {
        if self.is_plain() { self.play_plainly(now, input) } else { self.play_at_length(now, input) }
    }

    /// The same, whatever the steps are. Not a part of the short way, whose few values would not fit into registers beside all of this.
    #[inline(never)]
    pub(super) fn play_at_length(&mut self, now: Instant, input: &[u8]) -> usize {
        let mut rest = input;
        while self.fault.is_none() && self.command.is_none() {
            if self.steps.current().is_some() {
                self.started.get_or_insert(now);
            }
            if self.outbox.has_answers() {
                if self.connection().may_wait() {
                    // They go out as if a step sent them.
                    break;
                }
                self.outbox.drop_answers();
            }
            // What the steps see that wait for no message. It may turn out to be a message that is answered at any time.
            let mut surplus = rest;
            if let (Link::Open(connection), false) = (self.link, rest.is_empty()) {
                match self.choose(rest, connection) {
                    Some(Choice::Open) => surplus = &[],
                    Some(Choice::Own(len)) => {
                        rest = &rest[len..];
                        self.alternatives.clear();
                        self.advance(now);
                        continue;
                    }
                    Some(Choice::Rule(rule, len, message)) => {
                        rest = &rest[len..];
                        self.alternatives.clear();
                        self.answer(now, rule, &message);
                        continue;
                    }
                    Some(Choice::Nobody(cause)) if self.steps.current().is_some_and(Step::receives_message) => {
                        self.refuse(now, &mut rest, connection, cause);
                        continue;
                    }
                    Some(Choice::Nobody(_)) | None => {}
                }
            }
            if self.reply() {
                continue;
            }
            let Some(step) = self.steps.current() else { break };
            let outcome = match (&step.kind, self.link) {
                (Kind::ExpectConnect, _) => self.claim_client(surplus),
                (Kind::ExpectNoConnect(_), _) => self
                    .door
                    .front()
                    .map_or(Outcome::Waiting, |&peer| Outcome::Failed(Cause::UnexpectedClient { peer })),
                (Kind::Pause(Duration::ZERO) | Kind::Mark(_), _) => Outcome::Done,
                (Kind::Hold(name), _) if self.released.contains(&**name) => Outcome::Done,
                (Kind::Anytime(_), _) => {
                    let at = self.steps.at;
                    let is_new = step.is_in_force() && !self.rules.contains(&at);
                    self.rules.extend(is_new.then_some(at));
                    Outcome::Done
                }
                (Kind::Block { flow: Flow::Repeat { round: 1.. }, .. }, Link::Over { .. }) => {
                    self.steps.pass();
                    self.begin(now);
                    continue;
                }
                // A pause is ended by `handle_timeout` alone, so that all that came before is handed in.
                (Kind::Pause(_) | Kind::Hold(_), _) | (_, Link::None | Link::Over { .. }) => Outcome::Waiting,
                (Kind::Block { flow: Flow::Repeat { .. }, .. }, Link::Open(_)) if rest.len() > surplus.len() => {
                    Outcome::Waiting
                }
                (Kind::Block { flow: Flow::Repeat { .. }, .. }, Link::Open(connection))
                    if self.steps.vain().is_some_and(|vain| vain.is_over(rest)) =>
                {
                    Outcome::Failed(self.in_vain(now, rest, connection))
                }
                (Kind::Block { .. }, Link::Open(_)) => match self.steps.enter(now) {
                    Ok(()) => {
                        self.begin(now);
                        continue;
                    }
                    Err(by) => Outcome::Failed(Cause::Overrun { by }),
                },
                (Kind::ExpectBytes(_) | Kind::ExpectMessage(_), Link::Open(connection)) => {
                    if rest.is_empty() && self.progress.bytes == 0 && connection.judged_end().is_some() {
                        if self.steps.is_between_rounds() {
                            match self.expect_end(rest, connection) {
                                Outcome::Done => {
                                    self.steps.leave();
                                    self.begin(now);
                                }
                                Outcome::Waiting => break,
                                Outcome::Failed(cause) => self.fail_at(Some(self.steps.at), cause),
                            }
                            continue;
                        }
                        if self.steps.tentative().is_some() {
                            self.skip(now, Skip::Cut);
                            continue;
                        }
                    }
                    match step.kind.wanted().filter(|_| rest.len() == surplus.len()) {
                        Some(wanted) => self.progress.take(wanted, &mut rest, &connection),
                        None => Outcome::Waiting,
                    }
                }
                (Kind::ExpectSilence(_), _) if surplus.is_empty() => Outcome::Waiting,
                (Kind::ExpectSilence(_), _) => Outcome::Failed(Cause::UnexpectedData),
                (kind @ (Kind::Send(_) | Kind::Reply(_)), Link::Open(connection)) => {
                    kind.wire().map_or(Outcome::Waiting, |wire| self.progress.send(wire, &connection))
                }
                (Kind::ExpectEof, Link::Open(connection)) => Self::expect_eof(surplus, connection),
                (Kind::ExpectDisconnect { .. }, Link::Open(connection)) => self.expect_end(surplus, connection),
                (Kind::WaitUntilRead, Link::Open(connection)) => Self::wait_until_read(connection),
                (Kind::StopReading, Link::Open(connection)) => {
                    self.link = Link::Open(Connection { lazy_since: Some(self.steps.at), ..connection });
                    Outcome::Done
                }
                (Kind::Encrypt(security), Link::Open(connection)) => {
                    let security = Arc::clone(security);
                    self.encrypt(now, &security, &mut rest, connection)
                }
                (Kind::Truncate, Link::Open(connection)) => self.truncate(now, connection, &mut rest),
                (Kind::ShutDown, Link::Open(connection)) => match self.close_channel(now, connection) {
                    true => self.shut_down(now, connection),
                    false => Outcome::Waiting,
                },
                (Kind::Disconnect, Link::Open(connection)) => match self.close_channel(now, connection) {
                    true => self.end_connection(now, connection, Command::Disconnect, &mut rest),
                    false => Outcome::Waiting,
                },
                (Kind::Reset, Link::Open(connection)) => {
                    self.end_connection(now, connection, Command::Reset, &mut rest)
                }
                (Kind::HandOver, Link::Open(connection)) => {
                    self.handed = rest.to_vec();
                    self.end_connection(now, connection, Command::HandOver, &mut rest)
                }
            };
            match outcome {
                Outcome::Waiting => break,
                Outcome::Done => self.advance(now),
                Outcome::Failed(cause) => self.fail_at(Some(self.steps.at), cause),
            }
        }
        input.len() - rest.len()
    }

    /// Says whose the message is with which the input begins, where it may be that of several.
    fn choose(&mut self, input: &[u8], connection: Connection) -> Option<Choice> {
        if self.steps.current().is_some_and(|step| !self.waits(step, connection)) {
            return None;
        }
        let own = self.steps.current().and_then(|step| step.kind.wanted());
        if self.rules.is_empty() && (own.is_none() || self.steps.tentative().is_none()) {
            return None;
        }
        let receives = own.is_some();
        if !receives && self.leads_to_tls() {
            return None;
        }
        if !self.alternatives.turn_to(self.steps.at, receives, self.rules.len()) && receives {
            self.progress = Default::default();
        }
        let ended = connection.judged_end().is_some();
        if let Some(own) = own {
            let take = |new: &mut &[u8]| self.progress.take(own, new, &Connection::default());
            let choice = self.alternatives.offer_own(input, ended, take);
            if choice.is_some() {
                return choice;
            }
        }
        for (number, &index) in self.rules.iter().enumerate() {
            let Some(Kind::Anytime(rule)) = self.steps.get(index).map(|step| &step.kind) else { continue };
            self.acting = Some(index);
            let choice = self.alternatives.offer(number, input, ended, &rule.framing, &rule.pattern);
            self.acting = None;
            if choice.is_some() {
                return choice;
            }
        }
        Some(self.alternatives.nobody())
    }

    /// Says whether TLS begins before any other message of the client is waited for: then what comes is its hello, or is not to come.
    fn leads_to_tls(&self) -> bool {
        let ahead = (self.steps.at..).map_while(|index| self.steps.get(index)).map(|step| &step.kind);
        let next = ahead.into_iter().find(|kind| {
            !matches!(
                kind,
                Kind::Send(_)
                    | Kind::Reply(_)
                    | Kind::Anytime(_)
                    | Kind::Pause(_)
                    | Kind::Hold(_)
                    | Kind::Mark(_)
                    | Kind::WaitUntilRead
                    | Kind::StopReading
                    | Kind::ExpectSilence(_)
            )
        });
        self.channel.is_none() && matches!(next, Some(Kind::Encrypt(_)))
    }

    /// Says whether this step, the current one, waits for the client or for time to pass.
    fn waits(&self, step: &Step, connection: Connection) -> bool {
        match &step.kind {
            Kind::Hold(name) => !self.released.contains(&**name),
            Kind::Pause(time) => !time.is_zero(),
            Kind::WaitUntilRead => matches!(Self::wait_until_read(connection), Outcome::Waiting),
            // What comes is the client's hello, or nothing that anybody may take.
            Kind::Encrypt(_) => false,
            // Before it is known that nobody wants a message.
            Kind::Block { flow: Flow::Repeat { .. }, .. } => self.steps.vain().is_some(),
            _ => step.waits(),
        }
    }

    /// Deals with a message that is none of those which may come where the current step waits for one: its block is skipped, or it fails.
    fn refuse(&mut self, now: Instant, rest: &mut &[u8], connection: Connection, cause: Option<Cause>) {
        if self.steps.tentative().is_some() {
            let cut = cause.is_none();
            return self.skip(now, if cut { Skip::Cut } else { Skip::Other });
        }
        *rest = &rest[self.progress.bytes..];
        self.alternatives.clear();
        let cut_off = || {
            let (wanted, by) = self.steps.current()?.kind.wanted().zip(connection.told_end())?;
            Some(Cause::Closed { by, arrived: self.progress.arrived(wanted) })
        };
        let cause = cause.or_else(cut_off).unwrap_or(Cause::UnexpectedData);
        self.fail_at(Some(self.steps.at), cause);
    }

    /// Answers a message as a rule says.
    fn answer(&mut self, now: Instant, rule: usize, message: &Bytes) {
        if self.steps.current().is_some_and(Step::receives_message) {
            self.progress = Default::default();
        }
        self.steps.note_claim();
        let index = self.rules[rule];
        if let Link::Open(connection) = &mut self.link {
            connection.heard_by = Hearer::Rule(index);
        }
        let Some(step) = self.steps.get_mut(index) else { return };
        step.capture(message);
        let Kind::Anytime(anytime) = &mut step.kind else { return };
        let Rule { framing, reply, left, answered, .. } = &mut **anytime;
        *answered += 1;
        self.acting = Some(index);
        let (_, wire) = reply.to(message, framing);
        self.acting = None;
        if let Some(left) = left {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.rules.remove(rule);
            }
        }
        match wire {
            Ok(wire) => self.outbox.answer(now, index, wire),
            Err(error) => self.fail_at(Some(index), Cause::Reply(error)),
        }
    }

    /// Computes what the current step replies, if it is one that does. Returns whether that has failed.
    fn reply(&mut self) -> bool {
        let Link::Open(_) = self.link else { return false };
        if !matches!(self.steps.current(), Some(Step { kind: Kind::Reply(_), .. })) {
            return false;
        }
        let heard = self.heard.clone().or_else(|| self.steps.heard().cloned());
        let Some(Step { kind, .. }) = self.steps.current_mut() else { return false };
        let Kind::Reply(answer) = kind else { return false };
        let Answer { framing, reply, computed: computed @ None } = &mut **answer else { return false };
        let verb = if reply.is_framed() { "reply_frame" } else { "reply" };
        let (message, wire) = reply.to(heard.as_deref().unwrap_or_default(), framing);
        match wire {
            Ok(wire) => {
                *computed = Some((Bytes::from(wire), Shown::new(verb, &message)));
                false
            }
            Err(error) => {
                self.fail_at(Some(self.steps.at), Cause::Reply(error));
                true
            }
        }
    }

    /// Has the next step become current, the current one being done.
    pub(super) fn advance(&mut self, now: Instant) {
        let Some(step) = self.steps.current() else { return };
        if let Kind::Mark(name) = &step.kind {
            self.marks.push(name.clone());
        }
        if step.kind.wanted().is_some() {
            let exact = step.kind.exact();
            let message = exact.map_or(&self.progress.message[..], |bytes| &bytes[..]);
            step.capture(message);
            self.steps.begun().for_each(|head| head.capture(message));
            let is_exact = exact.is_some();
            self.heard = if is_exact { None } else { Some(Bytes::from(message)) };
            self.note_heard(is_exact);
        }
        self.steps.advance();
        self.begin(now);
    }

    /// Takes note that the current step has received its message: the one that it expects to the byte, or another.
    pub(super) fn note_heard(&mut self, is_exact: bool) {
        self.steps.note_heard(is_exact);
        if let Link::Open(connection) = &mut self.link {
            connection.heard_by = Hearer::Step;
        }
    }

    /// Goes on behind the block that the current step has decided against.
    pub(super) fn skip(&mut self, now: Instant, why: Skip) {
        self.alternatives.clear();
        self.steps.skip(why);
        self.begin(now);
    }

    /// Says why a block that repeats fails when it has come round and nothing of it was done.
    fn in_vain(&self, now: Instant, rest: &[u8], connection: Connection) -> Cause {
        let Some(vain) = self.steps.vain() else { return Cause::UnexpectedData };
        let after = now.since(vain.began);
        let arrived = Arrived { part: Part::Message, bytes: rest.len(), of: None };
        match connection.told_end() {
            Some(by) if !rest.is_empty() && vain.cut => Cause::Closed { by, arrived },
            Some(_) if rest.is_empty() => Cause::DisconnectTimeout { after },
            None if rest.is_empty() || vain.cut => Cause::MessageTimeout { after, arrived },
            _ => Cause::UnexpectedData,
        }
    }

    /// Begins the step that is now the current one.
    pub(super) fn begin(&mut self, now: Instant) {
        self.calm = None;
        self.progress.reset();
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
        if self.shares_door || self.door.pop_front().is_none() {
            return Outcome::Waiting;
        }
        self.link = Link::Open(Connection::default());
        self.outbox = Outbox::default();
        self.channel = None;
        self.command = Some(Command::Accept);
        Outcome::Done
    }

    fn expect_end(&mut self, rest: &[u8], connection: Connection) -> Outcome {
        if !rest.is_empty() {
            return Outcome::Failed(Cause::UnexpectedData);
        }
        let Some(verdict) = connection.judge_end() else { return Outcome::Waiting };
        self.link = Link::Over { step: self.steps.at, by_server: false, connection };
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
            _ => match connection.judge_end() {
                Some(Err(cause)) => Outcome::Failed(cause),
                // Nobody will ever know.
                Some(Ok(())) if connection.hold != Hold::Unknown => Outcome::Done,
                // A client that may have ended its stream only has its time to read, as any other.
                Some(Ok(())) | None => Outcome::Waiting,
            },
        }
    }

    /// Ends the server's stream. The client may go on sending.
    fn shut_down(&mut self, now: Instant, connection: Connection) -> Outcome {
        if connection.shut_down_by.is_none() {
            self.log.record(now, Event::ShutDown);
            self.link = Link::Open(Connection { shut_down_by: Some(self.steps.at), ..connection });
            self.command = Some(Command::ShutDown);
        }
        Outcome::Done
    }

    /// Ends the connection from the server's side. Bytes that nobody claimed are on record, and are not judged.
    pub(super) fn end_connection(
        &mut self,
        now: Instant,
        connection: Connection,
        command: Command,
        rest: &mut &[u8],
    ) -> Outcome {
        let event = match command {
            Command::Reset => Event::Reset,
            Command::HandOver => Event::HandedOver,
            _ => Event::Disconnected,
        };
        self.log.record(now, event);
        self.link = Link::Over { step: self.steps.at, by_server: true, connection };
        self.command = Some(command);
        *rest = &[];
        Outcome::Done
    }
}
