use super::exposure::{Exposure, Scope, Source};
use super::{Access, AccessKind, NodeEffects, node_effects};
use crate::ir::{
    BinaryOp as Op, Expr, ExprKind, Handler, Label, LocalId, Meta, Node, StateOp, StmtKind,
    Trigger, Update, UpdateOp,
};
use crate::ir_sample::{
    P, assign, binary, cast, expr, field, field_ref, handler, local, node, number, on, send, spec,
    state, stmts, tcp,
};
use expect_test::expect;
use trama_base::Nanos;
use trama_state::{StateKind, StateSpec, WhenFull};
use trama_wire::header::{HeaderId, HeaderSet};

const OK: LocalId = LocalId(0);

fn map(key: &[u8], value: &[u8]) -> StateSpec {
    let kind = StateKind::Map { capacity: 9, expire: None, when_full: WhenFull::Refuse };
    spec(kind, key, value)
}

fn with(states: Vec<StateSpec>, handlers: Vec<Handler>) -> Node {
    Node { states, ..node("n", 2, handlers) }
}

fn touch(key: Vec<Expr>) -> StmtKind {
    state(StateOp::MapTouch { key, found: OK })
}

/// The exposure of the key of the last state operation of a handler.
fn exposure_after(mut body: Vec<StmtKind>, key: Vec<Expr>) -> Exposure {
    body.push(touch(key));
    let handler = on(0, tcp(), &[1, 32, 32, 64], body);
    let effects = node_effects(&with(vec![map(&[], &[])], vec![handler]));
    effects.handlers[0].accesses.last().unwrap().exposure.clone()
}

fn text(exposure: &Exposure) -> String {
    exposure.to_string()
}

fn flow() -> Vec<Expr> {
    ["ip.src", "ip.dst", "l4.src", "l4.dst", "ip.proto"].map(field).into()
}

fn reversed() -> Vec<Expr> {
    ["ip.dst", "ip.src", "l4.dst", "l4.src", "ip.proto"].map(field).into()
}

#[test]
fn exposures_of_keys() {
    let show = |key| text(&exposure_after(vec![], key));
    assert_eq!(show(vec![]), "global");
    assert_eq!(show(vec![binary(Op::Add, number(32, 1), number(32, 2))]), "global");
    assert_eq!(show(vec![field("ip.src")]), "keyed by ip.src");
    assert_eq!(show(vec![cast(64, field("ip.src"))]), "keyed by ip.src");
    assert_eq!(show(vec![cast(8, field("ip.src"))]), "keyed by a function of ip.src");
    assert_eq!(show(flow()), "per flow");
    assert_eq!(show(reversed()), "per flow");
    assert_eq!(show(flow()[..4].into()), "per flow", "only TCP comes here");
    assert_eq!(
        show(vec![expr(64, ExprKind::Hash(flow()))]),
        "keyed by a function of ip.proto, ip.src, ip.dst, l4.src, l4.dst",
        "a hash makes flows meet"
    );
    assert_eq!(show(vec![expr(64, ExprKind::Now)]), "cross-flow through the time");
}

#[test]
fn a_flow_with_the_identifier_of_echo_messages_as_ports_is_one() {
    let port = |name| {
        let has = expr(1, ExprKind::Has(P, HeaderSet::of(HeaderId::L4)));
        let other = expr(
            16,
            ExprKind::Select(
                binary(Op::Eq, field("icmp.type"), number(8, 8)).into(),
                field("icmp.id").into(),
                number(16, 0).into(),
            ),
        );
        expr(16, ExprKind::Select(has.into(), field(name).into(), other.into()))
    };
    let key = vec![
        field("ip.src"),
        field("ip.dst"),
        port("l4.src"),
        port("l4.dst"),
        expr(8, ExprKind::Meta(P, Meta::Proto)),
    ];
    assert_eq!(text(&exposure_after(vec![], key)), "per flow");
}

