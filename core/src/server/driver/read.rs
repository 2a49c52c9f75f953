//! Reads: through the runtime, or past it.

use super::super::runtime::Stream;
use alloc::vec;
use alloc::vec::Vec;
use core::task::{Context, Poll};
use std::io::{self, ErrorKind};

/// The sizes of the read buffer: it begins small, for the many short conversations, and grows when a read fills it.
const SMALL: usize = 1 << 10;
const LARGE: usize = 64 << 10;

/// How to ask a socket.
pub(super) enum Ask<'a, 'b> {
    /// Through the runtime, which wakes the task when there is something.
    Runtime(&'a mut Context<'b>),
    /// The kernel itself.
    Kernel,
}

/// What a read brought.
pub(super) enum Read {
    Bytes(usize),
    /// The end of the stream, or the error instead of it or behind it.
    End(Option<io::Error>),
}

/// Reads `most` bytes at most.
pub(super) fn read<S: Stream>(stream: &mut S, buffer: &mut Vec<u8>, most: usize, ask: &mut Ask<'_, '_>) -> Poll<Read> {
    if buffer.is_empty() {
        // Not zeros: for those an allocator does not take what it has at hand.
        *buffer = vec![b'?'; SMALL];
    }
    let most = most.min(buffer.len());
    loop {
        let room = &mut buffer[..most];
        let result = match ask {
            Ask::Runtime(cx) => match stream.poll_read(cx, room) {
                Poll::Ready(result) => result,
                Poll::Pending => return Poll::Pending,
            },
            Ask::Kernel => stream.read_now(room),
        };
        return match result {
            // A client may have reset the connection right behind the end of its stream.
            Ok(0) => Poll::Ready(Read::End(stream.take_error())),
            Ok(count) => {
                if count == buffer.len() && count < LARGE {
                    // Not by `resize`: that fills byte by byte, which takes a millisecond where tests are built without optimisation.
                    let mut larger = vec![0; LARGE];
                    larger[..count].copy_from_slice(buffer);
                    *buffer = larger;
                }
                Poll::Ready(Read::Bytes(count))
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Poll::Pending,
            Err(error) if is_passing(&error) => continue,
            Err(error) => Poll::Ready(Read::End(Some(error))),
        };
    }
}

/// Says whether the call would do better if it were just made again.
pub(super) fn is_passing(error: &io::Error) -> bool {
    error.kind() == ErrorKind::Interrupted
}

/// Says whether the error tells that the client has ended the connection.
pub(super) fn is_reset(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe | ErrorKind::NotConnected
    )
}
