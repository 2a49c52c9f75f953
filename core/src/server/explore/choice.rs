//! Which plans are played of all that there are.

use crate::server::memory::Passed;
use crate::server::plan::{Cut, Plan, mix};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

/// The most plans with several cuts.
const SEVERAL: usize = 100;

/// So many places to cut are few: all ways to cut there are played.
const FEW: usize = 7;

/// The window through which clients write.
const WINDOW: usize = 3;

/// The most turns that it may take to have a conversation pass in pieces of the same size: in longer ones, the pieces are larger.
const TURNS: u64 = 4096;

/// The plans that are played behind the first, chosen for what has passed in that.
pub(super) struct Choice {
    /// In the order of their cuts, more or less.
    pub(super) plans: Vec<Plan>,
    /// At how many places there is a plan that cuts there alone, and how many places there are.
    pub(super) single_cuts: usize,
    pub(super) cut_points: u64,
}

/// Where a conversation can be cut.
struct Places<'a> {
    passed: &'a [Passed],
    count: u64,
}

impl Choice {
    /// Chooses no more than so many plans; of too many by chance, which is always the same for the same seed.
    pub(super) fn new(passed: &[Passed], most: usize, seed: u64) -> Self {
        let places = Places::of(passed);
        let pieces = |bytes: u64| bytes.div_ceil(TURNS).max(1);
        let written: u64 = passed.iter().map(|passed| passed.written).sum();
        let piece = usize::try_from(pieces(written)).unwrap_or(usize::MAX);
        let reads = Plan::reads(pieces(passed.iter().map(|passed| passed.sent).sum()));

        // What is worth most comes first, should there be no room for more.
        let mut simple = Vec::new();
        if passed.iter().any(|passed| passed.ends.len() > 1) {
            simple.push(Plan::COALESCED);
        }
        if places.count > 0 {
            simple.push(reads.clone());
        }
        if written > 1 {
            simple.extend([Plan::WHOLE.writes(piece), Plan::COALESCED.window(WINDOW.max(piece))]);
            if places.count > 0 {
                simple.extend([reads.clone().writes(piece), reads.window(WINDOW.max(piece))]);
            }
        }
        simple.truncate(most);

        let left = most - simple.len();
        let points = usize::try_from(places.count).unwrap_or(usize::MAX);
        let (singles, several) = if points <= FEW {
            let singles = places.sample(points.min(left), seed);
            let several = ways(&singles);
            (singles, several)
        } else {
            let several = SEVERAL.min(left / 10).max(SEVERAL.min(left.saturating_sub(points)));
            let random =
                (0..several as u64).map(|number| Plan::random(seed.wrapping_mul(SEVERAL as u64).wrapping_add(number)));
            let several = random.zip([0, 1, 2].into_iter().cycle()).map(|(plan, turn)| match turn {
                1 if written > 1 => plan.writes(piece),
                2 if written > 1 => plan.window(WINDOW.max(piece)),
                _ => plan,
            });
            let several: Vec<Plan> = several.collect();
            (places.sample(points.min(left - several.len()), seed), several)
        };
        let single_cuts = singles.len();
        let several = several.into_iter().take(left - single_cuts);
        let (even, small): (Vec<Plan>, Vec<Plan>) = simple.into_iter().partition(Plan::leaves_sends);
        let singles = singles.into_iter().map(|cut| Plan::cuts([cut]));
        let plans = even.into_iter().chain(singles).chain(several).chain(small).collect();
        Self { plans, single_cuts, cut_points: places.count }
    }
}

impl<'a> Places<'a> {
    fn of(passed: &'a [Passed]) -> Self {
        Self { passed, count: passed.iter().map(|passed| passed.sent.saturating_sub(1)).sum() }
    }

    fn all(&self) -> impl Iterator<Item = Cut> {
        (1..).zip(self.passed).flat_map(|(connection, passed)| (1..passed.sent).map(move |at| Cut { connection, at }))
    }

    /// Returns the place with this number, from 0 on.
    fn get(&self, number: u64) -> Option<Cut> {
        let mut before = 0;
        (1..).zip(self.passed).find_map(|(connection, passed)| {
            let at = number - before + 1;
            before += passed.sent.saturating_sub(1);
            (number < before).then_some(Cut { connection, at })
        })
    }

    /// Chooses so many places: the ends of sends first, then those beside them, then others by chance.
    fn sample(&self, most: usize, seed: u64) -> Vec<Cut> {
        if self.count <= most as u64 {
            return self.all().collect();
        }
        let near = [0, -1, 1].into_iter().flat_map(|step| {
            (1..).zip(self.passed).flat_map(move |(connection, passed)| {
                let cuts = passed.ends.iter().map(move |end| Cut { connection, at: end.saturating_add_signed(step) });
                cuts.filter(|cut| (1..passed.sent).contains(&cut.at))
            })
        });
        let mut chance = mix(seed);
        let others = core::iter::repeat_with(|| {
            chance = mix(chance);
            self.get(chance % self.count)
        });
        let mut known = BTreeSet::new();
        near.chain(others.flatten()).filter(|cut| known.insert(*cut)).take(most).collect()
    }
}

/// Returns the plans with several of these cuts and not all, those with fewer first.
fn ways(cuts: &[Cut]) -> Vec<Plan> {
    let mut ways: Vec<u32> = (0..1 << cuts.len()).collect();
    ways.sort_by_key(|way| way.count_ones());
    ways.retain(|way| (2..cuts.len()).contains(&(way.count_ones() as usize)));
    let chosen = |way: u32| cuts.iter().enumerate().filter(move |(bit, _)| way >> bit & 1 == 1).map(|(_, cut)| *cut);
    ways.into_iter().map(|way| Plan::cuts(chosen(way))).collect()
}

#[cfg(test)]
mod tests;
