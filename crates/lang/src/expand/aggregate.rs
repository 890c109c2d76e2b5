//! What is computed of the rows of a group.
//!
//! Each aggregate is kept in fields of the group's record. Those that can are updated in place, as
//! sums and maxima: then all of them are one operation on the map. A minimum is kept as the
//! maximum of complements, so that an entry may begin as zeros.

use super::code::Code;
use super::names::Row;
use super::plan::Planner;
use crate::check::types::Type;
use crate::source::Span;
use crate::syntax::ast;

/// What is computed.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Count,
    Sum,
    Avg,
    Min,
    Max,
    First,
    Last,
    /// `part / whole` of the values do not exceed it.
    Quantile {
        part: Code,
        whole: Code,
    },
    /// A fold with the names of what it keeps, and the call that gives its first value.
    Fold {
        name: String,
        states: Vec<String>,
        first: String,
    },
}

/// A column of a group.
#[derive(Clone, Debug)]
pub(super) struct Aggregate {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// The arguments.
    pub(super) args: Vec<Code>,
    /// Number of the type of the argument of all but counts and folds.
    pub(super) ty: Option<usize>,
    pub(super) span: Span,
}

/// Names of the aggregates that are no folds.
const BUILT_IN: &str = "count, sum, avg, min, max, first, last or quantile, or a fold";

/// The plan of `name: call`.
pub(super) fn plan(
    planner: &mut Planner<'_>,
    row: &Row,
    name: &ast::Ident,
    call: &ast::Expr,
) -> Option<Aggregate> {
    let ast::ExprKind::Call(function, args) = &call.kind else {
        let message = "expected an aggregate".to_owned();
        planner.error("E0905", message, call.span, BUILT_IN);
        return None;
    };
    let mut kind = kind(planner, function)?;
    let wanted = match &kind {
        Kind::Count => 0,
        Kind::Fold { name, .. } => planner.words.items.folds[name.as_str()].params.len(),
        Kind::Quantile { .. } => 3,
        _ => 1,
    };
    if args.len() != wanted {
        let plural = if wanted == 1 { "" } else { "s" };
        let message = format!("`{}` takes {wanted} argument{plural}", function.text);
        planner.error("E0905", message, call.span, &format!("{} given", args.len()));
        return None;
    }
    let args = match &mut kind {
        Kind::Quantile { part, whole } => {
            if matches!((number(&args[1]), number(&args[2])), (Some(p), Some(w)) if p > w || w == 0)
            {
                let message = "this is no part of the whole".to_owned();
                let label = "the median is `quantile(x, 1, 2)`, the 99th percentile `(x, 99, 100)`";
                planner.error("E0905", message, args[1].span.to(args[2].span), label);
                return None;
            }
            (*part, *whole) = (planner.constant(&args[1]), planner.constant(&args[2]));
            &args[..1]
        }
        _ => args,
    };
    let args: Vec<Code> = args.iter().map(|e| planner.expr(row, e)).collect();
    let span = call.span;
    let mut ty = None;
    let column = &name.text;
    let value = match &kind {
        Kind::Count => Code::new(format!("let {column}_new_: u64 = 0\n"), span),
        Kind::Fold { name, states, .. } => {
            let unwrap = if let [only] = &states[..] { format!(".{only}") } else { String::new() };
            let args = listed(&args, span);
            Code::fill(&format!("let {column}_new_ = {name}(zero()$){unwrap}\n"), &[&args], span)
        }
        _ => {
            ty = Some(planner.bind(&format!("{column}_arg_"), &args[0], span));
            let cast = if matches!(kind, Kind::Sum | Kind::Avg) { " as u64" } else { "" };
            Code::new(format!("let {column}_new_ = {column}_arg_{cast}\n"), span)
        }
    };
    planner.probe.append(&value);
    Some(Aggregate { name: column.clone(), kind, args, ty, span })
}

fn kind(planner: &mut Planner<'_>, function: &ast::Ident) -> Option<Kind> {
    Some(match function.text.as_str() {
        "count" => Kind::Count,
        "sum" => Kind::Sum,
        "avg" => Kind::Avg,
        "min" => Kind::Min,
        "max" => Kind::Max,
        "first" => Kind::First,
        "last" => Kind::Last,
        "quantile" => Kind::Quantile { part: Code::default(), whole: Code::default() },
        name => {
            let Some(fold) = planner.words.items.folds.get(name) else {
                let message = format!("there is no aggregate `{name}`");
                planner.error("E0905", message, function.span, BUILT_IN);
                return None;
            };
            let states = fold.states.iter().map(|s| s.name.text.clone()).collect();
            let first = super::fold::first_value(fold);
            Kind::Fold { name: name.to_owned(), states, first }
        }
    })
}

/// The number that an expression is, if it is written out.
const fn number(expr: &ast::Expr) -> Option<u128> {
    match &expr.kind {
        ast::ExprKind::Literal(ast::Literal::Int { value, .. }) => Some(*value),
        _ => None,
    }
}

/// `, a, b`
fn listed(args: &[Code], span: Span) -> Code {
    let mut code = Code::default();
    for arg in args {
        code.append(&Code::fill(", $", &[arg], span));
    }
    code
}

