//! Reading state objects and calling their operations.

use super::method::{MethodCall, methods};
use super::{Lowerer, StateVar, Val};
use crate::check::declare::StateType;
use crate::check::fold;
use crate::check::types::Type;
use crate::diagnostic::Diagnostic;
use crate::ir::{Expr, LocalId, Meta, StateOp, StmtKind};
use crate::source::Span;
use crate::syntax::ast::{self, ExprKind};
use crate::syntax::nearest;
use trama_state::{Method, StateKind};

/// A call of an operation of a state object.
#[derive(Clone, Copy)]
struct Operation<'o> {
    state: &'o StateVar,
    name: &'o ast::Ident,
    args: &'o [ast::Expr],
    span: Span,
}

impl Lowerer<'_> {
    fn operate(&mut self, state: &StateVar, op: StateOp) {
        self.emit(StmtKind::State(state.id, op));
    }

    /// `base[index]` as a value.
    pub(super) fn index(&mut self, base: &ast::Expr, index: &ast::Expr) -> Val {
        if let Some(row) = self.table_row(base, index) {
            return row;
        }
        let Some(state) = self.state_named(base) else {
            if let Some(value) = self.slice(base, index) {
                return value;
            }
            let value = self.expr(base, None);
            self.expr(index, None);
            if !value.ty.is_silent() {
                let message = format!("{} cannot be indexed", value.ty.with_article());
                self.sink.error(
                    "E0203",
                    message,
                    base.span,
                    "only maps, arrays, lpm tables, byte strings",
                );
            }
            return Val::error();
        };
        match state.ty.clone() {
            StateType::Map { key, value } => {
                let key = self.expr_as(index, &key).leaves;
                let (found, locals) = (self.fresh(1), self.fresh_all(&value));
                self.operate(&state, StateOp::MapGet { key, found, value: locals.clone() });
                self.option(&value, found, &locals)
            }
            StateType::Lpm { address, value } => {
                let width = address.scalar_width().unwrap_or(32);
                let address = self.expr_as(index, &address).leaf(width);
                let (found, locals) = (self.fresh(1), self.fresh_all(&value));
                self.operate(&state, StateOp::LpmGet { address, found, value: locals.clone() });
                self.option(&value, found, &locals)
            }
            StateType::Array(value) => {
                let index = self.number64(index);
                self.array_get(&state, &value, index)
            }
            StateType::Counter { is_array: true } => {
                let message = "a counter is read by `.packets` or `.bytes`";
                self.sink.error("E0802", message, base.span, "not a value by itself");
                Val::error()
            }
            other => {
                let message = format!("{} cannot be indexed", other.describe());
                self.sink.error("E0802", message, base.span, "no such operation");
                Val::error()
            }
        }
    }

    pub(super) fn option(&self, ty: &Type, found: LocalId, value: &[LocalId]) -> Val {
        let mut leaves = vec![self.read(found)];
        leaves.extend(value.iter().map(|&id| self.read(id)));
        Val { ty: ty.clone().optional(), leaves }
    }

    fn array_get(&mut self, state: &StateVar, ty: &Type, index: Expr) -> Val {
        let value = self.fresh_all(ty);
        self.operate(state, StateOp::ArrayGet { index, value: value.clone() });
        self.read_all(ty.clone(), &value)
    }

    /// A state object used as a value: only single values are.
    pub(super) fn whole_state(&mut self, state: &StateVar, name: &str, span: Span) -> Val {
        if let StateType::Single(ty) = &state.ty {
            return self.array_get(state, ty, fold::constant(0, 64));
        }
        let message = format!("`{name}` is {}, not a value", state.ty.describe());
        let mut diagnostic = Diagnostic::error("E0802", message, span, "read what of it?");
        diagnostic.note = match &state.ty {
            StateType::Map { .. } => Some(format!("read an entry: `{name}[key]`")),
            StateType::Set(_) => Some(format!("ask for a member: `key in {name}`")),
            StateType::Counter { .. } => Some(format!("read `{name}.packets` or `{name}.bytes`")),
            _ => None,
        };
        self.sink.report(diagnostic);
        Val::error()
    }

    /// `left in state`
    pub(super) fn state_contains(&mut self, state: &StateVar, left: &ast::Expr, span: Span) -> Val {
        match state.ty.clone() {
            StateType::Map { key, value } => {
                let key = self.expr_as(left, &key).leaves;
                let (found, value) = (self.fresh(1), self.fresh_all(&value));
                self.operate(state, StateOp::MapGet { key, found, value });
                Val::truth(self.read(found))
            }
            StateType::Set(key) => {
                let key = self.expr_as(left, &key).leaves;
                let found = self.fresh(1);
                self.operate(state, StateOp::MapGet { key, found, value: Vec::new() });
                Val::truth(self.read(found))
            }
            StateType::Pool => {
                let index = self.number64(left);
                let used = self.fresh(1);
                self.operate(state, StateOp::PoolUsed { index, used });
                Val::truth(self.read(used))
            }
            StateType::Bloom(key) => {
                let key = self.expr_as(left, &key).leaves;
                let found = self.fresh(1);
                let op = StateOp::Call {
                    method: Method::BloomContains,
                    packet: None,
                    key,
                    operands: Vec::new(),
                    results: Vec::new(),
                    answer: Some(found),
                };
                self.operate(state, op);
                Val::truth(self.read(found))
            }
            other => {
                let message = format!("nothing is `in` {}", other.describe());
                let label = "not a map, a set, a Bloom filter or a pool";
                self.sink.error("E0802", message, span, label);
                Val::error()
            }
        }
    }

    /// `state.len`, `counter.packets`, `counter[i].bytes`; `None` if `base` is no state object or a
    /// single value.
    pub(super) fn state_property(&mut self, base: &ast::Expr, field: &ast::Ident) -> Option<Val> {
        let (state, index) = self.state_place(base)?;
        match (&state.ty, index, field.text.as_str()) {
            (StateType::Single(_), None, _) => None,
            (StateType::Counter { is_array }, index, "packets" | "bytes") => {
                if *is_array != index.is_some() {
                    self.counter_index(*is_array, field.span);
                    return Some(Val::error());
                }
                let index = self.counter_cell(index);
                let (packets, bytes) = (self.fresh(64), self.fresh(64));
                self.operate(&state, StateOp::CounterGet { index, packets, bytes });
                let read = if field.text == "packets" { packets } else { bytes };
                Some(Val::scalar(Type::Uint(64), self.read(read)))
            }
            (StateType::Array(_), None, "len") => {
                let len = match self.node.states[state.id.0 as usize].kind {
                    StateKind::Array { len } => len,
                    _ => 0,
                };
                Some(Val::scalar(Type::Uint(64), fold::constant(u128::from(len), 64)))
            }
            (StateType::Sketch(_), None, "total") => {
                let method = Method::SketchTotal;
                let (args, span) = (&[][..], field.span);
                let call = MethodCall { state: &state, method, name: field, args, span };
                Some(self.method_call(call))
            }
            (StateType::Patterns, None, "len") => {
                let len = self.node.states[state.id.0 as usize].kind.capacity();
                Some(Val::scalar(Type::Uint(64), fold::constant(u128::from(len), 64)))
            }
            (ty, None, "len") if has_len(ty) => {
                let len = self.fresh(64);
                self.operate(&state, StateOp::Len(len));
                Some(Val::scalar(Type::Uint(64), self.read(len)))
            }
            (StateType::Map { .. } | StateType::Array(_) | StateType::Lpm { .. }, Some(_), _) => {
                None
            }
            (ty, _, name) => {
                let message = format!("{} has no `{name}`", ty.describe());
                let mut diagnostic =
                    Diagnostic::error("E0110", message, field.span, "no such property");
                if operation_names(ty).any(|known| known == name) {
                    diagnostic = diagnostic.note(format!("it is an operation: `.{name}(…)`"));
                }
                self.sink.report(diagnostic);
                Some(Val::error())
            }
        }
    }

    /// The state object that `state` or `state[index]` names.
    fn state_place<'e>(
        &mut self,
        base: &'e ast::Expr,
    ) -> Option<(StateVar, Option<&'e ast::Expr>)> {
        if let Some(state) = self.state_named(base) {
            return Some((state, None));
        }
        let ExprKind::Index(base, index) = &base.kind else { return None };
        self.state_named(base).map(|state| (state, Some(&**index)))
    }

    fn counter_index(&mut self, is_array: bool, span: Span) {
        let message =
            if is_array { "this is an array of counters" } else { "this is a single counter" };
        let label = if is_array { "which one? write `[index]`" } else { "it has no index" };
        self.sink.error("E0802", message, span, label);
    }

    fn counter_cell(&mut self, index: Option<&ast::Expr>) -> Expr {
        match index {
            Some(index) => self.number64(index),
            None => fold::constant(0, 64),
        }
    }

    /// `state.operation(args)`; `None` if `base` is no state object.
    pub(super) fn state_method(
        &mut self,
        base: &ast::Expr,
        name: &ast::Ident,
        args: &[ast::Expr],
        span: Span,
    ) -> Option<Val> {
        let (state, index) = self.state_place(base)?;
        if let StateType::Counter { is_array } = state.ty
            && name.text == "count"
        {
            if is_array != index.is_some() {
                self.counter_index(is_array, base.span);
                return Some(Val::error());
            }
            return Some(self.count(&state, index, args, span));
        }
        if index.is_some() || matches!(state.ty, StateType::Single(_)) {
            return None;
        }
        if let Some((_, method)) = methods(&state.ty).iter().find(|m| m.0 == name.text) {
            let call = MethodCall { state: &state, method: *method, name, args, span };
            return Some(self.method_call(call));
        }
        let operation = Operation { state: &state, name, args, span };
        let Some(known) = operations(&state.ty).iter().find(|known| known.0 == name.text) else {
            self.unknown_operation(operation);
            return Some(Val::error());
        };
        Some(self.call_operation(operation, known.1))
    }

    fn count(
        &mut self,
        state: &StateVar,
        index: Option<&ast::Expr>,
        args: &[ast::Expr],
        span: Span,
    ) -> Val {
        let index = self.counter_cell(index);
        let packet = match args {
            [arg] => self.packet_named(arg),
            _ => None,
        };
        let Some(packet) = packet else {
            let message = "`count` takes a packet";
            self.sink.error("E0204", message, span, "write `.count(p)`");
            return Val::error();
        };
        if !self.require_held(packet, span) {
            return Val::error();
        }
        let len = super::property::meta(self.packets[packet].register, Meta::Len, 32);
        self.operate(state, StateOp::Count { index, bytes: fold::cast(len, 64) });
        Val::unit()
    }

    fn unknown_operation(&mut self, operation: Operation<'_>) {
        let name = operation.name;
        let message = format!("{} has no operation `{}`", operation.state.ty.describe(), name.text);
        let mut diagnostic = Diagnostic::error("E0110", message, name.span, "no such operation");
        let known: Vec<_> = operation_names(&operation.state.ty).collect();
        if let Some(near) = nearest(&name.text, known.iter().copied()) {
            diagnostic = diagnostic.note(format!("did you mean `{near}`?")).patch(name.span, near);
        } else if !known.is_empty() {
            diagnostic = diagnostic.note(format!("it has {}", known.join(", ")));
        }
        self.sink.report(diagnostic);
        self.check_args(operation.args);
    }

    /// Evaluates arguments of these types; reports a wrong number of them.
    pub(super) fn args_as(
        &mut self,
        name: &ast::Ident,
        args: &[ast::Expr],
        types: &[Type],
        span: Span,
    ) -> Option<Vec<Val>> {
        if args.len() != types.len() {
            let types: Vec<_> = types.iter().map(ToString::to_string).collect();
            let message = format!("`{}` takes ({})", name.text, types.join(", "));
            let plural = if args.len() == 1 { "" } else { "s" };
            let label = format!("{} argument{plural} given", args.len());
            self.sink.error("E0204", message, span, label);
            return None;
        }
        Some(self.operands(args.iter().zip(types.iter().cloned().map(Some))))
    }

    fn call_operation(&mut self, operation: Operation<'_>, which: Which) -> Val {
        let Operation { state, name, args, span } = operation;
        let types = argument_types(&state.ty, which);
        let Some(args) = self.args_as(name, args, &types, span) else { return Val::error() };
        let mut args = args.into_iter();
        let first = args.next().unwrap_or_else(Val::unit);
        let second = args.next().unwrap_or_else(Val::unit);
        match which {
            Which::PoolAlloc => {
                let (found, index) = (self.fresh(1), self.fresh(32));
                self.operate(state, StateOp::PoolAlloc { found, index });
                return self.option(&Type::Uint(32), found, &[index]);
            }
            Which::MaglevPick => {
                let StateType::Maglev(ty) = &state.ty else { return Val::error() };
                let (found, member) = (self.fresh(1), self.fresh_all(ty));
                let hash = first.leaf(64);
                self.operate(state, StateOp::MaglevPick { hash, found, member: member.clone() });
                return self.option(ty, found, &member);
            }
            Which::MapClear => {
                self.operate(state, StateOp::MapClear);
                return Val::unit();
            }
            _ => {}
        }
        let ok = self.fresh(1);
        let op = match which {
            Which::MapTouch => StateOp::MapTouch { key: first.leaves, found: ok },
            Which::MapRemove => StateOp::MapRemove { key: first.leaves, found: ok },
            Which::SetAdd => StateOp::MapPut { key: first.leaves, value: Vec::new(), ok },
            Which::PoolTake => StateOp::PoolTake { index: first.leaf(64), ok },
            Which::PoolTouch => StateOp::PoolTouch { index: first.leaf(64), ok },
            Which::PoolFree => StateOp::PoolFree { index: first.leaf(64), ok },
            Which::LpmInsert => {
                let (address, prefix_len) = prefix_parts(first);
                StateOp::LpmPut { address, prefix_len, value: second.leaves, ok }
            }
            Which::LpmRemove => {
                let (address, prefix_len) = prefix_parts(first);
                StateOp::LpmRemove { address, prefix_len, found: ok }
            }
            Which::BucketTake => {
                let keyed = matches!(state.ty, StateType::Bucket(Some(_)));
                let (key, amount) =
                    if keyed { (first.leaves, second) } else { (Vec::new(), first) };
                StateOp::BucketTake { key, amount: amount.leaf(64), ok }
            }
            Which::MaglevSet => {
                StateOp::MaglevSet { member: first.leaves, weight: second.leaf(32), ok }
            }
            Which::MapClear | Which::PoolAlloc | Which::MaglevPick => return Val::error(),
        };
        self.operate(state, op);
        Val::truth(self.read(ok))
    }
}

