//! `run`, and several servers at once.

use expect_test::expect;
use tcpclient_core::pattern::Pattern;
use tcpclient_tests::prelude::*;

/// Pushes a whole conversation of frames.
fn conversation(server: &Script, number: u32) {
    server.expect_connect();
    server.expect_frame(format!("Client hello {number}"));
    server.send_frame(format!("Server hello {number}"));
    server.expect_disconnect();
}

on_every_stage!(the_value_of_the_body_is_returned);
async fn the_value_of_the_body_is_returned(stage: Stage) {
    let port = stage
        .run_fixture(async |server| {
            server.expect_connect();
            drop(server.connect().await);
            server.port()
        })
        .await;
    assert_eq!(port != 0, stage.on_sockets());
}

on_every_stage!(two_servers_succeed);
async fn two_servers_succeed(stage: Stage) {
    stage
        .run_factory(async |servers| {
            for number in [1, 2] {
                let server = servers.bind().await;
                conversation(&server, number);
                let mut client = server.connect().await;
                client.write_frame(format!("Client hello {number}").as_bytes()).await.unwrap();
                assert_eq!(client.read_frame().await.unwrap(), format!("Server hello {number}").as_bytes());
            }
        })
        .await;
}

on_every_stage!(one_of_two_servers_fails);
async fn one_of_two_servers_fails(stage: Stage) {
    let text = panic_of(stage, async {
        stage
            .run_factory(async |servers| {
                let one = servers.bind().await;
                one.expect_connect();
                let two = servers.bind().await;
                two.expect_connect();
                two.expect_frame("Client hello 2");
                drop(one.connect().await);
                drop(two.connect().await);
            })
            .await;
    })
    .await;
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 2 failed
          expect_frame("Client hello 2") at tests/tests/conformance/fixtures.rs:LINE
          the client closed the connection before frame "Client hello 2"
          usual cause: a buffered writer that is dropped without a flush, or a client that gives up early

          script
            ok    1  expect_connect()                tests/tests/conformance/fixtures.rs:LINE
            FAIL  2  expect_frame("Client hello 2")  tests/tests/conformance/fixtures.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  client closed the connection

          told by run() at tests/tests/conformance/fixtures.rs:LINE"#]]
    .assert_eq(&text);
}

on_every_stage!(both_of_two_servers_fail);
async fn both_of_two_servers_fail(stage: Stage) {
    if stage.waits_blocking() {
        return;
    }
    let text = panic_of(stage, async {
        stage
            .run_factory(async |servers| {
                let one = servers.bind().await;
                one.expect_connect();
                one.expect_bytes("Hello 1");
                let two = servers.bind().await;
                two.expect_connect();
                two.expect_bytes("Hello 2");
                let mut first = one.connect().await;
                let mut second = two.connect().await;
                first.write_all(b"Hello 2").await.unwrap();
                second.write_all(b"Hello 1").await.unwrap();
                std::future::pending::<()>().await;
            })
            .await;
    })
    .await;
    // Which of the two is noticed first is up to the runtime.
    assert!(
        text.starts_with("2 scripted servers failed\n\nscripted server 127.0.0.1:PORT: step 2 of 2 failed\n"),
        "{text}"
    );
    assert!(text.contains("byte 6 differs: expected 0x31 '1', received 0x32 '2'"), "{text}");
    assert!(text.contains("byte 6 differs: expected 0x32 '2', received 0x31 '1'"), "{text}");
    let (first, second) = text
        .split_once("\n\nscripted server 127.0.0.1:PORT: step 2 of 2 failed\n")
        .unwrap()
        .1
        .split_once("\n\nscripted server")
        .unwrap();
    let later = "this was found when another server's failure had ended the test";
    assert!(!first.contains(later), "{text}");
    // A server that plays beside the test, or has no system to ask, may have failed before the first failure was noticed.
    let may_be_first = stage.plays_beside_the_test() || !stage.on_sockets();
    assert!(second.contains(later) || may_be_first, "{text}");
}

