//! Steps that are played or not, again and again, or at any time; and a server that does not read.

use expect_test::expect;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tcpclient_core::pattern::Pattern;
use tcpclient_core::reply::Reply;
use tcpclient_core::server::{Block, Pushed};
use tcpclient_tests::prelude::*;

/// A client that says something and reads a reply of so many bytes.
async fn ask(client: &mut Client, question: &[u8], reply: usize) -> Vec<u8> {
    client.write_all(question).await.unwrap();
    let mut bytes = vec![0; reply];
    client.read_exact(&mut bytes).await.unwrap();
    bytes
}

fn greet(server: &Script) -> Block<Pushed> {
    let question = server.optional(|server| {
        let question = server.expect_line("STARTTLS");
        server.send_line("no");
        question
    });
    server.expect_line("HELLO");
    server.send_line("hi");
    question
}

on_every_stage!(what_is_optional_is_played_or_skipped);
async fn what_is_optional_is_played_or_skipped(stage: Stage) {
    let server = stage.bind().await;
    let mut greetings = Vec::new();
    server.repeat(2, |server| {
        server.expect_connect();
        greetings.push(greet(server));
        server.expect_disconnect();
    });
    let mut client = server.connect().await;
    // Both in one write: what comes behind the optional message waits for its step.
    assert_eq!(ask(&mut client, b"STARTTLS\r\nHELLO\r\n", 8).await, b"no\r\nhi\r\n");
    drop(client);
    let mut client = server.connect().await;
    assert_eq!(ask(&mut client, b"HELLO\r\n", 4).await, b"hi\r\n");
    drop(client);
    server.finish().await;
    let counts: Vec<_> = greetings.iter().map(|question| (question.count(), question.value.count())).collect();
    assert_eq!(counts, [(1, 1), (0, 0)]);
    assert_eq!(greetings[0].bytes().as_deref(), Some(&b"STARTTLS"[..]));
}

on_every_stage!(what_is_optional_is_skipped_at_its_deadline);
async fn what_is_optional_is_skipped_at_its_deadline(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    let quiet = server.optional(|server| {
        server.expect_line("ME FIRST");
    });
    quiet.within(SHORT).named("patience");
    server.send_line("220 ready");
    let mut client = server.connect().await;
    assert_eq!(ask(&mut client, b"", 11).await, b"220 ready\r\n");
    drop(client);
    server.finish().await;
}

on_every_stage!(what_comes_instead_of_an_optional_message_is_judged_behind_it);
async fn what_comes_instead_of_an_optional_message_is_judged_behind_it(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    let optional = server.optional(|server| {
        server.expect_line("AUTH");
        server.send_line("ok");
    });
    optional.named("login");
    server.expect_line("HELLO");
    let mut client = server.connect().await;
    client.write_all(b"HELP\r\n").await.unwrap();
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 5 of 5 failed
          expect_line("HELLO") at tests/tests/conformance/flow.rs:LINE
          wrong line: byte 3 differs: expected 0x4c 'L', received 0x50 'P'
            expected  00000000  48 45 4c 4c 4f                                    HELLO
            received  00000000  48 45 4c 50 0d 0a                                 HELP..
                                         ^^
          the client is still connected

          script
            ok    1  expect_connect()            tests/tests/conformance/flow.rs:LINE
            ok    2  optional(..) named "login"  tests/tests/conformance/flow.rs:LINE
            skip  3    expect_line("AUTH")       tests/tests/conformance/flow.rs:LINE
            skip  4    send_line("ok")           tests/tests/conformance/flow.rs:LINE
            FAIL  5  expect_line("HELLO")        tests/tests/conformance/flow.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  received 6 bytes  "HELP\r\n"
            0.000 s  reset by the script's failure

          told by try_join() at tests/tests/conformance/flow.rs:LINE"#]]
    .assert_eq(&server.failure().await);
    drop(client);
}

