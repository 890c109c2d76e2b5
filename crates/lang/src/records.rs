//! Records that a program emits, on their way to the host.
//!
//! A host installs a sink and gets each record at the moment it is emitted, so none is lost and no
//! memory grows. Until there is one, a few records are kept: those of `init`, which runs before a
//! host has the engine in hand, and those of hosts that ask for them after each step, as tests do.

use crate::ir::{Program, Stream, StreamId, View};
use crate::values;
use trama_base::Nanos;

/// Most records that are kept while there is no sink; more count as lost.
pub const KEPT_MAX: usize = 65_536;

/// Takes records.
pub trait RecordSink: Send {
    /// A record of a stream (indices into the program and the node) with its leaves, emitted by an
    /// event at this time.
    fn record(&mut self, time: Nanos, node: u32, stream: StreamId, leaves: &[u128]);
}

impl<F: FnMut(Nanos, u32, StreamId, &[u128]) + Send> RecordSink for F {
    fn record(&mut self, time: Nanos, node: u32, stream: StreamId, leaves: &[u128]) {
        self(time, node, stream, leaves);
    }
}

/// A record that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Time of the event.
    pub time: Nanos,
    /// Index of the node.
    pub node: u32,
    /// Index of the stream in its node.
    pub stream: StreamId,
    /// Leaves of the fields.
    pub leaves: Vec<u128>,
}

/// The records of a program.
pub struct RecordBook {
    sink: Option<Box<dyn RecordSink>>,
    kept: Vec<Record>,
    /// By node, then by stream.
    counts: Vec<Vec<RecordStats>>,
}

/// Counters of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordStats {
    /// Records emitted.
    pub emitted: u64,
    /// Those of them that nobody took, for lack of a sink.
    pub lost: u64,
}

impl std::fmt::Debug for RecordBook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecordBook").field("counts", &self.counts).finish_non_exhaustive()
    }
}

impl RecordBook {
    /// The book of a program of which nothing has run yet.
    pub fn new(program: &Program) -> Self {
        let counts = program.nodes.iter().map(|n| vec![RecordStats::default(); n.streams.len()]);
        Self { sink: None, kept: Vec::new(), counts: counts.collect() }
    }

    /// Emits a record.
    pub fn emit(&mut self, time: Nanos, node: u32, stream: StreamId, leaves: &[u128]) {
        let stats = &mut self.counts[node as usize][stream.0 as usize];
        stats.emitted += 1;
        match &mut self.sink {
            Some(sink) => sink.record(time, node, stream, leaves),
            None if self.kept.len() < KEPT_MAX => {
                self.kept.push(Record { time, node, stream, leaves: leaves.to_vec() });
            }
            None => stats.lost += 1,
        }
    }

    /// Gives what was kept, and all records from now on, to a sink.
    pub fn install(&mut self, mut sink: Box<dyn RecordSink>) {
        for record in self.kept.drain(..) {
            sink.record(record.time, record.node, record.stream, &record.leaves);
        }
        self.sink = Some(sink);
    }

    /// Takes what was kept.
    pub fn take(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.kept)
    }

    /// Counters of each stream of a node.
    pub fn stats(&self, node: usize) -> Vec<RecordStats> {
        self.counts[node].clone()
    }
}

/// A field of a record as its reader sees it: a number, address, text …, and none where an option
/// is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Dotted name.
    pub name: String,
    /// How it prints.
    pub view: View,
    /// Its first leaf.
    leaf: usize,
    /// Leaves that must not be 0, or there is no value: tags of the options around it.
    options: Vec<usize>,
    /// Tags of the enums around it, with the value that each must have.
    variants: Vec<(usize, u128)>,
}

