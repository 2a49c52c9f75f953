//! The protocol of Kafka: a length with a sign, then the message. A request says what it asks, in which version, and has a number, which its
//! answer begins with.

use crate::stage::Stream;
use smol::io::{AsyncReadExt, AsyncWriteExt};
use std::io;
use tcpclient_tokio::{Pattern, Script};

/// What a client asks: which offsets there are, in version 1 of that question.
const LIST_OFFSETS: [u8; 4] = [0, 2, 0, 1];

/// After `test_poison_negative_message_size` in `src/messenger.rs` of rskafka, which has a simulator of its own for it: nobody knows where the
/// message behind a negative length begins, so the connection is of no use any more.
async fn connection_is_poisoned_by_a_negative_length<S: Stream>(server: &Script, connect: impl AsyncFn() -> S) {
    server.expect_connect();
    server.expect_frame(Pattern::prefix(LIST_OFFSETS));
    server.reply_frame(|request| [&request[4..8], b"none"].concat());
    server.expect_frame(Pattern::prefix(LIST_OFFSETS));
    server.send_bytes((-1_i32).to_be_bytes()).named("negative length");

    let mut messenger = Messenger { stream: connect().await, requests: 0, poisoned: false };
    assert_eq!(messenger.request(&LIST_OFFSETS).await.unwrap(), b"none");
    for _ in 0..2 {
        // The second time, nothing is sent.
        let error = messenger.request(&LIST_OFFSETS).await.unwrap_err();
        assert_eq!(error.to_string(), "poisoned");
    }
}
on_every_stage!(connection_is_poisoned_by_a_negative_length);

/// The stand-in for rskafka.
struct Messenger<S> {
    stream: S,
    requests: u32,
    poisoned: bool,
}

impl<S: Stream> Messenger<S> {
    /// Sends a request, and returns what is behind the number of its answer. The first one that fails is the last.
    async fn request(&mut self, what: &[u8]) -> io::Result<Vec<u8>> {
        if !self.poisoned {
            let answer = self.call(what).await?;
            self.poisoned = answer.is_none();
            if let Some(answer) = answer {
                return Ok(answer);
            }
        }
        Err(io::Error::other("poisoned"))
    }

    async fn call(&mut self, what: &[u8]) -> io::Result<Option<Vec<u8>>> {
        let number = self.requests.to_be_bytes();
        self.requests += 1;
        let length = (what.len() as u32 + 4).to_be_bytes();
        self.stream.write_all(&[&length, what, &number].concat()).await?;
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).await?;
        let Ok(length) = usize::try_from(i32::from_be_bytes(length)) else { return Ok(None) };
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer).await?;
        Ok(answer.strip_prefix(&number).map(<[u8]>::to_vec))
    }
}