#[test]
fn what_was_written_decides_not_what_the_packet_brought() {
    let write = |e| StmtKind::SetField(P, field_ref("ip.src"), e);
    let key = || vec![field("ip.src")];
    assert_eq!(text(&exposure_after(vec![write(number(32, 1))], key())), "global");
    let swap = exposure_after(vec![write(field("ip.dst"))], key());
    assert_eq!(text(&swap), "keyed by ip.dst");
    let mark = expr(32, ExprKind::Meta(P, Meta::Mark));
    assert_eq!(
        text(&exposure_after(vec![write(mark)], key())),
        "cross-flow through packet properties"
    );
    // A key taken before the write is not touched by it.
    let before = vec![assign(1, field("ip.src")), write(number(32, 1))];
    assert_eq!(text(&exposure_after(before, vec![local(1, 32)])), "keyed by ip.src");
    // TCP's ports are those of `l4`; bits of the flags are those of the whole.
    let overlapping =
        StmtKind::SetField(P, field_ref("tcp.src"), cast(16, expr(64, ExprKind::Now)));
    let exposed = exposure_after(vec![overlapping], vec![field("l4.src")]);
    assert_eq!(text(&exposed), "cross-flow through the time");
    let insert = |id| StmtKind::Insert(P, vec![(id, vec![])], OK);
    let rebuilt = insert(HeaderId::IP6);
    assert_eq!(text(&exposure_after(vec![rebuilt], key())), "cross-flow through rebuilt headers");
    // In front of an ICMP error the protocol is another one, and addresses are quoted.
    let quote =
        || vec![StmtKind::Insert(P, vec![(HeaderId::IP, vec![]), (HeaderId::ICMP, vec![])], OK)];
    let proto = expr(8, ExprKind::Meta(P, Meta::Proto));
    let exposed = exposure_after(quote(), vec![proto]);
    assert_eq!(text(&exposed), "cross-flow through packet properties");
    // A tag moves nothing that is above it.
    let tagged = exposure_after(vec![insert(HeaderId::VLAN)], key());
    assert_eq!(text(&tagged), "keyed by ip.src");
}

#[test]
fn conditions_decide_values() {
    let is_syn = || field("tcp.flags.syn");
    let set = |value| assign(1, number(32, value));
    let either = StmtKind::If(is_syn(), stmts([set(1)]), stmts([set(2)]));
    let shown = text(&exposure_after(vec![either], vec![local(1, 32)]));
    assert_eq!(shown, "keyed by tcp.flags.syn");
    // Behind a conditional break, what is assigned depends on the condition.
    let leave = StmtKind::If(is_syn(), stmts([StmtKind::Break(Label(1))]), vec![]);
    let block = StmtKind::Block(Label(1), stmts([leave, set(2)]));
    let after =
        |key| text(&exposure_after(vec![set(1), block.clone(), assign(2, number(32, 5))], key));
    assert_eq!(after(vec![local(1, 32)]), "keyed by tcp.flags.syn");
    assert_eq!(after(vec![local(2, 32)]), "global", "behind the block all paths are together");
    // A condition that returns leaves only one path.
    let gone = StmtKind::If(is_syn(), stmts([set(1), StmtKind::Return]), vec![]);
    assert_eq!(text(&exposure_after(vec![gone, set(2)], vec![local(1, 32)])), "global");
}

#[test]
fn loops_carry_values_around() {
    // Local 2 gets, in a later round, what local 1 got in an earlier one.
    let body = stmts([assign(2, local(1, 32)), assign(1, field("ip.src"))]);
    let rounds = StmtKind::Loop {
        label: Label(1),
        continue_label: Label(2),
        var: LocalId(3),
        from: number(64, 0),
        to: number(64, 4),
        bound: 4,
        body,
    };
    assert_eq!(text(&exposure_after(vec![rounds], vec![local(2, 32)])), "keyed by ip.src");
}

#[test]
fn state_answers_make_keys_cross_flow() {
    let get = state(StateOp::MapGet { key: flow(), found: OK, value: vec![LocalId(1)] });
    let exposure = exposure_after(vec![get], vec![local(1, 32)]);
    assert_eq!(exposure, Exposure::CrossFlow([Source::State(0)].into()));
}

fn scope_of(handlers: Vec<Handler>) -> Scope {
    node_effects(&with(vec![map(&[], &[])], handlers)).states[0].scope.clone()
}

#[test]
fn scopes_follow_from_all_uses() {
    let put = |key| state(StateOp::MapPut { key, value: vec![], ok: OK });
    let get = |key| state(StateOp::MapGet { key, found: OK, value: vec![] });
    let here = |op| on(0, tcp(), &[1, 64], vec![op]);
    let there = |op| on(1, HeaderSet::of(HeaderId::IP), &[1, 64], vec![op]);
    assert_eq!(scope_of(vec![]), Scope::Unused);
    assert_eq!(scope_of(vec![here(put(flow())), there(get(reversed()))]), Scope::PerFlow);
    let twisted = ["ip.dst", "ip.src", "l4.src", "l4.dst", "ip.proto"].map(field).into();
    assert_eq!(scope_of(vec![here(put(flow())), there(get(twisted))]), Scope::CrossFlow);
    let source = || vec![field("ip.src")];
    let keyed = Scope::Keyed([field_ref("ip.src")].into());
    assert_eq!(scope_of(vec![here(put(source())), there(get(source()))]), keyed);
    let destination = vec![field("ip.dst")];
    assert_eq!(scope_of(vec![here(put(source())), there(get(destination))]), Scope::CrossFlow);
    assert_eq!(scope_of(vec![here(put(flow())), there(get(source()))]), Scope::CrossFlow);
    let len = state(StateOp::Len(LocalId(1)));
    assert_eq!(scope_of(vec![here(put(flow())), there(len)]), Scope::Global);
    let init = handler(Trigger::Init, &[1, 64], vec![put(vec![])]);
    assert_eq!(scope_of(vec![init, here(get(source()))]), Scope::Constant);
}

