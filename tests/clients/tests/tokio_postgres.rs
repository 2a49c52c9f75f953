//! The `tokio-postgres` crate against a scripted server.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without may fail it")]

use tcpclient_clients::postgres::{error, one_row, query, startup};
use tcpclient_tokio::prelude::*;
use tokio::task::JoinHandle;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error, NoTls, SimpleQueryMessage};

/// Connects as "me", and has a task drive the connection. Without TLS, the crate does not ask the server for it.
async fn connect(server: &TcpServer) -> (Client, JoinHandle<Result<(), Error>>) {
    let config = format!("host=127.0.0.1 port={} user=me", server.port());
    let (client, connection) = tokio_postgres::connect(&config, NoTls).await.unwrap();
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
