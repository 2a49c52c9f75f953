//! The queue of steps, and the place in it.

use crate::bytes::Bytes;
use crate::step::{Flow, Kind, Step};
use crate::time::Instant;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// The steps that are still to be played, and the last few that are done.
#[derive(Debug, Default)]
pub(super) struct Steps {
    queue: VecDeque<Step>,
    /// The number of steps that were dropped from the front of the queue.
    pub(super) forgotten: usize,
    /// Steps that were dropped from the queue and are still in force, with their indices.
    pinned: Vec<(usize, Step)>,
    /// The index of the current step.
    pub(super) at: usize,
    /// The blocks that it is in, outermost first.
    open: Vec<Block>,
    /// The last round of the block that the current step heads, if nothing was claimed in it.
    vain: Option<Vain>,
    /// The index of the step whose exact message was received last; and the step, if it was dropped from the queue since.
    heard: Option<usize>,
    kept: Option<Step>,
}

/// A block of steps that is being played.
#[derive(Clone, Copy, Debug)]
struct Block {
    /// The index of the step that heads it.
    head: usize,
    /// The index behind its last step.
    end: usize,
    /// Whether none of its steps is done yet, in this round.
    fresh: bool,
    /// Whether no byte has been claimed in this round.
    unclaimed: bool,
    /// Whether what is optional in it was skipped before any byte of the next message had come; and whether when that was not whole.
    missed: bool,
    cut: bool,
    /// When the round began.
    began: Instant,
    repeats: bool,
}

/// Why an optional block is skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Skip {
    /// Another message has come.
    Other,
    /// Its time is over, or the client has ended its stream, and a message has come in part.
    Cut,
    /// Its time is over, and nothing has come.
    Missed,
}

/// A round of a block that repeats in which nothing was claimed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vain {
    head: usize,
    fresh: bool,
    missed: bool,
    pub(super) cut: bool,
    pub(super) began: Instant,
}

impl Vain {
    /// Says whether another round would do no better. `rest` is what waits.
    pub(super) fn is_over(&self, rest: &[u8]) -> bool {
        if rest.is_empty() { self.fresh } else { !self.missed }
    }
}

impl Steps {
    /// The number of done steps that are kept for reports.
    const HISTORY: usize = 20;

    pub(super) fn push(&mut self, step: Step) {
        self.queue.push_back(step);
    }

    pub(super) fn total(&self) -> usize {
        self.forgotten + self.queue.len()
    }

    /// Returns the number of steps that are done for good: those of a block are when the block is.
    pub(super) fn done(&self) -> usize {
        self.open.first().map_or(self.at, |block| block.head)
    }

    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut Step> {
        match index.checked_sub(self.forgotten) {
            Some(place) => self.queue.get_mut(place),
            None => self.pinned.iter_mut().find(|(pinned, _)| *pinned == index).map(|(_, step)| step),
        }
    }

    pub(super) fn get(&self, index: usize) -> Option<&Step> {
        match index.checked_sub(self.forgotten) {
            Some(place) => self.queue.get(place),
            None => self.pinned.iter().find(|(pinned, _)| *pinned == index).map(|(_, step)| step),
        }
    }

    /// Takes note that the current step has received its message: the one that it expects to the byte, or another.
    pub(super) fn note_heard(&mut self, is_exact: bool) {
        self.heard = is_exact.then_some(self.at);
        if self.kept.is_some() {
            self.kept = None;
        }
    }

    /// Returns the message that was received last, if its step has expected it to the byte.
    pub(super) fn heard(&self) -> Option<&Bytes> {
        self.kept.as_ref().or_else(|| self.get(self.heard?))?.kind.exact()
    }

    /// Says whether the current step is in a block.
    pub(super) fn is_in_block(&self) -> bool {
        !self.open.is_empty()
    }

    pub(super) fn current(&self) -> Option<&Step> {
        self.queue.get(self.at - self.forgotten)
    }

    pub(super) fn current_mut(&mut self) -> Option<&mut Step> {
        self.queue.get_mut(self.at - self.forgotten)
    }

    /// Says whether the current step decides whether its block is played at all. Returns the step that heads that block.
    pub(super) fn tentative(&self) -> Option<&Step> {
        let block = self.open.last().filter(|block| !block.repeats && block.fresh && self.at == block.head + 1)?;
        self.get(block.head)
    }

    /// Says whether a block that repeats has come to the end of a round, and nothing of the next one has happened.
    pub(super) fn is_between_rounds(&self) -> bool {
        self.open.iter().rev().take_while(|block| block.fresh).any(|block| block.repeats)
    }

    /// Returns the number of the round in which the step with this index is, if it is in a block that repeats.
    pub(super) fn round(&self, index: usize) -> Option<u64> {
        let blocks = self.open.iter().rev().filter(|block| (block.head..block.end).contains(&index));
        blocks.filter_map(|block| self.get(block.head)).find_map(|head| match head.kind {
            Kind::Block { flow: Flow::Repeat { round }, .. } => Some(round),
            _ => None,
        })
    }

