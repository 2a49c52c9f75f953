//! A client that does not read all it was sent. How much it left is not known without a probe of the kernel; that it left
//! something is, by the reset that its close causes.

use crate::{connect, failure};
use expect_test::expect;
use tcpclient_tokio::prelude::*;
use tokio::io::BufReader;

#[tokio::test]
async fn read_exact_of_a_part() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    server.send_bytes("OneTwo");
    server.expect_disconnect();
    let mut client = connect(&server).await;
    let mut reply = [0; 3];
    client.read_exact(&mut reply).await.unwrap();
    assert_eq!(&reply, b"One");
    drop(client);
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 3 of 3 failed
          expect_disconnect() at tests/tests/parity/unread.rs:LINE
          the client reset the connection: some of the 6 bytes sent were not read, or it aborted on purpose
          usual cause: a stream that is dropped with data left to read

          script
            ok    1  expect_connect()      tests/tests/parity/unread.rs:LINE
            ok    2  send_bytes("OneTwo")  tests/tests/parity/unread.rs:LINE
            FAIL  3  expect_disconnect()   tests/tests/parity/unread.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  sent 6 bytes  "OneTwo"
            0.000 s  client reset the connection

          told by try_join() at tests/tests/parity/main.rs:LINE"#]]
    .assert_eq(&failure(&server).await);
}

/// Reads until a byte has come, and not one byte further: a `BufReader` would take from the kernel all that there is.
async fn read_until(client: &mut TcpStream, last: u8) -> Vec<u8> {
    let mut line = Vec::new();
    while line.last() != Some(&last) {
        line.push(client.read_u8().await.unwrap());
    }
    line
}

#[tokio::test]
async fn read_until_a_byte() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    server.send_bytes("AAAXBBB");
    server.expect_disconnect();
    let mut client = connect(&server).await;
    assert_eq!(read_until(&mut client, b'X').await, b"AAAX");
    drop(client);
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 3 of 3 failed
          expect_disconnect() at tests/tests/parity/unread.rs:LINE
          the client reset the connection: some of the 7 bytes sent were not read, or it aborted on purpose
          usual cause: a stream that is dropped with data left to read

          script
            ok    1  expect_connect()       tests/tests/parity/unread.rs:LINE
            ok    2  send_bytes("AAAXBBB")  tests/tests/parity/unread.rs:LINE
            FAIL  3  expect_disconnect()    tests/tests/parity/unread.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  sent 7 bytes  "AAAXBBB"
            0.000 s  client reset the connection

          told by try_join() at tests/tests/parity/main.rs:LINE"#]]
    .assert_eq(&failure(&server).await);
}

#[tokio::test]
async fn read_a_line() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    server.send_bytes("One\nTwo\n");
    server.expect_disconnect();
    let mut client = connect(&server).await;
    assert_eq!(read_until(&mut client, b'\n').await, b"One\n");
    drop(client);
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 3 of 3 failed
          expect_disconnect() at tests/tests/parity/unread.rs:LINE
          the client reset the connection: some of the 8 bytes sent were not read, or it aborted on purpose
          usual cause: a stream that is dropped with data left to read

          script
            ok    1  expect_connect()          tests/tests/parity/unread.rs:LINE
            ok    2  send_bytes("One\nTwo\n")  tests/tests/parity/unread.rs:LINE
            FAIL  3  expect_disconnect()       tests/tests/parity/unread.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  sent 8 bytes  "One\nTwo\n"
            0.000 s  client reset the connection

          told by try_join() at tests/tests/parity/main.rs:LINE"#]]
    .assert_eq(&failure(&server).await);
}

#[tokio::test]
async fn what_a_buffered_reader_took_counts_as_read() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    server.send_bytes("One\nTwo\n");
    server.expect_disconnect();
    let mut client = BufReader::new(connect(&server).await);
    let mut line = String::new();
    client.read_line(&mut line).await.unwrap();
    assert_eq!(line, "One\n");
    drop(client);
    server.join().await;
}

#[tokio::test]
async fn nothing_is_read() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    server.send_bytes("Hola!");
    let client = connect(&server).await;
    server.join().await;
    drop(client);
    server.expect_disconnect();
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 3 of 3 failed
          expect_disconnect() at tests/tests/parity/unread.rs:LINE
          the client reset the connection: some of the 5 bytes sent were not read, or it aborted on purpose
          usual cause: a stream that is dropped with data left to read

          script
            ok    1  expect_connect()     tests/tests/parity/unread.rs:LINE
            ok    2  send_bytes("Hola!")  tests/tests/parity/unread.rs:LINE
            FAIL  3  expect_disconnect()  tests/tests/parity/unread.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  sent 5 bytes  "Hola!"
            0.000 s  client reset the connection

          told by try_join() at tests/tests/parity/main.rs:LINE"#]]
    .assert_eq(&failure(&server).await);
}

