//! What `core/fuzz` does for hours, for a moment: the same harness, with inputs by chance, and those that were found to be worth keeping.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what a test cannot do without may fail it")]

#[path = "../../core/fuzz/src/lib.rs"]
mod harness;

use harness::play::Verdict;
use proptest::collection::vec;
use proptest::prelude::any;
use proptest::test_runner::{Config, TestRunner};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::fs;
use std::path::Path;

/// Checks inputs by chance, and the seeds of the target. Returns how many there were of each result.
fn run<T: Debug>(target: &str, cases: u32, check: impl Fn(&[u8]) -> T) -> BTreeMap<String, u32> {
    let results = RefCell::new(BTreeMap::new());
    let count = |result: T| *results.borrow_mut().entry(format!("{result:?}")).or_insert(0) += 1;
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/fuzz/seeds").join(target);
    for seed in fs::read_dir(&seeds).unwrap_or_else(|error| panic!("{}: {error}", seeds.display())) {
        count(check(&fs::read(seed.unwrap().path()).unwrap()));
    }
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let result = runner.run(&vec(any::<u8>(), 0..120), |bytes| {
        count(check(&bytes));
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    results.into_inner()
}

#[test]
fn framings_cut_what_they_build() {
    let frames = run("framing", 4000, harness::framing::check);
    assert!(frames.len() > 10, "{frames:?}");
}

#[test]
fn patterns_say_what_slices_say() {
    let matches = run("pattern", 4000, harness::pattern::check);
    assert!(matches.len() > 5, "{matches:?}");
}

#[test]
fn a_session_takes_any_call_at_any_time() {
    let failed = run("chaos", 4000, harness::chaos::check);
    assert_eq!(failed.len(), 2, "{failed:?}");
}

#[test]
fn a_session_does_what_the_model_does() {
    let verdicts = run("session", 4000, |bytes| match harness::session::check(bytes) {
        Verdict::Passed => "Passed".to_owned(),
        Verdict::Failed(_, fault) => format!("{fault:?}"),
    });
    // It would prove little if they were all alike.
    assert!(verdicts.len() >= 12, "{verdicts:?}");
}
