//! Many connections, one after the other and at once.

use crate::harness::{each_async, nanos};
use crate::table::{Table, Unit};
use std::rc::Rc;
use std::time::{Duration, Instant};
use tcpclient_tokio::TcpServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

const REQUEST: &[u8; 8] = b"request\n";
const REPLY: &[u8; 8] = b"answer!\n";
const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn tables() -> Vec<Table> {
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    let runtime = Rc::new(Builder::new_current_thread().enable_all().build().unwrap());
    let title = format!("one of 10,000 connections to one server, one after the other, {profile}");
    let mut sequential = Table::new("connections.sequential", title, Unit::Micros);
    let [hand, server] = core::array::from_fn(|_| Rc::clone(&runtime));
    sequential.case("by hand, timeouts", 1111, move |count| hand.block_on(by_hand(count)));
    sequential.case("ours", 1111, move |count| server.block_on(ours(count)));
    sequential.time("ours", "by hand, timeouts", 1.15, 1.05);

    let title = "the longest of so many connects that nobody accepts meanwhile";
    let mut burst = Table::new("connections.burst", title, Unit::Micros);
    for clients in [1000, 4000] {
        let name = format!("ours, {clients}");
        let runtime = Rc::clone(&runtime);
        // However quick the plan: fewer would not show anything.
        burst.case(&name, 1, move |_| longest_connect(&runtime, clients));
        // A client that finds the queue full tries again after a second.
        burst.limit(&name, 1e6, 1e5);
    }
    vec![sequential, burst]
}

async fn client(addr: core::net::SocketAddr) {
    let mut client = TcpStream::connect(addr).await.unwrap();
    client.write_all(REQUEST).await.unwrap();
    let mut reply = [0; REPLY.len()];
    client.read_exact(&mut reply).await.unwrap();
    assert_eq!(&reply, REPLY);
}

async fn by_hand(count: usize) -> f64 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        for _ in 0..count {
            let (mut stream, _) = timeout(SECOND, listener.accept()).await.unwrap().unwrap();
            let mut request = [0; REQUEST.len()];
            timeout(SECOND, stream.read_exact(&mut request)).await.unwrap().unwrap();
            assert_eq!(&request, REQUEST);
            timeout(SECOND, stream.write_all(REPLY)).await.unwrap().unwrap();
            assert_eq!(timeout(SECOND, stream.read(&mut request)).await.unwrap().unwrap(), 0);
        }
    });
    let time = each_async(count, async || client(addr).await).await;
    server.await.unwrap();
    time
}

async fn ours(count: usize) -> f64 {
    let server = TcpServer::bind().await.unwrap();
    server.repeat(count, |s| {
        s.expect_connect();
        s.expect_bytes(REQUEST);
        s.send_bytes(REPLY);
        s.expect_disconnect();
    });
    let addr = server.local_addr();
    let time = each_async(count, async || client(addr).await).await;
    server.join().await;
    assert_eq!(server.connections(), count);
    time
}

fn longest_connect(runtime: &Runtime, clients: usize) -> f64 {
    let server = runtime.block_on(TcpServer::bind()).unwrap();
    let addr = server.local_addr();
    let connect = || {
        let start = Instant::now();
        let client = std::net::TcpStream::connect(addr).unwrap();
        (nanos(start), client)
    };
    let all: Vec<_> = (0..clients).map(|_| connect()).collect();
    let longest = all.iter().map(|(time, _)| *time).fold(0.0, f64::max);
    // They are all there.
    drop(all);
    runtime.block_on(async {
        server.expect_connect();
        let _ = server.try_join().await;
        assert!(server.connections() > 0);
    });
    longest
}
