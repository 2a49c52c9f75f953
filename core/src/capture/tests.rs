//! Files are read back by a reader of their own, which also checks what holds for all of them.

use super::{Capture, Limits, Section};
use crate::report::Cause;
use crate::session::{Config, Output, Session};
use crate::step::Step;
use crate::time::{Duration, Instant};
use crate::transcript::Event;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::net::SocketAddr;
use expect_test::{Expect, expect};

mod reader;

use reader::read;

const BEGAN: Duration = Duration::new(1_700_000_000, 5);

fn at(millis: u64) -> Instant {
    Instant::at(Duration::from_millis(millis))
}

/// What happens, on the current connection.
enum On {
    Connect(&'static str),
    /// As the first at the door.
    Given(&'static str),
    Accept,
    Received(&'static [u8]),
    Sent(&'static [u8]),
    TakeBack(usize),
    Event(Event),
    Closed,
    Waits,
    Failed,
}
use On::{Accept, Closed, Connect, Failed, Given, Received, Sent, TakeBack, Waits};

/// Returns the capture of things that happen a millisecond apart.
fn capture(script: Vec<On>) -> Capture {
    let mut capture = Capture::default();
    for (now, on) in (0..).map(at).zip(script) {
        match on {
            Connect(peer) => capture.connected(now, peer.parse().ok(), false),
            Given(peer) => capture.connected(now, peer.parse().ok(), true),
            Accept => capture.accepted(now),
            Received(bytes) => capture.received(now, bytes, 1),
            Sent(bytes) => capture.sent(now, bytes, 2),
            TakeBack(count) => capture.take_back(count),
            On::Event(event) => capture.event(now, &event),
            Closed => capture.closed(now),
            Waits => capture.waits(),
            Failed => capture.failed(),
        }
    }
    capture
}

fn section(server: &str) -> Section {
    Section { server: server.parse().ok(), began: BEGAN, comment: String::from("it failed") }
}

/// Returns what a file says, with every packet checked against those before it.
fn shown(server: &str, captures: &[&Capture]) -> String {
    let file = read(&section(server).write(captures.iter().copied()));
    let mut lines = vec![format!("file: {}", file.comments.join(" / ").replace('\n', " / "))];
    lines.extend(file.packets.iter().map(|packet| {
        let at = packet.at - BEGAN;
        format!("{}.{:09} {packet}", at.as_secs(), at.subsec_nanos())
    }));
    lines.join("\n")
}

fn check(server: &str, script: Vec<On>, expected: &Expect) {
    expected.assert_eq(&shown(server, &[&capture(script)]));
}

const SERVER: &str = "127.0.0.1:4711";
const CLIENT: &str = "127.0.0.1:50000";

#[test]
fn a_conversation_of_one_connection() {
    check(
        SERVER,
        vec![
            Connect(CLIENT),
            Accept,
            Received(b"Hello, server!"),
            Sent(b"Hello, client!"),
            On::Event(Event::ClientClosed),
            Closed,
        ],
        &expect![[r#"
            file: it failed
            0.000000000 > 127.0.0.1:50000 127.0.0.1:4711 S 0 0 +0
            0.000000001 < 127.0.0.1:4711 127.0.0.1:50000 S. 0 1 +0
            0.000000002 > 127.0.0.1:50000 127.0.0.1:4711 . 1 1 +0
            0.002000000 > 127.0.0.1:50000 127.0.0.1:4711 P. 1 1 +14 "Hello, server!" [came at step 2]
            0.002000001 < 127.0.0.1:4711 127.0.0.1:50000 . 1 15 +0
            0.003000000 < 127.0.0.1:4711 127.0.0.1:50000 P. 1 15 +14 "Hello, client!" [sent by step 3]
            0.003000001 > 127.0.0.1:50000 127.0.0.1:4711 . 15 15 +0
            0.004000000 > 127.0.0.1:50000 127.0.0.1:4711 F. 15 15 +0
            0.004000001 < 127.0.0.1:4711 127.0.0.1:50000 . 15 16 +0
            0.005000000 < 127.0.0.1:4711 127.0.0.1:50000 F. 15 16 +0
            0.005000001 > 127.0.0.1:50000 127.0.0.1:4711 . 16 16 +0"#]],
    );
}

#[test]
fn a_syn_says_how_much_fits_in() {
    let file = section(SERVER).write([&capture(vec![Connect(CLIENT), Accept])]);
    // The largest segment, 65,495 bytes, and by how many bits windows are shifted.
    let options = [2, 4, 0xff, 0xd7, 1, 3, 3, 14];
    assert_eq!(file.windows(8).filter(|bytes| bytes == &options).count(), 2);
}

#[test]
fn an_end_is_told_once_and_nothing_comes_behind_a_reset() {
    check(
        SERVER,
        vec![
            Connect(CLIENT),
            Accept,
            On::Event(Event::ClientShutDown),
            On::Event(Event::ClientClosed),
            Sent(b"x"),
            On::Event(Event::ShutDown),
            On::Event(Event::Disconnected),
            On::Event(Event::ClientReset),
            Closed,
            On::Event(Event::Failed),
        ],
        &expect![[r#"
            file: it failed
            0.000000000 > 127.0.0.1:50000 127.0.0.1:4711 S 0 0 +0
            0.000000001 < 127.0.0.1:4711 127.0.0.1:50000 S. 0 1 +0
            0.000000002 > 127.0.0.1:50000 127.0.0.1:4711 . 1 1 +0
            0.002000000 > 127.0.0.1:50000 127.0.0.1:4711 F. 1 1 +0
            0.002000001 < 127.0.0.1:4711 127.0.0.1:50000 . 1 2 +0
            0.004000000 < 127.0.0.1:4711 127.0.0.1:50000 P. 1 2 +1 "x" [sent by step 3]
            0.004000001 > 127.0.0.1:50000 127.0.0.1:4711 . 2 2 +0
            0.005000000 < 127.0.0.1:4711 127.0.0.1:50000 F. 2 2 +0
            0.005000001 > 127.0.0.1:50000 127.0.0.1:4711 . 2 3 +0
            0.007000000 > 127.0.0.1:50000 127.0.0.1:4711 R. 2 3 +0"#]],
    );
}

#[test]
fn the_server_resets() {
    check(
        SERVER,
        vec![Connect(CLIENT), Accept, Sent(b"x"), On::Event(Event::Reset), Received(b"late"), Closed],
        &expect![[r#"
            file: it failed
            0.000000000 > 127.0.0.1:50000 127.0.0.1:4711 S 0 0 +0
            0.000000001 < 127.0.0.1:4711 127.0.0.1:50000 S. 0 1 +0
            0.000000002 > 127.0.0.1:50000 127.0.0.1:4711 . 1 1 +0
            0.002000000 < 127.0.0.1:4711 127.0.0.1:50000 P. 1 1 +1 "x" [sent by step 3]
            0.002000001 > 127.0.0.1:50000 127.0.0.1:4711 . 1 2 +0
            0.003000000 < 127.0.0.1:4711 127.0.0.1:50000 R. 2 1 +0"#]],
    );
}

#[test]
fn a_failure_stands_at_what_it_is_about_or_at_what_comes_of_it() {
    check(
        SERVER,
        vec![Connect(CLIENT), Accept, Waits, Received(b"no"), Failed, On::Event(Event::Failed)],
        &expect![[r#"
            file: it failed
            0.000000000 > 127.0.0.1:50000 127.0.0.1:4711 S 0 0 +0
            0.000000001 < 127.0.0.1:4711 127.0.0.1:50000 S. 0 1 +0
            0.000000002 > 127.0.0.1:50000 127.0.0.1:4711 . 1 1 +0
            0.003000000 > 127.0.0.1:50000 127.0.0.1:4711 P. 1 1 +2 "no" [came at step 2] [it failed]
            0.003000001 < 127.0.0.1:4711 127.0.0.1:50000 . 1 3 +0
            0.005000000 < 127.0.0.1:4711 127.0.0.1:50000 R. 1 3 +0"#]],
    );
    check(
        SERVER,
        vec![Connect(CLIENT), Accept, Received(b"yes"), Waits, Failed, On::Event(Event::Failed)],
        &expect![[r#"
            file: it failed
            0.000000000 > 127.0.0.1:50000 127.0.0.1:4711 S 0 0 +0
            0.000000001 < 127.0.0.1:4711 127.0.0.1:50000 S. 0 1 +0
            0.000000002 > 127.0.0.1:50000 127.0.0.1:4711 . 1 1 +0
            0.002000000 > 127.0.0.1:50000 127.0.0.1:4711 P. 1 1 +3 "yes" [came at step 2]
            0.002000001 < 127.0.0.1:4711 127.0.0.1:50000 . 1 4 +0
            0.005000000 < 127.0.0.1:4711 127.0.0.1:50000 R. 1 4 +0 [it failed]"#]],
    );
    check(SERVER, vec![Waits, Failed], &expect!["file: it failed"]);
}

#[test]
fn several_connections_one_of_which_went_elsewhere() {
    check(
        SERVER,
        vec![
            Connect(CLIENT),
            Connect("127.0.0.1:50001"),
            Accept,
            Received(b"one"),
            On::Event(Event::PassedOn(2)),
            On::Event(Event::ClientReset),
            // The client's port is used once more.
            Connect(CLIENT),
            Accept,
            Received(b"two"),
            Connect("127.0.0.1:50002"),
            Given("127.0.0.1:50003"),
            Accept,
            Received(b"three"),
            On::Event(Event::OtherFailed),
        ],
        &expect![[r#"
            file: it failed
            0.000000000 > 127.0.0.1:50000 127.0.0.1:4711 S 0 0 +0
            0.000000001 < 127.0.0.1:4711 127.0.0.1:50000 S. 0 1 +0
            0.000000002 > 127.0.0.1:50000 127.0.0.1:4711 . 1 1 +0
            0.003000000 > 127.0.0.1:50000 127.0.0.1:4711 P. 1 1 +3 "one" [came at step 2]
            0.003000001 < 127.0.0.1:4711 127.0.0.1:50000 . 1 4 +0
            0.005000000 > 127.0.0.1:50000 127.0.0.1:4711 R. 4 1 +0
            0.006000000 > 127.0.0.1:50000 127.0.0.1:4711 S 0 0 +0
            0.006000001 < 127.0.0.1:4711 127.0.0.1:50000 S. 0 1 +0
            0.006000002 > 127.0.0.1:50000 127.0.0.1:4711 . 1 1 +0
            0.008000000 > 127.0.0.1:50000 127.0.0.1:4711 P. 1 1 +3 "two" [came at step 2]
            0.008000001 < 127.0.0.1:4711 127.0.0.1:50000 . 1 4 +0
            0.009000000 > 127.0.0.1:50002 127.0.0.1:4711 S 0 0 +0
            0.009000001 < 127.0.0.1:4711 127.0.0.1:50002 S. 0 1 +0
            0.009000002 > 127.0.0.1:50002 127.0.0.1:4711 . 1 1 +0
            0.010000000 > 127.0.0.1:50003 127.0.0.1:4711 S 0 0 +0
            0.010000001 < 127.0.0.1:4711 127.0.0.1:50003 S. 0 1 +0
            0.010000002 > 127.0.0.1:50003 127.0.0.1:4711 . 1 1 +0
            0.011000000 < 127.0.0.1:4711 127.0.0.1:50000 F. 1 4 +0
            0.011000001 > 127.0.0.1:50000 127.0.0.1:4711 . 4 2 +0
            0.012000000 > 127.0.0.1:50003 127.0.0.1:4711 P. 1 1 +5 "three" [came at step 2]
            0.012000001 < 127.0.0.1:4711 127.0.0.1:50003 . 1 6 +0
            0.013000000 < 127.0.0.1:4711 127.0.0.1:50003 R. 1 6 +0
            0.013000001 < 127.0.0.1:4711 127.0.0.1:50002 R. 1 1 +0"#]],
    );
}

#[test]
fn two_scripts_are_merged_by_time() {
    let first = capture(vec![Connect(CLIENT), Accept, Waits, Received(b"1"), Waits, Received(b"3")]);
    let second = capture(vec![Waits, Connect("127.0.0.1:50001"), Accept, Waits, Received(b"2"), Failed]);
    expect![[r#"
        file: it failed
        0.000000000 > 127.0.0.1:50000 127.0.0.1:4711 S 0 0 +0
        0.000000001 < 127.0.0.1:4711 127.0.0.1:50000 S. 0 1 +0
        0.000000002 > 127.0.0.1:50000 127.0.0.1:4711 . 1 1 +0
        0.001000000 > 127.0.0.1:50001 127.0.0.1:4711 S 0 0 +0
        0.001000001 < 127.0.0.1:4711 127.0.0.1:50001 S. 0 1 +0
        0.001000002 > 127.0.0.1:50001 127.0.0.1:4711 . 1 1 +0
        0.003000000 > 127.0.0.1:50000 127.0.0.1:4711 P. 1 1 +1 "1" [came at script 1, step 2]
        0.003000001 < 127.0.0.1:4711 127.0.0.1:50000 . 1 2 +0
        0.004000000 > 127.0.0.1:50001 127.0.0.1:4711 P. 1 1 +1 "2" [came at script 2, step 2] [it failed]
        0.004000001 < 127.0.0.1:4711 127.0.0.1:50001 . 1 2 +0
        0.005000000 > 127.0.0.1:50000 127.0.0.1:4711 P. 2 1 +1 "3" [came at script 1, step 2]
        0.005000001 < 127.0.0.1:4711 127.0.0.1:50000 . 1 3 +0"#]]
    .assert_eq(&shown(SERVER, &[&first, &second]));
}

#[test]
fn what_tls_says_is_told_in_comments() {
    check(
        SERVER,
        vec![
            Connect(CLIENT),
            Accept,
            // The beginning of a hello, which was no plaintext.
            Received(b"plain\x16\x03"),
            TakeBack(2),
            Received(b"\x01"),
            TakeBack(1),
            On::Event(Event::CloseNotifySent),
            Received(b"secret"),
            On::Event(Event::CloseNotifyReceived),
            On::Event(Event::ClientEnded),
            On::Event(Event::HandedOver),
        ],
        &expect![[r#"
            file: it failed / behind the last packet: handed over to the test
            0.000000000 > 127.0.0.1:50000 127.0.0.1:4711 S 0 0 +0
            0.000000001 < 127.0.0.1:4711 127.0.0.1:50000 S. 0 1 +0
            0.000000002 > 127.0.0.1:50000 127.0.0.1:4711 . 1 1 +0
            0.002000000 > 127.0.0.1:50000 127.0.0.1:4711 P. 1 1 +5 "plain" [came at step 2]
            0.002000001 < 127.0.0.1:4711 127.0.0.1:50000 . 1 6 +0
            0.007000000 > 127.0.0.1:50000 127.0.0.1:4711 P. 6 1 +6 "secret" [sent close_notify] [came at step 2]
            0.007000001 < 127.0.0.1:4711 127.0.0.1:50000 . 1 12 +0
            0.008000000 > 127.0.0.1:50000 127.0.0.1:4711 F. 12 1 +0 [received close_notify]
            0.008000001 < 127.0.0.1:4711 127.0.0.1:50000 . 1 13 +0"#]],
    );
}

#[test]
fn what_is_taken_back_came_last_whatever_was_said_since() {
    check(
        SERVER,
        vec![Connect(CLIENT), Accept, Received(b"ab"), Sent(b"x"), On::Event(Event::CloseNotifySent), TakeBack(1)],
        &expect![[r#"
            file: it failed / behind the last packet: sent close_notify
            0.000000000 > 127.0.0.1:50000 127.0.0.1:4711 S 0 0 +0
            0.000000001 < 127.0.0.1:4711 127.0.0.1:50000 S. 0 1 +0
            0.000000002 > 127.0.0.1:50000 127.0.0.1:4711 . 1 1 +0
            0.002000000 > 127.0.0.1:50000 127.0.0.1:4711 P. 1 1 +1 "a" [came at step 2]
            0.002000001 < 127.0.0.1:4711 127.0.0.1:50000 . 1 2 +0
            0.003000000 < 127.0.0.1:4711 127.0.0.1:50000 P. 1 2 +1 "x" [sent by step 3]
            0.003000001 > 127.0.0.1:50000 127.0.0.1:4711 . 2 2 +0"#]],
    );
}

#[test]
fn a_comment_that_is_cut_ends_with_a_whole_character() {
    let comment = format!("x{}", "\u{e9}".repeat(30_000));
    let file = read(&Section { comment: comment.clone(), ..section(SERVER) }.write([]));
    assert_eq!(file.comments, [&comment[..59_999]]);
}

#[test]
fn addresses() {
    let ends = |server: &str, client: &'static str| {
        let file = read(&section(server).write([&capture(vec![Connect(client), Connect(client)])]));
        let second = if client.is_empty() { 3 } else { 0 };
        let name = if server.is_empty() { "scripted server in memory" } else { &format!("scripted server {server}") };
        assert_eq!(file.interface, *name);
        format!("{} > {}", file.packets[second].from, file.packets[second].to)
    };
    for (server, client, expected) in [
        (SERVER, CLIENT, "127.0.0.1:50000 > 127.0.0.1:4711"),
        ("[::1]:80", "[::1]:5", "[::1]:5 > [::1]:80"),
        ("10.0.0.1:80", "10.0.0.7:5", "10.0.0.7:5 > 10.0.0.1:80"),
        ("[fe80::1]:80", "[fe80::7]:5", "[fe80::7]:5 > [fe80::1]:80"),
        // In memory.
        ("", "", "192.0.2.2:49154 > 192.0.2.1:49152"),
        // On all addresses, and on those of both families.
        ("0.0.0.0:80", "127.0.0.7:5", "127.0.0.7:5 > 127.0.0.7:80"),
        ("0.0.0.0:80", "10.0.0.7:5", "10.0.0.7:5 > 0.0.0.0:80"),
        ("[::]:80", "[::1]:5", "[::1]:5 > [::1]:80"),
        ("[::]:80", "[::ffff:127.0.0.1]:5", "127.0.0.1:5 > 127.0.0.1:80"),
        ("[::]:80", "[fe80::7]:5", "[fe80::7]:5 > [::]:80"),
        // A session that stands alone.
        ("", "[fe80::7]:5", "[fe80::7]:5 > [2001:db8::1]:49152"),
    ] {
        assert_eq!(ends(server, client), expected, "{server} {client}");
    }
}

#[test]
fn long_sends_are_cut_where_a_packet_is_full() {
    let long: &'static [u8] = vec![7; 140_001].leak();
    for client in [CLIENT, "[::1]:5"] {
        let server = if client == CLIENT { SERVER } else { "[::1]:80" };
        let file = read(&section(server).write([&capture(vec![Connect(client), Accept, Sent(long), Received(long)])]));
        let lens: Vec<usize> = file.packets.iter().map(|packet| packet.len).collect();
        assert_eq!(lens, [0, 0, 0, 65_495, 65_495, 9_011, 0, 65_495, 65_495, 9_011, 0]);
        let flags: Vec<&str> = file.packets[3..7].iter().map(|packet| &*packet.flags).collect();
        assert_eq!(flags, [".", ".", "P.", "."]);
        assert!(file.payload(true) == long && file.payload(false) == long);
    }
}

/// Returns a capture with these limits, and a connection.
fn bounded(bytes: usize, moments: usize) -> Capture {
    let mut capture = Capture { limits: Limits { bytes, moments }, ..Capture::default() };
    capture.connected(at(0), None, false);
    capture.accepted(at(0));
    capture
}

#[test]
fn what_is_not_kept_is_still_counted() {
    let mut capture = bounded(100_000, 100);
    for millis in 1..=4 {
        capture.received(at(millis), &[1; 40_000], 0);
    }
    capture.event(at(50), &Event::ClientClosed);
    assert_eq!(capture.bytes.len(), 100_000);
    let file = read(&section("").write([&capture]));
    let lens = file.packets.iter().filter(|packet| packet.len > 0).map(|packet| (packet.payload.len(), packet.len));
    let expected = [(40_000, 40_000), (40_000, 40_000), (20_000, 40_000), (0, 40_000)];
    assert_eq!(lens.collect::<Vec<_>>(), expected);
    let end = &file.packets[file.packets.len() - 2];
    assert_eq!((&*end.flags, end.sequence, end.at), ("F.", 160_001, BEGAN + Duration::from_millis(50)));
}

#[test]
fn a_conversation_without_end_is_not_kept_for_ever() {
    let mut capture = bounded(100, 10);
    for millis in 1..=20 {
        capture.received(at(millis), b"x", 0);
    }
    assert_eq!((capture.moments.len(), capture.bytes.len()), (10, 9));
    let file = read(&section("").write([&capture]));
    assert_eq!(file.comments, ["it failed\nthe capture is not whole: it ends behind 10 moments of a script"]);
}

#[test]
fn a_clock_that_stands_still_has_packets_one_behind_the_other() {
    let mut capture = Capture::default();
    capture.connected(at(0), None, false);
    capture.accepted(at(0));
    capture.sent(at(0), b"x", 0);
    let file = read(&section("").write([&capture]));
    let times: Vec<u32> = file.packets.iter().map(|packet| packet.at.subsec_nanos()).collect();
    assert_eq!(times, [5, 6, 7, 8, 9]);
}

#[test]
fn what_is_noted_later_came_later() {
    let mut capture = bounded(100, 100);
    capture.received(at(7), b"first", 0);
    capture.sent(at(6), b"second", 0);
    let file = read(&section("").write([&capture]));
    assert_eq!(file.packets[5].payload, b"second");
    assert_eq!(file.packets[5].at, BEGAN + Duration::new(0, 7_000_002));
}

#[test]
fn a_session_captures_what_it_plays() {
    let mut session = Session::new(Config::default());
    session.start_capture();
    session.push(Step::expect_connect());
    session.push(Step::expect_bytes("Hello"));
    session.push(Step::send_bytes("olleH"));
    session.push(Step::expect_bytes("bye"));
    let drain = |session: &mut Session, now| loop {
        match session.poll_output(now) {
            Output::Wait(wait) if wait.send.is_empty() => break,
            Output::Wait(wait) => {
                let count = wait.send.len().min(3);
                session.handle_sent(now, count);
            }
            _ => {}
        }
    };
    let peer: SocketAddr = CLIENT.parse().unwrap();
    session.handle_connection(at(1), Some(peer));
    drain(&mut session, at(1));
    session.handle_bytes(at(2), b"Hel");
    drain(&mut session, at(2));
    session.handle_bytes(at(3), b"lo");
    drain(&mut session, at(4));
    session.handle_bytes(at(5), b"b");
    drain(&mut session, at(5));
    session.handle_timeout(at(2000));
    assert!(session.has_failed());
    session.record_reset(at(2000));
    drain(&mut session, at(2000));
    let summary = session.report("127.0.0.1:4711", Cause::Interrupted).summary().to_string();
    assert!(summary.contains("step 4 of 4 failed"), "{summary}");
    expect![[r#"
        file: it failed
        0.001000000 > 127.0.0.1:50000 127.0.0.1:4711 S 0 0 +0
        0.001000001 < 127.0.0.1:4711 127.0.0.1:50000 S. 0 1 +0
        0.001000002 > 127.0.0.1:50000 127.0.0.1:4711 . 1 1 +0
        0.002000000 > 127.0.0.1:50000 127.0.0.1:4711 P. 1 1 +3 "Hel" [came at step 2]
        0.002000001 < 127.0.0.1:4711 127.0.0.1:50000 . 1 4 +0
        0.003000000 > 127.0.0.1:50000 127.0.0.1:4711 P. 4 1 +2 "lo" [came at step 2]
        0.003000001 < 127.0.0.1:4711 127.0.0.1:50000 . 1 6 +0
        0.004000000 < 127.0.0.1:4711 127.0.0.1:50000 P. 1 6 +3 "oll" [sent by step 3]
        0.004000001 > 127.0.0.1:50000 127.0.0.1:4711 . 6 4 +0
        0.004000002 < 127.0.0.1:4711 127.0.0.1:50000 P. 4 6 +2 "eH" [sent by step 3]
        0.004000003 > 127.0.0.1:50000 127.0.0.1:4711 . 6 6 +0
        0.005000000 > 127.0.0.1:50000 127.0.0.1:4711 P. 6 6 +1 "b" [came at step 4]
        0.005000001 < 127.0.0.1:4711 127.0.0.1:50000 . 6 7 +0
        2.000000000 < 127.0.0.1:4711 127.0.0.1:50000 R. 6 7 +0 [it failed]"#]]
    .assert_eq(&shown(SERVER, session.capture().as_slice()));
}

/// It was taken for something else as long as no step had said that it is.
#[cfg(feature = "tls")]
#[test]
fn what_is_for_tls_is_not_captured_as_clear_text() {
    let mut session = Session::new(Config::default());
    session.start_capture();
    session.push(Step::expect_connect());
    session.handle_connection(at(1), None);
    assert!(matches!(session.poll_output(at(1)), Output::Accept));
    session.handle_bytes(at(2), b"\x16\x03\x01\x02\x00\x01");
    let payloads = |session: &Session| {
        let file = read(&section("").write(session.capture()));
        file.packets.iter().map(|packet| packet.payload.len()).sum::<usize>()
    };
    assert_eq!(payloads(&session), 6);
    session.push(Step::start_tls(crate::tls::Identity::new()));
    assert!(matches!(session.poll_output(at(3)), Output::Wait(_)));
    assert_eq!(payloads(&session), 0);
}

#[test]
fn a_session_closes_when_its_client_has() {
    let mut session = Session::new(Config::default());
    session.start_capture();
    session.push(Step::expect_connect());
    session.push(Step::expect_disconnect());
    session.handle_connection(at(1), None);
    assert!(matches!(session.poll_output(at(1)), Output::Accept));
    session.handle_eof(at(2));
    assert!(matches!(session.poll_output(at(3)), Output::Disconnect));
    let file = read(&section("").write(session.capture()));
    let flags: Vec<&str> = file.packets.iter().map(|packet| &*packet.flags).collect();
    assert_eq!(flags, ["S", "S.", ".", "F.", ".", "F.", "."]);
}

#[test]
fn a_session_that_was_not_told_to_captures_nothing() {
    assert!(Session::new(Config::default()).capture().is_none());
}
