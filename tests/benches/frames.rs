//! Frames of several sizes, each compared with what is expected.

mod drip;
mod loopback;
mod memory;

use crate::table::Table;
use std::fmt;
use tcpclient_core::framing::Framing;
use tcpclient_core::session::{Config, Output, Session};
use tcpclient_core::step::Step;
use tcpclient_core::time::Instant;

/// As much as is read at a time.
const PIECE: usize = 64 << 10;

/// No time passes here.
const NOW: Instant = Instant::ORIGIN;

/// A stream of equal frames, with a 4-byte length before each.
struct Frames {
    message: Vec<u8>,
    count: usize,
    stream: Vec<u8>,
}

impl Frames {
    fn new(size: usize) -> Self {
        let message: Vec<u8> = (0..=u8::MAX).cycle().take(size).collect();
        let count = ((4 << 20) / size).clamp(4, 5000);
        let frame = Framing::default().encode(&message).unwrap();
        Self { stream: frame.repeat(count), message, count }
    }
}

/// A size as people write it.
struct Size(usize);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            size @ ..1024 => write!(f, "{size} B"),
            size @ ..0x10_0000 => write!(f, "{} KiB", size >> 10),
            size => write!(f, "{} MiB", size >> 20),
        }
    }
}

pub(crate) fn tables() -> Vec<Table> {
    let sizes = [16, 256, 4 << 10, 64 << 10, 1 << 20];
    let memory = sizes.into_iter().map(memory::table);
    memory.chain(sizes.into_iter().map(loopback::table)).chain([drip::table()]).collect()
}

/// Returns a session with a client, and these steps to play.
fn connected(steps: impl IntoIterator<Item = Step>) -> Session {
    let mut session = Session::new(Config::default());
    session.push(Step::expect_connect());
    steps.into_iter().for_each(|step| _ = session.push(step));
    session.handle_connection(NOW, None);
    assert!(matches!(session.poll_output(NOW), Output::Accept));
    session
}

/// Hands bytes to a session, as its driver does.
fn feed(session: &mut Session, bytes: &[u8]) {
    session.handle_bytes(NOW, bytes);
    let Output::Wait(wait) = session.poll_output(NOW) else { panic!("the script waits") };
    assert!(wait.send.is_empty());
}

fn profile() -> &'static str {
    if cfg!(debug_assertions) { "debug" } else { "release" }
}

#[expect(clippy::cast_precision_loss, reason = "counts are small")]
fn per(nanos: f64, count: usize) -> f64 {
    nanos / count as f64
}
