//! An identity to test with.

use super::Tls;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::error::Error;
use core::fmt;
use core::time::Duration;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::time::{SystemTime, UNIX_EPOCH};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A certificate for servers, made when it is asked for, and the root certificate that vouches for it: give that to the client.
///
/// Its key stays where the server needs it: nothing shows it, and nothing is written to the disk. It speaks TLS 1.2 and 1.3. It is valid for
/// a year, from the day before it was made.
///
/// ```
/// use tcpclient_core::tls::Identity;
///
/// let identity = Identity::new();
/// assert!(identity.root_pem().starts_with("-----BEGIN CERTIFICATE-----"));
/// ```
#[derive(Clone)]
pub struct Identity {
    names: Vec<String>,
    config: Arc<ServerConfig>,
    root: CertificateDer<'static>,
    root_pem: String,
}

impl Identity {
    /// Returns a new identity for `localhost`, `127.0.0.1` and `::1`.
    #[expect(clippy::new_without_default, reason = "no two identities are the same")]
    pub fn new() -> Self {
        Self::for_names(["localhost", "127.0.0.1", "::1"])
    }

    /// Returns a new identity for these names and IP addresses.
    ///
    /// # Panics
    /// Panics if one of them is neither, or if there is none.
    #[track_caller]
    pub fn for_names(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        assert!(!names.is_empty(), "Identity::for_names: a certificate for no name is for no server");
        for name in &names {
            // A certificate may be for all names that differ in their first part.
            let host = name.strip_prefix("*.").unwrap_or(name);
            assert!(
                ServerName::try_from(host).is_ok() && !host.ends_with('.'),
                "Identity::for_names: {name:?} is neither the name of a host nor an IP address: give it without a port, without brackets \
                 and, if it is not ASCII, in its encoded form (xn--)"
            );
        }
        Self::make(names).unwrap_or_else(|error| panic!("Identity::for_names: {error}"))
    }

    fn make(names: Vec<String>) -> Result<Self, Box<dyn Error>> {
        let root_key = KeyPair::generate()?;
        let mut root = CertificateParams::new(Vec::new())?;
        // A client that was given another root of this kind is to find that it does not know this one.
        let id = root_key.public_key_raw().iter().rev().take(4).fold(0_u32, |id, &byte| id << 8 | u32::from(byte));
        root.distinguished_name.push(DnType::CommonName, format!("tcpclient test root {id:08x}"));
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        root.key_usages = Vec::from([KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature]);
        let root_certificate = root.self_signed(&root_key)?;

        let mut server = CertificateParams::new(names.clone())?;
        // Some clients refuse one that is valid for longer than 825 days, whoever has issued it. A day before, for clocks that are late.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        (server.not_before, server.not_after) =
            (date_time_ymd(1970, 1, 1) + now - DAY, date_time_ymd(1970, 1, 1) + now + DAY * 365);
        server.distinguished_name.push(DnType::CommonName, "tcpclient test server");
        server.extended_key_usages = Vec::from([ExtendedKeyUsagePurpose::ServerAuth]);
        server.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = server.signed_by(&key, &Issuer::new(root, root_key))?;

        let key = PrivateKeyDer::try_from(key.serialize_der())?;
        // Never that of the process: there may be none, or more than one to choose from.
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(Vec::from([certificate.der().clone()]), key)?;
        // A client that reads nothing behind its handshake would leave them unread.
        config.send_tls13_tickets = 0;
        Ok(Self {
            names,
            config: Arc::new(config),
            root: root_certificate.der().clone(),
            root_pem: root_certificate.pem(),
        })
    }

    /// Returns how a server with this identity speaks TLS.
    pub fn tls(&self) -> Tls {
        Tls { config: Arc::clone(&self.config), own: true, server_name: None, alpn: None }
    }

    /// Returns the root certificate, in PEM.
    pub fn root_pem(&self) -> &str {
        &self.root_pem
    }

    /// Returns the root certificate, in DER.
    pub fn root_der(&self) -> &[u8] {
        &self.root
    }

    /// Returns a configuration for a client over rustls that trusts this identity, and no other.
    pub fn client_config(&self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates([self.root.clone()]);
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.unwrap_or_else(|error| panic!("client_config: {error}"));
        builder.with_root_certificates(roots).with_no_client_auth()
    }
}

/// Shows the names, and nothing of the keys.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("names", &self.names).finish_non_exhaustive()
    }
}
