//! One test, step by step.

use super::frame::{build, constant};
use super::state::States;
use super::{FAILURES_MAX, Failure, START, Scope};
use crate::engine::{Engine, Report};
use crate::filter::{self, Filter};
use crate::ir::{Node, Stream};
use crate::records::{self, Record};
use crate::source::Span;
use crate::syntax::ast::{BinaryOp, Expr, ExprKind, Ident, Test, TestStep, TestStepKind};
use trama_base::Nanos;
use trama_wire::Packet;
use trama_wire::pool::Pool;

/// Buffers that a test keeps for reuse.
const POOL_PACKETS: usize = 16;

/// Most unclaimed effects that one failure lists.
const LISTED_MAX: usize = 5;

/// A packet that was dropped: the node's name, empty for what no node dropped, and the reason.
struct Drop {
    node: String,
    reason: String,
}

/// A mistake in the test itself ends it; a failed expectation does not.
type Step = Result<(), String>;

#[allow(clippy::vec_box, reason = "engines hand packets over in boxes")]
pub(super) struct Runner<'a> {
    scope: Scope<'a>,
    engine: &'a mut dyn Engine,
    pool: Pool,
    now: Nanos,
    report: Report,
    /// What the last cause brought about and no expectation has claimed.
    sent: Vec<Box<Packet>>,
    drops: Vec<Drop>,
    logs: Vec<String>,
    records: Vec<Record>,
    /// The step that brought it about.
    cause: Span,
    /// A failure has listed it: it is not listed again for lack of a claim.
    told: bool,
    failures: Vec<Failure>,
}

impl<'a> Runner<'a> {
    pub(super) fn new(scope: Scope<'a>, engine: &'a mut dyn Engine) -> Self {
        Self {
            scope,
            engine,
            pool: Pool::new(POOL_PACKETS),
            now: START,
            report: Report::default(),
            sent: Vec::new(),
            drops: Vec::new(),
            logs: Vec::new(),
            records: Vec::new(),
            cause: Span::default(),
            told: false,
            failures: Vec::new(),
        }
    }

    pub(super) fn run(mut self, test: &Test) -> Vec<Failure> {
        self.cause = test.title_span;
        self.report = self.engine.report();
        // What `init` did is claimed like the effects of a step.
        let mut sent = Vec::new();
        self.engine.advance(self.now, &mut sent, &mut self.pool);
        self.collect(sent);
        for step in &test.steps {
            if let Err(why) = self.step(step) {
                self.fail(step.span, why);
                return self.failures;
            }
            if self.failures.len() >= FAILURES_MAX {
                return self.failures;
            }
        }
        self.settle();
        self.failures
    }

    fn fail(&mut self, span: Span, message: String) {
        let line = self.scope.sources.line_column(span).0;
        self.failures.push(Failure { line, span, message });
    }

    fn step(&mut self, step: &TestStep) -> Step {
        match &step.kind {
            TestStepKind::At(time) => self.at(time, step.span),
            TestStepKind::Send { port, index, frame } => {
                let port = self.port(port, index.as_ref())?;
                let mut packet = build(frame, self.scope.constants)?;
                self.settle();
                self.cause = step.span;
                packet.time = self.now;
                packet.port = port;
                let (mut input, mut sent) = (vec![Box::new(packet)], Vec::new());
                self.engine.process(&mut input, &mut sent, &mut self.pool);
                self.collect(sent);
                Ok(())
            }
            TestStepKind::ExpectPacket { port, index, filter } => {
                let port = self.port(port, index.as_ref())?;
                self.expect_packet(port, filter.as_ref(), step.span)
            }
            TestStepKind::ExpectDrop(reason) => {
                self.expect_drop(reason.as_ref().map(|(text, _)| text.as_str()), step.span);
                Ok(())
            }
            TestStepKind::ExpectLog(text, _) => {
                match self.logs.iter().position(|line| line.contains(text.as_str())) {
                    Some(line) => drop(self.logs.remove(line)),
                    None => {
                        let lines = quoted(&self.logs);
                        self.fail(step.span, format!("no such line was written; written: {lines}"));
                    }
                }
                Ok(())
            }
            TestStepKind::ExpectNothing => {
                let effects = self.effects().or_else(|| self.emitted());
                if let Some(effects) = effects {
                    self.fail(step.span, format!("expected nothing, but there was {effects}"));
                    self.forget();
                }
                Ok(())
            }
            TestStepKind::ExpectRecord { node, stream, fields } => {
                self.expect_record(node.as_ref(), stream, fields, step.span)
            }
            TestStepKind::Close => {
                self.pass(self.now, step.span, true);
                Ok(())
            }
            TestStepKind::ExpectState(expr) => {
                let mut states = States::new(self.scope, self.engine);
                if let Some(why) = states.unmet(expr)? {
                    self.fail(step.span, why);
                }
                Ok(())
            }
        }
    }

