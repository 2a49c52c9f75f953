//! Scripts of all kinds against clients of all kinds.

use super::input::Input;
use super::model;
use super::play::{Course, Fault, Verdict};
use super::script::Conversation;

/// Plays the conversation that these bytes stand for: it must go as the model says, however the stream is cut. Returns how.
///
/// # Panics
/// Panics if it does not.
pub fn check(bytes: &[u8]) -> Verdict {
    let conversation = Conversation::new(&mut Input::new(bytes));
    let expected = known(model::play(&conversation));
    for pieces in [&[][..], &[1], &conversation.pieces] {
        let course = known(conversation.play(pieces));
        assert_eq!(course, expected, "in pieces of {pieces:?}: {conversation:#?}");
    }
    expected.verdict
}

/// Leaves out of a course what the model does not know: where in a message that is searched for its end the difference is.
fn known(course: Course) -> Course {
    let verdict = match course.verdict {
        Verdict::Failed(step, Fault::Wrong(_)) => Verdict::Failed(step, Fault::Wrong(None)),
        other => other,
    };
    Course { verdict, ..course }
}
