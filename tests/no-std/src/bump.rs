//! A global allocator that hands out one static block from front to back and never takes anything back.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};

const SIZE: usize = 1024 * 1024;

#[global_allocator]
static BUMP: Bump = Bump { block: UnsafeCell::new([0; SIZE]), used: AtomicUsize::new(0) };

struct Bump {
    block: UnsafeCell<[u8; SIZE]>,
    used: AtomicUsize,
}

// SAFETY: each part of `block` is handed out at most once, by an atomic step of `used`.
unsafe impl Sync for Bump {}

// SAFETY: a part that is handed out lies inside `block`, is aligned as asked, and overlaps no other part.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let base = self.block.get().cast::<u8>();
        let mut start = 0;
        let taken = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            let misaligned = (base.addr() + used) % layout.align();
            let padding = (layout.align() - misaligned) % layout.align();
            start = used.checked_add(padding)?;
            let end = start.checked_add(layout.size())?;
            (end <= SIZE).then_some(end)
        });
        match taken {
            // SAFETY: `start + size <= SIZE`.
            Ok(_) => unsafe { base.add(start) },
            Err(_) => ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, _ptr: *mut u8, _layout: Layout) {}
}
