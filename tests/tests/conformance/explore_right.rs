//! Every way TCP could have cut it: clients that are right, in which nothing is found.

use core::cell::{Cell, RefCell};
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
use tcpclient_tests::prelude::*;

on_every_stage!(a_reader_and_a_writer_at_once_pass);
async fn a_reader_and_a_writer_at_once_pass(stage: Stage) {
    if stage.on_sockets() {
        return;
    }
    let body = async |server: Server| {
        server.expect_connect();
        server.send_bytes("from the server, at once");
        server.expect_bytes("from the client, at once");
        server.send_bytes("and thanks");
        let (mut reader, mut writer) = server.connect_in_memory().split().unwrap();
        let read = async {
            let mut bytes = [0; 34];
            reader.read_exact(&mut bytes).await.unwrap();
            assert_eq!(&bytes, b"from the server, at onceand thanks");
        };
        let write = writer.write_all(b"from the client, at once");
        futures_lite::future::zip(read, write).await.1.unwrap();
    };
    stage.explore(body).await;
}

on_every_stage!(a_reader_in_a_task_of_its_own_passes);
async fn a_reader_in_a_task_of_its_own_passes(stage: Stage) {
    if stage.on_sockets() {
        return;
    }
    let body = async |server: Server| {
        server.expect_connect();
        server.send_bytes("from the server");
        server.expect_bytes("from the client");
        server.send_bytes("and thanks");
        let (mut reader, mut writer) = server.connect_in_memory().split().unwrap();
        let reader = stage.spawn(async move {
            let mut bytes = [0; 25];
            reader.read_exact(&mut bytes).await.unwrap();
            assert_eq!(&bytes, b"from the serverand thanks");
        });
        writer.write_all(b"from the client").await.unwrap();
        reader.await;
    };
    stage.builder().plans(40).explore(body).await;
}

on_every_stage!(a_task_that_does_something_later_is_waited_for);
async fn a_task_that_does_something_later_is_waited_for(stage: Stage) {
    if stage.on_sockets() {
        return;
    }
    let body = async |server: Server| {
        server.expect_connect();
        server.expect_bytes("late");
        server.send_bytes("at last");
        let (mut reader, mut writer) = server.connect_in_memory().split().unwrap();
        let late = stage.spawn(async move {
            stage.sleep(Duration::from_millis(5)).await;
            writer.write_all(b"late").await.unwrap();
        });
        reader.read_exact(&mut [0; 7]).await.unwrap();
        late.await;
    };
    stage.builder().plans(10).explore(body).await;
}

on_every_stage!(a_client_with_a_timeout_passes);
async fn a_client_with_a_timeout_passes(stage: Stage) {
    if stage.on_sockets() {
        return;
    }
    let body = async |server: Server| {
        server.expect_connect();
        server.hold("timed out").within(Duration::from_secs(20));
        server.send_bytes("0123456789");
        let mut client = server.connect_in_memory();
        let early = stage.timeout(Duration::from_millis(2), client.read(&mut [0; 10])).await;
        assert!(early.is_none(), "nothing is sent before");
        server.release("timed out");
        client.read_exact(&mut [0; 10]).await.unwrap();
    };
    stage.builder().plans(20).explore(body).await;
}

on_every_stage!(points_pauses_and_silence_pass_and_take_no_time);
async fn points_pauses_and_silence_pass_and_take_no_time(stage: Stage) {
    if stage.on_sockets() {
        return;
    }
    let began = std::time::Instant::now();
    let body = async |server: Server| {
        server.expect_connect();
        server.expect_bytes("ping");
        server.pause(Duration::from_secs(60));
        server.mark("pinged");
        server.send_bytes("po");
        server.wait_until_read();
        server.send_bytes("ng");
        server.expect_silence(Duration::from_secs(60));
        server.shutdown();
        server.expect_bytes("bye");
        server.expect_eof();
        let mut client = server.connect_in_memory();
        client.write_all(b"ping").await.unwrap();
        let mut bytes = [0; 4];
        client.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"pong");
        server.reached("pinged").await;
        assert!(client.read_to_end().await.unwrap().is_empty());
        client.write_all(b"bye").await.unwrap();
        client.shutdown().await.unwrap();
        server.join().await;
    };
    stage.explore(body).await;
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
}

