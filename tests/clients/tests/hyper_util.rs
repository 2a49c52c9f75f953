//! The client with a pool of the `hyper-util` crate against scripted servers.
//!
//! The cases are those of `tests/legacy_client.rs` of hyper-util, which count connections with a connector and a thread of their own.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without may fail it")]

use http_body_util::Empty;
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{HttpConnector, capture_connection};
use hyper_util::rt::TokioExecutor;
use tcpclient_tokio::prelude::*;

fn client() -> Client<HttpConnector, Empty<Bytes>> {
    Client::builder(TokioExecutor::new()).build_http()
}

fn request(server: &TcpServer) -> Request<Empty<Bytes>> {
    Request::get(format!("http://{}/a", server.local_addr())).body(Empty::new()).unwrap()
}

fn exchange(s: &Script) {
    s.expect_until("\r\n\r\n", Pattern::prefix("GET /a HTTP/1.1\r\n"));
    s.send_bytes("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

/// `connect_call_is_lazy`
#[tokio::test]
async fn connect_call_is_lazy() {
    let server = TcpServer::bind().await.unwrap();
    let client = client();
    let never_polled = client.request(request(&server));
    server.join().await;
    assert_eq!(server.connections(), 0);
    drop(never_polled);
    server.finish().await;
}

/// `connection_poisoning`
///
/// The pool opens the second connection and closes the first one in tasks of their own. They are all on the one thread of the test, and the
/// server looks when they have had their turn; else the connections might overlap.
#[tokio::test]
async fn poisoned_connection_is_not_used_again() {
    TcpServer::run(async |server| {
        server.expect_connect();
        server.repeat(3, exchange);
        server.expect_disconnect();
        server.expect_connect();
        server.repeat(2, exchange);

        let client = client();
        let mut first = request(&server);
        let connection = capture_connection(&mut first);
        client.request(first).await.unwrap();
        client.request(request(&server)).await.unwrap();
        client.request(request(&server)).await.unwrap();
        connection.connection_metadata().as_ref().unwrap().poison();
        client.request(request(&server)).await.unwrap();
        client.request(request(&server)).await.unwrap();
        assert_eq!(server.connections(), 2);
    })
    .await;
}
