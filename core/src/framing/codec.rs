//! Frames of other kinds.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A framing that parameters do not express.
///
/// Where messages are whole frames, a function that tells their length is all it takes:
///
/// ```
/// use tcpclient_core::framing::{Frame, Framing};
///
/// /// A line that announces a number of bytes, which follow it.
/// fn announced(bytes: &[u8]) -> Result<Option<usize>, String> {
///     let Some(end) = bytes.windows(2).position(|two| two == b"\r\n") else { return Ok(None) };
///     let number = str::from_utf8(&bytes[..end]).map_err(|error| error.to_string())?;
///     let number: usize = number.parse().map_err(|error| format!("{number:?}: {error}"))?;
///     Ok(Some(end + 2 + number))
/// }
///
/// let framing = Framing::codec(announced);
/// assert_eq!(framing.decode(b"5\r\nHel").unwrap(), None);
/// let frame = framing.decode(b"5\r\nHello6\r\n").unwrap().unwrap();
/// assert_eq!(frame, Frame { len: 8, message: b"5\r\nHello".to_vec() });
/// assert_eq!(framing.decode(b"x\r\n").unwrap_err().to_string(), "\"x\": invalid digit found in string");
/// ```
///
/// The tests of this crate (`src/framing/tests/codecs.rs` in its repository) have codecs for RESP, HTTP/1.1 heads, WebSocket, the trailer of AMQP
/// and the mask of SunRPC, to begin with.
pub trait Codec: Send + Sync + 'static {
    /// Returns the length in bytes of the frame with which these bytes begin, as soon as it can be told; `Ok(None)` asks for more. It
    /// may be longer than `bytes`.
    ///
    /// It is called again, with all bytes from the beginning of the frame, whenever more have come.
    ///
    /// # Errors
    /// Returns in words why there is no frame.
    fn frame_len(&self, bytes: &[u8]) -> Result<Option<usize>, String>;

    /// Returns the message that a whole frame carries: by default, all of it.
    ///
    /// # Errors
    /// Returns in words why it carries none.
    fn decode(&self, frame: &[u8]) -> Result<Vec<u8>, String> {
        Ok(frame.to_vec())
    }

    /// Returns the frame that carries a message: by default, just that.
    ///
    /// # Errors
    /// Returns in words why no frame can carry it.
    fn encode(&self, message: &[u8]) -> Result<Vec<u8>, String> {
        Ok(message.to_vec())
    }
}

impl<F> Codec for F
where
    F: Fn(&[u8]) -> Result<Option<usize>, String> + Send + Sync + 'static,
{
    fn frame_len(&self, bytes: &[u8]) -> Result<Option<usize>, String> {
        self(bytes)
    }
}

#[derive(Clone)]
pub(crate) struct Hook(pub(super) Arc<dyn Codec>);
