//! Has a client send a wrong message, and prints the report that a test would fail with.

use tcpclient_tokio::prelude::*;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let server = TcpServer::bind().await?;
    server.expect_connect();
    server.expect_bytes(b"Hello, world!");
    server.send_bytes(b"Hello, client!");
    server.expect_disconnect();

    let mut client = TcpStream::connect(server.local_addr()).await?;
    client.write_all(b"Hello, World!").await?;

    match server.try_join().await {
        Ok(()) => println!("the script passed"),
        Err(failure) => println!("{failure}"),
    }
    Ok(())
}
