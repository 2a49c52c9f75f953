//! A second connection fails the script at once, in whatever state it is.

use crate::connect;
use expect_test::expect;
use tcpclient_tokio::prelude::*;

/// Has a second client connect while the script waits for something that takes an hour.
async fn second_connection(script: impl FnOnce(&Script)) -> String {
    let server = TcpServer::builder().deadline(Duration::from_secs(3600)).bind().await.unwrap();
    server.expect_connect();
    let first = connect(&server).await;
    server.join().await;
    script(&server);
    let second = connect(&server).await;
    let text = crate::failure(&server).await;
    drop((first, second));
    text
}

#[tokio::test]
async fn while_the_script_waits_for_a_disconnect() {
    let text = second_connection(|server| {
        server.expect_disconnect();
    });
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 2 failed
          expect_disconnect() at tests/tests/parity/second.rs:LINE
          a second connection was attempted, from 127.0.0.1:PORT
          the client is still connected
          usual cause: a client that connects again before it closes its first connection; a scripted
            reconnect needs expect_disconnect() or disconnect() before the next expect_connect()

          script
            ok    1  expect_connect()     tests/tests/parity/second.rs:LINE
            FAIL  2  expect_disconnect()  tests/tests/parity/second.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  reset by the script's failure

          told by try_join() at tests/tests/parity/main.rs:LINE"#]]
    .assert_eq(&text.await);
}

#[tokio::test]
async fn while_the_script_waits_for_bytes() {
    let text = second_connection(|server| {
        server.expect_bytes("Hello");
    });
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 2 failed
          expect_bytes("Hello") at tests/tests/parity/second.rs:LINE
          a second connection was attempted, from 127.0.0.1:PORT
          the client is still connected
          usual cause: a client that connects again before it closes its first connection; a scripted
            reconnect needs expect_disconnect() or disconnect() before the next expect_connect()

          script
            ok    1  expect_connect()       tests/tests/parity/second.rs:LINE
            FAIL  2  expect_bytes("Hello")  tests/tests/parity/second.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  reset by the script's failure

          told by try_join() at tests/tests/parity/main.rs:LINE"#]]
    .assert_eq(&text.await);
}

#[tokio::test]
async fn while_the_script_waits_for_a_frame() {
    let text = second_connection(|server| {
        server.expect_frame("Hello");
    });
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 2 failed
          expect_frame("Hello") at tests/tests/parity/second.rs:LINE
          a second connection was attempted, from 127.0.0.1:PORT
          the client is still connected
          usual cause: a client that connects again before it closes its first connection; a scripted
            reconnect needs expect_disconnect() or disconnect() before the next expect_connect()

          script
            ok    1  expect_connect()       tests/tests/parity/second.rs:LINE
            FAIL  2  expect_frame("Hello")  tests/tests/parity/second.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  reset by the script's failure

          told by try_join() at tests/tests/parity/main.rs:LINE"#]]
    .assert_eq(&text.await);
}

#[tokio::test]
async fn while_the_script_has_ended() {
    expect![[r#"
        scripted server 127.0.0.1:PORT: failed after its only step
          a second connection was attempted, from 127.0.0.1:PORT
          the client is still connected
          usual cause: a client that connects again before it closes its first connection; a scripted
            reconnect needs expect_disconnect() or disconnect() before the next expect_connect()

          script
            ok    1  expect_connect()  tests/tests/parity/second.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  reset by the script's failure

          told by try_join() at tests/tests/parity/main.rs:LINE"#]]
    .assert_eq(&second_connection(|_| {}).await);
}

#[tokio::test]
async fn while_a_later_step_would_have_claimed_it() {
    let text = second_connection(|server| {
        server.expect_bytes("Hello");
        server.expect_connect();
    });
    let text = text.await;
    assert!(text.contains("a second connection was attempted"), "{text}");
}

#[tokio::test]
async fn when_both_connect_before_the_script_begins() {
    let server = TcpServer::builder().deadline(Duration::from_secs(3600)).bind().await.unwrap();
    let first = connect(&server).await;
    let second = connect(&server).await;
    server.expect_connect();
    server.expect_disconnect();
    let text = crate::failure(&server).await;
    drop((first, second));
    assert!(text.contains("step 2 of 2 failed\n  expect_disconnect()"), "{text}");
    assert!(text.contains("a second connection was attempted"), "{text}");
}

#[tokio::test]
async fn a_client_after_the_end_is_noticed_by_finish() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    server.expect_disconnect();
    drop(connect(&server).await);
    server.join().await;
    let _again = connect(&server).await;
    let text = tcpclient_tests::normalize(&server.try_finish().await.unwrap_err().to_string());
    expect![[r#"
        scripted server 127.0.0.1:PORT: failed after the last of its 2 steps
          a second connection was attempted, from 127.0.0.1:PORT
          a client has connected and waits for an expect_connect()
          usual cause: a client that connects again by itself; script it with another expect_connect()

          script
            ok    1  expect_connect()     tests/tests/parity/second.rs:LINE
            ok    2  expect_disconnect()  tests/tests/parity/second.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  client closed the connection
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  reset by the script's failure

          told by try_finish() at tests/tests/parity/second.rs:LINE"#]]
    .assert_eq(&text);
}

#[tokio::test]
async fn a_client_that_nobody_ever_expects_is_noticed_by_finish() {
    let server = TcpServer::bind().await.unwrap();
    let _client = connect(&server).await;
    let text = tcpclient_tests::normalize(&server.try_finish().await.unwrap_err().to_string());
    expect![[r#"
        scripted server 127.0.0.1:PORT: its script has no step
          a client connected from 127.0.0.1:PORT, and the script has no expect_connect() for it

          script
            (no steps)

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  reset by the script's failure

          told by try_finish() at tests/tests/parity/second.rs:LINE"#]]
    .assert_eq(&text);
}
