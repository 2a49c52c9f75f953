use super::{Kind, Reply};
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

#[test]
fn a_reply_is_shown_as_the_argument_that_it_is() {
    assert_eq!(format!("{:?}", Reply::none()), "Reply(none())");
    assert_eq!(format!("{:?}", Reply::from("+PONG\r\n")), r#"Reply("+PONG\r\n")"#);
    assert_eq!(format!("{:?}", Reply::bytes([0xd0, 0])), "Reply(bytes([d0 00]))");
    assert_eq!(format!("{:?}", Reply::with(<[u8]>::to_vec)), "Reply(with(..))");
    assert_eq!(format!("{:?}", Reply::bytes_with(|_| Vec::new())), "Reply(bytes_with(..))");
}

/// A script is played more than once by a test, unless it has closures.
impl Clone for Reply {
    fn clone(&self) -> Self {
        Self(match &self.0 {
            Kind::None => Kind::None,
            Kind::Message(message) => Kind::Message(Arc::clone(message)),
            Kind::Bytes(bytes) => Kind::Bytes(Arc::clone(bytes)),
            Kind::Computed { .. } => panic!("a closure cannot be cloned"),
        })
    }
}
