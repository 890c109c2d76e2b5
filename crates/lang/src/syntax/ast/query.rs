//! Folds and queries as written.

use super::{Block, Expr, FnParam, Ident, Param, Pattern, Type};
use crate::source::Span;

/// `fold name(x: type, …) { state a: type = expr … statements }`
#[derive(Clone, Debug)]
pub struct Fold {
    /// Name.
    pub name: Ident,
    /// What it takes of each packet or row: values only.
    pub params: Vec<FnParam>,
    /// What it keeps, in order.
    pub states: Vec<FoldState>,
    /// The update; its braces are those of the fold.
    pub body: Block,
}

/// `state name: type = expr` at the head of a fold.
#[derive(Clone, Debug)]
pub struct FoldState {
    /// Name.
    pub name: Ident,
    /// Type.
    pub ty: Type,
    /// Value before the first update; zero if absent.
    pub initial: Option<Expr>,
    /// All of it.
    pub span: Span,
}

/// `query name(params) = source |> stage |> …`
#[derive(Clone, Debug)]
pub struct Query {
    /// Name.
    pub name: Ident,
    /// Parameters.
    pub params: Vec<Param>,
    /// Where the rows come from.
    pub source: Source,
    /// What happens to them, in order.
    pub stages: Vec<Stage>,
}

/// Where the rows of a query come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// `packets`, `packets(pattern)`
    Packets(Pattern),
    /// The name of another query: its rows.
    Query(Ident),
}

/// A stage with its place.
#[derive(Clone, Debug)]
pub struct Stage {
    /// What it does.
    pub kind: StageKind,
    /// From its first word to its end.
    pub span: Span,
}

/// Kinds of stages.
#[derive(Clone, Debug)]
pub enum StageKind {
    /// `where(expr)`
    Where(Expr),
    /// `map(name: expr, …)`
    Map(Vec<Column>),
    /// `flat_map(name in expr limit n)`
    FlatMap {
        /// The new column.
        name: Ident,
        /// A list, or a range.
        over: Expr,
        /// Most rows for one.
        limit: Option<Expr>,
    },
    /// `distinct(keys) bounds`
    Distinct {
        /// What makes rows equal.
        keys: Vec<Column>,
        /// For how long, and for how many.
        bounds: Bounds,
    },
    /// `group(keys) bounds until(expr) { name: aggregate, … }`
    Group {
        /// What the rows of one group have in common.
        keys: Vec<Column>,
        /// For how long, and how many groups.
        bounds: Bounds,
        /// Ends a group early.
        until: Option<Expr>,
        /// What is computed of each group.
        aggregates: Vec<(Ident, Expr)>,
    },
    /// `top(n) by expr`
    Top {
        /// How many rows.
        count: Expr,
        /// Of which the greatest remain.
        by: Expr,
    },
    /// `join(query) on(columns) within duration bounds`
    Join {
        /// The other query.
        other: Ident,
        /// Columns that both have, with equal values in a pair.
        on: Vec<Ident>,
        /// Most time between the two rows of a pair.
        within: Expr,
        /// How many rows of each side are remembered.
        bounds: Bounds,
    },
    /// `alert("text {expr}") [when] [limit n/s]`
    Alert {
        /// Literal text around the arguments.
        text: Vec<String>,
        /// The arguments.
        args: Vec<Expr>,
        /// The text with its quotes.
        text_span: Span,
        /// Which rows.
        when: Option<When>,
        /// Most lines per second.
        limit: Option<Expr>,
    },
    /// `emit [when]`
    Emit(Option<When>),
}

/// `name: expr`, or an expression that names itself.
#[derive(Clone, Debug)]
pub struct Column {
    /// The name, if written.
    pub name: Option<Ident>,
    /// The value.
    pub value: Expr,
}

/// `window(duration) [capacity] evict oldest`
#[derive(Clone, Debug, Default)]
pub struct Bounds {
    /// Length of the windows; until the end of the run if absent.
    pub window: Option<Expr>,
    /// Most entries.
    pub capacity: Option<Expr>,
    /// A new entry takes the place of the oldest one.
    pub evict_oldest: bool,
    /// The share of wrong answers, or of a quantile, that is good enough: per cent as written.
    pub error: Option<Expr>,
}

impl Bounds {
    /// The expressions in it.
    pub fn exprs(&self) -> impl Iterator<Item = &Expr> {
        self.window.iter().chain(&self.capacity).chain(&self.error)
    }
}

/// Which rows of a group come out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// `each`: the group's row after every change.
    Each,
    /// `on change`: that row if it differs from the one that came out before it.
    OnChange,
    /// `at close`: one row when the window or the run ends.
    AtClose,
}

impl When {
    /// As written.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Each => "each",
            Self::OnChange => "on change",
            Self::AtClose => "at close",
        }
    }
}
