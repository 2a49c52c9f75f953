use super::*;
use alloc::vec;
use core::net::Ipv4Addr;
use std::os::unix::net::UnixDatagram;

/// Returns an attribute as the kernel lays it out.
fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let len = u16::try_from(4 + value.len()).unwrap();
    let mut bytes = [len.to_ne_bytes(), kind.to_ne_bytes()].concat();
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// Returns what the kernel says of a socket that a process holds, with 3 of 6 bytes to be read.
fn message(attributes: &[Vec<u8>]) -> Vec<u8> {
    let mut message = vec![0; MESSAGE];
    message[1] = 1;
    message[COOKIE] = 7;
    message[56..60].copy_from_slice(&3_u32.to_ne_bytes());
    message[68..72].copy_from_slice(&1_u32.to_ne_bytes());
    message.extend(attributes.concat());
    message
}

#[test]
fn a_socket_that_the_kernel_reads_from_for_another_is_told_apart() {
    let mut info = [0; 136];
    info[128..].copy_from_slice(&6_u64.to_ne_bytes());
    let plain = [attribute(INET_DIAG_SHUTDOWN, &[0]), attribute(INET_DIAG_INFO, &info)];
    let record = Record::parse(&message(&plain)).unwrap();
    assert!(record.held && !record.layered);
    assert_eq!((record.queued, record.received), (3, Some(6)));

    // With the name in it, as the first of its own attributes.
    let layer = attribute(INET_DIAG_ULP_INFO, &attribute(1, b"mptcp\0"));
    let [shutdown, info] = plain;
    let record = Record::parse(&message(&[shutdown, info, layer])).unwrap();
    assert!(record.held && record.layered);
}

#[test]
fn of_a_socket_that_was_let_go_between_two_looks_the_second_counts() {
    let held = Record::parse(&message(&[])).unwrap();
    let (first, second) = (Record { received: Some(5), shut_down: true, ..held }, Record { received: Some(6), ..held });
    assert_eq!(second.behind(&first), Record { received: Some(5), ..held });
    assert_eq!(first.behind(&first), first);
    let gone = Record { held: false, ..second };
    assert_eq!(gone.behind(&first), gone);
}

#[test]
fn an_answer_that_is_cut_is_none() {
    let whole = message(&[attribute(INET_DIAG_SHUTDOWN, &[0])]);
    assert_eq!(Record::parse(&whole[..MESSAGE - 1]), None);
    assert!(Record::parse(&whole[..whole.len() - 1]).is_some_and(|record| !record.shut_down));
}

/// Returns a netlink message.
fn datagram(kind: u16, number: u32, content: &[u8]) -> Vec<u8> {
    let len = u32::try_from(HEADER + content.len()).unwrap();
    let mut bytes = [len.to_ne_bytes(), [0; 4], number.to_ne_bytes(), [0; 4]].concat();
    bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
    bytes.extend(content);
    bytes
}

/// Returns a socket, and its other end in place of the kernel.
fn pair() -> (UnixDatagram, OwnedFd) {
    let (kernel, socket) = UnixDatagram::pair().unwrap();
    socket.set_nonblocking(true).unwrap();
    (kernel, socket.into())
}

#[test]
fn an_answer_is_told_from_what_else_comes() {
    let (kernel, socket) = pair();
    let mut inquiry = Inquiry { socket, number: 0 };
    let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, 7));
    let mut find = |answers: &[Vec<u8>]| {
        answers.iter().for_each(|answer| _ = kernel.send(answer).unwrap());
        inquiry.find(Tuple { local: addr, remote: addr })
    };
    let error = |errno: Errno| errno.raw_os_error().wrapping_neg().to_ne_bytes();
    // The first is that to an earlier question.
    let earlier = datagram(SOCK_DIAG_BY_FAMILY, 0, &message(&[]));
    assert_eq!(find(&[earlier, datagram(NLMSG_ERROR, 1, &error(Errno::NOENT))]), Ok(None));
    let found = find(&[datagram(SOCK_DIAG_BY_FAMILY, 2, &message(&[]))]).unwrap().unwrap();
    assert!(found.held && found.queued == 3);
    assert_eq!(find(&[datagram(NLMSG_ERROR, 3, &error(Errno::PERM))]), Err(Errno::PERM));
    // What is cut, and what nobody has asked for.
    assert_eq!(find(&[datagram(SOCK_DIAG_BY_FAMILY, 4, &[0; 4])]), Err(Errno::PROTO));
    assert_eq!(find(&[datagram(NLMSG_ERROR, 5, &[])]), Err(Errno::PROTO));
    assert_eq!(find(&[datagram(NLMSG_ERROR + 1, 6, &[])]), Err(Errno::PROTO));
    assert_eq!(find(&[vec![0; 3]]), Err(Errno::PROTO));
    assert_eq!(find(&[]), Err(Errno::AGAIN));
}

#[test]
fn what_is_no_word_on_a_socket_is_passed_over() {
    let (kernel, socket) = pair();
    let mut obituaries = Obituaries { socket: socket.into(), port: 0, lost: false };
    let word = datagram(SOCK_DIAG_BY_FAMILY, 0, &message(&[]));
    for said in [&datagram(NLMSG_ERROR, 0, &[]), &word[..HEADER], &word, b"?"] {
        kernel.send(said).unwrap();
    }
    assert_eq!(obituaries.next().map(|record| record.queued), Some(3));
    assert!(obituaries.next().is_none() && !obituaries.lost);
}
