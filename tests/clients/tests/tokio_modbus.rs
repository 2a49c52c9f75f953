//! The `tokio-modbus` crate against scripted slaves in memory, in paused time.

use tcpclient_clients::modbus::{framing, one_register, read_one_register};
use tcpclient_tokio::prelude::*;
use tokio::time::timeout;
use tokio_modbus::client::tcp::attach_slave;
use tokio_modbus::client::{Context, Reader};
use tokio_modbus::{Error, ProtocolError, Slave};

fn slave() -> TcpServer {
    let server = TcpServer::builder().framing(framing()).in_memory();
    server.expect_connect();
    server
}

fn client(server: &TcpServer) -> Context {
    attach_slave(server.connect_in_memory(), Slave(3))
}

#[tokio::test(start_paused = true)]
async fn reads_a_register() {
    let server = slave();
    server.expect_frame(read_one_register(3, 1));
    server.reply_frame(|request| one_register(request, 42));

    let mut client = client(&server);
    assert_eq!(client.read_holding_registers(1, 1).await.unwrap().unwrap(), [42]);
    drop(client);

    server.finish().await;
}

/// slowtec/tokio-modbus#324: a late answer is handed to the next request.
#[tokio::test(start_paused = true)]
async fn late_answer_breaks_the_next_request() {
    let server = slave();
    let first = server.expect_frame(read_one_register(3, 1));
    let second = server.expect_frame(read_one_register(3, 2));
    server.reply_frame(move |_| one_register(&first.bytes().unwrap(), 0xaaaa));
    server.reply_frame(move |_| one_register(&second.bytes().unwrap(), 42));

    let mut client = client(&server);
    let answer = timeout(Duration::from_secs(1), client.read_holding_registers(1, 1)).await;
    assert!(answer.is_err(), "{answer:?}");
    let answer = client.read_holding_registers(2, 1).await;
    assert!(
        matches!(&answer, Err(Error::Protocol(ProtocolError::HeaderMismatch { .. }))),
        "tokio-modbus #324 is fixed: rejoice, and turn this test round: {answer:?}"
    );
    drop(client);

    server.finish().await;
}

#[tokio::test(start_paused = true)]
async fn answer_without_length_is_an_error() {
    let server = slave();
    server.expect_frame(read_one_register(3, 1));
    server.reply(|request| [&request[..4], &[0, 0], &one_register(request, 42)[4..]].concat());

    let mut client = client(&server);
    let error = client.read_holding_registers(1, 1).await.unwrap_err();
    assert!(error.to_string().contains("Invalid data length: 0"), "{error}");
    drop(client);

    server.finish().await;
}

#[tokio::test(start_paused = true)]
async fn answer_of_another_protocol_is_an_error() {
    let server = slave();
    server.expect_frame(read_one_register(3, 1));
    server.reply_frame(|request| [&request[..2], &[0, 1], &one_register(request, 42)[4..]].concat());

    let mut client = client(&server);
    let error = client.read_holding_registers(1, 1).await.unwrap_err();
    assert!(error.to_string().contains("Invalid protocol identifier"), "{error}");
    drop(client);

    server.finish().await;
}
