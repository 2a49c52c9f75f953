//! A failed script, as a value.

use crate::report::Report;
use alloc::boxed::Box;
use core::fmt;
use core::ops::Deref;

/// What `try_join` and `try_finish` return if the script has failed: the [`Report`], as an error.
///
/// Both `Display` and `Debug` give the whole text, so that `unwrap` and `?` show it.
#[derive(Clone)]
pub struct Failure {
    report: Box<Report>,
}

impl Failure {
    pub(crate) fn new(report: Report) -> Self {
        Self { report: Box::new(report) }
    }

    /// Returns the report.
    pub fn report(&self) -> &Report {
        &self.report
    }
}

impl Deref for Failure {
    type Target = Report;

    fn deref(&self) -> &Report {
        &self.report
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.report.fmt(f)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{}", self.report)
    }
}

impl core::error::Error for Failure {}
