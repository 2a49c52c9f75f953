//! Plays the hello of the README and prints the conversation.

use tcpclient_tokio::prelude::*;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let server = TcpServer::bind().await?;
    server.expect_connect();
    server.expect_bytes(b"Hello, server!");
    server.send_bytes(b"Hello, client!");
    server.expect_disconnect();

    let mut client = TcpStream::connect(server.local_addr()).await?;
    client.write_all(b"Hello, server!").await?;
    let mut reply = [0; 14];
    client.read_exact(&mut reply).await?;
    drop(client);

    server.join().await;
    println!("{}", server.transcript());
    Ok(())
}
