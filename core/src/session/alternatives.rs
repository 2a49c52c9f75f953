//! What a message may be, where it may be one of several: the one that the script waits for, or one that is answered at any time.
//!
//! The bytes of a message stay in the backlog until it is known whose they are. Each of those who may want it matches them as they come,
//! on its own; so none of them is looked at twice. The first in order that gets a message has it, once all before it are out.

use super::connection::Connection;
use super::progress::{Outcome, Progress};
use crate::framing::Framing;
use crate::pattern::Pattern;
use crate::report::Cause;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// The match of the message at the front of the backlog.
#[derive(Debug, Default)]
pub(super) struct Alternatives {
    /// The index of the step that was current when the match began.
    step: usize,
    /// The number of bytes that were looked at.
    seen: usize,
    /// How far the script's own step is, if it waits for a message. What it has matched is in its progress.
    own: Option<Candidate>,
    /// How far the rules in force are.
    rules: Vec<(Progress, Candidate)>,
}

/// How far one of those is who may want a message.
#[derive(Debug)]
enum Candidate {
    Waiting,
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
    Rule(usize, usize, Arc<[u8]>),
    /// Nobody's; this is why not the current step's, if that waits for one.
    Nobody(Option<Cause>),
}

impl Alternatives {
    /// Begins anew, for the step with this index, unless it is the one.
    pub(super) fn turn_to(&mut self, step: usize, receives: bool, rules: usize) -> bool {
        let same = self.step == step && self.seen > 0 && self.own.is_some() == receives && self.rules.len() == rules;
        if !same {
            *self = Self { step, seen: 0, own: receives.then_some(Candidate::Waiting), rules: Vec::new() };
            self.rules.resize_with(rules, || (Progress::default(), Candidate::Waiting));
        }
        same
    }

    /// Forgets the match: it is over.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Says whether the bytes in the backlog are looked at by the step with this index.
    pub(super) fn is_peeked_by(&self, step: usize) -> bool {
        self.seen > 0 && self.own.is_some() && self.step == step
    }

    /// Has the current step look at what is new in the backlog.
    pub(super) fn offer_own(&mut self, backlog: &[u8], take: impl FnOnce(&mut &[u8]) -> Outcome) {
        if let Some(own @ Candidate::Waiting) = &mut self.own {
            let mut new = &backlog[self.seen..];
            match take(&mut new) {
                Outcome::Waiting => {}
                Outcome::Done => *own = Candidate::Whole(backlog.len() - new.len()),
                Outcome::Failed(cause) => *own = Candidate::Out(cause),
            }
        }
    }

    /// Has a rule look at what is new in the backlog.
    pub(super) fn offer(&mut self, rule: usize, backlog: &[u8], framing: &Framing, pattern: &Pattern) {
        if let Some((progress, candidate @ Candidate::Waiting)) = self.rules.get_mut(rule) {
            let mut new = &backlog[self.seen..];
            match progress.take_message(framing, pattern, &mut new, Connection::default()) {
                Outcome::Waiting => {}
                Outcome::Done => *candidate = Candidate::Whole(backlog.len() - new.len()),
                Outcome::Failed(cause) => *candidate = Candidate::Out(cause),
            }
        }
    }

    /// Says whose the message is. `ended` says that no more bytes will come.
    pub(super) fn choose(&mut self, backlog: &[u8], ended: bool, exact: impl Fn(usize) -> Option<Arc<[u8]>>) -> Choice {
        self.seen = backlog.len();
        match &self.own {
            Some(Candidate::Waiting) if !ended => return Choice::Open,
            Some(Candidate::Whole(len)) => return Choice::Own(*len),
            _ => {}
        }
        for (rule, (progress, candidate)) in self.rules.iter_mut().enumerate() {
            match candidate {
                Candidate::Waiting if !ended => return Choice::Open,
                Candidate::Whole(len) => {
                    let message = exact(rule).unwrap_or_else(|| Arc::from(&progress.message[..]));
                    return Choice::Rule(rule, *len, message);
                }
                _ => {}
            }
        }
        Choice::Nobody(match &self.own {
            Some(Candidate::Out(cause)) => Some(cause.clone()),
            _ => None,
        })
    }
}
