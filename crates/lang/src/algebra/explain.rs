//! What is to be said about the class of a fold or state object.

use super::class::{Class, LeafClass};
use super::show::Names;
use super::sym::FOUND;
use super::{ObjectClass, Update, licence, licence_if_observed};
use crate::effects::handler_head;
use crate::ir::Node;
use crate::source::{SourceMap, Span};

/// All about one update.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// What updates: `fold ewma(x)`, `on lan(ip/tcp)`.
    pub subject: String,
    /// Where.
    pub span: Span,
    /// The class.
    pub class: Class,
    /// The parts of the state that it changes.
    pub parts: Vec<Part>,
    /// Factors and sums of the linear parts, if it is linear.
    pub matrix: Option<Matrix>,
    /// What prevents a better class, for a general one: the text of the part of the update, why,
    /// and where.
    pub reason: Option<(String, &'static str, Span)>,
}

impl Explanation {
    /// True if all but the subject is the same.
    fn is_like(&self, other: &Self) -> bool {
        self.span == other.span && self.class == other.class && self.parts == other.parts
    }
}

/// A part of the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// Its value afterwards.
    pub next: String,
    /// Its class and merge.
    pub class: String,
}

/// `S' = A·S + B` over the linear parts.
#[derive(Clone, Debug)]
pub struct Matrix {
    /// Names of the parts.
    pub parts: Vec<String>,
    /// `A`, row by row.
    pub factors: Vec<Vec<String>>,
    /// `B`.
    pub sums: Vec<String>,
}

/// All about a state object.
#[derive(Clone, Debug)]
pub struct ObjectExplanation {
    /// Its name.
    pub object: String,
    /// Its kind with its parameters.
    pub kind: String,
    /// Its declaration.
    pub span: Span,
    /// The class of all updates together.
    pub class: Class,
    /// Its updates.
    pub updates: Vec<Explanation>,
    /// Changes that are not of single entries: handler, why, where.
    pub opaque: Vec<(String, &'static str, Span)>,
    /// Handlers that empty it.
    pub cleared_by: Vec<String>,
    /// Handlers in which what it holds decides about something else.
    pub observed_by: Vec<String>,
    /// How copies of an entry merge, part by part, if they do.
    pub merge: Option<Vec<(String, &'static str)>>,
    /// What the class permits.
    pub licence: Vec<&'static str>,
}

/// What is to be said about a fold, or one update of an object.
pub fn explain(
    subject: String,
    span: Span,
    (update, names): (&Update, &Names),
    sources: &SourceMap,
) -> Explanation {
    let changed = |leaf: &&super::Leaf| leaf.class != LeafClass::Unchanged;
    let parts = update.leaves.iter().filter(changed).filter(|leaf| leaf.index != FOUND);
    let parts = parts.map(|leaf| Part {
        name: names.leaf(leaf.index),
        next: names.show(&leaf.value),
        class: leaf.class.describe(leaf.value.width()),
    });
    let reason = update.blame().map(|(_, blame)| {
        let text = names.show(&blame.part);
        let at = sources.origin(blame.part.span());
        (text.clone(), blame.why, narrowed(sources, at, &text))
    });
    let parts = parts.collect();
    let matrix = matrix(update, names);
    Explanation { subject, span: sources.origin(span), class: update.class, parts, matrix, reason }
}

/// The part of a place that reads like `text`, if there is one.
fn narrowed(sources: &SourceMap, at: Span, text: &str) -> Span {
    let whole = sources.text(at);
    whole.find(text).map_or(at, |offset| {
        let start = at.start + offset as u32;
        Span { start, end: start + text.len() as u32, ..at }
    })
}

fn matrix(update: &Update, names: &Names) -> Option<Matrix> {
    let rows: Vec<_> = update
        .leaves
        .iter()
        .filter_map(|leaf| match &leaf.class {
            LeafClass::Linear(form) => Some((leaf, Some(form), None)),
            LeafClass::Commutative(super::Merge::Sum, operand) => Some((leaf, None, Some(operand))),
            _ => None,
        })
        .collect();
    if !rows.iter().any(|row| row.1.is_some()) {
        return None;
    }
    let zero = || "0".to_owned();
    let factor = |row: &(&super::Leaf, Option<&super::Form>, Option<&super::Sym>), column: u32| {
        match row.1 {
            None => {
                if row.0.index == column {
                    "1".to_owned()
                } else {
                    zero()
                }
            }
            Some(form) => {
                let found = form.factors.iter().find(|(old, _)| old.leaf == column);
                found.map_or_else(zero, |(_, factor)| names.show(factor))
            }
        }
    };
    let columns: Vec<u32> = rows.iter().map(|row| row.0.index).collect();
    let factors = rows.iter().map(|row| columns.iter().map(|c| factor(row, *c)).collect());
    let sums = rows
        .iter()
        .map(|row| row.1.map(|form| &form.rest).or(row.2).map_or_else(zero, |sum| names.show(sum)));
    Some(Matrix {
        factors: factors.collect(),
        sums: sums.collect(),
        parts: columns.iter().map(|leaf| names.leaf(*leaf)).collect(),
    })
}

/// What is to be said about a state object of a node.
pub fn explain_object(node: &Node, of: &ObjectClass, sources: &SourceMap) -> ObjectExplanation {
    let index = of.object as usize;
    let names = Names::of_object(node, of.object);
    let head = |handler: usize| handler_head(node, &node.handlers[handler].trigger);
    let mut updates: Vec<(String, Explanation)> = Vec::new();
    for change in &of.changes {
        let key: Vec<String> = change.key.iter().map(|k| names.show(k)).collect();
        let is_only = key.is_empty() || key == ["0"];
        let entry = if is_only { String::new() } else { format!("entry of {}", key.join(", ")) };
        let (subject, at) = (head(change.handler), change.update.span);
        let update = explain(subject, at, (&change.update, &names), sources);
        match updates.iter_mut().find(|(of, known)| *of == entry && known.is_like(&update)) {
            Some((_, known)) => known.subject.push_str(&format!(", {}", update.subject)),
            None => updates.push((entry, update)),
        }
    }
    let updates = updates.into_iter().map(|(entry, mut update)| {
        if !entry.is_empty() {
            update.subject.push_str(&format!(", {entry}"));
        }
        update
    });
    let merge = of.merge.as_ref().map(|merges| {
        let leaves = (0..).map(|leaf| names.leaf(leaf));
        leaves.zip(merges.iter().map(|merge| merge.name())).collect()
    });
    let span = node.state_views.get(index).map(|view| view.span).unwrap_or_default();
    let opaque = of.opaque.iter();
    let is_observed = of.decides_about_packets(node);
    let licence = if is_observed { licence_if_observed(of.class) } else { licence(of.class) };
    ObjectExplanation {
        object: format!("{}.{}", node.name, node.states[index].name),
        kind: node.states[index].kind.to_string(),
        span: sources.origin(span),
        class: of.class,
        updates: updates.collect(),
        opaque: opaque.map(|(h, why, at)| (head(*h), *why, sources.origin(*at))).collect(),
        cleared_by: of.cleared_by.iter().map(|handler| head(*handler)).collect(),
        observed_by: of.observed_by.iter().map(|handler| head(*handler)).collect(),
        merge,
        licence: licence.to_vec(),
    }
}