on_every_stage!(several_connections_and_a_narrow_pipe_pass);
async fn several_connections_and_a_narrow_pipe_pass(stage: Stage) {
    if stage.on_sockets() {
        return;
    }
    let body = async |server: Server| {
        server.expect_connect();
        server.expect_line("one");
        server.send_bytes("1");
        server.expect_disconnect();
        server.expect_connect();
        server.expect_line("two");
        server.send_bytes("22");
        let beside = server.script();
        beside.expect_connect();
        beside.send_bytes("beside");
        let mut first = server.connect_in_memory();
        let mut other = server.connect_in_memory();
        first.write_all(b"one\r\n").await.unwrap();
        first.read_exact(&mut [0; 1]).await.unwrap();
        drop(first);
        let mut second = server.connect_in_memory();
        second.write_all(b"two\r\n").await.unwrap();
        second.read_exact(&mut [0; 2]).await.unwrap();
        other.read_exact(&mut [0; 6]).await.unwrap();
    };
    let explored = stage.explore(body).await;
    assert_eq!(explored.cut_points(), 6);
    assert_eq!(explored.plans(), 1 + 2 + 6 + 3 + (64 - 1 - 6 - 1), "all ways to cut it: {explored}");
}

on_every_stage!(a_big_message_passes);
async fn a_big_message_passes(stage: Stage) {
    if stage.on_sockets() {
        return;
    }
    let seen = RefCell::new(0);
    let body = async |server: Server| {
        server.expect_connect();
        server.expect_bytes([b'q'; 50_000]);
        server.send_bytes([b'a'; 50_000]);
        let mut client = server.connect_in_memory();
        client.write_all(&[b'q'; 50_000]).await.unwrap();
        client.read_exact(&mut [0; 50_000]).await.unwrap();
        *seen.borrow_mut() += 1;
    };
    let explored = stage.builder().plans(30).explore(body).await;
    assert_eq!(*seen.borrow(), explored.plans());
}

on_every_stage!(a_plan_is_for_memory);
async fn a_plan_is_for_memory(stage: Stage) {
    if !stage.on_sockets() {
        return;
    }
    let error = stage.builder().plan("cut 7").try_bind().await.unwrap_err();
    assert_eq!(error.to_string(), "the plan `cut 7` is for a server in memory: the kernel delivers as it likes");
}

on_every_stage!(a_server_in_memory_obeys_a_plan);
async fn a_server_in_memory_obeys_a_plan(stage: Stage) {
    if stage.on_sockets() {
        return;
    }
    let server = stage.builder().plan("cut 2 5").bind().await;
    server.expect_connect();
    server.send_bytes("0123456789");
    let mut client = server.connect().await;
    server.join().await;
    let mut pieces = Vec::new();
    for _ in 0..3 {
        let mut bytes = [0; 10];
        let count = client.read(&mut bytes).await.unwrap();
        pieces.push(String::from_utf8_lossy(&bytes[..count]).into_owned());
    }
    assert_eq!(pieces, ["01", "234", "56789"]);
    drop(client);
    server.finish().await;
}

