//! The `redis` crate against a scripted server that encrypts.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without may fail it")]

use redis::{AsyncTypedCommands, Client, TlsCertificates};
use tcpclient_clients::resp::{OK, bulk, exchange, handshake};
use tcpclient_tokio::prelude::*;
use tcpclient_tokio::tls::Identity;

fn client(port: u16, identity: &Identity) -> Client {
    let certificates = TlsCertificates { client_tls: None, root_cert: Some(identity.root_pem().into()) };
    Client::build_with_tls(format!("rediss://localhost:{port}"), certificates).unwrap()
}

#[tokio::test]
async fn session() {
    let identity = Identity::new();
    let server = TcpServer::builder().addr("localhost:0").tls(identity.tls().server_name("localhost"));
    let server = server.bind().await.unwrap();
    server.expect_connect();
    handshake(&server);
    exchange(&server, &["SET", "greeting", "hello"], OK);
    exchange(&server, &["GET", "greeting"], bulk("hello"));

    let mut connection = client(server.port(), &identity).get_multiplexed_async_connection().await.unwrap();
    connection.set("greeting", "hello").await.unwrap();
    assert_eq!(connection.get("greeting").await.unwrap().as_deref(), Some("hello"));
    drop(connection);
    server.finish().await;
}

/// What a server does that dies: its stream ends, and nobody says so in TLS.
#[tokio::test]
async fn reply_that_is_truncated_is_an_error() {
    let identity = Identity::new();
    let server = TcpServer::builder().addr("localhost:0").tls(&identity).bind().await.unwrap();
    server.expect_connect();
    handshake(&server);
    server.expect_frame(tcpclient_clients::resp::command(&["GET", "greeting"]));
    server.send_bytes("$5\r\nhel");
    server.truncate();

    let mut connection = client(server.port(), &identity).get_multiplexed_async_connection().await.unwrap();
    connection.get("greeting").await.unwrap_err();
    drop(connection);
    server.finish().await;
}
