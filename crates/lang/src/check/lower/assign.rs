//! Assignments: to locals, packets and state.

use super::operator::{Infix, symbol};
use super::property::{Property, option_width};
use super::{Bound, Lowerer, StateVar, Val};
use crate::check::declare::StateType;
use crate::check::fold;
use crate::check::types::{Type, tcp_options_type};
use crate::diagnostic::Diagnostic;
use crate::ir::{self, Expr, LocalId, StateOp, StmtKind, TcpOption, UpdateOp};
use crate::source::Span;
use crate::syntax::ast::{self, BinaryOp, ExprKind};

/// The right side of an assignment.
#[derive(Clone, Copy)]
struct Right<'r> {
    op: Option<BinaryOp>,
    value: &'r ast::Expr,
    span: Span,
}

/// Part of a value that lies in state.
struct Slot {
    /// Type of the part.
    ty: Type,
    /// First leaf of the part in the whole value.
    at: usize,
    /// Type of the whole value.
    whole: Type,
}

/// Where in a state object a slot lies.
enum Cell {
    Entry(Vec<Expr>),
    Index(Expr),
}

impl Lowerer<'_> {
    /// `place = value`, `place op= value`
    pub(super) fn assign(
        &mut self,
        place: &ast::Expr,
        op: Option<BinaryOp>,
        value: &ast::Expr,
        otherwise: Option<&ast::Block>,
        span: Span,
    ) {
        let right = Right { op, value, span };
        let (root, path) = split_place(place);
        let ok = match &root.kind {
            ExprKind::Name(name) => {
                if let Some(packet) = self.packet_named(root) {
                    self.assign_property(packet, &path, right, place.span);
                    None
                } else if let Some(state) = self.state_named(root) {
                    self.assign_single(&state, name, (place, &path), right);
                    None
                } else {
                    self.assign_local(name, (root, &path), right);
                    None
                }
            }
            ExprKind::Index(base, _) if self.is_broken(base) => {
                self.expr(value, None);
                None
            }
            ExprKind::Index(base, index) => match self.state_named(base) {
                Some(state) => {
                    let target = Indexed { state: &state, index, place, path: &path };
                    self.assign_indexed(&target, right)
                }
                None => {
                    self.not_assignable(place.span, "only maps and arrays are written by `[…]`");
                    self.expr(value, None);
                    None
                }
            },
            ExprKind::Error => None,
            _ => {
                self.not_assignable(place.span, "this is not a place that can be written");
                None
            }
        };
        match (ok, otherwise) {
            (Some(ok), Some(otherwise)) => {
                let ok = self.read(ok);
                self.or_else(ok, otherwise);
            }
            (None, Some(otherwise)) => {
                let message = "only a write into a map can find no room";
                self.sink.error("E0802", message, otherwise.span, "this `else` is never taken");
                let ok = fold::truth(true);
                self.or_else(ok, otherwise);
            }
            (_, None) => {}
        }
    }

    /// True for the name of something whose declaration was reported.
    fn is_broken(&self, base: &ast::Expr) -> bool {
        matches!(&base.kind, ExprKind::Name(name) if self.broken.contains(name))
    }

    fn not_assignable(&mut self, span: Span, message: &str) {
        self.sink.error("E0210", message, span, "cannot be assigned");
    }

    /// The new value of a place of type `ty` that `read` reads.
    fn new_value(
        &mut self,
        right: Right<'_>,
        ty: &Type,
        read: impl FnOnce(&mut Self) -> Val,
    ) -> Val {
        let Some(op) = right.op else { return self.expr_as(right.value, ty) };
        let operand = self.expr(right.value, Some(&operand_hint(op, ty)));
        let old = read(self);
        let value = self.combine(Infix { op, span: right.span }, old, operand);
        self.coerce(value, ty, right.span)
    }

    // --- Packets ---

    fn assign_property(
        &mut self,
        packet: usize,
        path: &[&ast::Ident],
        right: Right<'_>,
        span: Span,
    ) {
        let Some(property) = self.find_property(packet, path, span) else {
            self.expr(right.value, None);
            return;
        };
        let register = self.packets[packet].register;
        match &property {
            Property::Declared(field) => {
                let ty = field.ty.clone();
                let read = |this: &mut Self| this.read_property(packet, &property);
                let value = self.new_value(right, &ty, read);
                let value = self.simple(value.leaf(ty.scalar_width().unwrap_or(1)));
                if !self.require_held(packet, span) {
                    return;
                }
                for (offset, bytes) in field.write(register, &value) {
                    self.emit_at(StmtKind::SetPayload(register, offset, bytes), right.span);
                }
            }
            Property::Field(_) | Property::Mark => {
                let ty = self.read_property(packet, &property).ty;
                let read = |this: &mut Self| this.read_property(packet, &property);
                let value = self.new_value(right, &ty, read);
                let width = ty.scalar_width().unwrap_or(1);
                // The value may have sent the packet away.
                if !self.require_held(packet, span) {
                    return;
                }
                let kind = match &property {
                    Property::Field(field) => {
                        StmtKind::SetField(register, *field, value.leaf(width))
                    }
                    _ => StmtKind::SetMark(register, value.leaf(width)),
                };
                self.emit_at(kind, right.span);
            }
            Property::Option(TcpOption::SackPermitted) => {
                self.not_assignable(span, "this option has no value to write");
            }
            Property::Option(option) => {
                if right.op.is_some() {
                    self.not_assignable(span, "the option may be absent: take it apart first");
                    return;
                }
                let width = option_width(*option);
                let value = self.expr_as(right.value, &Type::Uint(width)).leaf(width);
                let value = fold::cast(value, 32);
                self.emit_at(StmtKind::SetTcpOption(register, *option, value), right.span);
            }
            Property::Options => self.assign_options(packet, right, span),
            Property::ReadOnly(_) => {
                let name = path.last().map_or("this", |name| name.text.as_str());
                let message = format!("`{name}` of a packet can only be read");
                self.not_assignable(span, &message);
            }
        }
    }

    /// `p.tcp.options = value`
    fn assign_options(&mut self, packet: usize, right: Right<'_>, span: Span) {
        if right.op.is_some() {
            self.not_assignable(span, "options are written as a whole");
            return;
        }
        let value = self.expr_as(right.value, &Type::Record(tcp_options_type()));
        if value.leaves.is_empty() || !self.require_held(packet, span) {
            return;
        }
        let mut leaves = value.leaves.into_iter();
        let mut next = || leaves.next().unwrap_or_else(|| fold::truth(false));
        let options = TcpOption::ALL.map(|option| {
            let is_there = next();
            let is_bare = option == TcpOption::SackPermitted;
            (is_there, if is_bare { fold::constant(1, 32) } else { fold::cast(next(), 32) })
        });
        let register = self.packets[packet].register;
        self.emit_at(StmtKind::SetTcpOptions(register, Box::new(options)), right.span);
    }

    // --- Locals ---

    fn assign_local(
        &mut self,
        name: &str,
        (root, path): (&ast::Expr, &[&ast::Ident]),
        right: Right<'_>,
    ) {
        let visible = self.visible_from;
        let found = self.bindings[visible..].iter_mut().rfind(|b| b.name == name);
        let Some(binding) = found else {
            self.expr(right.value, None);
            self.assign_constant(name, root.span);
            return;
        };
        let (declared, bound) = (binding.span, binding.bound.clone());
        binding.assigned = true;
        if right.op.is_some() {
            binding.used = true;
        }
        let Bound::Value { value: whole, mutable } = bound else {
            self.not_assignable(root.span, "this cannot be written");
            return;
        };
        if whole.ty.is_silent() {
            self.expr(right.value, None);
            return;
        }
        if !mutable {
            let message = format!("`{name}` is not `mut`");
            let at = Span { end: declared.start, ..declared };
            self.sink.report(
                Diagnostic::error("E0210", message, root.span, "assigned here")
                    .other(declared, "declared here")
                    .note("a name that is assigned again is declared with `let mut`")
                    .patch(at, "mut "),
            );
            self.expr(right.value, None);
            return;
        }
        let Some((ty, at)) = self.slot(&whole.ty, path) else { return };
        let old = Val { leaves: whole.leaves[at..at + ty.leaf_count()].to_vec(), ty: ty.clone() };
        let targets: Vec<LocalId> = old
            .leaves
            .iter()
            .filter_map(|leaf| match leaf.kind {
                ir::ExprKind::Local(id) => Some(id),
                _ => None,
            })
            .collect();
        let mut value = self.new_value(right, &ty, |_| old);
        if targets.len() > 1 {
            // `pair = (pair.1, pair.0)`: all parts are read before any is written.
            value = self.stable(value);
        }
        for (id, leaf) in targets.into_iter().zip(value.leaves) {
            self.emit_at(StmtKind::Assign(id, leaf), right.span);
        }
    }

    fn assign_constant(&mut self, name: &str, span: Span) {
        let is_constant = self.env.contains_key(name) || self.items.consts.contains_key(name);
        if is_constant {
            let message = format!("`{name}` is constant");
            self.not_assignable(span, &message);
        } else if !self.broken.contains(name) {
            let message = format!("there is nothing called `{name}` here");
            self.sink.report(
                Diagnostic::error("E0101", message, span, "not declared")
                    .note(format!("a new name is declared by `let {name} = …`")),
            );
        }
    }

    /// Type and first leaf of the part of a value that a path of fields names.
    fn slot(&mut self, ty: &Type, path: &[&ast::Ident]) -> Option<(Type, usize)> {
        let (mut ty, mut at) = (ty.clone(), 0);
        for field in path {
            match ty.field(&field.text) {
                Some((part, start)) => (ty, at) = (part, at + start),
                None => {
                    self.unknown_field(&ty, field);
                    return None;
                }
            }
        }
        Some((ty, at))
    }

    // --- State ---

    fn assign_single(
        &mut self,
        state: &StateVar,
        name: &str,
        (place, path): (&ast::Expr, &[&ast::Ident]),
        right: Right<'_>,
    ) {
        let StateType::Single(whole) = &state.ty else {
            let message =
                format!("`{name}` is {}: it is not written as a whole", state.ty.describe());
            self.sink.error("E0802", message, place.span, "cannot be assigned");
            return;
        };
        let Some((ty, at)) = self.slot(whole, path) else { return };
        let slot = Slot { ty, at, whole: whole.clone() };
        self.update(state, Cell::Index(fold::constant(0, 64)), &slot, (place, right));
    }

    fn assign_indexed(&mut self, target: &Indexed<'_>, right: Right<'_>) -> Option<LocalId> {
        let &Indexed { state, index, place, path } = target;
        match &state.ty {
            StateType::Map { key, value } => {
                let key = self.expr_as(index, key);
                if path.is_empty()
                    && right.op.is_none()
                    && self.extremum(place, right, value).is_none()
                {
                    return Some(self.put(state, key, value, right));
                }
                let (ty, at) = self.slot(value, path)?;
                let slot = Slot { ty, at, whole: value.clone() };
                self.update_entry(state, key, &slot, (place, right))
            }
            StateType::Array(value) => {
                let index = self.expr_as(index, &Type::Uint(64));
                let (ty, at) = self.slot(value, path)?;
                let slot = Slot { ty, at, whole: value.clone() };
                let index = self.key_before(index, right.value).leaf(64);
                self.update(state, Cell::Index(index), &slot, (place, right));
                None
            }
            other => {
                let message = format!("{} is not written by `[…]`", other.describe());
                let mut diagnostic =
                    Diagnostic::error("E0802", message, place.span, "cannot be assigned");
                diagnostic.note = match other {
                    StateType::Set(_) => Some("use `.add(key)` and `.remove(key)`".into()),
                    StateType::Lpm { .. } => Some("use `.insert(prefix, value)`".into()),
                    StateType::Maglev(_) => Some("use `.set(member, weight)`".into()),
                    _ => None,
                };
                self.sink.report(diagnostic);
                None
            }
        }
    }

    /// A key that is read before the value, whatever the value does.
    fn key_before(&mut self, key: Val, value: &ast::Expr) -> Val {
        let is_plain = matches!(value.kind, ExprKind::Literal(_) | ExprKind::Name(_));
        if is_plain { key } else { self.stable(key) }
    }

    fn put(&mut self, state: &StateVar, mut key: Val, ty: &Type, right: Right<'_>) -> LocalId {
        let mark = self.code.len();
        let value = self.expr_as(right.value, ty);
        self.protect(&mut key, mark);
        let ok = self.fresh(1);
        let op = StateOp::MapPut { key: key.leaves, value: value.leaves, ok };
        self.emit_at(StmtKind::State(state.id, op), right.span);
        ok
    }

    fn update_entry(
        &mut self,
        state: &StateVar,
        key: Val,
        slot: &Slot,
        assignment: (&ast::Expr, Right<'_>),
    ) -> Option<LocalId> {
        let key = self.key_before(key, assignment.1.value);
        self.update(state, Cell::Entry(key.leaves), slot, assignment)
    }

    /// Changes a part of a value in place: as one commutative update if it is one, else by reading
    /// it first.
    fn update(
        &mut self,
        state: &StateVar,
        cell: Cell,
        slot: &Slot,
        (place, right): (&ast::Expr, Right<'_>),
    ) -> Option<LocalId> {
        if let Some((op, operand)) = self.extremum(place, right, &slot.ty) {
            let operand = self.expr_as(operand, &slot.ty);
            return self.emit_updates(state, cell, slot, op, operand, right.span);
        }
        let Some(op) = right.op else {
            let value = self.expr_as(right.value, &slot.ty);
            return self.emit_updates(state, cell, slot, UpdateOp::Set, value, right.span);
        };
        let operand = self.expr(right.value, Some(&operand_hint(op, &slot.ty)));
        let Some(width) = slot.ty.scalar_width() else {
            if !slot.ty.is_silent() && !operand.ty.is_silent() {
                let message = format!("`{}=` is not defined for `{}`", symbol(op), slot.ty);
                self.sink.error("E0203", message, right.span, "only for numbers");
            }
            return None;
        };
        // Checks the types, and says what to do where the update does not commute.
        let old_local = self.fresh(width);
        let old = Val::scalar(slot.ty.clone(), self.read(old_local));
        let operand_width = operand.ty.scalar_width();
        let new = self.combine(Infix { op, span: right.span }, old, operand.clone());
        let new = self.coerce(new, &slot.ty, right.span);
        if operand.ty.is_silent() {
            return None;
        }
        let operand = fold::cast(operand.leaf(operand_width.unwrap_or(width)), width);
        let commutes = match op {
            BinaryOp::Add => Some((UpdateOp::Add, operand)),
            BinaryOp::Sub => {
                let zero = fold::constant(0, width);
                Some((UpdateOp::Add, fold::binary(ir::BinaryOp::Sub, zero, operand)))
            }
            BinaryOp::And => Some((UpdateOp::And, operand)),
            BinaryOp::Or => Some((UpdateOp::Or, operand)),
            BinaryOp::Xor => Some((UpdateOp::Xor, operand)),
            _ => None,
        };
        if let Some((update, operand)) = commutes {
            let operand = Val::scalar(slot.ty.clone(), operand);
            return self.emit_updates(state, cell, slot, update, operand, right.span);
        }
        self.read_cell(state, &cell, slot, (old_local, right.span));
        self.emit_updates(state, cell, slot, UpdateOp::Set, new, right.span)
    }

    /// Reads the value of a slot, which is one scalar, into a local.
    fn read_cell(&mut self, state: &StateVar, cell: &Cell, slot: &Slot, to: (LocalId, Span)) {
        let value = self.fresh_all(&slot.whole);
        let read = value[slot.at];
        let op = match cell {
            Cell::Entry(key) => {
                let found = self.fresh(1);
                StateOp::MapGet { key: key.clone(), found, value }
            }
            Cell::Index(index) => StateOp::ArrayGet { index: index.clone(), value },
        };
        self.emit_at(StmtKind::State(state.id, op), to.1);
        let read = self.read(read);
        self.emit_at(StmtKind::Assign(to.0, read), to.1);
    }

    fn emit_updates(
        &mut self,
        state: &StateVar,
        cell: Cell,
        slot: &Slot,
        op: UpdateOp,
        operand: Val,
        span: Span,
    ) -> Option<LocalId> {
        let updates = operand
            .leaves
            .into_iter()
            .zip(slot.at..)
            .map(|(operand, leaf)| ir::Update { leaf: leaf as u32, op, operand })
            .collect();
        match cell {
            Cell::Entry(key) => {
                let ok = self.fresh(1);
                let op = StateOp::MapUpdate { key, updates, ok };
                self.emit_at(StmtKind::State(state.id, op), span);
                Some(ok)
            }
            Cell::Index(index) => {
                let op = StateOp::ArrayUpdate { index, updates };
                self.emit_at(StmtKind::State(state.id, op), span);
                None
            }
        }
    }

    /// `x = max(x, e)` and `x = min(x, e)` of unsigned values: the operator and `e`. A map's entry
    /// is read as `m[k].or(0)` there, since without one there is a zero.
    fn extremum<'r>(
        &self,
        place: &ast::Expr,
        right: Right<'r>,
        ty: &Type,
    ) -> Option<(UpdateOp, &'r ast::Expr)> {
        if right.op.is_some()
            || !matches!(ty, Type::Uint(_) | Type::Time | Type::Duration)
            || self.items.fns.contains_key("max")
        {
            return None;
        }
        let ExprKind::Call(name, args) = &right.value.kind else { return None };
        let op = match name.text.as_str() {
            "max" => UpdateOp::Max,
            "min" => UpdateOp::Min,
            _ => return None,
        };
        let [a, b] = &args[..] else { return None };
        let is_place = |e: &ast::Expr| same_place(place, e) || or_zero(e, place);
        if is_place(a) { Some((op, b)) } else { is_place(b).then_some((op, a)) }
    }
}

