//! Deadlines are in real time.

use tcpclient_tokio::prelude::*;

#[tokio::test(start_paused = true)]
async fn a_paused_clock_does_not_make_the_server_time_out() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    server.expect_bytes("Hello");
    server.expect_disconnect();
    let addr = server.local_addr();
    // In another thread, the client takes real time; for this runtime that is time in which nothing is to be done.
    let client = std::thread::spawn(move || {
        let mut client = std::net::TcpStream::connect(addr).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        std::io::Write::write_all(&mut client, b"Hello").unwrap();
    });
    server.join().await;
    client.join().unwrap();
}

#[tokio::test(start_paused = true)]
async fn deadlines_hold_in_real_time_while_the_clock_is_paused() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect().within(Duration::from_millis(50));
    let began = std::time::Instant::now();
    assert!(server.try_join().await.is_err());
    assert!(began.elapsed() >= Duration::from_millis(50));
}