on_every_stage!(both_of_two_servers_fail_at_the_end);
async fn both_of_two_servers_fail_at_the_end(stage: Stage) {
    let text = panic_of(stage, async {
        stage
            .run_factory(async |servers| {
                servers.bind_with(stage.builder().deadline(SHORT)).await.expect_connect();
                servers.bind_with(stage.builder().deadline(2 * SHORT)).await.expect_connect();
            })
            .await;
    })
    .await;
    assert!(text.starts_with("2 scripted servers failed\n\n"), "{text}");
    assert!(text.contains("to connect, after 10 ms"), "{text}");
    assert!(text.contains("to connect, after 20 ms"), "{text}");
}

on_every_stage!(a_body_that_waits_for_ever_ends_with_the_failure);
async fn a_body_that_waits_for_ever_ends_with_the_failure(stage: Stage) {
    if stage.waits_blocking() {
        return;
    }
    let text = panic_of(stage, async {
        stage
            .run_fixture(async |server| {
                server.expect_connect();
                server.expect_bytes("Hello");
                let mut client = server.connect().await;
                client.write_all(b"Bye").await.unwrap();
                std::future::pending::<()>().await;
            })
            .await;
    })
    .await;
    assert!(text.contains("step 2 of 2 failed"), "{text}");
    assert!(text.contains("told by run() at tests/tests/conformance/fixtures.rs:LINE"), "{text}");
}

on_every_stage!(a_failure_that_join_meets_first_is_told_once);
async fn a_failure_that_join_meets_first_is_told_once(stage: Stage) {
    let text = panic_of(stage, async {
        stage
            .run_fixture(async |server| {
                server.expect_disconnect();
                server.join().await;
            })
            .await;
    })
    .await;
    assert_eq!(text.matches("client is not connected").count(), 1, "{text}");
    assert_eq!(text.matches("told by ").count(), 1, "{text}");
}

on_every_stage!(a_body_that_panics_because_of_the_failure_comes_second);
async fn a_body_that_panics_because_of_the_failure_comes_second(stage: Stage) {
    // The reset may reach the client before the fixture has dropped it; the report names both all the same.
    if !stage.plays_beside_the_test() || !stage.on_sockets() {
        return;
    }
    let text = panic_of(stage, async {
        stage
            .run_fixture(async |server| {
                server.expect_connect();
                server.expect_bytes("Hello");
                let mut client = server.connect_unnoticed();
                client.write_all(b"Bye").await.unwrap();
                // Blocks, so that the fixture cannot look at the failure first.
                client.read(&mut [0; 16]).await.expect("my reply");
            })
            .await;
    })
    .await;
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 2 failed
          expect_bytes("Hello") at tests/tests/conformance/fixtures.rs:LINE
          byte 0 differs: expected 0x48 'H', received 0x42 'B'
            expected  00000000  48 65 6c 6c 6f                                    Hello
            received  00000000  42 79 65                                          Bye
                                ^^
          the client is still connected

          script
            ok    1  expect_connect()       tests/tests/conformance/fixtures.rs:LINE
            FAIL  2  expect_bytes("Hello")  tests/tests/conformance/fixtures.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  received 3 bytes  "Bye"
            0.000 s  reset by the script's failure

          the test body panicked as well: my reply: Os { code: 104, kind: ConnectionReset, message: "Connection reset by peer" }
          told by run() at tests/tests/conformance/fixtures.rs:LINE"#]].assert_eq(&text);
}

on_every_stage!(a_body_that_panics_for_its_own_reasons_does_so_without_waiting);
async fn a_body_that_panics_for_its_own_reasons_does_so_without_waiting(stage: Stage) {
    let began = std::time::Instant::now();
    let text = panic_of(stage, async {
        stage
            .run_fixture(async |server| {
                server.expect_connect().within(Duration::from_secs(3600));
                std::panic::panic_any("my own reason".to_owned());
            })
            .await;
    })
    .await;
    assert_eq!(text, "my own reason");
    assert!(began.elapsed() < Duration::from_secs(60));
}