on_every_stage!(a_loop_goes_on_until_the_client_leaves);
async fn a_loop_goes_on_until_the_client_leaves(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    let requests = server.repeat_until_disconnect(|server| {
        let asked = server.expect_line(Pattern::prefix("ECHO "));
        server.reply(|line| [&line[5..], b"\n"].concat());
        asked
    });
    server.expect_connect();
    server.send_line("again");
    assert_eq!(requests.count(), 0);
    let mut client = server.connect().await;
    for word in ["one", "two", "three"] {
        let question = format!("ECHO {word}\n");
        assert_eq!(ask(&mut client, question.as_bytes(), word.len() + 1).await, &question.as_bytes()[5..]);
    }
    drop(client);
    let mut client = server.connect().await;
    assert_eq!(ask(&mut client, b"", 7).await, b"again\r\n");
    drop(client);
    server.finish().await;
    let asked = &requests.value;
    assert_eq!((requests.count(), asked.count(), asked.bytes().as_deref()), (3, 3, Some(&b"ECHO three"[..])));
}

on_every_stage!(a_loop_of_alternatives_ends_with_the_one_that_disconnects);
async fn a_loop_of_alternatives_ends_with_the_one_that_disconnects(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.repeat_until_disconnect(|server| {
        server.optional(|server| {
            server.expect_line("DATE");
            server.send_line("2001-01-01");
        });
        server.optional(|server| {
            server.expect_line("QUIT");
            server.send_line("bye");
            server.disconnect();
        });
    });
    let mut client = server.connect().await;
    assert_eq!(ask(&mut client, b"DATE\n", 12).await, b"2001-01-01\r\n");
    assert_eq!(ask(&mut client, b"DATE\n", 12).await, b"2001-01-01\r\n");
    client.write_all(b"QUIT\n").await.unwrap();
    assert_eq!(client.read_to_end().await.unwrap(), b"bye\r\n");
    drop(client);
    server.finish().await;
}

on_every_stage!(none_of_the_alternatives_is_what_came);
async fn none_of_the_alternatives_is_what_came(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.repeat_until_disconnect(|server| {
        server.optional(|server| {
            server.expect_line("DATE");
            server.send_line("2001-01-01");
        });
        server.optional(|server| {
            server.expect_line("TIME");
            server.send_line("00:00");
        });
    });
    let mut client = server.connect().await;
    assert_eq!(ask(&mut client, b"TIME\n", 7).await, b"00:00\r\n");
    client.write_all(b"DAYS\n").await.unwrap();
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 8 failed
          repeat_until_disconnect(..), round 2 at tests/tests/conformance/flow.rs:LINE
          unexpected data while waiting for a message that one of its blocks takes, or for the client to disconnect
            received  00000000  44 41 59 53 0a                                    DAYS.
          the client is still connected

          script
            ok    1  expect_connect()                      tests/tests/conformance/flow.rs:LINE
            FAIL  2  repeat_until_disconnect(..), round 2  tests/tests/conformance/flow.rs:LINE
            --    3    optional(..)                        tests/tests/conformance/flow.rs:LINE
            skip  4      expect_line("DATE")               tests/tests/conformance/flow.rs:LINE
            skip  5      send_line("2001-01-01")           tests/tests/conformance/flow.rs:LINE
            --    6    optional(..)                        tests/tests/conformance/flow.rs:LINE
            skip  7      expect_line("TIME")               tests/tests/conformance/flow.rs:LINE
            skip  8      send_line("00:00")                tests/tests/conformance/flow.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  received 5 bytes  "TIME\n"
            0.000 s  sent 7 bytes  "00:00\r\n"
            0.000 s  received 5 bytes  "DAYS\n"
            0.000 s  reset by the script's failure

          told by try_join() at tests/tests/conformance/flow.rs:LINE"#]]
    .assert_eq(&server.failure().await);
    drop(client);
}

