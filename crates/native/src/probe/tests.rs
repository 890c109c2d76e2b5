use super::*;
use trama_lang::ir::{ExprKind, Node, Program};
use trama_lang::source::Span;
use trama_wire::header::HeaderId;

fn field(header: HeaderId, name: &str) -> Expr {
    let field = header.field(name).unwrap();
    Expr { kind: ExprKind::Field(INPUT, field), width: field.def().width }
}

fn stmts(kinds: Vec<StmtKind>) -> Vec<Stmt> {
    kinds.into_iter().map(|kind| Stmt { kind, span: Span::default() }).collect()
}

fn get(key: Expr) -> StmtKind {
    let op = StateOp::MapGet { key: vec![key], found: LocalId(0), value: vec![] };
    StmtKind::State(StateId(0), op)
}

fn touch(key: Expr) -> StmtKind {
    StmtKind::State(StateId(0), StateOp::MapTouch { key: vec![key], found: LocalId(0) })
}

fn send() -> StmtKind {
    StmtKind::Send { packet: INPUT, first_port: 1, index: None, count: 1 }
}

/// Nodes in a row; each takes IPv4 packets at port 0 and sends at port 1.
fn row(bodies: Vec<Vec<StmtKind>>) -> Program {
    let node = |(n, body): (u32, Vec<StmtKind>)| Node {
        wires: vec![Dest::Unconnected, Dest::Node(n + 1, 0)],
        handlers: vec![Handler {
            trigger: Trigger::Packet {
                first_port: 0,
                port_count: 1,
                index_local: None,
                patterns: vec![HeaderSet::of(HeaderId::IP)],
                guard: None,
            },
            locals: vec![1, 32],
            packets: 1,
            body: stmts(body),
            span: Span::default(),
        }],
        ..Node::default()
    };
    let mut nodes: Vec<Node> = (0..).zip(bodies).map(node).collect();
    if let Some(last) = nodes.last_mut() {
        last.wires[1] = Dest::Out(0);
    }
    Program { ingress: vec![Dest::Node(0, 0)], nodes, ..Program::default() }
}

/// Node and key of each probe.
fn found(program: &Program) -> Vec<(usize, Expr)> {
    let plan = plans(program).remove(0).pop().unwrap();
    plan.probes.into_iter().map(|p| (p.node, p.key[0].clone())).collect()
}

#[test]
fn keys_are_followed_through_locals_and_nodes() {
    let (src, dst) = (field(HeaderId::IP, "src"), field(HeaderId::IP, "dst"));
    let local = Expr { kind: ExprKind::Local(LocalId(1)), width: 32 };
    let first = vec![StmtKind::Assign(LocalId(1), src.clone()), get(local), send()];
    let second = vec![get(dst.clone()), touch(dst.clone()), send()];
    assert_eq!(found(&row(vec![first, second])), [(0, src), (1, dst)]);
}

#[test]
fn changed_fields_and_stored_values_are_no_keys() {
    let (src, dst) = (field(HeaderId::IP, "src"), field(HeaderId::IP, "dst"));
    let changed = HeaderId::IP.field("src").unwrap();
    let zero = Expr { kind: ExprKind::Const(0), width: 32 };
    let first = vec![StmtKind::SetField(INPUT, changed, zero), send()];
    let stored = Expr { kind: ExprKind::Local(LocalId(1)), width: 32 };
    let second = vec![get(src), get(stored), get(dst.clone()), send()];
    let zero = Expr { kind: ExprKind::Const(0), width: 32 };
    assert_eq!(found(&row(vec![first, second])), [(1, zero), (1, dst)]);
}

#[test]
fn what_comes_after_a_change_of_headers_is_not_followed() {
    let insert = StmtKind::Insert(INPUT, vec![(HeaderId::VLAN, vec![])], LocalId(0));
    let src = field(HeaderId::IP, "src");
    assert_eq!(found(&row(vec![vec![insert, send()], vec![get(src), send()]])), []);
}

#[test]
fn circles_end() {
    let mut program = row(vec![vec![send()]]);
    program.nodes[0].wires[1] = Dest::Node(0, 0);
    assert_eq!(found(&program), []);
}

