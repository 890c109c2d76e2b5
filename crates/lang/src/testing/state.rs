//! Conditions on state objects: `seen.len == 1`, `nat.back[5000] == Some(10.0.0.5)`.

use super::frame::constant;
use super::{Constant, Scope};
use crate::engine::{Engine, Entry};
use crate::ir::{Node, StateView, View};
use crate::source::Span;
use crate::syntax::ast::{BinaryOp, Expr, ExprKind, Literal, UnaryOp};
use crate::values;
use trama_state::{Shape, StateKind, StateSpec};
use trama_wire::bytes::{ByteString, LEN_MAX};

/// Most entries that a failure lists.
const LISTED_MAX: usize = 5;

/// What an expression over state is.
enum Value {
    Bool(bool),
    /// A number of entries, packets …
    Count(u64),
    /// Leaves of a value, with how they print.
    Leaves(Vec<u128>, Vec<(String, View)>),
    /// An entry that may be absent.
    Entry(Option<Vec<u128>>, Vec<(String, View)>),
    /// A constant.
    Constant(Constant),
}

/// A state object of the program.
#[derive(Clone, Copy)]
struct Object<'a> {
    node: usize,
    state: usize,
    spec: &'a StateSpec,
    view: &'a StateView,
}

pub(super) struct States<'a> {
    scope: Scope<'a>,
    engine: &'a mut dyn Engine,
}

impl<'a> States<'a> {
    pub(super) fn new(scope: Scope<'a>, engine: &'a mut dyn Engine) -> Self {
        Self { scope, engine }
    }

    /// Why a condition does not hold, or none if it does; an error if it is none.
    pub(super) fn unmet(&mut self, expr: &Expr) -> Result<Option<String>, String> {
        if let ExprKind::Binary(BinaryOp::AndAnd, a, b) = &expr.kind {
            let first = self.unmet(a)?;
            let second = self.unmet(b)?;
            return Ok(first.or(second));
        }
        if self.truth(expr)? {
            return Ok(None);
        }
        let written = self.text(expr.span);
        let about = match &expr.kind {
            ExprKind::Binary(_, item, _) => {
                let name = self.text(item.span);
                let value = self.value(item)?;
                format!(": {name} is {}", show(&value))
            }
            ExprKind::In(_, set) => match self.object(set)? {
                Some((object, _)) => format!(": {}", self.listed(object)),
                None => String::new(),
            },
            _ => String::new(),
        };
        Ok(Some(format!("`{written}` does not hold{about}")))
    }

