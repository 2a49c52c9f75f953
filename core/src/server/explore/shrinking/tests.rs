use super::{Shrinking, cuts_of};
use crate::server::memory::Passed;
use crate::server::plan::{Cut, Plan};
use crate::time::Duration;
use alloc::string::ToString;
use alloc::vec::Vec;

const PATIENCE: Duration = Duration::from_secs(2);

/// Shrinks a plan that fails whenever it has all these cuts. Returns those that are left, and how many plays that took.
fn shrink(plan: &Plan, takes: &[u64], took: Duration) -> (Vec<u64>, usize) {
    let passed = [Passed { sent: 40, ends: [40].into(), ..Passed::default() }];
    let mut shrinking = Shrinking::new(plan, &passed).unwrap();
    let (mut last, mut plays) = (cuts_of(plan, &passed), 0);
    while let Some(next) = shrinking.next(PATIENCE) {
        plays += 1;
        let cuts: Vec<u64> = next.named_cuts().iter().map(|cut| cut.at).collect();
        let failed = takes.iter().all(|cut| cuts.contains(cut));
        if failed {
            last = next.named_cuts().to_vec();
        }
        shrinking.note(&next, failed, took);
    }
    (last.iter().map(|cut| cut.at).collect(), plays)
}

#[test]
fn what_is_left_are_the_cuts_that_it_takes() {
    for takes in [&[7][..], &[7, 8], &[1, 20, 39], &[2, 3, 5, 7, 11]] {
        assert_eq!(shrink(&Plan::reads(1), takes, Duration::ZERO).0, takes);
        assert_eq!(shrink(&Plan::cuts((1..40).map(|at| Cut { connection: 1, at })), takes, Duration::ZERO).0, takes);
    }
}

#[test]
fn it_ends_where_each_try_takes_long() {
    let (left, plays) = shrink(&Plan::reads(1), &[7], Duration::from_secs(1));
    assert!(left.contains(&7) && left.len() > 1, "{left:?}");
    assert!(plays < 8, "{plays}");
}

#[test]
fn a_plan_that_does_not_fail_again_is_given_up() {
    let passed = [Passed { sent: 40, ends: [40].into(), ..Passed::default() }];
    let mut shrinking = Shrinking::new(&Plan::reads(1).writes(1), &passed).unwrap();
    for writes in [false, true] {
        // First without what it does to the writes of the client.
        let next = shrinking.next(PATIENCE).unwrap();
        assert_eq!(next.to_string().contains("writes"), writes, "{next}");
        shrinking.note(&next, false, Duration::ZERO);
    }
    assert!(shrinking.next(PATIENCE).is_none());
}
