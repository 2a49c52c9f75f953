//! MQTT 3.1.1: a byte with the type and flags of the packet, then a length of 1 to 4 bytes, then the packet.

use tcpclient_tokio::{Anytime, Framing, Pattern, Script};

/// Returns the framing. A message is a packet without its length: the byte with its type stands in front.
///
/// ```
/// let message = tcpclient_clients::mqtt::framing().decode(b"\xc0\0").unwrap().unwrap().message;
/// assert_eq!(message, b"\xc0");
/// ```
pub fn framing() -> Framing {
    Framing::varint().at(1).max_width(4)
}

/// Takes a client in, and says whether its session is known. From here on, messages are MQTT packets.
#[track_caller]
pub fn connack(s: &Script, session_present: bool) {
    s.framing(framing());
    s.expect_frame(Pattern::prefix("\x10\0\x04MQTT\x04")).named("CONNECT");
    s.send_frame([0x20, u8::from(session_present), 0]);
}

/// Answers the client's pings, whenever they come.
#[track_caller]
pub fn pings(s: &Script) -> Anytime {
    s.framing(framing());
    s.anytime([0xc0], [0xd0]).named("PINGREQ")
}

/// Returns the pattern of a message on this topic, published with QoS 1.
pub fn publish(topic: &str, payload: &str) -> Pattern {
    let (topic, payload) = (topic.to_owned(), payload.to_owned());
    Pattern::matching(move |packet: &[u8]| match parts(packet) {
        None => Err(format!("it is no PUBLISH of QoS 1, but a packet of type {:#x}", packet[0] >> 4)),
        Some((to, _, _)) if to != topic.as_bytes() => Err(format!("its topic is {:?}", String::from_utf8_lossy(to))),
        Some((_, _, said)) if said != payload.as_bytes() => {
            Err(format!("its payload is {:?}, not {payload:?}", String::from_utf8_lossy(said)))
        }
        Some(_) => Ok(()),
    })
}

/// Acknowledges the message that was published last.
#[track_caller]
pub fn puback(s: &Script) {
    s.reply_frame(|packet| [&[0x40], packet_id(packet)].concat());
}

/// Returns the packet identifier of a published message, and nothing of any other packet.
pub fn packet_id(packet: &[u8]) -> &[u8] {
    parts(packet).map_or(&[], |(_, id, _)| id)
}

/// Takes a PUBLISH of QoS 1 apart: its topic, its packet identifier and its payload.
fn parts(packet: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (kind, rest) = packet.split_first()?;
    if kind & 0xf6 != 0x32 {
        return None;
    }
    let (length, rest) = rest.split_first_chunk()?;
    let (topic, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
    let (id, payload) = rest.split_at_checked(2)?;
    Some((topic, id, payload))
}
