//! Clients that close only their sending half, and servers that end the connection before the client has said a word.

use crate::{connect, failure};
use expect_test::expect;
use tcpclient_tokio::prelude::*;

#[tokio::test]
async fn a_client_that_closed_its_sending_half_gets_the_end_of_ours() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    server.expect_bytes("request");
    server.send_bytes("response");
    server.expect_disconnect();
    let client = async {
        let mut client = connect(&server).await;
        client.write_all(b"request").await.unwrap();
        client.shutdown().await.unwrap();
        let mut response = Vec::new();
        client.read_to_end(&mut response).await.unwrap();
        assert_eq!(response, b"response");
    };
    tokio::join!(client, server.join());
    server.finish().await;
}

#[tokio::test]
async fn a_client_that_closed_its_sending_half_does_not_wait_for_ever_for_a_reply() {
    let server = TcpServer::builder().idle_limit(Duration::from_millis(50)).bind().await.unwrap();
    server.expect_connect();
    server.expect_bytes("question");
    let mut client = connect(&server).await;
    client.write_all(b"question").await.unwrap();
    client.shutdown().await.unwrap();
    assert!(client.read(&mut [0; 16]).await.is_err());
    expect![[r#"
        scripted server 127.0.0.1:PORT: failed after the last of its 2 steps
          nothing happens: the client has closed the connection, or its sending half, and for 50 ms no step has been left to play
          usual cause: the client waits for a reply that the script does not send, or the test asks too late:
            expect_disconnect() or finish() tell that all is well; a longer pause is allowed by builder().idle_limit(..)

          script
            ok    1  expect_connect()          tests/tests/parity/halves.rs:LINE
            ok    2  expect_bytes("question")  tests/tests/parity/halves.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  received 8 bytes  "question"
            0.000 s  client closed the connection

          told by try_join() at tests/tests/parity/main.rs:LINE"#]]
    .assert_eq(&failure(&server).await);
}

#[tokio::test]
async fn only_what_was_sent_after_the_client_had_gone_was_never_delivered() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    let mut client = connect(&server).await;
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

/// The time for which a silent client stays connected that is to be reset.
const GRACE: Duration = Duration::from_millis(100);

/// Connects 100 clients to servers that reset them as soon as they can: it is the first use that fails.
async fn connects_and_is_reset() {
    for _ in 0..100 {
        let server = TcpServer::bind().await.unwrap();
        server.expect_connect();
        server.reset();
        let began = std::time::Instant::now();
        match TcpStream::connect(server.local_addr()).await {
            Ok(mut client) => {
                let _ = client.write_all(b"anybody there?").await;
                assert!(client.read(&mut [0; 1]).await.is_err());
            }
            // On a busy machine the client may get no processor for that long.
            Err(error) => assert!(began.elapsed() >= GRACE, "the connect itself fails: {error}"),
        }
        server.join().await;
    }
}

#[tokio::test]
async fn a_reset_right_after_the_connect_is_an_error_of_the_first_use() {
    connects_and_is_reset().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_right_after_the_connect_is_an_error_of_the_first_use_on_several_threads() {
    connects_and_is_reset().await;
}

#[tokio::test]
async fn a_silent_client_is_reset_too() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    server.reset();
    let mut client = connect(&server).await;
    let error = client.read(&mut [0; 1]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    drop(client);
    server.finish().await;
}

#[tokio::test]
async fn a_second_client_can_connect_on_several_threads_before_it_is_refused() {
    for _ in 0..100 {
        let server = TcpServer::bind().await.unwrap();
        server.expect_connect();
        server.expect_disconnect();
        let first = connect(&server).await;
        let second = connect(&server).await;
        assert!(server.try_join().await.is_err());
        drop((first, second));
    }
}

#[tokio::test]
async fn finish_finds_a_reset_that_came_behind_the_client_s_end() {
    for _ in 0..200 {
        let server = TcpServer::bind().await.unwrap();
        server.expect_connect();
        server.send_bytes("0123456789");
        let mut client = connect(&server).await;
        client.read_exact(&mut [0; 4]).await.unwrap();
        client.shutdown().await.unwrap();
        // The server has seen the end of the stream; now comes the reset.
        server.join().await;
        drop(client);
        let failure = server.try_finish().await.unwrap_err();
        assert!(failure.to_string().contains("some of the 10 bytes sent were not read"), "{failure}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_can_connect_to_a_server_that_resets_it_and_is_finished() {
    for _ in 0..200 {
        let server = TcpServer::bind().await.unwrap();
        let addr = server.local_addr();
        server.expect_connect();
        server.reset();
        let client = tokio::spawn(async move {
            let began = std::time::Instant::now();
            let connected = TcpStream::connect(addr).await;
            assert!(connected.is_ok() || began.elapsed() >= GRACE, "the connect itself fails: {connected:?}");
        });
        server.finish().await;
        client.await.unwrap();
    }
}

#[tokio::test]
async fn a_reset_behind_the_end_is_found_when_the_next_client_comes() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    server.send_bytes("hello");
    server.expect_disconnect();
    let mut client = connect(&server).await;
    client.shutdown().await.unwrap();
    server.join().await;
    drop(client);
    server.expect_connect();
    drop(connect(&server).await);
    let failure = server.try_join().await.unwrap_err();
    assert_eq!(failure.step(), Some(3), "{failure}");
    assert!(failure.to_string().contains("some of the 5 bytes sent were not read"), "{failure}");
}