on_every_stage!(a_body_that_pushes_and_does_not_join_is_judged_by_the_fixture);
async fn a_body_that_pushes_and_does_not_join_is_judged_by_the_fixture(stage: Stage) {
    let text = panic_of(stage, async {
        stage
            .run_fixture(async |server| {
                server.expect_connect().within(SHORT);
                drop(server);
            })
            .await;
    })
    .await;
    assert!(text.contains("timed out waiting for the client to connect"), "{text}");
}

on_every_stage!(a_finish_that_was_given_up_is_named);
async fn a_finish_that_was_given_up_is_named(stage: Stage) {
    if stage.waits_blocking() {
        return;
    }
    let text = panic_of(stage, async {
        let server = stage.bind().await;
        server.expect_connect();
        let given_up = stage.timeout(SHORT, server.finish()).await;
        assert!(given_up.is_none());
    })
    .await;
    assert!(text.contains("dropped without join().await or finish().await"), "{text}");
    assert!(
        text.contains("the future of finish() at tests/tests/conformance/fixtures.rs:LINE was dropped before its end"),
        "{text}"
    );
}

on_every_stage!(a_run_that_is_given_up_does_not_pass_in_silence);
async fn a_run_that_is_given_up_does_not_pass_in_silence(stage: Stage) {
    if stage.waits_blocking() {
        return;
    }
    let text = panic_of(stage, async {
        let run = stage.run_fixture(async |server| {
            server.expect_connect();
            core::future::pending::<()>().await;
        });
        stage.timeout(SHORT, run).await;
    })
    .await;
    assert!(text.contains("step 1 of 1 was waiting\n  expect_connect()"), "{text}");
    assert!(text.contains("dropped without join().await or finish().await"), "{text}");
}

on_every_stage!(the_failure_of_one_server_lets_the_others_have_one_last_look);
async fn the_failure_of_one_server_lets_the_others_have_one_last_look(stage: Stage) {
    if stage.waits_blocking() {
        return;
    }
    let text = panic_of(stage, async {
        stage
            .run_factory(async |servers| {
                let one = servers.bind().await;
                let two = servers.bind().await;
                two.expect_connect();
                let mut client = two.connect_unnoticed();
                two.join().await;
                one.expect_disconnect();
                two.expect_bytes("Hello 2");
                client.write_all(b"Hello 1").await.unwrap();
                core::future::pending::<()>().await;
            })
            .await;
    })
    .await;
    assert!(text.starts_with("2 scripted servers failed\n"), "{text}");
    assert!(text.contains("client is not connected"), "{text}");
    assert!(text.contains("byte 6 differs"), "{text}");
}

on_every_stage!(a_server_that_fails_in_the_body_s_last_poll_is_noticed);
async fn a_server_that_fails_in_the_body_s_last_poll_is_noticed(stage: Stage) {
    if stage.waits_blocking() {
        return;
    }
    let text = panic_of(stage, async {
        let run = stage.run_factory(async |servers| {
            servers.bind().await.expect_disconnect();
            core::future::pending::<()>().await;
        });
        stage.timeout(Duration::from_secs(60), run).await.unwrap();
    })
    .await;
    assert!(text.contains("told by run() at "), "{text}");
}

on_every_stage!(all_servers_of_a_run_that_is_given_up_are_told);
async fn all_servers_of_a_run_that_is_given_up_are_told(stage: Stage) {
    if stage.waits_blocking() {
        return;
    }
    let text = panic_of(stage, async {
        let run = stage.run_factory(async |servers| {
            servers.bind().await.expect_connect();
            servers.bind().await.expect_connect();
            core::future::pending::<()>().await;
        });
        stage.timeout(SHORT, run).await;
    })
    .await;
    assert!(text.starts_with("2 scripted servers failed\n"), "{text}");
}

on_every_stage!(the_error_that_a_body_returned_is_quoted_when_the_script_fails);
async fn the_error_that_a_body_returned_is_quoted_when_the_script_fails(stage: Stage) {
    let text = panic_of(stage, async {
        let result: Result<(), _> = stage
            .run_fixture(async |server| {
                server.expect_connect().within(SHORT);
                Err(std::io::Error::other("no such host"))
            })
            .await;
        result.unwrap();
    })
    .await;
    assert!(text.contains("timed out waiting for the client to connect, after 10 ms"), "{text}");
    let note = r#"the test body had returned Err(Custom { kind: Other, error: "no such host" })"#;
    assert!(text.contains(note), "{text}");
}

