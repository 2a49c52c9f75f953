use super::*;
use alloc::vec;

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
fn an_answer_that_is_cut_is_none() {
    let whole = message(&[attribute(INET_DIAG_SHUTDOWN, &[0])]);
    assert_eq!(Record::parse(&whole[..MESSAGE - 1]), None);
    assert!(Record::parse(&whole[..whole.len() - 1]).is_some_and(|record| !record.shut_down));
}
