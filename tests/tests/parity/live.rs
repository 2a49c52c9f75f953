//! Steps that are added while the client is at work.

use crate::connect;
use tcpclient_tokio::prelude::*;

#[tokio::test]
async fn a_join_is_a_barrier_that_may_be_awaited_many_times() {
    let server = TcpServer::bind().await.unwrap();
    server.join().await;
    server.expect_connect();
    let mut client = connect(&server).await;
    server.join().await;
    server.send_bytes("Hola!");
    server.join().await;
    server.join().await;
    let mut reply = [0; 5];
    client.read_exact(&mut reply).await.unwrap();
    assert_eq!(&reply, b"Hola!");
    server.send_bytes("Adios!");
    let mut reply = [0; 6];
    client.read_exact(&mut reply).await.unwrap();
    assert_eq!(&reply, b"Adios!");
    drop(client);
    server.finish().await;
}

#[tokio::test]
async fn bytes_may_come_before_they_are_expected() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    let mut client = connect(&server).await;
    client.write_all(b"Hello, world").await.unwrap();
    server.join().await;
    server.expect_bytes("Hello, ");
    server.join().await;
    server.expect_bytes("world");
    server.join().await;
    drop(client);
    server.expect_disconnect();
    server.join().await;
}

#[tokio::test]
async fn a_delayed_join() {
    TcpServer::run(async |server| {
        server.expect_connect();
        let mut client = connect(&server).await;
        server.expect_bytes("Hello, world");
        client.write_all(b"Hello, world").await.unwrap();
        server.expect_bytes("Goodbye, world");
        client.write_all(b"Goodbye, world").await.unwrap();
        server.join().await;
    })
    .await;
}

#[tokio::test]
async fn a_deadline_given_late_counts_from_when_the_step_became_current() {
    let server = TcpServer::builder().deadline(Duration::from_secs(3600)).bind().await.unwrap();
    let step = server.expect_connect();
    tokio::task::yield_now().await;
    step.within(Duration::from_millis(50)).named("late");
    let failure = server.try_join().await.unwrap_err();
    assert_eq!(failure.name(), Some("late"));
    assert!(failure.to_string().contains("to connect, after 50 ms"), "{failure}");
}

#[tokio::test]
async fn a_failed_step_still_gets_its_name() {
    let server = TcpServer::bind().await.unwrap();
    let step = server.expect_disconnect();
    assert_eq!(server.try_join().await.unwrap_err().name(), None);
    step.named("farewell");
    assert_eq!(server.try_join().await.unwrap_err().name(), Some("farewell"));
}

#[tokio::test]
async fn what_happened_can_be_had_from_a_test_that_passes() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    server.expect_bytes("ping");
    server.send_bytes("pong");
    server.expect_disconnect();
    let mut client = connect(&server).await;
    client.write_all(b"ping").await.unwrap();
    client.read_exact(&mut [0; 4]).await.unwrap();
    drop(client);
    server.join().await;
    let transcript = server.transcript();
    let events: Vec<String> = transcript.entries().map(|entry| entry.event().to_string()).collect();
    assert!(events[0].starts_with("client connected from 127.0.0.1:"));
    assert_eq!(events[1..], ["received 4 bytes  \"ping\"", "sent 4 bytes  \"pong\"", "client closed the connection"]);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn addresses_that_cannot_be_had_are_named() {
    let server = TcpServer::bind().await.unwrap();
    assert_eq!(server.local_addr().port(), server.port());
    let error = TcpServer::builder().addr(server.local_addr()).bind().await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    assert!(error.to_string().starts_with(&format!("cannot listen on {}: ", server.local_addr())), "{error}");

    // 192.0.2.0/24 belongs to no machine (RFC 5737).
    let error = TcpServer::builder().addr("192.0.2.1:0").bind().await.unwrap_err();
    assert!(error.to_string().starts_with("cannot listen on 192.0.2.1:0: "), "{error}");

    let error = TcpServer::builder().addr("no port").bind().await.unwrap_err();
    assert!(error.to_string().starts_with("cannot find the address to listen on: "), "{error}");
}

#[tokio::test]
async fn a_verb_after_the_end_is_refused_at_its_line() {
    let server = TcpServer::bind().await.unwrap();
    let script = Script::clone(&server);
    server.finish().await;
    let payload = std::panic::catch_unwind(move || script.expect_connect()).unwrap_err();
    let message = payload.downcast_ref::<String>().unwrap();
    assert!(message.ends_with("a step was added after the server had been finished or dropped"), "{message}");
}

#[tokio::test]
async fn the_listener_is_gone_when_finish_returns() {
    // On an address that no other test listens on: on 127.0.0.1 one of them may have the port by now. Only macOS has no other.
    let home = if cfg!(target_os = "macos") { "127.0.0.1:0" } else { "127.0.0.77:0" };
    let server = TcpServer::builder().addr(home).bind().await.unwrap();
    let addr = server.local_addr();
    server.finish().await;
    let error = TcpStream::connect(addr).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
}
