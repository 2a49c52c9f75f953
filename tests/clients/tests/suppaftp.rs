//! The `suppaftp` crate against one scripted server, for all of its flavours.
//!
//! After `should_accept_mismatched_multiline_terminal_code` in `src/sync_ftp.rs`, `src/async_ftp/tokio_ftp.rs` and
//! `src/async_ftp/smol_ftp.rs` of suppaftp, each of which has a server of its own, written for its runtime.

use suppaftp::{FtpStream, Status};
use tcpclient_tokio::Script;

/// An answer whose last line has another code than its first.
fn mismatched_answer(s: &Script) {
    s.expect_connect();
    s.send_line("220 Welcome");
    s.expect_line("STOR upload.bin");
    s.send_bytes("553-\r\n553- Directory excluded (precheck).\r\n150 Opening BINARY mode data connection.\r\n");
}

#[test]
fn mismatched_multiline_terminal_code_is_accepted_when_it_blocks() {
    let server = tcpclient_tokio::TcpServer::bind_blocking().unwrap();
    mismatched_answer(&server);

    let mut client = FtpStream::connect(server.local_addr()).unwrap();
    let answer = client.custom_command("STOR upload.bin", &[Status::AboutToSend]).unwrap();
    assert_eq!(answer.status, Status::AboutToSend);
    drop(client);

    server.finish_blocking();
}

#[tokio::test]
async fn mismatched_multiline_terminal_code_is_accepted_on_tokio() {
    use suppaftp::tokio::AsyncFtpStream;

    let server = tcpclient_tokio::TcpServer::bind().await.unwrap();
    mismatched_answer(&server);

    let mut client = AsyncFtpStream::connect(server.local_addr()).await.unwrap();
    let answer = client.custom_command("STOR upload.bin", &[Status::AboutToSend]).await.unwrap();
    assert_eq!(answer.status, Status::AboutToSend);
    drop(client);

    server.finish().await;
}

#[test]
fn mismatched_multiline_terminal_code_is_accepted_on_smol() {
    use suppaftp::smol::AsyncFtpStream;

    smol::block_on(async {
        let server = tcpclient_smol::TcpServer::bind().await.unwrap();
        mismatched_answer(&server);

        let mut client = AsyncFtpStream::connect(server.local_addr()).await.unwrap();
        let answer = client.custom_command("STOR upload.bin", &[Status::AboutToSend]).await.unwrap();
        assert_eq!(answer.status, Status::AboutToSend);
        drop(client);

        server.finish().await;
    });
}
