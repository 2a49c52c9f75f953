//! How a failure reaches the test when the test is already failing, or does not ask.

use crate::{connect, panic_of};
use expect_test::expect;
use tcpclient_tests::normalize;
use tcpclient_tokio::prelude::*;

#[test]
fn a_failure_is_told_once_in_full_and_then_in_a_line() {
    let text = panic_of(async || {
        let server = TcpServer::bind().await.unwrap();
        server.expect_disconnect();
        let again = std::panic::AssertUnwindSafe(&server);
        let first = tokio::task::LocalSet::new();
        let script = Script::clone(&again);
        let shown = first.run_until(async { tokio::task::spawn_local(async move { script.join().await }).await }).await;
        assert!(shown.unwrap_err().is_panic());
        server.join().await;
    });
    expect!["scripted server 127.0.0.1:PORT: step 1 of 1 failed, expect_disconnect() at tests/tests/parity/panics.rs:LINE (the whole report was shown before)"].assert_eq(&text);
}

#[test]
fn a_server_dropped_with_steps_that_nobody_asked_about_fails_the_test() {
    let text = panic_of(async || {
        let server = TcpServer::bind().await.unwrap();
        server.expect_connect();
        server.expect_bytes("Hello");
    });
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 1 of 2 was waiting
          expect_connect() at tests/tests/parity/panics.rs:LINE
          dropped without join().await or finish().await
          no client has connected

          script
            --    1  expect_connect()       tests/tests/parity/panics.rs:LINE
            --    2  expect_bytes("Hello")  tests/tests/parity/panics.rs:LINE

          conversation
            (none)

          the server was bound at tests/tests/parity/panics.rs:LINE"#]]
    .assert_eq(&text);
}

#[test]
fn a_server_dropped_with_a_failure_that_nobody_was_told_fails_the_test() {
    let text = panic_of(async || {
        let server = TcpServer::bind().await.unwrap();
        server.expect_connect();
        let (one, two) = (connect(&server).await, connect(&server).await);
        server.expect_bytes("Hello");
        let mut one = one;
        let _ = one.read(&mut [0; 1]).await;
        drop(two);
    });
    assert!(text.contains("a second connection was attempted"), "{text}");
}

#[test]
fn what_was_joined_may_be_dropped() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let server = runtime.block_on(async {
        let server = TcpServer::bind().await.unwrap();
        server.expect_connect();
        drop(connect(&server).await);
        server.join().await;
        server
    });
    drop(runtime);
    drop(server);
}

#[test]
fn a_server_outlives_its_runtime_and_says_so() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let server = runtime.block_on(TcpServer::bind()).unwrap();
    drop(runtime);
    server.expect_connect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let failure = runtime.block_on(server.try_join()).unwrap_err();
    let text = normalize(&failure.to_string());
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 1 of 1 failed
          expect_connect() at tests/tests/parity/panics.rs:LINE
          the task that plays the script was dropped: the runtime it ran on has shut down
          no client has connected

          script
            FAIL  1  expect_connect()  tests/tests/parity/panics.rs:LINE

          conversation
            (none)

          told by try_join() at tests/tests/parity/panics.rs:LINE"#]]
    .assert_eq(&text);
}
