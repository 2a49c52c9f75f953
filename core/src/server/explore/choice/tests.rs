use super::{Choice, Places, TURNS};
use crate::server::memory::Passed;
use crate::server::plan::Plan;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

fn texts(choice: &Choice) -> Vec<String> {
    choice.plans.iter().map(Plan::to_string).collect()
}

#[test]
fn a_long_conversation_goes_in_larger_pieces() {
    let sent = 1000 * TURNS;
    let passed = [Passed { sent, ends: [sent].into(), written: 3 * TURNS, ..Passed::default() }];
    let texts = texts(&Choice::new(&passed, 1000, 0));
    for text in ["reads 1000", "whole, writes 3", "reads 1000, window 3", "random 1, writes 3"] {
        assert!(texts.iter().any(|other| other == text), "{text}: {texts:?}");
    }
}

#[test]
fn of_many_places_those_at_the_ends_of_sends_come_first() {
    let passed = [Passed { sent: 10_000, ends: [5000, 10_000].into(), ..Passed::default() }];
    let choice = Choice::new(&passed, 100, 0);
    let texts = texts(&choice);
    let first = texts.iter().position(|text| text.starts_with("cut ")).unwrap();
    assert_eq!(texts[first..first + 4], ["cut 5000", "cut 4999", "cut 9999", "cut 5001"]);
    assert_eq!((choice.plans.len(), choice.cut_points), (100, 9999));
}

#[test]
fn places_are_chosen_by_chance_on_all_connections() {
    let passed = [10_000, 0, 1, 20_000].map(|sent| Passed { sent, ..Passed::default() });
    let places = Places::of(&passed);
    let all: Vec<_> = places.all().collect();
    assert_eq!(all.len(), 29_998);
    for number in [0, 1, 9998, 9999, 10_000, 29_997] {
        assert_eq!(places.get(number), Some(all[number as usize]), "{number}");
    }
    assert_eq!(places.get(29_998), None);
    let sample = places.sample(100, 0);
    assert_eq!(sample.len(), 100);
    assert!(sample.iter().all(|cut| all.contains(cut)));
    assert!([1, 4].iter().all(|&connection| sample.iter().any(|cut| cut.connection == connection)), "{sample:?}");
}
