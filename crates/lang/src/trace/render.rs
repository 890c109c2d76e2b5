//! Traces as lines of text.

use super::{Step, StepKind, Trace};
use crate::interp::observe::{Cause, Change, PacketNo, StateAccess};
use crate::ir::{Dest, LogSite, Program, StateView, View};
use crate::source::{SourceMap, Span};
use crate::values;
use trama_state::{StateKind, StateSpec};

/// Columns that the source snippet of a branch may take.
const SNIPPET_MAX: usize = 60;

/// The lines of a trace: the event, then for each node that the packet or a copy passes an
/// indented block of what happened there, with the place in the source at the end of a line.
pub fn render(trace: &Trace, program: &Program, sources: &SourceMap) -> Vec<String> {
    let copies = trace.steps.iter().any(|step| matches!(step.kind, StepKind::Copied { .. }));
    let renderer = Renderer { program, sources, copies };
    let mut lines = vec![renderer.event(trace)];
    for step in &trace.steps {
        let indent = match step.kind {
            StepKind::Arrives { .. } | StepKind::Leaves { .. } | StepKind::Lost => 1,
            StepKind::Handler { .. } if step.packet.is_none() => 1,
            _ => 2,
        };
        let text = renderer.step(step);
        let place = step.span.and_then(|span| renderer.place(span));
        let place = place.map(|place| format!("  [{place}]")).unwrap_or_default();
        lines.push(format!("{}{text}{place}", "    ".repeat(indent)));
    }
    lines
}

struct Renderer<'a> {
    program: &'a Program,
    sources: &'a SourceMap,
    /// There are several packets: each needs its number.
    copies: bool,
}

impl Renderer<'_> {
    fn event(&self, trace: &Trace) -> String {
        let time = values::time(trace.now);
        match trace.cause {
            Cause::Packet { port } => {
                let packet = trace.packet.as_deref().unwrap_or_default();
                format!("{time}  {packet}  enters at {}", self.external(port))
            }
            Cause::Timer { node, handler } => {
                format!("{time}  timer: {} of {}", self.handler(node, handler), self.node(node))
            }
            Cause::Init { node, .. } => format!("{time}  init of {}", self.node(node)),
        }
    }

    fn step(&self, step: &Step) -> String {
        let which = self.which(step.packet);
        match &step.kind {
            StepKind::Arrives { node, port, summary } => {
                let (name, port) = (self.node(*node), self.port(*node, *port));
                format!("{name}.{port}{which}: {summary}")
            }
            StepKind::Handler { node, handler } => self.handler(*node, *handler),
            StepKind::Branch { taken } => {
                let snippet = step.span.and_then(|span| self.snippet(span)).unwrap_or_default();
                format!("{snippet} → {}", if *taken { "yes" } else { "no" })
            }
            StepKind::State(access) => self.state(access),
            StepKind::Extracted { value } => {
                let snippet = step.span.and_then(|span| self.snippet(span)).unwrap_or_default();
                format!("{snippet} = {value}")
            }
            StepKind::Field { field, old, new } => {
                let (def, header) = (field.def(), field.header.def().name);
                let (old, new) = (values::field(def, *old), values::field(def, *new));
                format!("{header}.{}{which}: {old} → {new}", def.name)
            }
            StepKind::Changed { what, done } => {
                let refused = if *done { "" } else { " was not possible" };
                format!("{}{which}{refused}", change(what))
            }
            StepKind::Copied { of } => format!("copy #{} of #{}", number(step.packet), of.0),
            StepKind::Sent { node, port, to } => {
                format!("sent{which} to {} → {}", self.port(*node, *port), self.dest(*to))
            }
            StepKind::Dropped { node, reason } => {
                let reasons = self.program.nodes.get(*node as usize).map(|n| &n.reasons);
                let reason = reasons.and_then(|r| r.get(*reason as usize));
                let reason = reason.map_or("?", |reason| reason);
                format!("dropped{which} by {}: {reason}", self.node(*node))
            }
            StepKind::Consumed => format!("consumed{which}: neither sent nor dropped"),
            StepKind::Discarded => format!("ends{which} at discard"),
            StepKind::Lost => "lost: the external port leads nowhere".into(),
            StepKind::Leaves { port, summary } => {
                format!("leaves{which} at {}: {summary}", self.external(*port))
            }
            StepKind::Log { node, site, args, written } => self.log(*node, *site, args, *written),
        }
    }

    /// One use of a state object: the operation with its key, then what there was, or how it
    /// changed, or that it was refused.
    fn state(&self, access: &StateAccess) -> String {
        let node = self.program.nodes.get(access.node as usize);
        let Some(spec) = node.and_then(|node| node.states.get(access.state as usize)) else {
            return format!("state {}", access.op);
        };
        let view = node.and_then(|node| node.state_views.get(access.state as usize));
        let view = view.cloned().unwrap_or_default();
        let key = state_key(spec, &view, &access.key);
        let key = if key.is_empty() { key } else { format!("[{key}]") };
        let op = format!("{}{key}.{}", spec.name, access.op);
        let entry = |leaves: &Option<Vec<u128>>| match leaves {
            None => "none".to_owned(),
            Some(leaves) if leaves.is_empty() => "present".into(),
            Some(leaves) => values::leaves(&value_views(spec, &view, leaves.len()), leaves),
        };
        if access.old != access.new {
            return format!("{op}: {} → {}", entry(&access.old), entry(&access.new));
        }
        let found = match (access.op, access.answer) {
            (_, Some(false)) | ("get", _) => None,
            (_, _) if access.found.is_empty() => None,
            ("pick", _) => {
                Some(values::leaves(&named(&view.key, access.found.len()), &access.found))
            }
            _ => Some(values::leaves(&named(&[], access.found.len()), &access.found)),
        };
        let refused = access.answer == Some(false)
            && matches!(access.op, "put" | "update" | "take" | "set" | "alloc");
        let outcome = found.unwrap_or_else(|| entry(&access.old));
        format!("{op}: {outcome}{}", if refused { ", refused" } else { "" })
    }

    fn log(&self, node: u32, site: u32, args: &[u128], written: bool) -> String {
        let site: Option<&LogSite> = self
            .program
            .nodes
            .get(node as usize)
            .and_then(|node| node.log_sites.get(site as usize));
        let Some(site) = site else { return "log".into() };
        let kind = if site.alert { "alert" } else { "log" };
        let limit = if written { "" } else { " (suppressed by its limit)" };
        format!("{kind} \"{}\"{limit}", values::render_log(site, args))
    }

    /// `#2`, where there are several packets.
    fn which(&self, packet: Option<PacketNo>) -> String {
        match packet {
            Some(no) if self.copies => format!(" #{}", no.0),
            _ => String::new(),
        }
    }

    fn node(&self, node: u32) -> &str {
        self.program.nodes.get(node as usize).map_or("?", |node| &node.name)
    }

    fn port(&self, node: u32, port: u32) -> &str {
        let node = self.program.nodes.get(node as usize);
        node.and_then(|node| node.ports.get(port as usize)).map_or("?", |name| name)
    }

    fn external(&self, port: u32) -> &str {
        self.program.ports.get(port as usize).map_or("an unknown port", |name| name)
    }

    fn dest(&self, dest: Dest) -> String {
        match dest {
            Dest::Node(node, port) => format!("{}.{}", self.node(node), self.port(node, port)),
            Dest::Out(port) => format!("{} (leaves)", self.external(port)),
            Dest::Unconnected => "nothing".into(),
            Dest::Discard => "discard".into(),
        }
    }

    fn handler(&self, node: u32, handler: u32) -> String {
        let node = self.program.nodes.get(node as usize);
        let found = node.and_then(|n| n.handlers.get(handler as usize).map(|h| (n, h)));
        found.map_or_else(|| "?".into(), |(n, h)| crate::effects::handler_head(n, &h.trigger))
    }

    /// `file:line` of a span; nothing for spans that are in no file.
    fn place(&self, span: Span) -> Option<String> {
        let text = self.text(span)?;
        debug_assert!(!text.is_empty(), "only spans with text have a place");
        let (line, _) = self.sources.line_column(span);
        Some(format!("{}:{line}", self.sources.files[span.file as usize].name))
    }

    /// The first line of a span's text up to its body, shortened.
    fn snippet(&self, span: Span) -> Option<String> {
        let head = self.text(span)?.lines().next()?.split('{').next()?.trim();
        if head.chars().count() <= SNIPPET_MAX {
            return Some(head.to_owned());
        }
        let cut: String = head.chars().take(SNIPPET_MAX - 1).collect();
        Some(cut + "…")
    }

    fn text(&self, span: Span) -> Option<&str> {
        let file = self.sources.files.get(span.file as usize)?;
        file.text.get(span.start as usize..span.end as usize).filter(|text| !text.is_empty())
    }
}

