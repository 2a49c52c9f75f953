use super::{Event, KEPT, Transcript};
use crate::time::{Duration, Instant};
use alloc::string::ToString;
use alloc::vec::Vec;
use expect_test::expect;

fn at(millis: u64) -> Instant {
    Instant::at(Duration::from_millis(millis))
}

#[test]
fn a_conversation_reads_line_by_line() {
    let mut transcript = Transcript::default();
    transcript.record(at(0), Event::Connected("127.0.0.1:51422".parse().ok()));
    transcript.received(at(1), b"Hello\r\n");
    transcript.sent(at(2), b"\0\xff", true);
    transcript.sent(at(2), b"\x01", false);
    transcript.sent(at(3), b"!", true);
    transcript.received(at(4), b"a");
    transcript.received(at(904), b"b");
    transcript.record(at(905), Event::ClientClosed);
    transcript.record(at(1000), Event::Connected(None));
    transcript.record(at(1001), Event::Disconnected);
    transcript.record(at(1002), Event::Reset);
    transcript.record(at(1003), Event::ClientReset);
    transcript.record(at(1003), Event::Unread(1));
    transcript.record(at(1003), Event::Unread(1033));
    transcript.record(at(1004), Event::Failed);
    expect![[r#"
        0.000 s  client connected from 127.0.0.1:51422
        0.001 s  received 7 bytes  "Hello\r\n"
        0.002 s  sent 3 bytes  [00 ff 01]
        0.003 s  sent 1 byte  "!"
        0.004 s  received 2 bytes  "ab"  (the last of them at 0.904 s)
        0.905 s  client closed the connection
        1.000 s  client connected
        1.001 s  server closed the connection
        1.002 s  server reset the connection
        1.003 s  client reset the connection
        1.003 s  client left 1 byte unread
        1.003 s  client left 1,033 bytes unread
        1.004 s  reset by the script's failure"#]]
    .assert_eq(&transcript.to_string());
}

#[test]
fn the_cut_of_the_stream_leaves_no_trace() {
    let mut whole = Transcript::default();
    whole.received(at(1), b"Hello, server!");
    let mut pieces = Transcript::default();
    for byte in b"Hello, server!" {
        pieces.received(at(1), &[*byte]);
    }
    assert_eq!(whole.to_string(), pieces.to_string());
}

#[test]
fn memory_is_bounded_however_long_the_conversation_is() {
    let mut transcript = Transcript::default();
    for i in 0..1000 {
        transcript.received(at(i), &[b'x'; 1000]);
        transcript.sent(at(i), &[b'a' + (i % 7) as u8; 1000], true);
    }
    assert_eq!(transcript.entries().len(), KEPT);
    assert_eq!(transcript.dropped(), 2000 - KEPT as u64);
    assert!(transcript.to_string().starts_with("(the first 1950 entries are not kept)\n"));
    assert!(transcript.to_string().ends_with(&["sent 1,000 bytes  \"", &"f".repeat(64), "\"..."].concat()));
}

#[test]
fn what_was_not_meant_for_the_script_is_taken_back() {
    let mut transcript = Transcript::default();
    let now = Instant::ORIGIN;
    transcript.received(now, b"abcd");
    transcript.sent(now, b"x", true);
    transcript.received(now, b"ef");
    transcript.take_back(5);
    assert_eq!(transcript.to_string(), "0.000 s  received 1 byte  \"a\"\n0.000 s  sent 1 byte  \"x\"");
}

#[test]
fn what_is_taken_back_was_the_last_however_long_the_conversation_is() {
    let mut transcript = Transcript::default();
    for i in 0..30 {
        transcript.received(at(i), b"ab");
        transcript.sent(at(i), b"x", true);
    }
    transcript.received(at(30), b"cd");
    transcript.take_back(3);
    transcript.record(at(31), Event::ShutDown);
    assert_eq!(transcript.entries().len(), KEPT);
    let text = transcript.to_string();
    assert!(text.starts_with("(the first 11 entries are not kept)\n0.005 s  sent 1 byte  \"x\"\n"), "{text}");
    let end =
        "0.029 s  received 1 byte  \"a\"\n0.029 s  sent 1 byte  \"x\"\n0.031 s  server shut down its sending half";
    assert!(text.ends_with(end), "{text}");
}

#[test]
fn an_entry_knows_when_it_began_and_when_its_last_piece_came() {
    let mut transcript = Transcript::default();
    transcript.received(at(4), b"a");
    transcript.received(at(904), b"b");
    transcript.record(at(905), Event::ClientClosed);
    let times: Vec<_> = transcript.entries().map(|entry| (entry.at(), entry.until())).collect();
    assert_eq!(times, [(at(4), at(904)), (at(905), at(905))]);
    let data = transcript.entries().find_map(|entry| match entry.event() {
        Event::Received(data) => Some((data.len(), data.head())),
        _ => None,
    });
    assert_eq!(data, Some((2, &b"ab"[..])));
}
