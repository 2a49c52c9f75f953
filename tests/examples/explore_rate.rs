//! Measures how many delivery plans of the hello conversation are played in a second.
#![allow(clippy::unwrap_used, reason = "what an example cannot do without may fail it")]

use std::time::Instant;
use tcpclient_tokio::prelude::*;

async fn hello(server: TcpServer) {
    server.expect_connect();
    server.expect_bytes(b"Hello, server!");
    server.send_bytes(b"Hello, client!");
    server.expect_disconnect();

    let mut client = server.connect_in_memory();
    client.write_all(b"Hello, server!").await.unwrap();
    let mut reply = [0; 14];
    client.read_exact(&mut reply).await.unwrap();
    assert_eq!(&reply, b"Hello, client!");
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    for _ in 0..3 {
        let began = Instant::now();
        let (mut plans, mut explored) = (0, None);
        while began.elapsed() < Duration::from_secs(1) {
            let latest = TcpServer::explore(hello).await;
            plans += latest.plans();
            explored = Some(latest);
        }
        let rate = plans as f64 / began.elapsed().as_secs_f64();
        println!("{rate:.0} plans per second: each time {}", explored.unwrap());
    }
}
