//! What goes wrong, in words.

use super::{Alert, Place, Stage, Trouble};
use crate::framing::Grouped;
use crate::preview::{Count, Preview};
use crate::report::End;
use crate::time::Span;
use core::fmt;

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clear(Place::First) => {
                f.write_str("the client speaks in clear to a TLS server: this is no TLS handshake")
            }
            Self::Clear(Place::Behind) => f.write_str(
                "the client sent this in clear where its TLS handshake is to begin: it must not pass for encrypted",
            ),
            Self::Clear(Place::Within) => f.write_str("the client sent this in clear, in the middle of TLS"),
            Self::Timeout { after, stage: Stage::Hello(0) } => {
                write!(f, "timed out waiting for the TLS handshake, after {}: nothing arrived", Span(*after))
            }
            Self::Timeout { after, stage } => {
                write!(f, "timed out in the TLS handshake, after {}: {stage}", Span(*after))
            }
            Self::Ended { by, stage } => {
                let how = if *by == End::Close { "ended its stream" } else { "reset the connection" };
                match stage {
                    Stage::Hello(0) => write!(f, "the client {how} before the TLS handshake"),
                    _ => write!(f, "the client {how} in the TLS handshake: {stage}"),
                }
            }
            Self::Refused(alert) => write!(f, "the client refused the TLS handshake: it sent the alert {alert}"),
            Self::Alert(alert) => write!(f, "the client gave TLS up: it sent the alert {alert}"),
            Self::ServerName { expected, asked: Some(asked) } => {
                write!(f, "the client asked for the server name {asked:?}, expected {expected:?}")
            }
            Self::ServerName { expected, asked: None } => {
                write!(f, "the client asked for no server name, expected {expected:?}")
            }
            Self::NotOffered { expected, offered } if offered.is_empty() => {
                write!(f, "the client offered no protocol (ALPN), expected {}", Preview::of(expected))
            }
            Self::NotOffered { expected, offered } => {
                f.write_str("the client offered the protocols (ALPN) ")?;
                for (i, protocol) in offered.iter().enumerate() {
                    write!(f, "{}{}", if i == 0 { "" } else { ", " }, Preview::of(protocol))?;
                }
                write!(f, ", expected {}", Preview::of(expected))
            }
            Self::NotChosen { expected, chosen } => write!(
                f,
                "the server's configuration chose the protocol (ALPN) {}, expected {}",
                Preview::of(chosen),
                Preview::of(expected)
            ),
            Self::Cut { bytes, of: Some(of) } => {
                let of = Count(*of as u64);
                write!(
                    f,
                    "the client ended its stream within a TLS record: {} of its {of} had come",
                    Grouped(*bytes as u64)
                )
            }
            Self::Cut { bytes, of: None } => {
                let bytes = Count(*bytes as u64);
                write!(f, "the client ended its stream within a TLS record: {bytes} of its header had come")
            }
            Self::Failed { in_handshake: true, reason, .. } => write!(f, "the TLS handshake failed: {reason}"),
            Self::Failed { in_handshake: false, reason, .. } => write!(f, "TLS failed: {reason}"),
            Self::Answered { by } => write!(
                f,
                "step {by} has answered a message in clear, behind the last one that a step waited for: TLS was to be next"
            ),
            Self::Started { by, again: false } => {
                write!(f, "the connection is encrypted already: step {by} began it")
            }
            Self::Started { again: true, .. } => {
                f.write_str("the connection is encrypted already: this step began it, in a round before")
            }
            Self::NotStarted => f.write_str("the connection is not encrypted: there is no TLS to truncate"),
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hello(bytes) => write!(f, "{} of its ClientHello had come", Count(*bytes)),
            Self::Answered => f.write_str("the server had answered its ClientHello"),
        }
    }
}

