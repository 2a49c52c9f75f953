//! How a measurement is planned and timed.

use std::time::Instant;

/// What the command line asks for.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Only the tables whose names begin with one of these, if there are any.
    only: Vec<String>,
    /// Whether each case is only to be seen working.
    pub(crate) quick: bool,
    /// One case, and how often to run it.
    pub(crate) exercise: Option<(String, usize)>,
    /// Whether this process was launched to measure.
    pub(crate) launched: bool,
}

impl Plan {
    /// The word that a launched process gets.
    pub(crate) const LAUNCHED: &'static str = "--launched";
    pub(crate) const QUICK: &'static str = "--quick";
    /// The number of rounds of a table. It is odd, so that the median is one of them.
    const ROUNDS: usize = 9;

    pub(crate) fn from_args() -> Self {
        let mut plan = Self { only: Vec::new(), quick: true, exercise: None, launched: false };
        let mut quick = false;
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            match &*arg {
                // `cargo bench` says so; without it, as from `cargo test --benches`, nobody wants figures.
                "--bench" => plan.quick = false,
                Self::QUICK => quick = true,
                Self::LAUNCHED => plan.launched = true,
                "--exercise" => {
                    let name = args.next().expect("--exercise: the name of a case");
                    let count = args.next().and_then(|count| count.parse().ok()).expect("--exercise: how often");
                    plan.exercise = Some((name, count));
                }
                _ if arg.starts_with('-') => panic!("there is no option {arg}"),
                _ => plan.only.push(arg),
            }
        }
        plan.quick |= quick;
        plan
    }

    /// Says whether any of the tables is wanted whose names begin so.
    pub(crate) fn wants(&self, group: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only.starts_with(group) || group.starts_with(&**only))
    }

    pub(crate) fn wants_table(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| name.starts_with(&**only))
    }

    pub(crate) fn rounds(&self) -> usize {
        if self.quick { 1 } else { Self::ROUNDS }
    }

    /// Returns how often to run what is to be run so often.
    pub(crate) fn count(&self, full: usize) -> usize {
        if self.quick { (full / 100).max(1) } else { full }
    }
}

/// Returns the median; of an even number of values, the upper one of the two.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Returns the nanoseconds that one of so many turns takes, as a median: a turn into which the scheduler came does not count.
pub(crate) fn each(count: usize, mut turn: impl FnMut()) -> f64 {
    let mut samples = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        turn();
        samples.push(nanos(start));
    }
    median(&mut samples)
}

/// As [`each`], on the runtime that polls this.
pub(crate) async fn each_async(count: usize, mut turn: impl AsyncFnMut()) -> f64 {
    let mut samples = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        turn().await;
        samples.push(nanos(start));
    }
    median(&mut samples)
}

#[expect(clippy::cast_precision_loss, reason = "no measurement takes months")]
pub(crate) fn nanos(since: Instant) -> f64 {
    since.elapsed().as_nanos() as f64
}
