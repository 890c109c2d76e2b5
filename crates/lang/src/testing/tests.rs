use super::*;
use crate::interp::Interpreter;
use crate::ir::{
    self, Dest, Handler, LocalId, LogSite, Node, PacketId, StateId, StateOp, StateView, Stmt,
    StmtKind, Trigger, Update, UpdateOp, View,
};
use crate::syntax::parse;
use trama_state::{Shape, StateKind, StateSpec, WhenFull};
use trama_wire::header::{HeaderId, HeaderSet};

/// Drop reason of the program under test, after the built-in ones.
const UNSOLICITED: u32 = ir::reason::BUILT_IN.len() as u32;

fn expr(kind: ir::ExprKind, width: u8) -> ir::Expr {
    ir::Expr { kind, width }
}

fn field(id: HeaderId, name: &str) -> ir::Expr {
    let field = id.field(name).expect("a field of the header");
    expr(ir::ExprKind::Field(PacketId(0), field), field.def().width)
}

fn stmt(kind: StmtKind) -> Stmt {
    Stmt { kind, span: Span::default() }
}

fn state(id: u32, op: StateOp) -> Stmt {
    stmt(StmtKind::State(StateId(id), op))
}

fn send(port: u32) -> Stmt {
    stmt(StmtKind::Send { packet: PacketId(0), first_port: port, index: None, count: 1 })
}

fn on(port: u32, headers: &[HeaderId], body: Vec<Stmt>) -> Handler {
    let pattern = headers.iter().fold(HeaderSet::EMPTY, |set, &id| set.with(id));
    Handler {
        trigger: Trigger::Packet {
            first_port: port,
            port_count: 1,
            index_local: None,
            patterns: vec![pattern],
            guard: None,
        },
        locals: vec![1, 16],
        packets: 1,
        body,
        span: Span::default(),
    }
}

fn spec(name: &str, kind: StateKind, key: &[u8], value: &[u8]) -> StateSpec {
    let (key, value) = (Shape(key.to_vec()), Shape(value.to_vec()));
    StateSpec { name: name.to_string(), kind, key, value }
}

fn views(views: &[(&str, View)]) -> Vec<(String, View)> {
    views.iter().map(|(name, view)| ((*name).to_string(), view.clone())).collect()
}

/// Remembers the source and port of what comes from `lan`, and lets in from `wan` what is for a
/// source it has seen; counts both. Adds one to `ticks` every minute.
fn handlers() -> Vec<Handler> {
    let key = |name| vec![field(HeaderId::IP, name)];
    let count = || {
        let len = expr(ir::ExprKind::Meta(PacketId(0), ir::Meta::Len), 32);
        let bytes = expr(ir::ExprKind::Cast(Box::new(len)), 64);
        let index = expr(ir::ExprKind::Const(0), 64);
        state(1, StateOp::Count { index, bytes })
    };
    let put = StateOp::MapPut {
        key: key("src"),
        value: vec![field(HeaderId::L4, "src")],
        ok: LocalId(0),
    };
    let get = StateOp::MapGet { key: key("dst"), found: LocalId(0), value: vec![LocalId(1)] };
    let found = expr(ir::ExprKind::Local(LocalId(0)), 1);
    let refuse =
        vec![stmt(StmtKind::Log(0, key("dst"))), stmt(StmtKind::Drop(PacketId(0), UNSOLICITED))];
    let tick = Update { leaf: 0, op: UpdateOp::Add, operand: expr(ir::ExprKind::Const(1), 32) };
    let index = expr(ir::ExprKind::Const(0), 64);
    let timer = Handler {
        trigger: Trigger::Timer { period: Nanos::from_secs(60) },
        locals: vec![],
        packets: 0,
        body: vec![state(2, StateOp::ArrayUpdate { index, updates: vec![tick] })],
        span: Span::default(),
    };
    vec![
        on(0, &[HeaderId::IP, HeaderId::L4], vec![count(), state(0, put), send(1)]),
        on(
            1,
            &[HeaderId::IP],
            vec![count(), state(0, get), stmt(StmtKind::If(found, vec![send(0)], refuse))],
        ),
        timer,
    ]
}

