//! Do the arms of a `match` cover all values?
//!
//! The classical matrix: a value that no row matches is looked for column by column (Maranget,
//! Warnings for pattern matching, JFP 2007). Literals and ranges cover nothing for sure.

use super::Lowerer;
use crate::check::types::Type;
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use crate::syntax::ast::{self, Literal, PatKind};

/// Steps after which the search gives up and takes the arms for complete.
const STEPS_MAX: u32 = 20_000;

/// A pattern as far as coverage goes.
#[derive(Clone, Debug)]
enum Simple {
    /// Matches everything.
    Any,
    /// Matches some values that are not told apart: literals, ranges.
    Some,
    /// One case of the type, with patterns for its parts.
    Case(usize, Vec<Self>),
    /// Alternatives.
    Or(Vec<Self>),
}

impl Lowerer<'_> {
    /// True if the pattern matches every value of the type.
    pub(super) fn is_irrefutable(&self, pattern: &ast::Pat, ty: &Type) -> bool {
        if ty.is_silent() {
            return true;
        }
        let rows = [vec![self.simplify(pattern, ty)]];
        Search { steps: 0 }.missing(&rows, std::slice::from_ref(ty)).is_none()
    }

    /// True if the arms cover all values; reports a value that they do not, and arms that are never
    /// taken.
    pub(super) fn check_coverage(&mut self, ty: &Type, arms: &[ast::Arm], span: Span) -> bool {
        if ty.is_silent() {
            return true;
        }
        let mut rows = Vec::new();
        for arm in arms {
            let types = std::slice::from_ref(ty);
            if !rows.is_empty() && (Search { steps: 0 }).missing(&rows, types).is_none() {
                let message = "this arm is never taken";
                let label = "the arms before it cover all values";
                self.sink.warning("W0106", message, arm.pattern.span, label);
                return true;
            }
            if arm.guard.is_none() {
                rows.push(vec![self.simplify(&arm.pattern, ty)]);
            }
        }
        let Some(missing) = (Search { steps: 0 }).missing(&rows, std::slice::from_ref(ty)) else {
            return true;
        };
        let example = missing.into_iter().next().unwrap_or_default();
        let message = "the arms do not cover all values";
        let label = format!("what about `{example}`?");
        self.sink.report(
            Diagnostic::error("E0208", message, span, label)
                .note("add an arm for it, or `_ => …` for all that remain"),
        );
        false
    }

    fn simplify(&self, pattern: &ast::Pat, ty: &Type) -> Simple {
        let parts_of = |parts: &[ast::Pat], types: &[Type]| {
            parts.iter().zip(types).map(|(part, ty)| self.simplify(part, ty)).collect()
        };
        match (&pattern.kind, ty) {
            (PatKind::Any, _) => Simple::Any,
            (PatKind::Or(parts), _) => {
                Simple::Or(parts.iter().map(|part| self.simplify(part, ty)).collect())
            }
            (PatKind::Name(name), _) => match cases(ty) {
                Some(cases) => match cases.iter().position(|case| case.0 == name.text) {
                    Some(index) => Simple::Case(index, Vec::new()),
                    None if self.is_constant(&name.text) => Simple::Some,
                    None => Simple::Any,
                },
                None if self.is_constant(&name.text) => Simple::Some,
                None => Simple::Any,
            },
            (PatKind::Literal(Literal::Bool(value)), Type::Bool) => {
                Simple::Case(usize::from(*value), Vec::new())
            }
            (PatKind::Literal(Literal::Prefix4(_, 0)), Type::Ip4)
            | (PatKind::Literal(Literal::Prefix6(_, 0)), Type::Ip6) => Simple::Any,
            (PatKind::Literal(_) | PatKind::Range { .. }, _) => Simple::Some,
            (PatKind::Variant(name, parts), _) => {
                let found = cases(ty).and_then(|cases| {
                    let index = cases.iter().position(|case| case.0 == name.text)?;
                    Some((index, cases.into_iter().nth(index)?.1))
                });
                match found {
                    Some((index, types)) => Simple::Case(index, parts_of(parts, &types)),
                    None => Simple::Any,
                }
            }
            (PatKind::Tuple(parts), Type::Tuple(types)) => Simple::Case(0, parts_of(parts, types)),
            (PatKind::Tuple(_), _) => Simple::Any,
        }
    }

    fn is_constant(&self, name: &str) -> bool {
        (!self.in_global_fn && self.env.contains_key(name)) || self.items.consts.contains_key(name)
    }
}