    fn text(&self, span: Span) -> &'a str {
        self.scope.sources.text(span)
    }

    fn truth(&mut self, expr: &Expr) -> Result<bool, String> {
        match &expr.kind {
            ExprKind::Unary(UnaryOp::Not, inner) => Ok(!self.truth(inner)?),
            ExprKind::Binary(BinaryOp::AndAnd, a, b) => Ok(self.truth(a)? && self.truth(b)?),
            ExprKind::Binary(BinaryOp::OrOr, a, b) => Ok(self.truth(a)? || self.truth(b)?),
            ExprKind::Binary(op, a, b) => self.compare(*op, a, b),
            ExprKind::In(key, set) => self.contains(key, set),
            _ => match self.value(expr)? {
                Value::Bool(value) => Ok(value),
                Value::Leaves(leaves, views) if is_bool(&views) => Ok(leaves == [1]),
                Value::Constant(Constant { leaves, .. }) if leaves.len() == 1 => Ok(leaves == [1]),
                other => {
                    Err(format!("`{}` is {}, no condition", self.text(expr.span), show(&other)))
                }
            },
        }
    }

    fn compare(&mut self, op: BinaryOp, a: &Expr, b: &Expr) -> Result<bool, String> {
        let left = self.value(a)?;
        // `entry == None`, `entry == Some(value)`; an absent entry is neither less nor greater.
        if let Value::Entry(entry, views) = &left {
            match op {
                BinaryOp::Eq => return self.entry_equals(entry.as_deref(), views, b),
                BinaryOp::Ne => return Ok(!self.entry_equals(entry.as_deref(), views, b)?),
                _ if entry.is_none() => return Ok(false),
                _ => {}
            }
        }
        let right = match (&left, text_bytes(b)) {
            (Value::Leaves(leaves, views) | Value::Entry(Some(leaves), views), Some(_)) => {
                let wanted = self.leaves(b, views, leaves.len(), "a value")?;
                Value::Leaves(wanted, views.clone())
            }
            _ => self.value(b)?,
        };
        let views = match (&left, &right) {
            (Value::Leaves(_, views) | Value::Entry(_, views), _)
            | (_, Value::Leaves(_, views)) => views.clone(),
            _ => Vec::new(),
        };
        let (x, y) = (leaves_of(&left), leaves_of(&right));
        let (Some(x), Some(y)) = (x, y) else {
            return Err(format!(
                "`{}` and `{}` do not compare",
                self.text(a.span),
                self.text(b.span)
            ));
        };
        if x.len() != y.len() {
            return Err(format!(
                "`{}` has {} parts, `{}` has {}",
                self.text(a.span),
                x.len(),
                self.text(b.span),
                y.len()
            ));
        }
        match op {
            BinaryOp::Eq => Ok(x == y),
            BinaryOp::Ne => Ok(x != y),
            _ if x.len() != 1 => Err("only single values have an order".to_string()),
            _ => {
                let (x, y) = (ordered(x[0], &views), ordered(y[0], &views));
                match op {
                    BinaryOp::Lt => Ok(x < y),
                    BinaryOp::Le => Ok(x <= y),
                    BinaryOp::Gt => Ok(x > y),
                    BinaryOp::Ge => Ok(x >= y),
                    _ => Err("conditions on state are comparisons".to_string()),
                }
            }
        }
    }

    fn entry_equals(
        &mut self,
        entry: Option<&[u128]>,
        views: &[(String, View)],
        expr: &Expr,
    ) -> Result<bool, String> {
        let wanted = match &expr.kind {
            ExprKind::Name(name) if name == "None" => return Ok(entry.is_none()),
            ExprKind::Call(name, args) if name.text == "Some" && args.len() == 1 => &args[0],
            _ => expr,
        };
        let wanted = self.leaves(wanted, views, views.len(), "a value")?;
        Ok(entry == Some(wanted.as_slice()))
    }

    fn contains(&mut self, key: &Expr, set: &Expr) -> Result<bool, String> {
        let Some((object, path)) = self.object(set)? else {
            return Err(format!("`{}` is no state object", self.text(set.span)));
        };
        if !path.is_empty() {
            return Err(format!("`{}` is no state object", self.text(set.span)));
        }
        let key = self.key(object, key)?;
        Ok(self.find(object, &key).is_some())
    }

    /// The value of anything but a condition.
    fn value(&mut self, expr: &Expr) -> Result<Value, String> {
        match &expr.kind {
            ExprKind::Index(base, index) => {
                if let Some((object, path)) = self.object(base)?
                    && path.is_empty()
                {
                    return self.indexed(object, index);
                }
            }
            ExprKind::Field(base, name) => {
                if let Some((object, path)) = self.object(expr)? {
                    return self.property(object, &path);
                }
                if mentions_index(base) {
                    let base = self.value(base)?;
                    return self.member(base, &name.text, expr.span);
                }
            }
            ExprKind::Name(_) => {
                if let Some((object, path)) = self.object(expr)? {
                    return self.property(object, &path);
                }
            }
            _ => {}
        }
        constant(expr, self.scope.constants).map(Value::Constant)
    }

    /// A field of a value, or `is_some` and the like of an entry.
    fn member(&self, base: Value, name: &str, span: Span) -> Result<Value, String> {
        let (entry, views) = match base {
            Value::Entry(entry, _) if name == "is_some" => return Ok(Value::Bool(entry.is_some())),
            Value::Entry(entry, _) if name == "is_none" => return Ok(Value::Bool(entry.is_none())),
            Value::Entry(entry, views) => (entry, views),
            Value::Leaves(leaves, views) => (Some(leaves), views),
            _ => return Err(format!("`{}` has no fields", self.text(span))),
        };
        let prefix = format!("{name}.");
        let chosen: Vec<usize> = (0..views.len())
            .filter(|&i| views[i].0 == name || views[i].0.starts_with(&prefix))
            .collect();
        if chosen.is_empty() {
            let names: Vec<_> = views.iter().map(|(name, _)| name.as_str()).collect();
            return Err(format!("there is no field `{name}`; the fields are {}", names.join(", ")));
        }
        let views = chosen
            .iter()
            .map(|&i| {
                let short = views[i].0.strip_prefix(&prefix).unwrap_or(&views[i].0);
                (short.to_string(), views[i].1.clone())
            })
            .collect();
        let entry = entry.map(|leaves| chosen.iter().map(|&i| leaves[i]).collect());
        Ok(Value::Entry(entry, views))
    }

    // State objects.

    /// The state object that a dotted path begins with, and the rest of the path.
    fn object(&self, expr: &Expr) -> Result<Option<(Object<'a>, Vec<String>)>, String> {
        let Some(path) = dotted(expr) else { return Ok(None) };
        let nodes = &self.scope.program.nodes;
        let mut unknown = None;
        // The longest name of a node wins; names of nodes contain dots.
        for split in (1..path.len()).rev() {
            let name = path[..split].join(".");
            let Some(node) = nodes.iter().position(|n| n.name == name) else { continue };
            if let Some(object) = self.state_of(node, &path[split]) {
                return Ok(Some((object, path[split + 1..].to_vec())));
            }
            // A state object may be called like the instance: it is looked for below.
            let known = names(&nodes[node]);
            let why = format!("`{name}` has no state object `{}`; it has {known}", path[split]);
            unknown.get_or_insert(why);
        }
        let mut found = (0..nodes.len()).filter_map(|node| self.state_of(node, &path[0]));
        match (found.next(), found.next()) {
            (Some(object), None) => Ok(Some((object, path[1..].to_vec()))),
            (Some(_), Some(_)) => Err(format!(
                "several elements have a state object `{}`; put the instance's name before it",
                path[0]
            )),
            _ => unknown.map_or(Ok(None), Err),
        }
    }

    fn state_of(&self, node: usize, name: &str) -> Option<Object<'a>> {
        let n = &self.scope.program.nodes[node];
        let state = n.states.iter().position(|s| s.name == name)?;
        Some(Object { node, state, spec: &n.states[state], view: n.state_views.get(state)? })
    }

    fn entries(&mut self, object: Object<'_>) -> Vec<Entry> {
        self.engine.state(object.node, object.state)
    }

    fn listed(&mut self, object: Object<'_>) -> String {
        let entries = self.entries(object);
        let shown: Vec<_> = (entries.iter().take(LISTED_MAX))
            .map(|e| values::entry(object.spec, object.view, e))
            .collect();
        let more = if entries.len() > LISTED_MAX { ", …" } else { "" };
        format!("{} has {} entries: {}{more}", object.spec.name, entries.len(), shown.join(", "))
    }

    /// `object`, `object.len`, `object.packets`, fields of a single value.
    fn property(&mut self, object: Object<'a>, path: &[String]) -> Result<Value, String> {
        let single = matches!(object.spec.kind, StateKind::Array { len: 1 });
        let name = path.first().map_or("", String::as_str);
        let stats = self.engine.report().nodes.get(object.node).and_then(|n| {
            let stats = n.states.get(object.state)?;
            Some(match name {
                "len" => stats.len,
                "peak" => stats.peak,
                "inserted" => stats.inserted,
                "expired" => stats.expired,
                "evicted" => stats.evicted,
                "refused" => stats.refused,
                _ => return None,
            })
        });
        match (&object.spec.kind, path) {
            (StateKind::Counter { .. }, [_]) if matches!(name, "packets" | "bytes") => {
                self.counted(object, 0, name)
            }
            (_, []) if single => Ok(self.slot(object, 0)),
            (StateKind::Array { .. }, [field]) if single => {
                let value = self.slot(object, 0);
                self.member(value, field, object.view.span)
            }
            (_, [_]) if stats.is_some() => Ok(Value::Count(stats.unwrap_or(0))),
            _ => Err(format!(
                "`{}` can be asked for len, peak, inserted, expired, evicted, refused, packets or \
                 bytes, or indexed",
                object.spec.name
            )),
        }
    }

    /// `object[index]`
    fn indexed(&mut self, object: Object<'a>, index: &Expr) -> Result<Value, String> {
        match &object.spec.kind {
            StateKind::Array { .. } => {
                let index = self.number(index)?;
                Ok(self.slot(object, index))
            }
            StateKind::Counter { .. } => {
                let index = self.number(index)?;
                let packets = leaves_of(&self.counted(object, index, "packets")?);
                let bytes = leaves_of(&self.counted(object, index, "bytes")?);
                let leaves = [packets, bytes].into_iter().flatten().flatten().collect();
                let views = ["packets", "bytes"].map(|n| (n.to_string(), View::Uint)).to_vec();
                Ok(Value::Leaves(leaves, views))
            }
            StateKind::Map { .. } if !object.spec.value.0.is_empty() => {
                let key = self.key(object, index)?;
                let entry = self.find(object, &key);
                let entry = entry.map(|e| object.spec.value.unpack(&e.value));
                Ok(Value::Entry(entry, object.view.value.clone()))
            }
            StateKind::Lpm { address_bits, .. } => self.longest(object, *address_bits, index),
            _ => Err(format!("`{}` has no values to index", object.spec.name)),
        }
    }

    fn number(&self, expr: &Expr) -> Result<u64, String> {
        let leaves = self.leaves(expr, &[], 1, "an index")?;
        u64::try_from(leaves[0]).map_err(|_| "an index has 64 bits".to_string())
    }

    /// A value of an array; zeros where the engine reports no entry.
    fn slot(&mut self, object: Object<'_>, index: u64) -> Value {
        let key = index.to_le_bytes();
        let leaves = match self.find(object, &key) {
            Some(entry) => object.spec.value.unpack(&entry.value),
            None => vec![0; object.spec.value.0.len()],
        };
        Value::Leaves(leaves, object.view.value.clone())
    }

    fn counted(&mut self, object: Object<'_>, index: u64, what: &str) -> Result<Value, String> {
        let pair = Shape(vec![64, 64]);
        let entry = self.find(object, &index.to_le_bytes());
        let leaves = entry.map_or(vec![0, 0], |e| pair.unpack(&e.value));
        let leaf = if what == "packets" { leaves[0] } else { leaves[1] };
        Ok(Value::Count(leaf as u64))
    }

    /// The value of the longest prefix that contains an address.
    fn longest(&mut self, object: Object<'a>, bits: u8, address: &Expr) -> Result<Value, String> {
        let address = self.leaves(address, &[], 1, "an address")?[0];
        let shape = Shape(vec![bits, 8]);
        let covers = |entry: &Entry| {
            let prefix = shape.unpack(&entry.key);
            let host = u32::from(bits) - (prefix[1] as u32).min(bits.into());
            let same = (address ^ prefix[0]).checked_shr(host).unwrap_or(0) == 0;
            same.then_some(prefix[1])
        };
        let entries = self.entries(object);
        let best = entries.iter().filter_map(|e| Some((covers(e)?, e))).max_by_key(|(len, _)| *len);
        let entry = best.map(|(_, e)| object.spec.value.unpack(&e.value));
        Ok(Value::Entry(entry, object.view.value.clone()))
    }

    fn find(&mut self, object: Object<'_>, key: &[u8]) -> Option<Entry> {
        self.entries(object).into_iter().find(|entry| entry.key == key)
    }

    /// A key as the state object packs it.
    fn key(&self, object: Object<'_>, expr: &Expr) -> Result<Vec<u8>, String> {
        let shape = match &object.spec.kind {
            StateKind::Array { .. } | StateKind::Counter { .. } | StateKind::Pool { .. } => {
                Shape(vec![64])
            }
            StateKind::Lpm { address_bits, .. } => Shape(vec![*address_bits, 8]),
            _ => object.spec.key.clone(),
        };
        let leaves = self.leaves(expr, &object.view.key, shape.0.len(), "a key")?;
        for (&width, &leaf) in shape.0.iter().zip(&leaves) {
            if width < 128 && leaf >> width != 0 {
                return Err(format!("`{}` does not fit the key", self.text(expr.span)));
            }
        }
        let mut out = Vec::new();
        shape.pack(&leaves, &mut out);
        Ok(out)
    }

    /// The leaves of a constant, which must be `count`; `views` say where texts stand in it.
    fn leaves(
        &self,
        expr: &Expr,
        views: &[(String, View)],
        count: usize,
        what: &str,
    ) -> Result<Vec<u128>, String> {
        let mut leaves = Vec::new();
        self.flatten(expr, views, &mut leaves)?;
        if leaves.len() == count {
            return Ok(leaves);
        }
        let written = self.text(expr.span);
        Err(format!("{what} has {count} parts here, but `{written}` has {}", leaves.len()))
    }

    /// Appends the leaves of a constant; `views` are those of all leaves.
    fn flatten(
        &self,
        expr: &Expr,
        views: &[(String, View)],
        leaves: &mut Vec<u128>,
    ) -> Result<(), String> {
        match &expr.kind {
            ExprKind::Tuple(parts) => {
                return parts.iter().try_for_each(|part| self.flatten(part, views, leaves));
            }
            ExprKind::Call(name, args) if name.text == "Some" && args.len() == 1 => {
                leaves.push(1);
                return self.flatten(&args[0], views, leaves);
            }
            _ => {}
        }
        let place = views.get(leaves.len()).map(|(_, view)| view);
        match (text_bytes(expr), place) {
            (Some(bytes), Some(View::Bytes(words))) => leaves.extend(padded(bytes, *words)?),
            _ => leaves.extend(constant(expr, self.scope.constants)?.leaves),
        }
        Ok(())
    }
}

