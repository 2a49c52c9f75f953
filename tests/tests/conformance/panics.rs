//! How a failure reaches the test when the test is already failing, or does not ask.

use expect_test::expect;
use tcpclient_tests::prelude::*;

on_every_stage!(a_failure_is_told_once_in_full_and_then_in_a_line);
async fn a_failure_is_told_once_in_full_and_then_in_a_line(stage: Stage) {
    let server = stage.bind().await;
    server.expect_disconnect();
    let text = panic_of(stage, async { server.join().await }).await;
    assert!(text.contains("step 1 of 1 failed\n  expect_disconnect()"), "{text}");
    assert!(text.contains("told by join() at tests/tests/conformance/panics.rs:LINE"), "{text}");
    let text = panic_of(stage, async { server.join().await }).await;
    expect!["scripted server 127.0.0.1:PORT: step 1 of 1 failed, expect_disconnect() at tests/tests/conformance/panics.rs:LINE (the whole report was shown before)"].assert_eq(&text);
}

on_every_stage!(a_server_dropped_with_steps_that_nobody_asked_about_fails_the_test);
async fn a_server_dropped_with_steps_that_nobody_asked_about_fails_the_test(stage: Stage) {
    let text = panic_of(stage, async {
        let server = stage.bind().await;
        server.expect_connect();
        server.expect_bytes("Hello");
    })
    .await;
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 1 of 2 was waiting
          expect_connect() at tests/tests/conformance/panics.rs:LINE
          dropped without join().await or finish().await
          no client has connected, as far as the server has noticed
          usual cause: neither of them is there; or the test has returned before, with an error of `?` that this panic hides:
            unwrap what the client returns, or have the body of TcpServer::run(..) return it

          script
            >>    1  expect_connect()       tests/tests/conformance/panics.rs:LINE
            --    2  expect_bytes("Hello")  tests/tests/conformance/panics.rs:LINE

          conversation
            (none)

          the server was bound at tests/tests/conformance/panics.rs:LINE"#]]
    .assert_eq(&text);
}

on_every_stage!(a_server_dropped_with_a_failure_that_nobody_was_told_fails_the_test);
async fn a_server_dropped_with_a_failure_that_nobody_was_told_fails_the_test(stage: Stage) {
    let text = panic_of(stage, async {
        let server = stage.bind().await;
        server.expect_connect();
        let mut one = server.connect().await;
        let two = server.connect_to_be_reset().await;
        server.expect_bytes("Hello");
        let _ = one.read(&mut [0; 1]).await;
        drop(two);
    })
    .await;
    assert!(text.contains("a second connection was attempted"), "{text}");
}