/// The cases of a type that has finitely many: their names and the types of their parts.
fn cases(ty: &Type) -> Option<Vec<(String, Vec<Type>)>> {
    Some(match ty {
        Type::Bool => vec![("false".into(), Vec::new()), ("true".into(), Vec::new())],
        Type::Option(inner) => {
            vec![("None".into(), Vec::new()), ("Some".into(), vec![(**inner).clone()])]
        }
        Type::Enum(def) => def.variants.clone(),
        Type::Tuple(items) => vec![(String::new(), items.to_vec())],
        _ => return None,
    })
}

struct Search {
    steps: u32,
}

impl Search {
    /// A list of values of these types that no row matches, if there is one.
    fn missing(&mut self, rows: &[Vec<Simple>], types: &[Type]) -> Option<Vec<String>> {
        self.steps += 1;
        if self.steps > STEPS_MAX {
            return None;
        }
        let Some((first, rest)) = types.split_first() else {
            return rows.is_empty().then(Vec::new);
        };
        let rows: Vec<Vec<Simple>> = rows.iter().flat_map(|row| alternatives(row)).collect();
        let tells_cases = rows.iter().any(|row| matches!(row[0], Simple::Case(..)));
        if let Some(cases) = cases(first).filter(|_| tells_cases) {
            return cases.iter().enumerate().find_map(|(index, (name, parts))| {
                self.missing_case(&rows, (index, name, parts), rest)
            });
        }
        let others: Vec<Vec<Simple>> = rows
            .iter()
            .filter(|row| matches!(row[0], Simple::Any))
            .map(|row| row[1..].to_vec())
            .collect();
        let mut missing = self.missing(&others, rest)?;
        missing.insert(0, "_".into());
        Some(missing)
    }

    fn missing_case(
        &mut self,
        rows: &[Vec<Simple>],
        (index, name, parts): (usize, &str, &[Type]),
        rest: &[Type],
    ) -> Option<Vec<String>> {
        let inner: Vec<Vec<Simple>> = rows
            .iter()
            .filter_map(|row| {
                let mut columns = match &row[0] {
                    Simple::Any => vec![Simple::Any; parts.len()],
                    Simple::Case(case, args) if *case == index => {
                        let mut args = args.clone();
                        args.resize(parts.len(), Simple::Any);
                        args
                    }
                    _ => return None,
                };
                columns.extend_from_slice(&row[1..]);
                Some(columns)
            })
            .collect();
        let types: Vec<Type> = parts.iter().chain(rest).cloned().collect();
        let mut missing = self.missing(&inner, &types)?;
        let tail = missing.split_off(parts.len());
        let whole = match (name, missing.is_empty()) {
            ("", _) => format!("({})", missing.join(", ")),
            (name, true) => name.to_owned(),
            (name, false) => format!("{name}({})", missing.join(", ")),
        };
        Some(std::iter::once(whole).chain(tail).collect())
    }
}

/// The row once for each alternative of its first pattern.
fn alternatives(row: &[Simple]) -> Vec<Vec<Simple>> {
    match &row[0] {
        Simple::Or(parts) => parts
            .iter()
            .flat_map(|part| {
                let mut row = row.to_vec();
                row[0] = part.clone();
                alternatives(&row)
            })
            .collect(),
        _ => vec![row.to_vec()],
    }
}
