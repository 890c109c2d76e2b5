//! The flows of an endpoint: a slab with names, and the timers of its slots.

use crate::packet::FlowId;
use foldhash::fast::FixedState;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use trama_base::Picos;

/// Names of flows that have ended which are kept, so that late packets are known for what they are.
const ENDED_MAX: usize = 1 << 16;

/// A table of flows. Slots are numbers that stay while a flow is there.
#[derive(Debug)]
pub(crate) struct Flows<T> {
    names: HashMap<FlowId, u32, FixedState>,
    slots: Vec<Option<T>>,
    free: Vec<u32>,
    /// Those that have ended, oldest first.
    ended: VecDeque<FlowId>,
}

/// Marks a name in [`Flows::names`] whose flow has ended.
const ENDED: u32 = u32::MAX;

/// What is known of a name.
pub(crate) enum Known {
    /// The flow is there, in this slot.
    Slot(u32),
    /// It was there.
    Ended,
    /// It was never there, or long ago.
    New,
}

impl<T> Flows<T> {
    pub(crate) fn new() -> Self {
        let names = HashMap::with_hasher(FixedState::with_seed(0));
        Self { names, slots: Vec::new(), free: Vec::new(), ended: VecDeque::new() }
    }

    pub(crate) fn find(&self, flow: FlowId) -> Known {
        match self.names.get(&flow) {
            Some(&ENDED) => Known::Ended,
            Some(&slot) => Known::Slot(slot),
            None => Known::New,
        }
    }

    pub(crate) fn insert(&mut self, flow: FlowId, value: T) -> u32 {
        let slot = if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = Some(value);
            slot
        } else {
            self.slots.push(Some(value));
            self.slots.len() as u32 - 1
        };
        self.names.insert(flow, slot);
        slot
    }

    /// Ends a flow; its name is remembered for a while.
    pub(crate) fn end(&mut self, flow: FlowId) {
        if let Some(slot) = self.names.insert(flow, ENDED)
            && slot != ENDED
        {
            self.slots[slot as usize] = None;
            self.free.push(slot);
        }
        self.ended.push_back(flow);
        if self.ended.len() > ENDED_MAX
            && let Some(oldest) = self.ended.pop_front()
        {
            self.names.remove(&oldest);
        }
    }

    /// Ends a flow as if it had never been there.
    pub(crate) fn forget(&mut self, flow: FlowId) {
        if let Some(slot) = self.names.remove(&flow)
            && slot != ENDED
        {
            self.slots[slot as usize] = None;
            self.free.push(slot);
        }
    }

    pub(crate) fn get(&mut self, slot: u32) -> Option<&mut T> {
        self.slots.get_mut(slot as usize).and_then(Option::as_mut)
    }
}

/// Timers of slots, looked at when they are due. A slot may have several; it is the slot's to know
/// which one counts.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(Picos, u32)>>,
}

impl Timers {
    /// Has a slot looked at.
    pub(crate) fn arm(&mut self, at: Picos, slot: u32) {
        self.heap.push(Reverse((at, slot)));
    }

    /// The next slot to look at, if it is time.
    pub(crate) fn due(&mut self, now: Picos) -> Option<u32> {
        let &Reverse((at, slot)) = self.heap.peek()?;
        (at <= now).then(|| {
            self.heap.pop();
            slot
        })
    }

    pub(crate) fn next(&self) -> Option<Picos> {
        self.heap.peek().map(|&Reverse((at, _))| at)
    }
}
