//! Memory. Each table has a process of its own: what another has freed would be used again.

use crate::table::{Table, Unit};
use std::rc::Rc;
use tcpclient_core::session::{Config, Session};
use tcpclient_core::step::Step;
use tcpclient_tokio::TcpServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

const REQUEST: &[u8; 8] = b"request\n";
const REPLY: &[u8; 8] = b"answer!\n";
const PIECE: usize = 64 << 10;

fn runtime() -> Rc<Runtime> {
    Rc::new(Builder::new_current_thread().enable_all().build().unwrap())
}

pub(crate) fn session_steps() -> Vec<Table> {
    let mut table = Table::new("resident.session", "a step of a session, without its 8 bytes", Unit::Bytes);
    table.case("ours", 1_000_000, |count| {
        let before = resident();
        let mut session = Session::new(Config::default());
        for _ in 0..count / 2 {
            session.push(Step::expect_bytes(REQUEST));
            session.push(Step::send_bytes(REPLY));
        }
        let after = resident();
        drop(session);
        per(after - before, count) - 8.0
    });
    table.limit("ours", 128.0, 64.0);
    vec![table.once()]
}

pub(crate) fn server_steps() -> Vec<Table> {
    let mut table = Table::new("resident.server", "a step pushed to a server, without its 8 bytes", Unit::Bytes);
    let runtime = runtime();
    table.case("ours", 1_000_000, move |count| {
        runtime.block_on(async {
            let server = TcpServer::in_memory();
            server.expect_connect();
            let before = resident();
            for _ in 0..count / 2 {
                server.expect_bytes(REQUEST);
                server.send_bytes(REPLY);
            }
            // The session has them.
            tokio::task::yield_now().await;
            let after = resident();
            assert!(server.try_join().await.is_err(), "no client has come");
            per(after - before, count) - 8.0
        })
    });
    table.limit("ours", 128.0, 64.0);
    vec![table.once()]
}

pub(crate) fn idle() -> Vec<Table> {
    let mut table = Table::new("resident.idle", "one of 1,000 idle connections", Unit::Bytes);
    let [hand, server] = core::array::from_fn(|_| runtime());
    table.case("a task by hand", 1000, move |count| {
        hand.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let addr = listener.local_addr().unwrap();
            let before = resident();
            let mut clients = Vec::with_capacity(count);
            for _ in 0..count {
                clients.push(std::net::TcpStream::connect(addr).unwrap());
                let (mut stream, _) = listener.accept().await.unwrap();
                tokio::spawn(async move { stream.read_u8().await });
            }
            tokio::task::yield_now().await;
            per(resident() - before, count)
        })
    });
    table.case("ours, a script each", 1000, move |count| {
        server.block_on(async {
            let server = TcpServer::bind().await.unwrap();
            let before = resident();
            let mut clients = Vec::with_capacity(count);
            for _ in 0..count {
                let script = server.script();
                script.expect_connect();
                clients.push(std::net::TcpStream::connect(server.local_addr()).unwrap());
                script.join().await;
            }
            assert_eq!(server.connections(), count);
            let bytes = per(resident() - before, count);
            drop(clients);
            server.finish().await;
            bytes
        })
    });
    table.limit("ours, a script each", 4096.0, 2048.0);
    vec![table.once()]
}

pub(crate) fn conversation() -> Vec<Table> {
    let mut table = Table::new("resident.conversation", "growth over a conversation of 1 GiB", Unit::Bytes);
    let runtime = runtime();
    table.case("ours, in loopback frames of 64 KiB", 1 << 14, move |count| {
        runtime.block_on(async {
            let server = TcpServer::bind().await.unwrap();
            server.expect_connect();
            let piece = vec![7; PIECE];
            let received = server.repeat_until_disconnect(|s| s.expect_bytes(&piece));
            let mut client = TcpStream::connect(server.local_addr()).await.unwrap();
            client.write_all(&piece).await.unwrap();
            let before = resident();
            for _ in 1..count {
                client.write_all(&piece).await.unwrap();
            }
            let growth = resident() - before;
            drop(client);
            server.finish().await;
            assert_eq!(received.count(), count);
            per(growth, 1)
        })
    });
    table.limit("ours, in loopback frames of 64 KiB", 8.0 * 1024.0 * 1024.0, 1024.0 * 1024.0);
    vec![table.once()]
}

#[expect(clippy::cast_precision_loss, reason = "memory is small")]
fn per(bytes: i64, count: usize) -> f64 {
    bytes as f64 / count as f64
}

/// Returns the bytes of this process that are in memory.
fn resident() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<i64>().ok());
    kib.unwrap_or_default() * 1024
}
