//! Hand-made programs at the limits: circles, floods of copies, timers, time that goes back.

use crate::{IDLE, START};
use std::sync::Arc;
use trama_base::Nanos;
use trama_lang::engine::{Engine, Report};
use trama_lang::interp::Interpreter;
use trama_lang::ir::{
    Dest, Expr, ExprKind, FANOUT_MAX, HOPS_MAX, Handler, Label, LocalId, Node, PacketId, Program,
    StateId, StateOp, Stmt, StmtKind, Trigger, Update, UpdateOp, reason,
};
use trama_lang::source::Span;
use trama_native::NativeEngine;
use trama_native::differential::compare;
use trama_state::{Shape, StateKind, StateSpec};
use trama_wire::header::HeaderSet;
use trama_wire::{Packet, Pool};

fn stmts(kinds: impl IntoIterator<Item = StmtKind>) -> Vec<Stmt> {
    kinds.into_iter().map(|kind| Stmt { kind, span: Span::default() }).collect()
}

fn word(value: u128) -> Expr {
    Expr { kind: ExprKind::Const(value), width: 64 }
}

fn send(packet: u32, port: u32) -> StmtKind {
    StmtKind::Send { packet: PacketId(packet), first_port: port, index: None, count: 1 }
}

fn on_packet(packets: u32, locals: Vec<u8>, body: Vec<StmtKind>) -> Handler {
    let trigger = Trigger::Packet {
        first_port: 0,
        port_count: 1,
        index_local: None,
        patterns: vec![HeaderSet::EMPTY],
        guard: None,
    };
    Handler { trigger, locals, packets, body: stmts(body), span: Span::default() }
}

/// One node with an input wired to the outside, and ports wired as given.
fn network(wires: Vec<Dest>, states: Vec<StateSpec>, handlers: Vec<Handler>) -> Arc<Program> {
    let node = Node {
        name: "node".into(),
        ports: (0..wires.len()).map(|n| format!("p{n}")).collect(),
        wires,
        states,
        reasons: reason::BUILT_IN.map(Into::into).into(),
        handlers,
        ..Node::default()
    };
    Arc::new(Program {
        name: "test".into(),
        ports: vec!["outside".into()],
        ingress: vec![Dest::Node(0, 0)],
        nodes: vec![node],
    })
}

fn packets(times: &[u64]) -> Vec<Packet> {
    let packet = |&time: &u64| {
        let mut packet = Packet::new(&[0x5a; 60]);
        packet.time = Nanos(time);
        packet
    };
    times.iter().map(packet).collect()
}

/// Compares, and gives the counters that both engines agree on.
fn agreed(program: &Arc<Program>, packets: &[Packet]) -> Report {
    compare(program, START, packets, IDLE).expect("the engines agree");
    let mut engine = NativeEngine::new(Arc::clone(program), START, 0).expect("well-formed");
    let mut input = packets.iter().cloned().map(Box::new).collect();
    engine.process(&mut input, &mut Vec::new(), &mut Pool::default());
    engine.report()
}

#[test]
fn a_circle_ends_after_the_most_hops() {
    let body = vec![send(0, 0)];
    let program = network(vec![Dest::Node(0, 0)], vec![], vec![on_packet(1, vec![], body)]);
    let report = agreed(&program, &packets(&[1, 2]));
    assert_eq!(report.nodes[0].drops[reason::HOPS as usize], 2);
    assert_eq!(report.nodes[0].received[0].packets, 2 * (u64::from(HOPS_MAX) + 1));
}

#[test]
fn a_flood_of_copies_ends_at_the_limit() {
    // Two packets for each one, in a circle.
    let body = vec![StmtKind::Copy(PacketId(1), PacketId(0)), send(0, 0), send(1, 0)];
    let program = network(vec![Dest::Node(0, 0)], vec![], vec![on_packet(2, vec![], body)]);
    let report = agreed(&program, &packets(&[1]));
    assert!(report.nodes[0].drops[reason::FANOUT as usize] > 0);
    assert_eq!(report.nodes[0].drops[reason::HOPS as usize], u64::from(FANOUT_MAX) + 1);
}

#[test]
fn one_handler_may_send_every_copy_of_an_event() {
    let round = stmts([StmtKind::Copy(PacketId(1), PacketId(0)), send(1, 1)]);
    let flood = StmtKind::Loop {
        label: Label(0),
        continue_label: Label(1),
        var: LocalId(0),
        from: word(0),
        to: word(u64::MAX.into()),
        bound: 3000,
        body: round,
    };
    let body = vec![flood, send(0, 1)];
    let wires = vec![Dest::Discard, Dest::Out(0)];
    let program = network(wires, vec![], vec![on_packet(2, vec![64], body)]);
    let report = agreed(&program, &packets(&[1, 2]));
    assert_eq!(report.sent[0].packets, 2 * (u64::from(FANOUT_MAX) + 1));
    assert_eq!(report.nodes[0].drops[reason::FANOUT as usize], 2 * (3000 - u64::from(FANOUT_MAX)));
}

