//! System calls on sockets that a runtime owns. They bypass the runtime, whose cached readiness does not know what the kernel
//! holds at this moment.

use core::net::SocketAddr;
use socket2::{Domain, SockRef, Socket, Type};
use std::io::{self, Read};
use std::net::{Shutdown, TcpListener, TcpStream};

/// The length of the queue of clients that nobody accepted yet: the largest that Linux allows by default
/// (`net.core.somaxconn`). A queue of 128, the usual default, overflows in a burst, and costs each client that finds it full a
/// second.
const BACKLOG: i32 = 4096;

/// Listens on an address; the socket does not block.
///
/// # Errors
/// Returns the error of the system.
pub fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
    // As std does: on Windows the option would let others take the port.
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    let listener = TcpListener::from(socket);
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Accepts a connection that the kernel already holds; the stream does not block.
///
/// # Errors
/// Returns [`io::ErrorKind::WouldBlock`] if there is none, and other errors of the system.
pub fn accept_now<'s, S>(listener: &'s S) -> io::Result<(TcpStream, Option<SocketAddr>)>
where
    SockRef<'s>: From<&'s S>,
{
    let (socket, addr) = SockRef::from(listener).accept()?;
    let stream = TcpStream::from(socket);
    stream.set_nonblocking(true)?;
    Ok((stream, addr.as_socket()))
}

/// Reads what the kernel already holds.
///
/// # Errors
/// Returns [`io::ErrorKind::WouldBlock`] if there is nothing, and other errors of the system.
pub fn read_now<'s, S>(stream: &'s S, buffer: &mut [u8]) -> io::Result<usize>
where
    SockRef<'s>: From<&'s S>,
{
    (&*SockRef::from(stream)).read(buffer)
}

/// Sends the end of the stream behind what was written.
///
/// # Errors
/// Returns the error of the system.
pub fn shutdown<'s, S>(stream: &'s S) -> io::Result<()>
where
    SockRef<'s>: From<&'s S>,
{
    SockRef::from(stream).shutdown(Shutdown::Write)
}

/// Has small writes sent at once (`TCP_NODELAY`).
pub fn set_nodelay<'s, S>(stream: &'s S)
where
    SockRef<'s>: From<&'s S>,
{
    // Only a socket that is gone already refuses the option.
    let _ = SockRef::from(stream).set_tcp_nodelay(true);
}

/// Takes the pending error of a socket (`SO_ERROR`).
pub fn take_error<'s, S>(stream: &'s S) -> Option<io::Error>
where
    SockRef<'s>: From<&'s S>,
{
    SockRef::from(stream).take_error().ok().flatten()
}

/// Has a connection end with a reset instead of an end of stream when it is closed.
pub fn reset_on_close<'s, S>(stream: &'s S)
where
    SockRef<'s>: From<&'s S>,
{
    // Only a socket that is gone already refuses the option, and then there is nothing to abort.
    let _ = SockRef::from(stream).set_linger(Some(core::time::Duration::ZERO));
}