on_every_stage!(a_round_that_fails);
async fn a_round_that_fails(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.repeat_until_disconnect(|server| {
        server.expect_line("GET");
        server.send_line("value");
        server.expect_line("ACK");
    });
    let mut client = server.connect().await;
    assert_eq!(ask(&mut client, b"GET\n", 7).await, b"value\r\n");
    assert_eq!(ask(&mut client, b"ACK\nGET\n", 7).await, b"value\r\n");
    drop(client);
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 5 of 5 failed
          expect_line("ACK") at tests/tests/conformance/flow.rs:LINE, in round 2
          the client closed the connection before line "ACK"
          usual cause: a buffered writer that is dropped without a flush, or a client that gives up early

          script
            ok    1  expect_connect()                      tests/tests/conformance/flow.rs:LINE
            ok    2  repeat_until_disconnect(..), round 2  tests/tests/conformance/flow.rs:LINE
            ok    3    expect_line("GET")                  tests/tests/conformance/flow.rs:LINE
            ok    4    send_line("value")                  tests/tests/conformance/flow.rs:LINE
            FAIL  5    expect_line("ACK")                  tests/tests/conformance/flow.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  received 4 bytes  "GET\n"
            0.000 s  sent 7 bytes  "value\r\n"
            0.000 s  received 8 bytes  "ACK\nGET\n"
            0.000 s  sent 7 bytes  "value\r\n"
            0.000 s  client closed the connection

          told by try_join() at tests/tests/conformance/flow.rs:LINE"#]]
    .assert_eq(&server.failure().await);
}

on_every_stage!(a_loop_that_nobody_begins_is_too_late);
async fn a_loop_that_nobody_begins_is_too_late(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.repeat_until_disconnect(|server| {
        server.expect_line("GET").within(SHORT);
    });
    let client = server.connect().await;
    let failure = server.failure().await;
    drop(client);
    let head = failure.split("\n\n").next().unwrap();
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 3 of 3 failed
          expect_line("GET") at tests/tests/conformance/flow.rs:LINE, in round 1
          timed out waiting for line "GET" or for the client to disconnect, after 10 ms: nothing arrived
          the client is still connected
          usual cause: a buffered writer that is not flushed, or a client that waits for something else first"#]]
    .assert_eq(head);
}

on_every_stage!(a_loop_of_alternatives_does_not_wait_for_ever);
async fn a_loop_of_alternatives_does_not_wait_for_ever(stage: Stage) {
    let server = stage.builder().deadline(SHORT).bind().await;
    server.expect_connect().within(Duration::from_secs(20));
    server.repeat_until_disconnect(|server| {
        server.optional(|server| server.expect_line("DATE"));
        server.optional(|server| server.expect_line("TIME"));
    });
    let client = server.connect().await;
    let failure = server.failure().await;
    drop(client);
    let head = failure.split("\n\n").next().unwrap();
    let head = head.replace(head.split("after ").nth(1).unwrap().split(':').next().unwrap(), "20 ms");
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 6 failed
          repeat_until_disconnect(..), round 1 at tests/tests/conformance/flow.rs:LINE
          timed out waiting for a message that one of its blocks takes, or for the client to disconnect, after 20 ms: nothing arrived
          the client is still connected
          usual cause: a buffered writer that is not flushed, or a client that waits for something else first"#]].assert_eq(&head);
}

/// A client that asks as fast as it can, and takes the answers.
async fn flood(mut client: Client) {
    let mut answers = vec![0; 4096];
    while client.write_all(&b"P\n".repeat(100)).await.is_ok()
        && client.read(&mut answers).await.is_ok_and(|count| count > 0)
    {}
}

on_every_stage!(a_client_that_never_stops_keeps_nobody_waiting);
async fn a_client_that_never_stops_keeps_nobody_waiting(stage: Stage) {
    let server = stage.builder().framing(Framing::lines()).bind().await;
    server.anytime("P", "Q");
    server.expect_connect();
    let client = stage.spawn({
        let client = server.try_connect();
        async move { flood(client.await.unwrap()).await }
    });
    server.join().await;
    server.pause(SHORT);
    server.mark("on");
    server.reached("on").await;
    server.expect_frame("never").within(SHORT);
    let failure = server.failure().await;
    assert!(failure.contains("timed out waiting for frame \"never\""), "{failure}");
    client.await;
}