    fn at(&mut self, time: &Expr, span: Span) -> Step {
        let value = constant(time, self.scope.constants)?;
        let ns = match (value.leaves.as_slice(), value.scalar) {
            ([ns], None) => u64::try_from(*ns).map_err(|_| "too far in the future".to_string())?,
            _ => return Err("`at` takes a length of time, for example `at 10s`".to_string()),
        };
        let time = START + Nanos(ns);
        if time < self.now {
            let now = self.now.since(START);
            return Err(format!("time does not go back: the test is at {now} already"));
        }
        self.pass(time, span, false);
        Ok(())
    }

    /// Lets time pass, and ends the run if it is `closed`.
    fn pass(&mut self, time: Nanos, span: Span, closed: bool) {
        self.settle();
        self.cause = span;
        self.now = time;
        let mut sent = Vec::new();
        match closed {
            true => self.engine.finish(time, &mut sent, &mut self.pool),
            false => self.engine.advance(time, &mut sent, &mut self.pool),
        }
        self.collect(sent);
    }

    /// The index of an external port.
    fn port(&self, port: &Ident, index: Option<&Expr>) -> Result<u32, String> {
        let mut name = port.text.clone();
        if let Some(index) = index {
            match constant(index, self.scope.constants)?.scalar {
                Some(filter::Constant::Number(n)) => name = format!("{name}[{n}]"),
                _ => return Err("the index of a port is a number".to_string()),
            }
        }
        let ports = &self.scope.program.ports;
        match ports.iter().position(|p| *p == name) {
            Some(index) => Ok(index as u32),
            None => Err(format!("there is no port `{name}`; the ports are {}", ports.join(", "))),
        }
    }

    // Effects.

    /// Takes note of what the engine did since the last time.
    #[allow(clippy::vec_box, reason = "engines hand packets over in boxes")]
    fn collect(&mut self, sent: Vec<Box<Packet>>) {
        self.sent.extend(sent);
        let report = self.engine.report();
        for (i, node) in self.scope.program.nodes.iter().enumerate() {
            for (reason, text) in node.reasons.iter().enumerate() {
                let count = |r: &Report| {
                    let node = r.nodes.get(i);
                    node.and_then(|n| n.drops.get(reason)).copied().unwrap_or(0)
                };
                for _ in count(&self.report)..count(&report) {
                    let drop = Drop { node: node.name.clone(), reason: text.clone() };
                    self.drops.push(drop);
                }
            }
        }
        for _ in self.report.unconnected..report.unconnected {
            let reason = "port not connected".to_string();
            self.drops.push(Drop { node: String::new(), reason });
        }
        self.logs.extend(self.engine.take_logs().into_iter().map(|line| line.text));
        self.records.extend(self.engine.take_records());
        self.report = report;
    }

    /// What is not yet claimed, in words.
    fn effects(&self) -> Option<String> {
        let port = |p: u32| self.scope.program.ports.get(p as usize).map_or("?", String::as_str);
        let sent =
            (self.sent.iter()).map(|p| format!("sent to {}: {}", port(p.port), p.describe()));
        let drops = self.drops.iter().map(|d| {
            let by = if d.node.is_empty() { String::new() } else { format!(" by {}", d.node) };
            format!("dropped{by} because \"{}\"", d.reason)
        });
        let all: Vec<_> = sent.chain(drops).collect();
        let more = all.len().saturating_sub(LISTED_MAX);
        let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
        let listed = all.iter().take(LISTED_MAX).cloned().collect::<Vec<_>>().join("; ");
        (!all.is_empty()).then(|| listed + &rest)
    }

    /// The records that nothing expected yet, in words.
    fn emitted(&self) -> Option<String> {
        let shown = self.records.iter().take(LISTED_MAX).map(|record| {
            let stream = self.stream_of(record);
            format!("{} {}", stream.name, records::show(stream, &record.leaves))
        });
        let listed = shown.collect::<Vec<_>>().join("; ");
        let more = self.records.len().saturating_sub(LISTED_MAX);
        let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
        (!listed.is_empty()).then(|| format!("recorded {listed}{rest}"))
    }

