//! What a child tells of its engine: counters, state and log lines, through shared memory.
//!
//! The host knows the program, so it knows how many numbers there must be of most things; where a
//! count comes from the child, it is bounded by the room. Words that do not add up are no answer.

use crate::mapping::Mapping;
use std::sync::Arc;
use trama_base::Nanos;
use trama_lang::engine::{Entry, EventStats, LogLine, NodeReport, Report, Traffic};
use trama_lang::ir::Program;
use trama_lang::records::RecordStats;
use trama_lang::snapshot::Snapshot;
use trama_state::StateStats;

/// Bytes for it. State beyond that is not told: its entries are left out.
pub(super) const BYTES: usize = 8 << 20;

/// The part of the memory for it.
pub(super) struct Telling<'a> {
    memory: &'a Arc<Mapping>,
    offset: usize,
}

impl<'a> Telling<'a> {
    pub(super) fn of(memory: &'a Arc<Mapping>) -> Self {
        Self { memory, offset: memory.len() - BYTES }
    }

    /// Says nothing.
    pub(super) fn clear(&self) {
        self.put(&[0; 8]);
    }

    fn put(&self, bytes: &[u8]) {
        let to = self.memory.at(self.offset, bytes.len());
        // SAFETY: inside the mapping; the other side reads it when the end of the job is published.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
    }

    /// The child tells.
    pub(super) fn write(&self, told: &Snapshot) {
        let mut out = Out(vec![0; 8]);
        out.report(&told.report);
        let mark = out.0.len();
        out.states(&told.states);
        if out.0.len() + 16 > BYTES {
            out.0.truncate(mark);
            out.number(0);
        }
        let room = BYTES.saturating_sub(out.0.len() + 64);
        out.logs(&told.logs, room);
        let len = out.0.len() as u64;
        out.0[..8].copy_from_slice(&len.to_le_bytes());
        if out.0.len() <= BYTES {
            self.put(&out.0);
        }
    }

    /// The host reads. None if it is not well formed.
    pub(super) fn read(&self, program: &Program) -> Option<Snapshot> {
        let copy = |len: usize| {
            let from = self.memory.at(self.offset, len);
            let mut bytes = vec![0_u8; len];
            // SAFETY: inside the mapping; if the child writes meanwhile, the bytes are arbitrary.
            unsafe { std::ptr::copy_nonoverlapping(from, bytes.as_mut_ptr(), len) };
            bytes
        };
        let len = usize::try_from(u64::from_le_bytes(copy(8).try_into().ok()?)).ok()?;
        if !(8..=BYTES).contains(&len) {
            return None;
        }
        let bytes = copy(len);
        let mut words = In(&bytes[8..]);
        let report = words.report(program)?;
        let states = words.states(program)?;
        let logs = words.logs(program)?;
        Some(Snapshot { report, states, logs })
    }
}

struct Out(Vec<u8>);

impl Out {
    fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn traffic(&mut self, all: &[Traffic]) {
        for traffic in all {
            self.number(traffic.packets);
            self.number(traffic.bytes);
        }
    }

    fn report(&mut self, report: &Report) {
        self.traffic(&report.received);
        self.traffic(&report.sent);
        self.number(report.unconnected);
        self.number(report.discarded);
        for node in &report.nodes {
            self.traffic(&node.received);
            self.traffic(&node.sent);
            node.drops.iter().for_each(|drops| self.number(*drops));
            self.number(node.discarded);
            self.number(node.consumed);
            for stats in &node.states {
                let StateStats { len, peak, inserted, expired, evicted, refused } = *stats;
                for number in [len, peak, inserted, expired, evicted, refused] {
                    self.number(number);
                }
            }
            for (written, suppressed) in &node.logs {
                self.number(*written);
                self.number(*suppressed);
            }
            for stats in &node.events {
                let EventStats { generated, fired, refused, pending, peak } = *stats;
                for number in [generated, fired, refused, pending, peak] {
                    self.number(number);
                }
            }
        }
    }

    fn states(&mut self, states: &[Vec<Vec<Entry>>]) {
        self.number(states.len() as u64);
        for entries in states.iter().flatten() {
            self.number(entries.len() as u64);
            for entry in entries {
                self.bytes(&entry.key);
                self.bytes(&entry.value);
            }
        }
    }

