//! What is played next, and what has come of it so far.

use super::Options;
use super::choice::Choice;
use super::explored::Explored;
use super::play::Played;
use super::setback::Setback;
use super::shrinking::{Shrinking, cuts_of};
use crate::framing::Grouped;
use crate::server::memory::Plot;
use crate::server::plan::Plan;
use crate::time::{Duration, Span};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::panic::Location;

/// When no more plans are played: so many have failed, or those that did have taken so long.
const FAILURES: usize = 10;
const PATIENCE: Duration = Duration::from_secs(2);

/// The most plans that are named beside the one that is shown.
const OTHERS: usize = 5;

/// Which plans are played, and what came of it.
pub(super) struct Survey {
    options: Options,
    queue: VecDeque<Plan>,
    explored: Explored,
    /// How many bytes the server has sent on each connection with the first plan.
    sent: Vec<u64>,
    /// How many cuts of the only plan were where nothing was sent.
    missed: usize,
    /// The plans that have failed, and the one with the fewest cuts.
    failed: Vec<Plan>,
    worst: Option<Worst>,
    /// The time that failing plans have taken.
    spent: Duration,
    /// Whether no more are played, but to find out which cuts it takes.
    over: bool,
    shrinking: Option<Shrinking>,
}

/// The failing plan that is shown.
struct Worst {
    plan: Plan,
    cuts: usize,
    setback: Box<Setback>,
}

impl Survey {
    pub(super) fn new(options: Options) -> Self {
        let first = options.plan.clone().unwrap_or(Plan::WHOLE);
        let explored = Explored { budget: options.plans.max(1), one: options.plan.clone(), ..Explored::default() };
        Self {
            options,
            queue: VecDeque::from([first]),
            explored,
            sent: Vec::new(),
            missed: 0,
            failed: Vec::new(),
            worst: None,
            spent: Duration::ZERO,
            over: false,
            shrinking: None,
        }
    }

    /// Says whether it is the first plan that is played now.
    pub(super) fn is_first(&self) -> bool {
        self.explored.plans == 0
    }

    /// Returns the next plan to play.
    pub(super) fn next(&mut self) -> Option<Plan> {
        if self.over { self.shrinking.as_mut()?.next(PATIENCE) } else { self.queue.pop_front() }
    }

    /// Notes what has come of a plan, and how long it took.
    pub(super) fn note(&mut self, plan: Plan, played: Played, took: Duration) {
        if let Some(shrinking) = &mut self.shrinking {
            shrinking.note(&plan, played.setback.is_some(), took);
            if let Some(setback) = played.setback {
                self.worst = Some(Worst { plan, cuts: 0, setback });
            }
            return;
        }
        let first = self.is_first();
        self.explored.plans += 1;
        match played.setback {
            None if first => self.look_at_first(&plan, &played.plot),
            None => self.explored.varied += usize::from(played.plot.sent() != self.sent),
            Some(setback) => {
                self.spent += took;
                let cuts = cuts_of(&plan, &played.plot.passed()).len();
                self.failed.push(plan.clone());
                if self.worst.as_ref().is_none_or(|worst| cuts < worst.cuts) {
                    self.worst = Some(Worst { plan, cuts, setback });
                }
            }
        }
        let enough = self.failed.len() >= FAILURES || self.spent >= PATIENCE;
        self.over = enough || self.queue.is_empty();
        if let Some(worst) = self.worst.as_ref().filter(|_| self.over && self.explored.one.is_none()) {
            self.shrinking = Shrinking::new(&worst.plan, &worst.setback.plot().passed());
        }
    }

    /// Plans what to play of a conversation that has passed once.
    fn look_at_first(&mut self, plan: &Plan, plot: &Plot) {
        self.sent = plot.sent();
        if self.explored.one.is_some() {
            let sent = |connection: u64| self.sent.iter().zip(1..).find(|(_, number)| *number == connection);
            let is_missed = |at: u64, connection| sent(connection).is_none_or(|(sent, _)| at >= *sent);
            self.missed = plan.named_cuts().iter().filter(|cut| is_missed(cut.at, cut.connection)).count();
            return;
        }
        let choice = Choice::new(&plot.passed(), self.explored.budget - 1, self.options.seed);
        (self.explored.single_cuts, self.explored.cut_points) = (choice.single_cuts, choice.cut_points);
        self.queue = choice.plans.into();
    }

    /// Says what was found: how much was played, or the text of the failure.
    pub(super) fn verdict(mut self, caller: &Location<'_>) -> Result<Explored, String> {
        let Some(worst) = self.worst.take() else {
            return match self.emptiness() {
                None => Ok(self.explored),
                Some(reason) => Err(format!("{reason}\n  told by explore() at {caller}")),
            };
        };
        let mut findings = if self.explored.one.is_none() && worst.plan == Plan::WHOLE {
            Vec::from([String::from("the first plan fails, in which each send comes by itself: no other was played")])
        } else {
            self.findings(&worst)
        };
        findings.push(format!("told by explore() at {caller}"));
        Err(worst.setback.text(findings))
    }

    /// Says why the plays that have passed say nothing, if that is so.
    fn emptiness(&self) -> Option<String> {
        match &self.explored.one {
            Some(plan) if self.missed > 0 => Some(format!(
                "nothing was sent on both sides of {} of the cuts of the plan `{plan}`: the conversation is another than the one that it is for",
                self.missed
            )),
            _ if self.sent.is_empty() => {
                Some(String::from("no client has connected by connect_in_memory(): there was nothing to explore"))
            }
            _ => None,
        }
    }

    fn findings(&self, Worst { plan, setback, .. }: &Worst) -> Vec<String> {
        let mut findings =
            Vec::from([format!("the bytes were delivered by the plan `{plan}`{}", setback.pieces(plan))]);
        if self.explored.one.is_some() {
            findings.push(String::from("it was played alone"));
            return findings;
        }
        let (failed, played) = (Grouped(self.failed.len() as u64), Grouped(self.explored.plans as u64));
        let budget = Grouped(self.explored.budget as u64);
        findings.push(if self.queue.is_empty() {
            format!("{failed} of {played} plans failed, {} (budget: {budget})", self.explored.places())
        } else {
            let planned = Grouped((self.explored.plans + self.queue.len()) as u64);
            let spent = match self.spent {
                spent if self.failed.len() < FAILURES => format!(", which took {}", Span(spent)),
                _ => String::new(),
            };
            format!("{failed} of the first {played} plans failed{spent}; of {planned} (budget: {budget}) no more were played")
        });
        let others: Vec<&Plan> = self.failed.iter().filter(|other| *other != plan).collect();
        if !others.is_empty() {
            let mut names: Vec<String> = others.iter().take(OTHERS).map(|plan| format!("`{plan}`")).collect();
            if others.len() > OTHERS {
                names.push(format!("and {} more", others.len() - OTHERS));
            }
            findings.push(format!("others that failed: {}", names.join(", ")));
        }
        findings.extend(self.explored.variety());
        findings
            .push(format!("to play it alone: {}='{plan}', or builder().plan(\"{plan}\").explore(..)", super::VARIABLE));
        findings
    }
}

#[cfg(test)]
mod tests;
