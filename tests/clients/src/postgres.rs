//! The protocol of Postgres: a type, a length that counts itself, and what belongs to the type; but what a client says first has no type.

use tcpclient_tokio::{Framing, Pattern, Pushed, Script};

/// The number of the server's process, and the secret that a client has to know to have its query cancelled.
const KEY: [u8; 8] = [0, 0, 0, 7, 0, 0, 0, 99];

/// Expects the question for TLS, which a client may ask before it says anything else, and answers that there is none. From here on, messages
/// have no type. Returns the step that receives the question.
#[track_caller]
pub fn refuse_tls(s: &Script) -> Pushed {
    untyped(s);
    let question = s.expect_frame(80_877_103_u32.to_be_bytes()).named("question for TLS");
    s.send_bytes("N");
    question
}

/// Has messages have no type, from here on.
fn untyped(s: &Script) {
    s.framing(Framing::length_field(0, 4).inclusive());
}

/// Expects the request to cancel the query of the client that was let in. It gets no answer.
#[track_caller]
pub fn cancel(s: &Script) {
    untyped(s);
    s.expect_frame([&80_877_102_u32.to_be_bytes()[..], &KEY].concat()).named("request to cancel");
    s.expect_disconnect();
}

/// Lets this user in without a password, and without TLS. From here on, messages have a type.
#[track_caller]
pub fn startup(s: &Script, user: &str) {
    let parameter = format!("\0user\0{user}\0");
    s.optional(refuse_tls);
    untyped(s);
    s.expect_frame(Pattern::matching(move |message: &[u8]| {
        if !message.starts_with(&[0, 3, 0, 0]) {
            return Err("it is not of version 3.0 of the protocol".to_owned());
        }
        let parameter = parameter.as_bytes();
        let found = message.windows(parameter.len()).any(|part| part == parameter);
        found.then_some(()).ok_or_else(|| format!("it has no parameter {:?}", String::from_utf8_lossy(parameter)))
    }))
    .named("startup");
    s.framing(Framing::length_field(1, 4).inclusive());
    s.send_frame(b"R\0\0\0\0").named("authenticated");
    s.send_frame([b"K", &KEY[..]].concat());
    ready(s);
}

/// Says that the server is ready for the next query.
#[track_caller]
pub fn ready(s: &Script) {
    s.send_frame("ZI");
}

/// Expects a query of the simple kind.
#[track_caller]
pub fn query(s: &Script, sql: &str) {
    s.expect_frame(format!("Q{sql}\0")).named(sql);
}

/// Answers a query with one row that has one column of text, and is then ready for the next.
#[track_caller]
pub fn one_row(s: &Script, column: &str, value: &str) {
    let length = value.len() as u32;
    // A column: the table and the number there, both unknown; the type (text), of any length; no modifier; in text.
    let of_column = [0, 0, 0, 0, 0, 0, 0, 0, 0, 25, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0];
    s.send_frame([b"T\0\x01", column.as_bytes(), b"\0", &of_column].concat()).named("description of the row");
    s.send_frame([b"D\0\x01", &length.to_be_bytes()[..], value.as_bytes()].concat()).named("row");
    s.send_frame("CSELECT 1\0");
    ready(s);
}

/// Returns an error message: its severity, the five characters of its SQLSTATE, and its text.
pub fn error(severity: &str, code: &str, text: &str) -> String {
    format!("ES{severity}\0V{severity}\0C{code}\0M{text}\0\0")
}