on_every_stage!(somebody_who_is_slow_at_times_is_waited_for);
async fn somebody_who_is_slow_at_times_is_waited_for(stage: Stage) {
    if stage.on_sockets() {
        return;
    }
    let plays = Cell::new(0);
    let body = async |server: Server| {
        server.expect_connect();
        server.expect_bytes("from a task");
        server.hold("released from a task");
        server.send_bytes("0123456789");
        let (mut reader, mut writer) = server.connect_in_memory().split().unwrap();
        let handle = Script::clone(&server);
        // In the first play nothing shows of it, and the body waits for the task.
        let first = plays.replace(plays.get() + 1) == 0;
        let span = Duration::from_millis(if first { 0 } else { 2 });
        let task = stage.spawn(async move {
            stage.sleep(span).await;
            writer.write_all(b"from a task").await.unwrap();
            stage.sleep(span).await;
            handle.release("released from a task");
            writer
        });
        let mut bytes = [0; 10];
        if first {
            drop(task.await);
            reader.read_exact(&mut bytes).await.unwrap();
        } else {
            reader.read_exact(&mut bytes).await.unwrap();
            drop(task.await);
        }
    };
    stage.builder().plans(30).explore(body).await;
}

on_every_stage!(a_client_that_is_held_back_by_a_window_comes_through);
async fn a_client_that_is_held_back_by_a_window_comes_through(stage: Stage) {
    if stage.on_sockets() {
        return;
    }
    // No server reads before the test goes on, and the test goes on only when all is written: a kernel has room for so much.
    let body = async |server: Server| {
        server.expect_connect();
        server.stop_reading();
        server.hold("written");
        server.expect_bytes("a few bytes, which wait in a kernel");
        server.send_bytes("thanks");
        let mut client = server.connect_in_memory();
        client.write_all(b"a few bytes, which wait in a kernel").await.unwrap();
        server.release("written");
        client.read_exact(&mut [0; 6]).await.unwrap();
    };
    stage.explore(body).await;
}

on_every_stage!(framings_and_values_pass);
async fn framings_and_values_pass(stage: Stage) {
    if stage.on_sockets() {
        return;
    }
    let body = async |server: Server| {
        server.expect_connect();
        server.expect_frame("hello");
        server.reply_frame(|hello| hello.to_vec());
        server.framing(Framing::lines());
        server.expect_frame("lines, please");
        server.send_frame("thanks");
        let mut client = server.connect_in_memory();
        client.write_frame(b"hello").await?;
        assert_eq!(client.read_frame().await?, b"hello");
        client.write_all(b"lines, please\n").await?;
        client.read_until(b'\n').await
    };
    let explored = stage.explore(body).await;
    assert_eq!(explored.cut_points(), 16);
}

on_every_stage!(a_narrow_pipe_passes);
async fn a_narrow_pipe_passes(stage: Stage) {
    if stage.on_sockets() {
        return;
    }
    let body = async |server: Server| {
        server.expect_connect();
        server.expect_bytes("a question that does not fit");
        server.send_bytes("nor does the answer");
        let mut client = server.connect_in_memory();
        client.write_all(b"a question that does not fit").await.unwrap();
        client.read_exact(&mut [0; 19]).await.unwrap();
    };
    let explored = stage.builder().capacity(2).explore(body).await;
    assert_eq!(explored.single_cuts(), 18);
}

on_every_stage!(a_connection_goes_on_by_hand_in_every_play);
async fn a_connection_goes_on_by_hand_in_every_play(stage: Stage) {
    if stage.on_sockets() {
        return;
    }
    let body = async |server: Server| {
        server.expect_connect();
        server.expect_line("CONNECT");
        server.send_line("200");
        let raw = server.hand_over();
        let mut client = server.connect_in_memory();
        client.write_all(b"CONNECT\r\nearly").await.unwrap();
        client.read_exact(&mut [0; 5]).await.unwrap();
        let mut raw = raw.await;
        let mut early = [0; 5];
        raw.read_exact(&mut early).await.unwrap();
        assert_eq!(&early, b"early");
        raw.write_all(b"by hand").await.unwrap();
        let mut bytes = [0; 7];
        client.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"by hand");
    };
    let explored = stage.explore(body).await;
    assert_eq!(explored.cut_points(), 11, "what is sent by hand is cut as well");
}