#[test]
fn an_empty_register_reads_as_zero_and_takes_nothing() {
    use trama_lang::ir::Meta;
    use trama_wire::header::HeaderId;
    let meta = |what, width| Expr { kind: ExprKind::Meta(PacketId(0), what), width };
    let field = HeaderId::ETH.field("dst").expect("a field of the table");
    let wide = |e: Expr| Expr { kind: ExprKind::Cast(Box::new(e)), width: 64 };
    let keep = |leaf, e: Expr| Update { leaf, op: UpdateOp::Or, operand: wide(e) };
    let has = Expr { kind: ExprKind::Has(PacketId(0), HeaderSet::EMPTY), width: 1 };
    let dst = Expr { kind: ExprKind::Field(PacketId(0), field), width: 48 };
    let ones = Expr { kind: ExprKind::Const(0xffff_ffff_ffff), width: 48 };
    let mark = Expr { kind: ExprKind::Const(7), width: 32 };
    // The register is full or empty as a local says that the compiler knows nothing of.
    let maybe_drop = StmtKind::If(
        Expr {
            kind: ExprKind::Binary(
                trama_lang::ir::BinaryOp::Ne,
                Box::new(wide(meta(Meta::Len, 32))),
                Box::new(word(61)),
            ),
            width: 1,
        },
        stmts([StmtKind::Drop(PacketId(0), reason::UNFIT)]),
        vec![],
    );
    let insert = StmtKind::Insert(PacketId(0), vec![(HeaderId::VLAN, vec![])], LocalId(0));
    let body = vec![
        maybe_drop,
        insert,
        StmtKind::SetField(PacketId(0), field, ones),
        StmtKind::SetMark(PacketId(0), mark),
        StmtKind::State(
            StateId(0),
            StateOp::ArrayUpdate {
                index: word(0),
                updates: vec![keep(0, dst), keep(1, meta(Meta::Mark, 32)), keep(2, has)],
            },
        ),
        send(0, 1),
    ];
    let state = StateSpec {
        name: "seen".into(),
        kind: StateKind::Array { len: 1 },
        key: Shape::default(),
        value: Shape(vec![64, 64, 64]),
    };
    let wires = vec![Dest::Discard, Dest::Out(0)];
    let program = network(wires, vec![state], vec![on_packet(1, vec![1], body)]);
    let report = agreed(&program, &packets(&[1, 2]));
    assert_eq!(report.nodes[0].drops[reason::UNFIT as usize], 2);
    let mut engine = Interpreter::new(Arc::clone(&program), START, 0).expect("well-formed");
    let mut input = packets(&[1, 2]).into_iter().map(Box::new).collect();
    engine.process(&mut input, &mut Vec::new(), &mut Pool::default());
    assert_eq!(engine.state(0, 0), [], "nothing but zeros was read");
}

#[test]
fn timers_fire_once_for_a_long_gap_and_time_never_goes_back() {
    let seen = StateSpec {
        name: "times".into(),
        kind: StateKind::Array { len: 2 },
        key: Shape::default(),
        value: Shape(vec![64, 64]),
    };
    let note = |index| {
        let now = Expr { kind: ExprKind::Now, width: 64 };
        let updates = vec![
            Update { leaf: 0, op: UpdateOp::Add, operand: word(1) },
            Update { leaf: 1, op: UpdateOp::Set, operand: now },
        ];
        StmtKind::State(StateId(0), StateOp::ArrayUpdate { index: word(index), updates })
    };
    let timer = Handler {
        trigger: Trigger::Timer { period: Nanos(100) },
        locals: vec![],
        packets: 0,
        body: stmts([note(0)]),
        span: Span::default(),
    };
    let on = on_packet(1, vec![], vec![note(1), send(0, 0)]);
    let program = network(vec![Dest::Out(0)], vec![seen], vec![timer, on]);
    let s = START.0;
    agreed(&program, &packets(&[s + 50, s + 100, s + 5_000, s + 10, s + 5_050, s + 5_100]));
    let mut engine = NativeEngine::new(program, START, 0).expect("well-formed");
    let mut pool = Pool::default();
    for (now, fired) in [(s + 99, 0), (s + 100, 1), (s + 5_050, 2), (s + 10, 2), (s + 5_100, 3)] {
        engine.advance(Nanos(now), &mut Vec::new(), &mut pool);
        let count = engine.state(0, 0).first().map_or(0, |entry| entry.value[0]);
        assert_eq!(count, fired, "at {now}");
    }
}
