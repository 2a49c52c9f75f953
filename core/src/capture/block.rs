//! The blocks of a file in the format pcapng (draft-ietf-opsawg-pcapng), in little-endian order.

use crate::time::Duration;
use alloc::vec::Vec;

/// The types of blocks.
const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const ENHANCED_PACKET: u32 = 6;

/// By these a reader knows the order of the bytes.
const BYTE_ORDER: u32 = 0x1a2b_3c4d;

/// The packets begin with their IP headers.
const LINKTYPE_RAW: u16 = 101;

/// The codes of options.
const END: u16 = 0;
const COMMENT: u16 = 1;
const IF_NAME: u16 = 2;
const EPB_FLAGS: u16 = 2;
const SHB_USERAPPL: u16 = 4;
const IF_TSRESOL: u16 = 9;

/// The decimals of a second in which the times of packets are counted.
const NANOSECONDS: u8 = 9;

/// The longest comment, in bytes. The format allows no more than 65,535.
const LONGEST: usize = 60_000;

/// A packet, and what is said about it.
pub(super) struct Packet<'a> {
    /// Since the beginning of 1970.
    pub(super) at: Duration,
    pub(super) headers: &'a [u8],
    /// What is kept of the payload, and how long it is.
    pub(super) payload: &'a [u8],
    pub(super) len: usize,
    /// Whether it came to the server.
    pub(super) is_inbound: bool,
}

/// The blocks written so far.
#[derive(Debug)]
pub(super) struct Blocks {
    pub(super) file: Vec<u8>,
}

impl Blocks {
    /// Begins a file that has a comment, and one interface of this name.
    pub(super) fn new(comment: &str, interface: &str) -> Self {
        let mut blocks = Self { file: Vec::new() };
        blocks.block(SECTION_HEADER, |body| {
            body.extend(BYTE_ORDER.to_le_bytes());
            // The version, and the length of the section, which is not told.
            body.extend([1, 0, 0, 0]);
            body.extend([0xff; 8]);
            if !comment.is_empty() {
                option(body, COMMENT, shortened(comment));
            }
            option(body, SHB_USERAPPL, concat!("tcpclient ", env!("CARGO_PKG_VERSION")).as_bytes());
            option(body, END, &[]);
        });
        blocks.block(INTERFACE_DESCRIPTION, |body| {
            body.extend(LINKTYPE_RAW.to_le_bytes());
            // Behind two reserved bytes, that packets have any length.
            body.extend([0; 6]);
            option(body, IF_NAME, shortened(interface));
            option(body, IF_TSRESOL, &[NANOSECONDS]);
            option(body, END, &[]);
        });
        blocks
    }

    pub(super) fn packet(&mut self, packet: &Packet<'_>, comments: impl Iterator<Item: AsRef<str>>) {
        let Packet { at, headers, payload, len, is_inbound } = packet;
        self.block(ENHANCED_PACKET, |body| {
            let at = u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
            let (high, low) = ((at >> 32) as u32, at as u32);
            let (captured, whole) = ((headers.len() + payload.len()) as u32, (headers.len() + len) as u32);
            // The first is the number of the interface.
            [0, high, low, captured, whole].iter().for_each(|word| body.extend(word.to_le_bytes()));
            body.extend_from_slice(headers);
            body.extend_from_slice(payload);
            pad(body);
            let direction: u32 = if *is_inbound { 1 } else { 2 };
            option(body, EPB_FLAGS, &direction.to_le_bytes());
            comments.for_each(|comment| option(body, COMMENT, shortened(comment.as_ref())));
            option(body, END, &[]);
        });
    }

    /// Adds a block; its length stands in front of the body and behind it.
    fn block(&mut self, code: u32, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.file.len();
        self.file.extend(code.to_le_bytes());
        self.file.extend([0; 4]);
        write(&mut self.file);
        let len = ((self.file.len() - start + 4) as u32).to_le_bytes();
        self.file[start + 4..start + 8].copy_from_slice(&len);
        self.file.extend(len);
    }
}

fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    body.extend(code.to_le_bytes());
    body.extend((value.len() as u16).to_le_bytes());
    body.extend_from_slice(value);
    pad(body);
}

/// Fills up to whole words: each block begins with one, so it does not matter where.
fn pad(body: &mut Vec<u8>) {
    body.resize(body.len().next_multiple_of(4), 0);
}

/// Returns as much of a text as an option has room for.
fn shortened(text: &str) -> &[u8] {
    let mut end = text.len().min(LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text.as_bytes()[..end]
}
