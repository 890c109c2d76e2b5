//! What the operations of sketches, Bloom filters, rings, stream buffers, histograms and pattern
//! sets promise, and what can be done with these objects.

use super::{Bound, Contract, Cost, Effect, Exposure};
use crate::spec::{bloom_size, bucket_count};
use crate::{Method, StateKind, StateSpec, WhenFull};

impl StateSpec {
    pub(super) fn contract_of_method(&self, method: Method) -> Option<Contract> {
        if !method.is_of(&self.kind) {
            return None;
        }
        let exposure = match self.kind {
            StateKind::Streams { .. } | StateKind::Histogram { .. } => Exposure::Key,
            // Keys share cells and bits, and a search is one for all patterns.
            _ => Exposure::Whole,
        };
        self.promise(self.effect_of_method(method), exposure, self.cost_of_method(method))
    }

    fn effect_of_method(&self, method: Method) -> Effect {
        match (method, &self.kind) {
            (
                Method::SketchEstimate
                | Method::SketchTotal
                | Method::BloomContains
                | Method::RingPeek
                | Method::StreamAvailable
                | Method::StreamWaiting
                | Method::StreamOffset
                | Method::StreamRead
                | Method::HistogramCount
                | Method::HistogramQuantile
                | Method::PatternsFirst
                | Method::PatternsScan
                | Method::PatternsNext,
                _,
            ) => Effect::Read,
            (Method::SketchAdd, StateKind::Sketch { conservative: false, .. })
            | (Method::BloomInsert, _)
            | (Method::HistogramAdd, StateKind::Histogram { when_full: WhenFull::Refuse, .. })
            | (Method::StreamTouch, StateKind::Streams { when_full: WhenFull::Refuse, .. }) => {
                Effect::CommutativeUpdate
            }
            _ => Effect::Write,
        }
    }

    fn cost_of_method(&self, method: Method) -> Cost {
        let always =
            |lines: u32, instructions: u32| Cost { lines, instructions, bound: Bound::Always };
        let hash = 15 + 4 * self.key.bytes().div_ceil(16) as u32;
        let cells = |rows: u32| always(rows, hash + 9 * rows);
        let steps = |cost: Cost, steps: u64| Cost { bound: Bound::Steps(steps), ..cost };
        match (&self.kind, method) {
            (StateKind::Sketch { .. }, Method::SketchTotal) => always(1, 2),
            (StateKind::Sketch { .. }, Method::SketchClear) => {
                steps(always(1, 20), self.kind.capacity())
            }
            (StateKind::Sketch { depth, conservative, .. }, _) => {
                let passes = if *conservative && method == Method::SketchAdd { 2 } else { 1 };
                always(*depth, hash + 9 * *depth * passes)
            }
            (StateKind::Bloom { capacity, error_ppm, .. }, _) => {
                let (bits, rows) = bloom_size(*capacity, *error_ppm);
                if method == Method::BloomClear {
                    return steps(always(1, 20), bits / 64);
                }
                cells(rows)
            }
            (StateKind::Ring { .. }, _) => {
                let words = self.value.bytes().div_ceil(8) as u32;
                always(1 + self.value.bytes().div_ceil(64) as u32, 12 + 3 * words)
            }
            (StateKind::Streams { window_bytes, .. }, _) => {
                let entry = self.cost_of_search();
                // A new stream is made of zeros; bytes that come out of order go one by one.
                let takes = matches!(
                    method,
                    Method::StreamOpen | Method::StreamInsert | Method::StreamAdvance
                );
                let cost = Cost { instructions: entry.instructions + 60, ..entry };
                if takes { steps(cost, u64::from(*window_bytes)) } else { cost }
            }
            (StateKind::Histogram { precision, .. }, _) => {
                let entry = self.cost_of_search();
                let cost = Cost { lines: entry.lines + 1, ..entry };
                match method {
                    // A new key begins with zeros, and a quantile looks at all of them.
                    Method::HistogramAdd | Method::HistogramQuantile => {
                        steps(cost, bucket_count(*precision).into())
                    }
                    _ => cost,
                }
            }
            // A byte of a packet takes a step; so does each place where a pattern ends.
            (StateKind::Patterns(set), Method::PatternsFirst | Method::PatternsScan) => {
                let longest = u64::from(u16::MAX);
                steps(always(4, 60), longest.saturating_add(set.len() as u64))
            }
            _ => always(1, 12),
        }
    }

    /// Whether copies merge, whether parts serve alone, and what that means.
    pub(super) fn algebra_of_methods(&self) -> (bool, bool, &'static str) {
        match &self.kind {
            StateKind::Sketch { conservative: false, .. } => {
                (true, false, "Copies of one size and seed merge by the sums of their cells.")
            }
            StateKind::Sketch { .. } => (
                false,
                false,
                "What a conservative addition raises depends on all before it: sums of copies are \
                 estimates still, but no better than those of a plain sketch.",
            ),
            StateKind::Bloom { .. } => {
                (true, false, "Copies of one size and seed merge by the bitwise or of their bits.")
            }
            StateKind::Ring { .. } => {
                (false, false, "A queue has one order: parts are queues of their own.")
            }
            StateKind::Streams { .. } => (false, true, "Exact by key."),
            StateKind::Histogram { .. } => {
                (true, true, "Copies merge by the sums of their buckets; parts are exact by key.")
            }
            _ => (true, true, "Constant: every copy is the same."),
        }
    }

    /// Where these objects can live in the kernel and in a switch.
    pub(super) fn mapping_of_methods(&self) -> (&'static str, &'static str) {
        match &self.kind {
            StateKind::Sketch { .. } => (
                "BPF_MAP_TYPE_ARRAY of cells; BPF_MAP_TYPE_PERCPU_ARRAY summed on reading if it is \
                 not conservative",
                "a register array for each row, one access each; estimates by the control plane",
            ),
            StateKind::Bloom { .. } => (
                "BPF_MAP_TYPE_BLOOM_FILTER, which cannot be cleared; else BPF_MAP_TYPE_ARRAY",
                "a register array of bits for each hash",
            ),
            StateKind::Ring { .. } => (
                "BPF_MAP_TYPE_QUEUE, with BPF_EXIST to drop the oldest",
                "register array with a head and a tail, for values of one register",
            ),
            StateKind::Streams { .. } => (
                "BPF_MAP_TYPE_HASH with the window as value, in loops bounded by the segment",
                "none: payload is not stored there",
            ),
            StateKind::Histogram { .. } => (
                "BPF_MAP_TYPE_HASH with the buckets as value",
                "register array by key and bucket; quantiles by the control plane",
            ),
            _ => (
                "BPF_MAP_TYPE_ARRAY of the automaton's states, in a loop bounded by the payload",
                "TCAM entries over the bytes that the parser takes in; long patterns do not fit",
            ),
        }
    }
}