    fn stream_of(&self, record: &Record) -> &'a Stream {
        &self.scope.program.nodes[record.node as usize].streams[record.stream.0 as usize]
    }

    fn forget(&mut self) {
        for packet in self.sent.drain(..) {
            self.pool.give(packet);
        }
        self.drops.clear();
        self.logs.clear();
        self.records.clear();
    }

    /// Complains about what nobody claimed, and forgets it.
    fn settle(&mut self) {
        let told = std::mem::take(&mut self.told);
        if let Some(effects) = self.effects().filter(|_| !told) {
            self.fail(self.cause, format!("nothing expects what this caused: {effects}"));
        }
        self.forget();
    }

    // Expectations.

    fn expect_packet(&mut self, port: u32, filter: Option<&Expr>, span: Span) -> Step {
        let known = |expr: &Expr| (self.scope.constants)(expr).ok().and_then(|c| c.scalar);
        let built = match filter {
            Some(expr) => Some(Filter::of(expr, &known).map_err(|why| why.message)?),
            None => None,
        };
        let Some(at) = self.sent.iter().position(|p| p.port == port) else {
            let effects = self.tell();
            let name = &self.scope.program.ports[port as usize];
            self.fail(span, format!("nothing was sent to {name}; instead: {effects}"));
            return Ok(());
        };
        let packet = self.sent.remove(at);
        if let (Some(expr), Some(filter)) = (filter, built)
            && !filter.matches(&packet)
        {
            let mut parts = Vec::new();
            unmet_parts(expr, &mut parts);
            let parts: Vec<_> = (parts.into_iter())
                .filter(|part| Filter::of(part, &known).is_ok_and(|f| !f.matches(&packet)))
                .map(|part| self.unmet(part, &packet, &known))
                .collect();
            let shown = packet.describe();
            self.fail(span, format!("the packet is another: {shown}; {}", parts.join("; ")));
        }
        self.pool.give(packet);
        Ok(())
    }

    /// A part of a filter that a packet does not meet, and what the packet has there.
    fn unmet(&self, part: &Expr, packet: &Packet, known: &filter::Constants<'_>) -> String {
        let written = self.scope.sources.text(part.span);
        let (ExprKind::Binary(_, item, _) | ExprKind::In(item, _)) = &part.kind else {
            return format!("`{written}` does not hold");
        };
        let name = self.scope.sources.text(item.span);
        match filter::value_of(item, packet, known) {
            Some(value) => format!("`{written}` does not hold: {name} is {value}"),
            None => format!("`{written}` does not hold: it has no {name}"),
        }
    }

    fn expect_record(
        &mut self,
        node: Option<&Ident>,
        stream: &Ident,
        fields: &[(Ident, Expr)],
        span: Span,
    ) -> Step {
        let nodes = &self.scope.program.nodes;
        let is_named = |n: &Node| node.is_none_or(|name| n.name == name.text);
        let streams = nodes.iter().filter(|n| is_named(n)).flat_map(|n| &n.streams);
        if streams.clone().all(|known| known.name != stream.text) {
            let names: Vec<_> = streams.map(|stream| stream.name.as_str()).collect();
            let names = if names.is_empty() { "none".to_string() } else { names.join(", ") };
            return Err(format!("there is no stream `{}`; the streams are {names}", stream.text));
        }
        for at in 0..self.records.len() {
            let record = &self.records[at];
            let its = self.stream_of(record);
            if its.name == stream.text
                && is_named(&nodes[record.node as usize])
                && self.has_fields(at, fields)?
            {
                self.records.remove(at);
                return Ok(());
            }
        }
        let emitted = self.emitted().unwrap_or_else(|| "recorded nothing".to_string());
        self.fail(span, format!("no such record was emitted; {emitted}"));
        Ok(())
    }

    /// True if a record has these values.
    fn has_fields(&mut self, at: usize, fields: &[(Ident, Expr)]) -> Result<bool, String> {
        let (record, stream) = (self.records[at].clone(), self.stream_of(&self.records[at]));
        let states = States::new(self.scope, self.engine);
        for (name, expr) in fields {
            let prefix = format!("{}.", name.text);
            let is_part = |view: &str| view == name.text || view.starts_with(&prefix);
            let first = stream.views.iter().position(|(view, _)| is_part(view));
            let Some(first) = first else {
                let names: Vec<_> =
                    records::Column::all(stream).into_iter().map(|column| column.name).collect();
                let known = names.join(", ");
                return Err(format!("there is no field `{}`; the fields are {known}", name.text));
            };
            let count = stream.views[first..].iter().take_while(|(view, _)| is_part(view)).count();
            let wanted = states.of_field(expr, &stream.views[first..first + count])?;
            if record.leaves[first..first + count] != wanted[..] {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn expect_drop(&mut self, reason: Option<&str>, span: Span) {
        let wanted = |d: &Drop| reason.is_none_or(|reason| d.reason == reason);
        if let Some(at) = self.drops.iter().position(wanted) {
            self.drops.remove(at);
            return;
        }
        let effects = self.tell();
        self.fail(span, format!("nothing was dropped so; instead: {effects}"));
    }

    /// What is not yet claimed, for a failure that lists it.
    fn tell(&mut self) -> String {
        self.told = true;
        self.effects().unwrap_or_else(|| "nothing at all".to_string())
    }
}

/// The conditions that `&&` joins.
fn unmet_parts<'e>(expr: &'e Expr, out: &mut Vec<&'e Expr>) {
    if let ExprKind::Binary(BinaryOp::AndAnd, a, b) = &expr.kind {
        unmet_parts(a, out);
        unmet_parts(b, out);
    } else {
        out.push(expr);
    }
}

fn quoted(lines: &[String]) -> String {
    if lines.is_empty() {
        return "nothing".to_string();
    }
    lines.iter().take(LISTED_MAX).map(|l| format!("\"{l}\"")).collect::<Vec<_>>().join(", ")
}
