//! The `hyper` crate, with its client's connections alone, against scripted servers.
//!
//! The cases are those of `tests/client.rs` of hyper, under their names there. It plays its servers on threads, with read timeouts of 5 s.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without may fail it")]

use futures_util::stream;
use http_body_util::{BodyExt, Empty, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use tcpclient_clients::http2::{Kind, of, preface};
use tcpclient_tokio::{MemoryStream, prelude::*};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Expects a GET from the server's own address.
#[track_caller]
fn get(server: &TcpServer, path: &str) {
    server.expect_bytes(format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", server.local_addr()));
}

/// Sends the request that [`get`] expects.
async fn request(server: &TcpServer, path: &str) -> hyper::Result<hyper::Response<Incoming>> {
    let stream = TcpStream::connect(server.local_addr()).await.unwrap();
    let (mut client, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let host = server.local_addr().to_string();
    let request = Request::get(path).header("host", host).body(Empty::<Bytes>::new());
    client.send_request(request.unwrap()).await
}

/// `client_get`
#[tokio::test]
async fn client_get() {
    TcpServer::run(async |server| {
        server.expect_connect();
        get(&server, "/");
        server.send_bytes("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");

        let answer = request(&server, "/").await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["Content-Length"], "0");
        assert!(answer.collect().await.unwrap().to_bytes().is_empty());
    })
    .await;
}

/// `client_error_unexpected_eof`: the answer ends in the middle of its head.
#[tokio::test]
async fn client_error_unexpected_eof() {
    TcpServer::run(async |server| {
        server.expect_connect();
        get(&server, "/err");
        server.send_bytes("HTTP/1.1 200 OK\r\n");
        server.disconnect();

        let error = request(&server, "/err").await.unwrap_err();
        assert!(error.is_incomplete_message(), "{error}");
    })
    .await;
}

/// `conn::aborted_body_isnt_completed`: the last chunk would say that the body is whole.
#[tokio::test]
async fn aborted_body_isnt_completed() {
    TcpServer::run(async |server| {
        server.expect_connect();
        server.expect_bytes("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n");
        server.mark("hello");
        server.expect_disconnect();

        let stream = TcpStream::connect(server.local_addr()).await.unwrap();
        let (mut client, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let hello = server.reached("hello");
        let body = stream::unfold(Some(hello), |hello| async {
            hello?.await;
            Some((Err(io::Error::other("body write aborted")), None))
        });
        let body = stream::StreamExt::chain(stream::iter([Ok(Frame::data(Bytes::from("hello")))]), body);
        let request = Request::post("/").body(StreamBody::new(body)).unwrap();
        let error = client.send_request(request).await.unwrap_err();
        assert!(error.is_user(), "{error}");
    })
    .await;
}

/// `conn::http1_half_closed_peer_with_open_request_body_does_not_spin`: a client that does calls itself again and again.
#[tokio::test]
async fn half_closed_peer_with_open_request_body_does_not_spin() {
    let server = TcpServer::in_memory();
    server.expect_connect();
    server.expect_until("\r\n\r\n", Pattern::prefix("POST /a "));
    server.shutdown();
    server.mark("half closed");

    let flushes = Arc::<AtomicUsize>::default();
    let stream = Counting { stream: server.connect_in_memory(), flushes: Arc::clone(&flushes) };
    let (mut client, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let body = stream::pending::<io::Result<Frame<Bytes>>>();
    let request = Request::post("/a").body(StreamBody::new(body)).unwrap();
    let answer = tokio::spawn(async move { client.send_request(request).await });

    server.reached("half closed").await;
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    let flushes = flushes.load(Ordering::Relaxed);
    assert!(flushes < 100, "it flushed {flushes} times");
    answer.abort();
    connection.abort();

    server.finish().await;
}

/// `conn::upgrade`: the first bytes of the next protocol come with the answer.
#[tokio::test]
async fn upgrade() {
    let server = TcpServer::in_memory();
    server.expect_connect();
    server.expect_until("\r\n\r\n", Pattern::prefix("GET /a HTTP/1.1\r\n"));
    server.send_bytes("HTTP/1.1 101 Switching Protocols\r\nUpgrade: foobar\r\n\r\nfoobar=ready");
    server.expect_bytes("foo=bar");
    server.send_bytes("bar=foo");

    let (mut client, mut connection) = http1::handshake(TokioIo::new(server.connect_in_memory())).await.unwrap();
    let request = Request::get("/a").body(Empty::<Bytes>::new()).unwrap();
    let until_upgrade = std::future::poll_fn(|cx| connection.poll_without_shutdown(cx));
    let (end, answer) = tokio::join!(until_upgrade, client.send_request(request));
    end.unwrap();
    let answer = answer.unwrap();
    assert_eq!(answer.status(), StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(answer.headers()["Upgrade"], "foobar");
    let parts = connection.into_parts();
    assert_eq!(parts.read_buf, "foobar=ready");

    let mut stream = parts.io.into_inner();
    stream.write_all(b"foo=bar").await.unwrap();
    let mut word = [0; 7];
    stream.read_exact(&mut word).await.unwrap();
    assert_eq!(&word, b"bar=foo");
    drop(stream);

    server.finish().await;
}

/// `conn::http2_keep_alive_detects_unresponsive_server`, which takes 2 s there. The server reads on, and never answers.
#[tokio::test(start_paused = true)]
async fn http2_keep_alive_detects_unresponsive_server() {
    let server = TcpServer::builder().deadline(Duration::from_secs(2)).in_memory();
    server.expect_connect();
    preface(&server);
    let mut frame = None;
    server.repeat_until_disconnect(|s| frame = Some(s.expect_frame(Pattern::any())));

    let (_client, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(1))
        .keep_alive_timeout(Duration::from_secs(1))
        .keep_alive_while_idle(true)
        .handshake::<_, Empty<Bytes>>(TokioIo::new(server.connect_in_memory()))
        .await
        .unwrap();
    let start = tokio::time::Instant::now();
    let error = connection.await.unwrap_err();
    assert!(error.is_timeout(), "{error}");
    assert_eq!(start.elapsed().as_secs(), 2);

    server.finish().await;
    let last = frame.unwrap().bytes().unwrap();
    assert!(of(Kind::Ping).check(&last).is_ok(), "{last:?}");
}

/// A stream that counts how often it is flushed.
#[derive(Debug)]
struct Counting {
    stream: MemoryStream,
    flushes: Arc<AtomicUsize>,
}

impl AsyncRead for Counting {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Counting {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flushes.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
