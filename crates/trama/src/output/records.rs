//! Records on their way to files: CSV with a line of names first, or a JSON object a line.
//!
//! Times and durations are seconds with all their digits, as numbers; addresses, texts and tags are
//! text; what is absent is an empty field or `null`.

use crate::exit::Failure;
use serde_json::Value;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::sync::{Arc, Mutex, PoisonError};
use trama_base::Nanos;
use trama_lang::ir::{Program, Stream, StreamId, View};
use trama_lang::records::{Column, RecordSink};
use trama_lang::values;

/// The outputs of a run's records.
#[derive(Clone, Default)]
pub(crate) struct RecordFiles(Arc<Mutex<Vec<Output>>>);

struct Output {
    node: u32,
    stream: StreamId,
    path: String,
    columns: Vec<Column>,
    format: Format,
    to: Box<dyn Write + Send>,
    failed: Option<io::Error>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Csv,
    Json,
}

impl RecordFiles {
    /// Opens what `NAME=FILE` arguments say.
    pub(crate) fn open(program: &Program, args: &[String]) -> Result<Self, Failure> {
        let mut outputs = Vec::new();
        for arg in args {
            let (name, path) = arg.split_once('=').ok_or_else(|| {
                Failure::usage(format!("`--emit {arg}` has no `=`"))
                    .hint("write for example --emit conn=conn.csv")
            })?;
            let (node, stream) = find(program, name)?;
            let columns = Column::all(&program.nodes[node].streams[stream]);
            outputs.push(Output::open(node, stream, path, columns)?);
        }
        Ok(Self(Arc::new(Mutex::new(outputs))))
    }

    /// Writes out what is buffered. The files that failed, with the reasons.
    pub(crate) fn finish(&self) -> Vec<String> {
        let mut outputs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = outputs.iter_mut().filter_map(|output| {
            let flushed = output.to.flush().err();
            let error = output.failed.take().or(flushed)?;
            // Whoever read standard output may have seen enough.
            let is_left = output.path == "-" && error.kind() == io::ErrorKind::BrokenPipe;
            if is_left {
                return None;
            }
            Some(format!("cannot write {}: {error}", output.path))
        });
        failures.collect()
    }
}

impl RecordSink for RecordFiles {
    fn record(&mut self, _: Nanos, node: u32, stream: StreamId, leaves: &[u128]) {
        let mut outputs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = |o: &&mut Output| o.node == node && o.stream == stream && o.failed.is_none();
        for output in outputs.iter_mut().filter(wanted) {
            output.failed = output.write(leaves).err();
        }
    }
}

/// The stream of that name: `conn`, or `exporter.conn` where several elements have one.
fn find(program: &Program, name: &str) -> Result<(usize, usize), Failure> {
    let streams = program.nodes.iter().enumerate().flat_map(|(n, node)| {
        let named = move |(s, stream): (usize, &'_ Stream)| {
            (n, s, stream.name.clone(), format!("{}.{}", node.name, stream.name))
        };
        node.streams.iter().enumerate().map(named)
    });
    let streams: Vec<_> = streams.collect();
    let found: Vec<_> = streams.iter().filter(|s| s.2 == name || s.3 == name).collect();
    if let [(node, stream, ..)] = found[..] {
        return Ok((*node, *stream));
    }
    let known: Vec<&str> = streams.iter().map(|s| s.3.as_str()).collect();
    let message = match found.len() {
        0 => format!("there is no stream of records `{name}`"),
        _ => format!("several elements have a stream `{name}`"),
    };
    let hint = match known.len() {
        0 => "the program emits no records".to_owned(),
        _ => format!("the streams are {}", known.join(", ")),
    };
    Err(Failure::usage(message).hint(hint))
}

impl Output {
    fn open(node: usize, stream: usize, path: &str, columns: Vec<Column>) -> Result<Self, Failure> {
        let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
        let format = match extension {
            "json" | "jsonl" | "ndjson" => Format::Json,
            "csv" => Format::Csv,
            _ if path == "-" => Format::Csv,
            _ => {
                return Err(Failure::usage(format!("`{path}` does not say how to write records"))
                    .hint("name a file that ends in .csv or .json, or - for standard output"));
            }
        };
        let to: Box<dyn Write + Send> = if path == "-" {
            Box::new(io::stdout())
        } else {
            let file = File::create(path)
                .map_err(|why| Failure::environment(format!("cannot create {path}: {why}")))?;
            Box::new(BufWriter::new(file))
        };
        let stream = StreamId(stream as u32);
        let path = path.to_owned();
        let mut output =
            Self { node: node as u32, stream, path, columns, format, to, failed: None };
        if format == Format::Csv {
            let names = output.columns.iter().map(|column| quoted(&column.name));
            let line = names.collect::<Vec<_>>().join(",");
            output.failed = writeln!(output.to, "{line}").err();
        }
        Ok(output)
    }

    fn write(&mut self, leaves: &[u128]) -> io::Result<()> {
        let cells = self.columns.iter().map(|column| {
            let value = column.value(leaves);
            match self.format {
                Format::Csv => {
                    value.map_or(String::new(), |value| quoted(&text(&column.view, value)))
                }
                Format::Json => {
                    let name = Value::from(column.name.as_str());
                    let value = value.map_or("null".to_owned(), |v| json(&column.view, v));
                    format!("{name}:{value}")
                }
            }
        });
        let line = cells.collect::<Vec<_>>().join(",");
        match self.format {
            Format::Csv => writeln!(self.to, "{line}"),
            Format::Json => writeln!(self.to, "{{{line}}}"),
        }
    }
}

/// A value as text: like everywhere, but for times.
fn text(view: &View, value: &[u128]) -> String {
    match (view, value) {
        (View::Time | View::Duration, [ns, ..]) => seconds(*ns as u64),
        _ => values::part(view, value),
    }
}

/// A value as JSON: numbers up to 64 bits as such.
fn json(view: &View, value: &[u128]) -> String {
    let is_number = matches!(view, View::Uint | View::Int(_) | View::Time | View::Duration)
        && value.first().is_some_and(|value| u64::try_from(*value).is_ok());
    let text = text(view, value);
    if is_number || *view == View::Bool { text } else { Value::from(text).to_string() }
}

/// Seconds with six digits behind the point, or nine if they are needed.
fn seconds(ns: u64) -> String {
    let (whole, part) = (ns / 1_000_000_000, ns % 1_000_000_000);
    if part.is_multiple_of(1000) {
        format!("{whole}.{:06}", part / 1000)
    } else {
        format!("{whole}.{part:09}")
    }
}

/// A field of a CSV line (RFC 4180): in quotes where that is needed.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_as_their_kind() {
        assert_eq!(text(&View::Time, &[1_500_000_000]), "1.500000");
        assert_eq!(text(&View::Duration, &[1]), "0.000000001");
        assert_eq!(json(&View::Duration, &[2_000]), "0.000002");
        assert_eq!(json(&View::Ip4, &[0x0a00_0001]), "\"10.0.0.1\"");
        assert_eq!(json(&View::Uint, &[7]), "7");
        assert_eq!(json(&View::Uint, &[u128::MAX]), format!("\"{}\"", u128::MAX));
        assert_eq!(json(&View::Bool, &[1]), "true");
        assert_eq!(quoted("a \"b\", c"), "\"a \"\"b\"\", c\"");
    }
}
