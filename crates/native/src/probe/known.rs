//! What is known of locals and header fields at one place of a packet's way.

use super::{INPUT, Load};
use std::collections::BTreeMap;
use trama_lang::ir::{Expr, ExprKind, LocalId, Meta, StateOp, StmtKind};
use trama_wire::header::{FieldRef, HeaderId, HeaderSet};

/// Most parts of an expression: one that needs more costs more than it saves.
const PARTS_MAX: usize = 48;

/// Most conditions that are checked for one probe.
const GUARDS_MAX: usize = 3;

/// What is known at one place of a handler.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// Locals that are functions of the packet as it entered and of values.
    locals: BTreeMap<u32, Expr>,
    /// Fields that were changed, with their values if these are such functions.
    fields: BTreeMap<FieldRef, Option<Expr>>,
    /// True once the headers are no longer those with which the packet entered.
    pub(super) restructured: bool,
    /// Headers that the packet has for certain.
    pub(super) needs: HeaderSet,
    /// Conditions that held on the way.
    pub(super) guards: Vec<Expr>,
}

/// On which outcome of a condition a place depends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guarded {
    IfTrue,
    IfFalse,
}

impl Known {
    /// The same at the start of the next handler: locals are its own, and the packet has `needs`.
    pub(super) fn entering(&self, needs: HeaderSet) -> Self {
        Self { locals: BTreeMap::new(), needs, ..self.clone() }
    }

    pub(super) fn set_local(&mut self, LocalId(local): LocalId, value: Option<Expr>) {
        match value {
            Some(value) => self.locals.insert(local, value),
            None => self.locals.remove(&local),
        };
    }

    pub(super) fn set_field(&mut self, field: FieldRef, value: Option<Expr>) {
        self.fields.insert(shared_name(field), value);
    }

    /// Locals get the leaves of a value.
    pub(super) fn set_leaves(&mut self, locals: &[LocalId], load: &Load) {
        for ((local, leaf), &width) in locals.iter().zip(load.locals()).zip(&load.widths) {
            self.set_local(*local, Some(Expr { kind: ExprKind::Local(leaf), width }));
        }
    }

    /// Forgets the locals and fields that a statement itself writes.
    pub(super) fn forget(&mut self, stmt: &StmtKind) {
        for local in stmt.assigns() {
            self.set_local(local, None);
        }
        if let StmtKind::SetField(INPUT, field, _) = stmt {
            self.set_field(*field, None);
        }
    }

    /// The steady state: what an operation looks for is there.
    pub(super) fn expect_success(&mut self, op: &StateOp) {
        let (StateOp::MapGet { found: done, .. }
        | StateOp::MapPut { ok: done, .. }
        | StateOp::MapUpdate { ok: done, .. }
        | StateOp::MapTouch { found: done, .. }
        | StateOp::PoolTouch { ok: done, .. }
        | StateOp::PoolUsed { used: done, .. }
        | StateOp::LpmGet { found: done, .. }
        | StateOp::MaglevPick { found: done, .. }
        | StateOp::BucketTake { ok: done, .. }) = op
        else {
            return;
        };
        self.set_local(*done, Some(Expr { kind: ExprKind::Const(1), width: 1 }));
    }

    /// Notes a condition of what follows, if it is known and not too many are.
    pub(super) fn guard(&mut self, condition: Option<Expr>, how: Guarded) {
        let Some(condition) = condition.filter(|_| self.guards.len() < GUARDS_MAX) else { return };
        let guard = match how {
            Guarded::IfTrue => condition,
            Guarded::IfFalse => {
                let width = condition.width;
                Expr { kind: ExprKind::Not(Box::new(condition)), width }
            }
        };
        if !self.guards.contains(&guard) {
            self.guards.push(guard);
        }
    }

    /// What is known where two ways meet. Of two values of a local the one that says more is taken
    /// for the likelier one: a value from a packet or an array rather than a constant, and truth.
    pub(super) fn join(self, other: Option<Self>) -> Self {
        let Some(mut other) = other else { return self };
        let mut joined = self;
        joined.restructured |= other.restructured;
        joined.guards.retain(|guard| other.guards.contains(guard));
        joined.needs = joined.needs.intersection(other.needs);
        let mut locals = BTreeMap::new();
        for (local, a) in joined.locals {
            if let Some(value) = other.locals.remove(&local).and_then(|b| likelier(a, b)) {
                locals.insert(local, value);
            }
        }
        joined.locals = locals;
        for (field, value) in &mut joined.fields {
            if other.fields.remove(field).as_ref() != Some(value) {
                *value = None;
            }
        }
        joined.fields.extend(other.fields.into_keys().map(|field| (field, None)));
        joined
    }