on_every_stage!(a_client_that_never_stops_does_not_keep_a_server_from_its_end);
async fn a_client_that_never_stops_does_not_keep_a_server_from_its_end(stage: Stage) {
    // What the flood costs is paid as long as the deadline of `finish` lasts.
    let server = stage.builder().framing(Framing::lines()).deadline(Duration::from_millis(100)).bind().await;
    server.anytime("P", "Q");
    server.expect_connect().within(Duration::from_secs(5));
    let client = stage.spawn({
        let client = server.try_connect();
        async move { flood(client.await.unwrap()).await }
    });
    server.join().await;
    let failure = server.try_finish().await.unwrap_err().to_string();
    assert!(failure.contains("timed out waiting for the client to disconnect"), "{failure}");
    client.await;
}

on_every_stage!(what_comes_at_any_time_is_answered);
async fn what_comes_at_any_time_is_answered(stage: Stage) {
    let server = stage.builder().framing(Framing::lines()).bind().await;
    let pings = server.anytime("PING", "PONG").named("keep-alive");
    let logs = server.anytime(Pattern::prefix("LOG "), Reply::none());
    let echos = server.anytime(Pattern::prefix("ECHO "), Reply::bytes_with(|line| line[5..].to_vec()));
    server.expect_connect();
    server.expect_frame("GET");
    server.hold("late");
    server.send_line("value");
    server.expect_disconnect();

    let mut client = server.connect().await;
    assert_eq!(ask(&mut client, b"PING\nGET\n", 6).await, b"PONG\r\n");
    assert_eq!(ask(&mut client, b"LOG x\nLOG y\nECHO .\nPING\n", 7).await, b".PONG\r\n");
    server.release("late");
    assert_eq!(ask(&mut client, b"", 7).await, b"value\r\n");
    assert_eq!(ask(&mut client, b"PING\n", 6).await, b"PONG\r\n");
    drop(client);
    server.join().await;
    assert_eq!((pings.count(), logs.count(), echos.count()), (3, 2, 1));
    assert_eq!(logs.bytes().unwrap(), b"LOG y");
    server.finish().await;
}

on_every_stage!(a_rule_that_is_used_up);
async fn a_rule_that_is_used_up(stage: Stage) {
    let server = stage.builder().framing(Framing::lines()).bind().await;
    server.anytime("PING", "PONG").at_most(1);
    server.expect_connect();
    server.expect_frame("GET");
    let mut client = server.connect().await;
    assert_eq!(ask(&mut client, b"PING\n", 6).await, b"PONG\r\n");
    client.write_all(b"PING\n").await.unwrap();
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 3 of 3 failed
          expect_frame("GET") at tests/tests/conformance/flow.rs:LINE
          wrong frame: payload byte 0 differs: expected 0x47 'G', received 0x50 'P'
            expected  00000000  47 45 54                                          GET
            received  00000000  50 49 4e 47 0a                                    PING.
                                ^^
          the client is still connected

          script
            ok    1  anytime("PING", "PONG"), answered 1 of at most 1  tests/tests/conformance/flow.rs:LINE
            ok    2  expect_connect()                                  tests/tests/conformance/flow.rs:LINE
            FAIL  3  expect_frame("GET")                               tests/tests/conformance/flow.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  received 5 bytes  "PING\n"
            0.000 s  sent 6 bytes  "PONG\r\n"
            0.000 s  received 5 bytes  "PING\n"
            0.000 s  reset by the script's failure

          told by try_join() at tests/tests/conformance/flow.rs:LINE"#]]
    .assert_eq(&server.failure().await);
    drop(client);
}

