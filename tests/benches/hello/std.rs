//! Hello for a client that blocks: the server has a thread of its own.

use super::{REPLY, REQUEST, SECOND};
use crate::harness::each;
use crate::table::Table;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use tcpclient_tokio::TcpServer;

pub(super) fn table(mut table: Table) -> Table {
    table.case("by hand, a thread", 200, |count| each(count, by_hand));
    table.case("ours, bind_blocking", 200, |count| each(count, ours));
    table
}

fn client(addr: SocketAddr) {
    let mut client = TcpStream::connect(addr).unwrap();
    client.write_all(REQUEST).unwrap();
    let mut reply = [0; 14];
    client.read_exact(&mut reply).unwrap();
    assert_eq!(&reply, REPLY);
}

fn by_hand() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(SECOND)).unwrap();
        let mut request = [0; 14];
        stream.read_exact(&mut request).unwrap();
        assert_eq!(&request, REQUEST);
        stream.write_all(REPLY).unwrap();
        assert_eq!(stream.read(&mut request).unwrap(), 0);
    });
    client(addr);
    server.join().unwrap();
}

fn ours() {
    let server = TcpServer::bind_blocking().unwrap();
    server.expect_connect();
    server.expect_bytes(REQUEST);
    server.send_bytes(REPLY);
    server.expect_disconnect();
    client(server.local_addr());
    server.join_blocking();
    assert_eq!(server.connections(), 1);
}
