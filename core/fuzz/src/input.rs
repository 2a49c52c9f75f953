//! The bytes that a fuzzer gives.

/// Bytes to decide by. Behind the last one come zeros.
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// Returns a number below this one.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::from(self.byte()) % limit
    }

    /// Returns so many bytes at most.
    pub fn take(&mut self, most: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(self.0.len().min(most));
        self.0 = rest;
        taken
    }

    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    /// Returns a short text of few different bytes: such texts are often alike.
    pub fn text(&mut self, most: usize) -> Vec<u8> {
        (0..self.below(most + 1)).map(|_| b"aabbc\r"[self.below(6)]).filter(|byte| *byte != b'\r').collect()
    }
}