on_every_stage!(an_answer_that_cannot_be_computed);
async fn an_answer_that_cannot_be_computed(stage: Stage) {
    let server = stage.builder().framing(Framing::lines()).bind().await;
    server.anytime("PING", Reply::with(|_| panic!("no answer to that")));
    server.expect_connect();
    server.expect_frame("GET");
    let mut client = server.connect().await;
    client.write_all(b"PING\n").await.unwrap();
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 1 of 3 failed
          anytime("PING", with(..)), answered 1 at tests/tests/conformance/flow.rs:LINE
          panicked: no answer to that
          the client is still connected

          script
            FAIL  1  anytime("PING", with(..)), answered 1  tests/tests/conformance/flow.rs:LINE
            ok    2  expect_connect()                       tests/tests/conformance/flow.rs:LINE
            --    3  expect_frame("GET")                    tests/tests/conformance/flow.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  received 5 bytes  "PING\n"
            0.000 s  reset by the script's failure

          told by try_join() at tests/tests/conformance/flow.rs:LINE"#]]
    .assert_eq(&server.failure().await);
    drop(client);
}

on_every_stage!(an_answer_that_is_no_frame);
async fn an_answer_that_is_no_frame(stage: Stage) {
    let server = stage.builder().framing(Framing::lines().max_length(8)).bind().await;
    server.anytime("PING", Reply::with(|_| b"much too long".to_vec()));
    server.expect_connect();
    let mut client = server.connect().await;
    client.write_all(b"PING\n").await.unwrap();
    let failure = server.try_finish().await.unwrap_err().to_string();
    let failure = normalize_on(stage, &failure);
    let head = failure.split("\n\n").next().unwrap();
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 1 of 2 failed
          anytime("PING", with(..)), answered 1 at tests/tests/conformance/flow.rs:LINE
          the closure's reply cannot be sent: a frame of 13 bytes is longer than the framing's maximum of 8
          the client is still connected"#]]
    .assert_eq(head);
    drop(client);
}

on_every_stage!(a_server_that_does_not_read_has_its_client_wait);
async fn a_server_that_does_not_read_has_its_client_wait(stage: Stage) {
    /// More than the kernels of both sides hold.
    const FLOOD: usize = 12 << 20;
    let server = stage.builder().capacity(4096).bind().await;
    server.expect_connect();
    server.stop_reading();
    server.expect_bytes("PUT ");
    server.mark("accepted");
    server.hold("go on");
    let rest = server.expect_bytes(vec![b'x'; FLOOD]);
    server.expect_disconnect();

    let mut client = server.connect().await;
    let done = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&done);
    let client = stage.spawn(async move {
        client.write_all(b"PUT ").await.unwrap();
        client.write_all(&vec![b'x'; FLOOD]).await.unwrap();
        told.store(true, Ordering::Relaxed);
    });
    server.reached("accepted").await;
    assert!(!done.load(Ordering::Relaxed), "the client has got rid of all that it has");
    let taken = server.transcript().to_string();
    assert!(taken.contains("received 4 bytes") && !taken.contains('x'), "{taken}");
    server.release("go on");
    client.await;
    server.finish().await;
    assert_eq!(rest.count(), 1);
}

on_every_stage!(a_server_that_does_not_read_expects_as_ever);
async fn a_server_that_does_not_read_expects_as_ever(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.stop_reading();
    server.expect_frame("one");
    server.expect_line("two");
    server.anytime("ping", "pong");
    server.expect_frame("three");
    server.send_bytes("ok");
    server.expect_disconnect();
    let mut client = server.connect().await;
    client.write_frame(b"one").await.unwrap();
    client.write_all(b"two\r\n").await.unwrap();
    client.write_frame(b"ping").await.unwrap();
    client.write_frame(b"three").await.unwrap();
    assert_eq!(ask(&mut client, b"", 10).await, b"\0\0\0\x04pongok");
    drop(client);
    server.finish().await;
}

