//! Hello on one thread of tokio.

use super::{REPLY, REQUEST, SECOND};
use crate::harness::{each, each_async};
use crate::table::Table;
use std::net::SocketAddr;
use std::rc::Rc;
use tcpclient_tokio::TcpServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

pub(super) fn table(mut table: Table) -> Table {
    let runtime = Rc::new(runtime());
    let on = |runtime: &Rc<Runtime>| Rc::clone(runtime);
    let tokio = on(&runtime);
    table.case("by hand", 300, move |count| tokio.block_on(each_async(count, by_hand)));
    let tokio = on(&runtime);
    table.case("by hand, timeouts", 300, move |count| tokio.block_on(each_async(count, with_timeouts)));
    let tokio = on(&runtime);
    table.case("ours", 300, move |count| tokio.block_on(each_async(count, ours)));
    let tokio = on(&runtime);
    table.case("ours, finish", 300, move |count| tokio.block_on(each_async(count, finished)));
    table.case("by hand, timeouts, new runtime", 300, move |count| {
        each(count, || self::runtime().block_on(with_timeouts()))
    });
    table.case("ours, new runtime", 300, move |count| each(count, || self::runtime().block_on(ours())));
    table
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

async fn client(addr: SocketAddr) {
    let mut client = TcpStream::connect(addr).await.unwrap();
    client.write_all(REQUEST).await.unwrap();
    let mut reply = [0; 14];
    client.read_exact(&mut reply).await.unwrap();
    assert_eq!(&reply, REPLY);
}

async fn by_hand() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 14];
        stream.read_exact(&mut request).await.unwrap();
        assert_eq!(&request, REQUEST);
        stream.write_all(REPLY).await.unwrap();
        assert_eq!(stream.read(&mut request).await.unwrap(), 0);
    });
    client(addr).await;
    server.await.unwrap();
}

async fn with_timeouts() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = timeout(SECOND, listener.accept()).await.unwrap().unwrap();
        let mut request = [0; 14];
        timeout(SECOND, stream.read_exact(&mut request)).await.unwrap().unwrap();
        assert_eq!(&request, REQUEST);
        timeout(SECOND, stream.write_all(REPLY)).await.unwrap().unwrap();
        assert_eq!(timeout(SECOND, stream.read(&mut request)).await.unwrap().unwrap(), 0);
    });
    client(addr).await;
    server.await.unwrap();
}

async fn scripted() -> TcpServer {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    server.expect_bytes(REQUEST);
    server.send_bytes(REPLY);
    server.expect_disconnect();
    client(server.local_addr()).await;
    server
}

async fn ours() {
    let server = scripted().await;
    server.join().await;
    assert_eq!(server.connections(), 1);
}

async fn finished() {
    scripted().await.finish().await;
}
