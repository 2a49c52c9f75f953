use expect_test::expect;
use tcpclient_tests::prelude::*;

on_every_stage!(two_messages_in_one_write);
async fn two_messages_in_one_write(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.expect_bytes("Hello");
    server.expect_bytes("Goodbye");
    server.expect_disconnect();
    server.connect().await.write_all(b"HelloGoodbye").await.unwrap();
    server.join().await;
}

on_every_stage!(two_messages_in_many_writes);
async fn two_messages_in_many_writes(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    let hello = server.expect_bytes("Hello");
    server.expect_bytes("Goodbye");
    server.expect_disconnect().within(SHORT);
    let mut client = server.connect().await;
    for byte in b"HelloGoodbye" {
        client.write_all(&[*byte]).await.unwrap();
        futures_lite::future::yield_now().await;
    }
    assert_eq!(
        server.try_join().await.map_err(|failure| failure.step()),
        Err(Some(4)),
        "the client is still connected"
    );
    assert_eq!(hello.bytes().as_deref(), Some(&b"Hello"[..]));
}

on_every_stage!(nothing_is_sent);
async fn nothing_is_sent(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    let _client = server.connect().await;
    server.expect_bytes("Hello, world!").within(SHORT);
    server.expect_disconnect();
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 3 failed
          expect_bytes("Hello, world!") at tests/tests/conformance/bytes.rs:LINE
          timed out waiting for "Hello, world!", after 10 ms: nothing arrived
          the client is still connected
          usual cause: a buffered writer that is not flushed, or a client that waits for something else first

          script
            ok    1  expect_connect()               tests/tests/conformance/bytes.rs:LINE
            FAIL  2  expect_bytes("Hello, world!")  tests/tests/conformance/bytes.rs:LINE
            --    3  expect_disconnect()            tests/tests/conformance/bytes.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  reset by the script's failure

          told by try_join() at tests/tests/conformance/bytes.rs:LINE"#]]
    .assert_eq(&server.failure().await);
}

on_every_stage!(a_part_is_sent_and_then_nothing);
async fn a_part_is_sent_and_then_nothing(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    let mut client = server.connect().await;
    client.write_all(b"Hello").await.unwrap();
    server.expect_bytes("Hello, world!").within(SHORT);
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 2 failed
          expect_bytes("Hello, world!") at tests/tests/conformance/bytes.rs:LINE
          timed out waiting for "Hello, world!", after 10 ms: 5 of 13 bytes arrived
            expected  00000000  48 65 6c 6c 6f 2c 20 77  6f 72 6c 64 21           Hello, world!
            received  00000000  48 65 6c 6c 6f                                    Hello
          the client is still connected

          script
            ok    1  expect_connect()               tests/tests/conformance/bytes.rs:LINE
            FAIL  2  expect_bytes("Hello, world!")  tests/tests/conformance/bytes.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  received 5 bytes  "Hello"
            0.000 s  reset by the script's failure

          told by try_join() at tests/tests/conformance/bytes.rs:LINE"#]]
    .assert_eq(&server.failure().await);
}

on_every_stage!(the_client_closes_before_the_bytes);
async fn the_client_closes_before_the_bytes(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.expect_bytes("Hello, world");
    server.expect_disconnect();
    drop(server.connect().await);
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 3 failed
          expect_bytes("Hello, world") at tests/tests/conformance/bytes.rs:LINE
          the client closed the connection before "Hello, world"
          usual cause: a buffered writer that is dropped without a flush, or a client that gives up early

          script
            ok    1  expect_connect()              tests/tests/conformance/bytes.rs:LINE
            FAIL  2  expect_bytes("Hello, world")  tests/tests/conformance/bytes.rs:LINE
            --    3  expect_disconnect()           tests/tests/conformance/bytes.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  client closed the connection

          told by try_join() at tests/tests/conformance/bytes.rs:LINE"#]]
    .assert_eq(&server.failure().await);
}

