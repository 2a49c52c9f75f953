//! Connections of which one side, or the other, ends only its own stream.

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

on_every_stage!(the_end_of_the_client_s_stream_is_expected);
async fn the_end_of_the_client_s_stream_is_expected(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.expect_bytes("all I have");
    server.expect_eof();
    let mut client = server.connect().await;
    client.write_all(b"all I have").await.unwrap();
    client.shutdown().await.unwrap();
    server.join().await;
    server.send_bytes("thanks");
    server.wait_until_read();
    client.read_exact(&mut [0; 6]).await.unwrap();
    drop(client);
    server.finish().await;
}

on_every_stage!(the_end_of_the_client_s_stream_does_not_come);
async fn the_end_of_the_client_s_stream_does_not_come(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    let client = server.connect().await;
    server.join().await;
    server.expect_eof().within(SHORT);
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 2 failed
          expect_eof() at tests/tests/conformance/halves.rs:LINE
          timed out waiting for the client to shut down its sending half, after 10 ms
          the client is still connected
          usual cause: a client that shuts down or drops its stream only when it has the reply, or never

          script
            ok    1  expect_connect()  tests/tests/conformance/halves.rs:LINE
            FAIL  2  expect_eof()      tests/tests/conformance/halves.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  reset by the script's failure

          told by try_join() at tests/tests/conformance/halves.rs:LINE"#]]
    .assert_eq(&server.failure().await);
    drop(client);
}

on_every_stage!(the_client_sends_where_its_stream_is_to_end);
async fn the_client_sends_where_its_stream_is_to_end(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    let mut client = server.connect().await;
    client.write_all(b"more").await.unwrap();
    server.expect_eof();
    let failure = server.failure().await;
    assert!(
        failure.contains("unexpected data while waiting for the client to shut down its sending half"),
        "{failure}"
    );
    drop(client);
}

on_every_stage!(the_server_ends_its_stream_and_goes_on_reading);
async fn the_server_ends_its_stream_and_goes_on_reading(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.send_bytes("last words");
    server.shutdown();
    server.expect_bytes("a late reply");
    let mut client = server.connect().await;
    assert_eq!(client.read_to_end().await.unwrap(), b"last words");
    client.write_all(b"a late reply").await.unwrap();
    drop(client);
    server.finish().await;
}

on_every_stage!(a_send_behind_the_end_of_our_stream);
async fn a_send_behind_the_end_of_our_stream(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.shutdown();
    server.send_bytes("one more thing");
    let client = server.connect().await;
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 3 of 3 failed
          send_bytes("one more thing") at tests/tests/conformance/halves.rs:LINE
          the server's stream has ended: step 2 shut it down
          the client is still connected

          script
            ok    1  expect_connect()              tests/tests/conformance/halves.rs:LINE
            ok    2  shutdown()                    tests/tests/conformance/halves.rs:LINE
            FAIL  3  send_bytes("one more thing")  tests/tests/conformance/halves.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  server shut down its sending half
            0.000 s  reset by the script's failure

          told by try_join() at tests/tests/conformance/halves.rs:LINE"#]]
    .assert_eq(&server.failure().await);
    drop(client);
}

on_every_stage!(a_client_may_hold_a_connection_that_both_sides_have_ended);
async fn a_client_may_hold_a_connection_that_both_sides_have_ended(stage: Stage) {
    if !stage.knows_the_peer() {
        return;
    }
    // Either side may have been the first, and the client may leave something unread.
    for (client_first, read) in [(false, 5), (false, 2), (true, 5), (true, 2)] {
        let server = stage.bind().await;
        server.expect_connect();
        server.send_bytes("hello");
        let mut client = server.connect().await;
        if client_first {
            client.shutdown().await.unwrap();
            server.expect_eof();
            server.shutdown();
            server.join().await;
        } else {
            server.shutdown();
            server.join().await;
            client.shutdown().await.unwrap();
            server.expect_eof();
            server.join().await;
        }
        client.read_exact(&mut vec![0; read]).await.unwrap();
        let began = Instant::now();
        server.expect_disconnect().within(Duration::from_millis(30)).named("too early");
        let failure = server.try_join().await.unwrap_err().to_string();
        assert!(failure.contains("timed out waiting for the client to disconnect"), "{client_first} {read}: {failure}");
        assert!(began.elapsed() < Duration::from_secs(2), "nothing is waited for beyond the deadline");
        drop(client);
    }
}

