//! Hello in memory.

use crate::harness::{each_async, nanos};
use crate::table::{Table, Unit};
use std::rc::Rc;
use std::time::Instant;
use tcpclient_core::session::{Config, Output, Session};
use tcpclient_core::step::Step;
use tcpclient_core::time::{self, Duration};
use tcpclient_tokio::TcpServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Builder;

const REQUEST: &[u8; 14] = b"Hello, server!";
const REPLY: &[u8; 14] = b"Hello, client!";

pub(crate) fn tables() -> Vec<Table> {
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    let mut table = Table::new("memory", format!("hello in memory, {profile}"), Unit::Nanos);
    let runtime = Rc::new(Builder::new_current_thread().enable_all().build().unwrap());
    let [duplex, mock, server] = core::array::from_fn(|_| Rc::clone(&runtime));
    table.case("tokio duplex and a task", 5000, move |count| duplex.block_on(each_async(count, by_hand)));
    table.case("tokio-test", 5000, move |count| mock.block_on(each_async(count, tokio_test)));
    table.case("ours", 5000, move |count| server.block_on(each_async(count, ours)));
    table.case("ours, no runtime", 5000, sans_io);
    table.time("ours", "tokio duplex and a task", 2.0, 1.0);
    table.limit("ours, no runtime", 1500.0, 500.0);
    vec![table]
}

async fn client(mut client: impl AsyncReadExt + AsyncWriteExt + Unpin) {
    client.write_all(REQUEST).await.unwrap();
    let mut reply = [0; 14];
    client.read_exact(&mut reply).await.unwrap();
    assert_eq!(&reply, REPLY);
}

async fn by_hand() {
    let (stream, mut server) = tokio::io::duplex(64);
    let server = tokio::spawn(async move {
        let mut request = [0; 14];
        server.read_exact(&mut request).await.unwrap();
        assert_eq!(&request, REQUEST);
        server.write_all(REPLY).await.unwrap();
        assert_eq!(server.read(&mut request).await.unwrap(), 0);
    });
    client(stream).await;
    server.await.unwrap();
}

async fn tokio_test() {
    client(tokio_test::io::Builder::new().write(REQUEST).read(REPLY).build()).await;
}

async fn ours() {
    let server = TcpServer::in_memory();
    server.expect_connect();
    server.expect_bytes(REQUEST);
    server.send_bytes(REPLY);
    server.expect_disconnect();
    client(server.connect_in_memory()).await;
    server.join().await;
}

/// The core as a harness without a runtime has it.
fn sans_io(count: usize) -> f64 {
    let mut samples = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        let now = time::Instant::at(Duration::ZERO);
        let mut session = Session::new(Config::default());
        session.push(Step::expect_connect());
        session.push(Step::expect_bytes(REQUEST));
        session.push(Step::send_bytes(REPLY));
        session.push(Step::expect_disconnect());
        session.handle_connection(now, None);
        assert!(matches!(session.poll_output(now), Output::Accept));
        session.handle_bytes(now, REQUEST);
        let Output::Wait(wait) = session.poll_output(now) else { panic!("a send is due") };
        assert_eq!(wait.send, REPLY);
        session.handle_sent(now, REPLY.len());
        session.handle_eof(now);
        assert!(matches!(session.poll_output(now), Output::Disconnect));
        assert!(session.is_done() && !session.has_failed());
        drop(session);
        samples.push(nanos(start));
    }
    crate::harness::median(&mut samples)
}
