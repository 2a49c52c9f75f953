//! TLS, over [rustls]: what [`start_tls`](crate::step::Step::start_tls) is given, and an identity to test with.

mod engine;
mod identity;

pub use crate::security::{Alert, Handshake, Place, Stage, Trouble};
pub use identity::Identity;
pub use rustls;

use crate::preview::Preview;
use crate::security::{Engine, Security};
use crate::step::{Kind, Step};
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;
use core::panic::AssertUnwindSafe;
use engine::{Manner, Rustls};
use rustls::pki_types::DnsName;
use rustls::{AlertDescription, ServerConfig};

/// How a server speaks TLS, and what it expects of its client's handshake.
///
/// It is made of a [`ServerConfig`] of your own, which is used as it is, or of an [`Identity`]. Whatever takes one takes these as well.
///
/// ```
/// use tcpclient_core::step::Step;
/// use tcpclient_core::tls::Identity;
///
/// let identity = Identity::new();
/// let step = Step::start_tls(identity.tls().server_name("localhost").alpn("h2"));
/// assert_eq!(step.to_string(), r#"start_tls(server name "localhost", ALPN "h2")"#);
/// ```
#[derive(Clone)]
pub struct Tls {
    config: Arc<ServerConfig>,
    /// Whether the configuration is ours to change.
    own: bool,
    server_name: Option<String>,
    alpn: Option<Vec<u8>>,
}

impl Tls {
    /// Expects the client to ask for the server by this name (SNI).
    ///
    /// # Panics
    /// Panics for what no client can ask for: an IP address, or no name of a host at all.
    #[must_use]
    #[track_caller]
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        if name.parse::<IpAddr>().is_ok() {
            panic!("server_name: no client asks for an IP address by name, {name:?}");
        }
        if name.ends_with('.') {
            panic!("server_name: clients ask without the dot at the end of {name:?}");
        }
        if DnsName::try_from(name.as_str()).is_err() {
            panic!("server_name: {name:?} is no name of a host");
        }
        self.server_name = Some(name);
        self
    }

    /// Expects the client to offer this application protocol (ALPN), and has it agreed on. A configuration of your own has to offer it, too.
    ///
    /// # Panics
    /// Panics if the name of the protocol has no byte, or more than 255; and if the configuration is your own and does not have it among its
    /// `alpn_protocols`.
    #[must_use]
    #[track_caller]
    pub fn alpn(mut self, protocol: impl AsRef<[u8]>) -> Self {
        let protocol = protocol.as_ref().to_vec();
        let len = protocol.len();
        assert!((1..=255).contains(&len), "alpn: the name of a protocol has 1 to 255 bytes, and this has {len}");
        if self.own {
            let mut config = (*self.config).clone();
            config.alpn_protocols = Vec::from([protocol.clone()]);
            self.config = Arc::new(config);
        }
        assert!(
            self.config.alpn_protocols.contains(&protocol),
            "alpn: the configuration does not offer {} in its alpn_protocols",
            Preview::of(&protocol)
        );
        self.alpn = Some(protocol);
        self
    }

    /// Returns what a server begins each of its connections with.
    pub(crate) fn implied(self) -> Arc<dyn Security> {
        Arc::new(Encryption { tls: AssertUnwindSafe(self), manner: Manner::Serve, implied: true })
    }

    /// Writes what is expected of the handshake, as arguments.
    fn arguments(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.server_name {
            write!(f, "server name {name:?}")?;
        }
        if let Some(protocol) = &self.alpn {
            let comma = if self.server_name.is_some() { ", " } else { "" };
            write!(f, "{comma}ALPN {}", Preview::of(protocol))?;
        }
        Ok(())
    }
}

impl From<Arc<ServerConfig>> for Tls {
    fn from(config: Arc<ServerConfig>) -> Self {
        Self { config, own: false, server_name: None, alpn: None }
    }
}

impl From<&Tls> for Tls {
    fn from(tls: &Tls) -> Self {
        tls.clone()
    }
}

impl From<&Identity> for Tls {
    fn from(identity: &Identity) -> Self {
        identity.tls()
    }
}

impl From<Identity> for Tls {
    fn from(identity: Identity) -> Self {
        identity.tls()
    }
}

impl From<AlertDescription> for Alert {
    fn from(alert: AlertDescription) -> Self {
        Self::new(alert.into())
    }
}

/// Shows what is expected, and nothing of the configuration: there is a private key in it.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls(")?;
        self.arguments(f)?;
        f.write_str(")")
    }
}

impl Step {
    /// Encrypts the connection: waits until the handshake with the client is done. What the client has sent before, and no step has claimed,
    /// has to be the beginning of its handshake.
    #[track_caller]
    pub fn start_tls(tls: impl Into<Tls>) -> Self {
        Self::encrypt(tls.into(), Manner::Serve)
    }

    /// Breaks the handshake off in its middle: sends some of what the server answers to the client's hello, then the end of the stream.
    #[track_caller]
    pub fn interrupt_tls(tls: impl Into<Tls>) -> Self {
        Self::encrypt(tls.into(), Manner::Interrupt)
    }

    /// Refuses the handshake: answers the client's hello with this alert, and closes the connection.
    ///
    /// # Panics
    /// Panics for a `close_notify`, which refuses nothing.
    #[track_caller]
    pub fn refuse_tls(alert: impl Into<Alert>) -> Self {
        let alert = alert.into();
        assert!(alert != Alert::CLOSE_NOTIFY, "refuse_tls: a close_notify refuses nothing");
        Self::new(Kind::Encrypt(Arc::new(Refusal(alert))))
    }

    /// Closes the connection without a `close_notify`: to the client, what it was sent may have been cut short.
    #[track_caller]
    pub fn truncate() -> Self {
        Self::new(Kind::Truncate)
    }

    #[track_caller]
    fn encrypt(tls: Tls, manner: Manner) -> Self {
        Self::new(Kind::Encrypt(Arc::new(Encryption { tls: AssertUnwindSafe(tls), manner, implied: false })))
    }
}

/// A server that speaks TLS.
#[derive(Debug)]
struct Encryption {
    /// Nothing changes it.
    tls: AssertUnwindSafe<Tls>,
    manner: Manner,
    /// Whether that is from the first byte, whatever the script says.
    implied: bool,
}

impl Security for Encryption {
    fn engine(&self) -> Box<dyn Engine> {
        Box::new(Rustls::new(Some(self.tls.clone()), self.manner))
    }
}

impl fmt::Display for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if let Manner::Interrupt = self.manner { "interrupt_tls(" } else { "start_tls(" })?;
        self.tls.arguments(f)?;
        f.write_str(if self.implied { "), implied by tls(..)" } else { ")" })
    }
}

/// A server that does not.
#[derive(Debug)]
struct Refusal(Alert);

impl Security for Refusal {
    fn engine(&self) -> Box<dyn Engine> {
        Box::new(Rustls::new(None, Manner::Refuse(self.0)))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(alert) = self;
        let name = alert.name().map_or_else(|| alert.code().to_string(), ToString::to_string);
        write!(f, "refuse_tls({name})")
    }
}

#[cfg(test)]
mod tests;
