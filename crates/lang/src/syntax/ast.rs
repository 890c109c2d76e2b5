//! The syntax tree: what the parser understood, with a span for everything a message may point at.
//!
//! Nothing is resolved here; names are text. The formatter and the checker read it.

mod query;

pub use query::{Bounds, Column, Fold, FoldState, Query, Source, Stage, StageKind, When};

use crate::source::Span;

/// A name with its place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ident {
    /// The text.
    pub text: String,
    /// Where.
    pub span: Span,
}

/// A parsed file.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// Index in the source map.
    pub file: u32,
    /// `//!` lines at the head, without the marker.
    pub docs: Vec<String>,
    /// Items in order.
    pub items: Vec<Item>,
    /// Made from folds and queries, which have been declared where they stand.
    pub is_generated: bool,
}

/// A top-level item.
#[derive(Clone, Debug)]
pub struct Item {
    /// `///` lines before it, without the marker.
    pub docs: Vec<String>,
    /// What it is.
    pub kind: ItemKind,
    /// All of it.
    pub span: Span,
}

/// Kinds of items.
#[derive(Clone, Debug)]
pub enum ItemKind {
    /// `import "file.trama"`
    Import(String, Span),
    /// `const NAME: type = expr`
    Const(Const),
    /// `record Name { field: type, … }`
    Record(Record),
    /// `enum Name { A, B(type, …), … }`
    Enum(Enum),
    /// `header name after udp.dst == 5000 { field: type, … }`
    Header(Header),
    /// `fn name(…) -> type { … }`
    Fn(Fn),
    /// `fold name(…) { … }`
    Fold(Fold),
    /// `query name = packets(…) |> …`
    Query(Query),
    /// `element Name(…) { … }`
    Element(Element),
    /// `network name(…) { … }`
    Network(Network),
    /// `inputs name { port: "file", … }`
    Inputs(Inputs),
    /// `test "title" for Name(…) { … }`
    Test(Test),
}

/// `const NAME: type = expr`
#[derive(Clone, Debug)]
pub struct Const {
    /// Name.
    pub name: Ident,
    /// Type.
    pub ty: Type,
    /// Value.
    pub value: Expr,
}

/// `header name after parent.field == value { field: type, … }`
#[derive(Clone, Debug)]
pub struct Header {
    /// Name.
    pub name: Ident,
    /// The header before it.
    pub parent: Ident,
    /// The field of that one, which may be dotted, …
    pub field: Ident,
    /// … and the value that it has.
    pub value: Expr,
    /// Fields in order.
    pub fields: Vec<(Ident, Type)>,
}

/// `record Name { field: type, … }`
#[derive(Clone, Debug)]
pub struct Record {
    /// Name.
    pub name: Ident,
    /// Fields.
    pub fields: Vec<(Ident, Type)>,
}

/// `enum Name { A, B(type, …), … }`
#[derive(Clone, Debug)]
pub struct Enum {
    /// Name.
    pub name: Ident,
    /// Variants with their payload types.
    pub variants: Vec<(Ident, Vec<Type>)>,
}

/// A function, global or of an element.
#[derive(Clone, Debug)]
pub struct Fn {
    /// Name.
    pub name: Ident,
    /// Parameters.
    pub params: Vec<FnParam>,
    /// Result, if any.
    pub result: Option<Type>,
    /// Body; its trailing expression is the result.
    pub body: Block,
}

/// A parameter of a function.
#[derive(Clone, Debug)]
pub struct FnParam {
    /// Name.
    pub name: Ident,
    /// A value of this type, or a packet with these headers.
    pub ty: FnParamType,
}

/// What a function takes.
#[derive(Clone, Debug)]
pub enum FnParamType {
    /// A value.
    Value(Type),
    /// A packet (`p: ip/tcp`, `p: packet`).
    Packet(Pattern),
}

/// A type as written.
#[derive(Clone, Debug)]
pub struct Type {
    /// What.
    pub kind: TypeKind,
    /// Where.
    pub span: Span,
}

/// Kinds of types as written.
#[derive(Clone, Debug)]
pub enum TypeKind {
    /// `u16`, `ip4`, `Flow`, a record or enum …
    Name(String),
    /// `Option<T>`, `prefix<ip4>`, `table<Row>`
    Generic(Ident, Vec<Type>),
    /// `bytes[64]`
    Sized(Ident, Box<Expr>),
    /// `(A, B)`
    Tuple(Vec<Type>),
}

