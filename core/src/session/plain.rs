//! The short way through the steps that most scripts are made of: bytes and frames that come as expected, and sends.

use super::connection::{Connection, Hold};
use super::progress::Outcome;
use super::{Link, Session};
use crate::step::Kind;
use crate::time::{Deadline, Instant, Reason};

/// What a session waits for while nothing but its current step has a say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Calm {
    pub(super) until: Option<Deadline>,
    /// Whether there is something to send.
    pub(super) sends: bool,
}

impl Session {
    /// Says whether nothing but the current step has a say in what comes and goes: no failure, no rule, no block, no end of the client's
    /// stream.
    pub(super) fn is_plain(&self) -> bool {
        matches!(self.link, Link::Open(Connection { end: None, .. }))
            && self.fault.is_none()
            && self.command.is_none()
            && self.rules.is_empty()
            && self.channel.is_none()
            && !self.outbox.has_answers()
            && !self.steps.is_in_block()
    }

    /// Plays steps as far as `input` takes them, and returns how many of its bytes were claimed, as [`play`](Self::play) does where nothing else has
    /// a say. Steps that wait for bytes which are the right ones, or send some, as most do, cost a tenth here; from the first that does
    /// anything else on, it is the long way.
    #[inline]
    pub(super) fn play_plainly(&mut self, now: Instant, input: &[u8]) -> usize {
        let mut claimed = 0;
        while let Some((taken, done)) = self.take_plainly(now, &input[claimed..]) {
            claimed += taken;
            if !done {
                return claimed;
            }
            self.advance_plainly(now);
        }
        claimed + self.play_at_length(now, &input[claimed..])
    }

    /// Has the current step take what it claims of the input. Returns how many bytes, and whether it is done with that; `None`, and does nothing,
    /// if it is not a step for the short way.
    #[inline]
    fn take_plainly(&mut self, now: Instant, input: &[u8]) -> Option<(usize, bool)> {
        let (step, Link::Open(connection)) = (self.steps.current()?, &self.link) else { return None };
        self.started.get_or_insert(now);
        match &step.kind {
            Kind::ExpectBytes(_) | Kind::ExpectMessage(_) if input.is_empty() => Some((0, false)),
            Kind::ExpectBytes(expected) => self.progress.take_equal(expected, input),
            Kind::ExpectMessage(awaited) => self.progress.take_equal_frame(awaited, input),
            Kind::Send(wire) => match self.progress.send(wire, connection) {
                Outcome::Done => Some((0, true)),
                Outcome::Waiting => Some((0, false)),
                Outcome::Failed(_) => None,
            },
            _ => None,
        }
    }

    /// [Advances](Self::advance) behind a step that was played on the short way.
    pub(super) fn advance_plainly(&mut self, now: Instant) {
        let Some(step) = self.steps.current() else { return };
        if let Some(message) = step.kind.exact() {
            step.capture(message);
            self.heard = None;
            self.note_heard(true);
        }
        self.steps.advance_plainly();
        self.begin(now);
    }

    /// Returns what the session waits for, if that is plain to see: the current step has begun, and nothing else has a say. This is what the long
    /// way would find.
    pub(super) fn plain_wait(&self) -> Option<Calm> {
        let Link::Open(connection) = &self.link else { return None };
        let Connection { lazy_since: None, shut_down_by: None, hold, .. } = connection else { return None };
        if !self.is_plain() || *hold == Hold::Leaving || self.is_waited_for() {
            return None;
        }
        let (step, started) = self.steps.current().zip(self.started)?;
        let sends = match &step.kind {
            Kind::ExpectBytes(_) | Kind::ExpectMessage(_) => false,
            Kind::Send(wire) if self.progress.bytes < wire.len() => true,
            _ => return None,
        };
        let limit = self.config.scaled(step.deadline().unwrap_or(self.config.deadline));
        Some(Calm { until: limit.map(|limit| Deadline { at: started + limit, reason: Reason::Step }), sends })
    }

    /// Returns what the current step has yet to send.
    #[inline]
    pub(super) fn unsent_of_step(&self) -> &[u8] {
        let wire = self.steps.current().and_then(|step| step.kind.wire());
        wire.map_or(&[], |wire| &wire[self.progress.bytes..])
    }
}