/// The key of a state operation: leaves, an index, or an address with the length of its prefix.
fn state_key(spec: &StateSpec, view: &StateView, key: &[u128]) -> String {
    match (&spec.kind, key) {
        (_, []) => String::new(),
        (StateKind::Lpm { .. }, [address, rest @ ..]) => {
            let view = view.key.first().map_or(&View::Uint, |(_, view)| view);
            let length = rest.first().map(|length| format!("/{length}")).unwrap_or_default();
            values::leaf(view, *address) + &length
        }
        (StateKind::Maglev { .. }, [hash]) if spec.key.0.len() != 1 => hash.to_string(),
        _ => values::leaves(&named(&view.key, key.len()), key),
    }
}

/// Names and views of what an entry holds.
fn value_views(spec: &StateSpec, view: &StateView, count: usize) -> Vec<(String, View)> {
    let numbers = |names: &[&str]| {
        names.iter().map(|name| ((*name).to_owned(), View::Uint)).collect::<Vec<_>>()
    };
    match spec.kind {
        StateKind::Counter { .. } => numbers(&["packets", "bytes"]),
        StateKind::Bucket { .. } => numbers(&["tokens"]),
        StateKind::Maglev { .. } => numbers(&["weight"]),
        _ => named(&view.value, count),
    }
}

/// `views`, or plain numbers where there are none.
fn named(views: &[(String, View)], count: usize) -> Vec<(String, View)> {
    if views.len() == count {
        return views.to_vec();
    }
    (0..count).map(|i| (i.to_string(), View::Uint)).collect()
}

fn number(packet: Option<PacketNo>) -> u32 {
    packet.map_or(0, |no| no.0)
}

fn change(what: &Change) -> String {
    let names = |stack: &[trama_wire::header::HeaderId]| {
        stack.iter().map(|id| id.def().name).collect::<Vec<_>>().join("/")
    };
    match what {
        Change::Insert(stack) => format!("insert {}", names(stack)),
        Change::Remove(stack) => format!("remove {}", names(stack)),
        Change::Truncate(len) => format!("truncate to {len} bytes"),
        Change::Mark { old, new } => format!("mark: {old} → {new}"),
        Change::Payload { offset, width, old, new } => {
            format!("payload.u{width}({offset}): {old:#x} → {new:#x}")
        }
        Change::TcpOption { option, old, new } => format!("tcp {option:?}: {old} → {new}"),
    }
}
