//! The ring between threads under the `loom` model checker: every interleaving of a few steps, and
//! every order that the memory model allows.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "the ring is included as a file, and not all of it is used here"
)]
#![allow(clippy::duplicate_mod, reason = "once as it is, and once with other orderings")]

mod sync {
    pub(crate) use loom::cell::UnsafeCell;
    pub(crate) use loom::sync::Arc;
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
}

#[path = "../src/parallel/ring.rs"]
mod ring;

/// The ring with its orderings taken away, which the model checker must find out.
#[path = "../src/parallel"]
mod relaxed {
    pub(crate) mod sync {
        pub(crate) use loom::cell::UnsafeCell;
        pub(crate) use loom::sync::Arc;
        pub(crate) use loom::sync::atomic::{AtomicBool, AtomicUsize};

        /// All of them the weakest.
        pub(crate) struct Ordering;

        #[expect(non_upper_case_globals, reason = "the names of the real ones")]
        impl Ordering {
            pub(crate) const Acquire: loom::sync::atomic::Ordering =
                loom::sync::atomic::Ordering::Relaxed;
            pub(crate) const Release: loom::sync::atomic::Ordering =
                loom::sync::atomic::Ordering::Relaxed;
        }
    }

    #[path = "ring.rs"]
    pub(crate) mod ring;
}

use loom::thread;
use std::mem::ManuallyDrop;

#[test]
fn items_arrive_in_order_and_once() {
    loom::model(|| {
        let (mut producer, mut consumer) = ring::ring::<Box<u32>>(2);
        let sender = thread::spawn(move || {
            let mut next = 0;
            while next < 3 {
                match producer.push(Box::new(next)) {
                    Ok(()) => next += 1,
                    Err(_) => thread::yield_now(),
                }
            }
        });
        let mut expected = 0;
        while expected < 3 {
            match consumer.pop() {
                Some(item) => {
                    assert_eq!(*item, expected);
                    expected += 1;
                }
                None => thread::yield_now(),
            }
        }
        sender.join().expect("no panic");
        assert!(consumer.pop().is_none());
    });
}

#[test]
fn nothing_is_lost_when_a_side_goes() {
    loom::model(|| {
        let (mut producer, mut consumer) = ring::ring::<Box<u32>>(2);
        let sender = thread::spawn(move || {
            // What is left in the ring is freed with it; loom would report a leak.
            producer.push(Box::new(1)).expect("there is room");
            producer.push(Box::new(2)).expect("there is room");
        });
        let mut found = 0;
        loop {
            let closed = consumer.is_closed();
            match consumer.pop() {
                Some(_) => found += 1,
                None if closed => break,
                None => thread::yield_now(),
            }
        }
        assert_eq!(found, 2, "whoever asks before the last pop gets all");
        sender.join().expect("no panic");
    });
}

#[test]
#[should_panic(expected = "Causality violation")]
fn without_its_orderings_the_ring_is_found_wrong() {
    loom::model(|| {
        let (producer, consumer) = relaxed::ring::ring::<u32>(2);
        // Not to be dropped while unwinding: that would find the same fault again.
        let (mut producer, mut consumer) =
            (ManuallyDrop::new(producer), ManuallyDrop::new(consumer));
        let sender = thread::spawn(move || {
            producer.push(7).expect("there is room");
            producer
        });
        if let Some(item) = consumer.pop() {
            assert_eq!(item, 7);
        }
        drop(ManuallyDrop::into_inner(sender.join().expect("no panic")));
        drop(ManuallyDrop::into_inner(consumer));
    });
}
