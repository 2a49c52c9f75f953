//! Runtimes that are out of order.

use crate::server::tests::{CLOGGED, CROWDED, CUT, DEAD, DEAF, Faulty, SHORT};
use crate::server::{Failure, Server};
use alloc::string::{String, ToString};

fn refused<const FAULT: u8>() -> String {
    Server::<Faulty<FAULT>>::bind_blocking().unwrap_err().to_string()
}

#[test]
fn a_server_that_cannot_begin_says_why() {
    assert_eq!(refused::<DEAF>(), "cannot start a runtime for the server: no ear");
    assert_eq!(refused::<SHORT>(), "cannot start a runtime for the server: no breath");
    assert_eq!(refused::<DEAD>(), "the thread of the server ended before it began");
}

fn failure<const FAULT: u8>(script: impl FnOnce(&Server<Faulty<FAULT>>)) -> Failure {
    let server = Server::<Faulty<FAULT>>::bind_blocking().unwrap();
    script(&server);
    server.try_finish_blocking().unwrap_err()
}

#[test]
fn what_keeps_a_connection_from_being_used_fails_the_script() {
    let error = failure::<CUT>(|server| {
        server.expect_connect();
        server.expect_bytes("ping");
    });
    assert!(error.to_string().contains("\n  cannot read: out of order\n"), "{error}");
    let error = failure::<CLOGGED>(|server| {
        server.expect_connect();
        server.send_bytes("ping");
    });
    assert!(error.to_string().contains("\n  cannot send: out of order\n"), "{error}");
}

#[test]
fn a_crowd_keeps_nobody_from_the_report() {
    let error = failure::<CROWDED>(|server| {
        server.expect_connect();
        server.expect_bytes("ping");
    });
    assert!(error.to_string().contains("a second connection was attempted"), "{error}");
}
