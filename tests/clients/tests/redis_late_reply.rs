//! The `redis` crate, and a reply that arrives late and in two pieces: the next command must not read it.
//!
//! After `test_timeout_in_middle_of_message_leaves_connection_usable` in `redis/tests/test_basic.rs` of redis-rs. There the server sleeps
//! for 100 ms against a client that waits for 10. Here it sends the second piece when the client has given up; and the one script,
//! [`late_reply`], is played to all of the crate's flavours. (Since its version 1.0 the crate has none for async-std.)

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, AsyncTypedCommands, Client, ConnectionLike, RedisConnectionInfo, TypedCommands};
use std::time::Duration;
use tcpclient_clients::resp::{handshake, late_reply};

/// How long the clients wait for a reply that comes: no test may fail because the machine is busy.
const LONG: Duration = Duration::from_secs(10);

#[test]
fn late_half_reply_is_not_read_by_the_next_command_of_a_blocking_client() {
    use tcpclient_tokio::TcpServer;

    let server = TcpServer::bind_blocking().unwrap();
    server.expect_connect();
    handshake(&server);
    late_reply(&server);

    let client = Client::open(format!("redis://{}", server.local_addr())).unwrap();
    let mut connection = client.get_connection().unwrap();
    connection.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let error = connection.get("key1").unwrap_err();
    assert!(error.is_timeout(), "{error}");
    assert!(connection.is_open());
    server.release("given up");
    connection.set_read_timeout(Some(LONG)).unwrap();
    assert_eq!(connection.get("key2").unwrap().as_deref(), Some("key2"));
    drop(connection);

    server.finish_blocking();
}

#[tokio::test]
async fn late_half_reply_is_not_read_by_the_next_command_on_tokio() {
    use tcpclient_tokio::TcpServer;

    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    handshake(&server);
    late_reply(&server);

    let client = Client::open(format!("redis://{}", server.local_addr())).unwrap();
    let mut connection = client.get_multiplexed_async_connection_with_config(&patient()).await.unwrap();
    // Nobody knows how long it takes a busy machine to send a command; so it is given up when its reply has begun.
    tokio::select! {
        reply = connection.get("key1") => panic!("{reply:?}"),
        () = server.reached("half a reply") => {}
    }
    server.release("given up");
    assert_eq!(connection.get("key2").await.unwrap().as_deref(), Some("key2"));
    drop(connection);

    server.finish().await;
}

#[test]
fn late_half_reply_is_not_read_by_the_next_command_on_smol() {
    use tcpclient_smol::TcpServer;

    smol::block_on(async {
        let server = TcpServer::bind().await.unwrap();
        server.expect_connect();
        handshake(&server);
        late_reply(&server);

        let client = Client::open(format!("redis://{}", server.local_addr())).unwrap();
        let mut connection = client.get_multiplexed_async_connection_with_config(&patient()).await.unwrap();
        let reply = async { Some(connection.get("key1").await) };
        let half_a_reply = server.reached("half a reply");
        let reply = smol::future::or(reply, async {
            half_a_reply.await;
            None
        });
        assert_eq!(reply.await, None);
        server.release("given up");
        assert_eq!(connection.get("key2").await.unwrap().as_deref(), Some("key2"));
        drop(connection);

        server.finish().await;
    });
}

/// In memory, an hour's patience costs nothing: the clock jumps when everybody waits.
#[tokio::test(start_paused = true)]
async fn late_half_reply_is_not_read_by_the_next_command_in_paused_time() {
    use tcpclient_tokio::TcpServer;

    let server = TcpServer::builder().idle_limit(Duration::from_secs(7200)).in_memory();
    server.expect_connect();
    handshake(&server);
    late_reply(&server);

    let config = patient().set_response_timeout(Some(Duration::from_secs(3600)));
    let stream = server.connect_in_memory();
    let info = RedisConnectionInfo::default();
    let (mut connection, driver) = MultiplexedConnection::new_with_config(&info, stream, config).await.unwrap();
    tokio::spawn(driver);
    let error = connection.get("key1").await.unwrap_err();
    assert!(error.is_timeout(), "{error}");
    server.reached("half a reply").await;
    server.release("given up");
    assert_eq!(connection.get("key2").await.unwrap().as_deref(), Some("key2"));
    drop(connection);

    server.finish().await;
}

fn patient() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new().set_connection_timeout(Some(LONG)).set_response_timeout(Some(LONG))
}
