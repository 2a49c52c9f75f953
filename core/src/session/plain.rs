//! The short way through the steps that most scripts are made of: bytes and frames that come as expected, and sends.

use super::connection::{Connection, Hold};
use super::{Link, Session};
use crate::step::Kind;
use crate::time::{Deadline, Instant, Reason};

/// How far the current step came on the short way.
pub(super) enum Plain {
    Waiting,
    Done,
    /// It is not one for the short way.
    Not,
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

    /// Plays the current step if it waits for bytes that are the right ones, or sends some, as most do, and nothing else has a say in that.
    /// This does what the long way would do, which costs ten times as much, and leaves to it whatever else there is.
    pub(super) fn play_plainly(&mut self, now: Instant, rest: &mut &[u8]) -> Plain {
        let Some(step) = self.steps.current() else { return Plain::Not };
        self.started.get_or_insert(now);
        let done = match &step.kind {
            Kind::ExpectBytes(_) | Kind::ExpectMessage(_) if rest.is_empty() => Some(false),
            Kind::ExpectBytes(expected) => self.progress.take_equal(expected, rest),
            Kind::ExpectMessage(awaited) => self.progress.take_equal_frame(awaited, rest),
            Kind::Send(wire) if self.progress.bytes == wire.len() => Some(true),
            _ => None,
        };
        match done {
            None => Plain::Not,
            Some(false) => Plain::Waiting,
            Some(true) => Plain::Done,
        }
    }

    /// [Advances](Self::advance) behind a step that was played on the short way.
    pub(super) fn advance_plainly(&mut self, now: Instant) {
        if let Some(step) = self.steps.current() {
            let message = match &step.kind {
                Kind::ExpectBytes(bytes) => Some(bytes),
                Kind::ExpectMessage(awaited) => awaited.pattern.as_exact(),
                _ => None,
            };
            if let Some(message) = message {
                step.capture(message);
                self.heard = None;
                self.note_heard(true);
            }
        }
        self.steps.advance_plainly();
        self.begin(now);
    }

    /// Returns until when the session waits, if that is plain to see: the current step has begun, and nothing else has a say. This is what
    /// the long way would find.
    pub(super) fn plain_wait(&self) -> Option<Option<Deadline>> {
        let Link::Open(connection) = &self.link else { return None };
        let Connection { lazy_since: None, shut_down_by: None, hold, .. } = connection else { return None };
        if !self.is_plain() || *hold == Hold::Leaving || self.is_waited_for() {
            return None;
        }
        let (step, started) = self.steps.current().zip(self.started)?;
        match &step.kind {
            Kind::ExpectBytes(_) | Kind::ExpectMessage(_) => {}
            Kind::Send(wire) if self.progress.bytes < wire.len() => {}
            _ => return None,
        }
        let limit = self.config.scaled(step.deadline().unwrap_or(self.config.deadline));
        Some(limit.map(|limit| Deadline { at: started + limit, reason: Reason::Step }))
    }

    /// Returns what the current step has yet to send.
    pub(super) fn unsent_of_step(&self) -> &[u8] {
        let wire = self.steps.current().and_then(|step| step.kind.wire());
        wire.map_or(&[], |wire| &wire[self.progress.bytes..])
    }
}
