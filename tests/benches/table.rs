//! A table of cases that are compared.
//!
//! Each round runs every case once, and a ratio is taken within a round: what else the machine does then hits both sides. The usual
//! harnesses (criterion, divan) measure one case to its end before the next; between the two, a machine that others use as well
//! changes more than what is to be told apart here.

use crate::harness::{Plan, median};
use std::fmt;

type Run = Box<dyn FnMut(usize) -> f64>;

/// Cases that do the same.
pub(crate) struct Table {
    name: String,
    title: String,
    unit: Unit,
    cases: Vec<Case>,
    goals: Vec<Goal>,
    /// Whether one round tells all.
    once: bool,
}

/// What is measured in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unit {
    Micros,
    Nanos,
    Bytes,
}

struct Case {
    name: String,
    /// How often it is run in a round.
    count: usize,
    run: Run,
    /// What came of it in each round.
    values: Vec<f64>,
}

/// What the value of a case is to be, or how it is to compare with another.
struct Goal {
    case: usize,
    against: Against,
    must: f64,
    aim: f64,
}

#[derive(Clone, Copy)]
enum Against {
    /// So many times as long as the other, at most.
    Time(usize),
    /// So many times as fast as the other, at least.
    Speed(usize),
    /// At most so much.
    Value,
}

impl Table {
    pub(crate) fn new(name: impl Into<String>, title: impl Into<String>, unit: Unit) -> Self {
        Self { name: name.into(), title: title.into(), unit, cases: Vec::new(), goals: Vec::new(), once: false }
    }

    /// Has the cases be run once: what they measure does not vary, or only the first time is worth anything.
    pub(crate) fn once(mut self) -> Self {
        self.once = true;
        self
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Adds a case. `run` does the same so often as it is told, `count` times in a round, and returns what one takes.
    pub(crate) fn case(&mut self, name: impl Into<String>, count: usize, run: impl FnMut(usize) -> f64 + 'static) {
        self.cases.push(Case { name: name.into(), count, run: Box::new(run), values: Vec::new() });
    }

    /// Wants a case to take at most so many times as long as another. Infinity is no limit.
    pub(crate) fn time(&mut self, case: &str, over: &str, must: f64, aim: f64) {
        let (case, over) = (self.find(case), self.find(over));
        self.goals.push(Goal { case, against: Against::Time(over), must, aim });
    }

    /// Wants a case to be at least so many times as fast as another.
    pub(crate) fn speed(&mut self, case: &str, over: &str, must: f64, aim: f64) {
        let (case, over) = (self.find(case), self.find(over));
        self.goals.push(Goal { case, against: Against::Speed(over), must, aim });
    }

    /// Wants a case to come to so much at most.
    pub(crate) fn limit(&mut self, case: &str, must: f64, aim: f64) {
        let case = self.find(case);
        self.goals.push(Goal { case, against: Against::Value, must, aim });
    }

    fn find(&self, name: &str) -> usize {
        self.cases.iter().position(|case| case.name == name).expect("a goal is for a case of its table")
    }

    /// Measures, and prints what came of it.
    pub(crate) fn measure(&mut self, plan: &Plan) {
        for round in 0..if self.once { 1 } else { plan.rounds() } {
            // Nobody is always behind the same.
            for turn in 0..self.cases.len() {
                let case = (round + turn) % self.cases.len();
                let case = &mut self.cases[case];
                let value = (case.run)(plan.count(case.count));
                case.values.push(value);
            }
        }
        if plan.quick {
            println!("{}: {} cases work", self.name, self.cases.len());
        } else {
            println!("{self}");
        }
    }

    /// Runs the case of this name, if it is in this table.
    pub(crate) fn exercise(&mut self, name: &str, count: usize) -> bool {
        let Some(case) = name.strip_prefix(&*self.name).and_then(|rest| rest.strip_prefix('/')) else { return false };
        let Some(case) = self.cases.iter_mut().find(|it| it.name == case) else { return false };
        (case.run)(count);
        true
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.cases.iter().map(|case| case.name.len()).max().unwrap_or(0).max(36);
        let rounds = self.cases.first().map_or(0, |case| case.values.len());
        writeln!(f, "{}: {}", self.name, self.title)?;
        writeln!(f, "  {:width$}  {:>10}  {:>21}", "", "median", format!("middle half of {rounds}"))?;
        for case in &self.cases {
            let Spread { low, median, high } = Spread::of(case.values.clone());
            let (median, low, high) = (self.unit.show(median), self.unit.show(low), self.unit.show(high));
            writeln!(f, "  {:width$}  {median:>10}  {:>21}", case.name, format!("{low}..{high}"))?;
        }
        for goal in &self.goals {
            goal.show(self, f)?;
        }
        Ok(())
    }
}

impl Goal {
    fn show(&self, table: &Table, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let case = &table.cases[self.case];
        let with = |other: usize, ratio: fn(f64, f64) -> f64| {
            let pairs = case.values.iter().zip(&table.cases[other].values);
            Spread::of(pairs.map(|(&own, &other)| ratio(own, other)).collect())
        };
        let (what, spread, least) = match self.against {
            Against::Time(over) => {
                (format!("/ {}", table.cases[over].name), with(over, |own, other| own / other), false)
            }
            Against::Speed(over) => {
                (format!("speed / {}", table.cases[over].name), with(over, |own, other| other / own), true)
            }
            Against::Value => {
                let Spread { low, median, high } = Spread::of(case.values.clone());
                let scale = table.unit.scale();
                (
                    table.unit.name().into(),
                    Spread { low: low / scale, median: median / scale, high: high / scale },
                    false,
                )
            }
        };
        let Spread { low, median, high } = spread;
        let sign = if least { ">=" } else { "<=" };
        let verdict = |goal: f64| if (median <= goal) != least || median == goal { "met" } else { "MISSED" };
        let (must, aim) = (self.must, self.aim);
        writeln!(f, "  > {} {what}: {median:.3} ({low:.3}..{high:.3})", case.name)?;
        // Of some it is enough to come near.
        let must = if must.is_finite() { format!("must {sign} {must}: {}   ", verdict(must)) } else { String::new() };
        writeln!(f, "      {must}aim {sign} {aim}: {}", verdict(aim))
    }
}

/// The middle of some values, and the half of them around it.
struct Spread {
    low: f64,
    median: f64,
    high: f64,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Self {
        let median = median(&mut values);
        let quarter = values.len() / 4;
        Self { low: values[quarter], median, high: values[values.len() - 1 - quarter] }
    }
}

impl Unit {
    fn scale(self) -> f64 {
        match self {
            Self::Micros => 1e3,
            Self::Nanos | Self::Bytes => 1.0,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Micros => "us",
            Self::Nanos => "ns",
            Self::Bytes => "B",
        }
    }

    fn show(self, value: f64) -> String {
        let value = value / self.scale();
        let digits = if value < 100.0 { 2 } else { 0 };
        format!("{value:.digits$} {}", self.name())
    }
}
