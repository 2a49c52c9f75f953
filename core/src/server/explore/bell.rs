//! Where those are woken who have their turns in one task.

use alloc::sync::Arc;
use core::mem;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::Waker;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Wake;
use std::thread::{self, ThreadId};

/// Who has something to do: the task that plays is woken for it if it waits.
pub(super) struct Bell {
    body: AtomicBool,
    driver: AtomicBool,
    task: Mutex<Task>,
    /// Whether anybody has rung who does not play in the task, and is not the driver's alarm.
    outside: AtomicBool,
}

/// What the task does in which they play.
#[derive(Default)]
enum Task {
    /// It is about to play.
    #[default]
    Woken,
    /// It plays on this thread.
    Plays(ThreadId),
    Waits(Waker),
}

/// One of those who ring.
pub(super) struct Ring {
    bell: Arc<Bell>,
    player: Player,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Player {
    Body,
    Driver,
    /// The driver's alarm.
    Alarm,
}

impl Bell {
    /// Returns the bell of those who all have something to do.
    pub(super) fn new() -> Self {
        Self { body: true.into(), driver: true.into(), task: Mutex::default(), outside: false.into() }
    }

    /// Returns what has a player woken.
    pub(super) fn ring(self: &Arc<Self>, player: Player) -> Arc<Ring> {
        Arc::new(Ring { bell: Arc::clone(self), player })
    }

    fn flag(&self, player: Player) -> &AtomicBool {
        if player == Player::Body { &self.body } else { &self.driver }
    }

    fn task(&self) -> MutexGuard<'_, Task> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says whether it is this player's turn; once for each time that it is.
    pub(super) fn takes_turn(&self, player: Player) -> bool {
        self.flag(player).swap(false, Ordering::AcqRel)
    }

    pub(super) fn has_rung(&self) -> bool {
        self.body.load(Ordering::Acquire) || self.driver.load(Ordering::Acquire)
    }

    /// The task begins to play on this thread.
    pub(super) fn play(&self) {
        let task = mem::replace(&mut *self.task(), Task::Plays(thread::current().id()));
        // A waker is foreign code, also when it is dropped: not under the lock.
        drop(task);
    }

    /// The task begins to wait.
    pub(super) fn wait(&self, waker: Waker) {
        *self.task() = Task::Waits(waker);
    }

    /// Says whether anything has come from outside of the task.
    pub(super) fn rang_from_outside(&self) -> bool {
        self.outside.load(Ordering::Acquire)
    }
}

impl Wake for Ring {
    fn wake(self: Arc<Self>) {
        let bell = &self.bell;
        bell.flag(self.player).store(true, Ordering::Release);
        let mut task = bell.task();
        let from_inside = matches!(*task, Task::Plays(thread) if thread == thread::current().id());
        if from_inside {
            return;
        }
        if self.player != Player::Alarm {
            bell.outside.store(true, Ordering::Release);
        }
        let waker = match mem::take(&mut *task) {
            Task::Waits(waker) => Some(waker),
            playing => {
                *task = playing;
                None
            }
        };
        drop(task);
        waker.into_iter().for_each(Waker::wake);
    }
}
