use expect_test::expect;
use tcpclient_tests::prelude::*;

on_every_stage!(a_frame_is_sent_and_read);
async fn a_frame_is_sent_and_read(stage: Stage) {
    stage
        .run_fixture(async |server| {
            server.expect_connect();
            server.send_frame("Hello");
            assert_eq!(server.connect().await.read_frame().await.unwrap(), b"Hello");
        })
        .await;
}

on_every_stage!(a_frame_is_sent_and_not_read);
async fn a_frame_is_sent_and_not_read(stage: Stage) {
    let server = stage.bind().await;
    let client = server.connect().await;
    server.expect_connect();
    server.send_frame("Hello");
    server.join().await;
    drop(client);
    server.expect_disconnect();
    stage
        .pick(
            expect![[r#"
        scripted server 127.0.0.1:PORT: step 3 of 3 failed
          expect_disconnect() at tests/tests/conformance/frames.rs:LINE
          the client reset the connection: some of the 9 bytes sent were not read, or it aborted on purpose
          usual cause: a stream that is dropped with data left to read

          script
            ok    1  expect_connect()     tests/tests/conformance/frames.rs:LINE
            ok    2  send_frame("Hello")  tests/tests/conformance/frames.rs:LINE
            FAIL  3  expect_disconnect()  tests/tests/conformance/frames.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  sent 9 bytes  [00 00 00 05 48 65 6c 6c 6f]
            0.000 s  client reset the connection

          told by try_join() at tests/tests/conformance/frames.rs:LINE"#]],
            expect![[r#"
                scripted server 127.0.0.1:PORT: step 3 of 3 failed
                  expect_disconnect() at tests/tests/conformance/frames.rs:LINE
                  the client closed the connection: 9 of the 9 bytes sent were not read
                    unread    00000000  00 00 00 05 48 65 6c 6c  6f                       ....Hello
                  usual cause: a stream that is dropped with data left to read

                  script
                    ok    1  expect_connect()     tests/tests/conformance/frames.rs:LINE
                    ok    2  send_frame("Hello")  tests/tests/conformance/frames.rs:LINE
                    FAIL  3  expect_disconnect()  tests/tests/conformance/frames.rs:LINE

                  conversation
                    0.000 s  client connected from 127.0.0.1:PORT
                    0.000 s  sent 9 bytes  [00 00 00 05 48 65 6c 6c 6f]
                    0.000 s  client left 9 bytes unread
                    0.000 s  client reset the connection

                  told by try_join() at tests/tests/conformance/frames.rs:LINE"#]],
        )
        .assert_eq(&server.failure().await);
}

on_every_stage!(the_expected_frame_comes);
async fn the_expected_frame_comes(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    let frame = server.expect_frame("Goodbye, world");
    server.expect_frame("");
    server.expect_disconnect();
    let mut client = server.connect().await;
    client.write_frame(b"Goodbye, world").await.unwrap();
    client.write_frame(b"").await.unwrap();
    drop(client);
    server.join().await;
    assert_eq!(frame.bytes().as_deref(), Some(&b"Goodbye, world"[..]));
}

on_every_stage!(no_frame_is_sent);
async fn no_frame_is_sent(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    let _client = server.connect().await;
    server.expect_frame("Goodbye, world").within(SHORT);
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 2 failed
          expect_frame("Goodbye, world") at tests/tests/conformance/frames.rs:LINE
          timed out waiting for frame "Goodbye, world", after 10 ms: nothing arrived
          the client is still connected
          usual cause: a buffered writer that is not flushed, or a client that waits for something else first

          script
            ok    1  expect_connect()                tests/tests/conformance/frames.rs:LINE
            FAIL  2  expect_frame("Goodbye, world")  tests/tests/conformance/frames.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  reset by the script's failure

          told by try_join() at tests/tests/conformance/frames.rs:LINE"#]]
    .assert_eq(&server.failure().await);
}

on_every_stage!(a_frame_of_another_length_is_sent);
async fn a_frame_of_another_length_is_sent(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    let mut client = server.connect().await;
    server.expect_frame("Bonjour");
    client.write_frame(b"Goodbye, world").await.unwrap();
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 2 failed
          expect_frame("Bonjour") at tests/tests/conformance/frames.rs:LINE
          wrong frame: its payload has 14 bytes, expected 7 bytes
            expected  00000000  42 6f 6e 6a 6f 75 72                              Bonjour
            received  00000000  47 6f 6f 64 62 79 65 2c  20 77 6f 72 6c 64        Goodbye, world
                                ^^
          the client is still connected

          script
            ok    1  expect_connect()         tests/tests/conformance/frames.rs:LINE
            FAIL  2  expect_frame("Bonjour")  tests/tests/conformance/frames.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  received 18 bytes  "\0\0\0\x0eGoodbye, world"
            0.000 s  reset by the script's failure

          told by try_join() at tests/tests/conformance/frames.rs:LINE"#]]
    .assert_eq(&server.failure().await);
}

on_every_stage!(a_frame_with_another_payload_is_sent);
async fn a_frame_with_another_payload_is_sent(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    let mut client = server.connect().await;
    server.expect_frame("Bonjour");
    client.write_frame(b"Bonsoir").await.unwrap();
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 2 failed
          expect_frame("Bonjour") at tests/tests/conformance/frames.rs:LINE
          wrong frame: payload byte 3 differs: expected 0x6a 'j', received 0x73 's'
            expected  00000000  42 6f 6e 6a 6f 75 72                              Bonjour
            received  00000000  42 6f 6e 73 6f 69 72                              Bonsoir
                                         ^^
          the client is still connected

          script
            ok    1  expect_connect()         tests/tests/conformance/frames.rs:LINE
            FAIL  2  expect_frame("Bonjour")  tests/tests/conformance/frames.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  received 11 bytes  [00 00 00 07 42 6f 6e 73 6f 69 72]
            0.000 s  reset by the script's failure

          told by try_join() at tests/tests/conformance/frames.rs:LINE"#]]
    .assert_eq(&server.failure().await);
}

on_every_stage!(the_client_closes_inside_the_header);
async fn the_client_closes_inside_the_header(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.expect_frame("Bonjour");
    server.connect().await.write_all(b"\0\0\0").await.unwrap();
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 2 failed
          expect_frame("Bonjour") at tests/tests/conformance/frames.rs:LINE
          the client closed the connection inside the frame header, after 3 of its 4 bytes
            received  00000000  00 00 00                                          ...
          framing: Framing::length_prefixed(4)

          script
            ok    1  expect_connect()         tests/tests/conformance/frames.rs:LINE
            FAIL  2  expect_frame("Bonjour")  tests/tests/conformance/frames.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  received 3 bytes  [00 00 00]
            0.000 s  client closed the connection

          told by try_join() at tests/tests/conformance/frames.rs:LINE"#]]
    .assert_eq(&server.failure().await);
}

on_every_stage!(the_client_closes_inside_the_payload);
async fn the_client_closes_inside_the_payload(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.expect_frame("Bonjour");
    server.connect().await.write_all(b"\0\0\0\x07Bon").await.unwrap();
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 2 failed
          expect_frame("Bonjour") at tests/tests/conformance/frames.rs:LINE
          the client closed the connection inside the frame payload, after 3 of its 7 bytes
            expected  00000000  42 6f 6e 6a 6f 75 72                              Bonjour
            received  00000000  42 6f 6e                                          Bon

          script
            ok    1  expect_connect()         tests/tests/conformance/frames.rs:LINE
            FAIL  2  expect_frame("Bonjour")  tests/tests/conformance/frames.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  received 7 bytes  [00 00 00 07 42 6f 6e]
            0.000 s  client closed the connection

          told by try_join() at tests/tests/conformance/frames.rs:LINE"#]]
    .assert_eq(&server.failure().await);
}

on_every_stage!(a_clean_close_is_not_an_empty_frame);
async fn a_clean_close_is_not_an_empty_frame(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.expect_frame("");
    drop(server.connect().await);
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 2 failed
          expect_frame("") at tests/tests/conformance/frames.rs:LINE
          the client closed the connection before frame ""
          usual cause: a buffered writer that is dropped without a flush, or a client that gives up early

          script
            ok    1  expect_connect()  tests/tests/conformance/frames.rs:LINE
            FAIL  2  expect_frame("")  tests/tests/conformance/frames.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  client closed the connection

          told by try_join() at tests/tests/conformance/frames.rs:LINE"#]]
    .assert_eq(&server.failure().await);
}

on_every_stage!(a_frame_beyond_the_maximum_fails_at_its_header);
async fn a_frame_beyond_the_maximum_fails_at_its_header(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.expect_frame("Bonjour");
    let mut client = server.connect().await;
    client.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 2 failed
          expect_frame("Bonjour") at tests/tests/conformance/frames.rs:LINE
          no frame: length field says 1,195,725,856 (maximum 16,777,216)
            received  00000000  47 45 54 20 2f 20 48 54  54 50 2f 31 2e 31 0d 0a  GET / HTTP/1.1..
          framing: Framing::length_prefixed(4)
          the client is still connected
          usual cause: another framing, or the other byte order

          script
            ok    1  expect_connect()         tests/tests/conformance/frames.rs:LINE
            FAIL  2  expect_frame("Bonjour")  tests/tests/conformance/frames.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  received 16 bytes  "GET / HTTP/1.1\r\n"
            0.000 s  reset by the script's failure

          told by try_join() at tests/tests/conformance/frames.rs:LINE"#]]
    .assert_eq(&server.failure().await);
}

on_every_stage!(another_framing_with_a_maximum_of_its_own);
async fn another_framing_with_a_maximum_of_its_own(stage: Stage) {
    let builder = stage.builder().framing(Framing::length_prefixed(2).max_length(5));
    let server = builder.bind().await;
    server.expect_connect();
    server.send_frame("four");
    server.expect_frame("five!");
    server.expect_frame("five?");
    let mut client = server.connect().await;
    let mut reply = [0; 6];
    client.read_exact(&mut reply).await.unwrap();
    assert_eq!(&reply, b"\0\x04four");
    client.write_all(b"\0\x05five!\0\x06sixsix").await.unwrap();
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 4 of 4 failed
          expect_frame("five?") at tests/tests/conformance/frames.rs:LINE
          no frame: length field says 6 (maximum 5)
            received  00000000  00 06 73 69 78 73 69 78                           ..sixsix
          framing: Framing::length_prefixed(2).max_length(5)
          the client is still connected
          usual cause: another framing, or the other byte order

          script
            ok    1  expect_connect()       tests/tests/conformance/frames.rs:LINE
            ok    2  send_frame("four")     tests/tests/conformance/frames.rs:LINE
            ok    3  expect_frame("five!")  tests/tests/conformance/frames.rs:LINE
            FAIL  4  expect_frame("five?")  tests/tests/conformance/frames.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  sent 6 bytes  "\0\x04four"
            0.000 s  received 15 bytes  "\0\x05five!\0\x06sixsix"
            0.000 s  reset by the script's failure

          told by try_join() at tests/tests/conformance/frames.rs:LINE"#]]
    .assert_eq(&server.failure().await);
}
