//! Published clients, with every delivery of what their servers send: split anywhere, joined, byte by byte, and with their own writes
//! taken in pieces. Clients that pass are right about TCP, as far as these conversations go.
//!
//! The clock is paused, so that a client which waits for ever costs no time.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without may fail it")]

use h2::client;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use lettre::address::Envelope;
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream};
use lettre::transport::smtp::extension::ClientId;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, AsyncTypedCommands, RedisConnectionInfo};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use tcpclient_clients::http2::{self, Kind, of};
use tcpclient_clients::modbus::{framing, one_register, read_one_register};
use tcpclient_clients::postgres::{one_row, query, startup};
use tcpclient_clients::resp::{NIL, OK, bulk, command, exchange, handshake};
use tcpclient_clients::smtp::{mail, quit};
use tcpclient_tokio::prelude::*;
use tcpclient_tokio::{Explored, MemoryStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_modbus::Slave;
use tokio_modbus::client::Reader;
use tokio_modbus::client::tcp::attach_slave;
use tokio_postgres::{Config, NoTls, SimpleQueryMessage};

/// The conversation was cut wherever it can be.
fn is_everything(explored: &Explored) {
    println!("{explored}");
    assert_eq!(explored.single_cuts() as u64, explored.cut_points());
}

#[tokio::test(start_paused = true)]
async fn tokio_modbus() {
    let explored = TcpServer::builder().framing(framing()).explore(async |server| {
        server.expect_connect();
        server.expect_frame(read_one_register(3, 1));
        server.reply_frame(|request| one_register(request, 42));
        server.expect_frame(read_one_register(3, 2));
        server.reply_frame(|request| one_register(request, 0x0d0a));

        let mut client = attach_slave(server.connect_in_memory(), Slave(3));
        assert_eq!(client.read_holding_registers(1, 1).await.unwrap().unwrap(), [42]);
        assert_eq!(client.read_holding_registers(2, 1).await.unwrap().unwrap(), [0x0d0a]);
    });
    is_everything(&explored.await);
}

/// HTTP/1: a length, then chunks with trailers, on one connection.
#[tokio::test(start_paused = true)]
async fn hyper() {
    let explored = TcpServer::explore(async |server| {
        server.expect_connect();
        server.expect_until("\r\n\r\nping", Pattern::prefix("POST /one "));
        server.send_bytes("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
        server.expect_until("\r\n\r\nping", Pattern::prefix("POST /two "));
        server.send_bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        server.send_bytes("6\r\nhello \r\nA;x=y\r\nwide world\r\n0\r\nEnd: yes\r\n\r\n");

        let (mut client, connection) = http1::handshake(TokioIo::new(server.connect_in_memory())).await.unwrap();
        let connection = tokio::spawn(connection);
        for (path, text) in [("/one", "hello"), ("/two", "hello wide world")] {
            let request = Request::post(path).header("host", "x").body(Full::<Bytes>::from("ping"));
            let answer = client.send_request(request.unwrap()).await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK);
            assert_eq!(answer.collect().await.unwrap().to_bytes(), text);
        }
        drop(client);
        connection.await.unwrap().unwrap();
    });
    is_everything(&explored.await);
}

#[tokio::test(start_paused = true)]
async fn h2() {
    let explored = TcpServer::explore(async |server| {
        server.expect_connect();
        http2::preface(&server);
        // Settings go both ways, and each side acknowledges the other's when it has read them: before the request, or behind it.
        server.send_frame(http2::frame(Kind::Settings, 0, 0, b""));
        let acknowledged = server.anytime(of(Kind::Settings), Reply::none());
        server.send_frame(http2::frame(Kind::Settings, 1, 0, b""));
        server.expect_frame(of(Kind::Headers));
        server.send_frame(http2::ok(1, 0));
        // DATA, with the end of the stream.
        server.send_frame([&[0, 1, 0, 0, 0, 1], &b"hello"[..]].concat());

        let (client, connection) = client::handshake(server.connect_in_memory()).await.unwrap();
        let connection = tokio::spawn(connection);
        let mut client = client.ready().await.unwrap();
        let request = Request::get("http://x/").body(()).unwrap();
        let (answer, _) = client.send_request(request, true).unwrap();
        let mut body = answer.await.unwrap().into_body();
        assert_eq!(body.data().await.unwrap().unwrap(), "hello");
        assert!(body.data().await.is_none());
        server.expect_frame(of(Kind::GoAway));
        drop((client, body));
        connection.await.unwrap().unwrap();
        assert_eq!(acknowledged.count(), 1);
    });
    is_everything(&explored.await);
}

#[tokio::test(start_paused = true)]
async fn redis() {
    let explored = TcpServer::explore(async |server| {
        server.expect_connect();
        handshake(&server);
        exchange(&server, &["SET", "greeting", "hello"], OK);
        exchange(&server, &["GET", "greeting"], bulk("he\r\nllo"));
        // All commands are here before the first is answered.
        server.expect_frame(command(&["SET", "a", "1"]));
        server.expect_frame(command(&["GET", "a"]));
        server.expect_frame(command(&["GET", "b"]));
        server.send_bytes([OK, &bulk("1"), NIL].concat());

        let stream = server.connect_in_memory();
        let (info, config) = (RedisConnectionInfo::default(), AsyncConnectionConfig::new());
        let connection = MultiplexedConnection::new_with_config(&info, stream, config);
        let (mut client, driver) = connection.await.unwrap();
        let driver = tokio::spawn(driver);
        client.set("greeting", "hello").await.unwrap();
        assert_eq!(client.get("greeting").await.unwrap().as_deref(), Some("he\r\nllo"));
        let mut pipeline = redis::pipe();
        pipeline.set("a", 1).ignore().get("a").get("b");
        let values: (u32, Option<u32>) = pipeline.query_async(&mut client).await.unwrap();
        assert_eq!(values, (1, None));
        drop(client);
        driver.await.unwrap();
    });
    is_everything(&explored.await);
}

#[tokio::test(start_paused = true)]
async fn tokio_postgres() {
    let explored = TcpServer::explore(async |server| {
        server.expect_connect();
        startup(&server, "me");
        query(&server, "SELECT motto");
        one_row(&server, "motto", "be brief");
        server.expect_frame("X").named("goodbye");

        let stream = server.connect_in_memory();
        let (client, connection) = Config::new().user("me").connect_raw(stream, NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        let answer = client.simple_query("SELECT motto").await.unwrap();
        let row = answer.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        assert_eq!(row, Some("be brief"));
        drop(client);
        connection.await.unwrap().unwrap();
    });
    is_everything(&explored.await);
}

/// A connection in memory, as lettre wants it.
#[derive(Debug)]
struct Wire(MemoryStream);

impl AsyncTokioStream for Wire {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// SMTP, with an answer of several lines.
#[tokio::test(start_paused = true)]
async fn lettre() {
    let explored = TcpServer::explore(async |server| {
        server.expect_connect();
        server.send_line("220 scripted ESMTP");
        server.expect_line(Pattern::prefix("EHLO ")).named("greeting");
        server.send_bytes("250-scripted\r\n250-SIZE 1000000\r\n250 8BITMIME\r\n");
        mail(&server, "brief");
        quit(&server);

        let stream = Box::new(Wire(server.connect_in_memory()));
        let me = ClientId::Domain("example.org".into());
        let mut client = AsyncSmtpConnection::connect_with_transport(stream, &me).await.unwrap();
        let address = || "me@example.org".parse().unwrap();
        let envelope = Envelope::new(Some(address()), vec![address()]).unwrap();
        client.send(&envelope, b"Subject: motto\r\n\r\nbe brief\r\n").await.unwrap();
        client.quit().await.unwrap();
    });
    is_everything(&explored.await);
}
