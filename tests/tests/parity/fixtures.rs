//! `run`, and several servers at once.

use crate::{SHORT, connect, panic_of, write_frame};
use expect_test::expect;
use tcpclient_tokio::prelude::*;

/// Pushes a whole conversation of frames.
fn conversation(server: &Script, number: u32) {
    server.expect_connect();
    server.expect_frame(format!("Client hello {number}"));
    server.send_frame(format!("Server hello {number}"));
    server.expect_disconnect();
}

#[tokio::test]
async fn the_value_of_the_body_is_returned() {
    let port = TcpServer::run(async |server| {
        server.expect_connect();
        drop(connect(&server).await);
        server.port()
    })
    .await;
    assert_ne!(port, 0);
}

#[tokio::test]
async fn two_servers_succeed() {
    TcpServers::run(async |servers| {
        for number in [1, 2] {
            let server = servers.bind().await.unwrap();
            conversation(&server, number);
            let mut client = connect(&server).await;
            write_frame(&mut client, format!("Client hello {number}").as_bytes()).await;
            let mut reply = vec![0; client.read_u32().await.unwrap() as usize];
            client.read_exact(&mut reply).await.unwrap();
            assert_eq!(reply, format!("Server hello {number}").as_bytes());
        }
    })
    .await;
}

#[test]
fn one_of_two_servers_fails() {
    let text = panic_of(async || {
        TcpServers::run(async |servers| {
            let one = servers.bind().await.unwrap();
            one.expect_connect();
            let two = servers.bind().await.unwrap();
            two.expect_connect();
            two.expect_frame("Client hello 2");
            drop(connect(&one).await);
            drop(connect(&two).await);
        })
        .await;
    });
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 2 failed
          expect_frame("Client hello 2") at tests/tests/parity/fixtures.rs:LINE
          the client closed the connection before frame "Client hello 2"

          script
            ok    1  expect_connect()                tests/tests/parity/fixtures.rs:LINE
            FAIL  2  expect_frame("Client hello 2")  tests/tests/parity/fixtures.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  client closed the connection

          told by run() at tests/tests/parity/fixtures.rs:LINE"#]]
    .assert_eq(&text);
}

#[test]
fn both_of_two_servers_fail() {
    let text = panic_of(async || {
        TcpServers::run(async |servers| {
            let one = servers.bind().await.unwrap();
            one.expect_connect();
            one.expect_bytes("Hello 1");
            let two = servers.bind().await.unwrap();
            two.expect_connect();
            two.expect_bytes("Hello 2");
            let mut first = connect(&one).await;
            let mut second = connect(&two).await;
            first.write_all(b"Hello 2").await.unwrap();
            second.write_all(b"Hello 1").await.unwrap();
            std::future::pending::<()>().await;
        })
        .await;
    });
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
    assert!(!first.contains(later) && second.contains(later), "{text}");
}

#[test]
fn both_of_two_servers_fail_at_the_end() {
    let text = panic_of(async || {
        TcpServers::run(async |servers| {
            let one = servers.bind_with(TcpServer::builder().deadline(SHORT)).await.unwrap();
            one.expect_connect();
            let two = servers.bind_with(TcpServer::builder().deadline(2 * SHORT)).await.unwrap();
            two.expect_connect();
        })
        .await;
    });
    assert!(text.starts_with("2 scripted servers failed\n\n"), "{text}");
    assert!(text.contains("to connect, after 100 ms"), "{text}");
    assert!(text.contains("to connect, after 200 ms"), "{text}");
}

#[test]
fn a_body_that_waits_for_ever_ends_with_the_failure() {
    let text = panic_of(async || {
        TcpServer::run(async |server| {
            server.expect_connect();
            server.expect_bytes("Hello");
            let mut client = connect(&server).await;
            client.write_all(b"Bye").await.unwrap();
            std::future::pending::<()>().await;
        })
        .await;
    });
    assert!(text.contains("step 2 of 2 failed"), "{text}");
    assert!(text.contains("told by run() at tests/tests/parity/fixtures.rs:LINE"), "{text}");
}

#[test]
fn a_failure_that_join_meets_first_is_told_once() {
    let text = panic_of(async || {
        TcpServer::run(async |server| {
            server.expect_disconnect();
            server.join().await;
        })
        .await;
    });
    assert_eq!(text.matches("client is not connected").count(), 1, "{text}");
    assert_eq!(text.matches("told by ").count(), 1, "{text}");
}