/// An operation of some kind of state object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    MapTouch,
    MapRemove,
    MapClear,
    SetAdd,
    PoolAlloc,
    PoolTake,
    PoolTouch,
    PoolFree,
    LpmInsert,
    LpmRemove,
    BucketTake,
    MaglevSet,
    MaglevPick,
}

/// The operations of a kind of state object, by name.
const fn operations(ty: &StateType) -> &'static [(&'static str, Which)] {
    match ty {
        StateType::Map { .. } => {
            &[("touch", Which::MapTouch), ("remove", Which::MapRemove), ("clear", Which::MapClear)]
        }
        StateType::Set(_) => &[
            ("add", Which::SetAdd),
            ("touch", Which::MapTouch),
            ("remove", Which::MapRemove),
            ("clear", Which::MapClear),
        ],
        StateType::Pool => &[
            ("alloc", Which::PoolAlloc),
            ("take", Which::PoolTake),
            ("touch", Which::PoolTouch),
            ("free", Which::PoolFree),
        ],
        StateType::Lpm { .. } => &[("insert", Which::LpmInsert), ("remove", Which::LpmRemove)],
        StateType::Bucket(_) => &[("take", Which::BucketTake)],
        StateType::Maglev(_) => &[("set", Which::MaglevSet), ("pick", Which::MaglevPick)],
        _ => &[],
    }
}

