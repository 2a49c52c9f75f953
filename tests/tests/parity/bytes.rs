use crate::{SHORT, connect, failure};
use expect_test::expect;
use tcpclient_tokio::prelude::*;

#[tokio::test]
async fn two_messages_in_one_write() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    server.expect_bytes("Hello");
    server.expect_bytes("Goodbye");
    server.expect_disconnect();
    connect(&server).await.write_all(b"HelloGoodbye").await.unwrap();
    server.join().await;
}

#[tokio::test]
async fn two_messages_in_many_writes() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    let hello = server.expect_bytes("Hello");
    server.expect_bytes("Goodbye");
    server.expect_disconnect();
    let mut client = connect(&server).await;
    for byte in b"HelloGoodbye" {
        client.write_all(&[*byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(
        server.try_join().await.map_err(|failure| failure.step()),
        Err(Some(4)),
        "the client is still connected"
    );
    assert_eq!(hello.bytes().as_deref(), Some(&b"Hello"[..]));
}

#[tokio::test]
async fn nothing_is_sent() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    server.expect_bytes("Hello, world!").within(SHORT);
    server.expect_disconnect();
    let _client = connect(&server).await;
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 3 failed
          expect_bytes("Hello, world!") at tests/tests/parity/bytes.rs:LINE
          timed out waiting for "Hello, world!", after 100 ms: nothing arrived
          the client is still connected

          script
            ok    1  expect_connect()               tests/tests/parity/bytes.rs:LINE
            FAIL  2  expect_bytes("Hello, world!")  tests/tests/parity/bytes.rs:LINE
            --    3  expect_disconnect()            tests/tests/parity/bytes.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  reset by the script's failure

          told by try_join() at tests/tests/parity/main.rs:LINE"#]]
    .assert_eq(&failure(&server).await);
}

#[tokio::test]
async fn a_part_is_sent_and_then_nothing() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    server.expect_bytes("Hello, world!").within(SHORT);
    let mut client = connect(&server).await;
    client.write_all(b"Hello").await.unwrap();
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 2 failed
          expect_bytes("Hello, world!") at tests/tests/parity/bytes.rs:LINE
          timed out waiting for "Hello, world!", after 100 ms: 5 of 13 bytes arrived
            expected  00000000  48 65 6c 6c 6f 2c 20 77  6f 72 6c 64 21           Hello, world!
            received  00000000  48 65 6c 6c 6f                                    Hello
          the client is still connected

          script
            ok    1  expect_connect()               tests/tests/parity/bytes.rs:LINE
            FAIL  2  expect_bytes("Hello, world!")  tests/tests/parity/bytes.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  received 5 bytes  "Hello"
            0.000 s  reset by the script's failure

          told by try_join() at tests/tests/parity/main.rs:LINE"#]]
    .assert_eq(&failure(&server).await);
}

#[tokio::test]
async fn the_client_closes_before_the_bytes() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    server.expect_bytes("Hello, world");
    server.expect_disconnect();
    drop(connect(&server).await);
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 3 failed
          expect_bytes("Hello, world") at tests/tests/parity/bytes.rs:LINE
          the client closed the connection before "Hello, world"

          script
            ok    1  expect_connect()              tests/tests/parity/bytes.rs:LINE
            FAIL  2  expect_bytes("Hello, world")  tests/tests/parity/bytes.rs:LINE
            --    3  expect_disconnect()           tests/tests/parity/bytes.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  client closed the connection

          told by try_join() at tests/tests/parity/main.rs:LINE"#]]
    .assert_eq(&failure(&server).await);
}

#[tokio::test]
async fn the_client_closes_in_the_middle_of_the_bytes() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    server.expect_bytes("Hello, world");
    connect(&server).await.write_all(b"Hello").await.unwrap();
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 2 failed
          expect_bytes("Hello, world") at tests/tests/parity/bytes.rs:LINE
          the client closed the connection after 5 of 12 bytes
            expected  00000000  48 65 6c 6c 6f 2c 20 77  6f 72 6c 64              Hello, world
            received  00000000  48 65 6c 6c 6f                                    Hello

          script
            ok    1  expect_connect()              tests/tests/parity/bytes.rs:LINE
            FAIL  2  expect_bytes("Hello, world")  tests/tests/parity/bytes.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  received 5 bytes  "Hello"
            0.000 s  client closed the connection

          told by try_join() at tests/tests/parity/main.rs:LINE"#]]
    .assert_eq(&failure(&server).await);
}

#[tokio::test]
async fn the_bytes_are_wrong() {
    let server = TcpServer::bind().await.unwrap();
    let mut client = connect(&server).await;
    server.expect_connect();
    server.expect_bytes("Bonjour").named("greeting");
    client.write_all(b"Goodbye, world").await.unwrap();
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 2 failed
          expect_bytes("Bonjour") named "greeting" at tests/tests/parity/bytes.rs:LINE
          byte 0 differs: expected 0x42 'B', received 0x47 'G'
            expected  00000000  42 6f 6e 6a 6f 75 72                              Bonjour
            received  00000000  47 6f 6f 64 62 79 65 2c  20 77 6f 72 6c 64        Goodbye, world
                                ^^
          the client is still connected

          script
            ok    1  expect_connect()                          tests/tests/parity/bytes.rs:LINE
            FAIL  2  expect_bytes("Bonjour") named "greeting"  tests/tests/parity/bytes.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  received 14 bytes  "Goodbye, world"
            0.000 s  reset by the script's failure

          told by try_join() at tests/tests/parity/main.rs:LINE"#]]
    .assert_eq(&failure(&server).await);
}

