//! What was explored, where nothing failed.

use crate::framing::Grouped;
use crate::server::plan::Plan;
use alloc::format;
use alloc::string::String;
use core::fmt;

/// What [`explore`](crate::server::Server::explore) has played. It shows as a sentence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explored {
    /// The only plan, if there was one.
    pub(super) one: Option<Plan>,
    pub(super) plans: usize,
    pub(super) budget: usize,
    pub(super) single_cuts: usize,
    pub(super) cut_points: u64,
    pub(super) varied: usize,
}

impl Explored {
    /// Returns how many plans were played.
    pub fn plans(&self) -> usize {
        self.plans
    }

    /// Returns how many plans would have been played at most.
    pub fn budget(&self) -> usize {
        self.budget
    }

    /// Returns at how many places the conversation was cut in two.
    pub fn single_cuts(&self) -> usize {
        self.single_cuts
    }

    /// Returns how many places there are to cut it: with more of them than [`single_cuts`](Self::single_cuts), the budget of plans was
    /// too small.
    pub fn cut_points(&self) -> u64 {
        self.cut_points
    }

    /// Returns in how many plays the server sent another number of bytes than in the first. In those, the cuts may not have been where
    /// they were meant to be: the conversation is not the same each time.
    pub fn varied(&self) -> usize {
        self.varied
    }

    /// Says at how many places the conversation was cut in two, of those that there are.
    pub(super) fn places(&self) -> String {
        let all = Grouped(self.cut_points);
        match self.single_cuts as u64 {
            _ if self.cut_points == 0 => String::from("with no place to cut"),
            cuts if cuts == self.cut_points => format!("with a cut at each of {all} places"),
            cuts => format!("with a cut at {} of {all} places", Grouped(cuts)),
        }
    }

    /// Says that the conversation was not the same each time, if it was not.
    pub(super) fn variety(&self) -> Option<String> {
        let plays = match self.varied {
            0 => return None,
            1 => "in 1 play",
            plays => &format!("in {} plays", Grouped(plays as u64)),
        };
        Some(format!("{plays} the server did not send as much as in the first: cuts may have missed their places"))
    }
}

impl fmt::Display for Explored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(plan) = &self.one {
            return write!(f, "played the plan `{plan}` alone");
        }
        let plans = if self.plans == 1 { "plan" } else { "plans" };
        write!(f, "played {} delivery {plans}, {}", Grouped(self.plans as u64), self.places())?;
        write!(f, " (budget: {})", Grouped(self.budget as u64))?;
        self.variety().map_or(Ok(()), |variety| write!(f, "; {variety}"))
    }
}

#[cfg(test)]
mod tests;
