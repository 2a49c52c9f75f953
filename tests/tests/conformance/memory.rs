//! What only a connection in memory can tell or do. On sockets these cases have nothing to say.

use tcpclient_tests::prelude::*;

on_every_stage!(a_narrow_pipe_makes_the_server_wait);
async fn a_narrow_pipe_makes_the_server_wait(stage: Stage) {
    if stage.on_sockets() {
        return;
    }
    let server = stage.builder().capacity(4).bind().await;
    server.expect_connect();
    server.send_bytes("0123456789").within(SHORT);
    let mut client = server.connect().await;
    let failure = server.try_join().await.unwrap_err();
    assert!(failure.to_string().contains("timed out sending, after 10 ms: 4 of 10 bytes taken so far"), "{failure}");
    let mut rest = [0; 4];
    client.read_exact(&mut rest).await.unwrap();
    assert_eq!(&rest, b"0123", "what was sent before the reset can be read");
    assert!(client.read(&mut rest).await.is_err());
}

on_every_stage!(bytes_pass_a_pipe_of_one_byte);
async fn bytes_pass_a_pipe_of_one_byte(stage: Stage) {
    if stage.on_sockets() {
        return;
    }
    let server = stage.builder().capacity(1).bind().await;
    server.expect_connect();
    server.expect_bytes("a rather long question");
    server.send_bytes("and an answer");
    let mut client = server.connect().await;
    client.write_all(b"a rather long question").await.unwrap();
    let mut answer = [0; 13];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"and an answer");
    drop(client);
    server.finish().await;
}

on_every_stage!(what_is_unread_is_counted_to_the_byte);
async fn what_is_unread_is_counted_to_the_byte(stage: Stage) {
    if stage.on_sockets() {
        return;
    }
    for read in 0..=6 {
        let server = stage.bind().await;
        server.expect_connect();
        server.send_bytes("One");
        server.send_bytes("Two");
        let mut client = server.connect().await;
        server.join().await;
        server.expect_disconnect();
        client.read_exact(&mut [0; 6][..read]).await.unwrap();
        drop(client);
        let result = server.try_join().await;
        match 6 - read {
            0 => assert!(result.is_ok(), "{result:?}"),
            1 => assert!(result.unwrap_err().to_string().contains("1 of the 6 bytes sent was not read")),
            left => {
                let text = result.unwrap_err().to_string();
                assert!(text.contains(&format!("{left} of the 6 bytes sent were not read")), "{text}");
            }
        }
    }
}

on_every_stage!(a_server_on_sockets_has_no_entrance_in_memory);
async fn a_server_on_sockets_has_no_entrance_in_memory(stage: Stage) {
    if !stage.on_sockets() {
        return;
    }
    let server = stage.bind().await;
    let text = panic_of(stage, async { drop(server.connect_in_memory()) }).await;
    assert_eq!(
        text,
        "connect_in_memory: this server listens on 127.0.0.1:PORT; make it with in_memory(), or connect to local_addr()"
    );
}
