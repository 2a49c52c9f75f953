//! A second connection fails the script at once, in whatever state it is.

use expect_test::expect;
use tcpclient_tests::prelude::*;

/// Has a second client connect while the script waits for something that takes an hour.
async fn second_connection(stage: Stage, script: impl FnOnce(&Script)) -> String {
    let server = stage.builder().deadline(Duration::from_secs(3600)).bind().await;
    server.expect_connect();
    let first = server.connect().await;
    server.join().await;
    script(&server);
    let second = server.connect_to_be_reset().await;
    let text = server.failure().await;
    drop((first, second));
    text
}

on_every_stage!(while_the_script_waits_for_a_disconnect);
async fn while_the_script_waits_for_a_disconnect(stage: Stage) {
    let text = second_connection(stage, |server| {
        server.expect_disconnect();
    });
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 2 failed
          expect_disconnect() at tests/tests/conformance/second.rs:LINE
          a second connection was attempted, from 127.0.0.1:PORT
          the client is still connected
          usual cause: a client that connects again before it closes its first connection; a scripted
            reconnect needs expect_disconnect() or disconnect() before the next expect_connect()

          script
            ok    1  expect_connect()     tests/tests/conformance/second.rs:LINE
            FAIL  2  expect_disconnect()  tests/tests/conformance/second.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  reset by the script's failure

          told by try_join() at tests/tests/conformance/second.rs:LINE"#]]
    .assert_eq(&text.await);
}

on_every_stage!(while_the_script_waits_for_bytes);
async fn while_the_script_waits_for_bytes(stage: Stage) {
    let text = second_connection(stage, |server| {
        server.expect_bytes("Hello");
    });
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 2 failed
          expect_bytes("Hello") at tests/tests/conformance/second.rs:LINE
          a second connection was attempted, from 127.0.0.1:PORT
          the client is still connected
          usual cause: a client that connects again before it closes its first connection; a scripted
            reconnect needs expect_disconnect() or disconnect() before the next expect_connect()

          script
            ok    1  expect_connect()       tests/tests/conformance/second.rs:LINE
            FAIL  2  expect_bytes("Hello")  tests/tests/conformance/second.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  reset by the script's failure

          told by try_join() at tests/tests/conformance/second.rs:LINE"#]]
    .assert_eq(&text.await);
}

on_every_stage!(while_the_script_waits_for_a_frame);
async fn while_the_script_waits_for_a_frame(stage: Stage) {
    let text = second_connection(stage, |server| {
        server.expect_frame("Hello");
    });
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 2 failed
          expect_frame("Hello") at tests/tests/conformance/second.rs:LINE
          a second connection was attempted, from 127.0.0.1:PORT
          the client is still connected
          usual cause: a client that connects again before it closes its first connection; a scripted
            reconnect needs expect_disconnect() or disconnect() before the next expect_connect()

          script
            ok    1  expect_connect()       tests/tests/conformance/second.rs:LINE
            FAIL  2  expect_frame("Hello")  tests/tests/conformance/second.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  reset by the script's failure

          told by try_join() at tests/tests/conformance/second.rs:LINE"#]]
    .assert_eq(&text.await);
}

on_every_stage!(while_the_script_has_ended);
async fn while_the_script_has_ended(stage: Stage) {
    expect![[r#"
        scripted server 127.0.0.1:PORT: failed after its only step
          a second connection was attempted, from 127.0.0.1:PORT
          the client is still connected
          usual cause: a client that connects again before it closes its first connection; a scripted
            reconnect needs expect_disconnect() or disconnect() before the next expect_connect()

          script
            ok    1  expect_connect()  tests/tests/conformance/second.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  reset by the script's failure

          told by try_join() at tests/tests/conformance/second.rs:LINE"#]]
    .assert_eq(&second_connection(stage, |_| {}).await);
}

on_every_stage!(while_a_later_step_would_have_claimed_it);
async fn while_a_later_step_would_have_claimed_it(stage: Stage) {
    let text = second_connection(stage, |server| {
        server.expect_bytes("Hello");
        server.expect_connect();
    });
    let text = text.await;
    assert!(text.contains("a second connection was attempted"), "{text}");
}

on_every_stage!(when_both_connect_before_the_script_begins);
async fn when_both_connect_before_the_script_begins(stage: Stage) {
    let server = stage.builder().deadline(Duration::from_secs(3600)).bind().await;
    let first = server.connect().await;
    let second = server.connect().await;
    server.expect_connect();
    server.expect_disconnect();
    let text = server.failure().await;
    drop((first, second));
    // A server that plays beside the test may have failed before its second step was pushed.
    let second_step = text.contains("step 2 of 2 failed\n  expect_disconnect()");
    assert!(second_step || stage.plays_beside_the_test(), "{text}");
    assert!(text.contains("a second connection was attempted"), "{text}");
}

on_every_stage!(a_client_after_the_end_is_noticed_by_finish);
async fn a_client_after_the_end_is_noticed_by_finish(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.expect_disconnect();
    drop(server.connect().await);
    server.join().await;
    let _again = server.connect().await;
    let text = normalize_on(stage, &server.try_finish().await.unwrap_err().to_string());
    expect![[r#"
        scripted server 127.0.0.1:PORT: failed after the last of its 2 steps
          a second connection was attempted, from 127.0.0.1:PORT
          a client has connected and waits for an expect_connect()
          usual cause: a client that connects again by itself; script it with another expect_connect()

          script
            ok    1  expect_connect()     tests/tests/conformance/second.rs:LINE
            ok    2  expect_disconnect()  tests/tests/conformance/second.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  client closed the connection
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  reset by the script's failure

          told by try_finish() at tests/tests/conformance/second.rs:LINE"#]]
    .assert_eq(&text);
}

on_every_stage!(a_client_that_nobody_ever_expects_is_noticed_by_finish);
async fn a_client_that_nobody_ever_expects_is_noticed_by_finish(stage: Stage) {
    let server = stage.bind().await;
    let _client = server.connect().await;
    let text = normalize_on(stage, &server.try_finish().await.unwrap_err().to_string());
    expect![[r#"
        scripted server 127.0.0.1:PORT: its script has no step
          a client connected from 127.0.0.1:PORT, and the script has no expect_connect() for it

          script
            (no steps)

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  reset by the script's failure

          told by try_finish() at tests/tests/conformance/second.rs:LINE"#]]
    .assert_eq(&text);
}