fn program() -> Program {
    let map = StateKind::Map {
        capacity: 4,
        expire: Some(Nanos::from_secs(10)),
        when_full: WhenFull::Refuse,
    };
    let mut reasons: Vec<String> = ir::reason::BUILT_IN.map(String::from).to_vec();
    reasons.push("unsolicited".to_string());
    let node = Node {
        name: "wall".to_string(),
        element: "Wall".to_string(),
        ports: vec!["lan".to_string(), "wan".to_string()],
        wires: vec![Dest::Out(0), Dest::Out(1)],
        states: vec![
            spec("seen", map, &[32], &[16]),
            spec("traffic", StateKind::Counter { len: 1 }, &[], &[]),
            spec("ticks", StateKind::Array { len: 1 }, &[], &[32]),
        ],
        state_views: vec![
            StateView {
                key: views(&[("key", View::Ip4)]),
                value: views(&[("port", View::Uint)]),
                span: Span::default(),
            },
            StateView::default(),
            StateView { value: views(&[("value", View::Uint)]), ..StateView::default() },
        ],
        tables: vec![],
        reasons,
        log_sites: vec![LogSite {
            alert: true,
            text: vec!["for ".to_string(), String::new()],
            views: vec![View::Ip4],
            limit_per_s: None,
        }],
        events: Vec::new(),
        streams: Vec::new(),
        handlers: handlers(),
    };
    Program {
        name: "wall".to_string(),
        ports: vec!["lan".to_string(), "wan".to_string()],
        ingress: vec![Dest::Node(0, 0), Dest::Node(0, 1)],
        nodes: vec![node],
    }
}

/// The failures, as `line: message`, of a test with these steps, which begin at line 2.
fn run(steps: &str) -> Vec<String> {
    let mut sources = SourceMap::default();
    let file = sources.add("t.trama", format!("test \"t\" for Wall {{\n{steps}\n}}"));
    let (tree, diagnostics) = parse(&sources, file);
    assert_eq!(diagnostics, [], "{steps}");
    let ast::ItemKind::Test(test) = &tree.items[0].kind else { panic!("a test") };
    let program = program();
    let mut engine = Interpreter::new(program.clone(), START, 0).expect("the program is sound");
    let constants = |expr: &Expr| match &expr.kind {
        ast::ExprKind::Name(name) if name == "HOST" => Ok(Constant {
            leaves: vec![0x0a00_0005],
            scalar: Some(filter::Constant::Ip4(0x0a00_0005)),
        }),
        _ => Err("this is not known before the program runs".to_string()),
    };
    let scope = Scope { sources: &sources, program: &program, constants: &constants };
    let outcome = run_test(test, scope, &mut engine);
    assert_eq!(outcome.title, "t");
    outcome.failures.iter().map(|f| format!("{}: {}", f.line, f.message)).collect()
}

const OUT: &str = "lan <- ip { src: 10.0.0.5, dst: 9.9.9.9 } / udp { src: 5000, dst: 53 }";
const BACK: &str = "wan <- ip { src: 9.9.9.9, dst: 10.0.0.5 } / udp { src: 53, dst: 5000 }";
const STRANGE: &str = "wan <- ip { src: 9.9.9.9, dst: 10.0.0.6 } / udp { src: 53, dst: 5000 }";

#[test]
fn expectations_that_are_met_pass() {
    let steps = format!(
        "{OUT}\n expect wan ip.src == 10.0.0.5 && udp.dst == 53 && ip.checksum_ok
         expect seen.len == 1; expect wall.seen.len == 1
         expect seen[10.0.0.5] == Some(5000) && seen[HOST] == 5000
         expect 10.0.0.5 in seen && !(10.0.0.6 in seen)
         expect seen[10.0.0.6] == None; expect seen[10.0.0.6].is_none
         expect seen[10.0.0.5].port == 5000 && seen[10.0.0.5].port < 5001
         expect traffic.packets == 1 && traffic.bytes == 42
         expect traffic[0].packets == 1
         {BACK}
         expect lan udp.src == 53
         {STRANGE}
         expect drop \"unsolicited\"
         expect alert \"for 10.0.0.6\"
         expect traffic.packets == 3
         at 10s
         expect nothing
         {BACK}
         expect drop
         expect seen.len == 0 && seen.expired == 1
         at 1min
         expect ticks == 1 && ticks.value >= 1
         lan <- hex \"0011 2233\"
         expect drop \"no handler for this packet\"
         lan <- eth / ip {{ src: HOST }} / tcp {{ flags.syn: true }} / \"abc\"
         expect wan payload.len == 3 && ip.src == HOST && tcp.flags.syn"
    );
    assert_eq!(run(&steps), [""; 0]);
}

