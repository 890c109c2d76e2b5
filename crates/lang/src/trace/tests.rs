use super::{Recorder, render};
use crate::engine::Engine;
use crate::interp::Interpreter;
use crate::ir::{
    BinaryOp as Op, Dest, LocalId, LogSite, Program, StateOp, StateView, Stmt, StmtKind, View,
};
use crate::ir_sample::{
    P, Q, alone, binary, field, field_ref, node, number, on, send, spec, state, stmts, tcp,
    tcp_packet,
};
use crate::source::{SourceMap, Span};
use expect_test::{Expect, expect};
use trama_base::Nanos;
use trama_state::{StateKind, WhenFull};
use trama_wire::header::HeaderId;
use trama_wire::pool::Pool;

const SOURCE: &str = "element Sample {
    if p.ip.ttl == 64 { send p }
    seen[p.ip.src] = 7
}
";

fn place(of: &str) -> Span {
    let start = SOURCE.find(of).unwrap() as u32;
    Span { file: 0, start, end: start + of.len() as u32 }
}

/// The trace of the sample packet.
fn check(program: Program, wanted: &Expect) {
    let mut sources = SourceMap::default();
    sources.add("sample.trama", SOURCE);
    let mut engine =
        Interpreter::with_observer(program, Nanos::ZERO, 0, Recorder::default()).unwrap();
    let (mut out, mut pool) = (Vec::new(), Pool::default());
    engine.process(&mut vec![tcp_packet()], &mut out, &mut pool);
    assert!(engine.observer_mut().take().is_empty(), "nothing is kept while it is off");

    engine.observer_mut().record(true);
    let mut packet = tcp_packet();
    packet.time = Nanos::from_secs(1);
    engine.process(&mut vec![packet], &mut out, &mut pool);
    let traces = engine.observer_mut().take();
    let program = engine.program();
    let lines: Vec<String> =
        traces.iter().flat_map(|trace| render(trace, program, &sources)).collect();
    wanted.assert_eq(&(lines.join("\n") + "\n"));
}

/// No place in the source.
fn nowhere(kinds: impl IntoIterator<Item = StmtKind>) -> Vec<Stmt> {
    kinds.into_iter().map(|kind| Stmt { kind, span: Span::default() }).collect()
}

fn program(body: Vec<Stmt>) -> Program {
    let kind = StateKind::Map { capacity: 1, expire: None, when_full: WhenFull::Refuse };
    let mut handler = on(0, tcp(), &[1, 64], vec![]);
    handler.body = body;
    let mut node = node("fw", 2, vec![handler]);
    node.states = vec![spec(kind, &[32], &[64])];
    node.state_views = vec![StateView {
        key: vec![("src".into(), View::Ip4)],
        value: vec![("at".into(), View::Duration)],
        ..StateView::default()
    }];
    node.log_sites = vec![LogSite {
        alert: false,
        text: vec!["from ".into(), String::new()],
        views: vec![View::Ip4],
        limit_per_s: None,
    }];
    alone(node)
}

#[test]
fn branches_state_headers_and_the_way_out() {
    let key = || vec![field("ip.src")];
    let put =
        |value| StateOp::MapPut { key: key(), value: vec![number(64, value)], ok: LocalId(0) };
    let get = StateOp::MapGet { key: key(), found: LocalId(0), value: vec![LocalId(1)] };
    let branch = Stmt {
        kind: StmtKind::If(
            binary(Op::Eq, field("ip.ttl"), number(8, 64)),
            nowhere([StmtKind::SetField(P, field_ref("ip.ttl"), number(8, 63))]),
            vec![],
        ),
        span: place("if p.ip.ttl == 64 { send p }"),
    };
    let mut body = vec![branch];
    body.extend(nowhere([state(get)]));
    body.push(Stmt { kind: state(put(9_000_000)), span: place("seen[p.ip.src] = 7") });
    body.extend(nowhere([
        state(StateOp::MapRemove { key: key(), found: LocalId(0) }),
        state(put(7_000_000)),
        state(StateOp::MapPut {
            key: vec![number(32, 5)],
            value: vec![number(64, 1)],
            ok: LocalId(0),
        }),
        state(StateOp::Len(LocalId(1))),
        StmtKind::SetMark(P, number(32, 3)),
        StmtKind::Insert(P, vec![(HeaderId::VLAN, vec![])], LocalId(0)),
        StmtKind::Log(0, vec![field("ip.src")]),
        send(P, 1),
    ]));
    check(
        program(body),
        &expect![[r#"
        1.000000000s  10.0.0.1:1000 > 10.0.0.2:80 tcp [-] seq 0 win 0 len 8  enters at p0
            fw.p0: 10.0.0.1:1000 > 10.0.0.2:80 tcp [-] seq 0 win 0 len 8
                on p0(ip/tcp)
                if p.ip.ttl == 64 → yes  [sample.trama:2]
                ip.ttl: 64 → 63
                s[10.0.0.1].get: 7ms
                s[10.0.0.1].put: 7ms → 9ms  [sample.trama:3]
                s[10.0.0.1].remove: 9ms → none
                s[10.0.0.1].put: none → 7ms
                s[0.0.0.5].put: none, refused
                s.len: 1
                mark: 0 → 3
                insert vlan
                log "from 10.0.0.1"
                sent to p1 → p1 (leaves)
            leaves at p1: vlan 0 10.0.0.1:1000 > 10.0.0.2:80 tcp [-] seq 0 win 0 len 8
    "#]],
    );
}

#[test]
fn copies_are_followed_and_drops_explained() {
    let body = nowhere([
        StmtKind::Copy(Q, P),
        StmtKind::Remove(P, vec![HeaderId::VLAN], LocalId(0)),
        send(Q, 1),
        StmtKind::Drop(P, 6),
    ]);
    let mut program = program(body);
    program.nodes[0].wires[1] = Dest::Node(1, 0);
    program.nodes.push(node("sink", 1, vec![on(0, tcp(), &[], vec![])]));
    program.nodes[1].handlers[0].body = nowhere([send(P, 0)]);
    check(
        program,
        &expect![[r#"
        1.000000000s  10.0.0.1:1000 > 10.0.0.2:80 tcp [-] seq 0 win 0 len 8  enters at p0
            fw.p0 #0: 10.0.0.1:1000 > 10.0.0.2:80 tcp [-] seq 0 win 0 len 8
                on p0(ip/tcp)
                copy #1 of #0
                remove vlan #0 was not possible
                sent #1 to p1 → sink.p0
                dropped #0 by fw: own
            sink.p0 #1: 10.0.0.1:1000 > 10.0.0.2:80 tcp [-] seq 0 win 0 len 8
                on p0(ip/tcp)
                dropped #1 by sink: output not connected
    "#]],
    );
}

#[test]
fn places_that_do_not_exist_are_left_out() {
    let mut program = program(stmts([send(P, 1)]));
    program.nodes[0].handlers[0].body[0].span = Span { file: 9, start: 5, end: 2 };
    check(
        program,
        &expect![[r#"
        1.000000000s  10.0.0.1:1000 > 10.0.0.2:80 tcp [-] seq 0 win 0 len 8  enters at p0
            fw.p0: 10.0.0.1:1000 > 10.0.0.2:80 tcp [-] seq 0 win 0 len 8
                on p0(ip/tcp)
                sent to p1 → p1 (leaves)
            leaves at p1: 10.0.0.1:1000 > 10.0.0.2:80 tcp [-] seq 0 win 0 len 8
    "#]],
    );
}