#[test]
fn kinds_of_access_see_what_commutes() {
    let update = |ops: &[UpdateOp]| {
        let update = |op: &UpdateOp| Update { leaf: 0, op: *op, operand: number(64, 1) };
        super::access_kind(
            &spec(StateKind::Array { len: 1 }, &[], &[64]),
            &StateOp::ArrayUpdate {
                index: number(64, 0),
                updates: ops.iter().map(update).collect(),
            },
        )
    };
    assert_eq!(update(&[UpdateOp::Add, UpdateOp::Add]), AccessKind::Update);
    assert_eq!(update(&[UpdateOp::Set]), AccessKind::Write);
    assert_eq!(update(&[UpdateOp::Add, UpdateOp::Max]), AccessKind::Write);
}

fn row(body: Vec<StmtKind>) -> NodeEffects {
    node_effects(&with(vec![map(&[], &[])], vec![on(0, tcp(), &[1, 64], body)]))
}

#[test]
fn rows_read_well() {
    let put = state(StateOp::MapPut { key: flow(), value: vec![], ok: OK });
    let is_syn = field("tcp.flags.syn");
    let effects = row(vec![
        put,
        StmtKind::If(is_syn, stmts([StmtKind::Drop(P, 6), StmtKind::Return]), vec![]),
        StmtKind::SetField(P, field_ref("ip.ttl"), binary(Op::Sub, field("ip.ttl"), number(8, 1))),
        StmtKind::Insert(P, vec![(HeaderId::VLAN, vec![])], OK),
        send(P, 1),
    ]);
    expect![[r#"
        on p0(ip/tcp)
          reads     ip.ttl, ip.proto, ip.src, ip.dst, tcp.flags.syn, l4.src, l4.dst
          changes   ip.ttl
          inserts   vlan
          writes    s.put (per flow)
          sends to  p1
          may drop  "own"
          cost      at most 15 operations, 1 of them on state"#]]
    .assert_eq(&effects.handlers[0].to_string());
    assert_eq!(effects.total().cost, effects.handlers[0].cost);
    assert_eq!(effects.states[0].to_string(), "s: per-flow; written");
}

#[test]
fn cost_multiplies_loops_and_takes_the_dearer_arm() {
    let op = || touch(flow());
    let rounds = StmtKind::Loop {
        label: Label(1),
        continue_label: Label(2),
        var: LocalId(1),
        from: number(64, 0),
        to: number(64, 4),
        bound: 1000,
        body: stmts([StmtKind::If(number(1, 0), stmts([op(), op()]), stmts([op()]))]),
    };
    let nested = |inner: StmtKind| StmtKind::Loop {
        label: Label(3),
        continue_label: Label(4),
        var: LocalId(1),
        from: number(64, 0),
        to: number(64, 4),
        bound: u32::MAX,
        body: stmts([inner]),
    };
    assert_eq!(row(vec![rounds.clone()]).handlers[0].cost.state_operations, 2000);
    let huge = nested(nested(rounds));
    assert_eq!(row(vec![huge]).handlers[0].cost.operations, u64::MAX, "it saturates");
}

#[test]
fn time_is_used_where_state_expires() {
    let expiring =
        StateKind::Map { capacity: 1, expire: Some(Nanos(1)), when_full: WhenFull::Refuse };
    let uses_time = |kind| {
        let handler = on(0, tcp(), &[1], vec![touch(vec![])]);
        node_effects(&with(vec![spec(kind, &[], &[])], vec![handler])).handlers[0].uses_time
    };
    assert!(uses_time(expiring));
    assert!(!uses_time(map(&[], &[]).kind));
}

#[test]
fn accesses_keep_the_order_of_the_source() {
    let effects = row((0..50).map(|i| touch(vec![number(32, i)])).collect());
    let starts: Vec<u32> =
        effects.handlers[0].accesses.iter().map(|a: &Access| a.span.start).collect();
    assert_eq!(starts, (0..50).collect::<Vec<_>>());
}
