//! The search for cuts that it takes for a failure.

use crate::server::memory::Passed;
use crate::server::plan::{Cut, Plan};
use crate::time::Duration;
use alloc::vec::Vec;

/// The most cuts of a plan that it is tried to do without, and how often that is tried.
const MANY: usize = 1000;
const TRIES: usize = 200;

/// Leaves out cuts of a plan, as many at a time as is possible, as long as it fails without them.
pub(super) struct Shrinking {
    /// How the client's writes are taken: whole at first and, if it does not fail so, as in the plan that has.
    plan: Plan,
    original: Option<Plan>,
    cuts: Vec<Cut>,
    /// How many of them are left out at a time, and where.
    size: usize,
    at: usize,
    /// Whether it is known that these cuts do it.
    known: bool,
    tries: usize,
    /// The time that plays have taken which failed.
    spent: Duration,
}

impl Shrinking {
    /// Begins with a plan that has failed; `None` if it cannot have fewer cuts.
    pub(super) fn new(plan: &Plan, passed: &[Passed]) -> Option<Self> {
        let cuts = cuts_of(plan, passed);
        let shrinks = plan.named_cuts().len() != 1 && (1..=MANY).contains(&cuts.len());
        let size = cuts.len();
        let (plan, original) = (Plan::COALESCED, Some(plan.clone()));
        shrinks.then_some(Self { plan, original, cuts, size, at: 0, known: false, tries: 0, spent: Duration::ZERO })
    }

    /// Returns the next plan to try.
    pub(super) fn next(&mut self, patience: Duration) -> Option<Plan> {
        if self.tries >= TRIES || self.spent >= patience {
            return None;
        }
        self.tries += 1;
        if !self.known {
            return Some(self.plan.with_cuts(self.cuts.iter().copied()));
        }
        if self.at >= self.cuts.len() {
            if self.size <= 1 {
                return None;
            }
            self.size /= 2;
            self.at = 0;
        }
        let to = self.cuts.len().min(self.at + self.size);
        Some(self.plan.with_cuts(self.cuts[..self.at].iter().chain(&self.cuts[to..]).copied()))
    }

    /// Notes whether that plan has failed, and how long it took.
    pub(super) fn note(&mut self, plan: &Plan, failed: bool, took: Duration) {
        if failed {
            self.spent += took;
            self.cuts = plan.named_cuts().to_vec();
            self.known = true;
        } else if self.known {
            self.at += self.size;
        } else {
            match self.original.take() {
                Some(original) => self.plan = original,
                // It does not always fail.
                None => self.tries = TRIES,
            }
        }
    }
}

/// Returns the cuts that a plan has made in what has passed, beyond the ends of sends, or the first of very many.
pub(super) fn cuts_of(plan: &Plan, passed: &[Passed]) -> Vec<Cut> {
    if plan.leaves_sends() {
        return Vec::new();
    }
    let places = (1..).zip(passed).flat_map(|(connection, passed)| {
        let cuts = (1..passed.sent).map(move |at| Cut { connection, at });
        cuts.filter(|cut| plan.is_cut(*cut, &passed.ends))
    });
    places.take(MANY + 1).collect()
}

#[cfg(test)]
mod tests;