#[tokio::test]
async fn wrong_bytes_fail_at_once_though_fewer_came_than_expected() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    server.expect_bytes("Hello, world").within(Duration::from_secs(3600));
    let mut client = connect(&server).await;
    client.write_all(b"Help").await.unwrap();
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 2 failed
          expect_bytes("Hello, world") at tests/tests/parity/bytes.rs:LINE
          byte 3 differs: expected 0x6c 'l', received 0x70 'p'
            expected  00000000  48 65 6c 6c 6f 2c 20 77  6f 72 6c 64              Hello, world
            received  00000000  48 65 6c 70                                       Help
                                         ^^
          the client is still connected

          script
            ok    1  expect_connect()              tests/tests/parity/bytes.rs:LINE
            FAIL  2  expect_bytes("Hello, world")  tests/tests/parity/bytes.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  received 4 bytes  "Help"
            0.000 s  reset by the script's failure

          told by try_join() at tests/tests/parity/main.rs:LINE"#]]
    .assert_eq(&failure(&server).await);
}

#[tokio::test]
async fn after_a_failure_nobody_waits_in_vain() {
    let server = TcpServer::bind().await.unwrap();
    let mut client = connect(&server).await;
    server.expect_connect();
    server.expect_bytes("Hello");
    server.expect_bytes("Goodbye");
    server.expect_bytes("Sayonara");
    server.send_bytes("the reply that the client waits for");
    client.write_all(b"Adios amigo!").await.unwrap();

    let error = client.read(&mut [0; 64]).await.expect_err("the client gets an error instead of its reply");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let first = failure(&server).await;
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 5 failed
          expect_bytes("Hello") at tests/tests/parity/bytes.rs:LINE
          byte 0 differs: expected 0x48 'H', received 0x41 'A'
            expected  00000000  48 65 6c 6c 6f                                    Hello
            received  00000000  41 64 69 6f 73 20 61 6d  69 67 6f 21              Adios amigo!
                                ^^
          the client is still connected

          script
            ok    1  expect_connect()                                            tests/tests/parity/bytes.rs:LINE
            FAIL  2  expect_bytes("Hello")                                       tests/tests/parity/bytes.rs:LINE
            --    3  expect_bytes("Goodbye")                                     tests/tests/parity/bytes.rs:LINE
            --    4  expect_bytes("Sayonara")                                    tests/tests/parity/bytes.rs:LINE
            --    5  send_bytes("the reply that the client waits "... 35 bytes)  tests/tests/parity/bytes.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  received 12 bytes  "Adios amigo!"
            0.000 s  reset by the script's failure

          told by try_join() at tests/tests/parity/main.rs:LINE"#]]
    .assert_eq(&first);

    let mut late = connect(&server).await;
    let result = late.read(&mut [0; 64]).await;
    assert!(result.is_err(), "a client that comes after the failure gets an error, too: {result:?}");
    server.expect_bytes("more");
    let failure = server.try_join().await.unwrap_err();
    assert_eq!(failure.step(), Some(2), "the first failure stays");
}

#[tokio::test]
async fn a_megabyte_flows_both_ways_at_once() {
    let upload: Vec<u8> = (0..1_000_000_u32).map(|i| (i % 251) as u8).collect();
    let download: Vec<u8> = (0..1_000_000_u32).map(|i| (i % 241) as u8).collect();
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    server.send_bytes(&download);
    server.expect_bytes(&upload);
    server.expect_disconnect();

    let mut client = connect(&server).await;
    // Nothing is read before all is written: it only works because the server reads while it writes.
    client.write_all(&upload).await.unwrap();
    let mut received = vec![0; download.len()];
    client.read_exact(&mut received).await.unwrap();
    assert!(received == download);
    drop(client);
    server.join().await;
}

#[tokio::test]
async fn what_came_behind_a_wrong_byte_is_shown_though_it_was_not_read_yet() {
    // The server's first read is 2,048 bytes; the wrong byte is the last of them.
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    server.expect_bytes(vec![b'a'; 3000]);
    let mut client = connect(&server).await;
    let message = [&[b'a'; 2047][..], b"bcdefgh"].concat();
    client.write_all(&message).await.unwrap();
    let text = failure(&server).await;
    assert!(text.contains("byte 2047 differs"), "{text}");
    assert!(text.contains(" 63 64 65 66 67 68 "), "{text}");
}

#[tokio::test]
async fn a_deadline_beyond_the_end_of_the_clock_is_legal() {
    let server = TcpServer::builder().deadline(Duration::MAX).idle_limit(Duration::MAX).bind().await.unwrap();
    server.expect_connect().within(Duration::MAX);
    server.expect_bytes("Hello");
    let mut client = connect(&server).await;
    client.write_all(b"Hello").await.unwrap();
    server.join().await;
    drop(client);
    server.finish().await;
}
