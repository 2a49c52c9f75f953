//! The server side of a RESP session, for tests of a Redis client.
//!
//! RESP is Redis's protocol. A client sends a command as an array of bulk strings, `*2\r\n$3\r\nGET\r\n$1\r\nk\r\n`, and the
//! server answers with a simple string (`+OK\r\n`), an error (`-ERR ...\r\n`) or a bulk string (`$5\r\nhello\r\n`), among
//! others.
//!
//! A part of a script that many tests share is a plain function over [`Script`], like [`handshake`] and [`exchange`] here: no
//! trait, no macro, and any server can be passed to it. With `#[track_caller]` a report shows the line of the test that called
//! the function, not a line of the function.

use tcpclient_tokio::Script;

/// The answer to a command that has done its work and has nothing to tell.
pub const OK: &str = "+OK\r\n";

/// The answer to a question for something that is not there: the null bulk string.
pub const NIL: &str = "$-1\r\n";

/// Returns a command as it goes over the wire: an array of bulk strings.
///
/// ```
/// assert_eq!(tcpclient_clients::command(&["GET", "k"]), b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
/// ```
pub fn command(parts: &[&str]) -> Vec<u8> {
    let parts_on_wire: String = parts.iter().map(|part| bulk(part)).collect();
    format!("*{}\r\n{parts_on_wire}", parts.len()).into_bytes()
}

/// Returns a bulk string: its length in bytes, then the string.
///
/// ```
/// assert_eq!(tcpclient_clients::bulk("hello"), "$5\r\nhello\r\n");
/// ```
pub fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

/// Returns an error reply; `message` begins with the kind of the error, mostly `ERR`.
///
/// ```
/// assert_eq!(tcpclient_clients::error("ERR no such thing"), "-ERR no such thing\r\n");
/// ```
pub fn error(message: &str) -> String {
    format!("-{message}\r\n")
}

/// Expects the handshake of the `redis` crate: it introduces itself, with its name and its version.
///
/// Both commands go out together, before any answer; so neither is answered until both are here.
#[track_caller]
pub fn handshake(server: &Script) {
    server.expect_bytes(command(&["CLIENT", "SETINFO", "LIB-NAME", "redis-rs"])).named("handshake: name");
    server.expect_bytes(command(&["CLIENT", "SETINFO", "LIB-VER", redis_version()])).named("handshake: version");
    server.send_bytes(OK);
    server.send_bytes(OK);
}

/// Expects one command and answers it. The step bears the command as its name.
#[track_caller]
pub fn exchange(server: &Script, parts: &[&str], reply: impl AsRef<[u8]>) {
    server.expect_bytes(command(parts)).named(parts.join(" "));
    server.send_bytes(reply);
}

/// Returns the version of the `redis` crate that these tests run with.
///
/// The crate sends it and does not export it, so it comes from the lock file. The tests of the crate itself would say
/// `env!("CARGO_PKG_VERSION")`.
///
/// # Panics
/// If the lock file does not hold exactly one version of `redis`.
pub fn redis_version() -> &'static str {
    let mut versions = locked_versions("redis");
    match (versions.next(), versions.next()) {
        (Some(version), None) => version,
        (None, _) => panic!("no redis in Cargo.lock"),
        (Some(one), Some(other)) => panic!("redis is in Cargo.lock more than once: {one}, {other}"),
    }
}

/// Returns each version of a package that the lock file holds.
fn locked_versions(name: &str) -> impl Iterator<Item = &'static str> {
    let name = format!("name = \"{name}\"");
    include_str!("../Cargo.lock").split("[[package]]").filter_map(move |package| {
        let mut lines = package.lines();
        lines.find(|line| *line == name)?;
        lines.find_map(|line| line.strip_prefix("version = \"")?.strip_suffix('"'))
    })
}
