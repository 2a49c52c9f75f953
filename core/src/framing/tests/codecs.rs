//! Codecs of protocols that parameters do not express, or not all of.

use crate::framing::Codec;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// RESP: values of redis, which nest.
pub(super) fn resp(bytes: &[u8]) -> Result<Option<usize>, String> {
    let Some(end) = bytes.windows(2).position(|two| two == b"\r\n") else { return Ok(None) };
    let line = end + 2;
    let number = || {
        let digits = str::from_utf8(&bytes[1..end]).map_err(|error| error.to_string())?;
        digits.parse::<usize>().map_err(|error| format!("{digits:?}: {error}"))
    };
    match bytes[0] {
        b'+' | b'-' | b':' => Ok(Some(line)),
        b'$' => Ok(Some(line + number()? + 2)),
        b'*' => {
            let mut length = line;
            for _ in 0..number()? {
                match resp(bytes.get(length..).unwrap_or_default())? {
                    Some(more) => length += more,
                    None => return Ok(None),
                }
            }
            Ok(Some(length))
        }
        other => Err(format!("no value begins with {:?}", char::from(other))),
    }
}

/// HTTP/1.1: a head, and as many bytes behind it as that says.
pub(super) fn http(bytes: &[u8]) -> Result<Option<usize>, String> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = str::from_utf8(&bytes[..end]).map_err(|error| error.to_string())?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length = length.map_or(Ok(0), str::parse::<usize>).map_err(|error| error.to_string())?;
    Ok(Some(end + 4 + length))
}

/// WebSocket: a length that grows, and a mask on what the client sends.
pub(super) struct WebSocket;

impl WebSocket {
    fn layout(bytes: &[u8]) -> Option<(usize, usize, bool)> {
        let second = *bytes.get(1)?;
        let (field, length) = match second & 0x7f {
            126 => (2, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
            127 => (8, usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?),
            short => (0, usize::from(short)),
        };
        let masked = second & 0x80 != 0;
        Some((2 + field + if masked { 4 } else { 0 }, length, masked))
    }
}

impl Codec for WebSocket {
    fn frame_len(&self, bytes: &[u8]) -> Result<Option<usize>, String> {
        Ok(Self::layout(bytes).map(|(header, length, _)| header + length))
    }

    fn decode(&self, frame: &[u8]) -> Result<Vec<u8>, String> {
        let (header, _, masked) = Self::layout(frame).ok_or("no header")?;
        let mask: &[u8] = if masked { &frame[header - 4..header] } else { &[0] };
        Ok(frame[header..].iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect())
    }

    fn encode(&self, message: &[u8]) -> Result<Vec<u8>, String> {
        let length = u8::try_from(message.len()).ok().filter(|&length| length < 126).ok_or("too long for this test")?;
        Ok([&[0x82, length], message].concat())
    }
}

/// SunRPC: the top bit of the length says that the fragment is the last.
pub(super) struct SunRpc;

impl Codec for SunRpc {
    fn frame_len(&self, bytes: &[u8]) -> Result<Option<usize>, String> {
        let Some(mark) = bytes.first_chunk() else { return Ok(None) };
        Ok(Some(4 + (u32::from_be_bytes(*mark) & 0x7fff_ffff) as usize))
    }

    fn decode(&self, frame: &[u8]) -> Result<Vec<u8>, String> {
        Ok(frame[4..].to_vec())
    }

    fn encode(&self, message: &[u8]) -> Result<Vec<u8>, String> {
        let mark = u32::try_from(message.len()).map_err(|error| error.to_string())? | 0x8000_0000;
        Ok([&mark.to_be_bytes(), message].concat())
    }
}

/// AMQP 0-9-1: a byte behind each frame that has to be the right one.
pub(super) struct Amqp;

impl Amqp {
    const END: u8 = 0xce;
    const HEADER: usize = 7;
}

impl Codec for Amqp {
    fn frame_len(&self, bytes: &[u8]) -> Result<Option<usize>, String> {
        let Some(size) = bytes.get(3..).and_then(<[u8]>::first_chunk) else { return Ok(None) };
        Ok(Some(Self::HEADER + u32::from_be_bytes(*size) as usize + 1))
    }

    fn decode(&self, frame: &[u8]) -> Result<Vec<u8>, String> {
        match frame.split_last() {
            Some((&Self::END, frame)) => Ok([&frame[..3], &frame[Self::HEADER..]].concat()),
            Some((other, _)) => Err(format!("it ends with {other:#x} instead of {:#x}", Self::END)),
            None => Err("it is empty".into()),
        }
    }

    fn encode(&self, message: &[u8]) -> Result<Vec<u8>, String> {
        let (head, body) = message.split_at_checked(3).ok_or("a type and a channel are missing")?;
        let size = u32::try_from(body.len()).map_err(|error| error.to_string())?;
        Ok([head, &size.to_be_bytes(), body, &[Self::END]].concat())
    }
}
