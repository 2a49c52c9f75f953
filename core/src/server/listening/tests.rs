use super::{Manner, Port, State};
use alloc::string::ToString;
use socket2::{Domain, Socket, Type};
use std::sync::Mutex;

#[test]
fn a_port_that_cannot_be_opened_stays_closed() {
    // A socket on which nobody can listen.
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
    let port = Port { addr: ([127, 0, 0, 1], 4711).into(), state: Mutex::new(State::Closed(socket)) };
    for _ in 0..2 {
        let error = port.open().unwrap().unwrap_err();
        assert!(error.to_string().starts_with("cannot listen on 127.0.0.1:4711: "), "{error}");
        assert!(port.remark().unwrap().starts_with("the server was made with refusing()"));
    }
}

#[test]
fn only_an_address_of_this_machine_can_be_had() {
    for manner in [Manner::Accepting, Manner::Refusing, Manner::Unresponsive] {
        // One that is for examples in texts (RFC 5737).
        let error = Port::bind("192.0.2.1:0".parse().unwrap(), manner, None).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::AddrNotAvailable);
        assert!(error.to_string().starts_with("cannot listen on 192.0.2.1:0: "), "{error}");
    }
}
