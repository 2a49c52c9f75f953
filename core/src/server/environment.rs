//! What the environment says.

use core::fmt;
use std::ffi::{OsStr, OsString};
use std::sync::OnceLock;

/// A variable of the environment. It is read once: each server asks, and it says the same to all servers of a process.
pub(super) struct Variable {
    name: &'static str,
    value: OnceLock<Option<OsString>>,
}

impl Variable {
    pub(super) const fn new(name: &'static str) -> Self {
        Self { name, value: OnceLock::new() }
    }

    /// Returns what it is set to, if that is anything.
    pub(super) fn get(&self) -> Option<&OsStr> {
        let read = || std::env::var_os(self.name).filter(|value| !value.is_empty());
        self.value.get_or_init(read).as_deref()
    }
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

#[cfg(test)]
mod tests;
