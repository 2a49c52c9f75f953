//! Modbus over TCP: the number of the transaction (2 bytes), the protocol (0), a length, then the unit and what is asked of it.

use tcpclient_tokio::{Framing, Pattern};

/// Returns the framing. A message is a frame without its length: transaction, protocol, unit, function, and so on.
///
/// ```
/// let frame = b"\0\x07\0\0\0\x06\x03\x03\0\x01\0\x01";
/// let message = tcpclient_clients::modbus::framing().decode(frame).unwrap().unwrap().message;
/// assert_eq!(message, b"\0\x07\0\0\x03\x03\0\x01\0\x01");
/// ```
pub fn framing() -> Framing {
    Framing::length_field(4, 2)
}

/// Returns the pattern of a request to this unit for one holding register.
pub fn read_one_register(unit: u8, register: u16) -> Pattern {
    Pattern::matching(move |request: &[u8]| {
        let [_, _, 0, 0, to, function, rest @ ..] = request else {
            return Err("it is no request of protocol 0".into());
        };
        let [high, low] = register.to_be_bytes();
        match (*to, *function, rest) {
            (to, ..) if to != unit => Err(format!("it is to unit {to}, not {unit}")),
            (_, 3, rest) if *rest == [high, low, 0, 1] => Ok(()),
            (_, 3, rest) => Err(format!("it reads {rest:?}, not one register from {register}")),
            (_, function, _) => Err(format!("its function is {function}, not 3")),
        }
    })
}

/// Returns the answer to a request for one register.
pub fn one_register(request: &[u8], value: u16) -> Vec<u8> {
    // Transaction, protocol, unit and function are those of the request; then come the number of bytes, and the bytes.
    [&request[..6], &[2], &value.to_be_bytes()].concat()
}
