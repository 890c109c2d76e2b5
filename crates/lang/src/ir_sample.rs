//! IR written by hand, for the tests of this crate.

use crate::ir::{
    BinaryOp, Dest, Expr, ExprKind, Handler, LocalId, Meta, Node, PacketId, Program, StateId,
    StateOp, Stmt, StmtKind, Trigger, reason,
};
use crate::source::Span;
use trama_state::{Shape, StateKind, StateSpec};
use trama_wire::header::{FieldRef, HEADERS, HeaderId, HeaderSet};
use trama_wire::packet::Packet;

/// Register 0: the input packet.
pub(crate) const P: PacketId = PacketId(0);
/// Register 1.
pub(crate) const Q: PacketId = PacketId(1);

pub(crate) fn expr(width: u8, kind: ExprKind) -> Expr {
    Expr { kind, width }
}

pub(crate) fn number(width: u8, value: u128) -> Expr {
    expr(width, ExprKind::Const(value))
}

pub(crate) fn local(index: u32, width: u8) -> Expr {
    expr(width, ExprKind::Local(LocalId(index)))
}

/// The field of a dotted name, such as `ip.src` or `tcp.flags.syn`.
pub(crate) fn field_ref(name: &str) -> FieldRef {
    let (header, field) = name.split_once('.').unwrap();
    let header = HEADERS.iter().find(|h| h.name == header).unwrap();
    header.id.field(field).unwrap()
}

pub(crate) fn field(name: &str) -> Expr {
    let field = field_ref(name);
    expr(field.def().width, ExprKind::Field(P, field))
}

pub(crate) fn mark() -> Expr {
    expr(32, ExprKind::Meta(P, Meta::Mark))
}

pub(crate) fn cast(width: u8, e: Expr) -> Expr {
    expr(width, ExprKind::Cast(Box::new(e)))
}

pub(crate) fn binary(op: BinaryOp, a: Expr, b: Expr) -> Expr {
    use BinaryOp as Op;
    let compares = matches!(op, Op::Eq | Op::Ne | Op::LtU | Op::LeU | Op::LtS | Op::LeS);
    expr(if compares { 1 } else { a.width }, ExprKind::Binary(op, Box::new(a), Box::new(b)))
}

/// A statement at a place of its own: byte `at` of file 0.
pub(crate) fn stmt_at(at: u32, kind: StmtKind) -> Stmt {
    Stmt { kind, span: Span { file: 0, start: at, end: at + 1 } }
}

pub(crate) fn stmts(kinds: impl IntoIterator<Item = StmtKind>) -> Vec<Stmt> {
    (0..).zip(kinds).map(|(at, kind)| stmt_at(at, kind)).collect()
}

pub(crate) fn assign(index: u32, e: Expr) -> StmtKind {
    StmtKind::Assign(LocalId(index), e)
}

pub(crate) fn send(packet: PacketId, port: u32) -> StmtKind {
    StmtKind::Send { packet, first_port: port, index: None, count: 1 }
}

pub(crate) fn state(op: StateOp) -> StmtKind {
    StmtKind::State(StateId(0), op)
}

/// A handler of packets at one port.
pub(crate) fn on(port: u32, pattern: HeaderSet, locals: &[u8], body: Vec<StmtKind>) -> Handler {
    let trigger = Trigger::Packet {
        first_port: port,
        port_count: 1,
        index_local: None,
        patterns: vec![pattern],
        guard: None,
    };
    handler(trigger, locals, body)
}

pub(crate) fn handler(trigger: Trigger, locals: &[u8], body: Vec<StmtKind>) -> Handler {
    Handler { trigger, locals: locals.into(), packets: 4, body: stmts(body), span: Span::default() }
}

/// A node with ports `p0`, `p1`, … that are not wired.
pub(crate) fn node(name: &str, ports: u32, handlers: Vec<Handler>) -> Node {
    Node {
        name: name.into(),
        element: "Sample".into(),
        ports: (0..ports).map(|i| format!("p{i}")).collect(),
        wires: vec![Dest::Unconnected; ports as usize],
        reasons: reason::BUILT_IN.iter().map(ToString::to_string).chain(["own".into()]).collect(),
        handlers,
        ..Node::default()
    }
}

/// A program of one node whose ports are the external ones.
pub(crate) fn alone(mut node: Node) -> Program {
    node.wires = (0..node.ports.len() as u32).map(Dest::Out).collect();
    Program {
        name: "sample".into(),
        ports: node.ports.clone(),
        ingress: (0..node.ports.len() as u32).map(|port| Dest::Node(0, port)).collect(),
        nodes: vec![node],
    }
}

pub(crate) fn spec(kind: StateKind, key: &[u8], value: &[u8]) -> StateSpec {
    StateSpec { name: "s".into(), kind, key: Shape(key.into()), value: Shape(value.into()) }
}

pub(crate) fn tcp() -> HeaderSet {
    HeaderSet::of(HeaderId::ETH).with(HeaderId::IP).with(HeaderId::TCP).with(HeaderId::L4)
}

/// A TCP packet from 10.0.0.1:1000 to 10.0.0.2:80 with the bytes 1, 2, …, 8 as payload, that
/// enters at external port 0.
pub(crate) fn tcp_packet() -> Box<Packet> {
    let set = |name: &str, value: u128| (field_ref(name), value);
    let stack = [
        (HeaderId::ETH, vec![]),
        (HeaderId::IP, vec![set("ip.src", 0x0a00_0001), set("ip.dst", 0x0a00_0002)]),
        (HeaderId::TCP, vec![set("tcp.src", 1000), set("tcp.dst", 80)]),
    ];
    Box::new(Packet::build(&stack, &[1, 2, 3, 4, 5, 6, 7, 8]).unwrap())
}