impl Aggregate {
    /// Why the argument's type will not do.
    pub(super) fn misfit(&self, ty: &Type) -> Option<&'static str> {
        let is_number = matches!(ty, Type::Uint(1..=64) | Type::Duration | Type::Error);
        match self.kind {
            Kind::Sum | Kind::Avg if !is_number => Some("only unsigned numbers and durations"),
            Kind::Min | Kind::Max | Kind::Quantile { .. } if !is_number && *ty != Type::Time => {
                Some("only unsigned numbers, times and durations")
            }
            _ => None,
        }
    }

    /// The fields that it keeps: names and types, given the type of its argument.
    pub(super) fn fields(&self, ty: &str) -> Vec<(String, String)> {
        let name = &self.name;
        match &self.kind {
            Kind::Count | Kind::Sum => vec![(name.clone(), "u64".into())],
            Kind::Avg => {
                vec![(format!("{name}_sum_"), "u64".into()), (format!("{name}_n_"), "u64".into())]
            }
            // Complements are of numbers.
            Kind::Min => vec![(name.clone(), number_type(ty))],
            Kind::Quantile { .. } => Vec::new(),
            Kind::Max | Kind::First | Kind::Last => vec![(name.clone(), ty.to_owned())],
            Kind::Fold { name: fold, .. } => vec![(name.clone(), fold.clone())],
        }
    }

    /// True if it is updated in place.
    pub(super) const fn is_in_place(&self) -> bool {
        !matches!(self.kind, Kind::Fold { .. } | Kind::First)
    }

    /// Statements that update the entry `place` in place.
    pub(super) fn update(&self, place: &str, ty: &str) -> Code {
        let field = format!("{place}.{}", self.name);
        let template = match self.kind {
            Kind::Count => format!("{field} += 1\n"),
            Kind::Sum => format!("{field} += ($ as u64)\n"),
            Kind::Avg => format!("{field}_sum_ += ($ as u64)\n{field}_n_ += 1\n"),
            Kind::Min => {
                let number = number_type(ty);
                format!("{field} = max({field}.or(0), !($ as {number}))\n")
            }
            Kind::Max => format!("{field} = max({field}.or(0), $)\n"),
            Kind::First | Kind::Last | Kind::Fold { .. } => format!("{field} = $\n"),
            Kind::Quantile { .. } => return Code::default(),
        };
        let args: Vec<&Code> = self.args.iter().collect();
        Code::fill(&template, &args, self.span)
    }

    /// The fields of the entry's next value, `old` being the one before and `found` the truth that
    /// there was one.
    pub(super) fn next(&self, old: &str, found: &str, ty: &str) -> Code {
        let name = &self.name;
        let field = format!("{old}.{name}");
        let template = match &self.kind {
            Kind::Count => format!("{name}: {field} + 1, "),
            Kind::Sum => format!("{name}: {field} + ($ as u64), "),
            Kind::Avg => {
                format!("{name}_sum_: {field}_sum_ + ($ as u64), {name}_n_: {field}_n_ + 1, ")
            }
            Kind::Min => {
                let number = number_type(ty);
                format!("{name}: max({field}, !($ as {number})), ")
            }
            Kind::Max => format!("{name}: max({field}, $), "),
            Kind::First => format!("{name}: if {found} {{ {field} }} else {{ $ }}, "),
            Kind::Last => format!("{name}: $, "),
            Kind::Quantile { .. } => return Code::default(),
            Kind::Fold { name: fold, .. } => {
                let args = listed(&self.args, self.span);
                let template = format!("{name}: {fold}({field}$), ");
                return Code::fill(&template, &[&args], self.span);
            }
        };
        let args: Vec<&Code> = self.args.iter().collect();
        Code::fill(&template, &args, self.span)
    }

    /// The fields of the entry before the first row.
    pub(super) fn first(&self, ty: &str) -> Code {
        if let Kind::Fold { first, .. } = &self.kind {
            return Code::new(format!("{}: {first}, ", self.name), self.span);
        }
        let fields = self.fields(ty);
        let fields: Vec<String> = fields.iter().map(|(f, _)| format!("{f}: zero(), ")).collect();
        Code::new(fields.concat(), self.span)
    }

    /// Its value, of the entry `entry` of a key whose numbers are in `histogram`.
    pub(super) fn result(&self, (entry, key): (&str, &str), histogram: &str, ty: &str) -> Code {
        let field = format!("{entry}.{}", self.name);
        let text = match &self.kind {
            Kind::Avg => format!("{field}_sum_ / {field}_n_"),
            Kind::Min => format!("(!{field}) as {ty}"),
            Kind::Quantile { part, whole } => {
                let template = format!("{histogram}.quantile({key}, $, $).or(0) as {ty}");
                return Code::fill(&template, &[part, whole], self.span);
            }
            Kind::Fold { states, .. } => match &states[..] {
                [only] => format!("{field}.{only}"),
                _ => field,
            },
            _ => field,
        };
        Code::new(text, self.span)
    }

    /// True if it needs all numbers, in a histogram.
    pub(super) const fn is_quantile(&self) -> bool {
        matches!(self.kind, Kind::Quantile { .. })
    }

    /// True if both are of the same numbers.
    pub(super) fn shares_numbers(&self, other: &Self) -> bool {
        self.is_quantile() && other.is_quantile() && self.args[0].text == other.args[0].text
    }
}

/// The type of the number that a value of this type is.
fn number_type(ty: &str) -> String {
    if matches!(ty, "Time" | "Duration") { "u64".into() } else { ty.to_owned() }
}
