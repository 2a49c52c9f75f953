//! Servers that are not up: they refuse their clients until they are opened, or give them no answer. Only sockets can.

use expect_test::expect;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Instant;
use tcpclient_tests::prelude::*;
use tcpclient_tests::server::Builder;

/// Far longer than a `connect` takes where somebody answers.
const PATIENT: Duration = Duration::from_millis(50);

/// An address that no other test listens on: on 127.0.0.1 one of them may have a port as soon as it is free. Only macOS has no
/// other.
const HOME: &str = if cfg!(target_os = "macos") { "127.0.0.1:0" } else { "127.0.0.78:0" };

/// Pushes a whole conversation.
fn conversation(server: &Script) {
    server.expect_connect();
    server.expect_bytes("ping");
    server.send_bytes("pong");
    server.expect_disconnect();
}

/// Plays the client's part.
async fn converse(mut client: Client) {
    client.write_all(b"ping").await.unwrap();
    let mut reply = [0; 4];
    client.read_exact(&mut reply).await.unwrap();
    assert_eq!(&reply, b"pong");
}

async fn refusal(server: &Server) -> ErrorKind {
    server.try_connect().await.expect_err("nobody listens").kind()
}

/// Binds a server that gives its clients no answer, where there can be such a server.
async fn unresponsive(stage: Stage, options: Builder) -> Option<Server> {
    if !stage.on_sockets() {
        return None;
    }
    let bound = options.unresponsive().try_bind().await;
    if cfg!(any(target_os = "linux", target_os = "macos")) {
        return Some(bound.unwrap());
    }
    let error = bound.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("clients of a full queue are not left waiting"), "{error}");
    None
}

on_every_stage!(clients_are_refused_until_the_server_is_opened);
async fn clients_are_refused_until_the_server_is_opened(stage: Stage) {
    if !stage.on_sockets() {
        return;
    }
    let server = stage.builder().refusing().bind().await;
    let addr = server.local_addr();
    conversation(&server);
    for _ in 0..3 {
        assert_eq!(refusal(&server).await, ErrorKind::ConnectionRefused);
    }
    let opened = Instant::now();
    server.open().unwrap();
    assert_eq!(server.local_addr(), addr);
    converse(server.connect().await).await;
    assert!(opened.elapsed() < Duration::from_secs(10), "the server noticed it only at a deadline");
    server.join().await;
    assert_eq!(server.connections(), 1);
    assert_eq!(server.transcript().entries().count(), 4, "no attempt that was refused is on record");
    conversation(&server);
    converse(server.connect().await).await;
    server.finish().await;
}

on_every_stage!(a_client_that_tries_again_gets_through);
async fn a_client_that_tries_again_gets_through(stage: Stage) {
    if !stage.on_sockets() {
        return;
    }
    let server = Arc::new(stage.builder().refusing().bind().await);
    conversation(&server);
    assert_eq!(refusal(&server).await, ErrorKind::ConnectionRefused);
    let opener = Arc::clone(&server);
    let opened = stage.spawn(async move { opener.open().unwrap() });
    let client = loop {
        match server.try_connect().await {
            Ok(client) => break client,
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionRefused),
        }
        stage.sleep(Duration::from_millis(1)).await;
    };
    converse(client).await;
    opened.await;
    Arc::into_inner(server).expect("the opener is done").finish().await;
}

on_every_stage!(a_client_right_behind_the_opening_is_not_missed);
async fn a_client_right_behind_the_opening_is_not_missed(stage: Stage) {
    if !stage.on_sockets() {
        return;
    }
    let server = stage.builder().refusing().bind().await;
    server.open().unwrap();
    drop(server.connect_unnoticed());
    let failure = server.try_finish().await.unwrap_err();
    assert!(failure.to_string().contains("and the script has no expect_connect() for it"), "{failure}");
}

on_every_stage!(a_script_that_has_failed_resets_who_comes_when_it_is_opened);
async fn a_script_that_has_failed_resets_who_comes_when_it_is_opened(stage: Stage) {
    if !stage.on_sockets() {
        return;
    }
    let server = stage.builder().refusing().bind().await;
    server.expect_connect().within(SHORT);
    server.try_join().await.unwrap_err();
    server.open().unwrap();
    if let Some(mut client) = server.connect_to_be_reset().await {
        client.read(&mut [0]).await.unwrap_err();
    }
}

