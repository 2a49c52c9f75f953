//! How a script ends a connection, and what it makes of a client that does not.

use expect_test::expect;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use tcpclient_tests::prelude::*;

on_every_stage!(the_client_never_closes);
async fn the_client_never_closes(stage: Stage) {
    let server = stage.bind().await;
    let _client = server.connect().await;
    server.expect_connect();
    server.expect_disconnect().within(SHORT);
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 2 failed
          expect_disconnect() at tests/tests/conformance/disconnect.rs:LINE
          timed out waiting for the client to disconnect, after 10 ms
          the client is still connected
          usual cause: something keeps the client's stream alive: a variable still in scope,
            the other half of a split stream, a task, or a connection pool; drop it

          script
            ok    1  expect_connect()     tests/tests/conformance/disconnect.rs:LINE
            FAIL  2  expect_disconnect()  tests/tests/conformance/disconnect.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  reset by the script's failure

          told by try_join() at tests/tests/conformance/disconnect.rs:LINE"#]]
    .assert_eq(&server.failure().await);
}

on_every_stage!(the_client_sends_where_it_is_to_close);
async fn the_client_sends_where_it_is_to_close(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.connect().await.write_all(b"Hello").await.unwrap();
    // The client has closed as well, behind its bytes.
    server.expect_disconnect();
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 2 failed
          expect_disconnect() at tests/tests/conformance/disconnect.rs:LINE
          unexpected data while waiting for the client to disconnect
            received  00000000  48 65 6c 6c 6f                                    Hello
          the client has closed the connection

          script
            ok    1  expect_connect()     tests/tests/conformance/disconnect.rs:LINE
            FAIL  2  expect_disconnect()  tests/tests/conformance/disconnect.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  received 5 bytes  "Hello"
            0.000 s  client closed the connection

          told by try_join() at tests/tests/conformance/disconnect.rs:LINE"#]]
    .assert_eq(&server.failure().await);
}

on_every_stage!(the_server_closes_and_the_client_reads_the_end);
async fn the_server_closes_and_the_client_reads_the_end(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.disconnect();
    let mut client = server.connect().await;
    assert_eq!(client.read(&mut [0; 16]).await.unwrap(), 0);
    drop(client);
    server.join().await;
}

