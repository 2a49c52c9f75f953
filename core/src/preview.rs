//! Bytes in one line: text where they read as text, else hexadecimal.

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
        Self { head: &head[..head.len().min(LIMIT)], total }
    }

    /// Returns the head as text if it reads as such. A character that the cut went through is left out.
    fn text(&self) -> Option<&'a str> {
        let text = match core::str::from_utf8(self.head) {
            Ok(text) => text,
            Err(error) if error.error_len().is_none() && self.is_cut() => {
                core::str::from_utf8(&self.head[..error.valid_up_to()]).unwrap_or_default()
            }
            Err(_) => return None,
        };
        let readable = |c: char| !c.is_control() || matches!(c, '\r' | '\n' | '\t');
        text.chars().all(readable).then_some(text)
    }

    fn is_cut(&self) -> bool {
        (self.head.len() as u64) < self.total
    }
}

impl fmt::Display for Preview<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = if let Some(text) = self.text() {
            write!(f, "{text:?}")?;
            self.head.len()
        } else {
            let head = &self.head[..self.head.len().min(HEX_LIMIT)];
            f.write_str("[")?;
            for (i, byte) in head.iter().enumerate() {
                write!(f, "{}{byte:02x}", if i == 0 { "" } else { " " })?;
            }
            f.write_str("]")?;
            head.len()
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
