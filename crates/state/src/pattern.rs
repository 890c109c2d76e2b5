//! Sets of byte patterns.

use aho_corasick::automaton::OverlappingState;
use aho_corasick::{AhoCorasick, Input, MatchKind};
use thiserror::Error;

/// Most patterns in a set.
pub const PATTERNS_MAX: usize = 1 << 16;

/// Most bytes of one pattern.
pub const PATTERN_BYTES_MAX: usize = 4096;

/// Most bytes of all patterns of a set: bounds the automata.
pub const SET_BYTES_MAX: usize = 1 << 20;

/// A string of bytes, and where it counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pattern {
    /// The bytes; not empty.
    pub bytes: Vec<u8>,
    /// The letters A to Z of ASCII match in either case.
    pub nocase: bool,
    /// The first byte at which a match may begin.
    pub offset: u32,
    /// How many bytes from the offset on a match must lie within.
    pub depth: Option<u32>,
}

/// Why there is no set of some patterns.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PatternError {
    /// A pattern of no bytes, which would occur everywhere.
    #[error("pattern {index} is empty")]
    Empty {
        /// Its number, from zero.
        index: usize,
    },
    /// A pattern that is too long.
    #[error("pattern {index} has {bytes} bytes; the most is {PATTERN_BYTES_MAX}")]
    TooLong {
        /// Its number, from zero.
        index: usize,
        /// Its length.
        bytes: usize,
    },
    /// A pattern that is longer than its depth.
    #[error("pattern {index} has {bytes} bytes and can never occur within a depth of {depth}")]
    Never {
        /// Its number, from zero.
        index: usize,
        /// Its length.
        bytes: usize,
        /// Its depth.
        depth: u32,
    },
    /// Too many of them.
    #[error(
        "{patterns} patterns of {bytes} bytes together; the most is {PATTERNS_MAX} of \
         {SET_BYTES_MAX}"
    )]
    TooMany {
        /// How many there are.
        patterns: usize,
        /// Their bytes.
        bytes: usize,
    },
}

/// Patterns, with the automata that find them: built once, shared by all who search.
///
/// Pattern `i` *occurs* in some bytes if they contain it at a place `at` (letters in either case
/// if it is `nocase`) with `offset <= at` and, if there is a depth,
/// `at + length <= offset + depth`.
///
/// The automata are those of Aho and Corasick, "Efficient string matching: an aid to bibliographic
/// search", CACM 18 (1975): one for the patterns that mind the case and one for the others. A
/// search takes time in proportion to the bytes and the places where patterns end.
#[derive(Clone)]
pub struct PatternSet {
    patterns: Vec<Pattern>,
    automata: Vec<Finder>,
    /// No match ends beyond.
    end_max: u64,
}

/// An automaton with the numbers of its patterns in the set.
#[derive(Clone)]
struct Finder {
    automaton: AhoCorasick,
    numbers: Vec<u32>,
}

impl PatternSet {
    /// A set of these patterns, numbered in their order.
    pub fn new(patterns: Vec<Pattern>) -> Result<Self, PatternError> {
        check(&patterns)?;
        let automata = [false, true].into_iter().filter_map(|nocase| {
            let numbers: Vec<u32> =
                (0..).zip(&patterns).filter(|(_, p)| p.nocase == nocase).map(|(i, _)| i).collect();
            let bytes = numbers.iter().map(|&i| &patterns[i as usize].bytes);
            let automaton = AhoCorasick::builder()
                .match_kind(MatchKind::Standard)
                .ascii_case_insensitive(nocase)
                .build(bytes)
                .expect("the limits keep states far below the crate's own limit");
            (!numbers.is_empty()).then_some(Finder { automaton, numbers })
        });
        let automata = automata.collect();
        let end =
            |p: &Pattern| p.depth.map_or(u64::MAX, |depth| u64::from(p.offset) + u64::from(depth));
        let end_max = patterns.iter().map(end).max().unwrap_or(0);
        Ok(Self { patterns, automata, end_max })
    }

    /// The patterns, by number.
    pub fn patterns(&self) -> &[Pattern] {
        &self.patterns
    }

    /// Number of patterns.
    pub fn len(&self) -> usize {
        self.patterns.len()
    }

    /// True for the set of no patterns, in which nothing is found.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Bytes that the automata take.
    pub fn automata_bytes(&self) -> u64 {
        self.automata.iter().map(|finder| finder.automaton.memory_usage() as u64).sum()
    }

    /// Calls `found` with the number of a pattern for each place where it occurs, until that says
    /// that it has enough.
    pub(crate) fn search(&self, bytes: &[u8], mut found: impl FnMut(u32) -> bool) {
        let end = bytes.len().min(usize::try_from(self.end_max).unwrap_or(usize::MAX));
        for finder in &self.automata {
            let mut state = OverlappingState::start();
            loop {
                finder.automaton.find_overlapping(Input::new(&bytes[..end]), &mut state);
                let Some(matched) = state.get_match() else { break };
                let number = finder.numbers[matched.pattern().as_usize()];
                let pattern = &self.patterns[number as usize];
                if pattern.counts_at(matched.start()) && found(number) {
                    return;
                }
            }
        }
    }
}

impl Pattern {
    /// True if a match that begins at `at` is where the pattern counts.
    pub(crate) fn counts_at(&self, at: usize) -> bool {
        let (offset, end) = (self.offset as usize, at + self.bytes.len());
        offset <= at && self.depth.is_none_or(|depth| end <= offset + depth as usize)
    }
}

impl PartialEq for PatternSet {
    fn eq(&self, other: &Self) -> bool {
        self.patterns == other.patterns
    }
}

impl Eq for PatternSet {}

impl std::fmt::Debug for PatternSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("PatternSet").field(&self.patterns).finish()
    }
}

fn check(patterns: &[Pattern]) -> Result<(), PatternError> {
    let bytes: usize = patterns.iter().map(|p| p.bytes.len()).sum();
    if patterns.len() > PATTERNS_MAX || bytes > SET_BYTES_MAX {
        return Err(PatternError::TooMany { patterns: patterns.len(), bytes });
    }
    for (index, pattern) in patterns.iter().enumerate() {
        let bytes = pattern.bytes.len();
        match pattern.depth {
            _ if bytes == 0 => return Err(PatternError::Empty { index }),
            _ if bytes > PATTERN_BYTES_MAX => return Err(PatternError::TooLong { index, bytes }),
            Some(depth) if bytes > depth as usize => {
                return Err(PatternError::Never { index, bytes, depth });
            }
            _ => {}
        }
    }
    Ok(())
}
