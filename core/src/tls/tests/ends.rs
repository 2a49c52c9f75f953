//! How encrypted connections end, and what is left unread.

use super::*;
use crate::report::Client;

#[test]
fn the_server_says_that_it_closes() {
    let identity = Identity::new();
    let talk = greeted(&identity, vec![Step::disconnect()]);
    talk.passes();
    assert!(talk.ended && talk.client_was_told());
    expect![[r#"
        0.000 s  client connected
        0.000 s  TLS established: TLS 1.3, server name "localhost", no ALPN
        0.000 s  received 4 bytes  "ping"
        0.000 s  sent 4 bytes  "pong"
        0.000 s  sent close_notify
        0.000 s  server closed the connection"#]]
    .assert_eq(&talk.transcript());
}

#[test]
fn the_server_does_not_say_that_it_closes() {
    let identity = Identity::new();
    let talk = greeted(&identity, vec![Step::truncate()]);
    talk.passes();
    assert!(talk.ended && !talk.client_was_told());
    expect![[r#"
        0.000 s  client connected
        0.000 s  TLS established: TLS 1.3, server name "localhost", no ALPN
        0.000 s  received 4 bytes  "ping"
        0.000 s  sent 4 bytes  "pong"
        0.000 s  server sends no close_notify
        0.000 s  server closed the connection"#]]
    .assert_eq(&talk.transcript());
}

#[test]
fn half_of_a_connection_ends() {
    let identity = Identity::new();
    let mut talk = greeted(&identity, vec![Step::shutdown(), Step::expect_bytes("more"), Step::expect_disconnect()]);
    assert!(talk.ended && talk.client_was_told());
    talk.say(b"more");
    talk.close();
    talk.passes();
}

#[test]
fn a_close_notify_is_the_end_of_a_stream() {
    let identity = Identity::new();
    let mut talk = greeted(&identity, vec![Step::expect_eof(), Step::send_bytes("bye"), Step::expect_disconnect()]);
    talk.client.send_close_notify();
    talk.pump();
    assert_eq!(talk.received, b"pongbye");
    assert!(!talk.session.is_done(), "TCP goes on");
    talk.eof();
    talk.passes();
    expect![[r#"
        0.000 s  client connected
        0.000 s  TLS established: TLS 1.3, server name "localhost", no ALPN
        0.000 s  received 4 bytes  "ping"
        0.000 s  sent 4 bytes  "pong"
        0.000 s  received close_notify
        0.000 s  sent 3 bytes  "bye"
        0.000 s  client closed the connection, or its sending half"#]]
    .assert_eq(&talk.transcript());
}

#[test]
fn a_client_that_says_nothing_when_it_closes() {
    let identity = Identity::new();
    let mut talk = greeted(&identity, vec![Step::expect_disconnect()]);
    talk.eof();
    talk.passes();
    expect![[r#"
        0.000 s  client connected
        0.000 s  TLS established: TLS 1.3, server name "localhost", no ALPN
        0.000 s  received 4 bytes  "ping"
        0.000 s  sent 4 bytes  "pong"
        0.000 s  client sent no close_notify
        0.000 s  client closed the connection, or its sending half"#]]
    .assert_eq(&talk.transcript());
}

#[test]
fn a_client_that_keeps_its_connection() {
    let identity = Identity::new();
    let mut talk = greeted(&identity, vec![Step::expect_disconnect()]);
    talk.client.send_close_notify();
    talk.pump();
    talk.late();
    talk.fails(&expect![[r#"
        scripted server here: step 5 of 5 failed
          expect_disconnect() at core/src/tls/tests/ends.rs
          timed out waiting for the client to disconnect, after 1 s
          the client has shut down its sending half, and holds the connection
          usual cause: a client that closes when the server does: script it with expect_eof() and disconnect(); or
            something keeps its stream alive: a variable still in scope, the other half of a split stream"#]]);
}

#[test]
fn a_message_that_is_cut_short() {
    let identity = Identity::new();
    let mut talk = greeted(&identity, vec![Step::expect_bytes("more")]);
    talk.say(b"mo");
    talk.close();
    talk.fails(&expect![[r#"
        scripted server here: step 5 of 5 failed
          expect_bytes("more") at core/src/tls/tests/ends.rs
          the client closed the connection, or its sending half, after 2 of 4 bytes
            expected  00000000  6d 6f 72 65                                       more
            received  00000000  6d 6f                                             mo"#]]);
}

#[test]
fn what_is_left_unread_is_counted_as_it_was_meant() {
    let identity = Identity::new();
    // A record of so many bytes is 22 bytes longer on the wire.
    for (wire, expected) in [(1, 3), (25, 3), (26, 7), (26 + 25, 7)] {
        let mut talk = greeted(&identity, vec![Step::send_bytes("bye"), Step::expect_disconnect()]);
        talk.session.handle_peer(talk.now, Peer::Closed { unread: Some(wire) });
        talk.session.handle_reset(talk.now);
        let cause = Cause::Unread { sent: 7, unread: Some(expected) };
        assert_eq!(talk.report().cause(), &cause, "{wire} bytes of the wire");
        talk.obey();
        let text = talk.report().to_string();
        let bytes = if expected == 3 { "62 79 65 " } else { "70 6f 6e 67 62 79 65" };
        assert!(text.contains(bytes), "{text}");
    }
}

#[test]
fn what_was_sent_in_clear_is_unread_too() {
    let identity = Identity::new();
    let mut talk = Talk::of(&identity, mail(&identity));
    talk.raw(b"STARTTLS\r\n");
    talk.pump();
    let wire = talk.wire as u64;
    talk.session.handle_peer(talk.now, Peer::Open { unread: Some(wire) });
    talk.session.handle_peer(talk.now, Peer::Closed { unread: Some(wire - 2) });
    talk.session.handle_reset(talk.now);
    let text = talk.report().to_string();
    assert!(text.contains("20 of the 22 bytes"), "{text}");
}

/// The configuration of the identity, but with the tickets that a server usually sends behind the handshake.
fn with_tickets(identity: &Identity) -> ServerConfig {
    let mut config = (*identity.tls().config).clone();
    config.send_tls13_tickets = 2;
    config
}

#[test]
fn what_only_tls_has_sent_may_be_left_unread() {
    let identity = Identity::new();
    let config = with_tickets(&identity);
    let script = |sends: bool| {
        let mut script = vec![Step::expect_connect(), Step::start_tls(Arc::new(config.clone()))];
        script.extend(sends.then(|| Step::send_bytes("pong")));
        script.push(Step::expect_bytes("ping"));
        script.push(Step::expect_disconnect());
        script
    };
    // All of that, or it had gone before any of it came.
    for peer in [Some(Peer::Closed { unread: Some(100) }), Some(Peer::Closed { unread: Some(0) }), None] {
        let mut talk = Talk::of(&identity, script(false));
        talk.pump();
        talk.say(b"ping");
        peer.into_iter().for_each(|peer| talk.session.handle_peer(talk.now, peer));
        talk.session.handle_reset(talk.now);
        talk.obey();
        talk.passes();
    }
    // A client that is known to have reset the connection on purpose has aborted it.
    let mut talk = Talk::of(&identity, script(false));
    talk.pump();
    talk.say(b"ping");
    talk.session.handle_peer(talk.now, Peer::Aborted);
    talk.session.handle_reset(talk.now);
    assert_eq!(talk.report().cause(), &Cause::Aborted);
    // Behind what the script has sent there are no tickets.
    let mut talk = Talk::of(&identity, script(true));
    talk.pump();
    talk.say(b"ping");
    talk.session.handle_reset(talk.now);
    assert_eq!(talk.report().cause(), &Cause::Unread { sent: 4, unread: None });
}

#[test]
fn a_client_that_does_not_read_a_close_notify() {
    let identity = Identity::new();
    for unread in [Some(24), None] {
        let mut talk = greeted(&identity, vec![Step::shutdown(), Step::expect_disconnect()]);
        unread.into_iter().for_each(|count| {
            talk.session.handle_peer(talk.now, Peer::Closed { unread: Some(count) });
        });
        talk.session.handle_reset(talk.now);
        talk.obey();
        talk.passes();
    }
}

#[test]
fn a_close_notify_that_does_not_get_through() {
    let identity = Identity::new();
    let mut talk = Talk::of(&identity, vec![Step::expect_connect(), Step::start_tls(&identity)]);
    talk.pump();
    talk.session.push(Step::disconnect());
    assert!(matches!(talk.session.poll_output(talk.now), Output::Wait(wait) if !wait.send.is_empty()));
    talk.session.handle_send_failed(talk.now);
    talk.obey();
    talk.passes();

    // To a client that takes nothing any more, it is late.
    let mut talk = Talk::of(&identity, vec![Step::expect_connect(), Step::start_tls(&identity)]);
    talk.pump();
    talk.session.push(Step::disconnect());
    assert!(matches!(talk.session.poll_output(talk.now), Output::Wait(wait) if !wait.send.is_empty()));
    talk.late();
    talk.fails(&expect![[r#"
        scripted server here: step 3 of 3 failed
          disconnect() at core/src/tls/tests/ends.rs
          timed out sending, after 1 s: 0 of 24 bytes taken so far
          the client is still connected
          usual cause: the client does not read, or not fast enough"#]]);
}

#[test]
fn a_server_that_reads_lazily_takes_a_record_at_a_time() {
    let identity = Identity::new();
    let mut talk = greeted(&identity, vec![Step::stop_reading(), Step::expect_bytes("one"), Step::expect_bytes("two")]);
    let (one, two) = (talk.records(b"one"), talk.records(b"two"));
    let appetite = |talk: &mut Talk| match talk.session.poll_output(talk.now) {
        Output::Wait(wait) => wait.receive,
        other => panic!("{other:?}"),
    };
    assert_eq!(appetite(&mut talk), 5);
    talk.raw(&one[..5]);
    assert_eq!(appetite(&mut talk), one.len() - 5);
    talk.raw(&one[5..]);
    assert_eq!((talk.session.done(), appetite(&mut talk)), (6, 5));
    talk.raw(&two);
    talk.passes();
    assert_eq!(appetite(&mut talk), 0);
    // Nor does it where a step waits for something else.
    talk.session.push(Step::hold("on"));
    assert_eq!(appetite(&mut talk), 0);
}

#[test]
fn a_server_that_reads_lazily_reads_no_more_before_it_has_looked_at_what_has_come() {
    let identity = Identity::new();
    let lines = crate::framing::Framing::lines();
    // What comes behind the message that is answered is another, or no TLS at all.
    for is_right in [true, false] {
        let rule = Step::anytime(&lines, "PING", "PONG");
        let mut talk = greeted(&identity, vec![Step::stop_reading(), rule, Step::expect_frame(&lines, "QUIT")]);
        let ping = talk.records(b"PING\r\n");
        let behind = if is_right { talk.records(b"QUIT\r\n") } else { b"hello?".to_vec() };
        talk.session.handle_bytes(talk.now, &[ping, behind].concat());
        let Output::Wait(wait) = talk.session.poll_output(talk.now) else { panic!("it has an answer to send") };
        assert!(!wait.send.is_empty() && wait.receive == 0, "{wait:?}");
        talk.obey();
        assert!(if is_right { talk.session.is_done() } else { talk.session.has_failed() });
    }
}

#[test]
fn a_rule_answers_in_tls() {
    let identity = Identity::new();
    let lines = crate::framing::Framing::lines();
    let mut talk = greeted(
        &identity,
        vec![Step::anytime(&lines, "PING", "PONG"), Step::expect_frame(&lines, "QUIT"), Step::disconnect()],
    );
    talk.say(b"PING\r\nPING\r\nQUIT\r\n");
    talk.passes();
    assert_eq!(talk.received, b"pongPONG\r\nPONG\r\n");
}

/// A client may have sent and closed all before the server has said what it has to.
#[test]
fn the_end_of_tcp_comes_behind_what_came_in_tls() {
    let identity = Identity::new();
    let mut talk = greeted(&identity, vec![]);
    talk.session.push(Step::send_bytes("first"));
    talk.session.push(Step::expect_bytes("more"));
    talk.session.push(Step::expect_disconnect());
    assert!(matches!(talk.session.poll_output(talk.now), Output::Wait(wait) if !wait.send.is_empty()));
    let wire = talk.records(b"more");
    talk.session.handle_bytes(talk.now, &wire);
    talk.session.handle_eof(talk.now);
    assert!(!talk.transcript().contains("more"), "the script has something to say first");
    talk.obey();
    talk.passes();
    assert!(talk.transcript().contains("received 4 bytes  \"more\"\n"), "{}", talk.transcript());
}

#[test]
fn a_close_notify_does_not_end_a_stream_that_was_reset() {
    let identity = Identity::new();
    let mut talk = greeted(&identity, vec![]);
    talk.session.push(Step::send_bytes("first"));
    assert!(matches!(talk.session.poll_output(talk.now), Output::Wait(wait) if !wait.send.is_empty()));
    talk.client.send_close_notify();
    let wire = talk.records(b"");
    talk.session.handle_bytes(talk.now, &wire);
    talk.session.handle_send_failed(talk.now);
    talk.obey();
    expect![[r#"
        0.000 s  client connected
        0.000 s  TLS established: TLS 1.3, server name "localhost", no ALPN
        0.000 s  received 4 bytes  "ping"
        0.000 s  sent 4 bytes  "pong"
        0.000 s  client reset the connection
        0.000 s  received close_notify"#]]
    .assert_eq(&talk.transcript());
    talk.fails(&expect![[r#"
        scripted server here: step 5 of 5 failed
          send_bytes("first") at core/src/tls/tests/ends.rs
          the client had already closed the connection: 5 bytes were never delivered"#]]);
    assert_eq!(talk.report().client(), Client::Reset);
}

#[test]
fn what_is_not_looked_at_yet_is_bounded() {
    let identity = Identity::new();
    let mut talk = greeted(&identity, vec![]);
    talk.session.push(Step::send_bytes("first"));
    assert!(matches!(talk.session.poll_output(talk.now), Output::Wait(wait) if wait.receive > 0));
    talk.session.handle_bytes(talk.now, &vec![0x17; 16 << 20]);
    assert!(matches!(talk.session.poll_output(talk.now), Output::Wait(wait) if wait.receive == 0));
}

#[test]
fn what_tls_cannot_send_any_more_is_forgotten() {
    let identity = Identity::new();
    let mut config = (*identity.tls().config).clone();
    assert_eq!(config.send_tls13_tickets, 0, "a client need not read them");
    config.send_tls13_tickets = 2;
    let mut talk = Talk::of(&identity, vec![Step::expect_connect(), Step::start_tls(Arc::new(config))]);
    talk.pump_hello();
    let finished = talk.records(b"");
    talk.session.handle_bytes(talk.now, &finished);
    assert!(talk.session.is_done(), "the tickets are none of its business");
    assert!(matches!(talk.session.poll_output(talk.now), Output::Wait(wait) if !wait.send.is_empty()));
    talk.session.handle_send_failed(talk.now);
    assert!(matches!(talk.session.poll_output(talk.now), Output::Wait(wait) if wait.send.is_empty()));
}

#[test]
fn records_are_as_long_as_the_configuration_says() {
    let identity = Identity::new();
    let mut config = (*identity.tls().config).clone();
    config.max_fragment_size = Some(105);
    let script = vec![
        Step::expect_connect(),
        Step::start_tls(Arc::new(config)),
        Step::send_bytes([b'x'; 250]),
        Step::expect_disconnect(),
    ];
    let mut talk = Talk::of(&identity, script);
    talk.pump();
    assert_eq!(talk.received.len(), 250);
    talk.session.handle_peer(talk.now, Peer::Open { unread: Some(73) });
    talk.session.handle_peer(talk.now, Peer::Closed { unread: Some(72 + 1) });
    talk.session.handle_reset(talk.now);
    assert_eq!(talk.report().cause(), &Cause::Unread { sent: 250, unread: Some(150) });
}

#[test]
fn what_was_sent_long_ago_is_unread_as_well() {
    let identity = Identity::new();
    let mut script = vec![Step::expect_connect(), Step::start_tls(&identity)];
    script.extend((0..5000).map(|_| Step::send_bytes("x")));
    script.push(Step::wait_until_read());
    let mut talk = Talk::of(&identity, vec![]);
    script.iter().for_each(|step| _ = talk.session.push(step.clone()));
    talk.obey();
    talk.pump();
    talk.session.handle_peer(talk.now, Peer::Open { unread: Some(23 * 5000) });
    assert!(!talk.session.is_done());
    talk.session.handle_peer(talk.now, Peer::Closed { unread: Some(23 * 4999) });
    talk.session.handle_reset(talk.now);
    assert_eq!(talk.report().cause(), &Cause::Unread { sent: 5000, unread: Some(4999) });
}

/// In TLS 1.2 it is the server that ends the handshake: behind it, a client that is cut off has its connection.
#[test]
fn the_handshake_is_done_when_the_client_can_know() {
    for (version, waits) in [(&rustls::version::TLS12, true), (&rustls::version::TLS13, false)] {
        let identity = Identity::new();
        let own = Arc::new(with_tickets(&identity));
        let script = vec![Step::expect_connect(), Step::start_tls(own), Step::hand_over()];
        let mut talk = Talk::new(client_config(&identity, &[version]), "localhost", script);
        talk.pump_hello();
        let finished = talk.records(b"");
        talk.session.handle_bytes(talk.now, &finished);
        let waiting = matches!(talk.session.poll_output(talk.now), Output::Wait(wait) if !wait.send.is_empty());
        assert_eq!((waiting, talk.session.is_done()), (waits, !waits), "{version:?}");
        talk.obey();
        assert!(talk.session.is_done(), "{version:?}");
        assert!(!talk.client.is_handshaking());
    }
}

/// A client that is gone is not waited for: what comes behind tells.
#[test]
fn the_last_word_of_a_handshake_may_reach_nobody() {
    let identity = Identity::new();
    let script = vec![Step::expect_connect(), Step::start_tls(&identity), Step::expect_bytes("ping")];
    let mut talk = Talk::new(client_config(&identity, &[&rustls::version::TLS12]), "localhost", script);
    talk.pump_hello();
    let finished = talk.records(b"");
    talk.session.handle_bytes(talk.now, &finished);
    talk.session.handle_reset(talk.now);
    assert_eq!((talk.report().step(), matches!(talk.report().cause(), Cause::Closed { .. })), (Some(3), true));
}

#[test]
fn what_comes_behind_a_close_notify_counts_for_nothing_in_part_as_well() {
    let identity = Identity::new();
    for junk in [&[0x17, 3, 3][..], &[0x17, 3, 3, 0, 9, 1], &[0x17, 3, 3, 0, 1, 1]] {
        let mut talk = greeted(&identity, vec![Step::expect_eof(), Step::expect_disconnect()]);
        talk.client.send_close_notify();
        talk.pump();
        talk.raw(junk);
        talk.eof();
        talk.passes();
    }
}

#[test]
fn the_end_of_a_connection_is_not_that_of_the_next() {
    let identity = Identity::new();
    let next = vec![Step::expect_connect(), Step::start_tls(&identity), Step::disconnect()];
    let mut talk = greeted(&identity, next);
    talk.session.handle_connection(talk.now, None);
    talk.client.send_close_notify();
    talk.pump();
    // What is known of the first client has the second be taken; then comes the end of the first one's TCP stream.
    talk.session.handle_peer(talk.now, Peer::Closed { unread: Some(0) });
    talk.session.handle_eof(talk.now);
    assert!(matches!(talk.session.poll_output(talk.now), Output::Accept));
    assert!(!talk.session.has_failed() && talk.session.is_connected());
    let transcript = talk.session.transcript().to_string();
    assert_eq!(transcript.matches("client closed the connection").count(), 1, "{transcript}");
}

/// Once in TLS and once in TCP: it is told once.
#[test]
fn the_end_of_a_stream_is_told_once() {
    let identity = Identity::new();
    for (peer, told) in [
        (Peer::Closed { unread: Some(0) }, "received close_notify\n    0.000 s  client closed the connection"),
        (Peer::Open { unread: Some(0) }, "received close_notify"),
    ] {
        let mut talk = greeted(&identity, vec![Step::expect_disconnect()]);
        talk.client.send_close_notify();
        talk.pump();
        talk.session.handle_peer(talk.now, peer);
        talk.eof();
        let transcript = talk.transcript();
        assert!(transcript.ends_with(&told.replace("    ", "")), "{transcript}");
    }
}

#[test]
fn a_record_that_is_cut_is_no_end() {
    let identity = Identity::new();
    for (kept, words) in [(3, "3 bytes of its header had come"), (10, "10 of its 25 bytes had come")] {
        let mut talk = greeted(&identity, vec![Step::expect_disconnect()]);
        let record = talk.records(b"one");
        talk.raw(&record[..kept]);
        talk.session.handle_eof(talk.now);
        let text = talk.report().to_string();
        assert!(text.contains(&format!("the client ended its stream within a TLS record: {words}")), "{text}");
    }
}

#[test]
fn what_is_no_good_goes_with_a_connection_that_is_given_away() {
    let identity = Identity::new();
    let mut talk = greeted(&identity, vec![Step::expect_bytes("x"), Step::hand_over()]);
    let mut bytes = talk.records(b"x");
    bytes.extend(b"clear");
    talk.session.handle_bytes(talk.now, &bytes);
    let Output::HandOver { received, .. } = talk.session.poll_output(talk.now) else { panic!("it is given away") };
    assert_eq!(received, b"");
    let mut channel = talk.session.take_channel().unwrap();
    assert!(channel.next().unwrap().trouble.is_some());
}

#[test]
fn a_fault_is_not_made_behind_the_end_nor_to_a_client_that_is_gone() {
    let identity = Identity::new();
    let mut talk = greeted(&identity, vec![Step::shutdown(), Step::truncate()]);
    talk.obey();
    assert_eq!(talk.report().cause(), &Cause::ShutDown { by: 5 });

    let mut talk = Talk::of(&identity, vec![Step::expect_connect(), Step::refuse_tls(Alert::INTERNAL_ERROR)]);
    let mut hello = Vec::new();
    talk.client.write_tls(&mut hello).unwrap();
    talk.session.handle_bytes(talk.now, &hello);
    assert!(matches!(talk.session.poll_output(talk.now), Output::Wait(wait) if wait.send.len() == 7));
    talk.session.handle_send_failed(talk.now);
    assert_eq!(talk.report().cause(), &Cause::NotDelivered { bytes: 7 });
    assert!(!talk.session.transcript().to_string().contains("sent the TLS alert"));
}

/// A client has all that TLS itself has for it, as it would have of a server that dies afterwards.
#[test]
fn a_stream_is_truncated_behind_what_tls_has_to_say() {
    let identity = Identity::new();
    let own = Arc::new(with_tickets(&identity));
    let mut talk = Talk::of(&identity, vec![Step::expect_connect(), Step::start_tls(own), Step::truncate()]);
    talk.pump_hello();
    let finished = talk.records(b"");
    talk.session.handle_bytes(talk.now, &finished);
    // Its tickets.
    assert!(matches!(talk.session.poll_output(talk.now), Output::Wait(wait) if !wait.send.is_empty()));
    assert!(!talk.ended);
    talk.obey();
    assert!(talk.ended && !talk.client_was_told());
}

/// What comes along with the client's hello (0-RTT) is what the client says, as all else.
#[test]
fn early_data_is_data() {
    let identity = Identity::new();
    let mut own = with_tickets(&identity);
    own.max_early_data_size = 1000;
    let own = Arc::new(own);
    let mut config = identity.client_config();
    config.enable_early_data = true;
    let script = || {
        vec![
            Step::expect_connect(),
            Step::start_tls(Arc::clone(&own)),
            Step::expect_bytes("early"),
            Step::send_bytes("pong"),
            Step::expect_bytes("late"),
            Step::expect_disconnect(),
        ]
    };
    // The tickets of the first connection serve the others, which have to share its configuration.
    let mut talk = Talk::new(config.clone(), "localhost", script());
    talk.pump();
    talk.say(b"early");
    talk.say(b"late");
    talk.close();
    talk.passes();
    for cut in [Cut::Whole, Cut::Each] {
        let mut talk = Talk::new(config.clone(), "localhost", script()).cut(cut);
        talk.client.early_data().unwrap().write_all(b"early").unwrap();
        talk.pump();
        assert!(talk.client.is_early_data_accepted(), "{cut:?}");
        assert_eq!(talk.received, b"pong", "{cut:?}");
        talk.say(b"late");
        talk.close();
        talk.passes();
    }
}
