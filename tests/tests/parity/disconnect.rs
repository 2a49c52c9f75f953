use crate::{SHORT, connect, failure};
use expect_test::expect;
use tcpclient_tokio::prelude::*;

#[tokio::test]
async fn the_client_never_closes() {
    let server = TcpServer::bind().await.unwrap();
    let _client = connect(&server).await;
    server.expect_connect();
    server.expect_disconnect().within(SHORT);
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 2 failed
          expect_disconnect() at tests/tests/parity/disconnect.rs:LINE
          timed out waiting for the client to disconnect, after 100 ms
          the client is still connected
          usual cause: something keeps the client's stream alive: a variable still in scope,
            the other half of a split stream, a task, or a connection pool; drop it

          script
            ok    1  expect_connect()     tests/tests/parity/disconnect.rs:LINE
            FAIL  2  expect_disconnect()  tests/tests/parity/disconnect.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  reset by the script's failure

          told by try_join() at tests/tests/parity/main.rs:LINE"#]]
    .assert_eq(&failure(&server).await);
}

#[tokio::test]
async fn the_client_sends_where_it_is_to_close() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    server.expect_disconnect();
    connect(&server).await.write_all(b"Hello").await.unwrap();
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 2 failed
          expect_disconnect() at tests/tests/parity/disconnect.rs:LINE
          unexpected data while waiting for the client to disconnect
            received  00000000  48 65 6c 6c 6f                                    Hello
          the client has closed the connection, or its sending half

          script
            ok    1  expect_connect()     tests/tests/parity/disconnect.rs:LINE
            FAIL  2  expect_disconnect()  tests/tests/parity/disconnect.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  received 5 bytes  "Hello"
            0.000 s  client closed the connection

          told by try_join() at tests/tests/parity/main.rs:LINE"#]]
    .assert_eq(&failure(&server).await);
}

#[tokio::test]
async fn the_server_closes_and_the_client_reads_the_end() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    server.disconnect();
    let mut client = connect(&server).await;
    assert_eq!(client.read(&mut [0; 16]).await.unwrap(), 0);
    drop(client);
    server.join().await;
}

#[tokio::test]
async fn what_was_sent_before_a_disconnect_is_read_before_the_end() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    server.send_bytes(b"\0");
    server.disconnect();
    let mut client = connect(&server).await;
    let error = client.read_u16().await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
    drop(client);
    server.finish().await;
}

#[tokio::test]
async fn a_large_reply_before_a_disconnect_is_never_cut_though_the_client_sends_more() {
    let reply = vec![b'x'; 200_000];
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    server.send_bytes(&reply);
    server.disconnect();
    let mut client = connect(&server).await;
    server.join().await;
    // A server that had let go of its socket would answer this with a reset, and cut off its own reply.
    client.write_all(b"never expected").await.unwrap();
    client.write_all(b"nor this").await.unwrap();
    let mut received = Vec::new();
    client.read_to_end(&mut received).await.unwrap();
    assert_eq!(received.len(), reply.len());
    drop(client);
    server.join().await;
    let text = server.transcript().to_string();
    assert!(text.contains("received 22 bytes  \"never expectednor this\""), "what comes behind is on record: {text}");
    server.finish().await;
}

#[tokio::test]
async fn a_larger_reply_than_the_kernel_holds_is_not_cut_either() {
    let reply = vec![b'x'; 8 << 20];
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    server.send_bytes(&reply);
    server.disconnect();
    let mut client = connect(&server).await;
    let mut received = Vec::new();
    client.read_to_end(&mut received).await.unwrap();
    assert_eq!(received.len(), reply.len());
    drop(client);
    server.finish().await;
}

#[tokio::test]
async fn a_reset_is_an_error_for_the_client() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    server.expect_bytes("Hello");
    server.reset();
    let mut client = connect(&server).await;
    client.write_all(b"Hello").await.unwrap();
    let error = client.read(&mut [0; 16]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    server.finish().await;
}

#[tokio::test]
async fn a_client_that_aborts_has_not_closed_properly() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    server.expect_disconnect();
    let client = connect(&server).await;
    client.set_zero_linger().unwrap();
    drop(client);
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 2 failed
          expect_disconnect() at tests/tests/parity/disconnect.rs:LINE
          the client aborted the connection with a reset, though it had nothing left to read

          script
            ok    1  expect_connect()     tests/tests/parity/disconnect.rs:LINE
            FAIL  2  expect_disconnect()  tests/tests/parity/disconnect.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  client reset the connection

          told by try_join() at tests/tests/parity/main.rs:LINE"#]]
    .assert_eq(&failure(&server).await);
}

#[tokio::test]
async fn a_reply_in_two_sends_does_not_wait_for_an_acknowledgement() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    for _ in 0..50 {
        server.expect_bytes("?");
        server.send_bytes("a");
        server.send_bytes("b");
    }
    server.expect_disconnect();
    let mut client = connect(&server).await;
    let began = std::time::Instant::now();
    for _ in 0..50 {
        client.write_all(b"?").await.unwrap();
        client.read_exact(&mut [0; 2]).await.unwrap();
    }
    let took = began.elapsed();
    drop(client);
    server.join().await;
    // Held back until the client's delayed acknowledgement, each of them would take 40 ms.
    assert!(took < Duration::from_secs(1), "50 replies took {took:?}");
}

#[tokio::test]
async fn what_comes_on_a_closed_connection_is_not_the_next_client_s() {
    for rest in [&b""[..], b"AAAA"] {
        for _ in 0..50 {
            let server = TcpServer::bind().await.unwrap();
            server.expect_connect();
            server.disconnect();
            server.expect_connect();
            server.expect_bytes("B");
            server.expect_disconnect();
            let mut client = connect(&server).await;
            assert_eq!(client.read(&mut [0; 1]).await.unwrap(), 0);
            client.write_all(rest).await.unwrap();
            drop(client);
            connect(&server).await.write_all(b"B").await.unwrap();
            server.join().await;
        }
    }
}
