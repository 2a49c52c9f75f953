//! How TCP might deliver a conversation: where it cuts what the client reads, and how much it takes of what the client writes.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

/// A way to deliver the bytes of a conversation in memory, with a short text that names it: see [`Builder::plan`](super::Builder::plan).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    delivery: Delivery,
    writes: Writes,
}

/// A place at which what a client reads is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cut {
    /// The connection, counted from 1.
    pub(super) connection: u64,
    /// The number of bytes before it.
    pub(super) at: u64,
}

/// So many bytes from the beginning of a connection are cut at random as often as anywhere.
const DENSE: u64 = 1024;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Delivery {
    /// Each send by itself.
    Whole,
    /// Sends with nothing between them in one read.
    Coalesced,
    /// So many bytes at a time.
    Pieces(u64),
    /// As coalesced, but with these cuts, which are in order.
    Cuts(Vec<Cut>),
    /// As coalesced, but with cuts that this number stands for.
    Random(u64),
}

/// How the client's writes are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writes {
    Whole,
    /// So many bytes at a time.
    Pieces(usize),
    /// No more than so many bytes before the server has read them.
    Window(usize),
}

impl Plan {
    pub(super) const WHOLE: Self = Self { delivery: Delivery::Whole, writes: Writes::Whole };
    pub(super) const COALESCED: Self = Self { delivery: Delivery::Coalesced, writes: Writes::Whole };

    /// So many bytes come in one read, at most; at least one does.
    pub(super) fn reads(bytes: u64) -> Self {
        Self { delivery: Delivery::Pieces(bytes.max(1)), ..Self::COALESCED }
    }

    /// Cuts sends that come together here, and nowhere else.
    pub(super) fn cuts(cuts: impl IntoIterator<Item = Cut>) -> Self {
        let mut cuts: Vec<Cut> = cuts.into_iter().collect();
        cuts.sort_unstable();
        cuts.dedup();
        let delivery = if cuts.is_empty() { Delivery::Coalesced } else { Delivery::Cuts(cuts) };
        Self { delivery, ..Self::COALESCED }
    }

    /// Cuts sends that come together, always in the same places for the same number.
    pub(super) const fn random(seed: u64) -> Self {
        Self { delivery: Delivery::Random(seed), ..Self::COALESCED }
    }

    /// The same, with so many bytes of a client's write taken at a time; at least one is.
    pub(super) fn writes(self, bytes: usize) -> Self {
        Self { writes: Writes::Pieces(bytes.max(1)), ..self }
    }

    /// The same, with no more than so many bytes of the client under way; at least one may be.
    pub(super) fn window(self, bytes: usize) -> Self {
        Self { writes: Writes::Window(bytes.max(1)), ..self }
    }

    /// The same for writes, with these cuts and no others.
    pub(super) fn with_cuts(&self, cuts: impl IntoIterator<Item = Cut>) -> Self {
        Self { writes: self.writes, ..Self::cuts(cuts) }
    }

    /// Returns the first cut behind `from` if there is one before `to`, else `to`. What is cut was sent in pieces with these ends.
    pub(super) fn next_cut(&self, connection: u64, from: u64, to: u64, ends: &[u64]) -> u64 {
        let next = match &self.delivery {
            Delivery::Whole => ends.get(ends.partition_point(|end| *end <= from)).copied(),
            Delivery::Coalesced => None,
            Delivery::Pieces(bytes) => Some((from / bytes).saturating_add(1).saturating_mul(*bytes)),
            Delivery::Cuts(cuts) => {
                let next = cuts.partition_point(|cut| *cut <= Cut { connection, at: from });
                cuts.get(next).filter(|cut| cut.connection == connection).map(|cut| cut.at)
            }
            // Some seeds cut often, some seldom; and all of them the more seldom the further they are: a long conversation is to have an end.
            Delivery::Random(seed) => {
                let (chance, one_in) = (mix(mix(*seed) ^ connection), 2 << (seed % 6));
                (from + 1..to).find(|at| mix(chance ^ at) % (one_in * (1 + at / DENSE)) == 0)
            }
        };
        next.map_or(to, |cut| cut.min(to))
    }

