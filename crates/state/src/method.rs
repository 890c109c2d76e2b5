//! The operations of sketches, Bloom filters, rings, stream buffers, histograms and pattern sets
//! in one form, for whoever carries them from a program to an object without a word for each.

use crate::ops::{BloomOps, HistogramOps, PatternsOps, RingOps, SketchOps, StreamsOps};
use crate::spec::{Shape, StateKind, StateSpec};
use trama_base::Nanos;

/// An operation; what it means is said at the trait of its kind in [`crate::ops`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the operations are documented at the traits of `ops`")]
#[repr(u8)]
pub enum Method {
    SketchAdd,
    SketchEstimate,
    SketchTotal,
    SketchClear,
    BloomInsert,
    BloomContains,
    BloomClear,
    RingPush,
    RingPop,
    RingPeek,
    RingClear,
    StreamOpen,
    StreamInsert,
    StreamAvailable,
    StreamWaiting,
    StreamOffset,
    StreamRead,
    StreamAdvance,
    StreamTouch,
    StreamRemove,
    StreamClear,
    HistogramAdd,
    HistogramCount,
    HistogramQuantile,
    HistogramRemove,
    HistogramClear,
    PatternsFirst,
    PatternsScan,
    PatternsNext,
}

/// What goes into a call and what comes out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signature {
    /// Shape of the key; empty if there is none.
    pub key: Shape,
    /// Shape of the other operands, in order.
    pub operands: Shape,
    /// True if it searches or stores the payload of a packet.
    pub takes_payload: bool,
    /// Shape of what it finds.
    pub results: Shape,
    /// True if it answers yes or no; what it found is zero after a no.
    pub answers: bool,
}

/// The operands of a call.
#[derive(Clone, Copy, Debug)]
pub struct Operands<'a> {
    /// The packed key.
    pub key: &'a [u8],
    /// The other operands, packed.
    pub operands: &'a [u8],
    /// The payload of the packet; empty where there is none.
    pub payload: &'a [u8],
    /// Time of the event.
    pub now: Nanos,
}

