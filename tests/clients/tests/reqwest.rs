//! The `reqwest` crate against a scripted server.

use tcpclient_clients::ciphers;
use tcpclient_tokio::prelude::*;

/// After `close_connection_after_idle_timeout` in `tests/client.rs` of reqwest, which sleeps for 2 s and then asks its server whether it
/// has seen the connection closed.
#[tokio::test]
async fn idle_connection_is_closed() {
    TcpServer::run(async |server| {
        server.expect_connect();
        server.expect_until("\r\n\r\n", Pattern::prefix("GET / HTTP/1.1\r\n"));
        server.send_bytes("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        server.expect_disconnect().within(Duration::from_secs(10));

        ciphers::of_ring();
        let client = reqwest::Client::builder().no_proxy().pool_idle_timeout(Duration::from_millis(1)).build().unwrap();
        client.get(format!("http://{}", server.local_addr())).send().await.unwrap();
        // The client is still there: it is its pool that closes the connection.
        server.join().await;
        drop(client);
    })
    .await;
}
