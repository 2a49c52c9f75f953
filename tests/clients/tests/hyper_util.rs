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

/// Answers requests on one connection, as many as come. Returns the step that receives them.
fn serve(s: &Script) -> Pushed {
    s.expect_connect();
    let mut request = Vec::new();
    s.repeat_until_disconnect(|s| {
        request.push(s.expect_until("\r\n\r\n", Pattern::prefix("GET /a HTTP/1.1\r\n")));
        s.send_bytes("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    });
    request.remove(0)
}

/// `connect_call_is_lazy`
#[tokio::test]
async fn connect_call_is_lazy() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_no_connect(Duration::from_millis(20));
    let client = client();
    let never_polled = client.request(request(&server));
    server.join().await;
    drop(never_polled);
    server.finish().await;
}

/// `connection_poisoning`
#[tokio::test]
async fn poisoned_connection_is_not_used_again() {
    TcpServer::run(async |server| {
        let first = serve(&server);
        let second = serve(&server.script());

        let client = client();
        let mut poisoned = request(&server);
        let connection = capture_connection(&mut poisoned);
        client.request(poisoned).await.unwrap();
        client.request(request(&server)).await.unwrap();
        client.request(request(&server)).await.unwrap();
        assert_eq!((first.count(), second.count()), (3, 0));
        connection.connection_metadata().as_ref().unwrap().poison();
        client.request(request(&server)).await.unwrap();
        client.request(request(&server)).await.unwrap();
        assert_eq!((first.count(), second.count()), (3, 2));
    })
    .await;
}