/// The bytes of a text or byte string.
fn text_bytes(expr: &Expr) -> Option<&[u8]> {
    match &expr.kind {
        ExprKind::Literal(Literal::Str(text)) => Some(text.as_bytes()),
        ExprKind::Literal(Literal::Bytes(bytes)) => Some(bytes),
        _ => None,
    }
}

/// The leaves of a byte string that has so many words.
fn padded(bytes: &[u8], words: u8) -> Result<Vec<u128>, String> {
    let room = usize::from(words) * 16;
    if bytes.len() > room.min(LEN_MAX) {
        return Err(format!("a text of {} bytes does not fit", bytes.len()));
    }
    let mut leaves = vec![0; 1 + usize::from(words)];
    ByteString::new(bytes).write_leaves(LEN_MAX as u8, &mut leaves);
    Ok(leaves)
}

/// `a.b.c` as its parts; none if it is anything else.
fn dotted(expr: &Expr) -> Option<Vec<String>> {
    match &expr.kind {
        ExprKind::Name(name) => Some(vec![name.clone()]),
        ExprKind::Field(base, name) => {
            let mut path = dotted(base)?;
            path.push(name.text.clone());
            Some(path)
        }
        _ => None,
    }
}

fn mentions_index(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Index(..) => true,
        ExprKind::Field(base, _) => mentions_index(base),
        _ => false,
    }
}

