//! Keep-alive pings of MQTT in paused time. `rumqttc` connects by itself, so only a stand-in can be had in memory.

use std::io;
use std::sync::{Arc, Mutex};
use tcpclient_clients::mqtt::{connack, framing};
use tcpclient_tokio::prelude::*;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout};

const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// After `idle_connection_triggers_pings_on_time` in `rumqttc/tests/reliability.rs`, which takes 3 s, and sees that each ping is less than a
/// second late.
#[tokio::test(start_paused = true)]
async fn idle_connection_triggers_pings_on_time() {
    let server = TcpServer::builder().framing(framing()).in_memory();
    let start = Instant::now();
    let times = Arc::new(Mutex::new(Vec::new()));
    let answer = {
        let times = Arc::clone(&times);
        Reply::with(move |_| {
            times.lock().unwrap().push(start.elapsed());
            vec![0xd0]
        })
    };
    let pings = server.anytime([0xc0], answer);
    server.expect_connect();
    connack(&server, false);
    // Nothing but pings.
    server.expect_silence(KEEP_ALIVE * 3 + KEEP_ALIVE / 2);
    server.disconnect();

    session(server.connect_in_memory()).await.unwrap();

    server.finish().await;
    assert_eq!(pings.count(), 3);
    assert_eq!(*times.lock().unwrap(), [1, 2, 3].map(|n| KEEP_ALIVE * n));
}

#[tokio::test(start_paused = true)]
async fn connection_whose_ping_is_not_answered_is_given_up() {
    let server = TcpServer::builder().framing(framing()).in_memory();
    server.anytime([0xc0], Reply::none()).at_most(1);
    server.expect_connect();
    connack(&server, false);
    server.expect_disconnect().within(KEEP_ALIVE * 3);

    let start = Instant::now();
    let error = session(server.connect_in_memory()).await.unwrap_err();
    assert_eq!((error.kind(), start.elapsed()), (io::ErrorKind::TimedOut, KEEP_ALIVE * 2));

    server.finish().await;
}

/// The stand-in for an MQTT client: connects, and keeps the connection alive until the broker closes it.
async fn session(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    let [high, low] = (KEEP_ALIVE.as_secs() as u16).to_be_bytes();
    stream.write_all(&[0x10, 12, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, high, low, 0, 0]).await?;
    stream.read_exact(&mut [0; 4]).await?;
    let mut is_answered = true;
    loop {
        // Nothing comes but the answer to a ping, or the end.
        match timeout(KEEP_ALIVE, stream.read_u16()).await {
            Ok(Ok(0xd000)) => is_answered = true,
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Ok(other) => return Err(io::Error::other(format!("it is no answer to a ping: {other:?}"))),
            Err(_) if !is_answered => return Err(io::ErrorKind::TimedOut.into()),
            Err(_) => {
                stream.write_all(&[0xc0, 0]).await?;
                is_answered = false;
            }
        }
    }
}