on_every_stage!(a_port_is_kept_while_its_server_refuses);
async fn a_port_is_kept_while_its_server_refuses(stage: Stage) {
    if !stage.on_sockets() {
        return;
    }
    let server = stage.builder().refusing().bind().await;
    let addr = server.local_addr();
    assert_eq!(TcpListener::bind(addr).unwrap_err().kind(), ErrorKind::AddrInUse);
    for options in [stage.builder(), stage.builder().refusing()] {
        let error = options.addr(&addr.to_string()).try_bind().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert!(error.to_string().starts_with(&format!("cannot listen on {addr}: ")), "{error}");
    }
    server.open().unwrap();
    assert_eq!(TcpListener::bind(addr).unwrap_err().kind(), ErrorKind::AddrInUse);
    server.finish().await;
}

on_every_stage!(a_server_goes_down_and_comes_up_again);
async fn a_server_goes_down_and_comes_up_again(stage: Stage) {
    if !stage.on_sockets() {
        return;
    }
    let server = stage.builder().addr(HOME).bind().await;
    let addr = server.local_addr();
    // The server closes first: its side of the connection keeps the port for a minute.
    server.expect_connect();
    server.disconnect();
    let mut client = server.connect().await;
    assert_eq!(client.read_to_end().await.unwrap(), b"");
    drop(client);
    server.finish().await;

    let server = stage.builder().addr(&addr.to_string()).refusing().bind().await;
    assert_eq!(server.local_addr(), addr);
    assert_eq!(refusal(&server).await, ErrorKind::ConnectionRefused);
    assert_eq!(TcpListener::bind(addr).unwrap_err().kind(), ErrorKind::AddrInUse);
    server.open().unwrap();
    server.expect_connect();
    server.disconnect();
    let mut client = server.connect().await;
    assert_eq!(client.read_to_end().await.unwrap(), b"");
    drop(client);
    server.finish().await;

    // Nor is what was opened in the way of others.
    let server = stage.builder().addr(&addr.to_string()).bind().await;
    server.finish().await;
}

on_every_stage!(a_server_that_was_opened_too_late_says_so);
async fn a_server_that_was_opened_too_late_says_so(stage: Stage) {
    if !stage.on_sockets() {
        return;
    }
    for connects in [false, true] {
        let server = stage.builder().refusing().deadline(SHORT).bind().await;
        server.expect_connect();
        assert!(server.failure().await.contains("nobody has opened it: it refuses its clients"));
        server.open().unwrap();
        if connects {
            // It is reset when the server has noticed it.
            let mut client = server.connect().await;
            assert!(client.read(&mut [0; 1]).await.is_err());
        }
        let failure = server.failure().await;
        assert!(failure.contains("the server was made with refusing(), and opened too late"), "{failure}");
        assert_eq!(failure.contains("a client has connected since"), connects, "{failure}");
        assert!(!failure.contains("usual cause"), "{failure}");
    }
}

on_every_stage!(only_a_server_that_refuses_can_be_opened);
async fn only_a_server_that_refuses_can_be_opened(stage: Stage) {
    let open = async |server: Server| panic_of(stage, async { server.open() }).await;
    let server = stage.bind().await;
    const MESSAGE: &str = "open: the scripted server 127.0.0.1:PORT listens already; only one that is refusing() does not, until it is opened";
    assert_eq!(open(server).await, MESSAGE);
    if !stage.on_sockets() {
        return;
    }
    let server = stage.builder().refusing().bind().await;
    server.open().unwrap();
    assert_eq!(open(server).await, MESSAGE);
    let server = stage.builder().refusing().bind().await;
    server.open().unwrap();
    drop(server.connect_unnoticed());
    server.expect_connect();
    server.join().await;
    assert_eq!(open(server).await, MESSAGE);
    if let Some(server) = unresponsive(stage, stage.builder()).await {
        assert_eq!(open(server).await, MESSAGE);
    }
}

on_every_stage!(a_server_that_has_ended_cannot_be_opened);
async fn a_server_that_has_ended_cannot_be_opened(stage: Stage) {
    if !stage.on_sockets() {
        return;
    }
    let server =
        stage.run_factory(async |servers| servers.bind_with(stage.builder().addr(HOME).refusing()).await).await;
    let message =
        format!("cannot listen on {}: the server has been finished, or its runtime has shut down", server.local_addr());
    assert_eq!(server.open().unwrap_err().to_string(), message);
    assert_eq!(refusal(&server).await, ErrorKind::ConnectionRefused);
    drop(TcpListener::bind(server.local_addr()).expect("the port is free again"));
}

