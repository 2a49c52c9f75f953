//! Frames over loopback, from a client on the same thread.

use super::{Frames, PIECE, Size, per, profile};
use crate::harness::{median, nanos};
use crate::table::{Table, Unit};
use futures_lite::StreamExt;
use std::rc::Rc;
use std::time::Instant;
use tcpclient_core::pattern::Pattern;
use tcpclient_tokio::TcpServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio_util::codec::{FramedRead, LengthDelimitedCodec};

pub(super) fn table(size: usize) -> Table {
    let title = format!("a frame of {}, over loopback, {}", Size(size), profile());
    let mut table = Table::new(format!("frames.loopback.{size}"), title, Unit::Nanos);
    let runtime = Rc::new(Builder::new_current_thread().enable_all().build().unwrap());
    let frames = Rc::new(Frames::new(size));
    let mut case = |name: &str, play: fn(&tokio::runtime::Runtime, &Frames) -> f64| {
        let (runtime, frames) = (Rc::clone(&runtime), Rc::clone(&frames));
        table.case(name, 8, move |count| {
            median(&mut (0..count).map(|_| per(play(&runtime, &frames), frames.count)).collect::<Vec<_>>())
        });
    };
    case("tokio-util and assert_eq", |runtime, frames| runtime.block_on(tokio_util(frames)));
    case("ours", |runtime, frames| runtime.block_on(ours(frames)));
    case("compare in the read buffer", |runtime, frames| runtime.block_on(in_place(frames)));
    let (must, aim) = match size {
        16 => (2.5, 4.0),
        256 => (1.35, 1.6),
        4096 => (1.3, 1.4),
        _ => (0.8, 0.95),
    };
    table.speed("ours", "tokio-util and assert_eq", must, aim);
    table
}

async fn connect() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (client, listener.accept().await.unwrap().0)
}

async fn tokio_util(frames: &Frames) -> f64 {
    let (mut client, stream) = connect().await;
    let (expected, count) = (frames.message.clone(), frames.count);
    let server = tokio::spawn(async move {
        let mut framed = FramedRead::new(stream, LengthDelimitedCodec::new());
        for _ in 0..count {
            let frame = framed.next().await.unwrap().unwrap();
            assert_eq!(frame, expected);
        }
        framed
    });
    let start = Instant::now();
    client.write_all(&frames.stream).await.unwrap();
    let mut framed = server.await.unwrap();
    let time = nanos(start);
    drop(client);
    assert!(framed.next().await.is_none());
    time
}

async fn in_place(frames: &Frames) -> f64 {
    let (mut client, mut stream) = connect().await;
    let frame = frames.stream[..4 + frames.message.len()].to_vec();
    let total = frames.stream.len();
    let server = tokio::spawn(async move {
        let mut buffer = vec![0; PIECE];
        let (mut seen, mut matched) = (0, 0);
        while seen < total {
            let count = stream.read(&mut buffer).await.unwrap();
            assert!(count > 0);
            seen += count;
            let mut rest = &buffer[..count];
            while !rest.is_empty() {
                let taken = rest.len().min(frame.len() - matched);
                assert!(rest[..taken] == frame[matched..matched + taken]);
                matched = (matched + taken) % frame.len();
                rest = &rest[taken..];
            }
        }
        stream
    });
    let start = Instant::now();
    client.write_all(&frames.stream).await.unwrap();
    let mut stream = server.await.unwrap();
    let time = nanos(start);
    drop(client);
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    time
}

async fn ours(frames: &Frames) -> f64 {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    let pattern = Pattern::from(&frames.message);
    for _ in 0..frames.count {
        server.expect_frame(pattern.clone());
    }
    let mut client = TcpStream::connect(server.local_addr()).await.unwrap();
    // As on the other side, the client is accepted before the clock starts.
    while server.connections() == 0 {
        tokio::task::yield_now().await;
    }
    let start = Instant::now();
    client.write_all(&frames.stream).await.unwrap();
    server.join().await;
    let time = nanos(start);
    drop(client);
    server.finish().await;
    time
}
