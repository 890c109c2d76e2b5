//! A bounded queue between two threads: one puts in, one takes out, neither waits.
//!
//! Lamport's ring ("Specifying Concurrent Program Modules", 1983) with each side's index on a cache
//! line of its own and a private copy of the other's, so that a side reads the other's line only
//! when its copy says full or empty.
//!
//! The synchronisation types come from `super::sync`, so that a test can put those of a model
//! checker in their place: `tests/ring.rs` runs this file under `loom`.

use super::sync::{Arc, AtomicBool, AtomicUsize, Ordering, UnsafeCell};
use std::mem::MaybeUninit;

/// A cache line to itself.
#[repr(align(128))]
struct Line<T>(T);

struct Shared<T> {
    slots: Box<[UnsafeCell<MaybeUninit<T>>]>,
    /// Items put in so far, modulo the number of addresses; only the producer writes it.
    tail: Line<AtomicUsize>,
    /// Items taken out so far; only the consumer writes it.
    head: Line<AtomicUsize>,
    /// A side is gone.
    closed: AtomicBool,
}

// SAFETY: a slot is accessed by the producer while it is free and by the consumer while it is full;
// the indices, which change hands by release and acquire, say which.
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<T> {}

/// The side that puts in.
pub struct Producer<T> {
    shared: Arc<Shared<T>>,
    tail: usize,
    /// The head as last seen.
    head: usize,
}

/// The side that takes out.
pub struct Consumer<T> {
    shared: Arc<Shared<T>>,
    head: usize,
    /// The tail as last seen.
    tail: usize,
}

/// A ring with room for `capacity` items, which is a power of two.
pub fn ring<T>(capacity: usize) -> (Producer<T>, Consumer<T>) {
    assert!(capacity.is_power_of_two(), "indices wrap around");
    let slots = (0..capacity).map(|_| UnsafeCell::new(MaybeUninit::uninit())).collect();
    let shared = Arc::new(Shared {
        slots,
        tail: Line(AtomicUsize::new(0)),
        head: Line(AtomicUsize::new(0)),
        closed: AtomicBool::new(false),
    });
    let producer = Producer { shared: Arc::clone(&shared), tail: 0, head: 0 };
    (producer, Consumer { shared, head: 0, tail: 0 })
}

impl<T> Producer<T> {
    /// Puts an item in, or gives it back if there is no room.
    pub fn push(&mut self, item: T) -> Result<(), T> {
        let slots = &self.shared.slots;
        if self.tail.wrapping_sub(self.head) == slots.len() {
            self.head = self.shared.head.0.load(Ordering::Acquire);
            if self.tail.wrapping_sub(self.head) == slots.len() {
                return Err(item);
            }
        }
        slots[self.tail & (slots.len() - 1)].with_mut(|slot| {
            // SAFETY: the slot is free: the consumer's head, read with acquire, is beyond its last
            // use, and the consumer does not touch it before the tail below says that it is full.
            unsafe { (*slot).write(item) };
        });
        self.tail = self.tail.wrapping_add(1);
        self.shared.tail.0.store(self.tail, Ordering::Release);
        Ok(())
    }

    /// Whether the other side is gone: nobody will take anything out.
    pub fn is_closed(&self) -> bool {
        self.shared.closed.load(Ordering::Acquire)
    }
}

impl<T> Consumer<T> {
    /// Takes the oldest item out, if there is one.
    pub fn pop(&mut self) -> Option<T> {
        if self.head == self.tail {
            self.tail = self.shared.tail.0.load(Ordering::Acquire);
            if self.head == self.tail {
                return None;
            }
        }
        let slots = &self.shared.slots;
        let item = slots[self.head & (slots.len() - 1)].with_mut(|slot| {
            // SAFETY: the slot is full: the producer's tail, read with acquire, is beyond it, and
            // the producer does not touch it before the head below says that it is free. It is read
            // once, since the head moves on.
            unsafe { (*slot).assume_init_read() }
        });
        self.head = self.head.wrapping_add(1);
        self.shared.head.0.store(self.head, Ordering::Release);
        Some(item)
    }

    /// Whether the other side is gone: what is in the ring is all that there will be. To be asked
    /// before the last [`pop`](Self::pop) that finds nothing.
    pub fn is_closed(&self) -> bool {
        self.shared.closed.load(Ordering::Acquire)
    }
}

impl<T> Drop for Producer<T> {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
    }
}

impl<T> Drop for Consumer<T> {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        // Nobody else is left; what was put in and not taken out is dropped here.
        let tail = self.tail.0.load(Ordering::Acquire);
        let mut head = self.head.0.load(Ordering::Acquire);
        while head != tail {
            self.slots[head & (self.slots.len() - 1)].with_mut(|slot| {
                // SAFETY: slots from head to tail are full, and this is the only access left.
                unsafe { (*slot).assume_init_drop() };
            });
            head = head.wrapping_add(1);
        }
    }
}