on_every_stage!(what_makes_no_block_is_refused_where_it_is_written);
async fn what_makes_no_block_is_refused_where_it_is_written(stage: Stage) {
    let server = stage.bind().await;
    let server = &server;
    let texts = [
        panic_of(stage, async { server.optional(|_| ()) }).await,
        panic_of(stage, async { server.optional(|s| s.send_bytes("x")) }).await,
        panic_of(stage, async { server.repeat_until_disconnect(|s| s.pause(SHORT)) }).await,
        panic_of(stage, async { server.optional(|_| server.expect_frame("x")) }).await,
        panic_of(stage, async {
            let mut kept = None;
            server.optional(|s| {
                s.expect_frame("x");
                kept = Some(s.clone());
            });
            kept.unwrap().send_bytes("y")
        })
        .await,
        panic_of(stage, async {
            server.optional(|s| {
                s.expect_frame("x");
                s.mark("there");
            })
        })
        .await,
        panic_of(stage, async { server.anytime("x", vec![0; 17 << 20]) }).await,
        panic_of(stage, async { server.anytime(vec![0; 17 << 20], "x") }).await,
    ];
    expect![[r#"
        scripted server 127.0.0.1:PORT: optional: no step was added to the handle that its closure was given
        scripted server 127.0.0.1:PORT: optional: its first step has to expect a message, to tell whether it is to be played; send_bytes("x") does not
        scripted server 127.0.0.1:PORT: repeat_until_disconnect: its first step has to expect a message, or be optional, to tell whether it is to be played; pause(10 ms) does not
        scripted server 127.0.0.1:PORT: in the closure of optional, add steps to the handle that it is given
        scripted server 127.0.0.1:PORT: this handle was for the closure of optional, which has ended
        scripted server 127.0.0.1:PORT: mark("there") is a step of a block that may never be played: put it before or behind
        anytime: a frame of 17,825,792 bytes is longer than the framing's maximum of 16,777,216
        anytime: a frame of 17,825,792 bytes is longer than the framing's maximum of 16,777,216"#]].assert_eq(&texts.join("\n"));
    // Only the block that was whole has come to the script, which has no connection for it.
    let failure = server.try_join().await.unwrap_err();
    assert!(failure.to_string().contains("step 1 of 2 failed"), "{failure}");
}

#[track_caller]
fn tracked(server: &Script) {
    server.expect_line("HELLO");
    server.send_line("hi");
}

on_every_stage!(the_place_of_a_step_is_in_the_test);
async fn the_place_of_a_step_is_in_the_test(stage: Stage) {
    let server = stage.builder().deadline(SHORT).bind().await;
    server.expect_connect();
    let line = line!() + 1;
    server.repeat(2, tracked);
    server.optional(tracked);
    server.repeat_until_disconnect(|server| server.optional(tracked));
    let failure = server.try_finish().await.unwrap_err().to_string();
    let places =
        failure.lines().filter(|line| line.contains("conformance/flow.rs")).filter_map(|line| line.rsplit(':').nth(1));
    let places: Vec<_> = places.take(13).map(|place| place.parse::<u32>().unwrap().wrapping_sub(line)).collect();
    // The step that failed, then all of them.
    let before = 0_u32.wrapping_sub(2);
    assert_eq!(places, [before, before, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2], "{failure}");
}

on_every_stage!(a_rule_for_another_framing_is_named);
async fn a_rule_for_another_framing_is_named(stage: Stage) {
    let server = stage.bind().await;
    server.anytime("PING", "PONG");
    server.framing(Framing::lines());
    server.expect_connect();
    server.stop_reading();
    server.expect_frame("GET");
    let mut client = server.connect().await;
    client.write_all(b"PING\r\n").await.unwrap();
    let failure = server.failure().await;
    expect![[r#"
          the server has read no more than it expected since step 3, stop_reading() at tests/tests/conformance/flow.rs:LINE
          anytime("PING", "PONG") at tests/tests/conformance/flow.rs:LINE is for Framing::length_prefixed(4), and the step that failed is not
          told by try_join() at tests/tests/conformance/flow.rs:LINE"#]].assert_eq(&failure.split("\n\n").last().unwrap().replace("\n  ", "\n")[2..]);
    drop(client);
}
