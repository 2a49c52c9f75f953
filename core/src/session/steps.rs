//! The queue of steps.

use crate::step::Step;
use alloc::collections::VecDeque;

/// The steps that are still to be played, and the last few that are done.
#[derive(Debug, Default)]
pub(super) struct Steps {
    pub(super) queue: VecDeque<Step>,
    /// The number of steps that were dropped from the front of the queue.
    pub(super) forgotten: usize,
    /// The number of steps that are done; so the index of the current one.
    pub(super) done: usize,
}

impl Steps {
    /// The number of done steps that are kept for reports.
    pub(super) const HISTORY: usize = 20;

    pub(super) fn total(&self) -> usize {
        self.forgotten + self.queue.len()
    }

    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut Step> {
        self.queue.get_mut(index.checked_sub(self.forgotten)?)
    }

    pub(super) fn get(&self, index: usize) -> Option<&Step> {
        self.queue.get(index.checked_sub(self.forgotten)?)
    }

    pub(super) fn current(&self) -> Option<&Step> {
        self.queue.get(self.done - self.forgotten)
    }

    pub(super) fn current_mut(&mut self) -> Option<&mut Step> {
        self.queue.get_mut(self.done - self.forgotten)
    }

    pub(super) fn advance(&mut self) {
        self.done += 1;
        if self.done - self.forgotten > Self::HISTORY {
            self.queue.pop_front();
            self.forgotten += 1;
        }
    }
}