#[test]
fn a_body_that_panics_because_of_the_failure_comes_second() {
    // On two threads the reset may reach the client before the fixture has dropped it; the report names both all the same.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let payload = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        runtime.block_on(async {
            TcpServer::run(async |server| {
                server.expect_connect();
                server.expect_bytes("Hello");
                let mut client = std::net::TcpStream::connect(server.local_addr()).unwrap();
                std::io::Write::write_all(&mut client, b"Bye").unwrap();
                // Blocks, so that the fixture cannot look at the failure first.
                std::io::Read::read(&mut client, &mut [0; 16]).expect("my reply");
            })
            .await;
        });
    }))
    .unwrap_err();
    let text = tcpclient_tests::normalize(payload.downcast_ref::<String>().unwrap());
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 2 failed
          expect_bytes("Hello") at tests/tests/parity/fixtures.rs:LINE
          byte 0 differs: expected 0x48 'H', received 0x42 'B'
            expected  00000000  48 65 6c 6c 6f                                    Hello
            received  00000000  42 79 65                                          Bye
                                ^^
          the client is still connected

          script
            ok    1  expect_connect()       tests/tests/parity/fixtures.rs:LINE
            FAIL  2  expect_bytes("Hello")  tests/tests/parity/fixtures.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  received 3 bytes  "Bye"
            0.000 s  reset by the script's failure

          the test body panicked as well: my reply: Os { code: 104, kind: ConnectionReset, message: "Connection reset by peer" }
          told by run() at tests/tests/parity/fixtures.rs:LINE"#]].assert_eq(&text);
}

#[test]
fn a_body_that_panics_for_its_own_reasons_does_so_without_waiting() {
    let began = std::time::Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let payload = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        runtime.block_on(async {
            TcpServer::run(async |server| {
                server.expect_connect().within(Duration::from_secs(3600));
                panic!("my own reason");
            })
            .await;
        });
    }))
    .unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&"my own reason"));
    assert!(began.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_body_that_pushes_and_does_not_join_is_judged_by_the_fixture() {
    let text = panic_of(async || {
        TcpServer::run(async |server| {
            server.expect_connect().within(SHORT);
            drop(server);
        })
        .await;
    });
    assert!(text.contains("timed out waiting for the client to connect"), "{text}");
}

#[tokio::test]
async fn a_server_that_a_task_binds_behind_the_body_is_finished_too() {
    TcpServers::run(async |servers| {
        let late = servers.bind().await.unwrap();
        late.expect_connect();
        let addr = late.local_addr();
        tokio::spawn(async move {
            // The fixture waits for the first server's client, which comes only when the second server is there.
            tokio::task::yield_now().await;
            let _second = servers.bind().await.unwrap();
            drop(TcpStream::connect(addr).await.unwrap());
        });
    })
    .await;
}

#[test]
fn a_finish_that_was_given_up_is_named() {
    let text = panic_of(async || {
        let server = TcpServer::bind().await.unwrap();
        server.expect_connect();
        let given_up = tokio::time::timeout(SHORT / 10, server.finish()).await;
        assert!(given_up.is_err());
    });
    assert!(text.contains("dropped without join().await or finish().await"), "{text}");
    assert!(
        text.contains("finish() was called at tests/tests/parity/fixtures.rs:LINE, but its future was dropped"),
        "{text}"
    );
}

#[test]
fn a_run_that_is_given_up_does_not_pass_in_silence() {
    let text = panic_of(async || {
        let run = TcpServer::run(async |server| {
            server.expect_connect();
            core::future::pending::<()>().await;
        });
        let _ = tokio::time::timeout(SHORT / 10, run).await;
    });
    assert!(text.contains("step 1 of 1 was waiting\n  expect_connect()"), "{text}");
    assert!(text.contains("dropped without join().await or finish().await"), "{text}");
}

#[test]
fn the_failure_of_one_server_lets_the_others_have_one_last_look() {
    let text = panic_of(async || {
        TcpServers::run(async |servers| {
            let one = servers.bind().await.unwrap();
            let two = servers.bind().await.unwrap();
            two.expect_connect();
            let mut client = std::net::TcpStream::connect(two.local_addr()).unwrap();
            two.join().await;
            one.expect_disconnect();
            two.expect_bytes("Hello 2");
            // Blocking: the runtime cannot know of it when the first server fails.
            std::io::Write::write_all(&mut client, b"Hello 1").unwrap();
            core::future::pending::<()>().await;
        })
        .await;
    });
    assert!(text.starts_with("2 scripted servers failed\n"), "{text}");
    assert!(text.contains("client is not connected"), "{text}");
    assert!(text.contains("byte 6 differs"), "{text}");
}

#[test]
fn a_server_that_fails_in_the_body_s_last_poll_is_noticed() {
    let text = panic_of(async || {
        let run = TcpServers::run(async |servers| {
            servers.bind().await.unwrap().expect_disconnect();
            core::future::pending::<()>().await;
        });
        tokio::time::timeout(Duration::from_secs(60), run).await.unwrap();
    });
    assert!(text.contains("told by run() at "), "{text}");
}

#[test]
fn all_servers_of_a_run_that_is_given_up_are_told() {
    let text = panic_of(async || {
        let run = TcpServers::run(async |servers| {
            servers.bind().await.unwrap().expect_connect();
            servers.bind().await.unwrap().expect_connect();
            core::future::pending::<()>().await;
        });
        let _ = tokio::time::timeout(SHORT / 10, run).await;
    });
    assert!(text.starts_with("2 scripted servers failed\n"), "{text}");
}
