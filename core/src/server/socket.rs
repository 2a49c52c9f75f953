//! System calls on sockets that a runtime owns. They bypass the runtime, whose cached readiness does not know what the kernel
//! holds at this moment.

use core::net::SocketAddr;
use core::time::Duration;
use socket2::{Domain, SockRef, Socket, Type};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};

/// The length of the queue of clients that nobody accepted yet: the largest that Linux allows by default
/// (`net.core.somaxconn`). A queue of 128, the usual default, overflows in a burst, and costs each client that finds it full a
/// second.
const BACKLOG: i32 = 4096;

/// The length of a queue that one client fills: Linux takes one more than this, and macOS takes 0 for the longest.
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
const SINGLE: i32 = if cfg!(target_vendor = "apple") { 1 } else { 0 };

/// How long the client may take that fills a queue. The kernel repeats a lost attempt to connect after a second.
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
const FILLING: Duration = Duration::from_secs(5);

/// Listens on an address; the socket does not block. The kernel is asked to keep no more than so many bytes in each direction of each
/// connection.
pub(super) fn listen(addr: SocketAddr, capacity: Option<usize>) -> io::Result<TcpListener> {
    listen_with(addr, BACKLOG, capacity)
}

fn listen_with(addr: SocketAddr, backlog: i32, capacity: Option<usize>) -> io::Result<TcpListener> {
    let socket = nonblocking(Domain::for_address(addr))?;
    share_port(&socket, true)?;
    narrow(&socket, capacity)?;
    socket.bind(&addr.into())?;
    socket.listen(backlog)?;
    Ok(TcpListener::from(socket))
}

/// Returns a socket that does not block: from its beginning, where there is such, for one system call less.
#[cfg(all(feature = "probe", target_os = "linux"))]
fn nonblocking(domain: Domain) -> io::Result<Socket> {
    Socket::new(domain, Type::STREAM.nonblocking(), None)
}

#[cfg(not(all(feature = "probe", target_os = "linux")))]
fn nonblocking(domain: Domain) -> io::Result<Socket> {
    let socket = Socket::new(domain, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Has the connections of a socket that is going to listen begin with buffers of this size.
fn narrow(socket: &Socket, capacity: Option<usize>) -> io::Result<()> {
    let Some(bytes) = capacity else { return Ok(()) };
    socket.set_recv_buffer_size(bytes)?;
    socket.set_send_buffer_size(bytes)
}

/// Says whether a socket gets along with others on its port: with connections of the past, and with sockets that say the same and
/// do not listen.
fn share_port(socket: &Socket, share: bool) -> io::Result<()> {
    // As std does: on Windows the option would let others take the port.
    if cfg!(windows) { Ok(()) } else { socket.set_reuse_address(share) }
}

/// Takes a port without listening: clients are refused, and nobody else can have it. The socket does not block.
pub(super) fn hold(addr: SocketAddr, capacity: Option<usize>) -> io::Result<Socket> {
    let socket = nonblocking(Domain::for_address(addr))?;
    narrow(&socket, capacity)?;
    if let Err(error) = socket.bind(&addr.into()) {
        if error.kind() != io::ErrorKind::AddrInUse {
            return Err(error);
        }
        // Maybe only by connections of the past. When it has the port, the socket shares it no longer.
        share_port(&socket, true)?;
        socket.bind(&addr.into())?;
        share_port(&socket, false)?;
    }
    Ok(socket)
}

/// Listens on a port that was [held](hold) until now.
pub(super) fn open(socket: &Socket) -> io::Result<()> {
    // Else the connections of the past would be in the way again, and those to come in the way of others.
    share_port(socket, true)?;
    socket.listen(BACKLOG).inspect_err(|_| drop(share_port(socket, false)))
}

/// Listens with a queue that is full: a client that connects gets no answer. The socket is not to be accepted from.
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
pub(super) fn listen_full(addr: SocketAddr) -> io::Result<TcpListener> {
    let listener = listen_with(addr, SINGLE, None)?;
    let client = TcpStream::connect_timeout(&listener.local_addr()?, FILLING)?;
    // It may be connected before it is in the queue, but no end of its stream is acknowledged before; for that its close waits.
    SockRef::from(&client).set_linger(Some(FILLING))?;
    drop(client);
    Ok(listener)
}

/// Elsewhere the clients of a full queue are refused, or think that they are connected.
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
pub(super) fn listen_full(_: SocketAddr) -> io::Result<TcpListener> {
    let message = "on this system, clients of a full queue are not left waiting; on Linux and macOS they are";
    Err(io::Error::new(io::ErrorKind::Unsupported, message))
}

/// Returns the address that a socket has.
pub(super) fn local_addr(socket: &Socket) -> io::Result<SocketAddr> {
    socket.local_addr()?.as_socket().ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}

/// Accepts a connection that the kernel already holds; the stream does not block.
///
/// # Errors
/// Returns [`io::ErrorKind::WouldBlock`] if there is none, and other errors of the system.
pub fn accept_now<'s, S>(listener: &'s S) -> io::Result<(TcpStream, Option<SocketAddr>)>
where
    SockRef<'s>: From<&'s S>,
{
    let listener = SockRef::from(listener);
    if nobody_waits(&listener) {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    let (socket, addr) = listener.accept()?;
    let stream = TcpStream::from(socket);
    stream.set_nonblocking(true)?;
    Ok((stream, addr.as_socket()))
}

/// Says whether no client is in a listener's queue, where that is cheap to know: Linux makes a socket before it looks whether there is
/// anybody to accept, and a look at the queue takes a tenth of the time.
#[cfg(all(feature = "probe", target_os = "linux"))]
fn nobody_waits(listener: &Socket) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut [PollFd::new(listener, PollFlags::IN)], Some(&now)) == Ok(0)
}

#[cfg(not(all(feature = "probe", target_os = "linux")))]
fn nobody_waits(_: &Socket) -> bool {
    false
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

/// Writes what the kernel has room for. A signal that the client is gone (SIGPIPE) is for the program to ignore, as Rust's do.
///
/// # Errors
/// Returns [`io::ErrorKind::WouldBlock`] if there is no room, and other errors of the system.
pub fn write_now<'s, S>(stream: &'s S, bytes: &[u8]) -> io::Result<usize>
where
    SockRef<'s>: From<&'s S>,
{
    (&*SockRef::from(stream)).write(bytes)
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

/// Returns a second descriptor of the socket.
///
/// # Errors
/// Returns the error of the system.
pub fn to_std<'s, S>(stream: &'s S) -> io::Result<TcpStream>
where
    SockRef<'s>: From<&'s S>,
{
    SockRef::from(stream).try_clone().map(TcpStream::from)
}

/// Has a connection end with a reset instead of an end of stream when it is closed.
pub fn reset_on_close<'s, S>(stream: &'s S)
where
    SockRef<'s>: From<&'s S>,
{
    // Only a socket that is gone already refuses the option, and then there is nothing to abort.
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}