impl Method {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; 29] = [
        Self::SketchAdd,
        Self::SketchEstimate,
        Self::SketchTotal,
        Self::SketchClear,
        Self::BloomInsert,
        Self::BloomContains,
        Self::BloomClear,
        Self::RingPush,
        Self::RingPop,
        Self::RingPeek,
        Self::RingClear,
        Self::StreamOpen,
        Self::StreamInsert,
        Self::StreamAvailable,
        Self::StreamWaiting,
        Self::StreamOffset,
        Self::StreamRead,
        Self::StreamAdvance,
        Self::StreamTouch,
        Self::StreamRemove,
        Self::StreamClear,
        Self::HistogramAdd,
        Self::HistogramCount,
        Self::HistogramQuantile,
        Self::HistogramRemove,
        Self::HistogramClear,
        Self::PatternsFirst,
        Self::PatternsScan,
        Self::PatternsNext,
    ];

    /// Its name in the language.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SketchAdd | Self::HistogramAdd => "add",
            Self::SketchEstimate => "estimate",
            Self::SketchTotal => "total",
            Self::SketchClear
            | Self::BloomClear
            | Self::RingClear
            | Self::StreamClear
            | Self::HistogramClear => "clear",
            Self::BloomInsert | Self::StreamInsert => "insert",
            Self::BloomContains => "in",
            Self::RingPush => "push",
            Self::RingPop => "pop",
            Self::RingPeek => "peek",
            Self::StreamOpen => "open",
            Self::StreamAvailable => "available",
            Self::StreamWaiting => "waiting",
            Self::StreamOffset => "offset",
            Self::StreamRead => "read",
            Self::StreamAdvance => "advance",
            Self::StreamTouch => "touch",
            Self::StreamRemove | Self::HistogramRemove => "remove",
            Self::HistogramCount => "count",
            Self::HistogramQuantile => "quantile",
            Self::PatternsFirst => "first",
            Self::PatternsScan => "scan",
            Self::PatternsNext => "next",
        }
    }

    /// True if objects of this kind have it.
    pub const fn is_of(self, kind: &StateKind) -> bool {
        match self {
            Self::SketchAdd | Self::SketchEstimate | Self::SketchTotal | Self::SketchClear => {
                matches!(kind, StateKind::Sketch { .. })
            }
            Self::BloomInsert | Self::BloomContains | Self::BloomClear => {
                matches!(kind, StateKind::Bloom { .. })
            }
            Self::RingPush | Self::RingPop | Self::RingPeek | Self::RingClear => {
                matches!(kind, StateKind::Ring { .. })
            }
            Self::StreamOpen
            | Self::StreamInsert
            | Self::StreamAvailable
            | Self::StreamWaiting
            | Self::StreamOffset
            | Self::StreamRead
            | Self::StreamAdvance
            | Self::StreamTouch
            | Self::StreamRemove
            | Self::StreamClear => matches!(kind, StateKind::Streams { .. }),
            Self::HistogramAdd
            | Self::HistogramCount
            | Self::HistogramQuantile
            | Self::HistogramRemove
            | Self::HistogramClear => matches!(kind, StateKind::Histogram { .. }),
            Self::PatternsFirst | Self::PatternsScan | Self::PatternsNext => {
                matches!(kind, StateKind::Patterns(_))
            }
        }
    }

    /// What goes in and comes out, on an object that has it.
    pub fn signature(self, spec: &StateSpec) -> Signature {
        let none = Signature::default;
        let shape = |widths: &[u8]| Shape(widths.to_vec());
        let value = || spec.value.clone();
        let parts = match self {
            Self::SketchAdd => Signature { operands: shape(&[64]), ..none() },
            Self::SketchEstimate | Self::SketchTotal | Self::HistogramCount => {
                Signature { results: shape(&[64]), ..none() }
            }
            Self::SketchClear
            | Self::BloomInsert
            | Self::BloomClear
            | Self::RingClear
            | Self::StreamClear
            | Self::HistogramClear => none(),
            Self::RingPush => Signature { operands: value(), answers: true, ..none() },
            Self::RingPop | Self::RingPeek => {
                Signature { results: value(), answers: true, ..none() }
            }
            Self::StreamInsert => {
                Signature { operands: shape(&[32]), takes_payload: true, answers: true, ..none() }
            }
            Self::StreamAvailable | Self::StreamWaiting => {
                Signature { results: shape(&[32]), ..none() }
            }
            Self::StreamOffset => Signature { results: shape(&[32]), answers: true, ..none() },
            Self::StreamRead => {
                Signature { operands: shape(&[32, 8]), results: shape(&[64]), ..none() }
            }
            Self::StreamOpen | Self::StreamAdvance => {
                Signature { operands: shape(&[32]), answers: true, ..none() }
            }
            Self::BloomContains
            | Self::StreamTouch
            | Self::StreamRemove
            | Self::HistogramRemove => Signature { answers: true, ..none() },
            Self::HistogramAdd => Signature { operands: shape(&[64]), answers: true, ..none() },
            Self::HistogramQuantile => {
                let (operands, results) = (shape(&[64, 64]), shape(&[64]));
                Signature { operands, results, answers: true, ..none() }
            }
            Self::PatternsFirst => {
                Signature { takes_payload: true, results: shape(&[32]), answers: true, ..none() }
            }
            Self::PatternsScan => {
                Signature { takes_payload: true, results: shape(&[32]), ..none() }
            }
            Self::PatternsNext => {
                let (operands, results) = (shape(&[32]), shape(&[32]));
                Signature { operands, results, answers: true, ..none() }
            }
        };
        let key = if self.has_key() { spec.key.clone() } else { Shape::default() };
        Signature { key, ..parts }
    }

    const fn has_key(self) -> bool {
        !matches!(
            self,
            Self::SketchTotal
                | Self::SketchClear
                | Self::BloomClear
                | Self::RingPush
                | Self::RingPop
                | Self::RingPeek
                | Self::RingClear
                | Self::StreamClear
                | Self::HistogramClear
                | Self::PatternsFirst
                | Self::PatternsScan
                | Self::PatternsNext
        )
    }
}

