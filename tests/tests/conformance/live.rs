//! Steps that are added while the client is at work.

use tcpclient_tests::prelude::*;

on_every_stage!(a_join_is_a_barrier_that_may_be_awaited_many_times);
async fn a_join_is_a_barrier_that_may_be_awaited_many_times(stage: Stage) {
    let server = stage.bind().await;
    server.join().await;
    server.expect_connect();
    let mut client = server.connect().await;
    server.join().await;
    server.send_bytes("Hola!");
    server.join().await;
    server.join().await;
    let mut reply = [0; 5];
    client.read_exact(&mut reply).await.unwrap();
    assert_eq!(&reply, b"Hola!");
    server.send_bytes("Adios!");
    let mut reply = [0; 6];
    client.read_exact(&mut reply).await.unwrap();
    assert_eq!(&reply, b"Adios!");
    drop(client);
    server.finish().await;
}

on_every_stage!(bytes_may_come_before_they_are_expected);
async fn bytes_may_come_before_they_are_expected(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    let mut client = server.connect().await;
    client.write_all(b"Hello, world").await.unwrap();
    server.join().await;
    server.expect_bytes("Hello, ");
    server.join().await;
    server.expect_bytes("world");
    server.join().await;
    drop(client);
    server.expect_disconnect();
    server.join().await;
}

on_every_stage!(a_delayed_join);
async fn a_delayed_join(stage: Stage) {
    stage
        .run_fixture(async |server| {
            server.expect_connect();
            let mut client = server.connect().await;
            server.expect_bytes("Hello, world");
            client.write_all(b"Hello, world").await.unwrap();
            server.expect_bytes("Goodbye, world");
            client.write_all(b"Goodbye, world").await.unwrap();
            server.join().await;
        })
        .await;
}

on_every_stage!(a_deadline_given_late_counts_from_when_the_step_became_current);
async fn a_deadline_given_late_counts_from_when_the_step_became_current(stage: Stage) {
    let server = stage.builder().deadline(Duration::from_secs(3600)).bind().await;
    let step = server.expect_connect();
    futures_lite::future::yield_now().await;
    step.within(SHORT).named("late");
    let failure = server.try_join().await.unwrap_err();
    assert_eq!(failure.name(), Some("late"));
    assert!(failure.to_string().contains("to connect, after 10 ms"), "{failure}");
}

on_every_stage!(a_failed_step_still_gets_its_name);
async fn a_failed_step_still_gets_its_name(stage: Stage) {
    let server = stage.bind().await;
    let step = server.expect_disconnect();
    assert_eq!(server.try_join().await.unwrap_err().name(), None);
    step.named("farewell");
    assert_eq!(server.try_join().await.unwrap_err().name(), Some("farewell"));
}

on_every_stage!(what_happened_can_be_had_from_a_test_that_passes);
async fn what_happened_can_be_had_from_a_test_that_passes(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.expect_bytes("ping");
    server.send_bytes("pong");
    server.expect_disconnect();
    let mut client = server.connect().await;
    client.write_all(b"ping").await.unwrap();
    client.read_exact(&mut [0; 4]).await.unwrap();
    drop(client);
    server.join().await;
    let transcript = server.transcript();
    let events: Vec<String> =
        transcript.entries().map(|entry| normalize_on(stage, &entry.event().to_string())).collect();
    assert_eq!(events[0], "client connected from 127.0.0.1:PORT");
    assert_eq!(events[1..], ["received 4 bytes  \"ping\"", "sent 4 bytes  \"pong\"", "client closed the connection"]);
    assert_eq!(server.connections(), 1);
}

on_every_stage!(addresses_that_cannot_be_had_are_named);
async fn addresses_that_cannot_be_had_are_named(stage: Stage) {
    if !stage.on_sockets() {
        return;
    }
    let server = stage.bind().await;
    assert_eq!(server.local_addr().port(), server.port());
    let error = stage.builder().addr(&server.local_addr().to_string()).try_bind().await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    assert!(error.to_string().starts_with(&format!("cannot listen on {}: ", server.local_addr())), "{error}");

    // 192.0.2.0/24 belongs to no machine (RFC 5737).
    let error = stage.builder().addr("192.0.2.1:0").try_bind().await.unwrap_err();
    assert!(error.to_string().starts_with("cannot listen on 192.0.2.1:0: "), "{error}");

    let error = stage.builder().addr("no port").try_bind().await.unwrap_err();
    assert!(error.to_string().starts_with("cannot find the address to listen on: "), "{error}");
}

on_every_stage!(a_verb_after_the_end_is_refused_at_its_line);
async fn a_verb_after_the_end_is_refused_at_its_line(stage: Stage) {
    let server = stage.bind().await;
    let script = Script::clone(&server);
    server.finish().await;
    let payload = std::panic::catch_unwind(move || script.expect_connect()).unwrap_err();
    let message = payload.downcast_ref::<String>().unwrap();
    assert!(message.ends_with("a step was added after the server had been finished or dropped"), "{message}");
}

on_every_stage!(the_listener_is_gone_when_finish_returns);
async fn the_listener_is_gone_when_finish_returns(stage: Stage) {
    if !stage.on_sockets() {
        return;
    }
    // On an address that no other test listens on: on 127.0.0.1 one of them may have the port by now. Only macOS has no other.
    let home = if cfg!(target_os = "macos") { "127.0.0.1:0" } else { "127.0.0.77:0" };
    let server = stage.builder().addr(home).bind().await;
    let connect = server.try_connect();
    server.finish().await;
    let error = connect.await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
}

on_every_stage!(a_send_that_there_is_room_for_is_never_too_late);
async fn a_send_that_there_is_room_for_is_never_too_late(stage: Stage) {
    let server = stage.bind().await;
    // It is found where a join looks for it in the kernel, before the runtime has heard of it.
    let mut client = server.connect_unnoticed();
    server.expect_connect();
    server.send_bytes("World").within(Duration::from_nanos(1));
    server.join().await;
    let mut reply = [0; 5];
    client.read_exact(&mut reply).await.unwrap();
    assert_eq!(&reply, b"World");
    drop(client);
    server.finish().await;
}
