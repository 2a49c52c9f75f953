use expect_test::expect;
use tcpclient_tests::prelude::*;

on_every_stage!(a_client_may_connect_and_close_before_it_is_expected);
async fn a_client_may_connect_and_close_before_it_is_expected(stage: Stage) {
    let server = stage.bind().await;
    drop(server.connect().await);
    server.expect_connect();
    server.expect_disconnect();
    server.join().await;
    assert_eq!(server.connections(), 1);
}

on_every_stage!(a_client_may_connect_and_close_after_it_is_expected);
async fn a_client_may_connect_and_close_after_it_is_expected(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.expect_disconnect();
    drop(server.connect().await);
    server.join().await;
}

on_every_stage!(the_fixture_implies_the_disconnect);
async fn the_fixture_implies_the_disconnect(stage: Stage) {
    stage
        .run_fixture(async |server| {
            server.expect_connect();
            drop(server.connect().await);
        })
        .await;
}

on_every_stage!(nobody_connects);
async fn nobody_connects(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect().within(SHORT);
    // In memory there are no addresses to mistake.
    let expected = if stage.on_sockets() {
        expect![[r#"
        scripted server 127.0.0.1:PORT: step 1 of 1 failed
          expect_connect() at tests/tests/conformance/connect.rs:LINE
          timed out waiting for the client to connect, after 10 ms
          usual cause: a client that does not run, or is given another address; one that connects to "localhost"
            may have tried [::1]

          script
            FAIL  1  expect_connect()  tests/tests/conformance/connect.rs:LINE

          conversation
            (none)

          told by try_join() at tests/tests/conformance/connect.rs:LINE"#]]
    } else {
        expect![[r#"
        scripted server 127.0.0.1:PORT: step 1 of 1 failed
          expect_connect() at tests/tests/conformance/connect.rs:LINE
          timed out waiting for the client to connect, after 10 ms

          script
            FAIL  1  expect_connect()  tests/tests/conformance/connect.rs:LINE

          conversation
            (none)

          told by try_join() at tests/tests/conformance/connect.rs:LINE"#]]
    };
    expected.assert_eq(&server.failure().await);
}

on_every_stage!(a_disconnect_is_expected_when_nobody_ever_connected);
async fn a_disconnect_is_expected_when_nobody_ever_connected(stage: Stage) {
    let server = stage.bind().await;
    server.expect_disconnect();
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 1 of 1 failed
          expect_disconnect() at tests/tests/conformance/connect.rs:LINE
          client is not connected
          no client has connected
          usual cause: missing expect_connect() before this step, or a client that never connects

          script
            FAIL  1  expect_disconnect()  tests/tests/conformance/connect.rs:LINE

          conversation
            (none)

          told by try_join() at tests/tests/conformance/connect.rs:LINE"#]]
    .assert_eq(&server.failure().await);
}

on_every_stage!(bytes_are_expected_of_a_client_that_no_step_claims);
async fn bytes_are_expected_of_a_client_that_no_step_claims(stage: Stage) {
    let server = stage.bind().await;
    let mut client = server.connect().await;
    client.write_all(b"Hello, world").await.unwrap();
    server.expect_bytes(b"Hello, world");
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 1 of 1 failed
          expect_bytes("Hello, world") at tests/tests/conformance/connect.rs:LINE
          a client has connected, but no step claims it: missing expect_connect() before this step

          script
            FAIL  1  expect_bytes("Hello, world")  tests/tests/conformance/connect.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  reset by the script's failure

          told by try_join() at tests/tests/conformance/connect.rs:LINE"#]]
    .assert_eq(&server.failure().await);
}

on_every_stage!(a_step_comes_after_the_end_of_the_connection);
async fn a_step_comes_after_the_end_of_the_connection(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.expect_disconnect();
    server.send_bytes("too late");
    drop(server.connect().await);
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 3 of 3 failed
          send_bytes("too late") at tests/tests/conformance/connect.rs:LINE
          client is not connected: step 2 ended its connection
          the client has closed the connection
          usual cause: a client that connects again needs an expect_connect() of its own

          script
            ok    1  expect_connect()        tests/tests/conformance/connect.rs:LINE
            ok    2  expect_disconnect()     tests/tests/conformance/connect.rs:LINE
            FAIL  3  send_bytes("too late")  tests/tests/conformance/connect.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  client closed the connection

          told by try_join() at tests/tests/conformance/connect.rs:LINE"#]]
    .assert_eq(&server.failure().await);
}

on_every_stage!(a_client_closes_and_connects_again_where_that_is_scripted);
async fn a_client_closes_and_connects_again_where_that_is_scripted(stage: Stage) {
    let server = stage.bind().await;
    for round in 0_u32..200 {
        server.expect_connect();
        server.expect_bytes(round.to_be_bytes());
        server.expect_disconnect();
    }
    for round in 0_u32..200 {
        let mut client = server.connect().await;
        client.write_all(&round.to_be_bytes()).await.unwrap();
    }
    server.join().await;
    assert_eq!(server.connections(), 200);
}

on_every_stage!(two_clients_come_and_go_before_the_script_looks);
async fn two_clients_come_and_go_before_the_script_looks(stage: Stage) {
    let server = stage.bind().await;
    for word in ["one", "two"] {
        let mut client = server.connect_unnoticed();
        client.write_all(word.as_bytes()).await.unwrap();
    }
    for word in ["one", "two"] {
        server.expect_connect();
        server.expect_bytes(word);
        server.expect_disconnect();
    }
    server.join().await;
}
