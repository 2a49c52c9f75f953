//! Connections that scripts give to the test's own code.

use expect_test::expect;
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
use std::io::{ErrorKind, Read, Write};
use tcpclient_tests::prelude::*;

on_every_stage!(a_connection_goes_on_by_hand);
async fn a_connection_goes_on_by_hand(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.expect_line("CONNECT");
    server.send_line("200");
    let raw = server.hand_over();
    server.expect_connect();
    server.expect_line("again");
    server.expect_disconnect();

    let mut client = server.connect().await;
    // What comes in the same write belongs to what follows.
    client.write_all(b"CONNECT\r\nhel").await.unwrap();
    let mut reply = [0; 5];
    client.read_exact(&mut reply).await.unwrap();
    assert_eq!(&reply, b"200\r\n");
    let mut raw = raw.await;
    client.write_all(b"lo").await.unwrap();
    let mut piece = [0; 2];
    raw.read_exact(&mut piece).await.unwrap();
    assert_eq!(&piece, b"he");
    let mut rest = [0; 3];
    raw.read_exact(&mut rest).await.unwrap();
    assert_eq!(&rest, b"llo");
    raw.write_all(b"bye").await.unwrap();
    raw.close().await.unwrap();
    assert_eq!(client.read_to_end().await.unwrap(), b"bye");
    // What is left unread there is nobody's concern.
    client.write_all(b"surplus").await.unwrap();
    drop(client);
    drop(raw);

    let mut client = server.connect().await;
    client.write_all(b"again\r\n").await.unwrap();
    drop(client);
    server.finish().await;
}

on_every_stage!(a_large_amount_goes_both_ways_by_hand);
async fn a_large_amount_goes_both_ways_by_hand(stage: Stage) {
    const LARGE: usize = 3 << 20;
    let server = stage.bind().await;
    server.expect_connect();
    let raw = server.hand_over();
    let mut client = server.connect().await;
    let client = stage.spawn(async move {
        client.write_all(&vec![b'x'; LARGE]).await.unwrap();
        client.shutdown().await.unwrap();
        client.read_to_end().await.unwrap().len()
    });
    let mut raw = raw.await;
    let mut all = Vec::new();
    raw.read_to_end(&mut all).await.unwrap();
    raw.write_all(&all).await.unwrap();
    raw.close().await.unwrap();
    assert_eq!((all.len(), client.await), (LARGE, LARGE));
    server.finish().await;
}

on_every_stage!(nothing_that_comes_before_is_lost);
async fn nothing_that_comes_before_is_lost(stage: Stage) {
    for _ in 0..stage.rounds(20) {
        let server = stage.bind().await;
        server.expect_connect();
        server.expect_line("GO");
        let raw = server.hand_over();
        let mut client = server.connect().await;
        let numbers: Vec<u8> = (0..40_000_u32).flat_map(u32::to_be_bytes).collect();
        let sent = [b"GO\r\n", &numbers[..]].concat();
        let client = stage.spawn(async move {
            client.write_all(&sent).await.unwrap();
            client.shutdown().await.unwrap();
            client
        });
        let mut raw = raw.await;
        let mut all = Vec::new();
        raw.read_to_end(&mut all).await.unwrap();
        assert!(all == numbers, "{} of {} bytes, or others", all.len(), numbers.len());
        drop((client.await, raw));
        server.finish().await;
    }
}

on_every_stage!(the_verdict_of_the_steps_before_is_kept);
async fn the_verdict_of_the_steps_before_is_kept(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.expect_line("CONNECT");
    let raw = server.hand_over();
    let mut client = server.connect().await;
    client.write_all(b"CONTACT\r\n").await.unwrap();
    let panic = panic_of(stage, raw).await;
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 3 failed
          expect_line("CONNECT") at tests/tests/conformance/hand_over.rs:LINE
          wrong line: byte 3 differs: expected 0x4e 'N', received 0x54 'T'
            expected  00000000  43 4f 4e 4e 45 43 54                              CONNECT
            received  00000000  43 4f 4e 54 41 43 54 0d  0a                       CONTACT..
                                         ^^
          the client is still connected"#]]
    .assert_eq(panic.split("\n\n").next().unwrap());
    assert!(panic.contains("\n  told by hand_over() at tests/tests/conformance/hand_over.rs:LINE"), "{panic}");
    drop(client);
}

on_every_stage!(what_nobody_takes_is_closed);
async fn what_nobody_takes_is_closed(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    drop(server.hand_over());
    let mut client = server.connect().await;
    assert_eq!(client.read_to_end().await.unwrap(), b"");
    server.finish().await;
}

on_every_stage!(a_step_behind_a_connection_that_was_given_away);
async fn a_step_behind_a_connection_that_was_given_away(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    let raw = server.hand_over();
    let client = server.connect().await;
    let raw = raw.await;
    server.send_line("too late");
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 3 of 3 failed
          send_line("too late") at tests/tests/conformance/hand_over.rs:LINE
          client is not connected: step 2 handed its connection over

          script
            ok    1  expect_connect()       tests/tests/conformance/hand_over.rs:LINE
            ok    2  hand_over()            tests/tests/conformance/hand_over.rs:LINE
            FAIL  3  send_line("too late")  tests/tests/conformance/hand_over.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  handed over to the test

          told by try_join() at tests/tests/conformance/hand_over.rs:LINE"#]]
    .assert_eq(&server.failure().await);
    drop((client, raw));
}

on_every_stage!(a_connection_that_was_given_away_is_there_though_the_script_has_failed);
async fn a_connection_that_was_given_away_is_there_though_the_script_has_failed(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    let raw = server.hand_over();
    server.send_line("too late");
    let mut client = server.connect().await;
    let failure = server.failure().await;
    assert!(failure.contains("client is not connected: step 2 handed its connection over"), "{failure}");
    let mut raw = raw.await;
    raw.write_all(b"still here").await.unwrap();
    let mut bytes = [0; 10];
    client.read_exact(&mut bytes).await.unwrap();
    assert_eq!(&bytes, b"still here");
}

on_every_stage!(a_connection_becomes_a_socket_of_std);
async fn a_connection_becomes_a_socket_of_std(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.expect_line("CONNECT");
    let raw = server.hand_over();
    let mut client = server.connect().await;
    client.write_all(b"CONNECT\r\nhello").await.unwrap();
    let socket = raw.await.into_std();
    server.finish().await;
    if !stage.on_sockets() {
        assert_eq!(socket.unwrap_err().kind(), ErrorKind::Unsupported);
        return;
    }
    let (mut socket, mut received) = socket.unwrap();
    let mut rest = vec![0; 5 - received.len()];
    socket.read_exact(&mut rest).unwrap();
    received.extend(rest);
    assert_eq!(received, b"hello");
    socket.write_all(b"bye").unwrap();
    drop(socket);
    assert_eq!(client.read_to_end().await.unwrap(), b"bye");
}

on_every_stage!(no_connection_is_given_away_in_a_block);
async fn no_connection_is_given_away_in_a_block(stage: Stage) {
    let server = stage.bind().await;
    let server = &server;
    let panic = panic_of(stage, async {
        server.optional(|server| {
            server.expect_line("CONNECT");
            drop(server.hand_over());
        })
    });
    expect!["scripted server 127.0.0.1:PORT: hand_over() is a step of a block that may never be played: put it before or behind"].assert_eq(&panic.await);
}
