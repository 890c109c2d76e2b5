//! The programs that are measured, as IR made by hand: what the office edge compiles to.

use trama_base::Nanos;
use trama_lang::ir::{
    BinaryOp, Dest, Expr, ExprKind, Handler, LocalId, Node, PacketId, Program, StateId, StateOp,
    Stmt, StmtKind, Trigger, Update, UpdateOp, reason,
};
use trama_lang::source::Span;
use trama_state::{Shape, StateKind, StateSpec, WhenFull};
use trama_wire::header::{FieldRef, HeaderId, HeaderSet};

const P: PacketId = PacketId(0);
/// Address behind which the network hides.
pub(crate) const PUBLIC: u32 = 0xcb00_7107;
/// The first port of the pool.
pub(crate) const PORT_BASE: u16 = 1;
/// Entries that tables have room for; flows that are measured are fewer.
pub(crate) const CAPACITY: u32 = 65_535;
const IDLE: Nanos = Nanos::from_secs(300);

fn expr(kind: ExprKind, width: u8) -> Expr {
    Expr { kind, width }
}

fn field(header: HeaderId, name: &str) -> FieldRef {
    header.field(name).expect("a field of the table")
}

fn get(header: HeaderId, name: &str) -> Expr {
    let field = field(header, name);
    expr(ExprKind::Field(P, field), field.def().width)
}

fn set(header: HeaderId, name: &str, value: Expr) -> StmtKind {
    StmtKind::SetField(P, field(header, name), value)
}

fn constant(value: u128, width: u8) -> Expr {
    expr(ExprKind::Const(value), width)
}

fn local(n: u32, width: u8) -> Expr {
    expr(ExprKind::Local(LocalId(n)), width)
}

fn cast(value: Expr, width: u8) -> Expr {
    expr(ExprKind::Cast(Box::new(value)), width)
}

fn binary(op: BinaryOp, a: Expr, b: Expr) -> Expr {
    let width = a.width;
    expr(ExprKind::Binary(op, Box::new(a), Box::new(b)), width)
}

fn list(kinds: Vec<StmtKind>) -> Vec<Stmt> {
    kinds.into_iter().map(|kind| Stmt { kind, span: Span::default() }).collect()
}

fn send(port: u32) -> StmtKind {
    StmtKind::Send { packet: P, first_port: port, index: None, count: 1 }
}

fn state(n: u32, op: StateOp) -> StmtKind {
    StmtKind::State(StateId(n), op)
}

/// A handler for packets with ports over IPv4.
fn on(port: u32, locals: Vec<u8>, body: Vec<StmtKind>) -> Handler {
    let headers = HeaderSet::of(HeaderId::IP).with(HeaderId::L4);
    let trigger = Trigger::Packet {
        first_port: port,
        port_count: 1,
        index_local: None,
        patterns: vec![headers],
        guard: None,
    };
    Handler { trigger, locals, packets: 1, body: list(body), span: Span::default() }
}

fn node(name: &str, wires: [Dest; 2], states: Vec<StateSpec>, handlers: Vec<Handler>) -> Node {
    Node {
        name: name.into(),
        element: name.into(),
        ports: vec!["inside".into(), "outside".into()],
        wires: wires.into(),
        states,
        reasons: reason::BUILT_IN.iter().map(|&r| r.into()).chain(["refused".into()]).collect(),
        handlers,
        ..Node::default()
    }
}

fn map(name: &str, key: &[u8], value: &[u8]) -> StateSpec {
    let kind =
        StateKind::Map { capacity: CAPACITY, expire: Some(IDLE), when_full: WhenFull::EvictOldest };
    StateSpec { name: name.into(), kind, key: Shape(key.into()), value: Shape(value.into()) }
}

fn flow([from, to]: [&str; 2]) -> Vec<Expr> {
    let (ip, l4) = (HeaderId::IP, HeaderId::L4);
    vec![get(ip, from), get(ip, to), get(l4, from), get(l4, to), get(ip, "proto")]
}

/// Notes flows that leave; lets in only their answers.
fn firewall(wires: [Dest; 2]) -> Node {
    let out = StateOp::MapPut {
        key: flow(["src", "dst"]),
        value: vec![expr(ExprKind::Now, 64)],
        ok: LocalId(0),
    };
    let back =
        StateOp::MapGet { key: flow(["dst", "src"]), found: LocalId(0), value: vec![LocalId(1)] };
    let known = StmtKind::If(
        local(0, 1),
        list(vec![send(0)]),
        list(vec![StmtKind::Drop(P, reason::BUILT_IN.len() as u32)]),
    );
    let handlers = vec![
        on(0, vec![1], vec![state(0, out), send(1)]),
        on(1, vec![1, 64], vec![state(0, back), known]),
    ];
    node("firewall", wires, vec![map("seen", &[32, 32, 16, 16, 8], &[64])], handlers)
}

