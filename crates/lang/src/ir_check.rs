//! The rules of well-formed IR, checked.
//!
//! Engines rely on what [`validate`] establishes: every index is in range, every value has the
//! width of the place it goes to, every operation fits its state object. Lowering must produce
//! nothing else, so a violation is a fault of the compiler; the engines refuse such a program
//! instead of running into it.

mod expr;
mod state;
#[cfg(test)]
mod tests;

use crate::ir::{
    Dest, Expr, Handler, Label, LocalId, Node, PacketId, Program, Stmt, StmtKind, Table, Trigger,
    reason,
};
use crate::ir_parts::walk_stmts;
use crate::source::Span;
use trama_base::Nanos;
use trama_wire::header::{FieldRef, HEADERS, HeaderId};

/// A broken rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed IR in `{place}`: {rule}")]
pub struct Invalid {
    /// Name of the node, with the index of its handler; or `network`.
    pub place: String,
    /// The statement, or all zero.
    pub span: Span,
    /// What is wrong.
    pub rule: String,
}

/// Checks that a program is well formed: see the comments of [`crate::ir`].
pub fn validate(program: &Program) -> Result<(), Invalid> {
    let network =
        |rule: String| Err(Invalid { place: "network".into(), span: Span::default(), rule });
    if program.ingress.len() != program.ports.len() {
        return network("one ingress for each external port".into());
    }
    for (i, &dest) in program.ingress.iter().enumerate() {
        if !dest_exists(program, dest) {
            return network(format!("ingress {i} leads to {dest:?}, which does not exist"));
        }
    }
    program.nodes.iter().try_for_each(|node| check_node(program, node))
}

fn dest_exists(program: &Program, dest: Dest) -> bool {
    match dest {
        Dest::Node(node, port) => {
            program.nodes.get(node as usize).is_some_and(|n| (port as usize) < n.ports.len())
        }
        Dest::Out(port) => (port as usize) < program.ports.len(),
        Dest::Unconnected | Dest::Discard => true,
    }
}

fn check_node(program: &Program, node: &Node) -> Result<(), Invalid> {
    let ensure = |holds: bool, rule: &dyn Fn() -> String| {
        let place = || Invalid { place: node.name.clone(), span: Span::default(), rule: rule() };
        if holds { Ok(()) } else { Err(place()) }
    };
    ensure(node.wires.len() == node.ports.len(), &|| "one wire for each port".into())?;
    for &wire in &node.wires {
        ensure(dest_exists(program, wire), &|| format!("{wire:?} does not exist"))?;
    }
    let built_in = node.reasons.iter().zip(reason::BUILT_IN).all(|(a, b)| a == b);
    ensure(built_in && node.reasons.len() >= reason::BUILT_IN.len(), &|| {
        "the built-in drop reasons come first".into()
    })?;
    for site in &node.log_sites {
        ensure(site.text.len() == site.views.len() + 1, &|| {
            "a log text is one longer than its arguments".into()
        })?;
    }
    for table in &node.tables {
        ensure(is_table(table), &|| format!("table `{}` has a misshapen row", table.name))?;
    }
    for (i, handler) in node.handlers.iter().enumerate() {
        Checker { node, handler, index: i, span: handler.span, labels: Vec::new() }.handler()?;
    }
    Ok(())
}

fn is_table(table: &Table) -> bool {
    table.columns.iter().all(|&w| is_width(w))
        && table.rows.iter().all(|row| {
            row.len() == table.columns.len()
                && row.iter().zip(&table.columns).all(|(&cell, &width)| fits(cell, width))
        })
}

fn is_width(width: u8) -> bool {
    matches!(width, 1..=64 | 128)
}

fn fits(value: u128, width: u8) -> bool {
    width >= 128 || value >> width == 0
}

