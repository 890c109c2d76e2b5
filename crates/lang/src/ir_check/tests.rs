use super::validate;
use crate::ir::{
    BinaryOp as Op, Dest, ExprKind, Label, LocalId, Meta, PacketId, Program, StateOp, StmtKind,
    Trigger, Update, UpdateOp,
};
use crate::ir_sample::{
    P, alone, assign, expr, field_ref, handler, local, node, number, on, send, spec, state, stmts,
    tcp,
};
use trama_base::Nanos;
use trama_state::{StateKind, WhenFull};
use trama_wire::header::{FieldRef, HeaderId};

/// A program with locals of 1, 8, 64 and 64 bits and a map from 32 to 64 bits.
fn with(body: Vec<StmtKind>) -> Program {
    let mut node = node("n", 2, vec![on(0, tcp(), &[1, 8, 64, 64], body)]);
    let kind = StateKind::Map { capacity: 1, expire: None, when_full: WhenFull::Refuse };
    node.states = vec![spec(kind, &[32], &[64])];
    alone(node)
}

fn verdict(program: &Program) -> String {
    validate(program).err().map(|invalid| invalid.to_string()).unwrap_or_default()
}

fn repeat(label: u32, var: u32, body: Vec<StmtKind>) -> StmtKind {
    StmtKind::Loop {
        label: Label(label),
        continue_label: Label(label + 1),
        var: LocalId(var),
        from: number(64, 0),
        to: number(64, 1),
        bound: 1,
        body: stmts(body),
    }
}

fn get(key: u8, found: u32, value: u32) -> StmtKind {
    state(StateOp::MapGet {
        key: vec![number(key, 0)],
        found: LocalId(found),
        value: vec![LocalId(value)],
    })
}

#[test]
fn good_programs_pass() {
    assert_eq!(verdict(&Program::default()), "");
    let body = vec![
        assign(1, number(8, 255)),
        repeat(1, 2, vec![StmtKind::Break(Label(2))]),
        get(32, 0, 3),
        send(P, 1),
    ];
    assert_eq!(verdict(&with(body)), "");
}

#[test]
fn each_broken_rule_is_found() {
    let binary = |op, a: u8, b: u8, width| {
        expr(width, ExprKind::Binary(op, number(a, 0).into(), number(b, 0).into()))
    };
    let nowhere = FieldRef { header: HeaderId(15), field: 99 };
    let wrong_update = Update { leaf: 1, op: UpdateOp::Add, operand: number(64, 1) };
    let cases: Vec<(StmtKind, &str)> = vec![
        (assign(9, number(8, 0)), "local 9"),
        (assign(1, number(16, 0)), "local 1 has Some(8) bits"),
        (assign(1, number(8, 256)), "a constant fits"),
        (assign(1, local(2, 8)), "local 2 has Some(64)"),
        (assign(1, binary(Op::Add, 8, 16, 8)), "Add of 8 and 16"),
        (assign(1, binary(Op::LtU, 8, 8, 8)), "LtU of 8 bits gives 1"),
        (assign(1, binary(Op::Mul, 128, 128, 128)), "local 1"),
        (StmtKind::Log(0, vec![]), "its site's arguments"),
        (StmtKind::If(number(8, 0), vec![], vec![]), "a value of 8 bits"),
        (StmtKind::Break(Label(1)), "label 1"),
        (StmtKind::Drop(P, 99), "no drop reason 99"),
        (StmtKind::Drop(PacketId(4), 0), "no packet register 4"),
        (StmtKind::SetField(P, nowhere, number(8, 0)), "no field"),
        (StmtKind::SetField(P, field_ref("ip.ttl"), number(16, 0)), "no field"),
        (StmtKind::SetPayload(P, number(64, 0), number(24, 0)), "units of 24 bits"),
        (StmtKind::SetMark(P, number(16, 0)), "16 bits where 32"),
        (send(P, 2), "ports 2..3 do not exist"),
        (assign(1, expr(8, ExprKind::Meta(P, Meta::Mark))), "8 bits where 32"),
        (assign(1, expr(8, ExprKind::SignExtend(number(16, 0).into()))), "does not narrow"),
        (
            StmtKind::Insert(
                P,
                vec![(HeaderId::VLAN, vec![(field_ref("ip.ttl"), number(8, 0))])],
                LocalId(0),
            ),
            "those of their header",
        ),
        (repeat(1, 2, vec![assign(2, number(64, 0))]), "not assigned in the body"),
        (repeat(1, 1, vec![]), "local 1"),
        (repeat(1, 2, vec![repeat(1, 3, vec![])]), "unique"),
        (get(16, 0, 3), "leaves of [16] bits"),
        (get(32, 1, 3), "local 1"),
        (state(StateOp::ArrayGet { index: number(64, 0), value: vec![] }), "no operation of `s`"),
        (
            state(StateOp::MapUpdate {
                key: vec![number(32, 0)],
                updates: vec![wrong_update],
                ok: LocalId(0),
            }),
            "width of its leaf",
        ),
        (StmtKind::State(crate::ir::StateId(1), StateOp::Len(LocalId(2))), "no state object 1"),
    ];
    for (statement, wanted) in cases {
        let text = format!("{statement:?}");
        let verdict = verdict(&with(vec![statement]));
        assert!(verdict.contains(wanted), "{text}: {verdict:?}");
    }
}

#[test]
fn multiplication_has_no_128_bits() {
    let wide = ExprKind::Binary(Op::Mul, number(128, 0).into(), number(128, 0).into());
    let narrow = expr(8, ExprKind::Cast(expr(128, wide).into()));
    assert!(verdict(&with(vec![assign(1, narrow)])).contains("not defined for 128"));
}

#[test]
fn results_go_to_different_locals() {
    let mut program = with(vec![get(32, 0, 0)]);
    program.nodes[0].states[0].value.0 = vec![1];
    assert!(verdict(&program).contains("different locals"));
}

#[test]
fn networks_and_nodes_are_checked() {
    let change = |change: &dyn Fn(&mut Program)| {
        let mut program = with(vec![]);
        change(&mut program);
        verdict(&program)
    };
    assert_eq!(change(&|_| {}), "");
    let cases: Vec<(String, &str)> = vec![
        (change(&|p| p.ingress.truncate(1)), "one ingress"),
        (change(&|p| p.ingress[0] = Dest::Node(0, 7)), "does not exist"),
        (change(&|p| p.ingress[0] = Dest::Out(7)), "does not exist"),
        (change(&|p| p.nodes[0].wires[0] = Dest::Node(1, 0)), "does not exist"),
        (change(&|p| p.nodes[0].wires.truncate(1)), "one wire"),
        (change(&|p| p.nodes[0].reasons.truncate(3)), "built-in drop reasons"),
        (change(&|p| p.nodes[0].reasons.swap(0, 1)), "built-in drop reasons"),
        (change(&|p| p.nodes[0].handlers[0].packets = 0), "register"),
        (change(&|p| p.nodes[0].handlers[0].locals[0] = 65), "65 bits"),
        (
            change(&|p| {
                let timer = Trigger::Timer { period: Nanos::ZERO };
                p.nodes[0].handlers.push(handler(timer, &[], vec![]));
            }),
            "a timer has a period",
        ),
    ];
    for (verdict, wanted) in cases {
        assert!(verdict.contains(wanted), "{wanted}: {verdict:?}");
    }
}