    /// The expression as a function of the packet as it entered and of values, if it is one
    /// and costs little.
    pub(super) fn resolve(&self, e: &Expr) -> Option<Expr> {
        let boxed = |e: &Expr| self.resolve(e).map(Box::new);
        let kind = match &e.kind {
            ExprKind::Const(value) => ExprKind::Const(*value),
            ExprKind::Local(LocalId(local)) => return self.locals.get(local).cloned(),
            ExprKind::Field(INPUT, field) => match self.fields.get(&shared_name(*field)) {
                Some(value) => return value.clone(),
                None => ExprKind::Field(INPUT, *field),
            },
            ExprKind::Has(INPUT, headers) if self.needs.contains(*headers) => ExprKind::Const(1),
            ExprKind::Has(INPUT, headers) => ExprKind::Has(INPUT, *headers),
            ExprKind::Meta(INPUT, Meta::Proto) => ExprKind::Meta(INPUT, Meta::Proto),
            ExprKind::Binary(op, a, b) => ExprKind::Binary(*op, boxed(a)?, boxed(b)?),
            ExprKind::Not(a) => match (self.resolve(a)?, e.width) {
                (a, 1) if constant(&a).is_some() => {
                    ExprKind::Const(constant(&a).map_or(0, |value| value ^ 1))
                }
                (a, _) => ExprKind::Not(Box::new(a)),
            },
            ExprKind::Cast(a) => ExprKind::Cast(boxed(a)?),
            ExprKind::Select(c, a, b) => {
                let c = boxed(c)?;
                match constant(&c) {
                    Some(0) => return self.resolve(b),
                    Some(_) => return self.resolve(a),
                    None => ExprKind::Select(c, boxed(a)?, boxed(b)?),
                }
            }
            _ => return None,
        };
        let resolved = Expr { kind, width: e.width };
        let mut parts = 0;
        resolved.walk(&mut |_| parts += 1);
        (parts <= PARTS_MAX).then_some(resolved)
    }
}

fn likelier(a: Expr, b: Expr) -> Option<Expr> {
    match (constant(&a), constant(&b)) {
        _ if a == b => Some(a),
        (None, Some(_)) => Some(a),
        (Some(_), None) => Some(b),
        (Some(1), Some(_)) if a.width == 1 => Some(a),
        (Some(_), Some(1)) if b.width == 1 => Some(b),
        _ => None,
    }
}

/// The value of a constant.
pub(super) fn constant(e: &Expr) -> Option<u128> {
    match e.kind {
        ExprKind::Const(value) => Some(value),
        _ => None,
    }
}

/// True if a resolved expression names a value.
pub(super) fn needs_values(e: &Expr) -> bool {
    let mut needs = false;
    e.walk(&mut |part| needs |= matches!(part.kind, ExprKind::Local(_)));
    needs
}

/// True if an expression names a local.
pub(super) fn names(e: &Expr, local: LocalId) -> bool {
    let mut names = false;
    e.walk(&mut |part| names |= part.kind == ExprKind::Local(local));
    names
}

/// Adds the headers whose fields a resolved expression reads.
pub(super) fn add_headers(e: &Expr, loads: &[Load], headers: &mut HeaderSet) {
    e.walk(&mut |part| match part.kind {
        ExprKind::Field(_, field) => *headers = headers.with(field.header),
        ExprKind::Local(local) => {
            let load = loads.iter().find(|load| load.locals().contains(&local));
            // Keys of loads name no values.
            let key = load.into_iter().flat_map(|load| &load.key);
            key.for_each(|leaf| add_headers(leaf, &[], headers));
        }
        _ => {}
    });
}

/// One name for fields that lie at the same place: ports of TCP and UDP are those of `l4`.
fn shared_name(field: FieldRef) -> FieldRef {
    let is_port = matches!(field.def().name, "src" | "dst");
    match field.header {
        HeaderId::TCP | HeaderId::UDP if is_port => {
            HeaderId::L4.field(field.def().name).unwrap_or(field)
        }
        _ => field,
    }
}
