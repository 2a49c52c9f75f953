//! The recording of a block of steps: they go to the script together, when the block is whole.

use super::hub::Name;
use crate::step::{Amendment, Step};
use alloc::vec::Vec;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

/// The steps of a block, and of the blocks in it.
#[derive(Debug, Default)]
pub(super) struct Tape(Mutex<Recorded>);

#[derive(Debug, Default)]
struct Recorded {
    steps: Vec<Step>,
    /// The number of blocks that are being recorded.
    depth: usize,
    /// The index in the script of the first of the steps, once they are there.
    base: Option<usize>,
}

impl Tape {
    fn lock(&self) -> MutexGuard<'_, Recorded> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a block with the step that heads it. Returns its index.
    pub(super) fn open(&self, mut head: Step) -> usize {
        let mut recorded = self.lock();
        head.set_depth(recorded.depth);
        recorded.depth += 1;
        recorded.steps.push(head);
        recorded.steps.len() - 1
    }

    /// Adds a step. Returns its index.
    #[track_caller]
    pub(super) fn push(&self, mut step: Step, server: Name) -> usize {
        if step.is_waited_for() {
            panic!(
                "scripted server {server}: {step} is a step of a block that may never be played: put it before or behind"
            );
        }
        let mut recorded = self.lock();
        step.set_depth(recorded.depth);
        recorded.steps.push(step);
        recorded.steps.len() - 1
    }

    /// Ends the block that begins with this index.
    #[track_caller]
    pub(super) fn close(&self, head: usize, verb: &str, server: Name) {
        let mut recorded = self.lock();
        recorded.depth -= 1;
        let len = recorded.steps.len() - head - 1;
        let [head, first, ..] = &mut recorded.steps[head..] else {
            drop(recorded);
            panic!("scripted server {server}: {verb}: no step was added to the handle that its closure was given");
        };
        if !head.is_begun_by(first) {
            let text = alloc::format!("{first}");
            let or_optional = if verb == "optional" { "" } else { ", or be optional" };
            drop(recorded);
            panic!(
                "scripted server {server}: {verb}: its first step has to expect a message{or_optional}, to tell whether it is to be played; {text} does not"
            );
        }
        head.set_len(len);
    }

    /// Hands all steps on; `push` returns the index of the first of them.
    #[track_caller]
    pub(super) fn commit(&self, push: impl FnOnce(Vec<Step>) -> usize) {
        let steps = core::mem::take(&mut self.lock().steps);
        let base = push(steps);
        self.lock().base = Some(base);
    }

    /// Changes a step; if it has gone on to the script already, returns its index there.
    pub(super) fn amend(&self, index: usize, amendment: Amendment) -> Result<usize, ()> {
        let mut recorded = self.lock();
        if let Some(base) = recorded.base {
            return Ok(base + index);
        }
        if let Some(step) = recorded.steps.get_mut(index) {
            step.amend(amendment);
        }
        Err(())
    }
}

/// Whose turn it is to add steps: while the closure of a block runs, that of the handle that it was given.
#[derive(Debug, Default)]
pub(super) struct Turn(Mutex<State>);

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Ours,
    /// The closure of a block runs on this thread.
    Lent(&'static str, ThreadId),
    /// The block is whole.
    Over(&'static str),
}

impl Turn {
    fn set(&self, state: State) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// Refuses a step that is added to a handle whose turn it is not.
    #[track_caller]
    pub(super) fn check(&self, server: Name) {
        let state = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match state {
            State::Lent(verb, thread) if thread == thread::current().id() => {
                panic!("scripted server {server}: in the closure of {verb}, add steps to the handle that it is given")
            }
            State::Over(verb) => {
                panic!("scripted server {server}: this handle was for the closure of {verb}, which has ended")
            }
            _ => {}
        }
    }

    /// Has the steps go to another handle while `fragment` runs.
    pub(super) fn lend<T>(&self, verb: &'static str, to: &Self, fragment: impl FnOnce() -> T) -> T {
        struct Back<'a>(&'a Turn, &'a Turn, &'static str);
        impl Drop for Back<'_> {
            fn drop(&mut self) {
                self.0.set(State::Ours);
                self.1.set(State::Over(self.2));
            }
        }
        self.set(State::Lent(verb, thread::current().id()));
        let _back = Back(self, to, verb);
        fragment()
    }
}