on_every_stage!(what_was_sent_before_a_disconnect_is_read_before_the_end);
async fn what_was_sent_before_a_disconnect_is_read_before_the_end(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.send_bytes(b"\0");
    server.disconnect();
    let mut client = server.connect().await;
    let error = client.read_exact(&mut [0; 2]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
    drop(client);
    server.finish().await;
}

on_every_stage!(a_large_reply_before_a_disconnect_is_never_cut_though_the_client_sends_more);
async fn a_large_reply_before_a_disconnect_is_never_cut_though_the_client_sends_more(stage: Stage) {
    let reply = vec![b'x'; 200_000];
    let server = stage.bind().await;
    server.expect_connect();
    server.send_bytes(&reply);
    server.disconnect();
    let mut client = server.connect().await;
    server.join().await;
    // A server that had let go of its socket would answer this with a reset, and cut off its own reply.
    client.write_all(b"never expected").await.unwrap();
    client.write_all(b"nor this").await.unwrap();
    let received = client.read_to_end().await.unwrap();
    assert_eq!(received.len(), reply.len());
    drop(client);
    server.join().await;
    let text = server.transcript().to_string();
    assert!(text.contains("received 22 bytes  \"never expectednor this\""), "what comes behind is on record: {text}");
    server.finish().await;
}

on_every_stage!(a_larger_reply_than_the_kernel_holds_is_not_cut_either);
async fn a_larger_reply_than_the_kernel_holds_is_not_cut_either(stage: Stage) {
    let reply = vec![b'x'; 8 << 20];
    let server = stage.bind().await;
    server.expect_connect();
    server.send_bytes(&reply);
    server.disconnect();
    let mut client = server.connect().await;
    let received = client.read_to_end().await.unwrap();
    assert_eq!(received.len(), reply.len());
    drop(client);
    server.finish().await;
}

on_every_stage!(a_reset_is_an_error_for_the_client);
async fn a_reset_is_an_error_for_the_client(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.expect_bytes("Hello");
    server.reset();
    let mut client = server.connect().await;
    client.write_all(b"Hello").await.unwrap();
    let error = client.read(&mut [0; 16]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    server.finish().await;
}

on_every_stage!(a_client_that_aborts_has_not_closed_properly);
async fn a_client_that_aborts_has_not_closed_properly(stage: Stage) {
    if !stage.on_sockets() {
        return;
    }
    let server = stage.bind().await;
    server.expect_connect();
    server.expect_disconnect();
    let client = server.connect().await;
    client.abort().unwrap();
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 2 failed
          expect_disconnect() at tests/tests/conformance/disconnect.rs:LINE
          the client aborted the connection with a reset, though it was sent nothing

          script
            ok    1  expect_connect()     tests/tests/conformance/disconnect.rs:LINE
            FAIL  2  expect_disconnect()  tests/tests/conformance/disconnect.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  client reset the connection

          told by try_join() at tests/tests/conformance/disconnect.rs:LINE"#]]
    .assert_eq(&server.failure().await);
}

on_every_stage!(a_reply_in_two_sends_does_not_wait_for_an_acknowledgement);
async fn a_reply_in_two_sends_does_not_wait_for_an_acknowledgement(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    for _ in 0..stage.rounds(50) {
        server.expect_bytes("?");
        server.send_bytes("a");
        server.send_bytes("b");
    }
    server.expect_disconnect();
    let mut client = server.connect().await;
    let began = Instant::now();
    for _ in 0..stage.rounds(50) {
        client.write_all(b"?").await.unwrap();
        client.read_exact(&mut [0; 2]).await.unwrap();
    }
    let took = began.elapsed();
    drop(client);
    server.join().await;
    // Held back until the client's delayed acknowledgement, each of them would take 40 ms.
    assert!(took < Duration::from_secs(1), "50 replies took {took:?}");
}

on_every_stage!(what_comes_on_a_closed_connection_is_not_the_next_client_s);
async fn what_comes_on_a_closed_connection_is_not_the_next_client_s(stage: Stage) {
    for rest in [&b""[..], b"AAAA"] {
        for _ in 0..stage.rounds(50) {
            let server = stage.bind().await;
            server.expect_connect();
            server.disconnect();
            server.expect_connect();
            server.expect_bytes("B");
            server.expect_disconnect();
            let mut client = server.connect().await;
            assert_eq!(client.read(&mut [0; 1]).await.unwrap(), 0);
            client.write_all(rest).await.unwrap();
            drop(client);
            server.connect().await.write_all(b"B").await.unwrap();
            server.join().await;
        }
    }
}

on_every_stage!(what_becomes_of_a_closed_connection_is_not_the_next_client_s_fault);
async fn what_becomes_of_a_closed_connection_is_not_the_next_client_s_fault(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.send_bytes("bye");
    server.disconnect();
    let first = server.connect().await;
    server.join().await;
    server.expect_connect();
    drop(server.connect().await);
    server.expect_disconnect();
    server.join().await;
    // With "bye" unread, which nobody judges.
    drop(first);
    server.join().await;
    assert!(!server.transcript().to_string().contains("client reset"), "{}", server.transcript());
    server.finish().await;
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

on_every_stage!(a_silent_client_is_reset_though_its_server_is_finished);
async fn a_silent_client_is_reset_though_its_server_is_finished(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.reset();
    let Some(mut client) = server.connect_to_be_reset().await else { return };
    server.finish().await;
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

on_every_stage!(a_finish_waits_for_a_client_that_has_yet_to_read);
async fn a_finish_waits_for_a_client_that_has_yet_to_read(stage: Stage) {
    if !stage.knows_the_peer() {
        return;
    }
    let server = stage.bind().await;
    server.expect_connect();
    server.send_bytes(vec![b'x'; 10_000]);
    server.disconnect();
    let mut client = server.connect().await;
    let has_read = Arc::new(AtomicBool::new(false));
    let reads = Arc::clone(&has_read);
    let reading = stage.spawn(async move {
        client.read_exact(&mut [0; 100]).await.unwrap();
        stage.sleep(Duration::from_millis(50)).await;
        // What nobody expects any more cuts nothing off.
        client.write_all(b"more").await.unwrap();
        client.read_exact(&mut [0; 9_899]).await.unwrap();
        reads.store(true, Ordering::Relaxed);
        client.read_to_end().await.unwrap()
    });
    server.finish().await;
    assert!(has_read.load(Ordering::Relaxed));
    assert_eq!(reading.await, b"x");
}

on_every_stage!(a_finish_does_not_wait_for_a_client_that_has_read_all);
async fn a_finish_does_not_wait_for_a_client_that_has_read_all(stage: Stage) {
    let mut fastest = Duration::MAX;
    for _ in 0..3 {
        let server = stage.bind().await;
        server.expect_connect();
        server.send_bytes("hello");
        server.disconnect();
        let mut client = server.connect().await;
        client.read_exact(&mut [0; 5]).await.unwrap();
        let began = Instant::now();
        server.finish().await;
        fastest = fastest.min(began.elapsed());
        drop(client);
    }
    // A busy machine may take longer for one of them.
    assert!(fastest < Duration::from_millis(500), "{fastest:?}");
}

on_every_stage!(what_comes_behind_a_disconnect_is_on_record_though_the_client_comes_again_at_once);
async fn what_comes_behind_a_disconnect_is_on_record_though_the_client_comes_again_at_once(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.expect_bytes("first");
    server.disconnect();
    server.expect_connect();
    server.expect_bytes("second");
    let mut client = server.connect().await;
    client.write_all(b"first").await.unwrap();
    assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 0);
    client.write_all(b"second").await.unwrap();
    drop(server.connect().await);
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 5 of 5 failed
          expect_bytes("second") at tests/tests/conformance/disconnect.rs:LINE
          the client closed the connection before "second"
          usual cause: a buffered writer that is dropped without a flush, or a client that gives up early

          script
            ok    1  expect_connect()        tests/tests/conformance/disconnect.rs:LINE
            ok    2  expect_bytes("first")   tests/tests/conformance/disconnect.rs:LINE
            ok    3  disconnect()            tests/tests/conformance/disconnect.rs:LINE
            ok    4  expect_connect()        tests/tests/conformance/disconnect.rs:LINE
            FAIL  5  expect_bytes("second")  tests/tests/conformance/disconnect.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  received 5 bytes  "first"
            0.000 s  server closed the connection
            0.000 s  received 6 bytes  "second"
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  client closed the connection

          told by try_join() at tests/tests/conformance/disconnect.rs:LINE"#]]
    .assert_eq(&server.failure().await);
    drop(client);
}
