//! Has a client send a wrong message, and prints the report that a test would fail with.

use tcpclient_tokio::prelude::*;

pub(crate) async fn report() -> std::io::Result<Result<(), Failure>> {
    let server = TcpServer::bind().await?;
    server.expect_connect();
    server.expect_bytes(b"Hello, world!");
    server.send_bytes(b"Hello, client!");
    server.expect_disconnect();

    let mut client = TcpStream::connect(server.local_addr()).await?;
    client.write_all(b"Hello, World!").await?;
    Ok(server.try_join().await)
}

#[tokio::main(flavor = "current_thread")]
#[cfg_attr(test, allow(dead_code, reason = "the test of the README calls `report`"))]
async fn main() -> std::io::Result<()> {
    match report().await? {
        Ok(()) => println!("the script passed"),
        Err(failure) => println!("{failure}"),
    }
    Ok(())
}
