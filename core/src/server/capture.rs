//! Where the captures of servers go: to a file that the test names and, of tests that fail, into a folder that the environment names.

#[cfg(not(feature = "pcapng"))]
mod none;
#[cfg(feature = "pcapng")]
mod place;

#[cfg(not(feature = "pcapng"))]
pub(super) use none::Captures;
#[cfg(feature = "pcapng")]
pub(super) use place::{Captures, Place};

use std::ffi::OsString;

/// The variable that names the folder.
const VARIABLE: &str = "TCPCLIENT_CAPTURE";

/// Returns the folder that the environment names, if it does.
fn folder() -> Option<OsString> {
    std::env::var_os(VARIABLE).filter(|folder| !folder.is_empty())
}
