//! Bytes that do not change any more.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Deref;

/// Bytes that do not change any more, and are cheap to clone. What most scripts send and expect is short: it lies here itself, for to
/// allocate and free it would cost more than to play its step. Longer bytes are shared.
#[derive(Clone)]
pub(crate) enum Bytes {
    Short { len: u8, bytes: [u8; Bytes::SHORT] },
    Long(Arc<[u8]>),
}

impl Bytes {
    /// As many as there is room for where longer bytes have their pointer and their length.
    const SHORT: usize = 22;
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        match u8::try_from(bytes.len()) {
            Ok(len) if bytes.len() <= Self::SHORT => {
                let mut short = [0; Self::SHORT];
                short[..bytes.len()].copy_from_slice(bytes);
                Self::Short { len, bytes: short }
            }
            _ => Self::Long(Arc::from(bytes)),
        }
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self::from(&*bytes)
    }
}

impl Deref for Bytes {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Short { len, bytes } => &bytes[..usize::from(*len)],
            Self::Long(bytes) => bytes,
        }
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::Bytes;
    use alloc::format;
    use alloc::vec::Vec;

    #[test]
    fn short_bytes_and_long_ones_are_what_they_were_made_of() {
        for len in [0, 1, 21, 22, 23, 255, 256, 300] {
            let made: Vec<u8> = (0..=u8::MAX).cycle().take(len).collect();
            let bytes = Bytes::from(&*made);
            assert_eq!(*bytes, *made);
            assert_eq!(alloc::format!("{bytes:?}"), alloc::format!("{made:?}"));
            assert_eq!(*Bytes::from(made.clone()).clone(), *made);
            assert_eq!(matches!(bytes, Bytes::Short { .. }), len <= Bytes::SHORT);
        }
    }

    #[test]
    fn bytes_are_shown_as_they_are_wherever_they_lie() {
        for bytes in [&b"hi"[..], &[7; 30]] {
            assert_eq!(format!("{:?}", Bytes::from(bytes)), format!("{bytes:?}"));
        }
    }

    #[test]
    fn there_is_no_room_left_unused() {
        assert_eq!(size_of::<Bytes>(), 3 * size_of::<usize>());
    }
}
