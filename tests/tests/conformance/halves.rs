//! Clients that close only their sending half, and servers that end the connection before the client has said a word.

use expect_test::expect;
use futures_lite::future::zip;
use std::time::Instant;
use tcpclient_tests::prelude::*;

on_every_stage!(a_client_that_closed_its_sending_half_gets_the_end_of_ours);
async fn a_client_that_closed_its_sending_half_gets_the_end_of_ours(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.expect_bytes("request");
    server.expect_eof();
    server.send_bytes("response");
    server.disconnect();
    let client = async {
        let mut client = server.connect().await;
        client.write_all(b"request").await.unwrap();
        client.shutdown().await.unwrap();
        let response = client.read_to_end().await.unwrap();
        assert_eq!(response, b"response");
    };
    zip(client, async { server.join().await }).await;
    server.finish().await;
}

on_every_stage!(a_client_that_waits_for_the_end_of_ours_has_not_disconnected);
async fn a_client_that_waits_for_the_end_of_ours_has_not_disconnected(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.expect_bytes("request");
    server.send_bytes("response");
    let mut client = server.connect().await;
    client.write_all(b"request").await.unwrap();
    client.read_exact(&mut [0; 8]).await.unwrap();
    client.shutdown().await.unwrap();
    server.expect_disconnect().within(Duration::from_millis(100));
    let end = client.read(&mut [0; 1]).await;
    if !stage.knows_the_peer() {
        // It may have: so it gets the end of our stream, for which it may wait.
        assert_eq!(end.unwrap(), 0);
        server.join().await;
        return;
    }
    assert!(end.is_err());
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 4 of 4 failed
          expect_disconnect() at tests/tests/conformance/halves.rs:LINE
          timed out waiting for the client to disconnect, after 100 ms
          the client has shut down its sending half, and holds the connection
          usual cause: a client that closes when the server does: script it with expect_eof() and disconnect(); or
            something keeps its stream alive: a variable still in scope, the other half of a split stream

          script
            ok    1  expect_connect()         tests/tests/conformance/halves.rs:LINE
            ok    2  expect_bytes("request")  tests/tests/conformance/halves.rs:LINE
            ok    3  send_bytes("response")   tests/tests/conformance/halves.rs:LINE
            FAIL  4  expect_disconnect()      tests/tests/conformance/halves.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  received 7 bytes  "request"
            0.000 s  sent 8 bytes  "response"
            0.000 s  client shut down its sending half
            0.000 s  reset by the script's failure

          told by try_join() at tests/tests/conformance/halves.rs:LINE"#]]
    .assert_eq(&server.failure().await);
}

