//! The `h2` crate against a scripted server that breaks its protocol.

use h2::{Reason, client};
use tcpclient_clients::http2::{go_away, handshake, ok};
use tcpclient_tokio::prelude::*;

/// After `rogue_server_odd_headers` in `tests/h2-tests/tests/client_request.rs` of h2: headers on a stream that the client never opened,
/// in frames that are otherwise right.
#[tokio::test]
async fn headers_on_a_stream_that_is_not_open_are_a_protocol_error() {
    TcpServer::run_in_memory(async |server| {
        server.expect_connect();
        handshake(&server);
        server.send_frame(ok(1));
        server.expect_frame(go_away(0, 1)).named("protocol error");

        let (_client, connection) = client::handshake(server.connect_in_memory()).await.unwrap();
        let error = connection.await.unwrap_err();
        assert!(error.is_go_away(), "{error}");
        assert_eq!(error.reason(), Some(Reason::PROTOCOL_ERROR));
    })
    .await;
}
