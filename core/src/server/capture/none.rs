//! Without the feature there are no captures; whoever wants one is told.

use super::{VARIABLE, folder};
use crate::report::Report;
use crate::server::hub::Hub;
use alloc::format;
use std::io;

/// Nothing can be wanted.
#[derive(Clone, Debug, Default)]
pub(in crate::server) struct Captures;

impl Captures {
    pub(in crate::server) fn prepare(&self) -> io::Result<()> {
        Ok(())
    }

    pub(in crate::server) fn of(&self, hub: Hub) -> Hub {
        hub
    }
}

impl Hub {
    pub(in crate::server) fn add_capture(&self, report: &mut Report) {
        if folder().is_some() {
            report.add_note(format!(
                "{VARIABLE} is set, but tcpclient is built without its feature `pcapng`: nothing is captured"
            ));
        }
    }

    pub(in crate::server) fn leave_capture(&self) {}
}
