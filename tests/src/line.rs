//! A client for a small line protocol, with a bug of your choice.
//!
//! ```text
//! server  220 ready
//! client  GET greeting
//! server  VALUE 5
//! server  hello
//! ```
//!
//! Each bug is one that clients have had, and each is a mistake about what TCP delivers. As long as every message comes in one read,
//! and a write takes all of it, none of them shows.

use crate::client::Client;
use std::io::{self, ErrorKind};

/// What the client does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// It looks for the end of a line in each read by itself, and so does not see one that was cut in the middle.
    LooksInEachRead,
    /// It reads once for a value, and takes what came for all of it.
    ReadsValueOnce,
    /// It writes once, and does not look how much was taken.
    WritesOnce,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::LooksInEachRead, Self::ReadsValueOnce, Self::WritesOnce];
}

/// The client.
#[derive(Debug)]
pub struct LineClient {
    stream: Client,
    bug: Option<Bug>,
    /// What was read and not yet used.
    received: Vec<u8>,
}

impl LineClient {
    /// Takes a connection, and reads the server's greeting.
    pub async fn new(stream: Client, bug: Option<Bug>) -> io::Result<Self> {
        let mut client = Self { stream, bug, received: Vec::new() };
        match client.read_line().await?.as_str() {
            "220 ready" => Ok(client),
            line => Err(io::Error::other(format!("no greeting: {line:?}"))),
        }
    }

    /// Asks for the value of a key.
    pub async fn get(&mut self, key: &str) -> io::Result<Vec<u8>> {
        self.write(format!("GET {key}\r\n").as_bytes()).await?;
        let line = self.read_line().await?;
        let length = line.strip_prefix("VALUE ").and_then(|length| length.parse().ok());
        let length = length.ok_or_else(|| io::Error::other(format!("no value: {line:?}")))?;
        let value = self.read_value(length).await?;
        self.read_line().await?;
        Ok(value)
    }

    async fn read_line(&mut self) -> io::Result<String> {
        let mut looked_at = 0;
        loop {
            let end = self.received[looked_at..].windows(2).position(|two| two == b"\r\n");
            if let Some(end) = end.map(|end| looked_at + end) {
                let line: Vec<u8> = self.received.drain(..end + 2).take(end).collect();
                return String::from_utf8(line).map_err(io::Error::other);
            }
            looked_at = match self.bug {
                Some(Bug::LooksInEachRead) => self.received.len(),
                // The last byte may be the first half of an end.
                _ => self.received.len().saturating_sub(1),
            };
            self.read_more().await?;
        }
    }

    async fn read_value(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.received.len() < length {
            self.read_more().await?;
            if self.bug == Some(Bug::ReadsValueOnce) {
                break;
            }
        }
        let length = length.min(self.received.len());
        Ok(self.received.drain(..length).collect())
    }

    async fn read_more(&mut self) -> io::Result<()> {
        let mut bytes = [0; 512];
        match self.stream.read(&mut bytes).await? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            count => {
                self.received.extend(&bytes[..count]);
                Ok(())
            }
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.bug {
            Some(Bug::WritesOnce) => self.stream.write(bytes).await.map(drop),
            _ => self.stream.write_all(bytes).await,
        }
    }
}
