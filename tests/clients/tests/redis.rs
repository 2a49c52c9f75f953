//! The `redis` crate against a scripted server.

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, AsyncTypedCommands, Client, RedisConnectionInfo, RedisResult};
use tcpclient_clients::resp::{NIL, OK, bulk, command, error, exchange, handshake};
use tcpclient_tokio::prelude::*;

/// Opens a connection whose own time limits are far beyond the deadlines of the server. So the script alone decides how long
/// a test may take, and no request fails only because the machine is busy.
async fn connect(server: &TcpServer) -> RedisResult<MultiplexedConnection> {
    let limit = Some(Duration::from_secs(10));
    let config = AsyncConnectionConfig::new().set_connection_timeout(limit).set_response_timeout(limit);
    let client = Client::open(format!("redis://{}", server.local_addr()))?;
    client.get_multiplexed_async_connection_with_config(&config).await
}

#[tokio::test]
async fn session() {
    TcpServer::run(async |server| {
        server.expect_connect();
        handshake(&server);
        exchange(&server, &["SET", "greeting", "hello"], OK);
        exchange(&server, &["GET", "greeting"], bulk("hello"));
        exchange(&server, &["INCRBY", "greeting", "1"], error("ERR value is not an integer or out of range"));
        server.expect_disconnect();

        let mut client = connect(&server).await.unwrap();
        client.set("greeting", "hello").await.unwrap();
        assert_eq!(client.get("greeting").await.unwrap().as_deref(), Some("hello"));
        let error = client.incr("greeting", 1).await.unwrap_err();
        assert_eq!(error.code(), Some("ERR"));
        assert_eq!(error.detail(), Some("value is not an integer or out of range"));
    })
    .await;
}

#[tokio::test]
async fn missing_key() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    handshake(&server);
    exchange(&server, &["GET", "missing"], NIL);

    let mut client = connect(&server).await.unwrap();
    assert_eq!(client.get("missing").await.unwrap(), None);
    drop(client);

    server.finish().await;
}

/// The script does not say how the connection ends: the client is dropped at the end of the body, and that it closes then is
/// checked all the same.
#[tokio::test]
async fn pipeline() {
    TcpServer::run(async |server| {
        server.expect_connect();
        handshake(&server);
        // All commands are here before the first is answered.
        server.expect_frame(command(&["SET", "a", "1"]));
        server.expect_frame(command(&["GET", "a"]));
        server.expect_frame(command(&["GET", "b"]));
        server.send_bytes([OK, &bulk("1"), NIL].concat());

        let mut client = connect(&server).await.unwrap();
        let mut pipeline = redis::pipe();
        pipeline.set("a", 1).ignore().get("a").get("b");
        let values: (u32, Option<u32>) = pipeline.query_async(&mut client).await.unwrap();
        assert_eq!(values, (1, None));
    })
    .await;
}

/// Two tasks that share a connection do not wait for each other's answers.
#[tokio::test]
async fn concurrent_commands() {
    TcpServer::run(async |server| {
        server.expect_connect();
        handshake(&server);
        server.expect_frame(command(&["GET", "a"]));
        server.expect_frame(command(&["GET", "b"]));
        server.send_bytes(bulk("1"));
        server.send_bytes(bulk("2"));

        let mut client = connect(&server).await.unwrap();
        let mut other = client.clone();
        let (a, b) = tokio::join!(client.get("a"), other.get("b"));
        assert_eq!((a.unwrap().as_deref(), b.unwrap().as_deref()), (Some("1"), Some("2")));
    })
    .await;
}

#[tokio::test]
async fn reconnect() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    handshake(&server);
    exchange(&server, &["GET", "k"], bulk("before"));
    server.disconnect();

    server.expect_connect();
    handshake(&server);
    exchange(&server, &["GET", "k"], bulk("after"));
    server.expect_disconnect();

    let mut client = connect(&server).await.unwrap();
    assert_eq!(client.get("k").await.unwrap().as_deref(), Some("before"));
    let error = client.get("k").await.unwrap_err();
    assert!(error.is_unrecoverable_error(), "{error}");

    let mut client = connect(&server).await.unwrap();
    assert_eq!(client.get("k").await.unwrap().as_deref(), Some("after"));
    drop(client);

    server.join().await;
    assert_eq!(server.connections(), 2);
    server.finish().await;
}

#[tokio::test]
async fn wrong_command() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    handshake(&server);
    let line = line!() + 1;
    exchange(&server, &["SET", "greeting", "hello"], OK);
    server.expect_disconnect();

    let mut client = connect(&server).await.unwrap();
    // The client is not left waiting for an answer.
    let error = client.set("greeting", "Hello").await.unwrap_err();
    assert!(error.is_connection_dropped(), "{error}");
    assert!(!error.is_timeout(), "{error}");

    let failure = server.try_join().await.unwrap_err();
    assert_eq!(failure.step(), Some(6));
    assert_eq!(failure.name(), Some("SET greeting hello"));
    let location = failure.location().unwrap();
    assert_eq!((location.file(), location.line()), (file!(), line));
    let report = failure.to_string();
    let shown =
        ["byte 31 differs: expected 0x68 'h', received 0x48 'H'", "$5..h", "$5..H", "the client is still connected"];
    for text in shown {
        assert!(report.lines().any(|line| line.ends_with(text)), "no line ends with {text:?}\n{report}");
    }

    // Nor can a client that tries again.
    let error = connect(&server).await.unwrap_err();
    assert!(error.is_connection_dropped(), "{error}");
}

/// After `test_concurrency_limit_enforced` in `redis/src/aio/multiplexed_connection.rs` of redis-rs, which looks for 100 ms whether a third
/// request comes. In paused time that costs nothing.
#[tokio::test(start_paused = true)]
async fn third_command_waits_for_the_concurrency_limit() {
    let server = TcpServer::in_memory();
    server.expect_connect();
    handshake(&server);
    server.repeat(2, |s| drop(s.expect_frame(command(&["PING"]))));
    server.expect_silence(Duration::from_secs(3600));
    server.send_bytes("+PONG\r\n");
    server.expect_frame(command(&["PING"]));
    server.send_bytes("+PONG\r\n+PONG\r\n");

    let config = AsyncConnectionConfig::new().set_concurrency_limit(2).set_response_timeout(None);
    let stream = server.connect_in_memory();
    let info = RedisConnectionInfo::default();
    let (client, driver) = MultiplexedConnection::new_with_config(&info, stream, config).await.unwrap();
    tokio::spawn(driver);
    let ping = async || client.clone().ping().await;
    let replies = tokio::join!(ping(), ping(), ping());
    assert!(matches!(replies, (Ok(_), Ok(_), Ok(_))), "{replies:?}");
    drop(client);

    server.finish().await;
}
