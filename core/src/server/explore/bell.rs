//! Where those are woken who have their turns in one task.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::Waker;
use std::sync::{Mutex, PoisonError};
use std::task::Wake;

/// Who has something to do: the task that plays is woken for it if it waits.
#[derive(Default)]
pub(super) struct Bell {
    body: AtomicBool,
    driver: AtomicBool,
    /// The task, while it waits.
    task: Mutex<Option<Waker>>,
    /// Whether it was woken by anybody but the driver's alarm.
    outside: AtomicBool,
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
    /// Returns what has a player woken.
    pub(super) fn ring(self: &Arc<Self>, player: Player) -> Arc<Ring> {
        Arc::new(Ring { bell: Arc::clone(self), player })
    }

    fn flag(&self, player: Player) -> &AtomicBool {
        if player == Player::Body { &self.body } else { &self.driver }
    }

    /// Says whether it is this player's turn; once for each time that it is.
    pub(super) fn takes_turn(&self, player: Player) -> bool {
        self.flag(player).swap(false, Ordering::AcqRel)
    }

    pub(super) fn has_rung(&self) -> bool {
        self.body.load(Ordering::Acquire) || self.driver.load(Ordering::Acquire)
    }

    /// The task begins to wait, or ceases to.
    pub(super) fn set_task(&self, task: Option<Waker>) -> Option<Waker> {
        core::mem::replace(&mut *self.task.lock().unwrap_or_else(PoisonError::into_inner), task)
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
        if let Some(task) = bell.set_task(None) {
            if self.player != Player::Alarm {
                bell.outside.store(true, Ordering::Release);
            }
            task.wake();
        }
    }
}
