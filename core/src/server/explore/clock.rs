//! The clock of a server that is explored.

use crate::server::runtime::{Alarm, Timer};
use crate::time::Instant;
use core::task::{Context, Poll};

/// A clock on which only the time passes in which nobody has anything to do. How fast the machine is does not show on it.
pub(super) struct IdleClock<T> {
    inner: T,
    now: Instant,
    /// When everybody began to wait, on the inner clock.
    idle_since: Option<Instant>,
    /// When the test body was last seen to be busy with nothing. That is in real time: while it is, a runtime does not make its clock jump.
    busy_since: Option<std::time::Instant>,
    alarm: Option<Alarm>,
}

impl<T: Timer> IdleClock<T> {
    pub(super) fn new(inner: T) -> Self {
        Self { inner, now: Instant::ORIGIN, idle_since: None, busy_since: None, alarm: None }
    }

    /// Somebody has something to do.
    pub(super) fn go_on(&mut self) {
        if let Some(since) = self.idle_since.take() {
            self.now = self.now + self.inner.now().since(since);
            self.inner.set_alarm(None);
        }
        if let Some(since) = self.busy_since.take() {
            self.now = self.now + since.elapsed();
        }
    }

    /// Says whether there is an alarm.
    pub(super) fn has_alarm(&self) -> bool {
        self.alarm.is_some()
    }

    /// Has time pass until the next turn, though somebody is busy. Returns whether the alarm goes off.
    pub(super) fn pass(&mut self) -> bool {
        self.busy_since = Some(std::time::Instant::now());
        self.rings()
    }

    /// Nobody has anything to do until the alarm goes off, or something comes from elsewhere; if there is no alarm, until this moment. Returns
    /// whether it has gone off already.
    pub(super) fn wait(&mut self, cx: &mut Context<'_>, limit: Option<Instant>) -> bool {
        if self.rings() {
            return true;
        }
        let now = self.inner.now();
        self.idle_since = Some(now);
        let limit = limit.map(|at| Alarm { at, owed: false });
        let Some(alarm) = self.alarm.or(limit) else { return false };
        self.inner.set_alarm(Some(Alarm { at: now + alarm.at.since(self.now), ..alarm }));
        self.inner.poll_alarm(cx).is_ready()
    }

    /// Has the time until the alarm pass at once; returns whether there is one.
    pub(super) fn skip(&mut self) -> bool {
        let Some(alarm) = self.alarm else { return false };
        self.now = self.now.max(alarm.at);
        true
    }

    fn rings(&self) -> bool {
        self.alarm.is_some_and(|alarm| alarm.at <= self.now)
    }
}

impl<T: Timer> Timer for IdleClock<T> {
    fn now(&self) -> Instant {
        self.now
    }

    fn set_alarm(&mut self, alarm: Option<Alarm>) {
        self.alarm = alarm;
    }

    fn poll_alarm(&mut self, _: &mut Context<'_>) -> Poll<()> {
        // Whoever has the clock has the task woken, when there is nothing else to do.
        if self.rings() {
            self.alarm = None;
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    fn remark(&self) -> Option<&'static str> {
        self.inner.remark()
    }
}

#[cfg(test)]
mod tests;
