//! What rustls takes its ciphers from, for clients that leave that to the process.

use tcpclient_tokio::tls::rustls::crypto::ring;

/// Has the whole process take them from ring. Each test may be the first to say so.
pub fn of_ring() {
    let _ = ring::default_provider().install_default();
}
