//! Declarations of state objects: from `state seen: map<Flow, Time>[64k] expire 5min` to a
//! specification with shapes.

use super::lower::{Lowerer, StateVar};
use super::types::{Type, leaves, resolve};
use crate::diagnostic::Diagnostic;
use crate::ir::{StateId, StateView, View};
use crate::source::Span;
use crate::syntax::ast;
use crate::syntax::nearest;
use trama_base::Nanos;
use trama_state::spec::PRECISION_MAX;
use trama_state::{Shape, StateKind, StateSpec, WhenFull};

/// Most entries of a state object.
pub const CAPACITY_MAX: u64 = 64 << 20;

/// Most pending events of one kind.
pub const PENDING_MAX: u64 = 16 << 20;

/// What a state object is to the type checker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StateType {
    /// `map<K, V>[n]`
    Map { key: Type, value: Type },
    /// `set<K>[n]`
    Set(Type),
    /// `array<V>[n]`
    Array(Type),
    /// A single value.
    Single(Type),
    /// `counter`, `counter[n]`
    Counter { is_array: bool },
    /// `pool[n]`
    Pool,
    /// `lpm<ip4, V>[n]`
    Lpm { address: Type, value: Type },
    /// `bucket`, `bucket<K>[n]`
    Bucket(Option<Type>),
    /// `maglev<M>[slots]`
    Maglev(Type),
    /// `sketch<K>[width x depth]`
    Sketch(Type),
    /// `bloom<K>[n]`
    Bloom(Type),
    /// `ring<T>[n]`
    Ring(Type),
    /// `stream_buffer<K>[n x bytes]`
    Streams(Type),
    /// `histogram<K>[n]`
    Histogram(Type),
    /// `patterns name = […]`
    Patterns,
}

impl StateType {
    /// How a message names it: ``a `map<ip4, Time>` ``.
    pub(super) fn describe(&self) -> String {
        let name = self.name();
        let article = if name.trim_start_matches('`').starts_with(['a', 'i']) { "an" } else { "a" };
        format!("{article} {name}")
    }

    fn name(&self) -> String {
        match self {
            Self::Map { key, value } => format!("`map<{key}, {value}>`"),
            Self::Set(key) => format!("`set<{key}>`"),
            Self::Array(value) => format!("`array<{value}>`"),
            Self::Single(value) => format!("value of type `{value}`"),
            Self::Counter { is_array: true } => "array of counters".into(),
            Self::Counter { is_array: false } => "counter".into(),
            Self::Pool => "pool".into(),
            Self::Lpm { address, value } => format!("`lpm<{address}, {value}>`"),
            Self::Bucket(None) => "bucket".into(),
            Self::Bucket(Some(key)) => format!("`bucket<{key}>`"),
            Self::Maglev(member) => format!("`maglev<{member}>`"),
            Self::Sketch(key) => format!("`sketch<{key}>`"),
            Self::Bloom(key) => format!("`bloom<{key}>`"),
            Self::Ring(value) => format!("`ring<{value}>`"),
            Self::Streams(key) => format!("`stream_buffer<{key}>`"),
            Self::Histogram(key) => format!("`histogram<{key}>`"),
            Self::Patterns => "pattern set".into(),
        }
    }

    /// Key and value types, where there are any.
    fn parts(&self) -> (Option<&Type>, Option<&Type>) {
        match self {
            Self::Map { key, value } => (Some(key), Some(value)),
            Self::Set(key) => (Some(key), None),
            Self::Array(value) | Self::Single(value) => (None, Some(value)),
            Self::Lpm { address, value } => (Some(address), Some(value)),
            Self::Bucket(key) => (key.as_ref(), None),
            Self::Maglev(member) => (Some(member), None),
            Self::Sketch(key) | Self::Bloom(key) | Self::Streams(key) | Self::Histogram(key) => {
                (Some(key), None)
            }
            Self::Ring(value) => (None, Some(value)),
            Self::Counter { .. } | Self::Pool | Self::Patterns => (None, None),
        }
    }

