use super::RawStream;
use crate::server::tests::Fake;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::task::{Context, Poll, Waker};
use std::io;

/// What a call came to that was polled once.
fn outcome<T>(polled: Poll<io::Result<T>>) -> Result<T, String> {
    match polled {
        Poll::Ready(result) => result.map_err(|error| format!("{:?}: {error}", error.kind())),
        Poll::Pending => Err("it waits".to_string()),
    }
}

fn read(raw: &mut RawStream) -> Result<Vec<u8>, String> {
    let mut buffer = vec![0; 64];
    let count = outcome(raw.poll_read(&mut Context::from_waker(Waker::noop()), &mut buffer))?;
    buffer.truncate(count);
    Ok(buffer)
}

fn write(raw: &mut RawStream, bytes: &[u8]) -> Result<usize, String> {
    outcome(raw.poll_write(&mut Context::from_waker(Waker::noop()), bytes))
}

fn flush(raw: &mut RawStream) -> Result<(), String> {
    outcome(raw.poll_flush(&mut Context::from_waker(Waker::noop())))
}

fn shut_down(raw: &mut RawStream) -> Result<(), String> {
    outcome(raw.poll_shutdown(&mut Context::from_waker(Waker::noop())))
}

#[test]
fn what_came_before_is_read_first() {
    let fake = Fake::default();
    fake.wire().reads = [Ok(b"behind".to_vec()), Ok(Vec::new())].into();
    let mut raw = RawStream::new(fake.clone(), b"before".to_vec(), None);
    assert_eq!(format!("{raw:?}"), "RawStream { received: 6, .. }");
    assert_eq!(read(&mut raw), Ok(b"before".to_vec()));
    assert_eq!(format!("{raw:?}"), "RawStream { received: 0, .. }");
    assert_eq!(read(&mut raw), Ok(b"behind".to_vec()));
    assert_eq!(read(&mut raw), Ok(Vec::new()));
    assert_eq!((write(&mut raw, b"bye"), flush(&mut raw), shut_down(&mut raw)), (Ok(3), Ok(()), Ok(())));
    assert!(fake.wire().written == b"bye" && fake.wire().shut);
}

#[cfg(feature = "tls")]
mod encrypted {
    use super::*;
    use crate::session::Channel;
    use crate::tls::Identity;
    use alloc::boxed::Box;
    use alloc::sync::Arc;
    use rustls::ClientConnection;
    use std::io::{ErrorKind, Read as _, Write as _};

    /// A client of rustls, and the other end of its connection.
    struct Talk {
        fake: Fake,
        raw: RawStream,
        client: ClientConnection,
    }

    impl Talk {
        /// Their handshake is done.
        fn new() -> Self {
            let identity = Identity::new();
            let config = Arc::new(identity.client_config());
            let client = ClientConnection::new(config, "localhost".try_into().unwrap()).unwrap();
            let channel = Channel::new(identity.tls().implied().engine(), 0, 0, false);
            let fake = Fake::default();
            let mut talk =
                Self { raw: RawStream::new(fake.clone(), Vec::new(), Some(Box::new(channel))), fake, client };
            while talk.client.is_handshaking() {
                talk.send();
                assert_eq!(read(&mut talk.raw), Err("it waits".to_string()));
                talk.receive();
            }
            talk.send();
            talk
        }

        /// What the client has to send.
        fn records(&mut self) -> Vec<u8> {
            let mut wire = Vec::new();
            while self.client.wants_write() {
                self.client.write_tls(&mut wire).unwrap();
            }
            wire
        }

        fn send(&mut self) {
            let records = self.records();
            self.fake.wire().reads.push_back(Ok(records));
        }

        fn say(&mut self, bytes: &[u8]) -> Vec<u8> {
            self.client.writer().write_all(bytes).unwrap();
            self.records()
        }

