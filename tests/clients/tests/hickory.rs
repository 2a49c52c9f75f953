//! DNS over TCP of the `hickory-net` crate against scripted servers.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without may fail it")]

use futures_util::StreamExt;
use hickory_net::DnsStreamHandle;
use hickory_net::proto::op::SerialMessage;
use hickory_net::runtime::{RuntimeProvider, TokioRuntimeProvider};
use hickory_net::tcp::TcpStream;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use tcpclient_tokio::{Framing, TcpServer};

/// After `tcp_stream_test` in `crates/net/src/tcp/tests.rs` of hickory-dns, where a thread kills the process if the test hangs.
async fn echoes(addr: impl Into<IpAddr>) {
    let framing = Framing::length_prefixed(2);
    let server = TcpServer::builder().addr((addr.into(), 0)).framing(framing).bind().await.unwrap();
    server.expect_connect();
    server.repeat(4, |s| {
        s.expect_frame("DEADBEEF");
        s.reply_frame(<[u8]>::to_vec);
    });

    let addr = server.local_addr();
    let tcp = TokioRuntimeProvider::new().connect_tcp(addr, None, None).await.unwrap();
    let (mut stream, mut sender) = TcpStream::from_stream(tcp, addr);
    for _ in 0..4 {
        sender.send(SerialMessage::new(b"DEADBEEF".to_vec(), addr)).unwrap();
        let message = stream.next().await.unwrap().unwrap();
        assert_eq!(message.bytes(), b"DEADBEEF");
    }
    drop((stream, sender));

    server.finish().await;
}

#[tokio::test]
async fn messages_are_echoed_over_ipv4() {
    echoes(Ipv4Addr::LOCALHOST).await;
}

#[tokio::test]
async fn messages_are_echoed_over_ipv6() {
    echoes(Ipv6Addr::LOCALHOST).await;
}