    /// Options that may follow the size.
    const fn options(&self) -> &'static [&'static str] {
        match self {
            Self::Map { .. } | Self::Set(_) => &["expire", "evict"],
            Self::Pool => &["expire"],
            Self::Bucket(_) => &["rate", "burst"],
            Self::Maglev(_) => &["members"],
            Self::Sketch(_) => &["update", "seed"],
            Self::Bloom(_) => &["error", "seed"],
            Self::Ring(_) => &["evict"],
            Self::Streams(_) => &["expire", "evict"],
            Self::Histogram(_) => &["error", "expire", "evict"],
            _ => &[],
        }
    }
}

/// Values of the options of a declaration.
#[derive(Debug, Default)]
struct Options {
    expire: Option<Nanos>,
    evict_oldest: bool,
    rate: Option<u64>,
    burst: Option<u64>,
    members: Option<u64>,
    conservative: bool,
    /// In millionths.
    error: Option<u64>,
    seed: u64,
}

impl Lowerer<'_> {
    /// Declares a state object; one that is wrong is reported and silent from then on.
    pub(super) fn declare_state(&mut self, state: &ast::State) {
        if self.declared_before(&state.name) {
            return;
        }
        if self.try_declare(state).is_none() {
            self.broken.insert(state.name.text.clone());
        }
    }

    fn try_declare(&mut self, state: &ast::State) -> Option<()> {
        let ty = self.state_type(&state.kind, state.size.is_some())?;
        let size = self.state_size(state, &ty)?;
        let by = self.state_by(state, &ty)?;
        let options = self.state_options(state, &ty)?;
        let kind = self.state_kind(state, &ty, (size, by), &options)?;
        self.add_state(&state.name, ty, kind)
    }

    /// Adds a state object to the node, if it can be made.
    pub(super) fn add_state(
        &mut self,
        name: &ast::Ident,
        ty: StateType,
        kind: StateKind,
    ) -> Option<()> {
        let (key, value) = ty.parts();
        let shape = |ty: Option<&Type>| Shape(ty.map(Type::widths).unwrap_or_default());
        let spec =
            StateSpec { name: name.text.clone(), kind, key: shape(key), value: shape(value) };
        if let Err(error) = spec.validate() {
            self.sink.error("E0803", error.to_string(), name.span, "this state object");
            return None;
        }
        self.node.states.push(spec);
        self.node.state_views.push(StateView {
            key: key.map(views).unwrap_or_default(),
            value: value.map(views).unwrap_or_default(),
            span: name.span,
        });
        let id = StateId((self.node.states.len() - 1) as u32);
        let var = StateVar { id, ty };
        self.states.insert(name.text.clone(), var);
        Some(())
    }

    fn state_type(&mut self, kind: &ast::Type, has_size: bool) -> Option<StateType> {
        match &kind.kind {
            ast::TypeKind::Name(name) => match name.as_str() {
                "counter" => Some(StateType::Counter { is_array: has_size }),
                "pool" => Some(StateType::Pool),
                "bucket" => Some(StateType::Bucket(None)),
                "map" | "set" | "array" | "lpm" | "maglev" | "sketch" | "bloom" | "ring"
                | "stream_buffer" | "histogram" => {
                    let example = example(name);
                    let message = format!("`{name}` needs types, for example `{example}`");
                    self.sink.error("E0801", message, kind.span, "of what?");
                    None
                }
                _ => self.stored(kind).map(StateType::Single),
            },
            ast::TypeKind::Generic(name, args) => self.generic_state(name, args, kind),
            ast::TypeKind::Tuple(_) | ast::TypeKind::Sized(..) => {
                self.stored(kind).map(StateType::Single)
            }
        }
    }

    fn generic_state(
        &mut self,
        name: &ast::Ident,
        args: &[ast::Type],
        kind: &ast::Type,
    ) -> Option<StateType> {
        match (name.text.as_str(), args) {
            ("map", [key, value]) => {
                let (key, value) = (self.stored(key), self.stored(value));
                Some(StateType::Map { key: key?, value: value? })
            }
            ("set", [key]) => self.stored(key).map(StateType::Set),
            ("array", [value]) => self.stored(value).map(StateType::Array),
            ("bucket", [key]) => self.stored(key).map(|key| StateType::Bucket(Some(key))),
            ("maglev", [member]) => self.stored(member).map(StateType::Maglev),
            ("sketch", [key]) => self.stored(key).map(StateType::Sketch),
            ("bloom", [key]) => self.stored(key).map(StateType::Bloom),
            ("ring", [value]) => self.stored(value).map(StateType::Ring),
            ("stream_buffer", [key]) => self.stored(key).map(StateType::Streams),
            ("histogram", [key]) => self.stored(key).map(StateType::Histogram),
            ("lpm", [address_type, value]) => {
                let (address, value) = (self.stored(address_type), self.stored(value));
                let address = address?;
                if !matches!(address, Type::Ip4 | Type::Ip6) {
                    let message = "longest-prefix match is over `ip4` or `ip6`";
                    self.sink.error("E0801", message, address_type.span, "not an address type");
                    return None;
                }
                Some(StateType::Lpm { address, value: value? })
            }
            (
                "map" | "set" | "array" | "bucket" | "maglev" | "lpm" | "sketch" | "bloom" | "ring"
                | "stream_buffer" | "histogram",
                _,
            ) => {
                let example = example(&name.text);
                let message = format!("`{}` is written `{example}`", name.text);
                self.sink.error("E0801", message, kind.span, format!("{} types", args.len()));
                None
            }
            _ => self.stored(kind).map(StateType::Single),
        }
    }

    /// A type that state can hold.
    pub(super) fn stored(&mut self, ty: &ast::Type) -> Option<Type> {
        let resolved = resolve(self.items, ty, self.sink);
        if resolved == Type::Error {
            return None;
        }
        if resolved.is_storable() {
            return Some(resolved);
        }
        let message = format!("{} cannot be kept in state", resolved.with_article());
        self.sink.error("E0212", message, ty.span, "not possible here");
        None
    }

    /// The size in brackets: needed for some kinds, not allowed for others.
    fn state_size(&mut self, state: &ast::State, ty: &StateType) -> Option<u32> {
        let needs = match ty {
            StateType::Single(_) | StateType::Bucket(None) => Some(false),
            StateType::Counter { .. } => None,
            _ => Some(true),
        };
        match (needs, &state.size) {
            (Some(true), None) => {
                let message = format!("`{}` needs a size", state.name.text);
                let end = Span { start: state.kind.span.end, ..state.kind.span };
                self.sink.report(
                    Diagnostic::error("E0801", message, state.kind.span, "how many?")
                        .note("the most entries it holds, in brackets: `[64k]`")
                        .patch(end, "[64k]"),
                );
                None
            }
            (Some(false), Some(size)) => {
                let message = format!("{} has no size", ty.describe());
                self.sink.error("E0801", message, size.span, "remove this");
                None
            }
            (_, None) => Some(1),
            (_, Some(size)) => {
                let number = self.state_number(size)?;
                if (1..=CAPACITY_MAX).contains(&number) {
                    return u32::try_from(number).ok();
                }
                let message = format!("the size must be 1 to {CAPACITY_MAX}, not {number}");
                self.sink.error("E0803", message, size.span, "out of range");
                None
            }
        }
    }

    /// What stands behind `x` in the brackets: needed for two kinds, not allowed for others.
    fn state_by(&mut self, state: &ast::State, ty: &StateType) -> Option<u32> {
        let needs = match ty {
            StateType::Sketch(_) => Some("columns and rows: `[1024 x 4]`"),
            StateType::Streams(_) => Some("streams and bytes for each: `[1000 x 64k]`"),
            _ => None,
        };
        match (needs, &state.by) {
            (None, None) => Some(0),
            (None, Some(by)) => {
                let message = format!("{} has one size", ty.describe());
                self.sink.error("E0801", message, by.span, "remove this");
                None
            }
            (Some(what), None) => {
                let message = format!("`{}` needs two sizes", state.name.text);
                self.sink.report(
                    Diagnostic::error("E0801", message, state.kind.span, "only one is given")
                        .note(what),
                );
                None
            }
            (Some(_), Some(by)) => {
                let number = self.state_number(by)?;
                // What is too great for the kind is found with the rest of the specification.
                Some(u32::try_from(number).unwrap_or(u32::MAX))
            }
        }
    }

    fn state_number(&mut self, expr: &ast::Expr) -> Option<u64> {
        self.const_expr(expr, &Type::Uint(64))?.as_u64()
    }

    fn state_options(&mut self, state: &ast::State, ty: &StateType) -> Option<Options> {
        let mut options = Options::default();
        let known = ty.options();
        let mut seen: Vec<&str> = Vec::new();
        for (name, expr) in &state.options {
            if !known.contains(&name.text.as_str()) {
                self.unknown_option(name, ty);
                return None;
            }
            if seen.contains(&name.text.as_str()) {
                let message = format!("`{}` is given twice", name.text);
                self.sink.error("E0801", message, name.span, "given again");
                return None;
            }
            seen.push(&name.text);
            match name.text.as_str() {
                "evict" => options.evict_oldest = self.option_word(name, "oldest", expr)?,
                "update" => {
                    options.conservative = self.option_word(name, "conservative", expr)?;
                }
                "error" => options.error = Some(self.share(expr, ty)?),
                "seed" => options.seed = self.state_number(expr)?,
                "expire" => {
                    let value = self.const_expr(expr, &Type::Duration)?;
                    options.expire = value.as_u64().map(Nanos);
                }
                "rate" => options.rate = Some(self.state_number(expr)?),
                "burst" => options.burst = Some(self.state_number(expr)?),
                _ => options.members = Some(self.state_number(expr)?),
            }
        }
        Some(options)
    }

    /// An option that has one word for a value.
    fn option_word(&mut self, name: &ast::Ident, word: &str, expr: &ast::Expr) -> Option<bool> {
        if matches!(&expr.kind, ast::ExprKind::Name(written) if written == word) {
            return Some(true);
        }
        let message = format!("what follows `{}` is `{word}`", name.text);
        let label = format!("write `{} {word}`", name.text);
        self.sink.error("E0801", message, expr.span, label);
        None
    }

    /// A share in per cent, as millionths.
    fn share(&mut self, expr: &ast::Expr, ty: &StateType) -> Option<u64> {
        let (least, words) = match ty {
            StateType::Histogram(_) => (1_000_000_u128.div_ceil(2 << PRECISION_MAX), "0.0489%"),
            _ => (1, "0.0001%"),
        };
        match &expr.kind {
            ast::ExprKind::Literal(ast::Literal::Int { value, text }) if text.ends_with('%') => {
                if !(least..=500_000).contains(value) {
                    let message = format!("the error of {} is {words} to 50%", ty.describe());
                    self.sink.error("E0803", message, expr.span, "out of range");
                    return None;
                }
                u64::try_from(*value).ok()
            }
            _ => {
                let message = "an error is given in per cent";
                self.sink.error("E0801", message, expr.span, "for example `error 1%`");
                None
            }
        }
    }

    fn unknown_option(&mut self, name: &ast::Ident, ty: &StateType) {
        let message = format!("{} has no option `{}`", ty.describe(), name.text);
        let mut diagnostic = Diagnostic::error("E0801", message, name.span, "unknown option");
        let known = ty.options();
        if let Some(near) = nearest(&name.text, known.iter().copied()) {
            diagnostic = diagnostic.note(format!("did you mean `{near}`?")).patch(name.span, near);
        } else if !known.is_empty() {
            diagnostic = diagnostic.note(format!("it has {}", known.join(", ")));
        }
        self.sink.report(diagnostic);
    }

    fn state_kind(
        &mut self,
        state: &ast::State,
        ty: &StateType,
        (size, by): (u32, u32),
        options: &Options,
    ) -> Option<StateKind> {
        let when_full = match options.evict_oldest {
            true => WhenFull::EvictOldest,
            false => WhenFull::Refuse,
        };
        let expire = options.expire;
        let mut needed = |value: Option<u64>, name: &str| {
            if value.is_none() {
                let message = format!("`{}` needs `{name}`", state.name.text);
                let example = example(match name {
                    "members" => "maglev",
                    "error" => "bloom",
                    _ => "bucket",
                });
                self.sink.report(
                    Diagnostic::error("E0801", message, state.kind.span, "incomplete")
                        .note(format!("for example `{example}`")),
                );
            }
            value
        };
        Some(match ty {
            StateType::Map { .. } | StateType::Set(_) => {
                StateKind::Map { capacity: size, expire, when_full }
            }
            StateType::Array(_) | StateType::Single(_) => StateKind::Array { len: size },
            StateType::Counter { .. } => StateKind::Counter { len: size },
            StateType::Pool => StateKind::Pool { size, expire: options.expire },
            StateType::Lpm { address, .. } => StateKind::Lpm {
                address_bits: if *address == Type::Ip4 { 32 } else { 128 },
                capacity: size,
            },
            StateType::Bucket(_) => {
                let rate_per_s = needed(options.rate, "rate")?;
                // Without a burst: what comes in one second.
                let burst = options.burst.unwrap_or(rate_per_s);
                StateKind::Bucket { capacity: size, rate_per_s, burst }
            }
            StateType::Maglev(_) => {
                let members = needed(options.members, "members")?;
                let capacity = u32::try_from(members).unwrap_or(u32::MAX);
                StateKind::Maglev { table_size: size, capacity }
            }
            StateType::Sketch(_) => {
                let Options { conservative, seed, .. } = *options;
                StateKind::Sketch { width: size, depth: by, conservative, seed }
            }
            StateType::Bloom(_) => {
                let error = needed(options.error, "error")?;
                let error_ppm = u32::try_from(error).unwrap_or(u32::MAX);
                StateKind::Bloom { capacity: size, error_ppm, seed: options.seed }
            }
            StateType::Ring(_) => StateKind::Ring { capacity: size, when_full },
            StateType::Streams(_) => {
                StateKind::Streams { capacity: size, window_bytes: by, expire, when_full }
            }
            StateType::Histogram(_) => {
                let precision = options.error.map_or(PRECISION, precision_for);
                StateKind::Histogram { capacity: size, precision, expire, when_full }
            }
            // These are declared by `patterns`.
            StateType::Patterns => return None,
        })
    }
}