/// `state[index].path`
struct Indexed<'i> {
    state: &'i StateVar,
    index: &'i ast::Expr,
    place: &'i ast::Expr,
    path: &'i [&'i ast::Ident],
}

/// The type that the operand of a compound assignment should have.
fn operand_hint(op: BinaryOp, ty: &Type) -> Type {
    match (op, ty) {
        (BinaryOp::Shl | BinaryOp::Shr, _) => Type::Uint(32),
        (BinaryOp::Mul | BinaryOp::Div, Type::Duration) => Type::Uint(64),
        (_, Type::Time) => Type::Duration,
        _ => ty.clone(),
    }
}

/// What fields are taken of, and the fields.
fn split_place(place: &ast::Expr) -> (&ast::Expr, Vec<&ast::Ident>) {
    let (mut root, mut path) = (place, Vec::new());
    while let ExprKind::Field(base, field) = &root.kind {
        path.push(field);
        root = base;
    }
    path.reverse();
    (root, path)
}

/// True if `expr` is `place.or(0)`.
fn or_zero(expr: &ast::Expr, place: &ast::Expr) -> bool {
    let ExprKind::Method(base, method, args) = &expr.kind else { return false };
    let is_zero =
        |e: &ast::Expr| matches!(e.kind, ExprKind::Literal(ast::Literal::Int { value: 0, .. }));
    method.text == "or" && matches!(&args[..], [zero] if is_zero(zero)) && same_place(base, place)
}

/// True if two expressions are the same names, fields, indices and literals.
fn same_place(a: &ast::Expr, b: &ast::Expr) -> bool {
    match (&a.kind, &b.kind) {
        (ExprKind::Name(a), ExprKind::Name(b)) => a == b,
        (ExprKind::Literal(a), ExprKind::Literal(b)) => a == b,
        (ExprKind::Field(a, x), ExprKind::Field(b, y)) => x.text == y.text && same_place(a, b),
        (ExprKind::Index(a, x), ExprKind::Index(b, y)) => same_place(a, b) && same_place(x, y),
        (ExprKind::Tuple(a), ExprKind::Tuple(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_place(a, b))
        }
        _ => false,
    }
}