/// Names of all operations of a kind of state object.
fn operation_names(ty: &StateType) -> impl Iterator<Item = &'static str> {
    operations(ty).iter().map(|known| known.0).chain(methods(ty).iter().map(|known| known.0))
}

fn argument_types(ty: &StateType, which: Which) -> Vec<Type> {
    let prefix = |address: &Type| {
        if *address == Type::Ip4 { Type::Prefix4 } else { Type::Prefix6 }
    };
    match (which, ty) {
        (Which::MapClear, _) => Vec::new(),
        (_, StateType::Map { key, .. } | StateType::Set(key)) => vec![key.clone()],
        (Which::LpmInsert, StateType::Lpm { address, value }) => {
            vec![prefix(address), value.clone()]
        }
        (_, StateType::Lpm { address, .. }) => vec![prefix(address)],
        (_, StateType::Bucket(Some(key))) => vec![key.clone(), Type::Uint(64)],
        (Which::MaglevSet, StateType::Maglev(member)) => vec![member.clone(), Type::Uint(32)],
        (Which::PoolAlloc, _) => Vec::new(),
        _ => vec![Type::Uint(64)],
    }
}

fn prefix_parts(prefix: Val) -> (Expr, Expr) {
    let mut leaves = prefix.leaves.into_iter();
    let address = leaves.next().unwrap_or_else(|| fold::constant(0, 32));
    let len = leaves.next().unwrap_or_else(|| fold::constant(0, 8));
    (address, len)
}

const fn has_len(ty: &StateType) -> bool {
    !matches!(
        ty,
        StateType::Counter { .. }
            | StateType::Single(_)
            | StateType::Array(_)
            | StateType::Bucket(None)
            | StateType::Sketch(_)
            | StateType::Patterns
    )
}