    /// Says whether what a connection's client reads is cut behind so many bytes.
    pub(super) fn is_cut(&self, cut: Cut, ends: &[u64]) -> bool {
        cut.at > 0 && self.next_cut(cut.connection, cut.at - 1, cut.at + 1, ends) == cut.at
    }

    /// Returns the cuts that the plan names.
    pub(super) fn named_cuts(&self) -> &[Cut] {
        if let Delivery::Cuts(cuts) = &self.delivery { cuts } else { &[] }
    }

    /// Says whether the plan has no cuts but those at the ends of sends.
    pub(super) fn leaves_sends(&self) -> bool {
        matches!(self.delivery, Delivery::Whole | Delivery::Coalesced)
    }

    /// Returns how much of a client's write is taken at a time, with so many bytes under way.
    pub(super) fn most_written(&self, under_way: usize) -> usize {
        match self.writes {
            Writes::Whole => usize::MAX,
            Writes::Pieces(bytes) => bytes,
            // If it was full the server has had a turn since, and does not read: as in a kernel, there is more room than this.
            Writes::Window(bytes) => {
                if under_way < bytes {
                    bytes - under_way
                } else {
                    bytes
                }
            }
        }
    }
}

/// Returns a number that looks like no other's (the finalizer of `SplitMix64`).
#[expect(clippy::unreadable_literal, reason = "they are known so")]
pub(super) const fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e3779b97f4a7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58476d1ce4e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d049bb133111eb);
    number ^ (number >> 31)
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.delivery {
            Delivery::Whole => f.write_str("whole")?,
            Delivery::Coalesced => f.write_str("coalesced")?,
            Delivery::Pieces(bytes) => write!(f, "reads {bytes}")?,
            Delivery::Cuts(cuts) => {
                f.write_str("cut")?;
                for cut in cuts {
                    match cut.connection {
                        1 => write!(f, " {}", cut.at)?,
                        connection => write!(f, " {connection}:{}", cut.at)?,
                    }
                }
            }
            Delivery::Random(seed) => write!(f, "random {seed}")?,
        }
        match self.writes {
            Writes::Whole => Ok(()),
            Writes::Pieces(bytes) => write!(f, ", writes {bytes}"),
            Writes::Window(bytes) => write!(f, ", window {bytes}"),
        }
    }
}

impl FromStr for Plan {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = |reason: &str| format!("{text:?} is no delivery plan: {reason}");
        let mut parts = text.split(',');
        let delivery: Vec<&str> = parts.next().unwrap_or_default().split_whitespace().collect();
        let plan = match delivery[..] {
            ["whole"] => Some(Self::WHOLE),
            ["coalesced"] => Some(Self::COALESCED),
            ["reads", bytes] => number(bytes).map(Self::reads),
            ["random", seed] => seed.parse().ok().map(Self::random),
            ["cut", _, ..] => delivery[1..].iter().map(|word| cut(word)).collect::<Option<Vec<Cut>>>().map(Self::cuts),
            _ => None,
        };
        let plan = plan.ok_or_else(|| {
            error("it begins with `whole`, `coalesced`, `reads 1`, `cut 7 12` or `random 5`, with other numbers from 1 on, if need be")
        })?;
        let Some(writes) = parts.next() else { return Ok(plan) };
        let writes: Vec<&str> = writes.split_whitespace().collect();
        let plan = match (&writes[..], parts.next()) {
            (["writes", bytes], None) => number(bytes).map(|bytes| plan.writes(bytes)),
            (["window", bytes], None) => number(bytes).map(|bytes| plan.window(bytes)),
            _ => None,
        };
        plan.ok_or_else(|| error("behind the comma stands `writes 1` or `window 3`, with another number from 1 on, if need be; between cuts stands a space"))
    }
}

/// Reads a number from 1 on.
fn number<T: FromStr + Default + PartialEq>(word: &str) -> Option<T> {
    let digits = word.bytes().all(|byte| byte.is_ascii_digit());
    word.parse().ok().filter(|number| digits && *number != T::default())
}

/// Reads a cut: of the first connection where nothing else is said.
fn cut(word: &str) -> Option<Cut> {
    let (connection, at) = word.split_once(':').unwrap_or(("1", word));
    Some(Cut { connection: number(connection)?, at: number(at)? })
}

#[cfg(test)]
mod tests;
