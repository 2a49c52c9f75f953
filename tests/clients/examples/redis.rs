//! Plays a short session with the `redis` crate and prints the conversation.

use redis::{AsyncTypedCommands, Client};
use tcpclient_clients::resp::{OK, bulk, error, exchange, handshake};
use tcpclient_tokio::prelude::*;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = TcpServer::bind().await?;
    server.expect_connect();
    handshake(&server);
    exchange(&server, &["SET", "greeting", "hello"], OK);
    exchange(&server, &["GET", "greeting"], bulk("hello"));
    exchange(&server, &["INCRBY", "greeting", "1"], error("ERR value is not an integer or out of range"));
    server.expect_disconnect();

    let client = Client::open(format!("redis://{}", server.local_addr()))?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    connection.set("greeting", "hello").await?;
    let greeting = connection.get("greeting").await?;
    let refusal = connection.incr("greeting", 1).await;
    drop(connection);

    server.join().await;
    println!("{}", server.transcript());
    println!();
    println!("the client got {greeting:?}, then {refusal:?}");
    Ok(())
}