/// `name: type = default`
#[derive(Clone, Debug)]
pub struct Param {
    /// Name.
    pub name: Ident,
    /// Type.
    pub ty: Type,
    /// Default, if it may be left out.
    pub default: Option<Expr>,
}

/// An element.
#[derive(Clone, Debug)]
pub struct Element {
    /// Name.
    pub name: Ident,
    /// Parameters.
    pub params: Vec<Param>,
    /// Members in order.
    pub members: Vec<Member>,
}

/// A member of an element with its documentation.
#[derive(Clone, Debug)]
pub struct Member {
    /// `///` lines before it.
    pub docs: Vec<String>,
    /// What it is.
    pub kind: MemberKind,
    /// All of it.
    pub span: Span,
}

/// Kinds of members of an element.
#[derive(Clone, Debug)]
pub enum MemberKind {
    /// `port a, b[4]`
    Ports(Vec<Port>),
    /// `state name: type…`
    State(State),
    /// A set of byte patterns.
    Patterns(Patterns),
    /// `const` inside the element
    Const(Const),
    /// `fn`
    Fn(Fn),
    /// `on a, b(p: pattern) { … }`
    On(On),
    /// `init { … }`
    Init(Block),
    /// `every 1s { … }`
    Every(Expr, Block),
    /// `event name(param: type, …) [capacity]`
    Event(Event),
    /// `on name(param, …) { … }` of an event that the element declares
    OnEvent(OnEvent),
    /// `stream name: Record`
    Stream(Ident, Type),
    /// `on close { … }`
    Close(Block),
}

/// `event name(param: type, …) [capacity]`
#[derive(Clone, Debug)]
pub struct Event {
    /// Name.
    pub name: Ident,
    /// Parameters.
    pub params: Vec<(Ident, Type)>,
    /// Most that are pending at once, in brackets.
    pub capacity: Option<Expr>,
}

/// `on name(param, …) { … }`
#[derive(Clone, Debug)]
pub struct OnEvent {
    /// The event.
    pub name: Ident,
    /// Names of its parameters here.
    pub params: Vec<Ident>,
    /// Body.
    pub body: Block,
}

/// A declared port or port array.
#[derive(Clone, Debug)]
pub struct Port {
    /// Name.
    pub name: Ident,
    /// Length of an array.
    pub count: Option<Expr>,
}

/// `state name: kind<args>[size] option value …` or `state name: Type`
#[derive(Clone, Debug)]
pub struct State {
    /// Name.
    pub name: Ident,
    /// `map`, `set`, `array`, `counter`, `pool`, `lpm`, `bucket`, `maglev`, `sketch`, `bloom`,
    /// `ring`, `stream_buffer`, `histogram`, or a value type.
    pub kind: Type,
    /// Size in brackets.
    pub size: Option<Expr>,
    /// What stands behind `x` in the brackets: `[1000 x 4]`.
    pub by: Option<Expr>,
    /// `expire`, `rate`, `burst`, `members`, `seed` with their values; `evict` and `update` have
    /// the value-less words `oldest` and `conservative`, given as an expression that is a name;
    /// `error` has millionths, given as the number of per cent that was written.
    pub options: Vec<(Ident, Expr)>,
}

/// `patterns name = ["text" nocase, …]` or `patterns name from source`
#[derive(Clone, Debug)]
pub struct Patterns {
    /// Name.
    pub name: Ident,
    /// Where the patterns are.
    pub source: PatternSource,
}

/// Where patterns come from.
#[derive(Clone, Debug)]
pub enum PatternSource {
    /// A list in the program, with the place of its brackets.
    List(Vec<BytePattern>, Span),
    /// A file (a text) or a table (its name).
    From(Expr),
}

/// `"text" nocase offset 4 depth 20`
#[derive(Clone, Debug)]
pub struct BytePattern {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// They were written as `hex "…"`.
    pub is_hex: bool,
    /// Letters match in either case.
    pub nocase: bool,
    /// The first byte at which a match may begin.
    pub offset: Option<Expr>,
    /// Within how many bytes from there.
    pub depth: Option<Expr>,
    /// All of it.
    pub span: Span,
}

/// A packet handler.
#[derive(Clone, Debug)]
pub struct On {
    /// Ports, each with the name given to the index of an array.
    pub ports: Vec<(Ident, Option<Ident>)>,
    /// Name of the packet.
    pub packet: Ident,
    /// Headers it must have; no alternative means any packet.
    pub pattern: Pattern,
    /// Body.
    pub body: Block,
}

