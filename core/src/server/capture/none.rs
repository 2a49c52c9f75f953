//! Without the feature there are no captures; whoever wants one is told.

use super::VARIABLE;
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

    pub(in crate::server) fn of(&self, _: &mut Hub) {}
}

impl Hub {
    pub(in crate::server) fn add_capture(&self, report: &mut Report) {
        if VARIABLE.get().is_some() {
            report.add_note(format!(
                "{VARIABLE} is set, but tcpclient is built without its feature `pcapng`: nothing is captured"
            ));
        }
    }

    pub(in crate::server) fn leave_capture(&self) {}
}

#[cfg(test)]
mod tests {
    use super::VARIABLE;
    use crate::report::Cause;
    use crate::server::hub::{Hub, Name};
    use crate::session::Config;
    use alloc::string::{String, ToString};
    use core::panic::Location;
    use std::process::Command;

    #[test]
    fn whoever_wants_a_capture_is_told_what_is_missing() {
        let test = "server::capture::none::tests::child";
        let mut child = Command::new(std::env::current_exe().unwrap());
        let output =
            child.args(["--exact", test, "--nocapture"]).env(VARIABLE.to_string(), "captures").output().unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert!(stdout.contains("running 1 test\n"), "{stdout}");
        let note = "\n\n  TCPCLIENT_CAPTURE is set, but tcpclient is built without its feature `pcapng`: nothing is captured\n";
        assert!(stdout.contains(note), "{stdout}");
    }

    #[test]
    fn child() {
        let hub = Hub::new(Name::InMemory, Config::default(), Location::caller());
        let mut report = hub.state_behind(Cause::Dropped).unwrap();
        hub.add_capture(&mut report);
        std::println!("{report}");
        assert_eq!(report.to_string().contains(&VARIABLE.to_string()), VARIABLE.get().is_some());
    }
}