    /// Says whether the step with this index is in a block that was skipped when it was last its turn.
    pub(super) fn was_skipped(&self, index: usize) -> bool {
        let mut ends = (self.forgotten..index).filter_map(|head| match self.get(head)?.kind {
            Kind::Block { len, flow: Flow::Optional { skipped: true } } => Some(head + len),
            _ => None,
        });
        let is_past = match self.current().map(|step| &step.kind) {
            // Between two rounds, the last one is past.
            Some(Kind::Block { len, flow: Flow::Repeat { .. } }) => index <= self.at + len,
            _ => index < self.at,
        };
        is_past && ends.any(|last| index <= last)
    }

    /// Begins the block that the current step heads. Where it goes on behind the end of the one that it is in, returns by how many steps.
    pub(super) fn enter(&mut self, now: Instant) -> Result<(), usize> {
        let head = self.at;
        let outer = self.open.last().map_or(usize::MAX, |block| block.end);
        self.vain = None;
        let Some(Step { kind: Kind::Block { len, flow }, .. }) = self.current_mut() else { return Ok(()) };
        let end = head + 1 + *len;
        if end > outer {
            return Err(end - outer);
        }
        let repeats = match flow {
            Flow::Optional { skipped } => {
                *skipped = false;
                false
            }
            Flow::Repeat { round } => {
                *round += 1;
                true
            }
        };
        self.open.push(Block {
            head,
            end,
            fresh: true,
            unclaimed: true,
            missed: false,
            cut: false,
            began: now,
            repeats,
        });
        for index in head..end.min(self.total()) {
            if let Some(Kind::Reply(answer)) = self.get_mut(index).map(|step| &mut step.kind) {
                answer.computed = None;
            }
        }
        self.go_to(head + 1);
        Ok(())
    }

    /// Returns the last round of the block that the current step heads, if nothing was claimed in it.
    pub(super) fn vain(&self) -> Option<&Vain> {
        self.vain.as_ref().filter(|vain| vain.head == self.at)
    }

    /// Goes on behind the current step, which is done.
    pub(super) fn advance(&mut self) {
        if self.current().is_some_and(Step::gets_on) {
            self.open.iter_mut().for_each(|block| block.fresh = false);
        }
        if self.current().is_some_and(|step| step.receives_message() && step.waits()) {
            self.note_claim();
        }
        self.go_to(self.at + 1);
    }

    /// Returns the steps that head the blocks which begin with what the current step does.
    pub(super) fn begun(&self) -> impl Iterator<Item = &Step> {
        self.open.iter().filter(|block| block.fresh).filter_map(|block| self.get(block.head))
    }

    /// Takes note that bytes which waited have been claimed.
    pub(super) fn note_claim(&mut self) {
        self.open.iter_mut().for_each(|block| block.unclaimed = false);
        self.vain = None;
    }

    /// Goes on behind the block that the current step has decided against.
    pub(super) fn skip(&mut self, why: Skip) {
        let Some(block) = self.open.pop() else { return };
        for outer in &mut self.open {
            outer.missed |= why == Skip::Missed;
            outer.cut |= why == Skip::Cut;
        }
        let head = self.get_mut(block.head).map(|step| &mut step.kind);
        if let Some(Kind::Block { flow: Flow::Optional { skipped }, .. }) = head {
            *skipped = true;
        }
        self.go_to(block.end);
    }

    /// Goes on behind the innermost block that repeats.
    pub(super) fn leave(&mut self) {
        while let Some(block) = self.open.pop() {
            if block.repeats {
                return self.go_to(block.end);
            }
        }
    }

    /// Goes on behind the block that the current step heads.
    pub(super) fn pass(&mut self) {
        if let Some(Step { kind: Kind::Block { len, .. }, .. }) = self.current() {
            self.go_to(self.at + 1 + len);
        }
    }

    fn go_to(&mut self, index: usize) {
        self.at = index;
        while let Some(block) = self.open.last().filter(|block| block.end == self.at) {
            if block.repeats {
                // The next round, or none, is for the step that heads it to say.
                self.at = block.head;
                let Block { head, fresh, missed, cut, began, .. } = *block;
                self.vain = block.unclaimed.then_some(Vain { head, fresh, missed, cut, began });
                self.open.pop();
                break;
            }
            self.open.pop();
        }
        // A block that is passed may have steps that are yet to be pushed.
        while self.done() - self.forgotten > Self::HISTORY && !self.queue.is_empty() {
            self.forget();
        }
    }

    /// As [`advance`](Self::advance), for a step in no block.
    pub(super) fn advance_plainly(&mut self) {
        self.vain = None;
        self.at += 1;
        if self.at - self.forgotten > Self::HISTORY {
            self.forget();
        }
    }

    /// Drops the oldest step.
    fn forget(&mut self) {
        let Some(step) = self.queue.pop_front() else { return };
        if matches!(step.kind, Kind::Anytime(_)) {
            self.pinned.push((self.forgotten, step));
        } else if self.heard == Some(self.forgotten) {
            self.kept = Some(step);
        }
        self.forgotten += 1;
    }
}
