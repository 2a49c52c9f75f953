use super::*;
use alloc::boxed::Box;
use alloc::vec::Vec;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, send, socket_with};
use rustix::thread::UnshareFlags;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::eprintln;
use std::io::Read;
use std::net::Shutdown;
use std::sync::RwLock;
use std::thread;

/// The longest time to wait for what a busy machine is going to do.
const LONG: Duration = Duration::from_secs(20);

/// Who has strangers' sockets go by the hundred does so alone: what is said of them would take the room of others.
static STORM: RwLock<()> = RwLock::new(());

fn storm() -> impl Sized {
    STORM.write().unwrap_or_else(PoisonError::into_inner)
}

fn calm() -> impl Sized {
    STORM.read().unwrap_or_else(PoisonError::into_inner)
}

/// Returns what a process of its own would have of the kernel.
fn kernel() -> &'static Mutex<Option<Kernel>> {
    Box::leak(Box::default())
}

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
    fn new(kernel: &'static Mutex<Option<Kernel>>) -> Option<Self> {
        if !is_available() {
            return None;
        }
        // Before the probe: then whatever it hears was said to the probe, too.
        let witness = Obituaries::new().unwrap();
        witness.hear(true).unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut server, addr) = listener.accept().unwrap();
        let mut probe = Probe::untried(kernel, server.local_addr().unwrap(), addr);
        probe.watch();
        witness.narrow(probe.cookie.unwrap()).unwrap();
        server.write_all(b"hello").unwrap();
        client.read_exact(&mut [0; 2]).unwrap();
        Some(Self { listener, client, _server: server, probe, witness })
    }

    /// The same for the first of a process.
    fn first() -> Option<Self> {
        let watched = Self::new(kernel());
        assert!(watched.as_ref().is_none_or(|watched| matches!(watched.probe.ear, Ear::Shared { .. })));
        watched
    }

    /// Has strangers' sockets go until more was said of them than the probe has room for.
    fn overflow(&self) {
        let socket = with(self.probe.kernel, |kernel| kernel.gazette.as_ref().unwrap().socket()).unwrap();
        SockRef::from(&*socket).set_recv_buffer_size(0).unwrap();
        let began = Instant::now();
        // The error is there as soon as something is lost, and stays until somebody hears.
        while poll(&mut [PollFd::new(&*socket, PollFlags::empty())], Some(&MOMENT)).unwrap() == 0 {
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
            wait(&self.witness.socket, MOMENT);
        }
        self.probe
    }
}

#[test]
fn the_last_word_on_a_client_has_the_number() {
    let _calm = calm();
    for (may_stay, lasts) in [(false, false), (true, false), (false, true), (true, true)] {
        let Some(mut watched) = Watched::first() else { return };
        if lasts {
            watched.probe.narrow();
            assert!(matches!(watched.probe.ear, Ear::Own(_)));
        }
        assert_eq!(watched.close().peer(5, may_stay), Some(Peer::Closed { unread: Some(3) }));
    }
}

#[test]
fn each_word_is_kept_for_the_connection_that_it_is_about() {
    let _calm = calm();
    let kernel = kernel();
    let [Some(first), Some(second), Some(third)] = [(); 3].map(|()| Watched::new(kernel)) else { return };
    let (mut second, mut third) = (second.close(), third.close());
    assert_eq!(third.peer(5, false), Some(Peer::Closed { unread: Some(3) }));
    drop(third);
    assert_eq!(second.peer(4, false), Some(Peer::Closed { unread: Some(2) }));
    assert_eq!(first.close().peer(5, false), Some(Peer::Closed { unread: Some(3) }));
}

#[test]
fn where_many_sockets_come_and_go_each_connection_hears_of_its_own_only() {
    let _storm = storm();
    let Some(mut watched) = Watched::first() else { return };
    let began = Instant::now();
    let kernel = watched.probe.kernel;
    while !with(kernel, |kernel| kernel.noisy).unwrap() {
        assert!(began.elapsed() < LONG, "nothing is said of strangers");
        watched.stranger();
        watched.probe.listen();
    }
    let mut other = Watched::new(kernel).unwrap();
    let Ear::Own(own) = &mut other.probe.ear else { panic!("it listens to all") };
    for _ in 0..NOISE {
        watched.stranger();
    }
    assert!(own.next().is_none() && !own.lost);
    assert!(!other.probe.watch(), "there is nothing more to be done");
    assert_eq!(other.close().peer(5, false), Some(Peer::Closed { unread: Some(3) }));
}