#[test]
fn each_unmet_expectation_is_told_with_what_was_there() {
    let check = |steps: String, expected: &[&str]| assert_eq!(run(&steps), expected, "{steps}");
    let udp = "10.0.0.5:5000 > 9.9.9.9:53 udp len 0";
    check(
        format!("{OUT}\nexpect wan ip.src == 10.0.0.9 && udp.dst == 53 && tcp.dst == 1"),
        &[&format!(
            "3: the packet is another: {udp}; `ip.src == 10.0.0.9` does not hold: ip.src is \
             10.0.0.5; `tcp.dst == 1` does not hold: it has no tcp.dst"
        )],
    );
    check(
        format!("{OUT}\nexpect lan\nexpect wan"),
        &[&format!("3: nothing was sent to lan; instead: sent to wan: {udp}")],
    );
    check(
        format!("{OUT}\n{STRANGE}\nexpect drop \"denied\""),
        &[
            &format!("2: nothing expects what this caused: sent to wan: {udp}"),
            "4: nothing was dropped so; instead: dropped by wall because \"unsolicited\"",
        ],
    );
    check(
        STRANGE.to_string(),
        &["2: nothing expects what this caused: dropped by wall because \"unsolicited\""],
    );
    check(
        format!("{OUT}\nexpect nothing"),
        &[&format!("3: expected nothing, but there was sent to wan: {udp}")],
    );
    check("expect drop".into(), &["2: nothing was dropped so; instead: nothing at all"]);
    check("expect log \"x\"".into(), &["2: no such line was written; written: nothing"]);
    check(
        format!("{OUT}\nexpect wan\nexpect seen.len == 2\nexpect seen[10.0.0.5] == 1"),
        &[
            "4: `seen.len == 2` does not hold: seen.len is 1",
            "5: `seen[10.0.0.5] == 1` does not hold: seen[10.0.0.5] is Some(5000)",
        ],
    );
    check(
        format!("{OUT}\nexpect wan\nexpect 10.0.0.6 in seen"),
        &["4: `10.0.0.6 in seen` does not hold: seen has 1 entries: 10.0.0.5 → 5000"],
    );
}

#[test]
fn mistakes_in_a_test_are_explained() {
    for (steps, part) in [
        ("ethernet <- ip", "there is no port `ethernet`; the ports are lan, wan"),
        ("lan[0] <- ip", "there is no port `lan[0]`"),
        ("lan <- ipp", "`ip` perhaps?"),
        ("lan <- ip { sr: 1.1.1.1 }", "`src` perhaps?"),
        ("lan <- ip { src: 5 }", "takes an IPv4 address"),
        ("lan <- ip { ttl: 256 }", "has 8 bits, which 256 does not fit"),
        ("lan <- tcp / ip", "do not stand on each other"),
        ("lan <- ip { src: NOWHERE }", "not known before the program runs"),
        ("at 5", "takes a length of time"),
        ("at 10s\nat 5s", "time does not go back"),
        ("expect sen.len == 1", "not known before"),
        ("expect wall.sen.len == 1", "`wall` has no state object `sen`; it has seen"),
        ("expect seen.length == 1", "can be asked for len"),
        ("expect seen[10.0.0.5].prt == 1", "the fields are port"),
        ("expect seen[(10.0.0.5, 1)] == 1", "a key has 1 parts here"),
        ("expect seen[0xffff_ffff_ff] == 1", "does not fit the key"),
        ("expect wan ip.sr == 1.1.1.1", "has no field `sr`"),
    ] {
        let failures = run(steps);
        assert_eq!(failures.len(), 1, "{steps}: {failures:?}");
        assert!(failures[0].contains(part), "{steps}: {failures:?}");
    }
}