on_every_stage!(a_server_that_was_never_opened_ends_as_any_other);
async fn a_server_that_was_never_opened_ends_as_any_other(stage: Stage) {
    if !stage.on_sockets() {
        return;
    }
    let refusing = || stage.builder().addr(HOME).refusing();
    drop(refusing().bind().await);
    let server = refusing().bind().await;
    server.pause(Duration::from_millis(1));
    server.join().await;
    let addr = server.local_addr();
    server.finish().await;
    drop(TcpListener::bind(addr).expect("the port is free again"));

    let text = panic_of(stage, async {
        let server = refusing().bind().await;
        server.expect_connect();
    })
    .await;
    assert!(text.contains("dropped without join().await or finish().await"), "{text}");
}

on_every_stage!(the_script_goes_on_while_the_server_refuses);
async fn the_script_goes_on_while_the_server_refuses(stage: Stage) {
    if !stage.on_sockets() {
        return;
    }
    let server = stage.builder().refusing().bind().await;
    server.expect_connect().within(SHORT);
    assert_eq!(refusal(&server).await, ErrorKind::ConnectionRefused);
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 1 of 1 failed
          expect_connect() at tests/tests/conformance/listening.rs:LINE
          timed out waiting for the client to connect, after 10 ms
          the server was made with refusing(), and nobody has opened it: it refuses its clients

          script
            FAIL  1  expect_connect()  tests/tests/conformance/listening.rs:LINE

          conversation
            (none)

          told by try_join() at tests/tests/conformance/listening.rs:LINE"#]]
    .assert_eq(&server.failure().await);
}

on_every_stage!(a_server_in_memory_neither_refuses_nor_lets_wait);
async fn a_server_in_memory_neither_refuses_nor_lets_wait(stage: Stage) {
    if stage.on_sockets() {
        return;
    }
    let asked = [(stage.builder().refusing(), "refusing()"), (stage.builder().unresponsive(), "unresponsive()")];
    for (options, option) in asked {
        let message = panic_of(stage, async { options.bind().await }).await;
        assert_eq!(message, format!("in_memory: only a server on a socket can be {option}; make it with bind()"));
    }
}

on_every_stage!(a_client_of_an_unresponsive_server_waits);
async fn a_client_of_an_unresponsive_server_waits(stage: Stage) {
    let Some(server) = unresponsive(stage, stage.builder()).await else { return };
    for _ in 0..3 {
        let result = server.connect_within(PATIENT).await;
        assert!(result.is_none(), "{result:?}");
    }
    server.pause(Duration::from_millis(1));
    server.join().await;
    assert_eq!(server.connections(), 0);
    assert_eq!(server.transcript().entries().count(), 0);
    server.finish().await;
}

on_every_stage!(nobody_connects_to_an_unresponsive_server);
async fn nobody_connects_to_an_unresponsive_server(stage: Stage) {
    let Some(server) = unresponsive(stage, stage.builder()).await else { return };
    server.expect_connect().within(SHORT);
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 1 of 1 failed
          expect_connect() at tests/tests/conformance/listening.rs:LINE
          timed out waiting for the client to connect, after 10 ms
          the server was made with unresponsive(): it accepts no client

          script
            FAIL  1  expect_connect()  tests/tests/conformance/listening.rs:LINE

          conversation
            (none)

          told by try_join() at tests/tests/conformance/listening.rs:LINE"#]]
    .assert_eq(&server.failure().await);
    // As long as the server is there: else its clients would be reset, as those of any script that has failed.
    let result = server.connect_within(PATIENT).await;
    assert!(result.is_none(), "{result:?}");
    server.try_finish().await.unwrap_err();
}

on_every_stage!(nothing_is_left_of_an_unresponsive_server);
async fn nothing_is_left_of_an_unresponsive_server(stage: Stage) {
    let Some(server) = unresponsive(stage, stage.builder().addr(HOME)).await else { return };
    let addr = server.local_addr();
    assert_eq!(TcpListener::bind(addr).unwrap_err().kind(), ErrorKind::AddrInUse);
    let twin = unresponsive(stage, stage.builder().addr(HOME)).await.unwrap();
    server.finish().await;
    assert!(twin.connect_within(PATIENT).await.is_none());
    drop(twin);

    let server = unresponsive(stage, stage.builder().addr(&addr.to_string())).await.unwrap();
    assert!(server.connect_within(PATIENT).await.is_none());
    server.finish().await;
    let server = stage.builder().addr(&addr.to_string()).bind().await;
    conversation(&server);
    converse(server.connect().await).await;
    server.finish().await;
}