on_every_stage!(a_client_that_closed_its_sending_half_does_not_wait_for_ever_for_a_reply);
async fn a_client_that_closed_its_sending_half_does_not_wait_for_ever_for_a_reply(stage: Stage) {
    let server = stage.builder().idle_limit(Duration::from_millis(100)).bind().await;
    server.expect_connect();
    server.expect_bytes("question");
    let mut client = server.connect().await;
    client.write_all(b"question").await.unwrap();
    client.shutdown().await.unwrap();
    assert!(client.read(&mut [0; 16]).await.is_err());
    stage
        .pick(
            expect![[r#"
        scripted server 127.0.0.1:PORT: failed after the last of its 2 steps
          nothing happens: the client has closed the connection, or its sending half, and for 100 ms no step has been left to play
          usual cause: the client waits for a reply that the script does not send, or the test asks too late:
            expect_disconnect() or finish() tell that all is well; a longer pause is allowed by builder().idle_limit(..)

          script
            ok    1  expect_connect()          tests/tests/conformance/halves.rs:LINE
            ok    2  expect_bytes("question")  tests/tests/conformance/halves.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  received 8 bytes  "question"
            0.000 s  client closed the connection

          told by try_join() at tests/tests/conformance/halves.rs:LINE"#]],
            expect![[r#"
                scripted server 127.0.0.1:PORT: failed after the last of its 2 steps
                  nothing happens: no step has been left to play for 100 ms, and the connection is still open
                  the client has shut down its sending half, and holds the connection
                  usual cause: the client waits for a reply that the script does not send, or does not close;
                    a longer pause is allowed by builder().idle_limit(..)

                  script
                    ok    1  expect_connect()          tests/tests/conformance/halves.rs:LINE
                    ok    2  expect_bytes("question")  tests/tests/conformance/halves.rs:LINE

                  conversation
                    0.000 s  client connected from 127.0.0.1:PORT
                    0.000 s  received 8 bytes  "question"
                    0.000 s  client shut down its sending half
                    0.000 s  reset by the script's failure

                  told by try_join() at tests/tests/conformance/halves.rs:LINE"#]],
        )
        .assert_eq(&server.failure().await);
}

on_every_stage!(only_what_was_sent_after_the_client_had_gone_was_never_delivered);
async fn only_what_was_sent_after_the_client_had_gone_was_never_delivered(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    let mut client = server.connect().await;
    client.shutdown().await.unwrap();
    for reply in ["aaaa", "bbbb"] {
        server.send_bytes(reply);
        server.join().await;
        client.read_exact(&mut [0; 4]).await.unwrap();
    }
    drop(client);
    server.send_bytes("cccc");
    let failure = server.try_join().await.unwrap_err();
    assert_eq!(failure.step(), Some(4), "{failure}");
    assert!(failure.to_string().contains("4 bytes were never delivered"), "{failure}");
}

on_every_stage!(a_reset_right_after_the_connect_is_an_error_of_the_first_use);
async fn a_reset_right_after_the_connect_is_an_error_of_the_first_use(stage: Stage) {
    for _ in 0..stage.rounds(100) {
        let server = stage.bind().await;
        server.expect_connect();
        server.reset();
        if let Some(mut client) = server.connect_to_be_reset().await {
            let _ = client.write_all(b"anybody there?").await;
            assert!(client.read(&mut [0; 1]).await.is_err());
        }
        server.join().await;
    }
}

on_every_stage!(a_silent_client_is_reset_too);
async fn a_silent_client_is_reset_too(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.reset();
    if let Some(mut client) = server.connect_to_be_reset().await {
        let error = client.read(&mut [0; 1]).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }
    server.finish().await;
}

on_every_stage!(a_silent_client_is_reset_before_finish_returns);
async fn a_silent_client_is_reset_before_finish_returns(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.reset();
    let Some(mut client) = server.connect_to_be_reset().await else { return };
    server.finish().await;
    // Nobody plays any more.
    let error = client.read(&mut [0; 1]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

on_every_stage!(a_second_client_can_connect_before_it_is_refused);
async fn a_second_client_can_connect_before_it_is_refused(stage: Stage) {
    for _ in 0..stage.rounds(100) {
        let server = stage.bind().await;
        server.expect_connect();
        server.expect_disconnect();
        let first = server.connect().await;
        let second = server.connect_to_be_reset().await;
        assert!(server.try_join().await.is_err());
        drop((first, second));
    }
}

on_every_stage!(finish_finds_a_reset_that_came_behind_the_client_s_end);
async fn finish_finds_a_reset_that_came_behind_the_client_s_end(stage: Stage) {
    for _ in 0..stage.rounds(200) {
        let server = stage.bind().await;
        server.expect_connect();
        server.send_bytes("0123456789");
        let mut client = server.connect().await;
        client.read_exact(&mut [0; 4]).await.unwrap();
        client.shutdown().await.unwrap();
        // The server has seen the end of the stream; now comes the reset.
        server.join().await;
        drop(client);
        let failure = server.try_finish().await.unwrap_err();
        let left = stage.pick("some", "6");
        assert!(failure.to_string().contains(&format!("{left} of the 10 bytes sent were not read")), "{failure}");
    }
}

on_every_stage!(a_client_can_connect_to_a_server_that_resets_it_and_is_finished);
async fn a_client_can_connect_to_a_server_that_resets_it_and_is_finished(stage: Stage) {
    // Each takes the 100 ms for which a silent client is left alone.
    for _ in 0..stage.rounds(20) {
        let server = stage.bind().await;
        server.expect_connect();
        server.reset();
        let client = stage.spawn(server.connect_to_be_reset());
        server.finish().await;
        client.await;
    }
}

on_every_stage!(a_reset_behind_the_end_is_found_when_the_next_client_comes);
async fn a_reset_behind_the_end_is_found_when_the_next_client_comes(stage: Stage) {
    if stage.knows_the_peer() {
        // Then the step waits for it.
        return;
    }
    // For so long the server waits with its own end of the stream; a reset that comes later is lost.
    let answer = Duration::from_millis(20);
    loop {
        let server = stage.bind().await;
        server.expect_connect();
        server.send_bytes("hello");
        server.expect_disconnect();
        let mut client = server.connect().await;
        let began = Instant::now();
        client.shutdown().await.unwrap();
        server.join().await;
        drop(client);
        if began.elapsed() >= answer {
            // The machine is too busy. Once more.
            continue;
        }
        server.expect_connect();
        drop(server.connect().await);
        let failure = server.try_join().await.unwrap_err();
        assert_eq!(failure.step(), Some(3), "{failure}");
        assert!(failure.to_string().contains("some of the 5 bytes sent were not read"), "{failure}");
        break;
    }
}