impl Trouble {
    /// Returns the usual cause, if there is one.
    pub(crate) fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Clear(Place::First) => Some(
                "usual cause: a client that is not told to use TLS, or that begins in clear: then start_tls() belongs behind its\n    \
                 command",
            ),
            Self::Clear(Place::Behind) => {
                Some("usual cause: a client that does not wait for the answer to its STARTTLS, or goes on without TLS")
            }
            Self::Clear(Place::Within) => Some(
                "usual cause: a client that goes on with the stream that TLS was to wrap, and not with the one that does",
            ),
            Self::Timeout { stage: Stage::Hello(0), .. } => Some(
                "usual cause: a client that speaks in clear and waits for the server to begin, or that is not told to use TLS",
            ),
            Self::Timeout { stage: Stage::Answered, .. } => {
                Some("usual cause: a client that does not read, or asks somebody about the certificate")
            }
            Self::Ended { stage: Stage::Answered, .. } => Some(
                "usual cause: a client that refuses the certificate and does not say so: does it have the root certificate,\n    \
                 identity.root_pem(), and does it connect by a name that the certificate is for?",
            ),
            Self::Refused(Alert::UNKNOWN_CA | Alert::CERTIFICATE_UNKNOWN)
            | Self::Alert(Alert::UNKNOWN_CA | Alert::CERTIFICATE_UNKNOWN) => Some(
                "usual cause: a client that does not know who has issued the certificate: give it the root certificate,\n    \
                 identity.root_pem()",
            ),
            Self::Refused(Alert::BAD_CERTIFICATE) | Self::Alert(Alert::BAD_CERTIFICATE) => Some(
                "usual cause: a client that connects by a name that the certificate is not for: Identity::for_names(..) makes\n    \
                 one for other names",
            ),
            Self::Refused(Alert::CERTIFICATE_EXPIRED) | Self::Alert(Alert::CERTIFICATE_EXPIRED) => {
                Some("usual cause: a certificate that is not valid now, or a clock that is wrong")
            }
            Self::Refused(Alert::PROTOCOL_VERSION | Alert::HANDSHAKE_FAILURE | Alert::INSUFFICIENT_SECURITY) => {
                Some(NOTHING_IN_COMMON)
            }
            Self::ServerName { asked: None, .. } => Some(
                "usual cause: a client that connects by an IP address, which is no server name, or has SNI turned off",
            ),
            Self::ServerName { asked: Some(_), .. } => Some(
                "usual cause: a client that is given another name to connect to, or a server_name(..) that is not meant",
            ),
            Self::NotOffered { offered, .. } if offered.is_empty() => {
                Some("usual cause: a client whose TLS configuration names no protocols")
            }
            Self::NotChosen { .. } => {
                Some("usual cause: another order of alpn_protocols in the server's configuration: it decides")
            }
            Self::Failed { usually, .. } => *usually,
            Self::Answered { .. } => Some(
                "usual cause: a start_tls() that the test pushes only when the client has spoken: push it with what answers the\n    \
                 command; or that command itself was left to anytime(): give it a step of the script",
            ),
            Self::Started { again: false, .. } => Some(
                "usual cause: builder().tls(..), which begins TLS at each expect_connect(), or a start_tls(), and this step besides",
            ),
            Self::Started { again: true, .. } => Some(
                "usual cause: a client that asks for TLS again, within TLS, and a block of the script that offers it there",
            ),
            Self::NotStarted => Some("usual cause: missing start_tls() before this step"),
            _ => None,
        }
    }
}

/// The usual cause of a handshake that finds no version, or no cipher.
pub(crate) const NOTHING_IN_COMMON: &str =
    "usual cause: a client that knows none of the versions, the ciphers or the key exchanges which the server offers";

/// The usual cause of a wait for the rest of a record.
pub(crate) const HALF_A_RECORD: &str = "usual cause: a client that sends only a part of what TLS gives it: a write that takes less than all, and is not repeated";

/// The usual cause of a hello where none is expected.
pub(crate) const HELLO_IN_CLEAR: &str = "usual cause: these bytes begin a TLS handshake: the script lacks builder().tls(..), or a start_tls() before this step\n    \
     (with the feature `tls`), or the client is not to be told to use TLS";

/// The usual cause of a client that says nothing behind its handshake.
pub(crate) const GIVEN_UP_BEHIND_HANDSHAKE: &str = "usual cause: a client that refuses the certificate behind the handshake, or gives up early; or a buffered writer that is\n    \
     dropped without a flush";
