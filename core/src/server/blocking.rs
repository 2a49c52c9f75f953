//! Waiting for a future on a thread that has no runtime.

use alloc::sync::Arc;
use core::pin::pin;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll, Waker};
use std::task::Wake;
use std::thread::{self, Thread};

/// Wakes a thread. It remembers that it did: what the future does may itself park the thread, and so use up the wake that
/// `park` remembers.
struct Signal {
    given: AtomicBool,
    thread: Thread,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.given.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// Blocks the thread until the future is done, and returns its output. A panic of a future whose `poll` is tracked bears the
/// caller's line.
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    let signal = Arc::new(Signal { given: AtomicBool::new(false), thread: thread::current() });
    let waker = Waker::from(Arc::clone(&signal));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        while !signal.given.swap(false, Ordering::Acquire) {
            thread::park();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::block_on;
    use core::future::poll_fn;
    use core::task::Poll;
    use std::thread;

    #[test]
    fn a_wake_is_kept_though_the_future_parks_the_thread_itself() {
        let mut woken = false;
        let output = block_on(poll_fn(|cx| {
            if core::mem::replace(&mut woken, true) {
                return Poll::Ready("done");
            }
            cx.waker().wake_by_ref();
            // Takes the token of that wake.
            thread::park();
            Poll::Pending
        }));
        assert_eq!(output, "done");
    }
}
