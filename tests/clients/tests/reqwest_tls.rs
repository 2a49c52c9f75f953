//! The `reqwest` crate against a scripted server that encrypts.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without may fail it")]

use reqwest::{Certificate, Client};
use tcpclient_clients::ciphers;
use tcpclient_tokio::prelude::*;
use tcpclient_tokio::report::Cause;
use tcpclient_tokio::tls::{Alert, Identity, Trouble};

fn client(identity: &Identity) -> Client {
    ciphers::of_ring();
    let root = Certificate::from_pem(identity.root_pem().as_bytes()).unwrap();
    Client::builder().no_proxy().tls_certs_only([root]).build().unwrap()
}

fn answer(s: &Script) {
    s.expect_until("\r\n\r\n", Pattern::prefix("GET / HTTP/1.1\r\n"));
    s.send_bytes("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
}

#[tokio::test]
async fn request() {
    let identity = Identity::new();
    TcpServer::builder()
        .tls(&identity)
        .run(async |server| {
            server.expect_connect();
            answer(&server);

            let client = client(&identity);
            let reply = client.get(format!("https://{}", server.local_addr())).send().await.unwrap();
            assert_eq!(reply.text().await.unwrap(), "hello");
            drop(client);
        })
        .await;
}

#[tokio::test]
async fn handshake_that_breaks_off_is_an_error() {
    let identity = Identity::new();
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    server.interrupt_tls(&identity);
    server.expect_connect();
    server.refuse_tls(Alert::UNRECOGNIZED_NAME);

    let client = client(&identity);
    for _ in 0..2 {
        let error = client.get(format!("https://{}", server.local_addr())).send().await.unwrap_err();
        assert!(error.is_connect(), "{error:?}");
    }
    server.finish().await;
}

#[tokio::test]
async fn request_in_clear_is_told_from_tls() {
    let identity = Identity::new();
    let server = TcpServer::builder().tls(&identity).bind().await.unwrap();
    server.expect_connect();
    client(&identity).get(format!("http://{}", server.local_addr())).send().await.unwrap_err();
    let failure = server.try_join().await.unwrap_err();
    assert!(matches!(failure.report().cause(), Cause::Tls(Trouble::Clear(_))), "{failure}");
}