/// Checks one handler.
struct Checker<'a> {
    node: &'a Node,
    handler: &'a Handler,
    index: usize,
    /// The statement at hand.
    span: Span,
    /// Labels of the blocks and loops around it.
    labels: Vec<Label>,
}

type Checked = Result<(), Invalid>;

impl Checker<'_> {
    fn handler(&mut self) -> Checked {
        for &width in &self.handler.locals {
            self.ensure(is_width(width), || format!("no local has {width} bits"))?;
        }
        match &self.handler.trigger {
            Trigger::Init => {}
            Trigger::Timer { period } => {
                self.ensure(*period > Nanos::ZERO, || "a timer has a period".into())?;
            }
            Trigger::Packet { first_port, port_count, index_local, .. } => {
                self.ports(*first_port, *port_count)?;
                self.ensure(self.handler.packets > 0, || "the input has a register".into())?;
                if let Some(local) = index_local {
                    self.local(*local, None)?;
                }
            }
        }
        let mut labels = Vec::new();
        walk_stmts(&self.handler.body, &mut |stmt| match &stmt.kind {
            StmtKind::Block(label, _) => labels.push(*label),
            StmtKind::Loop { label, continue_label, .. } => labels.extend([label, continue_label]),
            _ => {}
        });
        let count = labels.len();
        labels.sort_unstable_by_key(|label| label.0);
        labels.dedup();
        self.ensure(labels.len() == count, || "labels are unique within a handler".into())?;
        self.body(&self.handler.body)
    }

    fn body(&mut self, body: &[Stmt]) -> Checked {
        for stmt in body {
            self.span = stmt.span;
            self.stmt(&stmt.kind)?;
        }
        Ok(())
    }

    fn stmt(&mut self, stmt: &StmtKind) -> Checked {
        for &p in &stmt.packets() {
            self.register(p)?;
        }
        match stmt {
            StmtKind::Assign(local, e) => self.local(*local, Some(e.width))?,
            StmtKind::If(condition, then, or) => {
                self.expr(condition, Some(1))?;
                self.body(then)?;
                return self.body(or);
            }
            StmtKind::Loop { .. } => return self.repeat(stmt),
            StmtKind::Block(label, body) => return self.labelled(&[*label], body),
            StmtKind::Break(label) => {
                let known = self.labels.contains(label);
                self.ensure(known, || format!("nothing around here has label {}", label.0))?;
            }
            StmtKind::Return | StmtKind::Copy(..) => {}
            StmtKind::SetField(_, field, e) => self.field(*field, e.width)?,
            StmtKind::SetMark(_, e) | StmtKind::SetTcpOption(_, _, e) => self.width(e, 32)?,
            StmtKind::Truncate(_, e) => self.width(e, 32)?,
            StmtKind::SetPayload(_, offset, value) => {
                self.ensure(offset.width <= 64, || "an offset has at most 64 bits".into())?;
                self.payload_width(value.width)?;
            }
            StmtKind::Insert(_, stack, ok) => {
                self.local(*ok, Some(1))?;
                for (header, fields) in stack {
                    self.header(*header)?;
                    for (field, e) in fields {
                        let own = field.header == *header;
                        self.ensure(own, || "inserted fields are those of their header".into())?;
                        self.field(*field, e.width)?;
                    }
                }
            }
            StmtKind::Remove(_, stack, ok) => {
                self.local(*ok, Some(1))?;
                stack.iter().try_for_each(|header| self.header(*header))?;
            }
            StmtKind::Send { first_port, index, count, .. } => {
                self.ports(*first_port, *count)?;
                if let Some(index) = index {
                    self.width(index, 64)?;
                }
            }
            StmtKind::Drop(_, reason) => {
                let known = (*reason as usize) < self.node.reasons.len();
                self.ensure(known, || format!("there is no drop reason {reason}"))?;
            }
            StmtKind::Log(site, args) => {
                let site = self.node.log_sites.get(*site as usize);
                let fits = site.is_some_and(|site| site.views.len() == args.len());
                self.ensure(fits, || "a log statement has its site's arguments".into())?;
            }
            StmtKind::State(id, op) => self.state(*id, op)?,
            StmtKind::Extract { .. } => self.extract(stmt)?,
        }
        stmt.exprs().into_iter().try_for_each(|e| self.expr(e, None))
    }

    fn extract(&self, stmt: &StmtKind) -> Checked {
        let StmtKind::Extract { packet, extract, args, results } = stmt else { return Ok(()) };
        let needs = extract.what.reads_packet();
        self.ensure(packet.is_some() == needs, || "a packet where one is read".into())?;
        let (wanted, given) = (extract.argument_widths(), extract.result_widths());
        let count = wanted.len() == args.len() && given.len() == results.len();
        self.ensure(count, || format!("{extract:?} has other arguments or results"))?;
        args.iter().zip(wanted).try_for_each(|(e, width)| self.width(e, width))?;
        results.iter().zip(given).try_for_each(|(local, width)| self.local(*local, Some(width)))?;
        let mut distinct = results.clone();
        distinct.sort_unstable_by_key(|local| local.0);
        distinct.dedup();
        self.ensure(distinct.len() == results.len(), || "results go to different locals".into())
    }

    fn repeat(&mut self, stmt: &StmtKind) -> Checked {
        let StmtKind::Loop { label, continue_label, var, from, to, body, .. } = stmt else {
            return Ok(());
        };
        self.local(*var, Some(64))?;
        self.expr(from, Some(64))?;
        self.expr(to, Some(64))?;
        let mut assigned = false;
        walk_stmts(body, &mut |stmt| assigned |= stmt.kind.assigns().contains(var));
        self.ensure(!assigned, || "a loop variable is not assigned in the body".into())?;
        self.labelled(&[*label, *continue_label], body)
    }

    fn labelled(&mut self, labels: &[Label], body: &[Stmt]) -> Checked {
        let outside = self.labels.len();
        self.labels.extend(labels);
        let checked = self.body(body);
        self.labels.truncate(outside);
        checked
    }

    fn ports(&self, first: u32, count: u32) -> Checked {
        let end = u64::from(first) + u64::from(count);
        let known = count > 0 && end <= self.node.ports.len() as u64;
        self.ensure(known, || format!("ports {first}..{end} do not exist"))
    }

    fn register(&self, p: PacketId) -> Checked {
        self.ensure(p.0 < self.handler.packets, || format!("no packet register {}", p.0))
    }

    fn header(&self, header: HeaderId) -> Checked {
        let known = usize::from(header.0) < HeaderId::COUNT;
        self.ensure(known, || format!("there is no header {}", header.0))
    }

    /// A field exists and has this width.
    fn field(&self, field: FieldRef, width: u8) -> Checked {
        let header = HEADERS.get(usize::from(field.header.0));
        let def = header.and_then(|header| header.fields.get(usize::from(field.field)));
        let fits = def.is_some_and(|def| def.width == width);
        self.ensure(fits, || format!("no field has this index and {width} bits"))
    }

    /// A local exists and has this width.
    fn local(&self, local: LocalId, width: Option<u8>) -> Checked {
        let own = self.handler.locals.get(local.0 as usize).copied();
        let fits = own.is_some() && width.is_none_or(|width| own == Some(width));
        let n = local.0;
        self.ensure(fits, || format!("local {n} has {own:?} bits where {width:?} are wanted"))
    }

    fn width(&self, e: &Expr, width: u8) -> Checked {
        let own = e.width;
        self.ensure(own == width, || format!("a value of {own} bits where {width} are wanted"))
    }

    fn ensure(&self, holds: bool, rule: impl FnOnce() -> String) -> Checked {
        if holds {
            return Ok(());
        }
        let place = format!("{}, handler {}", self.node.name, self.index);
        Err(Invalid { place, span: self.span, rule: rule() })
    }
}
