use super::{Host, through};
use crate::ir::{BinaryOp as Op, Label, LocalId, StmtKind};
use crate::ir_sample::{P, assign, binary, cast, local, number, stmts, tcp_packet};

/// The final value of local 0 (64 bits) after `body`, by way of the packet's mark.
fn result(body: Vec<StmtKind>) -> u32 {
    let mut body = body;
    body.push(StmtKind::SetMark(P, cast(32, local(0, 64))));
    Host::new(through(&[64, 64, 64], body)).mark(0, tcp_packet())
}

fn add(n: u128) -> StmtKind {
    assign(0, binary(Op::Add, local(0, 64), number(64, n)))
}

fn counted(to: u128, bound: u32, body: Vec<StmtKind>) -> StmtKind {
    StmtKind::Loop {
        label: Label(1),
        continue_label: Label(2),
        var: LocalId(1),
        from: number(64, 0),
        to: number(64, to),
        bound,
        body: stmts(body),
    }
}

fn when(local_is: u128, then: Vec<StmtKind>) -> StmtKind {
    let condition = binary(Op::Eq, local(1, 64), number(64, local_is));
    StmtKind::If(condition, stmts(then), vec![])
}

#[test]
fn loops_end_at_their_bound_and_their_limit() {
    assert_eq!(result(vec![counted(5, 100, vec![add(1)])]), 5);
    assert_eq!(result(vec![counted(100, 5, vec![add(1)])]), 5);
    assert_eq!(result(vec![counted(0, 5, vec![add(1)])]), 0);
}

#[test]
fn break_ends_the_loop_and_continue_the_round() {
    let break_at_3 = when(3, vec![StmtKind::Break(Label(1))]);
    assert_eq!(result(vec![counted(10, 10, vec![break_at_3, add(1)])]), 3);
    let skip_3 = when(3, vec![StmtKind::Break(Label(2))]);
    assert_eq!(result(vec![counted(10, 10, vec![skip_3, add(1)])]), 9);
}

#[test]
fn the_loop_variable_keeps_where_the_loop_ended() {
    let after = |body| vec![counted(10, 7, body), assign(0, local(1, 64))];
    assert_eq!(result(after(vec![])), 7);
    assert_eq!(result(after(vec![when(3, vec![StmtKind::Break(Label(1))])])), 3);
}

#[test]
fn a_loop_variable_wraps() {
    let last = u128::from(u64::MAX);
    let wrapping = StmtKind::Loop {
        label: Label(1),
        continue_label: Label(2),
        var: LocalId(1),
        from: number(64, last - 1),
        to: number(64, last),
        bound: 9,
        body: stmts([add(1)]),
    };
    assert_eq!(result(vec![wrapping]), 1);
}

#[test]
fn blocks_are_left_from_within_loops() {
    let leave = when(2, vec![StmtKind::Break(Label(9))]);
    let block = StmtKind::Block(Label(9), stmts([counted(10, 10, vec![leave, add(1)]), add(100)]));
    assert_eq!(result(vec![block, add(1000)]), 1002);
}

#[test]
fn return_ends_the_handler_and_consumes_its_packet() {
    let mut host = Host::new(through(&[], vec![StmtKind::Return]));
    assert!(host.feed(0, 0, tcp_packet()).is_empty());
    let report = crate::engine::Engine::report(&mut host.engine);
    assert_eq!(report.nodes[0].consumed, 1);
    assert_eq!(host.pool.idle(), 1, "its buffer goes back");
}

#[test]
fn both_arms_of_an_if_can_run() {
    let choose = |value| {
        let condition = number(1, value);
        result(vec![StmtKind::If(condition, stmts([add(1)]), stmts([add(2)]))])
    };
    assert_eq!([choose(1), choose(0)], [1, 2]);
}
