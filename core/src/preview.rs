//! Bytes in one line: text where most of them read as text, else hexadecimal.

use crate::framing::Grouped;
use core::fmt;

/// The longest run of bytes that one line shows.
pub(crate) const LIMIT: usize = 64;

/// The longest run of bytes that is shown in hexadecimal, where each takes three columns.
const HEX_LIMIT: usize = 16;

/// The first bytes of `total` many, for one line of a report: `"Hello\r\n"`, `[00 ff 10]`, `"aaaa"...`.
pub(crate) struct Preview<'a> {
    head: &'a [u8],
    total: u64,
}

impl<'a> Preview<'a> {
    /// Shows all of `bytes`, cut to what fits a line.
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        Self::head_of(bytes, bytes.len() as u64)
    }

    /// Shows `head`, the beginning of `total` bytes.
    pub(crate) fn head_of(head: &'a [u8], total: u64) -> Self {
        Self { head: &head[..head.len().min(LIMIT)], total }.whole()
    }

    /// Returns how many bytes of the head are shown as text. There are none if it reads better in hexadecimal.
    fn text_len(&self) -> usize {
        let (mut len, mut readable, mut text_len) = (0, 0, 0);
        for unit in units(self.head) {
            len += unit.len();
            readable += if unit.is_readable() { unit.len() } else { 0 };
            // A few bytes are text as a whole or not at all: any number may look like a letter.
            let enough = if len < 4 { readable == len } else { 3 * readable >= 2 * len };
            text_len = if enough { len } else { text_len };
        }
        let as_much_as_in_hexadecimal = text_len >= HEX_LIMIT;
        if text_len == len || as_much_as_in_hexadecimal { text_len } else { 0 }
    }

    /// Returns the head without a last character that the cut went through.
    fn whole(mut self) -> Self {
        if let Some(last) = self.head.utf8_chunks().last().filter(|_| self.is_cut()) {
            let incomplete = core::str::from_utf8(last.invalid()).is_err_and(|error| error.error_len().is_none());
            self.head = &self.head[..self.head.len() - if incomplete { last.invalid().len() } else { 0 }];
        }
        self
    }

    fn is_cut(&self) -> bool {
        (self.head.len() as u64) < self.total
    }
}

/// What text is made of.
enum Unit {
    Char(char),
    /// A byte that is no part of a character.
    Byte(u8),
}

fn units(bytes: &[u8]) -> impl Iterator<Item = Unit> {
    bytes
        .utf8_chunks()
        .flat_map(|chunk| chunk.valid().chars().map(Unit::Char).chain(chunk.invalid().iter().copied().map(Unit::Byte)))
}

impl Unit {
    fn len(&self) -> usize {
        match self {
            Self::Char(c) => c.len_utf8(),
            Self::Byte(_) => 1,
        }
    }

    fn is_readable(&self) -> bool {
        matches!(self, Self::Char(c) if !c.is_control() || matches!(c, '\r' | '\n' | '\t'))
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Char('\'') => f.write_str("'"),
            Self::Char(c) if c.is_ascii_control() && !matches!(c, '\0' | '\r' | '\n' | '\t') => {
                write!(f, "\\x{:02x}", u32::from(c))
            }
            Self::Char(c) => write!(f, "{}", c.escape_debug()),
            Self::Byte(byte) => write!(f, "\\x{byte:02x}"),
        }
    }
}

impl fmt::Display for Preview<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = match self.text_len() {
            0 if !self.head.is_empty() => {
                let head = &self.head[..self.head.len().min(HEX_LIMIT)];
                f.write_str("[")?;
                for (i, byte) in head.iter().enumerate() {
                    write!(f, "{}{byte:02x}", if i == 0 { "" } else { " " })?;
                }
                f.write_str("]")?;
                head.len()
            }
            len => {
                f.write_str("\"")?;
                units(&self.head[..len]).try_for_each(|unit| write!(f, "{unit}"))?;
                f.write_str("\"")?;
                len
            }
        };
        if (shown as u64) < self.total { f.write_str("...") } else { Ok(()) }
    }
}

/// A number of bytes in words: `1 byte`, `1,048,576 bytes`.
pub(crate) struct Count(pub(crate) u64);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", Grouped(self.0), if self.0 == 1 { "byte" } else { "bytes" })
    }
}

#[cfg(test)]
mod tests;
