//! Where the captures of servers go: to a file that the test names and, of tests that fail, into a folder that the environment names.

#[cfg(not(feature = "pcapng"))]
mod none;
#[cfg(feature = "pcapng")]
mod place;

#[cfg(not(feature = "pcapng"))]
pub(super) use none::Captures;
#[cfg(feature = "pcapng")]
pub(super) use place::{Captures, Place};

use super::environment::Variable;

/// The variable that names the folder.
static VARIABLE: Variable = Variable::new("TCPCLIENT_CAPTURE");