impl Operands<'_> {
    /// The operand of `N` bytes that begins at a byte.
    fn bytes<const N: usize>(&self, at: usize) -> [u8; N] {
        self.operands[at..at + N].try_into().expect("operands are packed as the signature says")
    }

    fn u32(&self) -> u32 {
        u32::from_le_bytes(self.bytes(0))
    }

    fn u64(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.bytes(at))
    }
}

/// Writes what was found; tells if there was anything.
fn found<const N: usize>(value: Option<[u8; N]>, results: &mut [u8]) -> bool {
    if let Some(value) = value {
        results.copy_from_slice(&value);
    }
    value.is_some()
}

#[inline]
pub(crate) fn sketch(
    object: &mut impl SketchOps,
    method: Method,
    with: Operands<'_>,
    results: &mut [u8],
) -> bool {
    match method {
        Method::SketchAdd => object.add(with.key, with.u64(0)),
        Method::SketchEstimate => {
            return found(Some(object.estimate(with.key).to_le_bytes()), results);
        }
        Method::SketchTotal => return found(Some(object.total().to_le_bytes()), results),
        _ => object.clear(),
    }
    true
}

#[inline]
pub(crate) fn bloom(object: &mut impl BloomOps, method: Method, with: Operands<'_>) -> bool {
    match method {
        Method::BloomInsert => object.insert(with.key),
        Method::BloomContains => return object.contains(with.key),
        _ => object.clear(),
    }
    true
}

#[inline]
pub(crate) fn ring(
    object: &mut impl RingOps,
    method: Method,
    with: Operands<'_>,
    results: &mut [u8],
) -> bool {
    let value = match method {
        Method::RingPush => return object.push(with.operands),
        Method::RingPop => object.pop(),
        Method::RingPeek => object.peek(),
        _ => {
            object.clear();
            return true;
        }
    };
    value.map(|value| results.copy_from_slice(value)).is_some()
}

#[inline]
pub(crate) fn streams(
    object: &mut impl StreamsOps,
    method: Method,
    with: Operands<'_>,
    results: &mut [u8],
) -> bool {
    let (key, now) = (with.key, with.now);
    match method {
        Method::StreamOpen => object.open(key, with.u32(), now),
        Method::StreamInsert => object.insert(key, with.u32(), with.payload, now),
        Method::StreamAvailable => found(Some(object.available(key, now).to_le_bytes()), results),
        Method::StreamWaiting => found(Some(object.waiting(key, now).to_le_bytes()), results),
        Method::StreamOffset => found(object.offset(key, now).map(u32::to_le_bytes), results),
        Method::StreamRead => {
            let number = object.read(key, with.u32(), with.operands[4], now);
            found(Some(number.to_le_bytes()), results)
        }
        Method::StreamAdvance => object.advance(key, with.u32(), now),
        Method::StreamTouch => object.touch(key, now),
        Method::StreamRemove => object.remove(key, now),
        _ => {
            object.clear(now);
            true
        }
    }
}

#[inline]
pub(crate) fn histogram(
    object: &mut impl HistogramOps,
    method: Method,
    with: Operands<'_>,
    results: &mut [u8],
) -> bool {
    let (key, now) = (with.key, with.now);
    match method {
        Method::HistogramAdd => object.add(key, with.u64(0), now),
        Method::HistogramCount => found(Some(object.count(key, now).to_le_bytes()), results),
        Method::HistogramQuantile => {
            let number = object.quantile(key, with.u64(0), with.u64(8), now);
            found(number.map(u64::to_le_bytes), results)
        }
        Method::HistogramRemove => object.remove(key, now),
        _ => {
            object.clear(now);
            true
        }
    }
}

#[inline]
pub(crate) fn patterns(
    object: &mut impl PatternsOps,
    method: Method,
    with: Operands<'_>,
    results: &mut [u8],
) -> bool {
    let number = match method {
        Method::PatternsFirst => object.first(with.payload),
        Method::PatternsScan => Some(object.scan(with.payload)),
        _ => object.next(with.u32()),
    };
    found(number.map(u32::to_le_bytes), results)
}
