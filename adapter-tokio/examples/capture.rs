//! Plays the hello of the README over a socket, and in memory, and writes what was said to `hello.pcapng` and `memory.pcapng` in the folder
//! that is named on the command line.

use std::path::PathBuf;
use tcpclient_tokio::prelude::*;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let folder = PathBuf::from(std::env::args_os().nth(1).unwrap_or_default());

    let server = TcpServer::builder().capture(folder.join("hello.pcapng")).bind().await?;
    script(&server);
    let client = TcpStream::connect(server.local_addr()).await?;
    println!("{} > {}", client.local_addr()?, server.local_addr());
    hello(client).await?;
    server.finish().await;

    let server = TcpServer::builder().capture(folder.join("memory.pcapng")).in_memory();
    script(&server);
    hello(server.connect_in_memory()).await?;
    server.finish().await;
    Ok(())
}

fn script(server: &Script) {
    server.expect_connect();
    server.expect_bytes(b"Hello, server!");
    server.send_bytes(b"Hello, client!");
    server.expect_disconnect();
}

async fn hello(mut client: impl AsyncReadExt + AsyncWriteExt + Unpin) -> std::io::Result<()> {
    client.write_all(b"Hello, server!").await?;
    let mut reply = [0; 14];
    client.read_exact(&mut reply).await?;
    Ok(())
}