    fn logs(&mut self, logs: &[LogLine], room: usize) {
        let mut left = room;
        let fits = |line: &&LogLine| {
            left = left.saturating_sub(line.text.len() + 32);
            left > 0
        };
        let lines: Vec<&LogLine> = logs.iter().take_while(fits).collect();
        self.number(lines.len() as u64);
        for line in lines {
            self.number(line.time.0);
            self.number(u64::from(line.node));
            self.number(u64::from(line.alert));
            self.bytes(line.text.as_bytes());
        }
    }
}

struct In<'a>(&'a [u8]);

impl In<'_> {
    fn number(&mut self) -> Option<u64> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*first))
    }

    fn bytes(&mut self) -> Option<Vec<u8>> {
        let len = usize::try_from(self.number()?).ok()?;
        let (first, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(first.to_vec())
    }

    /// A count of things that take at least so many bytes each.
    fn count(&mut self, bytes_each: usize) -> Option<usize> {
        let count = usize::try_from(self.number()?).ok()?;
        (count.checked_mul(bytes_each)? <= self.0.len()).then_some(count)
    }

    fn traffic(&mut self, count: usize) -> Option<Vec<Traffic>> {
        (0..count)
            .map(|_| Some(Traffic { packets: self.number()?, bytes: self.number()? }))
            .collect()
    }

    fn report(&mut self, program: &Program) -> Option<Report> {
        let received = self.traffic(program.ports.len())?;
        let sent = self.traffic(program.ports.len())?;
        let (unconnected, discarded) = (self.number()?, self.number()?);
        let mut nodes = Vec::new();
        for node in &program.nodes {
            let ports = node.ports.len();
            nodes.push(NodeReport {
                received: self.traffic(ports)?,
                sent: self.traffic(ports)?,
                drops: node.reasons.iter().map(|_| self.number()).collect::<Option<_>>()?,
                discarded: self.number()?,
                consumed: self.number()?,
                states: node.states.iter().map(|_| self.stats()).collect::<Option<_>>()?,
                logs: (node.log_sites.iter())
                    .map(|_| Some((self.number()?, self.number()?)))
                    .collect::<Option<_>>()?,
                events: node.events.iter().map(|_| self.events()).collect::<Option<_>>()?,
                // The host counts them as they come.
                streams: vec![RecordStats::default(); node.streams.len()],
            });
        }
        Some(Report { received, sent, nodes, unconnected, discarded })
    }

    fn events(&mut self) -> Option<EventStats> {
        Some(EventStats {
            generated: self.number()?,
            fired: self.number()?,
            refused: self.number()?,
            pending: self.number()?,
            peak: self.number()?,
        })
    }

    fn stats(&mut self) -> Option<StateStats> {
        Some(StateStats {
            len: self.number()?,
            peak: self.number()?,
            inserted: self.number()?,
            expired: self.number()?,
            evicted: self.number()?,
            refused: self.number()?,
        })
    }

    fn states(&mut self, program: &Program) -> Option<Vec<Vec<Vec<Entry>>>> {
        if self.number()? == 0 {
            return Some(Vec::new());
        }
        let mut all = Vec::new();
        for node in &program.nodes {
            let mut states = Vec::new();
            for _ in &node.states {
                let count = self.count(16)?;
                let entry = |_| Some(Entry { key: self.bytes()?, value: self.bytes()? });
                states.push((0..count).map(entry).collect::<Option<Vec<_>>>()?);
            }
            all.push(states);
        }
        Some(all)
    }

    fn logs(&mut self, program: &Program) -> Option<Vec<LogLine>> {
        let count = self.count(32)?;
        let line = |_| {
            let time = Nanos(self.number()?);
            let node = u32::try_from(self.number()?).ok()?;
            let alert = self.number()? != 0;
            let text = String::from_utf8(self.bytes()?).ok()?;
            let known = (node as usize) < program.nodes.len();
            known.then_some(LogLine { time, node, alert, text })
        };
        (0..count).map(line).collect()
    }
}