fn names(node: &Node) -> String {
    match node.states.as_slice() {
        [] => "none".to_string(),
        states => states.iter().map(|s| s.name.as_str()).collect::<Vec<_>>().join(", "),
    }
}

fn is_bool(views: &[(String, View)]) -> bool {
    matches!(views, [(_, View::Bool)])
}

fn leaves_of(value: &Value) -> Option<Vec<u128>> {
    match value {
        Value::Bool(value) => Some(vec![(*value).into()]),
        Value::Count(count) => Some(vec![(*count).into()]),
        Value::Leaves(leaves, _) => Some(leaves.clone()),
        Value::Entry(entry, _) => entry.clone(),
        Value::Constant(constant) => Some(constant.leaves.clone()),
    }
}

/// A leaf as a number that orders as its type does.
fn ordered(leaf: u128, views: &[(String, View)]) -> i128 {
    match views {
        [(_, View::Int(width))] if *width < 128 => {
            let unused = 128 - u32::from((*width).max(1));
            ((leaf << unused) as i128) >> unused
        }
        // Shift the range of unsigned numbers to that of signed ones.
        _ => (leaf ^ 1 << 127) as i128,
    }
}

fn show(value: &Value) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Count(count) => count.to_string(),
        Value::Leaves(leaves, views) => values::leaves(views, leaves),
        Value::Entry(None, _) => "None".to_string(),
        Value::Entry(Some(leaves), views) => format!("Some({})", values::leaves(views, leaves)),
        Value::Constant(constant) => {
            constant.leaves.iter().map(u128::to_string).collect::<Vec<_>>().join(", ")
        }
    }
}
