//! Effect rows as text.

use super::exposure::{Exposure, Scope, Source};
use super::{AccessKind, EffectRow, StateEffects};
use crate::ir::{Node, Trigger};
use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};
use trama_wire::header::{FieldRef, HeaderId, HeaderSet};

/// The head of a handler: `on lan(ip/tcp | ip6/tcp)`, `every 1s`, `init`.
pub fn handler_head(node: &Node, trigger: &Trigger) -> String {
    match trigger {
        Trigger::Init => "init".into(),
        Trigger::Timer { period } => format!("every {period}"),
        Trigger::Event { event, .. } => {
            let event = node.events.get(event.0 as usize);
            event.map_or_else(|| "on ?".into(), |event| format!("on {}", event.name))
        }
        Trigger::Close => "on close".into(),
        Trigger::Packet { first_port, port_count, patterns, guard, .. } => {
            let name = node.ports.get(*first_port as usize).map_or("?", |name| name);
            let port = if *port_count > 1 { name.split('[').next().unwrap_or(name) } else { name };
            let any = patterns.is_empty() || patterns.contains(&HeaderSet::EMPTY);
            let patterns: Vec<String> = patterns.iter().map(|p| pattern(*p)).collect();
            let brackets = if *port_count > 1 { "[…]" } else { "" };
            let patterns = if any { "any".into() } else { patterns.join(" | ") };
            let guarded = if guard.is_some() { ", guarded" } else { "" };
            format!("on {port}{brackets}({patterns}{guarded})")
        }
    }
}

/// Headers of a pattern without those that the others imply.
fn pattern(headers: HeaderSet) -> String {
    let implied = |id: HeaderId| {
        id == HeaderId::ETH && headers != HeaderSet::of(HeaderId::ETH)
            || id == HeaderId::L4 && (headers.has(HeaderId::TCP) || headers.has(HeaderId::UDP))
    };
    let names: Vec<&str> =
        headers.iter().filter(|id| !implied(*id)).map(|id| id.def().name).collect();
    names.join("/")
}

/// `ip.src`
pub(crate) fn field_name(field: FieldRef) -> String {
    format!("{}.{}", field.header.def().name, field.def().name)
}

fn field_names(fields: &BTreeSet<FieldRef>) -> String {
    let names: Vec<String> = fields.iter().map(|field| field_name(*field)).collect();
    names.join(", ")
}

fn header_names(headers: &BTreeSet<HeaderId>) -> Vec<String> {
    headers.iter().map(|id| id.def().name.to_owned()).collect()
}

impl Display for Source {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(field) => f.write_str(&field_name(*field)),
            Self::Presence(id) => write!(f, "presence of {}", id.def().name),
            Self::Proto => f.write_str("the protocol"),
            Self::Port => f.write_str("the port of arrival"),
            Self::Property => f.write_str("packet properties"),
            Self::Payload => f.write_str("the payload"),
            Self::Rebuilt => f.write_str("rebuilt headers"),
            Self::Time => f.write_str("the time"),
            Self::State(_) => f.write_str("other state"),
        }
    }
}

impl Display for Exposure {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Global => f.write_str("global"),
            Self::Each => f.write_str("every entry"),
            Self::PerFlow(_) => f.write_str("per flow"),
            Self::Keyed { fields, exact: true } => write!(f, "keyed by {}", field_names(fields)),
            Self::Keyed { fields, .. } if fields.is_empty() => {
                f.write_str("keyed by the kind of packet")
            }
            Self::Keyed { fields, .. } => {
                write!(f, "keyed by a function of {}", field_names(fields))
            }
            Self::CrossFlow(sources) => {
                let beyond = sources.iter().filter(|source| {
                    !matches!(source, Source::Field(_) | Source::Presence(_) | Source::Proto)
                });
                let names: BTreeSet<String> = beyond.map(ToString::to_string).collect();
                let names: Vec<String> = names.into_iter().collect();
                write!(f, "cross-flow through {}", names.join(", "))
            }
        }
    }
}

impl Display for Scope {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unused => f.write_str("unused"),
            Self::Constant => f.write_str("constant after init"),
            Self::PerFlow => f.write_str("per-flow"),
            Self::Keyed(fields) if fields.is_empty() => f.write_str("cross-flow"),
            Self::Keyed(fields) => write!(f, "cross-flow, keyed by {}", field_names(fields)),
            Self::CrossFlow => f.write_str("cross-flow"),
            Self::Global => f.write_str("global"),
        }
    }
}

impl Display for AccessKind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "reads",
            Self::Update => "updates",
            Self::Write => "writes",
        })
    }
}

impl Display for StateEffects {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let kinds = [(self.read, "read"), (self.written, "written"), (self.updated, "updated")];
        let uses: Vec<&str> = kinds.iter().filter(|(used, _)| *used).map(|(_, how)| *how).collect();
        write!(f, "{}: {}", self.state, self.scope)?;
        if !uses.is_empty() {
            write!(f, "; {}", uses.join(", "))?;
        }
        Ok(())
    }
}

impl EffectRow {
    /// What the handler may do, by kind of effect, in the order in which people read it.
    pub fn summary(&self) -> Vec<(String, Vec<String>)> {
        let only = |holds: bool, text: &str| holds.then(|| text.to_owned());
        let fields = |set: &BTreeSet<FieldRef>| set.iter().map(|f| field_name(*f)).collect();
        let mut reads: Vec<String> = fields(&self.reads);
        reads.extend(only(self.reads_payload, "payload"));
        reads.extend(only(self.reads_mark, "mark"));
        let mut changes: Vec<String> = fields(&self.changes);
        changes.extend(only(self.changes_options, "TCP options"));
        changes.extend(only(self.changes_payload, "payload"));
        changes.extend(only(self.changes_mark, "mark"));
        changes.extend(only(self.truncates, "frame length"));
        let mut lines = vec![
            ("reads".to_owned(), reads),
            ("changes".to_owned(), changes),
            ("inserts".to_owned(), header_names(&self.inserts)),
            ("removes".to_owned(), header_names(&self.removes)),
        ];
        for access in &self.accesses {
            let text = format!("{}.{} ({})", access.state, access.op, access.exposure);
            let kind = access.kind.to_string();
            // The same access at several places in the handler is one effect.
            match lines.iter_mut().find(|(name, items)| *name == kind && items.contains(&text)) {
                Some(_) => {}
                None => lines.push((kind, vec![text])),
            }
        }
        let uses = [only(self.uses_time, "time"), only(self.logs, "log")];
        let (all, state) = (self.cost.operations, self.cost.state_operations);
        let cost = format!("at most {all} operations, {state} of them on state");
        let drops = self.drops.iter().map(|reason| format!("\"{reason}\"")).collect();
        lines.extend([
            ("copies".to_owned(), only(self.copies, "packets").into_iter().collect()),
            ("sends to".to_owned(), self.sends.iter().cloned().collect()),
            ("generates".to_owned(), self.generates.iter().cloned().collect()),
            ("emits".to_owned(), self.emits.iter().cloned().collect()),
            ("may drop".to_owned(), drops),
            ("uses".to_owned(), uses.into_iter().flatten().collect()),
            ("cost".to_owned(), vec![cost]),
        ]);
        lines.retain(|(_, items)| !items.is_empty());
        lines
    }
}

impl Display for EffectRow {
    /// The head of the handler, then one indented line for each effect that it has.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.handler)?;
        for (name, items) in self.summary() {
            write!(f, "\n  {name:<9} {}", items.join(", "))?;
        }
        Ok(())
    }
}
