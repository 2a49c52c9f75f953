//! Patterns of all kinds, with messages of all kinds.

use super::input::Input;
use tcpclient_core::pattern::Pattern;

/// Has patterns judge a message. Returns how many of them it matched.
///
/// # Panics
/// Panics if a pattern does not say what slices say, or where a difference is where there is none.
pub fn check(bytes: &[u8]) -> usize {
    let mut input = Input::new(bytes);
    let part = input.text(6);
    let taken = input.below(12);
    let message = input.take(taken);
    let text = input.text(12);
    let mut matched = 0;
    for message in [message, &text, &part] {
        let common = part.iter().zip(message).take_while(|(a, b)| a == b).count();
        for (pattern, matches, offset) in [
            (Pattern::exact(&part), message == part, Some(common)),
            (Pattern::prefix(&part), message.starts_with(&part), Some(common)),
            (Pattern::suffix(&part), message.ends_with(&part), None),
            (Pattern::contains(&part), find(message, &part), None),
            (Pattern::any(), true, None),
        ] {
            match pattern.check(message) {
                Ok(()) => {
                    assert!(matches, "{pattern:?} matched {message:?}");
                    matched += 1;
                }
                Err(mismatch) => {
                    assert!(!matches, "{pattern:?} did not match {message:?}");
                    assert!(mismatch.offset().is_none() || mismatch.offset() == offset, "{pattern:?}: {mismatch:?}");
                    assert!(!mismatch.to_string().is_empty(), "{pattern:?}");
                }
            }
        }
    }
    matched
}

fn find(message: &[u8], part: &[u8]) -> bool {
    (0..=message.len()).any(|at| message[at..].starts_with(part))
}