on_every_stage!(a_client_lets_go_of_a_connection_that_both_sides_have_ended);
async fn a_client_lets_go_of_a_connection_that_both_sides_have_ended(stage: Stage) {
    for (client_first, read) in [(false, 5), (false, 2), (true, 5), (true, 2)] {
        let server = stage.bind().await;
        server.expect_connect();
        server.send_bytes("hello");
        let mut client = server.connect().await;
        if client_first {
            client.shutdown().await.unwrap();
            server.expect_eof();
            server.shutdown();
        } else {
            server.shutdown();
            server.join().await;
            client.shutdown().await.unwrap();
            server.expect_eof();
        }
        server.join().await;
        client.read_exact(&mut vec![0; read]).await.unwrap();
        server.expect_disconnect();
        let result = if stage.waits_blocking() {
            drop(client);
            server.try_join().await
        } else {
            let joined = server.try_join();
            let leaves = async {
                stage.sleep(Duration::from_millis(5)).await;
                drop(client);
            };
            zip(joined, leaves).await.0
        };
        if read == 5 || !stage.knows_the_peer() {
            result.unwrap();
        } else {
            let failure = result.unwrap_err().to_string();
            assert!(failure.contains(": 3 of the 5 bytes sent were not read"), "{client_first}: {failure}");
        }
    }
}

on_every_stage!(a_client_that_goes_on_reading_has_not_closed);
async fn a_client_that_goes_on_reading_has_not_closed(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.send_bytes("hello");
    let mut client = server.connect().await;
    server.join().await;
    client.shutdown().await.unwrap();
    server.expect_bytes("x");
    let failure = server.failure().await;
    let words = stage.pick("the client closed the connection before \"x\"", "the client ended its stream before \"x\"");
    assert!(failure.contains(words), "{failure}");
    assert!(!failure.contains("without reading"), "{failure}");
    drop(client);
}

on_every_stage!(a_client_that_has_closed_in_the_end_waits_for_nothing);
async fn a_client_that_has_closed_in_the_end_waits_for_nothing(stage: Stage) {
    if !stage.knows_the_peer() {
        return;
    }
    let server = stage.builder().idle_limit(Duration::from_millis(50)).bind().await;
    server.expect_connect();
    server.expect_bytes("question");
    let mut client = server.connect().await;
    client.write_all(b"question").await.unwrap();
    client.shutdown().await.unwrap();
    server.join().await;
    drop(client);
    // Its limit passes.
    stage.sleep(Duration::from_millis(100)).await;
    server.finish().await;
}

on_every_stage!(a_client_that_reads_to_our_end_behind_its_own_has_left_nothing);
async fn a_client_that_reads_to_our_end_behind_its_own_has_left_nothing(stage: Stage) {
    for _ in 0..stage.rounds(100) {
        let server = stage.bind().await;
        server.expect_connect();
        server.expect_bytes("GET");
        server.expect_eof();
        server.send_bytes(vec![b'x'; 150_000]);
        server.shutdown();
        server.expect_disconnect();
        let mut client = server.connect().await;
        client.write_all(b"GET").await.unwrap();
        client.shutdown().await.unwrap();
        assert_eq!(client.read_to_end().await.unwrap().len(), 150_000);
        drop(client);
        server.finish().await;
    }
}

on_every_stage!(a_client_that_has_shut_down_both_halves_may_read_what_has_come);
async fn a_client_that_has_shut_down_both_halves_may_read_what_has_come(stage: Stage) {
    if !stage.on_sockets() || !stage.knows_the_peer() {
        return;
    }
    let server = stage.bind().await;
    server.expect_connect();
    server.send_bytes("OneTwo");
    let mut client = server.connect().await;
    client.read_exact(&mut [0; 3]).await.unwrap();
    client.shutdown_both().unwrap();
    server.expect_disconnect().within(SHORT).named("too early");
    let failure = server.failure().await;
    assert!(failure.contains("it has not read 3 of the 6 bytes it was sent"), "{failure}");

    let server = stage.bind().await;
    server.expect_connect();
    server.send_bytes("OneTwo");
    let mut client = server.connect().await;
    server.join().await;
    client.shutdown_both().unwrap();
    client.read_exact(&mut [0; 6]).await.unwrap();
    server.expect_disconnect();
    server.join().await;
    drop(client);
    server.finish().await;
}
