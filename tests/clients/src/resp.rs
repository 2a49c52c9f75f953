//! RESP, the protocol of Redis.
//!
//! A client sends a command as an array of bulk strings, `*2\r\n$3\r\nGET\r\n$1\r\nk\r\n`, and the server answers with a simple
//! string (`+OK\r\n`), an error (`-ERR ...\r\n`) or a bulk string (`$5\r\nhello\r\n`), among others.

use std::time::Duration;
use tcpclient_tokio::framing::Codec;
use tcpclient_tokio::{Framing, Pattern, Script};

/// The answer to a command that has done its work and has nothing to tell.
pub const OK: &str = "+OK\r\n";

/// The answer to a question for something that is not there: the null bulk string.
pub const NIL: &str = "$-1\r\n";

/// Returns the framing of a client's commands.
///
/// ```
/// use tcpclient_clients::resp::{command, framing};
///
/// let get = command(&["GET", "k"]);
/// assert_eq!(framing().decode(&get[..9]).unwrap(), None);
/// let two = [&get[..], b"*1\r\n"].concat();
/// assert_eq!(framing().decode(&two).unwrap().unwrap().message, get);
/// assert_eq!(framing().decode(b"GET k\r\n").unwrap_err().to_string(), "a command begins with '*', not with 'G'");
/// ```
pub fn framing() -> Framing {
    Framing::codec(Command)
}

/// Cuts a client's bytes into commands. The message is the command as it stands on the wire.
#[derive(Debug)]
struct Command;

impl Codec for Command {
    fn frame_len(&self, bytes: &[u8]) -> Result<Option<usize>, String> {
        let Some((words, mut at)) = header(bytes, b'*', "a command")? else { return Ok(None) };
        for _ in 0..words {
            let Some((length, head)) = header(bytes.get(at..).unwrap_or_default(), b'$', "a word")? else {
                return Ok(None);
            };
            at = at.saturating_add(head + "\r\n".len()).saturating_add(length);
        }
        Ok(Some(at))
    }
}

/// Reads the line that begins an array or a bulk string; returns the number in it and the length of the line.
fn header(bytes: &[u8], sign: u8, what: &str) -> Result<Option<(usize, usize)>, String> {
    match bytes.first() {
        Some(first) if *first != sign => {
            return Err(format!("{what} begins with {:?}, not with {:?}", char::from(sign), char::from(*first)));
        }
        Some(_) => {}
        None => return Ok(None),
    }
    let Some(end) = bytes.windows(2).position(|two| two == b"\r\n") else { return Ok(None) };
    let number = String::from_utf8_lossy(&bytes[1..end]);
    match number.parse() {
        Ok(number) => Ok(Some((number, end + 2))),
        Err(error) => Err(format!("{what} has the number {number:?}: {error}")),
    }
}

/// Returns a command as it goes over the wire: an array of bulk strings.
///
/// The tests of the crate itself would say `redis::cmd("GET").arg("k").get_packed_command()`.
///
/// ```
/// use tcpclient_clients::resp::command;
///
/// assert_eq!(command(&["GET", "k"]), b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
/// ```
pub fn command(words: &[&str]) -> Vec<u8> {
    let words_on_wire: String = words.iter().map(|word| bulk(word)).collect();
    format!("*{}\r\n{words_on_wire}", words.len()).into_bytes()
}

/// Returns a bulk string: its length in bytes, then the string.
///
/// ```
/// use tcpclient_clients::resp::bulk;
///
/// assert_eq!(bulk("hello"), "$5\r\nhello\r\n");
/// ```
pub fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

/// Returns an error reply; `message` begins with the kind of the error, mostly `ERR`.
///
/// ```
/// use tcpclient_clients::resp::error;
///
/// assert_eq!(error("ERR no such thing"), "-ERR no such thing\r\n");
/// ```
pub fn error(message: &str) -> String {
    format!("-{message}\r\n")
}

/// Expects the handshake of the `redis` crate: it introduces itself, with its name and its version. From here on, messages are commands.
///
/// Both commands go out together, before any answer; so neither is answered until both are here.
#[track_caller]
pub fn handshake(s: &Script) {
    s.framing(framing());
    s.expect_frame(command(&["CLIENT", "SETINFO", "LIB-NAME", "redis-rs"])).named("handshake: name");
    s.expect_frame(Pattern::contains("\r\nLIB-VER\r\n")).named("handshake: version");
    s.send_bytes(OK);
    s.send_bytes(OK);
}

/// Expects one command and answers it. The step bears the command as its name.
#[track_caller]
pub fn exchange(s: &Script, words: &[&str], reply: impl AsRef<[u8]>) {
    s.expect_frame(command(words)).named(words.join(" "));
    s.send_bytes(reply);
}

/// Expects two commands, and answers the first one late and in two pieces: the test has its client give up on it, then releases
/// `"given up"`. The first piece is with the client when `"half a reply"` is reached.
#[track_caller]
pub fn late_reply(s: &Script) {
    s.expect_frame(command(&["GET", "key1"]));
    s.send_bytes("$4\r\nk");
    s.wait_until_read().within(Duration::from_secs(10));
    s.mark("half a reply");
    s.hold("given up");
    s.send_bytes("ey1\r\n");
    s.expect_frame(command(&["GET", "key2"]));
    s.send_bytes("$4\r\nkey2\r\n");
}
