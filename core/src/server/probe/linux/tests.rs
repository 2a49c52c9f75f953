use super::*;
use alloc::vec::Vec;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, send, socket_with};
use rustix::thread::UnshareFlags;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::eprintln;
use std::io::Read;
use std::net::Shutdown;
use std::thread;

/// The longest time to wait for what a busy machine is going to do.
const LONG: Duration = Duration::from_secs(20);

/// A connection that is watched: its client was sent "hello", and has read two bytes of it.
struct Watched {
    listener: TcpListener,
    client: TcpStream,
    _server: TcpStream,
    probe: Probe,
    /// Hears of the client as well.
    witness: Obituaries,
}

impl Watched {
    /// `None` where the kernel does not tell.
    fn new() -> Option<Self> {
        if !is_available() {
            return None;
        }
        // Before the probe: then whatever it hears was said to the probe, too.
        let witness = Obituaries::new().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut server, addr) = listener.accept().unwrap();
        let mut probe = Probe::untried(server.local_addr().unwrap(), addr);
        probe.watch();
        witness.narrow(probe.cookie.unwrap());
        server.write_all(b"hello").unwrap();
        client.read_exact(&mut [0; 2]).unwrap();
        Some(Self { listener, client, _server: server, probe, witness })
    }

    /// Has strangers' sockets go until more was said of them than the probe has room for.
    fn overflow(&self) {
        let socket = &self.probe.obituaries.as_ref().unwrap().socket;
        // It hears of strangers, also on a machine that counts as busy with them.
        let _ = SockRef::from(socket).detach_filter();
        SockRef::from(socket).set_recv_buffer_size(0).unwrap();
        let began = Instant::now();
        // The error is there as soon as something is lost, and stays until somebody hears.
        while poll(&mut [PollFd::new(socket, PollFlags::empty())], Some(&MOMENT)).unwrap() == 0 {
            assert!(began.elapsed() < LONG, "nothing is lost");
            self.stranger();
        }
    }

    /// Has a stranger's socket come and go.
    fn stranger(&self) {
        let stranger = TcpStream::connect(self.listener.local_addr().unwrap()).unwrap();
        // Else the kernel would have to remember it for a minute.
        SockRef::from(&stranger).set_linger(Some(Duration::ZERO)).unwrap();
        drop((stranger, self.listener.accept().unwrap()));
    }

    /// Has the client close, and waits until the kernel has said so. Returns its probe.
    fn close(mut self) -> Probe {
        drop(self.client);
        let began = Instant::now();
        while !core::iter::from_fn(|| self.witness.next()).any(|record| Some(record.cookie) == self.probe.cookie) {
            assert!(began.elapsed() < LONG, "nothing is said of the client");
            self.witness.wait(MOMENT);
        }
        self.probe
    }
}

#[test]
fn the_last_word_on_a_client_has_the_number() {
    for may_stay in [false, true] {
        let Some(watched) = Watched::new() else { return };
        assert_eq!(watched.close().peer(5, may_stay), Some(Peer::Closed { unread: Some(3) }));
    }
}

#[test]
fn where_many_sockets_come_and_go_each_connection_hears_of_its_own_only() {
    let Some(mut watched) = Watched::new() else { return };
    let socket = &watched.probe.obituaries.as_ref().unwrap().socket;
    let _ = SockRef::from(socket).detach_filter();
    let began = Instant::now();
    while watched.probe.strangers <= NOISE {
        assert!(began.elapsed() < LONG, "nothing is said of strangers");
        watched.stranger();
        watched.probe.listen();
    }
    assert!(NOISY.load(Ordering::Relaxed));
    let mut other = Watched::new().unwrap();
    assert!(!other.probe.watch(), "there is nothing more to be done");
    watched.stranger();
    let mut probe = other.close();
    assert_eq!((probe.peer(5, false), probe.strangers), (Some(Peer::Closed { unread: Some(3) }), 0));
}

#[test]
fn a_word_that_was_lost_is_not_guessed() {
    for (may_stay, end) in [(false, Peer::Closed { unread: None }), (true, Peer::Unknown)] {
        let Some(watched) = Watched::new() else { return };
        watched.overflow();
        let mut probe = watched.close();
        // At once: nobody waits for what will not be said again.
        assert_eq!(probe.peer(5, may_stay), Some(end));
        assert_eq!(probe.peer(5, may_stay), Some(end));
    }
}

#[test]
fn what_was_lost_while_the_client_was_there_is_none_of_its() {
    let Some(mut watched) = Watched::new() else { return };
    watched.overflow();
    // Nothing more is lost.
    let socket = &watched.probe.obituaries.as_ref().unwrap().socket;
    SockRef::from(socket).set_recv_buffer_size(1 << 20).unwrap();
    watched.probe.narrow();
    assert!(!watched.probe.has_lost());
    assert_eq!(watched.probe.peer(5, false), Some(Peer::Open { unread: Some(3) }));
    assert_eq!(watched.close().peer(5, false), Some(Peer::Closed { unread: Some(3) }));
}