/// `ip/tcp | ip6/tcp`: alternatives of lists of header names. Empty: any packet.
#[derive(Clone, Debug, Default)]
pub struct Pattern {
    /// Alternatives.
    pub alternatives: Vec<Vec<Ident>>,
    /// Where; empty for an omitted pattern.
    pub span: Span,
}

/// A network.
#[derive(Clone, Debug)]
pub struct Network {
    /// Name.
    pub name: Ident,
    /// Parameters.
    pub params: Vec<Param>,
    /// Members in order.
    pub members: Vec<NetworkMember>,
}

/// A member of a network with its documentation.
#[derive(Clone, Debug)]
pub struct NetworkMember {
    /// `///` lines before it.
    pub docs: Vec<String>,
    /// What it is.
    pub kind: NetworkMemberKind,
    /// All of it.
    pub span: Span,
}

/// Kinds of members of a network.
#[derive(Clone, Debug)]
pub enum NetworkMemberKind {
    /// `port a, b`
    Ports(Vec<Port>),
    /// `let name = Element(args)`
    Instance(Ident, Instance),
    /// `a <-> b -> c`: the first stop and each following one with the arrow before it.
    Chain(Stop, Vec<(Arrow, Stop)>),
}

/// `Element` or `Element(name: value, …)`
#[derive(Clone, Debug)]
pub struct Instance {
    /// Name of an element or network.
    pub name: Ident,
    /// Arguments by name.
    pub args: Vec<(Ident, Expr)>,
    /// All of it.
    pub span: Span,
}

/// Direction of a wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrow {
    /// `->`
    Forward,
    /// `<->`
    Both,
}

/// A stop of a chain: a network port, an instance, `instance.port[index]`, an anonymous element or
/// `discard`.
#[derive(Clone, Debug)]
pub struct Stop {
    /// The name or anonymous instance. Which one a bare name is, the checker decides.
    pub instance: Instance,
    /// Explicit port.
    pub port: Option<Ident>,
    /// Index of a port array.
    pub index: Option<Expr>,
    /// All of it.
    pub span: Span,
}

/// `inputs name { port: "file", … }`
#[derive(Clone, Debug)]
pub struct Inputs {
    /// The network or element they are for.
    pub name: Ident,
    /// Port and file.
    pub files: Vec<(Ident, String, Span)>,
}

/// A test written in the program.
#[derive(Clone, Debug)]
pub struct Test {
    /// Title.
    pub title: String,
    /// Where the title stands.
    pub title_span: Span,
    /// Element or network under test.
    pub subject: Instance,
    /// Steps in order.
    pub steps: Vec<TestStep>,
}

/// A step of a test.
#[derive(Clone, Debug)]
pub struct TestStep {
    /// What.
    pub kind: TestStepKind,
    /// Where.
    pub span: Span,
}

/// Kinds of test steps.
#[derive(Clone, Debug)]
pub enum TestStepKind {
    /// `at 10s`: the time from the start of the test.
    At(Expr),
    /// `port <- stack / "payload"`
    Send {
        /// External port.
        port: Ident,
        /// Index of a port array.
        index: Option<Expr>,
        /// The frame.
        frame: Frame,
    },
    /// `expect port filter`; no filter: any packet.
    ExpectPacket {
        /// External port.
        port: Ident,
        /// Index of a port array.
        index: Option<Expr>,
        /// Condition on it, in the filter language.
        filter: Option<Expr>,
    },
    /// `expect drop "reason"`; without a text: any drop.
    ExpectDrop(Option<(String, Span)>),
    /// `expect alert "text"` or `expect log "text"`: a line that contains the text was written.
    ExpectLog(String, Span),
    /// `expect record [element.]stream { field: value, … }`: a record with these values was
    /// emitted.
    ExpectRecord {
        /// Element instance.
        node: Option<Ident>,
        /// Stream.
        stream: Ident,
        /// Dotted field names with values.
        fields: Vec<(Ident, Expr)>,
    },
    /// `expect nothing`
    ExpectNothing,
    /// `close`: the run ends.
    Close,
    /// `expect expr`: over the state of the subject.
    ExpectState(Expr),
}

/// A frame in a test.
#[derive(Clone, Debug)]
pub enum Frame {
    /// `hex "…"`
    Hex(Vec<u8>),
    /// Headers and the parts of the payload.
    Stack(Vec<HeaderLiteral>, Vec<PayloadPart>),
}

