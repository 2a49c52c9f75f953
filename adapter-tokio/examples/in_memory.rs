//! Plays the hello of the README in memory, where no network is needed, and prints the conversation.

use tcpclient_tokio::prelude::*;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let server = TcpServer::in_memory();
    server.expect_connect();
    server.expect_bytes(b"Hello, server!");
    server.send_bytes(b"Hello, client!");
    server.expect_disconnect();

    let mut client = server.connect_in_memory();
    client.write_all(b"Hello, server!").await?;
    let mut reply = [0; 14];
    client.read_exact(&mut reply).await?;
    drop(client);

    server.join().await;
    println!("{}", server.transcript());
    Ok(())
}
