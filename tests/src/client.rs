//! A client on any stage.

use core::net::SocketAddr;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use futures_io::{AsyncRead, AsyncWrite};
use futures_lite::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split};
use std::io::{self, Read, Write};
use std::net::Shutdown;
use tcpclient_core::server::memory;
use tcpclient_tokio::MemoryStream;
use tokio::io::{AsyncRead as TokioRead, AsyncWrite as TokioWrite, ReadBuf};

/// The client's end of a connection. It closes when it is dropped.
#[derive(Debug)]
pub struct Client(Stream);

#[derive(Debug)]
enum Stream {
    Tokio(tokio::net::TcpStream),
    TokioMemory(MemoryStream),
    AsyncStd(async_std::net::TcpStream),
    Smol(smol::net::TcpStream),
    Memory(memory::Stream),
    /// Blocks the thread instead of waiting.
    Blocking(std::net::TcpStream),
    Reader(ReadHalf<Box<Stream>>),
    Writer(WriteHalf<Box<Stream>>),
}

impl From<memory::Stream> for Client {
    fn from(stream: memory::Stream) -> Self {
        Self(Stream::Memory(stream))
    }
}

impl From<MemoryStream> for Client {
    fn from(stream: MemoryStream) -> Self {
        Self(Stream::TokioMemory(stream))
    }
}

impl Client {
    pub(crate) async fn tokio(addr: SocketAddr) -> io::Result<Self> {
        Ok(Self(Stream::Tokio(tokio::net::TcpStream::connect(addr).await?)))
    }

    pub(crate) async fn async_std(addr: SocketAddr) -> io::Result<Self> {
        Ok(Self(Stream::AsyncStd(async_std::net::TcpStream::connect(addr).await?)))
    }

    pub(crate) async fn smol(addr: SocketAddr) -> io::Result<Self> {
        Ok(Self(Stream::Smol(smol::net::TcpStream::connect(addr).await?)))
    }

    pub(crate) fn blocking(addr: SocketAddr) -> io::Result<Self> {
        Ok(Self(Stream::Blocking(std::net::TcpStream::connect(addr)?)))
    }

    pub(crate) fn blocking_within(addr: SocketAddr, limit: Duration) -> io::Result<Self> {
        Ok(Self(Stream::Blocking(std::net::TcpStream::connect_timeout(&addr, limit)?)))
    }

    /// Writes all of these bytes.
    pub async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes).await
    }

    /// Writes as many of these bytes as there is room for, and returns how many that were.
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).await
    }

    /// Reads what there is, at least a byte unless the stream has ended.
    pub async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).await
    }

    /// Reads until the buffer is full.
    pub async fn read_exact(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        self.0.read_exact(buffer).await
    }

    /// Reads until the end of the stream.
    pub async fn read_to_end(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.0.read_to_end(&mut bytes).await?;
        Ok(bytes)
    }

    /// Reads until a byte has come, and not one byte further: a buffered reader would take from the kernel all that there is.
    pub async fn read_until(&mut self, last: u8) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        while bytes.last() != Some(&last) {
            let mut byte = [0];
            self.read_exact(&mut byte).await?;
            bytes.extend(byte);
        }
        Ok(bytes)
    }

    /// Closes the sending half; reading goes on.
    pub async fn shutdown(&mut self) -> io::Result<()> {
        self.0.close().await
    }

    /// Shuts down both halves, which only sockets can, and keeps the connection.
    pub fn shutdown_both(&self) -> io::Result<()> {
        self.socket()?.shutdown(Shutdown::Both)
    }

    /// Aborts the connection with a reset, which only sockets can.
    pub fn abort(self) -> io::Result<()> {
        self.socket()?.set_linger(Some(Duration::ZERO))
    }

    fn socket(&self) -> io::Result<socket2::SockRef<'_>> {
        Ok(match &self.0 {
            Stream::Tokio(stream) => stream.into(),
            Stream::AsyncStd(stream) => stream.into(),
            Stream::Smol(stream) => stream.into(),
            Stream::Blocking(stream) => stream.into(),
            other => return Err(io::Error::other(format!("{other:?} has no socket"))),
        })
    }

    /// Returns two handles on the stream: what reads, and what writes. It closes when both are dropped.
    pub fn split(self) -> io::Result<(Self, Self)> {
        if let Stream::Blocking(stream) = self.0 {
            let twin = stream.try_clone()?;
            return Ok((Self(Stream::Blocking(stream)), Self(Stream::Blocking(twin))));
        }
        let (reader, writer) = split(Box::new(self.0));
        Ok((Self(Stream::Reader(reader)), Self(Stream::Writer(writer))))
    }

    /// Writes a frame with a 4-byte big-endian length, at once.
    pub async fn write_frame(&mut self, payload: &[u8]) -> io::Result<()> {
        let length = u32::try_from(payload.len()).unwrap();
        self.write_all(&[&length.to_be_bytes()[..], payload].concat()).await
    }

    /// Reads a frame with a 4-byte big-endian length.
    pub async fn read_frame(&mut self) -> io::Result<Vec<u8>> {
        let mut length = [0; 4];
        self.read_exact(&mut length).await?;
        let mut payload = vec![0; u32::from_be_bytes(length) as usize];
        self.read_exact(&mut payload).await?;
        Ok(payload)
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        fn tokio(stream: impl TokioRead + Unpin, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
            let mut buffer = ReadBuf::new(buffer);
            ready!(core::pin::pin!(stream).poll_read(cx, &mut buffer))?;
            Poll::Ready(Ok(buffer.filled().len()))
        }
        match &mut *self {
            Self::Tokio(stream) => tokio(stream, cx, buffer),
            Self::TokioMemory(stream) => tokio(stream, cx, buffer),
            Self::AsyncStd(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Smol(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Memory(stream) => AsyncRead::poll_read(Pin::new(stream), cx, buffer),
            Self::Blocking(stream) => Poll::Ready(stream.read(buffer)),
            Self::Reader(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Writer(_) => Poll::Ready(Err(io::ErrorKind::Unsupported.into())),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Tokio(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::TokioMemory(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::AsyncStd(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Smol(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Memory(stream) => AsyncWrite::poll_write(Pin::new(stream), cx, bytes),
            Self::Blocking(stream) => Poll::Ready(stream.write(bytes)),
            Self::Reader(_) => Poll::Ready(Err(io::ErrorKind::Unsupported.into())),
            Self::Writer(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Neither sockets nor memory hold anything back.
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Tokio(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::TokioMemory(stream) => Pin::new(stream).poll_shutdown(cx),
            // To close it sends nothing.
            Self::AsyncStd(stream) => Poll::Ready(stream.shutdown(Shutdown::Write)),
            Self::Smol(stream) => Pin::new(stream).poll_close(cx),
            Self::Memory(stream) => Pin::new(stream).poll_close(cx),
            Self::Blocking(stream) => Poll::Ready(stream.shutdown(Shutdown::Write)),
            Self::Reader(_) => Poll::Ready(Err(io::ErrorKind::Unsupported.into())),
            Self::Writer(stream) => Pin::new(stream).poll_close(cx),
        }
    }
}