impl Column {
    /// The columns of a stream's records.
    pub fn all(stream: &Stream) -> Vec<Self> {
        let views = &stream.views;
        let mut columns = Vec::new();
        for (leaf, (name, view)) in views.iter().enumerate() {
            let is_tag_of_option = matches!(view, View::Tag(names) if *names == ["None", "Some"]);
            if *view == View::Word || is_tag_of_option {
                continue;
            }
            let within = |(path, _): &(String, View), part: &str| {
                let inner = join(path, part);
                *name == inner || name.starts_with(&(inner + "."))
            };
            let (mut options, mut variants) = (Vec::new(), Vec::new());
            for (tag, outer) in views[..leaf].iter().enumerate() {
                let View::Tag(names) = &outer.1 else { continue };
                if *names == ["None", "Some"] {
                    options.extend(within(outer, "some").then_some(tag));
                    continue;
                }
                let variant = names.iter().position(|variant| within(outer, variant));
                variants.extend(variant.map(|variant| (tag, variant as u128)));
            }
            // `some` is no name that the program wrote.
            let mut shown = name.clone();
            for &tag in options.iter().rev() {
                let outer = &views[tag].0;
                let rest = shown[join(outer, "some").len()..].trim_start_matches('.').to_owned();
                shown = if rest.is_empty() { outer.clone() } else { join(outer, &rest) };
            }
            columns.push(Self { name: shown, view: view.clone(), leaf, options, variants });
        }
        columns
    }

    /// The leaves of this column's value in a record; none if it has none there.
    pub fn value<'r>(&self, record: &'r [u128]) -> Option<&'r [u128]> {
        let chosen = self.options.iter().all(|&tag| record[tag] != 0)
            && self.variants.iter().all(|&(tag, variant)| record[tag] == variant);
        let rest = &record[self.leaf..];
        chosen.then(|| &rest[..values::leaf_count(&self.view, rest)])
    }
}

/// Prints a record: `{id: 7, name: www}`, without what is absent.
pub fn show(stream: &Stream, leaves: &[u128]) -> String {
    let parts = Column::all(stream).into_iter().filter_map(|column| {
        let value = values::part(&column.view, column.value(leaves)?);
        Some(if column.name.is_empty() { value } else { format!("{}: {value}", column.name) })
    });
    format!("{{{}}}", parts.collect::<Vec<_>>().join(", "))
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trama_state::Shape;

    fn stream(leaves: &[(&str, View)]) -> Stream {
        let views: Vec<_> = leaves.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
        Stream { name: "s".into(), shape: Shape(vec![64; views.len()]), views }
    }

    fn tag(names: &[&str]) -> View {
        View::Tag(names.iter().map(|&name| name.to_owned()).collect())
    }

    #[test]
    fn options_and_byte_strings_are_one_column() {
        let stream = stream(&[
            ("n", View::Uint),
            ("name", tag(&["None", "Some"])),
            ("name.some", View::Bytes(1)),
            ("name.some.0", View::Word),
            ("flow", tag(&["None", "Some"])),
            ("flow.some.src", View::Ip4),
        ]);
        let columns = Column::all(&stream);
        let names: Vec<_> = columns.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["n", "name", "flow.src"]);
        let record = [7, 1, 2, 0xabcd, 0, 9];
        let values: Vec<_> = columns.iter().map(|c| c.value(&record)).collect();
        assert_eq!(values, [Some(&record[..1]), Some(&record[2..4]), None]);
    }

    #[test]
    fn the_payload_of_another_variant_is_no_value() {
        let stream = stream(&[("kind", tag(&["A", "B"])), ("kind.B", View::Uint)]);
        let columns = Column::all(&stream);
        assert_eq!(columns[1].value(&[0, 5]), None);
        assert_eq!(columns[1].value(&[1, 5]), Some(&[5_u128][..]));
    }

    #[test]
    fn a_sink_gets_what_was_kept_first() {
        let node = crate::ir::Node { streams: vec![stream(&[])], ..Default::default() };
        let mut book = RecordBook::new(&Program { nodes: vec![node], ..Program::default() });
        book.emit(Nanos(1), 0, StreamId(0), &[]);
        let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let push = std::sync::Arc::clone(&seen);
        book.install(Box::new(move |time: Nanos, _: u32, _: StreamId, _: &[u128]| {
            push.lock().unwrap().push(time.0);
        }));
        book.emit(Nanos(2), 0, StreamId(0), &[]);
        assert_eq!(*seen.lock().unwrap(), [1, 2]);
        assert_eq!(book.stats(0), [RecordStats { emitted: 2, lost: 0 }]);
    }
}
