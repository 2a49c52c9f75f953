//! HTTP/2: a preface, then frames with a length that does not count the six bytes behind it: type, flags, and the number of a stream.

use tcpclient_tokio::{Framing, Pattern, Script};

/// The type of a frame.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "RFC 9113 has them")]
pub enum Kind {
    Data = 0,
    Headers = 1,
    ResetStream = 3,
    Settings = 4,
    Ping = 6,
    GoAway = 7,
    WindowUpdate = 8,
}

/// Says that a SETTINGS frame has been received.
const ACK: u8 = 1;

/// Says that the sender has nothing more for this stream.
pub const END_STREAM: u8 = 1;

/// Says that no more headers follow.
const END_HEADERS: u8 = 4;

/// Expects what a client says first. From here on, messages are frames without their length.
#[track_caller]
pub fn preface(s: &Script) {
    s.expect_bytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").named("preface");
    s.framing(Framing::length_field(0, 3).adjusted(6));
    s.expect_frame(of(Kind::Settings)).named("settings");
}

/// Exchanges settings with the client, behind its [`preface`].
#[track_caller]
pub fn handshake(s: &Script) {
    preface(s);
    s.send_frame(frame(Kind::Settings, 0, 0, b""));
    s.expect_frame(frame(Kind::Settings, ACK, 0, b"")).named("acknowledgement of the settings");
    s.send_frame(frame(Kind::Settings, ACK, 0, b""));
}

/// Returns the pattern of a frame of this type.
pub fn of(kind: Kind) -> Pattern {
    Pattern::prefix([kind as u8])
}

/// Returns headers with the status 200 and nothing else.
pub fn ok(stream: u32, flags: u8) -> Vec<u8> {
    frame(Kind::Headers, END_HEADERS | flags, stream, &[0x88])
}

/// Returns a frame that ends a stream, for this reason.
pub fn reset(stream: u32, reason: u32) -> Vec<u8> {
    frame(Kind::ResetStream, 0, stream, &reason.to_be_bytes())
}

/// Returns a frame that says good-bye, for this reason.
pub fn go_away(last_stream: u32, reason: u32) -> Vec<u8> {
    frame(Kind::GoAway, 0, 0, &[last_stream.to_be_bytes(), reason.to_be_bytes()].concat())
}

/// Returns a frame without its length.
pub fn frame(kind: Kind, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    [&[kind as u8, flags], &stream.to_be_bytes()[..], payload].concat()
}