on_every_stage!(the_client_closes_in_the_middle_of_the_bytes);
async fn the_client_closes_in_the_middle_of_the_bytes(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.expect_bytes("Hello, world");
    server.connect().await.write_all(b"Hello").await.unwrap();
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 2 failed
          expect_bytes("Hello, world") at tests/tests/conformance/bytes.rs:LINE
          the client closed the connection after 5 of 12 bytes
            expected  00000000  48 65 6c 6c 6f 2c 20 77  6f 72 6c 64              Hello, world
            received  00000000  48 65 6c 6c 6f                                    Hello

          script
            ok    1  expect_connect()              tests/tests/conformance/bytes.rs:LINE
            FAIL  2  expect_bytes("Hello, world")  tests/tests/conformance/bytes.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  received 5 bytes  "Hello"
            0.000 s  client closed the connection

          told by try_join() at tests/tests/conformance/bytes.rs:LINE"#]]
    .assert_eq(&server.failure().await);
}

on_every_stage!(the_bytes_are_wrong);
async fn the_bytes_are_wrong(stage: Stage) {
    let server = stage.bind().await;
    let mut client = server.connect().await;
    server.expect_connect();
    server.expect_bytes("Bonjour").named("greeting");
    client.write_all(b"Goodbye, world").await.unwrap();
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 2 failed
          expect_bytes("Bonjour") named "greeting" at tests/tests/conformance/bytes.rs:LINE
          byte 0 differs: expected 0x42 'B', received 0x47 'G'
            expected  00000000  42 6f 6e 6a 6f 75 72                              Bonjour
            received  00000000  47 6f 6f 64 62 79 65 2c  20 77 6f 72 6c 64        Goodbye, world
                                ^^
          the client is still connected

          script
            ok    1  expect_connect()                          tests/tests/conformance/bytes.rs:LINE
            FAIL  2  expect_bytes("Bonjour") named "greeting"  tests/tests/conformance/bytes.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  received 14 bytes  "Goodbye, world"
            0.000 s  reset by the script's failure

          told by try_join() at tests/tests/conformance/bytes.rs:LINE"#]]
    .assert_eq(&server.failure().await);
}

on_every_stage!(the_bytes_were_wrong_before_anybody_expected_any);
async fn the_bytes_were_wrong_before_anybody_expected_any(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    let mut client = server.connect().await;
    client.write_all(b"Goodbye").await.unwrap();
    server.join().await;
    server.expect_bytes("Bonjour");
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 2 failed
          expect_bytes("Bonjour") at tests/tests/conformance/bytes.rs:LINE
          byte 0 differs: expected 0x42 'B', received 0x47 'G'
            expected  00000000  42 6f 6e 6a 6f 75 72                              Bonjour
            received  00000000  47 6f 6f 64 62 79 65                              Goodbye
                                ^^
          the client is still connected

          script
            ok    1  expect_connect()         tests/tests/conformance/bytes.rs:LINE
            FAIL  2  expect_bytes("Bonjour")  tests/tests/conformance/bytes.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  received 7 bytes  "Goodbye"
            0.000 s  reset by the script's failure

          told by try_join() at tests/tests/conformance/bytes.rs:LINE"#]]
    .assert_eq(&server.failure().await);
}

on_every_stage!(wrong_bytes_fail_at_once_though_fewer_came_than_expected);
async fn wrong_bytes_fail_at_once_though_fewer_came_than_expected(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.expect_bytes("Hello, world").within(Duration::from_secs(3600));
    let mut client = server.connect().await;
    client.write_all(b"Help").await.unwrap();
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 2 failed
          expect_bytes("Hello, world") at tests/tests/conformance/bytes.rs:LINE
          byte 3 differs: expected 0x6c 'l', received 0x70 'p'
            expected  00000000  48 65 6c 6c 6f 2c 20 77  6f 72 6c 64              Hello, world
            received  00000000  48 65 6c 70                                       Help
                                         ^^
          the client is still connected

          script
            ok    1  expect_connect()              tests/tests/conformance/bytes.rs:LINE
            FAIL  2  expect_bytes("Hello, world")  tests/tests/conformance/bytes.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  received 4 bytes  "Help"
            0.000 s  reset by the script's failure

          told by try_join() at tests/tests/conformance/bytes.rs:LINE"#]]
    .assert_eq(&server.failure().await);
}

