//! Every way TCP could have cut it: bodies that are slow to do their part, that never do it, or that never rest.

use core::cell::{Cell, RefCell};
use core::future::{pending, poll_fn};
use core::task::Poll;
use expect_test::expect;
use futures_lite::future::yield_now;
use std::thread;
use tcpclient_tests::prelude::*;

on_every_stage!(a_thread_that_releases_a_script_is_waited_for);
async fn a_thread_that_releases_a_script_is_waited_for(stage: Stage) {
    if stage.on_sockets() {
        return;
    }
    let first = Cell::new(true);
    let body = async |server: Server| {
        server.expect_connect();
        server.hold("go");
        server.send_bytes("hello");
        let script = Script::clone(&server);
        let (ready, released) = std::sync::mpsc::channel();
        let slow = first.replace(false);
        let releasing = thread::spawn(move || {
            if !slow {
                thread::sleep(Duration::from_millis(1));
            }
            script.release("go");
            let _ = ready.send(());
        });
        let mut client = server.connect_in_memory();
        if slow {
            // As where something is set up once: so the thread is through before anybody waits for it.
            released.recv().unwrap();
        }
        client.read_exact(&mut [0; 5]).await.unwrap();
        drop(client);
        releasing.join().unwrap();
    };
    stage.builder().plans(20).explore(body).await;
}

on_every_stage!(a_client_that_asks_again_and_again_passes);
async fn a_client_that_asks_again_and_again_passes(stage: Stage) {
    if stage.on_sockets() {
        return;
    }
    let body = async |server: Server| {
        server.expect_connect();
        server.pause(Duration::from_millis(2));
        server.send_bytes("hello");
        let mut client = server.connect_in_memory();
        let mut bytes = [0; 5];
        let mut read = core::pin::pin!(client.read_exact(&mut bytes));
        while poll_fn(|cx| Poll::Ready(read.as_mut().poll(cx))).await.is_pending() {
            yield_now().await;
        }
    };
    let explored = stage.builder().plans(20).explore(body).await;
    assert_eq!(explored.single_cuts(), 4);
}

on_every_stage!(a_client_that_takes_no_end_for_an_answer_fails);
async fn a_client_that_takes_no_end_for_an_answer_fails(stage: Stage) {
    if stage.on_sockets() {
        return;
    }
    let body = async |server: Server| {
        server.expect_connect();
        server.send_bytes("5 hell");
        server.shutdown();
        server.expect_disconnect();
        let mut client = server.connect_in_memory();
        let mut received = Vec::new();
        while received.len() < 7 {
            let mut bytes = [0; 8];
            let Ok(count) = client.read(&mut bytes).await else { break };
            received.extend_from_slice(&bytes[..count]);
        }
    };
    let text = panic_of(stage, stage.builder().deadline(SHORT).explore(body)).await;
    assert!(text.contains("timed out waiting for the client to disconnect, after 10 ms"), "{text}");
}

on_every_stage!(a_body_that_never_rests_is_told);
async fn a_body_that_never_rests_is_told(stage: Stage) {
    if stage.on_sockets() {
        return;
    }
    let body = async |server: Server| {
        server.expect_connect();
        server.expect_disconnect();
        // Nor has the server anything left to wait for: the processor would be kept busy for all of it.
        drop(server.connect_in_memory());
        loop {
            yield_now().await;
        }
    };
    expect![[r#"
        scripted server 127.0.0.1:PORT: all steps (2) are done
          the test body goes round in circles, and nothing moves; the script had not failed
          the client has closed the connection

          script
            ok    1  expect_connect()     tests/tests/conformance/explore_stalls.rs:LINE
            ok    2  expect_disconnect()  tests/tests/conformance/explore_stalls.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  client closed the connection

          the first plan fails, in which each send comes by itself: no other was played
          told by explore() at tests/tests/conformance/explore_stalls.rs:LINE"#]]
    .assert_eq(&panic_of(stage, stage.builder().deadline(SHORT).idle_limit(SHORT).explore(body)).await);
}

on_every_stage!(a_body_that_waits_for_nobody_is_told);
async fn a_body_that_waits_for_nobody_is_told(stage: Stage) {
    if stage.on_sockets() {
        return;
    }
    let body = async |server: Server| {
        server.expect_connect();
        server.disconnect();
        let _client = server.connect_in_memory();
        pending::<()>().await;
    };
    expect![[r#"
        scripted server 127.0.0.1:PORT: all steps (2) are done
          the test body waits, and nobody is left to wake it; the script had not failed
          the script itself has ended the last connection

          script
            ok    1  expect_connect()  tests/tests/conformance/explore_stalls.rs:LINE
            ok    2  disconnect()      tests/tests/conformance/explore_stalls.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  server closed the connection

          the first plan fails, in which each send comes by itself: no other was played
          told by explore() at tests/tests/conformance/explore_stalls.rs:LINE"#]]
    .assert_eq(&panic_of(stage, stage.builder().idle_limit(SHORT).explore(body)).await);
}

on_every_stage!(a_task_that_outlives_the_body_is_waited_for);
async fn a_task_that_outlives_the_body_is_waited_for(stage: Stage) {
    if stage.on_sockets() {
        return;
    }
    let tasks = RefCell::new(Vec::new());
    let body = async |server: Server| {
        server.expect_connect();
        server.send_bytes("hello");
        server.expect_disconnect();
        let mut client = server.connect_in_memory();
        let reading = stage.spawn(async move {
            stage.sleep(Duration::from_millis(2)).await;
            client.read_exact(&mut [0; 5]).await.unwrap();
        });
        tasks.borrow_mut().push(reading);
    };
    stage.builder().plans(10).explore(body).await;
    for task in tasks.take() {
        task.await;
    }
}
