//! Hello on async-std.

use super::{REPLY, REQUEST, SECOND};
use crate::harness::each_async;
use crate::table::Table;
use async_std::io::{ReadExt, WriteExt, timeout};
use async_std::net::{TcpListener, TcpStream};
use async_std::task;
use std::net::SocketAddr;
use tcpclient_async_std::TcpServer;

pub(super) fn table(mut table: Table) -> Table {
    table.case("by hand", 200, move |count| task::block_on(each_async(count, by_hand)));
    table.case("by hand, timeouts", 200, move |count| task::block_on(each_async(count, with_timeouts)));
    table.case("ours", 200, move |count| task::block_on(each_async(count, ours)));
    table
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
    let server = task::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 14];
        stream.read_exact(&mut request).await.unwrap();
        assert_eq!(&request, REQUEST);
        stream.write_all(REPLY).await.unwrap();
        assert_eq!(stream.read(&mut request).await.unwrap(), 0);
    });
    client(addr).await;
    server.await;
}

async fn with_timeouts() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let server = task::spawn(async move {
        let (mut stream, _) = timeout(SECOND, listener.accept()).await.unwrap();
        let mut request = [0; 14];
        timeout(SECOND, stream.read_exact(&mut request)).await.unwrap();
        assert_eq!(&request, REQUEST);
        timeout(SECOND, stream.write_all(REPLY)).await.unwrap();
        assert_eq!(timeout(SECOND, stream.read(&mut request)).await.unwrap(), 0);
    });
    client(addr).await;
    server.await;
}

async fn ours() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    server.expect_bytes(REQUEST);
    server.send_bytes(REPLY);
    server.expect_disconnect();
    client(server.local_addr()).await;
    server.join().await;
    assert_eq!(server.connections(), 1);
}