#[test]
fn a_word_that_was_lost_is_not_guessed() {
    let _storm = storm();
    for (may_stay, end) in [(false, Peer::Closed { unread: None }), (true, Peer::Unknown)] {
        let Some(watched) = Watched::first() else { return };
        watched.overflow();
        let mut probe = watched.close();
        // At once: nobody waits for what will not be said again.
        assert_eq!(probe.peer(5, may_stay), Some(end));
        assert_eq!(probe.peer(5, may_stay), Some(end));
    }
}

#[test]
fn what_was_lost_while_the_client_was_there_is_none_of_its() {
    let _storm = storm();
    let Some(mut watched) = Watched::first() else { return };
    watched.overflow();
    watched.probe.narrow();
    assert!(!watched.probe.has_lost());
    assert_eq!(watched.probe.peer(5, false), Some(Peer::Open { unread: Some(3) }));
    assert_eq!(watched.close().peer(5, false), Some(Peer::Closed { unread: Some(3) }));
}

#[test]
fn what_was_lost_before_is_none_of_a_new_client() {
    let _storm = storm();
    let Some(watched) = Watched::first() else { return };
    watched.overflow();
    let socket = with(watched.probe.kernel, |kernel| kernel.gazette.as_ref().unwrap().socket()).unwrap();
    SockRef::from(&*socket).set_recv_buffer_size(1 << 20).unwrap();
    let other = Watched::new(watched.probe.kernel).unwrap();
    assert!(!other.probe.has_lost());
    assert_eq!(other.close().peer(5, false), Some(Peer::Closed { unread: Some(3) }));
}

#[test]
fn a_client_that_goes_while_the_loss_is_noticed_is_not_guessed_either() {
    let _storm = storm();
    let Some(watched) = Watched::first() else { return };
    watched.overflow();
    let mut probe = watched.close();
    probe.narrow();
    assert_eq!(probe.peer(5, false), Some(Peer::Closed { unread: None }));
}

#[test]
fn who_is_gone_is_waited_for_no_more() {
    let _calm = calm();
    let Some(watched) = Watched::first() else { return };
    let kernel = watched.probe.kernel;
    let subscribers = || with(kernel, |kernel| kernel.gazette.as_ref().unwrap().subscribers()).unwrap();
    assert_eq!(subscribers(), 1);
    let mut second = Watched::new(kernel).unwrap();
    assert_eq!(subscribers(), 2);
    second.probe.narrow();
    assert_eq!(subscribers(), 1);
    drop(second);
    let mut probe = watched.close();
    assert_eq!(probe.peer(5, false), Some(Peer::Closed { unread: Some(3) }));
    assert_eq!(subscribers(), 0);
}

#[test]
fn nobody_hears_what_nobody_would_read() {
    let _calm = calm();
    let Some(watched) = Watched::first() else { return };
    let kernel = watched.probe.kernel;
    let strangers = || {
        let heard = with(kernel, |kernel| {
            let gazette = kernel.gazette.as_mut().unwrap();
            gazette.listen();
            gazette.so_far.strangers
        });
        heard.unwrap()
    };
    let mut witness = Obituaries::new().unwrap();
    witness.hear(true).unwrap();
    let mut goes = || {
        watched.stranger();
        let began = Instant::now();
        while core::iter::from_fn(|| witness.next()).count() == 0 {
            assert!(began.elapsed() < LONG, "nothing is said of a stranger");
            wait(&witness.socket, MOMENT);
        }
    };
    goes();
    let began = Instant::now();
    while strangers() == 0 {
        assert!(began.elapsed() < LONG, "nothing is heard of a stranger");
    }
    with(kernel, |kernel| kernel.gazette.as_mut().unwrap().cancel(watched.probe.cookie.unwrap())).unwrap();
    let before = strangers();
    goes();
    assert_eq!(strangers(), before);
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
        let mut probe = Probe::untried(&KERNEL, server.local_addr().unwrap(), addr);
        if watch {
            probe.watch();
        }
        assert_eq!(probe.peer(0, false), Some(Peer::Open { unread: Some(0) }));
        // The shadow is that of the first who ends.
        client.shutdown(Shutdown::Write).unwrap();
        drop(server);
        let began = Instant::now();
        while !probe.find().unwrap().is_some_and(|record| record.time_wait) {
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
        let mut probe = Probe::untried(&KERNEL, listener.local_addr().unwrap(), client);
        assert!(!is_available() || probe.peer(sent, false) == Some(Peer::Closed { unread }));
    }
}

#[test]
fn the_wait_for_a_last_word_ends_whatever_the_kernel_answers() {
    let Some(mut watched) = Watched::new(&KERNEL) else { return };
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
        let mut probe = Probe::untried(&KERNEL, server.local_addr().unwrap(), addr);
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
            let mut probe = Probe::untried(&KERNEL, server.local_addr().unwrap(), addr);
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
