//! The `h2` crate, its client against scripted servers, and its server behind one.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without may fail it")]

use h2::{Reason, client, server};
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tcpclient_clients::http2::{END_STREAM, Kind, frame, go_away, handshake, of, ok, reset};
use tcpclient_tokio::prelude::*;
use tokio::io::{AsyncRead, AsyncWrite};

/// After `rogue_server_odd_headers` and `rogue_server_even_headers` in `tests/h2-tests/tests/client_request.rs` of h2: headers on a stream
/// that the client never opened, in frames that are otherwise right.
#[tokio::test]
async fn headers_on_a_stream_that_is_not_open_are_a_protocol_error() {
    for stream in [1, 2] {
        TcpServer::run_in_memory(async |server| {
            server.expect_connect();
            handshake(&server);
            server.send_frame(ok(stream, 0));
            server.expect_frame(go_away(0, 1)).named("protocol error");

            let (_client, connection) = client::handshake(server.connect_in_memory()).await.unwrap();
            let error = connection.await.unwrap_err();
            assert!(error.is_go_away(), "{error}");
            assert_eq!(error.reason(), Some(Reason::PROTOCOL_ERROR));
        })
        .await;
    }
}

/// After `rogue_server_reused_headers`, there: headers on a stream that both sides have closed.
#[tokio::test]
async fn headers_on_a_stream_that_is_closed_are_a_stream_error() {
    TcpServer::run_in_memory(async |server| {
        server.expect_connect();
        handshake(&server);
        server.mark("settled");
        server.expect_frame(of(Kind::Headers));
        server.send_frame(ok(1, END_STREAM));
        server.send_frame(ok(1, 0));
        server.expect_frame(reset(1, 5)).named("stream closed");
        server.expect_frame(go_away(0, 0)).named("goodbye");

        let (mut client, connection) = client::handshake(server.connect_in_memory()).await.unwrap();
        let connection = tokio::spawn(connection);
        server.reached("settled").await;
        let (answer, _) = client.send_request(request(), true).unwrap();
        answer.await.unwrap();
        drop(client);
        connection.await.unwrap().unwrap();
    })
    .await;
}

/// After `rst_with_buffered_data` in `tests/h2-tests/tests/stream_states.rs` of h2, which has a transport of its own that takes no more than a
/// number of bytes: a stream is reset while a frame of it is half written. The other half still has to come.
#[tokio::test(start_paused = true)]
async fn half_written_frame_of_a_stream_that_is_reset_is_finished() {
    const FRAME: usize = 16 << 10;
    let server = TcpServer::builder().capacity(128).in_memory();
    server.expect_connect();
    server.stop_reading();
    handshake(&server);
    server.mark("settled");
    server.expect_frame(of(Kind::Headers));
    // Of the frame with its body, the head is taken, and the connection has room for 128 bytes more: for a minute as
    // for a moment.
    server.expect_bytes([&[0, 0x40, 0], &frame(Kind::Data, 0, 1, b"")[..]].concat());
    server.pause(Duration::from_secs(60));
    server.send_frame(ok(1, END_STREAM));
    server.send_frame(reset(1, 8)).named("cancel");
    server.wait_until_read();
    server.expect_bytes([0; FRAME]).named("body");
    server.expect_frame(go_away(0, 0)).named("goodbye");

    let (mut client, connection) = client::handshake(server.connect_in_memory()).await.unwrap();
    let connection = tokio::spawn(connection);
    server.reached("settled").await;
    let (answer, mut body) = client.send_request(request(), false).unwrap();
    body.send_data(Bytes::from_static(&[0; 2 * FRAME]), true).unwrap();
    answer.await.unwrap();
    drop((client, body));
    connection.await.unwrap().unwrap();

    server.finish().await;
}

/// What only a script can play (a proxy that makes a tunnel) comes before what the crate's own server does better.
#[tokio::test]
async fn server_goes_on_behind_a_scripted_proxy() {
    TcpServer::run(async |proxy| {
        proxy.expect_connect();
        proxy.expect_until("\r\n\r\n", Pattern::prefix("CONNECT example.org:443 HTTP/1.1\r\n"));
        proxy.send_bytes("HTTP/1.1 200 go on\r\n\r\n");
        let tunnel = proxy.hand_over();

        let serve = async {
            let mut connection = server::handshake(tunnel.await).await.unwrap();
            let (request, mut answer) = connection.accept().await.unwrap().unwrap();
            assert_eq!(request.uri(), "https://example.org/");
            answer.send_response(Response::new(()), true).unwrap();
            assert!(connection.accept().await.is_none());
        };
        let ask = async {
            let stream = tunnel_to("example.org:443", &proxy).await;
            let (mut client, connection) = client::handshake(stream).await.unwrap();
            let connection = tokio::spawn(connection);
            let (answer, _) = client.send_request(request(), true).unwrap();
            assert_eq!(answer.await.unwrap().status(), 200);
            drop(client);
            connection.await.unwrap().unwrap();
        };
        tokio::join!(serve, ask);
    })
    .await;
}

/// Has `hyper` ask a proxy for a tunnel.
async fn tunnel_to(host: &str, proxy: &TcpServer) -> impl AsyncRead + AsyncWrite + Unpin + use<> {
    let stream = TcpStream::connect(proxy.local_addr()).await.unwrap();
    let (mut client, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection.with_upgrades());
    let request = Request::connect(host).header("host", host).body(Empty::<Bytes>::new()).unwrap();
    let answer = client.send_request(request).await.unwrap();
    TokioIo::new(hyper::upgrade::on(answer).await.unwrap())
}

fn request() -> Request<()> {
    Request::get("https://example.org/").body(()).unwrap()
}
