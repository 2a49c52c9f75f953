//! The `tokio-postgres` crate against a scripted server.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without may fail it")]

use std::future::{self, Ready};
use std::io;
use tcpclient_clients::postgres::{cancel, error, one_row, query, ready, refuse_tls, startup};
use tcpclient_tokio::prelude::*;
use tokio::task::JoinHandle;
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::{MakeTlsConnect, NoTlsStream, TlsConnect};
use tokio_postgres::{Client, Error, NoTls, SimpleQueryMessage, Socket};

/// Connects as "me", and has a task drive the connection. Without TLS, the crate does not ask the server for it.
async fn connect(server: &TcpServer) -> (Client, JoinHandle<Result<(), Error>>) {
    connect_with(server, NoTls).await
}

async fn connect_with<T>(server: &TcpServer, tls: T) -> (Client, JoinHandle<Result<(), Error>>)
where
    T: MakeTlsConnect<Socket, Stream: Send + 'static>,
{
    let config = format!("host=127.0.0.1 port={} user=me", server.port());
    let (client, connection) = tokio_postgres::connect(&config, tls).await.unwrap();
    (client, tokio::spawn(connection))
}

#[tokio::test]
async fn simple_query_is_answered() {
    TcpServer::run(async |server| {
        server.expect_connect();
        startup(&server, "me");
        query(&server, "SELECT motto");
        one_row(&server, "motto", "be brief");
        server.expect_frame("X").named("goodbye");

        let (client, connection) = connect(&server).await;
        let answer = client.simple_query("SELECT motto").await.unwrap();
        let [SimpleQueryMessage::RowDescription(columns), SimpleQueryMessage::Row(row), ..] = &answer[..] else {
            panic!("{answer:?}");
        };
        assert_eq!(columns[0].name(), "motto");
        assert_eq!(row.get(0), Some("be brief"));
        drop(client);
        connection.await.unwrap().unwrap();
    })
    .await;
}

#[tokio::test]
async fn query_whose_connection_is_killed_fails_with_its_sqlstate() {
    TcpServer::run(async |server| {
        server.expect_connect();
        startup(&server, "me");
        query(&server, "SELECT pg_sleep(60)");
        server.send_frame(error("FATAL", "57P01", "terminating connection due to administrator command"));
        server.disconnect();

        let (client, connection) = connect(&server).await;
        let error = client.simple_query("SELECT pg_sleep(60)").await.unwrap_err();
        assert_eq!(error.code(), Some(&SqlState::ADMIN_SHUTDOWN));
        let error = connection.await.unwrap().unwrap_err();
        assert!(error.is_closed(), "{error}");
    })
    .await;
}

/// Nobody says why.
#[tokio::test]
async fn query_whose_connection_is_reset_fails_without_sqlstate() {
    TcpServer::run(async |server| {
        server.expect_connect();
        startup(&server, "me");
        query(&server, "SELECT pg_sleep(60)");
        server.reset();

        let (client, connection) = connect(&server).await;
        let error = client.simple_query("SELECT pg_sleep(60)").await.unwrap_err();
        assert_eq!(error.code(), None);
        assert!(error.is_closed(), "{error}");
        connection.await.unwrap().unwrap_err();
    })
    .await;
}

/// Plays a server that cancels a query when a second connection asks for it, and goes on with the first. Whether the client asks for TLS
/// first, which it does on each connection, is up to it. Returns how often it did on the second.
async fn cancels<T>(tls: T) -> usize
where
    T: MakeTlsConnect<Socket, Stream: Send + 'static> + Clone,
{
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    startup(&server, "me");
    query(&server, "SELECT pg_sleep(60)");
    server.mark("running");
    server.hold("cancelled");
    server.send_frame(error("ERROR", "57014", "canceling statement due to user request"));
    ready(&server);
    query(&server, "SELECT motto");
    one_row(&server, "motto", "be brief");
    server.expect_frame("X").named("goodbye");

    let second = server.script();
    second.hold("running");
    second.expect_connect();
    let mut questions = Vec::new();
    second.optional(|s| questions.push(refuse_tls(s)));
    cancel(&second);
    second.mark("cancelled");

    let (client, connection) = connect_with(&server, tls.clone()).await;
    let token = client.cancel_token();
    let sleep = client.simple_query("SELECT pg_sleep(60)");
    let cancel = async {
        server.reached("running").await;
        token.cancel_query(tls).await
    };
    let (slept, cancelled) = tokio::join!(sleep, cancel);
    cancelled.unwrap();
    assert_eq!(slept.unwrap_err().code(), Some(&SqlState::QUERY_CANCELED));
    client.simple_query("SELECT motto").await.unwrap();
    drop(client);
    connection.await.unwrap().unwrap();

    server.finish().await;
    questions[0].count()
}

#[tokio::test]
async fn query_is_cancelled_by_a_second_connection() {
    assert_eq!(cancels(NoTls).await, 0);
}

#[tokio::test]
async fn query_is_cancelled_by_a_second_connection_of_a_client_that_would_like_tls() {
    assert_eq!(cancels(Unused).await, 1);
}

/// TLS that is there, and never used.
#[derive(Clone, Copy)]
struct Unused;

impl MakeTlsConnect<Socket> for Unused {
    type Stream = NoTlsStream;
    type TlsConnect = Self;
    type Error = io::Error;

    fn make_tls_connect(&mut self, _: &str) -> io::Result<Self> {
        Ok(Self)
    }
}

impl TlsConnect<Socket> for Unused {
    type Stream = NoTlsStream;
    type Error = io::Error;
    type Future = Ready<io::Result<NoTlsStream>>;

    fn connect(self, _: Socket) -> Self::Future {
        future::ready(Err(io::Error::other("the server has TLS")))
    }
}