/// Maps inside endpoints to ports of the public address.
// long: one element, both directions, as a program would be lowered.
fn nat(wires: [Dest; 2]) -> Node {
    let (ip, l4) = (HeaderId::IP, HeaderId::L4);
    let endpoint = || vec![get(ip, "src"), get(l4, "src"), get(ip, "proto")];
    let index = || cast(local(1, 32), 64);
    // Locals: 0 found, 1 index, 2 ok.
    let fresh = StmtKind::If(
        local(0, 1),
        vec![],
        list(vec![
            state(1, StateOp::PoolAlloc { found: LocalId(0), index: LocalId(1) }),
            state(
                0,
                StateOp::MapPut { key: endpoint(), value: vec![local(1, 32)], ok: LocalId(2) },
            ),
            state(
                2,
                StateOp::ArrayUpdate {
                    index: index(),
                    updates: vec![
                        Update { leaf: 0, op: UpdateOp::Set, operand: get(ip, "src") },
                        Update { leaf: 1, op: UpdateOp::Set, operand: get(l4, "src") },
                    ],
                },
            ),
        ]),
    );
    let outward = vec![
        state(0, StateOp::MapGet { key: endpoint(), found: LocalId(0), value: vec![LocalId(1)] }),
        fresh,
        state(0, StateOp::MapTouch { key: endpoint(), found: LocalId(0) }),
        state(1, StateOp::PoolTouch { index: index(), ok: LocalId(2) }),
        set(ip, "src", constant(PUBLIC.into(), 32)),
        set(
            l4,
            "src",
            binary(BinaryOp::Add, cast(local(1, 32), 16), constant(PORT_BASE.into(), 16)),
        ),
        send(1),
    ];
    // Locals: 0 in use, 1 index, 2 address, 3 port.
    let place = binary(BinaryOp::Sub, get(l4, "dst"), constant(PORT_BASE.into(), 16));
    let translate = list(vec![
        state(2, StateOp::ArrayGet { index: local(1, 64), value: vec![LocalId(2), LocalId(3)] }),
        set(ip, "dst", local(2, 32)),
        set(l4, "dst", local(3, 16)),
        send(0),
    ]);
    let inward = vec![
        StmtKind::Assign(LocalId(1), cast(place, 64)),
        state(1, StateOp::PoolUsed { index: local(1, 64), used: LocalId(0) }),
        StmtKind::If(
            local(0, 1),
            translate,
            list(vec![StmtKind::Drop(P, reason::BUILT_IN.len() as u32)]),
        ),
    ];
    let states = vec![
        map("ports", &[32, 16, 8], &[32]),
        StateSpec {
            name: "pool".into(),
            kind: StateKind::Pool { size: CAPACITY, expire: Some(IDLE) },
            key: Shape::default(),
            value: Shape::default(),
        },
        StateSpec {
            name: "inside".into(),
            kind: StateKind::Array { len: CAPACITY },
            key: Shape::default(),
            value: Shape(vec![32, 16]),
        },
    ];
    let handlers = vec![on(0, vec![1, 32, 1], outward), on(1, vec![1, 64, 32, 16], inward)];
    node("nat", wires, states, handlers)
}

/// Sends packets on, untouched.
fn wire(wires: [Dest; 2]) -> Node {
    node("wire", wires, vec![], vec![on(0, vec![], vec![send(1)]), on(1, vec![], vec![send(0)])])
}

fn program(name: &str, nodes: Vec<Node>) -> Program {
    let last = nodes.len() as u32 - 1;
    Program {
        name: name.into(),
        ports: vec!["lan".into(), "wan".into()],
        ingress: vec![Dest::Node(0, 0), Dest::Node(last, 1)],
        nodes,
    }
}

/// The programs by name, from nothing to the whole edge.
pub(crate) fn programs() -> Vec<Program> {
    let alone = [Dest::Out(0), Dest::Out(1)];
    vec![
        program("wire", vec![wire(alone)]),
        program("firewall", vec![firewall(alone)]),
        program("nat", vec![nat(alone)]),
        program(
            "edge",
            vec![firewall([Dest::Out(0), Dest::Node(1, 0)]), nat([Dest::Node(0, 1), Dest::Out(1)])],
        ),
    ]
}