#[test]
fn deep_nesting_and_many_ways_take_no_time() {
    // Twice the changed fields at each level, or every way through a mesh, would never end.
    let changed = HeaderId::IP.field("src").unwrap();
    let zero = Expr { kind: ExprKind::Const(0), width: 32 };
    let truth = Expr { kind: ExprKind::Const(1), width: 1 };
    let set = StmtKind::SetField(INPUT, changed, zero);
    let deep =
        (0..200).fold(set, |inner, _| StmtKind::If(truth.clone(), stmts(vec![inner]), vec![]));
    let mut program = row(vec![vec![deep, send()]; 4]);
    for node in &mut program.nodes {
        node.handlers = vec![node.handlers[0].clone(); 50];
    }
    assert_eq!(found(&program), []);
}

/// Statements that read entry `index` of an array of 32-bit values into local 1.
fn read(index: Expr) -> StmtKind {
    StmtKind::State(StateId(1), StateOp::ArrayGet { index, value: vec![LocalId(1)] })
}

/// The nodes of [`row`], each with a map and an array.
fn row_with_arrays(bodies: Vec<Vec<StmtKind>>) -> Program {
    let mut program = row(bodies);
    for node in &mut program.nodes {
        node.states = ["map", "array"].map(spec).to_vec();
    }
    program
}

fn spec(name: &str) -> trama_state::StateSpec {
    trama_state::StateSpec {
        name: name.into(),
        kind: trama_state::StateKind::Array { len: 16 },
        key: trama_state::Shape(vec![32]),
        value: trama_state::Shape(vec![32]),
    }
}

#[test]
fn array_values_are_followed_into_fields_and_the_next_node() {
    let dst = HeaderId::IP.field("dst").unwrap();
    let (src, stored) =
        (field(HeaderId::IP, "src"), Expr { kind: ExprKind::Local(LocalId(1)), width: 32 });
    let first = vec![read(src.clone()), StmtKind::SetField(INPUT, dst, stored), send()];
    let second = vec![get(field(HeaderId::IP, "dst"))];
    let program = row_with_arrays(vec![first, second]);
    let plan = plans(&program).remove(0).pop().unwrap();
    let [at, key] = &plan.probes[..] else { panic!("{:?}", plan.probes) };
    assert_eq!((at.node, at.state, &at.key[..]), (0, StateId(1), &[src][..]));
    assert!(plan.stage(at) == 0 && plan.stage(key) == 1 && key.uses(&plan.loads[0]));
    assert_eq!(key.key[0].kind, ExprKind::Local(plan.loads[0].locals()[0]));
}

#[test]
fn what_happens_only_to_unknown_packets_is_not_probed() {
    let (src, dst) = (field(HeaderId::IP, "src"), field(HeaderId::IP, "dst"));
    let found_it = Expr { kind: ExprKind::Local(LocalId(0)), width: 1 };
    let learn = stmts(vec![touch(dst)]);
    let body = vec![get(src.clone()), StmtKind::If(found_it, stmts(vec![send()]), learn)];
    assert_eq!(found(&row(vec![body])), [(0, src)]);
}

#[test]
fn conditions_on_the_packet_guard_what_depends_on_them() {
    let (src, more) = (field(HeaderId::IP, "src"), field(HeaderId::IP, "mf"));
    let body = vec![StmtKind::If(more.clone(), stmts(vec![get(src)]), vec![])];
    let plan = plans(&row(vec![body])).remove(0).pop().unwrap();
    assert_eq!(plan.probes[0].guards, [more]);
}

#[test]
fn growing_expressions_are_given_up() {
    let twice = |e: Expr| Expr {
        kind: ExprKind::Binary(trama_lang::ir::BinaryOp::Add, Box::new(e.clone()), Box::new(e)),
        width: 32,
    };
    let local = Expr { kind: ExprKind::Local(LocalId(1)), width: 32 };
    let start = StmtKind::Assign(LocalId(1), field(HeaderId::IP, "src"));
    let double = StmtKind::Assign(LocalId(1), twice(local.clone()));
    let mut body = vec![start];
    body.extend(vec![double; 100]);
    body.push(get(local));
    assert_eq!(found(&row(vec![body])), []);
}

#[test]
fn each_transport_has_its_own_plan() {
    let patterns = |plan: &Plan| plan.patterns[0];
    let program = row(vec![vec![get(field(HeaderId::IP, "src"))]]);
    let all: Vec<HeaderSet> = plans(&program)[0].iter().map(patterns).collect();
    assert_eq!(all.len(), 4);
    assert!(all[0].has(HeaderId::TCP) && all[1].has(HeaderId::UDP) && all[2].has(HeaderId::ICMP));
    assert!(exclude(all[0], all[1]) && !exclude(all[0], all[3]));
}