on_every_stage!(a_body_may_return_a_result);
async fn a_body_may_return_a_result(stage: Stage) {
    async fn body(server: Server) -> std::io::Result<Vec<u8>> {
        server.expect_connect();
        server.send_bytes("hello");
        let mut client = server.try_connect().await?;
        let mut greeting = vec![0; 5];
        client.read_exact(&mut greeting).await?;
        Ok(greeting)
    }
    let greeting = stage.run_fixture(body).await;
    assert_eq!(greeting.unwrap(), b"hello");

    let error = stage.run_fixture(async |_| Err::<(), _>("the client's own error")).await;
    assert_eq!(error, Err("the client's own error"), "the script has nothing against it");
}

on_every_stage!(a_server_with_options_is_a_fixture_too);
async fn a_server_with_options_is_a_fixture_too(stage: Stage) {
    let line = stage
        .builder()
        .framing(Framing::lines())
        .run_fixture(async |server| {
            server.expect_connect();
            let line = server.expect_frame(Pattern::any());
            let mut client = server.connect().await;
            client.write_all(b"Hello\r\n").await.unwrap();
            server.join().await;
            line.bytes()
        })
        .await;
    assert_eq!(line.as_deref(), Some(&b"Hello"[..]));

    let text = panic_of(stage, async {
        let run = stage.builder().deadline(SHORT).run_fixture(async |server| {
            server.expect_connect();
        });
        run.await;
    })
    .await;
    assert!(text.contains("timed out waiting for the client to connect, after 10 ms"), "{text}");
    assert!(text.contains("told by run() at tests/tests/conformance/fixtures.rs:LINE"), "{text}");
}

on_every_stage!(a_server_of_a_fixture_that_cannot_be_bound_is_an_error_at_once);
async fn a_server_of_a_fixture_that_cannot_be_bound_is_an_error_at_once(stage: Stage) {
    if !stage.on_sockets() {
        return;
    }
    let text = panic_of(stage, async {
        stage.builder().addr("127.0.0.1:no").run_fixture(async |_| ()).await;
    })
    .await;
    assert!(text.contains("find the address to listen on"), "{text}");
}

on_every_stage!(a_server_made_behind_the_end_of_its_fixture_is_judged_by_its_drop);
async fn a_server_made_behind_the_end_of_its_fixture_is_judged_by_its_drop(stage: Stage) {
    let servers = stage.run_factory(async |servers| servers).await;
    let text = panic_of(stage, async {
        let late = servers.bind().await;
        late.expect_connect();
    })
    .await;
    assert!(text.contains("dropped without join().await or finish().await"), "{text}");
}

on_every_stage!(a_fixture_that_is_dropped_half_way_says_so);
async fn a_fixture_that_is_dropped_half_way_says_so(stage: Stage) {
    if stage.waits_blocking() {
        return;
    }
    let text = panic_of(stage, async {
        let run = stage.run_fixture(async |server| {
            server.expect_connect();
            core::future::pending::<()>().await;
        });
        stage.timeout(SHORT, run).await;
    })
    .await;
    assert!(
        text.contains("the future of run() at tests/tests/conformance/fixtures.rs:LINE was dropped before its end"),
        "{text}"
    );
}

on_every_stage!(a_fixture_whose_closure_panics_lets_its_server_go);
async fn a_fixture_whose_closure_panics_lets_its_server_go(stage: Stage) {
    let mut kept = None;
    let text = panic_of(stage, async {
        let body = |server: Server| -> core::future::Ready<()> {
            kept = Some(Script::clone(&server));
            panic!("{}", "my own reason")
        };
        stage.run_fixture(body).await;
    })
    .await;
    assert_eq!(text, "my own reason");
    let text = panic_of(stage, async { drop(kept.unwrap().expect_connect()) }).await;
    assert!(text.ends_with("a step was added after the server had been finished or dropped"), "{text}");
}