#[tokio::test]
async fn a_client_with_split_halves_leaves_something() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    server.send_bytes("OneTwo");
    server.expect_disconnect();
    let (mut reader, writer) = connect(&server).await.into_split();
    let mut reply = [0; 3];
    reader.read_exact(&mut reply).await.unwrap();
    // The halves close as an end of stream with a reset behind it.
    drop(writer);
    drop(reader);
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 3 of 3 failed
          expect_disconnect() at tests/tests/parity/unread.rs:LINE
          the client reset the connection: some of the 6 bytes sent were not read, or it aborted on purpose
          usual cause: a stream that is dropped with data left to read

          script
            ok    1  expect_connect()      tests/tests/parity/unread.rs:LINE
            ok    2  send_bytes("OneTwo")  tests/tests/parity/unread.rs:LINE
            FAIL  3  expect_disconnect()   tests/tests/parity/unread.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  sent 6 bytes  "OneTwo"
            0.000 s  client reset the connection

          told by try_join() at tests/tests/parity/main.rs:LINE"#]]
    .assert_eq(&failure(&server).await);
}

#[tokio::test]
async fn the_server_sends_after_the_client_has_closed() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    let client = connect(&server).await;
    server.join().await;
    drop(client);
    server.send_bytes("Adios!");
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 2 failed
          send_bytes("Adios!") at tests/tests/parity/unread.rs:LINE
          the client had already closed the connection: 6 bytes were never delivered

          script
            ok    1  expect_connect()      tests/tests/parity/unread.rs:LINE
            FAIL  2  send_bytes("Adios!")  tests/tests/parity/unread.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  client closed the connection
            0.000 s  client reset the connection

          told by try_join() at tests/tests/parity/main.rs:LINE"#]]
    .assert_eq(&failure(&server).await);
}

#[tokio::test]
async fn the_server_goes_on_sending_after_the_client_has_closed() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    let mut client = connect(&server).await;
    server.join().await;
    server.send_bytes("Hola!");
    server.join().await;
    let mut reply = [0; 5];
    client.read_exact(&mut reply).await.unwrap();
    drop(client);
    server.send_bytes("Adios!");
    server.send_bytes("Amigo!");
    server.expect_disconnect();
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 3 of 5 failed
          send_bytes("Adios!") at tests/tests/parity/unread.rs:LINE
          the client had already closed the connection: 6 bytes were never delivered

          script
            ok    1  expect_connect()      tests/tests/parity/unread.rs:LINE
            ok    2  send_bytes("Hola!")   tests/tests/parity/unread.rs:LINE
            FAIL  3  send_bytes("Adios!")  tests/tests/parity/unread.rs:LINE
            --    4  send_bytes("Amigo!")  tests/tests/parity/unread.rs:LINE
            --    5  expect_disconnect()   tests/tests/parity/unread.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  sent 5 bytes  "Hola!"
            0.000 s  client closed the connection
            0.000 s  client reset the connection

          told by try_join() at tests/tests/parity/main.rs:LINE"#]]
    .assert_eq(&failure(&server).await);
}

#[tokio::test]
async fn a_half_closed_client_may_still_be_sent_something() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    server.expect_bytes("that is all");
    let mut client = connect(&server).await;
    client.write_all(b"that is all").await.unwrap();
    client.shutdown().await.unwrap();
    server.join().await;
    server.send_bytes("your answer");
    server.disconnect();
    let mut reply = Vec::new();
    client.read_to_end(&mut reply).await.unwrap();
    assert_eq!(reply, b"your answer");
    server.join().await;
}

#[tokio::test]
async fn a_client_leaves_while_a_large_reply_is_under_way() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    server.send_bytes(vec![b'x'; 16 << 20]);
    server.expect_disconnect();
    let mut client = connect(&server).await;
    client.read_exact(&mut [0; 100]).await.unwrap();
    drop(client);
    let failure = server.try_join().await.unwrap_err();
    assert_eq!(failure.step(), Some(2));
    let text = failure.to_string();
    assert!(text.contains("the client closed the connection while it was sent this: at least "), "{text}");
    assert!(text.contains(" bytes were never delivered"), "{text}");
}
