//! What the kernel knows of the client's end of a connection.
//!
//! Linux tells any process, for both ends of a connection in its network namespace, whether a process still holds the socket and how
//! much it has not read (inet_diag, see sock_diag(7)); and it announces each TCP socket that is gone, with the same numbers. So a
//! client that closes can be told from one that has shut down its sending half, and one that has left something unread from one that
//! aborts. Where the kernel does not tell (other systems, gVisor, seccomp, a client in another network namespace), nothing is known; nor
//! is it of a client on an MPTCP socket, for which the kernel reads in advance.
//!
//! The environment variable `TCPCLIENT_PROBE`, set to `off`, has nothing be known on Linux either. Set to `on` or to nothing, it changes
//! nothing.

use super::environment::Variable;
use alloc::format;
use std::io;

#[cfg(all(feature = "probe", target_os = "linux"))]
mod diag;
#[cfg(all(feature = "probe", target_os = "linux"))]
mod gazette;
#[cfg(all(feature = "probe", target_os = "linux"))]
mod linux;
#[cfg(all(feature = "probe", target_os = "linux"))]
pub(super) use linux::Probe;

/// The variable that turns the probe off.
static VARIABLE: Variable = Variable::new("TCPCLIENT_PROBE");

/// Says whether the environment turns the probe off; a value that says neither is an error.
pub(super) fn is_off() -> io::Result<bool> {
    let Some(value) = VARIABLE.get() else { return Ok(false) };
    match value.to_string_lossy().trim() {
        "" | "on" => Ok(false),
        "off" => Ok(true),
        _ => {
            let message = format!("{VARIABLE} is {value:?}: neither on nor off");
            Err(io::Error::new(io::ErrorKind::InvalidInput, message))
        }
    }
}

/// Knows nothing.
#[cfg(not(all(feature = "probe", target_os = "linux")))]
#[derive(Debug)]
pub(super) struct Probe;

#[cfg(not(all(feature = "probe", target_os = "linux")))]
impl Probe {
    pub(super) fn new(_: core::net::SocketAddr, _: core::net::SocketAddr) -> Option<Self> {
        None
    }

    pub(super) fn watch(&mut self) -> bool {
        false
    }

    pub(super) fn narrow(&mut self) {}

    pub(super) fn peer(&mut self, _: u64, _: bool) -> Option<crate::session::Peer> {
        None
    }
}

/// Says whether it can be known, on this machine and in this process, what a client does with its end of a connection; a
/// [server](super::Server) then knows it too. It is tried out at the first call, or by the first server; that takes two seconds where the
/// kernel answers, but does not announce.
#[must_use]
pub fn is_available() -> bool {
    #[cfg(all(feature = "probe", target_os = "linux"))]
    return linux::is_available();
    #[cfg(not(all(feature = "probe", target_os = "linux")))]
    return false;
}