on_every_stage!(after_a_failure_nobody_waits_in_vain);
async fn after_a_failure_nobody_waits_in_vain(stage: Stage) {
    let server = stage.bind().await;
    let mut client = server.connect().await;
    server.expect_connect();
    server.expect_bytes("Hello");
    server.expect_bytes("Goodbye");
    server.expect_bytes("Sayonara");
    server.send_bytes("the reply that the client waits for");
    client.write_all(b"Adios amigo!").await.unwrap();

    let error = client.read(&mut [0; 64]).await.expect_err("the client gets an error instead of its reply");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let first = server.failure().await;
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 5 failed
          expect_bytes("Hello") at tests/tests/conformance/bytes.rs:LINE
          byte 0 differs: expected 0x48 'H', received 0x41 'A'
            expected  00000000  48 65 6c 6c 6f                                    Hello
            received  00000000  41 64 69 6f 73 20 61 6d  69 67 6f 21              Adios amigo!
                                ^^
          the client is still connected

          script
            ok    1  expect_connect()                                            tests/tests/conformance/bytes.rs:LINE
            FAIL  2  expect_bytes("Hello")                                       tests/tests/conformance/bytes.rs:LINE
            --    3  expect_bytes("Goodbye")                                     tests/tests/conformance/bytes.rs:LINE
            --    4  expect_bytes("Sayonara")                                    tests/tests/conformance/bytes.rs:LINE
            --    5  send_bytes("the reply that the client waits "... 35 bytes)  tests/tests/conformance/bytes.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  received 12 bytes  "Adios amigo!"
            0.000 s  reset by the script's failure

          told by try_join() at tests/tests/conformance/bytes.rs:LINE"#]]
    .assert_eq(&first);

    if let Some(mut late) = server.connect_to_be_reset().await {
        let result = late.read(&mut [0; 64]).await;
        assert!(result.is_err(), "a client that comes after the failure gets an error, too: {result:?}");
    }
    server.expect_bytes("more");
    let failure = server.try_join().await.unwrap_err();
    assert_eq!(failure.step(), Some(2), "the first failure stays");
}

on_every_stage!(a_megabyte_flows_both_ways_at_once);
async fn a_megabyte_flows_both_ways_at_once(stage: Stage) {
    let upload: Vec<u8> = (0..1_000_000_u32).map(|i| (i % 251) as u8).collect();
    let download: Vec<u8> = (0..1_000_000_u32).map(|i| (i % 241) as u8).collect();
    let server = stage.bind().await;
    server.expect_connect();
    server.send_bytes(&download);
    server.expect_bytes(&upload);
    server.expect_disconnect();

    let mut client = server.connect().await;
    // Nothing is read before all is written: it only works because the server reads while it writes.
    client.write_all(&upload).await.unwrap();
    let mut received = vec![0; download.len()];
    client.read_exact(&mut received).await.unwrap();
    assert!(received == download);
    drop(client);
    server.join().await;
}

on_every_stage!(what_came_behind_a_wrong_byte_is_shown_though_it_was_not_read_yet);
async fn what_came_behind_a_wrong_byte_is_shown_though_it_was_not_read_yet(stage: Stage) {
    // The server's first read is 2,048 bytes; the wrong byte is the last of them.
    let server = stage.bind().await;
    server.expect_connect();
    server.expect_bytes(vec![b'a'; 3000]);
    let mut client = server.connect().await;
    let message = [&[b'a'; 2047][..], b"bcdefgh"].concat();
    client.write_all(&message).await.unwrap();
    let text = server.failure().await;
    assert!(text.contains("byte 2047 differs"), "{text}");
    assert!(text.contains(" 63 64 65 66 67 68 "), "{text}");
}

on_every_stage!(a_deadline_beyond_the_end_of_the_clock_is_legal);
async fn a_deadline_beyond_the_end_of_the_clock_is_legal(stage: Stage) {
    let server = stage.builder().deadline(Duration::MAX).idle_limit(Duration::MAX).bind().await;
    server.expect_connect().within(Duration::MAX);
    server.expect_bytes("Hello");
    let mut client = server.connect().await;
    client.write_all(b"Hello").await.unwrap();
    server.join().await;
    drop(client);
    server.finish().await;
}