/// Precision of a histogram that does not say one: errors of at most 3.2 per cent.
const PRECISION: u8 = 4;

/// The least precision that keeps errors within some millionths, or one too great to be had.
fn precision_for(error_ppm: u64) -> u8 {
    let keeps = |precision: &u8| 1_000_000 >> (precision + 1) <= error_ppm;
    (0..=PRECISION_MAX).find(keeps).unwrap_or(PRECISION_MAX + 1)
}

/// Names and views of the leaves of a type.
pub(super) fn views(ty: &Type) -> Vec<(String, View)> {
    leaves(ty).into_iter().map(|(name, _, view)| (name, view)).collect()
}

fn example(kind: &str) -> &'static str {
    match kind {
        "map" => "map<Flow, Time>[64k]",
        "set" => "set<ip4>[1k]",
        "array" => "array<u64>[256]",
        "lpm" => "lpm<ip4, u32>[10k]",
        "bucket" => "bucket<ip4>[10k] rate 1000 burst 2000",
        "sketch" => "sketch<ip4>[1024 x 4]",
        "bloom" => "bloom<Flow>[100k] error 1%",
        "ring" => "ring<ip4>[256]",
        "stream_buffer" => "stream_buffer<Flow>[1000 x 64k]",
        "histogram" => "histogram<ip4>[1k]",
        _ => "maglev<ip4>[65537] members 256",
    }
}
