use crate::{SHORT, connect, failure};
use expect_test::expect;
use tcpclient_tokio::prelude::*;

#[tokio::test]
async fn a_client_may_connect_and_close_before_it_is_expected() {
    let server = TcpServer::bind().await.unwrap();
    drop(connect(&server).await);
    server.expect_connect();
    server.expect_disconnect();
    server.join().await;
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_client_may_connect_and_close_after_it_is_expected() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    server.expect_disconnect();
    drop(connect(&server).await);
    server.join().await;
}

#[tokio::test]
async fn the_fixture_implies_the_disconnect() {
    TcpServer::run(async |server| {
        server.expect_connect();
        drop(connect(&server).await);
    })
    .await;
}

#[tokio::test]
async fn nobody_connects() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect().within(SHORT);
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 1 of 1 failed
          expect_connect() at tests/tests/parity/connect.rs:LINE
          timed out waiting for the client to connect, after 100 ms

          script
            FAIL  1  expect_connect()  tests/tests/parity/connect.rs:LINE

          conversation
            (none)

          told by try_join() at tests/tests/parity/main.rs:LINE"#]]
    .assert_eq(&failure(&server).await);
}

#[tokio::test]
async fn a_disconnect_is_expected_when_nobody_ever_connected() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_disconnect();
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 1 of 1 failed
          expect_disconnect() at tests/tests/parity/connect.rs:LINE
          client is not connected
          no client has connected
          usual cause: missing expect_connect() before this step, or a client that never connects

          script
            FAIL  1  expect_disconnect()  tests/tests/parity/connect.rs:LINE

          conversation
            (none)

          told by try_join() at tests/tests/parity/main.rs:LINE"#]]
    .assert_eq(&failure(&server).await);
}

#[tokio::test]
async fn bytes_are_expected_of_a_client_that_no_step_claims() {
    let server = TcpServer::bind().await.unwrap();
    let mut client = connect(&server).await;
    server.expect_bytes(b"Hello, world");
    client.write_all(b"Hello, world").await.unwrap();
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 1 of 1 failed
          expect_bytes("Hello, world") at tests/tests/parity/connect.rs:LINE
          a client has connected, but no step claims it: missing expect_connect() before this step

          script
            FAIL  1  expect_bytes("Hello, world")  tests/tests/parity/connect.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  reset by the script's failure

          told by try_join() at tests/tests/parity/main.rs:LINE"#]]
    .assert_eq(&failure(&server).await);
}

#[tokio::test]
async fn a_step_comes_after_the_end_of_the_connection() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    server.expect_disconnect();
    server.send_bytes("too late");
    drop(connect(&server).await);
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 3 of 3 failed
          send_bytes("too late") at tests/tests/parity/connect.rs:LINE
          client is not connected: step 2 ended its connection
          the client has closed the connection, or its sending half
          usual cause: a client that connects again needs an expect_connect() of its own

          script
            ok    1  expect_connect()        tests/tests/parity/connect.rs:LINE
            ok    2  expect_disconnect()     tests/tests/parity/connect.rs:LINE
            FAIL  3  send_bytes("too late")  tests/tests/parity/connect.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  client closed the connection

          told by try_join() at tests/tests/parity/main.rs:LINE"#]]
    .assert_eq(&failure(&server).await);
}

#[tokio::test]
async fn a_client_closes_and_connects_again_where_that_is_scripted() {
    let server = TcpServer::bind().await.unwrap();
    for round in 0_u32..200 {
        server.expect_connect();
        server.expect_bytes(round.to_be_bytes());
        server.expect_disconnect();
    }
    for round in 0_u32..200 {
        let mut client = connect(&server).await;
        client.write_all(&round.to_be_bytes()).await.unwrap();
    }
    server.join().await;
    assert_eq!(server.connections(), 200);
}

#[tokio::test]
async fn two_clients_come_and_go_before_the_script_looks() {
    let server = TcpServer::bind().await.unwrap();
    for word in ["one", "two"] {
        let mut client = std::net::TcpStream::connect(server.local_addr()).unwrap();
        std::io::Write::write_all(&mut client, word.as_bytes()).unwrap();
    }
    for word in ["one", "two"] {
        server.expect_connect();
        server.expect_bytes(word);
        server.expect_disconnect();
    }
    server.join().await;
}
