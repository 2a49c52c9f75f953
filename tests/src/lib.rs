//! What the tests of this package share.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "what a test cannot do without may fail it"
)]
#![allow(clippy::missing_errors_doc, reason = "as the methods that they stand for")]

pub mod client;
pub mod conversations;
pub mod line;
#[path = "../../core/src/capture/tests/reader.rs"]
pub mod pcapng;
pub mod runtime;
pub mod server;
pub mod stage;
pub mod tls;

/// What a case of the conformance suite needs.
pub mod prelude {
    pub use crate::client::Client;
    pub use crate::server::Server;
    pub use crate::stage::Stage;
    pub use crate::tls::TlsClient;
    pub use crate::{SHORT, normalize_on, on_every_stage, panic_of};
    pub use core::time::Duration;
    pub use tcpclient_core::framing::Framing;
    pub use tcpclient_core::server::Script;
}

use crate::stage::Stage;
use core::time::Duration;
use futures_lite::future::FutureExt;
use std::panic::AssertUnwindSafe;
use std::process::{Command, Output};

/// A deadline for what is not going to happen. Give it to a step behind which nothing is to come: a busy machine may take longer
/// for anything else.
pub const SHORT: Duration = Duration::from_millis(10);

/// Returns the message of the panic in which a test body ends, [normalized](normalize_on).
pub async fn panic_of<T>(stage: Stage, body: impl Future<Output = T>) -> String {
    let Err(payload) = AssertUnwindSafe(body).catch_unwind().await else { panic!("the test is to panic") };
    normalize_on(stage, payload.downcast_ref::<String>().expect("panic payloads are Strings"))
}

/// Returns a report without what differs from run to run: ports, moments, and places in this package's
/// sources, of which only the file is kept.
pub fn normalize(report: &str) -> String {
    // The compiler names files as the system does.
    let report = if cfg!(windows) { report.replace('\\', "/") } else { report.into() };
    let lines = report.lines().map(|line| {
        let line = replace(line, "127.0.0.1:", "PORT", |c| c.is_ascii_digit());
        let line = replace(&line, ".rs:", "LINE", |c| c.is_ascii_digit() || c == ':');
        moment(&line).unwrap_or(line)
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// As [`normalize`], and without what differs from stage to stage: a server in memory has no addresses, calls that block have names
/// of their own, and where nobody knows whether a client has closed, reports say so.
pub fn normalize_on(stage: Stage, report: &str) -> String {
    const PEER: &str = "127.0.0.1:PORT";
    const CLOSING: &str = "\n  on async-std, close() of a TcpStream sends nothing: drop the stream, or call shutdown()";
    const OR_HALF: &str = ", or its sending half";
    // This note stands in a report for those servers alone.
    const BLOCKING: &str = "\n  a server of bind_blocking() is asked with join_blocking() or finish_blocking()";
    let report = normalize(report).replace("_blocking() at ", "() at ").replace("_in_memory() at ", "() at ");
    let mut report = report.replace(BLOCKING, "").replace(CLOSING, "");
    if !stage.knows_the_peer() {
        report = report.replace("usual cause, if it has closed: ", "usual cause: ");
        for behind in [" before ", " inside ", " after "] {
            report = report.replace(&format!("{OR_HALF},{behind}"), behind);
        }
        let lines = report.lines().map(|line| line.strip_suffix(OR_HALF).unwrap_or(line));
        report = lines.collect::<Vec<_>>().join("\n");
    }
    if stage.on_sockets() {
        return report;
    }
    let lines = report.lines().map(|line| match line.strip_suffix("client connected") {
        Some(start) => format!("{start}client connected from {PEER}"),
        None => line
            .replace("scripted server in memory", &format!("scripted server {PEER}"))
            .replace("a second connection was attempted", &format!("a second connection was attempted, from {PEER}"))
            .replace("a client connected, and", &format!("a client connected from {PEER}, and"))
            .replace("nobody expects this client:", &format!("nobody expects this client, from {PEER}:")),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Replaces the run of characters behind each `prefix`.
fn replace(line: &str, prefix: &str, name: &str, part_of: impl Fn(char) -> bool + Copy) -> String {
    let mut pieces = line.split(prefix);
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| text + prefix + name + piece.trim_start_matches(part_of))
}

/// Replaces the moment at the beginning of a line of a conversation.
fn moment(line: &str) -> Option<String> {
    let (moment, event) = line.strip_prefix("    ")?.split_once(" s  ")?;
    moment.parse::<f64>().ok()?;
    Some(format!("    0.000 s  {event}"))
}

/// The variable that tells a test that it runs in a process of its own.
const CHILD: &str = "TCPCLIENT_TESTS_CHILD";

/// Runs a test of the calling test binary in a process of its own, where it may fail or panic as it likes, with these variables
/// set in its environment.
///
/// # Panics
/// Panics if there is no such test, or the process cannot be started.
pub fn run_child(test: &str, variables: &[(&str, &str)]) -> Output {
    let output = child(test, variables).output().expect("the test binary runs once more");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.contains("running 1 test\n"), "there is no test {test}:\n{stdout}");
    output
}

/// Returns the command that runs a test of the same binary in a process of its own.
pub fn child(test: &str, variables: &[(&str, &str)]) -> Command {
    let binary = std::env::current_exe().expect("the path of this test binary");
    let mut command = Command::new(binary);
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
    // What a panic prints must not depend on what whoever runs the suite likes to see.
    command.env(CHILD, "1").env("RUST_BACKTRACE", "0").envs(variables.iter().copied());
    command
}

/// Says whether the test runs in a process of its own. Tests that are meant to fail do so only there.
pub fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

#[cfg(test)]
mod tests {
    use super::normalize;

    #[test]
    fn only_what_differs_from_run_to_run_is_replaced() {
        let report = "server 127.0.0.1:40123: step 2\n  at tests/hello.rs:14:12\n    0.012 s  client from 127.0.0.1:5\n    1 s  x";
        let expected = "server 127.0.0.1:PORT: step 2\n  at tests/hello.rs:LINE\n    0.000 s  client from 127.0.0.1:PORT\n    0.000 s  x";
        assert_eq!(normalize(report), expected);
    }
}
