//! The server's side of TLS, as rustls speaks it.

use super::Tls;
use crate::security::{Alert, Engine, Handshake, NOTHING_IN_COMMON, State, Trouble, begins_with_alert};
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use rustls::server::{Accepted, Acceptor};
use rustls::{Error, IoState, ProtocolVersion, ServerConnection};
use std::io::{Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What becomes of a handshake.
#[derive(Clone, Copy, Debug)]
pub(super) enum Manner {
    Serve,
    /// The client's hello is answered with this alert.
    Refuse(Alert),
    /// It is answered in part.
    Interrupt,
}

/// The side of a server.
pub(super) struct Rustls {
    /// How it speaks, unless it refuses to.
    tls: Option<Tls>,
    manner: Manner,
    side: Side,
    /// Whether the client has sent its `close_notify`, and whether the server has.
    closed: bool,
    closing: bool,
    /// What is about to be sent besides what rustls has to send.
    refusal: Option<Alert>,
}

enum Side {
    /// The client's hello has not come.
    Accepting(Acceptor),
    Running(ServerConnection),
    /// There is nothing more to do.
    Over(Option<Alert>),
}

/// The most bytes that a record carries, and those of its header.
const RECORD: usize = 16 << 10;
const HEADER: usize = 5;

impl Rustls {
    pub(super) fn new(tls: Option<Tls>, manner: Manner) -> Self {
        Self { tls, manner, side: Side::Accepting(Acceptor::default()), closed: false, closing: false, refusal: None }
    }

    /// Answers the client's hello.
    fn answer(&mut self, accepted: Accepted) -> Result<(), Trouble> {
        let tls = match (&self.tls, self.manner) {
            (None, _) | (_, Manner::Refuse(_)) => {
                let Manner::Refuse(alert) = self.manner else { return Ok(()) };
                (self.side, self.refusal) = (Side::Over(Some(alert)), Some(alert));
                return Ok(());
            }
            (Some(tls), _) => tls,
        };
        let hello = accepted.client_hello();
        if let Some(expected) = &tls.server_name {
            let asked = hello.server_name();
            if !asked.is_some_and(|asked| asked.eq_ignore_ascii_case(expected)) {
                let (expected, asked) = (expected.clone(), asked.map(String::from));
                return Err(Trouble::ServerName { expected, asked });
            }
        }
        if let Some(expected) = &tls.alpn {
            let offered = || hello.alpn().into_iter().flatten();
            if !offered().any(|protocol| protocol == &expected[..]) {
                let offered = offered().map(Vec::from).collect();
                return Err(Trouble::NotOffered { expected: expected.clone(), offered });
            }
        }
        match accepted.into_connection(Arc::clone(&tls.config)) {
            Ok(connection) => {
                self.side = Side::Running(connection);
                self.check_chosen()
            }
            Err((error, _)) => Err(trouble(error, true)),
        }
    }

    /// Checks which protocol was agreed on, if one was by now.
    fn check_chosen(&self) -> Result<(), Trouble> {
        let (Some(tls), Side::Running(connection)) = (&self.tls, &self.side) else { return Ok(()) };
        match (&tls.alpn, connection.alpn_protocol()) {
            (Some(expected), Some(chosen)) if chosen != &expected[..] => {
                Err(Trouble::NotChosen { expected: expected.clone(), chosen: chosen.to_vec() })
            }
            _ => Ok(()),
        }
    }
}

impl Engine for Rustls {
    fn receive(&mut self, mut wire: &[u8], plain: &mut Vec<u8>) -> Result<(), Trouble> {
        // rustls does not look for one there.
        if let (Side::Accepting(_), Some(alert)) = (&self.side, begins_with_alert(wire)) {
            return Err(Trouble::Refused(alert));
        }
        match &mut self.side {
            Side::Accepting(acceptor) => {
                while !wire.is_empty() {
                    if !matches!(acceptor.read_tls(&mut wire), Ok(1..)) {
                        let reason = "the ClientHello is too long".to_string();
                        return Err(Trouble::Failed { in_handshake: true, reason, usually: None });
                    }
                }
                match acceptor.accept() {
                    Ok(None) => Ok(()),
                    Ok(Some(accepted)) => self.answer(accepted),
                    Err((error, _)) => Err(trouble(error, true)),
                }
            }
            Side::Running(connection) => {
                let was_handshaking = connection.is_handshaking();
                if was_handshaking && matches!(wire, [_, _, _, 0, 2, _, 0]) && begins_with_alert(wire).is_some() {
                    // In TLS 1.2 rustls overlooks one that is not encrypted.
                    return Err(Trouble::Refused(Alert::CLOSE_NOTIFY));
                }
                while !wire.is_empty() {
                    // What comes behind a close_notify counts for nothing.
                    if !matches!(connection.read_tls(&mut wire), Ok(1..)) {
                        break;
                    }
                    let state = process(connection, self.closing)?.map_err(|error| trouble(error, was_handshaking))?;
                    self.closed |= state.peer_has_closed();
                    let start = plain.len();
                    plain.resize(start + state.plaintext_bytes_to_read(), 0);
                    let read = connection.reader().read(&mut plain[start..]).unwrap_or(0);
                    plain.truncate(start + read);
                    if let Some(mut early) = connection.early_data() {
                        // Nothing is left behind but what cannot be read.
                        let _ = early.read_to_end(plain);
                    }
                }
                // Behind a second hello it is known only now.
                self.check_chosen()
            }
            Side::Over(_) => Ok(()),
        }
    }

    fn transmit(&mut self, wire: &mut Vec<u8>) {
        if let Some(alert) = self.refusal.take() {
            const FATAL: u8 = 2;
            wire.extend([0x15, 3, 3, 0, 2, FATAL, alert.code()]);
        }
        let Side::Running(connection) = &mut self.side else { return };
        let start = wire.len();
        while connection.wants_write() && connection.write_tls(wire).is_ok_and(|count| count > 0) {}
        if let (Manner::Interrupt, flight @ 1..) = (self.manner, wire.len() - start) {
            wire.truncate(start + flight.div_ceil(2));
            self.side = Side::Over(None);
        }
    }

    fn seal(&mut self, plain: &[u8], wire: &mut Vec<u8>) -> usize {
        let Side::Running(connection) = &mut self.side else { return 0 };
        let most = self.tls.as_ref().and_then(|tls| tls.config.max_fragment_size);
        let most = most.map_or(RECORD, |most| most.saturating_sub(HEADER).clamp(1, RECORD));
        let sealed = connection.writer().write(&plain[..plain.len().min(most)]).unwrap_or(0);
        self.transmit(wire);
        sealed
    }

    fn close(&mut self) {
        if let Side::Running(connection) = &mut self.side {
            self.closing = true;
            connection.send_close_notify();
        }
    }

    fn state(&self) -> State {
        match &self.side {
            Side::Accepting(_) => State::Fresh,
            Side::Running(connection) if connection.is_handshaking() => State::Answered,
            Side::Running(_) if self.closed => State::Closed,
            Side::Running(_) => State::Established,
            Side::Over(alert) => State::Over(*alert),
        }
    }

    fn has_last_word(&self) -> bool {
        let Side::Running(connection) = &self.side else { return false };
        connection.protocol_version() == Some(ProtocolVersion::TLSv1_2)
    }

    fn handshake(&self) -> Handshake {
        let Side::Running(connection) = &self.side else { return Handshake::default() };
        Handshake {
            version: match connection.protocol_version() {
                Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
                _ => "TLS 1.3",
            },
            server_name: connection.server_name().map(String::from),
            alpn: connection.alpn_protocol().map(Vec::from),
        }
    }
}

/// Looks at what has come.
fn process(connection: &mut ServerConnection, closing: bool) -> Result<Result<IoState, Error>, Trouble> {
    if !closing {
        return Ok(connection.process_new_packets());
    }
    // Behind the server's close_notify, a debug build of rustls panics instead of an error: it takes the alert that would tell the client of
    // that for a second last word. As behind any error, the connection is not used any more.
    catch_unwind(AssertUnwindSafe(|| connection.process_new_packets())).map_err(|_| Trouble::Failed {
        in_handshake: false,
        reason: "what came behind the server's close_notify makes no sense".to_string(),
        usually: None,
    })
}

fn trouble(error: Error, in_handshake: bool) -> Trouble {
    match error {
        Error::AlertReceived(alert) if in_handshake => Trouble::Refused(alert.into()),
        Error::AlertReceived(alert) => Trouble::Alert(alert.into()),
        error => Trouble::Failed { in_handshake, reason: error.to_string(), usually: usually(&error) },
    }
}

/// Returns the usual cause of an error that rustls has found, if there is one.
pub(super) fn usually(error: &Error) -> Option<&'static str> {
    match error {
        Error::NoCertificatesPresented => Some(
            "usual cause: the server's configuration asks for the client's certificate, and the client was given none",
        ),
        Error::InvalidCertificate(_) => Some(
            "usual cause: a client with a certificate that the verifier in the server's configuration does not take",
        ),
        Error::NoApplicationProtocol => Some(
            "usual cause: a client that offers none of the protocols (ALPN) which the server's configuration names: alpn_protocols",
        ),
        Error::PeerIncompatible(_) => Some(NOTHING_IN_COMMON),
        // It has no name of its own.
        Error::General(reason) if reason.contains("certificate chain") => Some(
            "usual cause: the resolver in the server's configuration has no certificate for the name that the client asks for",
        ),
        _ => None,
    }
}