/// `"text"`, `hex "0a0b" * 20`
#[derive(Clone, Debug)]
pub struct PayloadPart {
    /// What it says.
    pub bytes: Vec<u8>,
    /// It is written in hexadecimal digits.
    pub hex: bool,
    /// How often it is repeated.
    pub times: u16,
}

/// `ip { src: a, flags.syn: true }`
#[derive(Clone, Debug)]
pub struct HeaderLiteral {
    /// Header.
    pub header: Ident,
    /// Dotted field names with values.
    pub fields: Vec<(Ident, Expr)>,
    /// All of it.
    pub span: Span,
}

/// A block: statements and the value of a trailing expression.
#[derive(Clone, Debug)]
pub struct Block {
    /// Statements.
    pub stmts: Vec<Stmt>,
    /// Braces included.
    pub span: Span,
}

/// A statement.
#[derive(Clone, Debug)]
pub struct Stmt {
    /// What.
    pub kind: StmtKind,
    /// Where.
    pub span: Span,
}

/// Kinds of statements.
#[derive(Clone, Debug)]
pub enum StmtKind {
    /// `let [mut] pattern[: type] = expr [else { … }]`
    Let {
        /// What is bound.
        pattern: Pat,
        /// `mut`
        mutable: bool,
        /// Type, if written.
        ty: Option<Type>,
        /// Value.
        value: Expr,
        /// Taken if the pattern does not match; must not fall through.
        otherwise: Option<Block>,
    },
    /// `place = expr [else { … }]`, `place += expr [else { … }]`
    Assign {
        /// A name, field, index …
        place: Expr,
        /// Operator of a compound assignment.
        op: Option<BinaryOp>,
        /// Value.
        value: Expr,
        /// Taken if a table has no room.
        otherwise: Option<Block>,
    },
    /// `for name in from..to [limit n] { … }`, `for name in table { … }` or
    /// `for (key, value) in map [top n by expr] { … }`
    For {
        /// Loop variable, or a pattern that always fits.
        pattern: Pat,
        /// `Range` expression or the name of a table, map or set.
        over: Expr,
        /// How many entries of a map, and by what they are chosen.
        top: Option<Box<(Expr, Expr)>>,
        /// Most rounds.
        limit: Option<Expr>,
        /// Body.
        body: Block,
    },
    /// `break`
    Break,
    /// `continue`
    Continue,
    /// `return [expr]`
    Return(Option<Expr>),
    /// `send [copy] p to port[index]`
    Send {
        /// `copy`
        copy: bool,
        /// Packet.
        packet: Ident,
        /// Port.
        port: Ident,
        /// Index of a port array.
        index: Option<Expr>,
    },
    /// `drop p because "reason"`
    Drop {
        /// Packet.
        packet: Ident,
        /// Reason.
        reason: String,
        /// Where the reason stands.
        reason_span: Span,
    },
    /// `insert stack into p [else { … }]`
    Insert {
        /// Headers, outermost first.
        stack: Vec<HeaderLiteral>,
        /// Packet.
        packet: Ident,
        /// Taken if it is impossible.
        otherwise: Option<Block>,
    },
    /// `remove ip/icmp from p [else { … }]`
    Remove {
        /// Headers, outermost first.
        headers: Vec<Ident>,
        /// Packet.
        packet: Ident,
        /// Taken if it is impossible.
        otherwise: Option<Block>,
    },
    /// `generate event(args) [after expr] [else { … }]`
    Generate {
        /// Event.
        event: Ident,
        /// Arguments.
        args: Vec<Expr>,
        /// How much later.
        after: Option<Expr>,
        /// Taken if it is refused.
        otherwise: Option<Block>,
    },
    /// `emit stream expr`
    Emit(Ident, Expr),
    /// `replace ip with ip6 { … } in p [else { … }]`
    Replace {
        /// The network header that goes.
        old: Ident,
        /// Headers that come, outermost first.
        stack: Vec<HeaderLiteral>,
        /// Packet.
        packet: Ident,
        /// Taken if it is impossible.
        otherwise: Option<Block>,
    },
    /// `log "…" [limit n/s]`, `alert "…" [limit n/s]`
    Log {
        /// `alert`
        alert: bool,
        /// Literal text around the arguments: one piece more than arguments.
        text: Vec<String>,
        /// `{expr}` parts.
        args: Vec<Expr>,
        /// Most lines per second.
        limit: Option<Expr>,
    },
    /// An expression; the last one of a block is its value. `otherwise` is for calls that may find
    /// no room: `set.add(k) else { … }`.
    Expr(Expr, Option<Block>),
}

