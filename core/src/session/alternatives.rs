//! What a message may be, where it may be one of several: the one that the script waits for, or one that is answered at any time.
//!
//! The bytes of a message stay in the backlog until it is known whose they are. Each of those who may want it matches them as they come,
//! on its own; so none of them is looked at twice. The first in order that gets a message has it, once all before it are out.

use super::connection::Connection;
use super::progress::{Outcome, Progress};
use crate::bytes::Bytes;
use crate::framing::Framing;
use crate::pattern::Pattern;
use crate::report::Cause;
use alloc::vec::Vec;

/// The match of the message at the front of the backlog.
#[derive(Debug, Default)]
pub(super) struct Alternatives {
    /// The index of the step that was current when the match began.
    step: usize,
    /// How far the script's own step is, if it waits for a message. What it has matched is in its progress.
    own: Option<Candidate>,
    /// How far the rules in force are.
    rules: Vec<(Progress, Candidate)>,
}

/// How far one of those is who may want a message.
#[derive(Debug)]
enum Candidate {
    /// It has looked at so many bytes.
    Waiting(usize),
    /// It is the one: of so many bytes.
    Whole(usize),
    /// It is another.
    Out(Cause),
}

/// Whose message it is.
pub(super) enum Choice {
    /// That is not known yet.
    Open,
    /// That of the current step: of so many bytes.
    Own(usize),
    /// That of the rule with this number: of so many bytes.
    Rule(usize, usize, Bytes),
    /// Nobody's; this is why not the current step's, if that waits for one.
    Nobody(Option<Cause>),
}

impl Candidate {
    /// Has a candidate look at what is new in the backlog.
    fn look(&mut self, backlog: &[u8], take: impl FnOnce(&mut &[u8]) -> Outcome) {
        let Self::Waiting(seen) = *self else { return };
        let mut new = &backlog[seen..];
        *self = match take(&mut new) {
            Outcome::Waiting => Self::Waiting(backlog.len()),
            Outcome::Done => Self::Whole(backlog.len() - new.len()),
            Outcome::Failed(cause) => Self::Out(cause),
        };
    }
}

impl Alternatives {
    /// Begins anew, for the step with this index, unless it is the one. Returns whether it is.
    pub(super) fn turn_to(&mut self, step: usize, receives: bool, rules: usize) -> bool {
        let same = self.step == step && self.own.is_some() == receives && self.rules.len() == rules;
        if !same {
            *self = Self { step, own: receives.then_some(Candidate::Waiting(0)), rules: Vec::new() };
            self.rules.resize_with(rules, || (Progress::default(), Candidate::Waiting(0)));
        }
        same
    }

    /// Forgets the match: it is over.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Says whether the bytes in the backlog are looked at by the step with this index.
    pub(super) fn is_peeked_by(&self, step: usize) -> bool {
        self.own.is_some() && self.step == step
    }

    /// Offers the message to the current step. Returns what is known then, if nobody else is to be asked. `ended` says that no more bytes
    /// will come.
    pub(super) fn offer_own(
        &mut self,
        backlog: &[u8],
        ended: bool,
        take: impl FnOnce(&mut &[u8]) -> Outcome,
    ) -> Option<Choice> {
        let own = self.own.as_mut()?;
        own.look(backlog, take);
        match own {
            Candidate::Waiting(_) if !ended => Some(Choice::Open),
            Candidate::Whole(len) => Some(Choice::Own(*len)),
            _ => None,
        }
    }

    /// Offers the message to a rule. Returns what is known then, if nobody else is to be asked.
    pub(super) fn offer(
        &mut self,
        rule: usize,
        backlog: &[u8],
        ended: bool,
        framing: &Framing,
        pattern: &Pattern,
    ) -> Option<Choice> {
        let (progress, candidate) = self.rules.get_mut(rule)?;
        if let (Candidate::Waiting(_), Some(expected)) = (&*candidate, pattern.as_exact()) {
            if framing.rules_out(expected, backlog) {
                // Known before its header is whole: nobody is to wait for the rest of one that is none.
                *candidate = Candidate::Out(Cause::UnexpectedData);
            }
        }
        candidate.look(backlog, |new| progress.take_framed(framing, pattern, new, &Connection::default()));
        match candidate {
            Candidate::Waiting(_) if !ended => Some(Choice::Open),
            Candidate::Whole(len) => {
                let message = pattern.as_exact().map_or_else(|| Bytes::from(&progress.message[..]), Bytes::clone);
                Some(Choice::Rule(rule, *len, message))
            }
            _ => None,
        }
    }

    /// Says that the message is nobody's.
    pub(super) fn nobody(&self) -> Choice {
        Choice::Nobody(match &self.own {
            Some(Candidate::Out(cause)) => Some(cause.clone()),
            _ => None,
        })
    }
}
