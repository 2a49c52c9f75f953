//! A client on any stage that speaks TLS, over rustls: what tokio-rustls and futures-rustls are to their runtimes.

use crate::client::Client;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use tcpclient_core::tls::rustls::{ClientConfig, ClientConnection};

/// The client's end of an encrypted connection. Dropping it sends no `close_notify`.
#[derive(Debug)]
pub struct TlsClient {
    client: Client,
    tls: ClientConnection,
    /// Whether the server has sent its `close_notify`.
    told: bool,
}

impl TlsClient {
    /// Begins TLS on a connection: from here on, all of it is encrypted.
    pub fn new(client: Client, config: ClientConfig, name: &'static str) -> Self {
        let tls = ClientConnection::new(Arc::new(config), name.try_into().unwrap()).unwrap();
        Self { client, tls, told: false }
    }

    /// Does the handshake.
    pub async fn handshake(&mut self) -> io::Result<()> {
        while self.tls.is_handshaking() {
            self.flush().await?;
            if self.tls.is_handshaking() && !self.receive().await? {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        self.flush().await
    }

    /// Writes all of these bytes.
    pub async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.handshake().await?;
        for piece in bytes.chunks(16 << 10) {
            self.tls.writer().write_all(piece)?;
            self.flush().await?;
        }
        Ok(())
    }

    /// Reads until the buffer is full.
    pub async fn read_exact(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        self.handshake().await?;
        let mut read = 0;
        while read < buffer.len() {
            match self.tls.reader().read(&mut buffer[read..]) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => read += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => _ = self.receive().await?,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads until the end of the stream. One without a `close_notify` is an error.
    pub async fn read_to_end(&mut self) -> io::Result<Vec<u8>> {
        self.handshake().await?;
        let mut bytes = Vec::new();
        loop {
            match self.tls.reader().read_to_end(&mut bytes) {
                Ok(_) => return Ok(bytes),
                Err(error) if error.kind() == ErrorKind::WouldBlock => _ = self.receive().await?,
                Err(error) => return Err(error),
            }
        }
    }

    /// Says that nothing more will be sent, in TLS alone.
    pub async fn close_notify(&mut self) -> io::Result<()> {
        self.tls.send_close_notify();
        self.flush().await
    }

    /// Says so, and closes the connection.
    pub async fn close(mut self) -> io::Result<()> {
        self.close_notify().await
    }

    /// Returns the connection below.
    pub fn into_inner(self) -> Client {
        self.client
    }

    async fn flush(&mut self) -> io::Result<()> {
        let mut wire = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut wire)?;
        }
        if wire.is_empty() { Ok(()) } else { self.client.write_all(&wire).await }
    }

    /// Reads once from the connection. Returns whether there was something. If it is no good, the server is told, where it can be.
    async fn receive(&mut self) -> io::Result<bool> {
        let mut wire = [0; 4096];
        let count = self.client.read(&mut wire).await?;
        let mut rest = &wire[..count];
        loop {
            // Nothing is the end of the stream.
            self.tls.read_tls(&mut rest)?;
            match self.tls.process_new_packets() {
                Ok(state) => self.told |= state.peer_has_closed(),
                Err(error) => {
                    let _ = self.flush().await;
                    return Err(io::Error::new(ErrorKind::InvalidData, error));
                }
            }
            if rest.is_empty() || self.told {
                return Ok(count > 0);
            }
        }
    }
}