#[test]
fn a_client_that_goes_while_the_loss_is_noticed_is_not_guessed_either() {
    let Some(watched) = Watched::new() else { return };
    watched.overflow();
    let mut probe = watched.close();
    probe.narrow();
    assert_eq!(probe.peer(5, false), Some(Peer::Closed { unread: None }));
}

#[test]
fn of_a_connection_that_both_have_ended_only_the_shadow_is_left() {
    // The last word comes when the client lets go of its socket; if nobody listens for it, it is not known whether it has.
    for (watch, may_stay, peer) in [
        (false, false, Peer::Closed { unread: Some(0) }),
        (false, true, Peer::Unknown),
        (true, true, Peer::Open { unread: None }),
    ] {
        if !is_available() {
            return;
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, addr) = listener.accept().unwrap();
        let mut probe = Probe::untried(server.local_addr().unwrap(), addr);
        if watch {
            probe.watch();
        }
        assert_eq!(probe.peer(0, false), Some(Peer::Open { unread: Some(0) }));
        // The shadow is that of the first who ends.
        client.shutdown(Shutdown::Write).unwrap();
        drop(server);
        let began = Instant::now();
        while !ask(probe.client).unwrap().is_some_and(|record| record.time_wait) {
            assert!(began.elapsed() < LONG, "there is no shadow");
            thread::yield_now();
        }
        assert_eq!(probe.peer(0, may_stay), Some(peer));
    }
}

#[test]
fn a_client_that_was_here_and_left_no_trace_has_closed() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    // A port at which nobody is.
    let nobody = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    nobody.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    let client = nobody.local_addr().unwrap().as_socket().unwrap();
    for (sent, unread) in [(0, Some(0)), (1, None)] {
        let mut probe = Probe::untried(listener.local_addr().unwrap(), client);
        assert!(!is_available() || probe.peer(sent, false) == Some(Peer::Closed { unread }));
    }
}

#[test]
fn the_wait_for_a_last_word_ends_whatever_the_kernel_answers() {
    let Some(mut watched) = Watched::new() else { return };
    watched.probe.gone = Instant::now().checked_sub(PATIENCE);
    assert_eq!(watched.probe.peer(5, false), Some(Peer::Closed { unread: None }));
}

/// Returns a client on a socket of MPTCP, under which there is one of TCP; `None` where the kernel has no such sockets.
fn multipath(listener: &TcpListener) -> Option<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::MPTCP)).ok()?;
    socket.connect(&listener.local_addr().unwrap().into()).unwrap();
    Some(socket.into())
}

#[test]
fn of_a_client_on_another_socket_than_that_of_the_connection_nothing_is_known() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    for (watch, close) in [(false, false), (true, false), (false, true), (true, true)] {
        let Some(mut client) = multipath(&listener).filter(|_| is_available()) else { return };
        let (mut server, addr) = listener.accept().unwrap();
        let mut probe = Probe::untried(server.local_addr().unwrap(), addr);
        if watch {
            assert!(!probe.watch());
        }
        server.write_all(b"hello").unwrap();
        client.read_exact(&mut [0; 2]).unwrap();
        assert_eq!(probe.peer(5, false), None);
        if close {
            drop(client);
        }
        assert_eq!(probe.peer(5, false), None);
    }
}

/// Gives the thread a network namespace of its own, with a loopback; only root may.
fn leave_network() -> Result<(), Errno> {
    #[expect(deprecated, reason = "what makes it unsafe are other flags")]
    rustix::thread::unshare(UnshareFlags::NEWNET)?;
    // To the routing that is the default protocol, an `ifinfomsg` for the first interface, which has IFF_UP to be set.
    let words = [32, 16 | (1 << 16), 0, 0, 0, 1, 1, 1_u32];
    let request: Vec<u8> = words.into_iter().flat_map(u32::to_ne_bytes).collect();
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    send(&socket, &request, SendFlags::empty()).map(drop)
}

#[test]
fn of_a_client_in_another_network_namespace_nothing_is_known() {
    if !is_available() {
        return;
    }
    let test = || {
        if let Err(error) = leave_network() {
            eprintln!("skipped: a network namespace takes root ({error})");
            return;
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        for watch in [false, true] {
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (mut server, addr) = listener.accept().unwrap();
            let mut probe = Probe::untried(server.local_addr().unwrap(), addr);
            if watch {
                assert!(!probe.watch());
            }
            server.write_all(b"hello").unwrap();
            assert_eq!(probe.peer(5, false), None);
            drop(client);
            assert_eq!(probe.peer(5, false), None);
        }
    };
    thread::spawn(test).join().unwrap();
}