        /// Returns what the client has received.
        fn receive(&mut self) -> Vec<u8> {
            let wire = core::mem::take(&mut self.fake.wire().written);
            let (mut wire, mut received) = (&wire[..], Vec::new());
            while !wire.is_empty() {
                self.client.read_tls(&mut wire).unwrap();
                self.client.process_new_packets().unwrap();
            }
            _ = self.client.reader().read_to_end(&mut received);
            received
        }

        fn comes(&mut self, wire: &[u8]) {
            self.fake.wire().reads.push_back(Ok(wire.to_vec()));
        }
    }

    #[test]
    fn what_is_meant_goes_both_ways() {
        let mut talk = Talk::new();
        let ping = talk.say(b"ping");
        talk.comes(&ping);
        assert_eq!(read(&mut talk.raw), Ok(b"ping".to_vec()));
        assert_eq!(write(&mut talk.raw, b"pong"), Ok(4));
        assert_eq!(flush(&mut talk.raw), Ok(()));
        assert_eq!(talk.receive(), b"pong");
        talk.client.send_close_notify();
        talk.send();
        assert_eq!(read(&mut talk.raw), Ok(Vec::new()));
        assert_eq!(shut_down(&mut talk.raw), Ok(()));
        assert!(talk.fake.wire().shut);
        // Nothing can be said behind the end.
        assert!(write(&mut talk.raw, b"more").unwrap_err().starts_with("BrokenPipe"));
    }

    #[test]
    fn an_end_without_a_close_notify_is_an_end_unless_it_cuts_a_record() {
        let mut talk = Talk::new();
        talk.comes(b"");
        assert_eq!(read(&mut talk.raw), Ok(Vec::new()));
        let mut talk = Talk::new();
        let ping = talk.say(b"ping");
        talk.comes(&ping[..ping.len() - 1]);
        talk.comes(b"");
        let error = read(&mut talk.raw).unwrap_err();
        let expected = "UnexpectedEof: the client ended its stream within a TLS record: 25 of its 26 bytes had come";
        assert_eq!(error, expected);
    }

    #[test]
    fn what_makes_no_sense_is_an_error_from_then_on() {
        let mut talk = Talk::new();
        let mut ping = talk.say(b"ping");
        *ping.last_mut().unwrap() ^= 1;
        talk.comes(&ping);
        assert_eq!(read(&mut talk.raw).unwrap_err(), "InvalidData: TLS failed: cannot decrypt peer's message");
        assert!(read(&mut talk.raw).unwrap_err().starts_with("InvalidData"));
    }

    #[test]
    fn what_the_connection_does_not_take_stays_behind() {
        let mut talk = Talk::new();
        read(&mut talk.raw).unwrap_err();
        talk.receive();
        talk.fake.wire().writes = [Poll::Ready(Ok(5)), Poll::Pending].into();
        assert_eq!(write(&mut talk.raw, b"pong"), Ok(4));
        assert_eq!(talk.fake.wire().written.len(), 5);
        talk.fake.wire().writes = [Poll::Pending].into();
        assert_eq!(flush(&mut talk.raw), Err("it waits".to_string()));
        assert_eq!(flush(&mut talk.raw), Ok(()));
        assert_eq!(talk.receive(), b"pong");
    }

    #[test]
    fn an_error_of_the_connection_is_that_of_whoever_uses_it() {
        let mut talk = Talk::new();
        read(&mut talk.raw).unwrap_err();
        talk.fake.wire().writes = [Poll::Ready(Err(ErrorKind::ConnectionReset.into()))].into();
        assert!(write(&mut talk.raw, b"pong").unwrap_err().starts_with("ConnectionReset"));
        // What stayed behind goes out first.
        talk.fake.wire().writes = [Poll::Ready(Err(ErrorKind::ConnectionReset.into()))].into();
        assert!(read(&mut talk.raw).unwrap_err().starts_with("ConnectionReset"));
        talk.fake.wire().writes = [Poll::Ready(Ok(0))].into();
        assert!(flush(&mut talk.raw).unwrap_err().starts_with("WriteZero"));
    }
}
