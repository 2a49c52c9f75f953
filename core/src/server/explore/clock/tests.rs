use super::IdleClock;
use crate::server::runtime::{Alarm, SleepTimer, Timer};
use crate::time::Instant;
use alloc::boxed::Box;
use alloc::format;
use core::task::{Context, Waker};

/// A clock whose alarms go off at once.
fn clock() -> IdleClock<SleepTimer> {
    IdleClock::new(SleepTimer::new(|_| Box::pin(core::future::ready(()))))
}

#[test]
fn an_alarm_that_is_due_is_not_waited_for() {
    let mut clock = clock();
    clock.set_alarm(Some(Alarm { at: Instant::ORIGIN, owed: true }));
    assert!(clock.wait(&mut Context::from_waker(Waker::noop()), None));
    // So nobody has begun to wait, and no time has passed.
    clock.go_on();
    assert_eq!(clock.now(), Instant::ORIGIN);
}

#[test]
fn without_an_alarm_nobody_waits_but_for_a_limit() {
    let cx = &mut Context::from_waker(Waker::noop());
    assert!(!clock().wait(cx, None));
    assert!(clock().wait(cx, Some(Instant::ORIGIN)));
}

#[test]
fn a_timer_is_shown_without_what_it_sleeps_with() {
    let timer = SleepTimer::new(|_| Box::pin(core::future::ready(())));
    let text = format!("{timer:?}");
    assert!(text.starts_with("SleepTimer { origin: Instant") && text.ends_with(", .. }"), "{text}");
}