/// An expression.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What.
    pub kind: ExprKind,
    /// Where.
    pub span: Span,
}

/// Kinds of expressions.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// A literal.
    Literal(Literal),
    /// A name (`now`, `None` included).
    Name(String),
    /// `base.field`; keywords are allowed as field names.
    Field(Box<Expr>, Ident),
    /// `base[index]`
    Index(Box<Expr>, Box<Expr>),
    /// `f(args)`, `Some(x)`, `Variant(x)`
    Call(Ident, Vec<Expr>),
    /// `base.method(args)`
    Method(Box<Expr>, Ident, Vec<Expr>),
    /// `Name { field: value, … }`; dotted field names are possible in header literals only.
    Record(Ident, Vec<(Ident, Expr)>),
    /// `(a, b)`; one element without a comma is only grouping and does not appear.
    Tuple(Vec<Expr>),
    /// `[a, b, …]`
    List(Vec<Expr>),
    /// `!x`, `-x`
    Unary(UnaryOp, Box<Expr>),
    /// `a op b`
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// `a in b`
    In(Box<Expr>, Box<Expr>),
    /// `p is ip/tcp`
    Is(Box<Expr>, Pattern),
    /// `a..b`, `a..=b`
    Range {
        /// First.
        from: Box<Expr>,
        /// Last, or first beyond.
        to: Box<Expr>,
        /// `..=`
        inclusive: bool,
    },
    /// `x as type`
    As(Box<Expr>, Type),
    /// `if c { } else { }`
    If(Box<Expr>, Block, Option<Block>),
    /// `if let pattern = e { } else { }`
    IfLet(Box<Pat>, Box<Expr>, Block, Option<Block>),
    /// `match e { pattern [if guard] => body, … }`
    Match(Box<Expr>, Vec<Arm>),
    /// `{ … }`
    Block(Block),
    /// `copy p`
    Copy(Ident),
    /// What could not be parsed; a message has been given.
    Error,
}

/// An arm of a match.
#[derive(Clone, Debug)]
pub struct Arm {
    /// Pattern.
    pub pattern: Pat,
    /// Guard.
    pub guard: Option<Expr>,
    /// Body; a statement (`drop p because …`) is wrapped in a block.
    pub body: Expr,
    /// All of it.
    pub span: Span,
}

/// A pattern over values.
#[derive(Clone, Debug)]
pub struct Pat {
    /// What.
    pub kind: PatKind,
    /// Where.
    pub span: Span,
}

/// Kinds of patterns.
#[derive(Clone, Debug)]
pub enum PatKind {
    /// `_`
    Any,
    /// A name: a unit variant or constant if there is one of that name, else it binds.
    Name(Ident),
    /// A literal (a prefix literal matches the addresses in it).
    Literal(Literal),
    /// `a..b`, `a..=b`
    Range {
        /// First.
        from: Literal,
        /// Last, or first beyond.
        to: Literal,
        /// `..=`
        inclusive: bool,
    },
    /// `Variant(p, …)`, `Some(p)`
    Variant(Ident, Vec<Pat>),
    /// `(p, q)`
    Tuple(Vec<Pat>),
    /// `p | q`
    Or(Vec<Pat>),
}

/// A literal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Literal {
    /// A plain integer, multiplier, size or rate unit applied; `text` as written, for the
    /// formatter.
    Int {
        /// Value.
        value: u128,
        /// As written.
        text: String,
    },
    /// A length of time in nanoseconds.
    Duration {
        /// Nanoseconds.
        nanos: u64,
        /// As written.
        text: String,
    },
    /// `true`, `false`
    Bool(bool),
    /// IPv4 address.
    Ip4(u32),
    /// IPv6 address.
    Ip6(u128),
    /// Ethernet address, 48 bits.
    Mac(u64),
    /// IPv4 prefix.
    Prefix4(u32, u8),
    /// IPv6 prefix.
    Prefix6(u128, u8),
    /// Text.
    Str(String),
    /// Bytes, `b"…"`.
    Bytes(Vec<u8>),
}

/// Prefix operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnaryOp {
    /// `!`
    Not,
    /// `-`
    Neg,
}

/// Infix operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryOp {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `%`
    Rem,
    /// `&`
    And,
    /// `|`
    Or,
    /// `^`
    Xor,
    /// `<<`
    Shl,
    /// `>>`
    Shr,
    /// `&&`
    AndAnd,
    /// `||`
    OrOr,
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
}
