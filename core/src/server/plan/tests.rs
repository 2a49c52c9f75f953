use super::{Cut, Plan};
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

fn plan(text: &str) -> Plan {
    text.parse().unwrap()
}

fn cuts_at<const N: usize>(cuts: [(u64, u64); N]) -> Plan {
    Plan::cuts(cuts.map(|(connection, at)| Cut { connection, at }))
}

#[test]
fn a_plan_is_its_text() {
    for (text, expected) in [
        ("whole", Plan::WHOLE),
        ("coalesced", Plan::COALESCED),
        ("reads 1", Plan::reads(1)),
        ("cut 7", cuts_at([(1, 7)])),
        ("cut 7 12 2:5", cuts_at([(2, 5), (1, 12), (1, 7), (1, 7)])),
        ("random 0", Plan::random(0)),
        ("random 18446744073709551615", Plan::random(u64::MAX)),
        ("whole, writes 1", Plan::WHOLE.writes(1)),
        ("cut 7, window 3", cuts_at([(1, 7)]).window(3)),
    ] {
        assert_eq!(plan(text), expected);
        assert_eq!(expected.to_string(), text);
    }
    assert_eq!(plan("  cut 12   7 1:7 ,writes  2 "), cuts_at([(1, 7), (1, 12)]).writes(2));
    assert_eq!(cuts_at([]), Plan::COALESCED);
}

#[test]
fn what_is_no_plan_says_what_one_is() {
    let reason = "it begins with `whole`, `coalesced`, `reads 1`, `cut 7 12` or `random 5`, with other numbers from 1 on, if need be";
    for text in [
        "",
        "hole",
        "whole 1",
        "reads",
        "reads 0",
        "reads 2:1",
        "reads 1 2",
        "cut",
        "cut 0",
        "cut 0:1",
        "cut 1:0",
        "cut x",
        "cut 18446744073709551616",
        "cut -1",
        "cut +1",
        "random",
        "random x",
    ] {
        assert_eq!(text.parse::<Plan>().unwrap_err(), format!("{text:?} is no delivery plan: {reason}"));
    }
    let reason = "behind the comma stands `writes 1` or `window 3`, with another number from 1 on, if need be; between cuts stands a space";
    for text in
        ["whole,", "cut 7,12", "whole, writes", "whole, writes 0", "whole, window 1 2", "whole, writes 1, window 1"]
    {
        assert_eq!(text.parse::<Plan>().unwrap_err(), format!("{text:?} is no delivery plan: {reason}"));
    }
}

/// Returns the cuts of a plan in what the first connection is sent: so many bytes, in sends with these ends.
fn cuts(plan: &Plan, len: u64, ends: &[u64]) -> Vec<u64> {
    let mut cuts = Vec::new();
    let mut from = 0;
    while from < len {
        from = plan.next_cut(1, from, len, ends);
        cuts.push(from);
    }
    let is_cut = |at: &u64| plan.is_cut(Cut { connection: 1, at: *at }, ends);
    let expected: Vec<u64> = (0..len).filter(is_cut).chain([len]).collect();
    assert_eq!(cuts, expected, "{plan}");
    cuts
}

#[test]
fn a_plan_says_where_reads_end() {
    let ends = [4, 9];
    assert_eq!(cuts(&plan("whole"), 9, &ends), [4, 9]);
    assert_eq!(cuts(&plan("coalesced"), 9, &ends), [9]);
    assert_eq!(cuts(&plan("reads 1"), 4, &ends), [1, 2, 3, 4]);
    assert_eq!(cuts(&plan("reads 4"), 9, &ends), [4, 8, 9]);
    assert_eq!(cuts(&plan("cut 2 7 2:3"), 9, &ends), [2, 7, 9]);
    assert_eq!(plan("cut 2 2:3").next_cut(2, 0, 9, &ends), 3);
    assert_eq!(plan("cut 2 2:3").next_cut(3, 0, 9, &ends), 9);
    assert_eq!(plan("reads 18446744073709551615").next_cut(1, 0, 9, &ends), 9);
}

#[test]
fn random_cuts_are_those_of_the_seed() {
    let all: Vec<Vec<u64>> = (0..100).map(|seed| cuts(&Plan::random(seed), 200, &[])).collect();
    assert_eq!(all, (0..100).map(|seed| cuts(&Plan::random(seed), 200, &[])).collect::<Vec<_>>());
    let number = |seed: usize| all.iter().skip(seed).step_by(6).map(Vec::len).sum::<usize>() / 16;
    assert!((80..120).contains(&number(0)), "every second byte: {}", number(0));
    assert!((2..6).contains(&number(5)), "every 64th byte: {}", number(5));
}

#[test]
fn a_long_conversation_is_cut_at_random_no_more_often_than_it_can_bear() {
    for seed in 0..6 {
        let cuts = cuts(&Plan::random(seed), 4 << 20, &[4 << 20]);
        assert!((100..20_000).contains(&cuts.len()), "{seed}: {}", cuts.len());
        assert!(*cuts.iter().rev().nth(1).unwrap() > 1 << 20, "{seed}: to its end");
    }
}
