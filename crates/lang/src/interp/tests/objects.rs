use super::super::objects::combine;
use super::Host;
use crate::engine::{Engine, Entry};
use crate::interp::{Interpreter, Observer, Seen};
use crate::ir::{BinaryOp as Op, Expr, LocalId, Program, StateOp, StmtKind, Update, UpdateOp};
use crate::ir_sample::{
    P, alone, assign, binary, cast, field, local, mark, node, number, on, send, spec, state, stmts,
    tcp, tcp_packet,
};
use trama_base::{Nanos, Rng};
use trama_state::{StateKind, StateSpec, WhenFull};
use trama_wire::packet::Packet;
use trama_wire::pool::Pool;

const OK: LocalId = LocalId(0);
const FOUND: LocalId = LocalId(1);

/// A program with one state object: its operation selected by the packet's mark. Locals 0 and 1
/// hold an answer and what was found (64 bits); they leave as bits 31 and 0..31 of the mark.
fn with_state(spec: StateSpec, ops: Vec<StateOp>) -> Program {
    let mut body: Vec<StmtKind> = (0..)
        .zip(ops)
        .map(|(i, op)| {
            let chosen = binary(Op::Eq, mark(), number(32, i));
            StmtKind::If(chosen, stmts([state(op), StmtKind::Break(crate::ir::Label(1))]), vec![])
        })
        .collect();
    body = vec![StmtKind::Block(crate::ir::Label(1), stmts(body))];
    let answer = binary(Op::Shl, cast(32, local(0, 1)), number(32, 31));
    body.push(StmtKind::SetMark(P, binary(Op::Or, answer, cast(32, local(1, 64)))));
    body.push(send(P, 1));
    let mut node = node("n", 2, vec![on(0, tcp(), &[1, 64, 32], body)]);
    node.states = vec![spec];
    alone(node)
}

/// A packet that asks for operation `op` with `key` as its source address.
fn ask(op: u32, key: u32) -> Box<Packet> {
    let mut packet = tcp_packet();
    packet.set(crate::ir_sample::field_ref("ip.src"), key.into());
    packet.mark = op;
    packet
}

/// The answer and what was found.
fn answer(host: &mut Host, ms: u64, op: u32, key: u32) -> (bool, u32) {
    let mark = host.mark(ms, ask(op, key));
    (mark >> 31 == 1, mark & 0x7fff_ffff)
}

fn key() -> Vec<Expr> {
    vec![field("ip.src")]
}

fn map_ops() -> Vec<StateOp> {
    let add = |operand| Update { leaf: 0, op: UpdateOp::Add, operand: number(64, operand) };
    vec![
        StateOp::MapGet { key: key(), found: OK, value: vec![FOUND] },
        StateOp::MapPut { key: key(), value: vec![number(64, 7)], ok: OK },
        StateOp::MapUpdate { key: key(), updates: vec![add(1), add(10)], ok: OK },
        StateOp::MapTouch { key: key(), found: OK },
        StateOp::MapRemove { key: key(), found: OK },
        StateOp::Len(FOUND),
    ]
}

const GET: u32 = 0;
const PUT: u32 = 1;
const UPDATE: u32 = 2;
const TOUCH: u32 = 3;
const REMOVE: u32 = 4;
const LEN: u32 = 5;

fn map(capacity: u32, expire_ms: Option<u64>, when_full: WhenFull) -> Host {
    let kind = StateKind::Map { capacity, expire: expire_ms.map(Nanos::from_millis), when_full };
    Host::new(with_state(spec(kind, &[32], &[64]), map_ops()))
}

#[test]
fn a_map_puts_gets_updates_and_removes() {
    let mut host = map(4, None, WhenFull::Refuse);
    let mut ask = |op, key| answer(&mut host, 0, op, key);
    assert_eq!(ask(GET, 1), (false, 0));
    assert_eq!(ask(PUT, 1), (true, 0));
    assert_eq!(ask(GET, 1), (true, 7));
    assert_eq!(ask(UPDATE, 1), (true, 0));
    assert_eq!(ask(GET, 1), (true, 18), "both updates, in order");
    assert_eq!(ask(UPDATE, 2), (true, 0));
    assert_eq!(ask(GET, 2), (true, 11), "a zero entry came first");
    assert_eq!(ask(LEN, 0), (false, 2));
    assert_eq!([ask(REMOVE, 1), ask(REMOVE, 1)], [(true, 0), (false, 0)]);
    assert_eq!(ask(TOUCH, 1), (false, 0));
    let entry = Entry { key: vec![2, 0, 0, 0], value: vec![11, 0, 0, 0, 0, 0, 0, 0] };
    assert_eq!(host.engine.state(0, 0), [entry]);
}

#[test]
fn a_full_map_refuses_or_evicts() {
    let mut refuses = map(1, None, WhenFull::Refuse);
    assert!(answer(&mut refuses, 0, PUT, 1).0);
    assert!(!answer(&mut refuses, 0, PUT, 2).0);
    assert!(!answer(&mut refuses, 0, UPDATE, 2).0);
    assert!(answer(&mut refuses, 0, PUT, 1).0, "an entry that is there can be written");
    assert_eq!(refuses.engine.report().nodes[0].states[0].refused, 2);

    let mut evicts = map(1, None, WhenFull::EvictOldest);
    assert!(answer(&mut evicts, 0, PUT, 1).0);
    assert!(answer(&mut evicts, 0, PUT, 2).0);
    assert_eq!(answer(&mut evicts, 0, GET, 1), (false, 0));
    assert_eq!(evicts.engine.report().nodes[0].states[0].evicted, 1);
}

#[test]
fn entries_expire_to_the_nanosecond_and_a_touch_keeps_them() {
    let mut host = map(4, Some(10), WhenFull::Refuse);
    assert!(answer(&mut host, 0, PUT, 1).0);
    assert!(answer(&mut host, 9, TOUCH, 1).0);
    assert!(answer(&mut host, 18, GET, 1).0);
    assert!(!answer(&mut host, 19, GET, 1).0);
    // Time that goes back is clamped: the entry does not come to life again.
    assert!(!answer(&mut host, 0, GET, 1).0);
    assert_eq!(host.engine.now(), Nanos::from_millis(19));
}

#[test]
fn arrays_and_counters_know_their_range() {
    let index = || cast(64, field("ip.src"));
    let set = Update { leaf: 0, op: UpdateOp::Set, operand: number(64, 9) };
    let ops = vec![
        StateOp::ArrayGet { index: index(), value: vec![FOUND] },
        StateOp::ArrayUpdate { index: index(), updates: vec![set] },
    ];
    let mut host = Host::new(with_state(spec(StateKind::Array { len: 2 }, &[], &[64]), ops));
    for key in [1, 2] {
        answer(&mut host, 0, 1, key);
    }
    assert_eq!(answer(&mut host, 0, 0, 1).1, 9);
    assert_eq!(answer(&mut host, 0, 0, 2).1, 0);
    assert_eq!(host.engine.report().nodes[0].states[0].refused, 1);

    let ops = vec![
        StateOp::CounterGet { index: index(), packets: LocalId(3), bytes: FOUND },
        StateOp::Count { index: index(), bytes: number(64, 60) },
    ];
    let mut program = with_state(spec(StateKind::Counter { len: 2 }, &[], &[]), ops);
    program.nodes[0].handlers[0].locals.push(64);
    let mut host = Host::new(program);
    for key in [0, 0, 2] {
        answer(&mut host, 0, 1, key);
    }
    assert_eq!(answer(&mut host, 0, 0, 0).1, 120);
    assert_eq!(answer(&mut host, 0, 0, 2).1, 0);
}

#[test]
fn a_pool_is_exhausted_and_recovers() {
    let index = || cast(64, field("ip.src"));
    let ops = vec![
        StateOp::PoolAlloc { found: OK, index: LocalId(2) },
        StateOp::PoolTake { index: index(), ok: OK },
        StateOp::PoolFree { index: index(), ok: OK },
        StateOp::PoolUsed { index: index(), used: OK },
        StateOp::PoolTouch { index: index(), ok: OK },
        StateOp::Len(FOUND),
    ];
    let kind = StateKind::Pool { size: 2, expire: Some(Nanos::from_millis(10)) };
    let mut host = Host::new(with_state(spec(kind, &[], &[]), ops));
    let mut ask = |ms, op, key| answer(&mut host, ms, op, key);
    assert_eq!([ask(0, 0, 0).0, ask(0, 0, 0).0, ask(0, 0, 0).0], [true, true, false]);
    assert_eq!([ask(0, 1, 1).0, ask(0, 3, 1).0, ask(0, 3, 2).0], [false, true, false]);
    assert_eq!([ask(1, 2, 1).0, ask(1, 2, 1).0, ask(1, 1, 1).0], [true, false, true]);
    assert_eq!([ask(9, 4, 0).0, ask(11, 5, 0).1 == 1], [true, true], "index 1 expired");
    assert!(!ask(11, 2, 9).0, "out of range");
}

#[test]
fn longest_prefixes_buckets_and_maglev() {
    let address = || field("ip.src");
    let prefix_len = || number(8, 8);
    let ops = vec![
        StateOp::LpmGet { address: address(), found: OK, value: vec![FOUND] },
        StateOp::LpmPut {
            address: address(),
            prefix_len: prefix_len(),
            value: vec![number(64, 5)],
            ok: OK,
        },
        StateOp::LpmRemove { address: address(), prefix_len: prefix_len(), found: OK },
    ];
    let kind = StateKind::Lpm { address_bits: 32, capacity: 1 };
    let mut host = Host::new(with_state(spec(kind, &[32], &[64]), ops));
    let mut ask = |op, key| answer(&mut host, 0, op, key);
    assert!(ask(1, 0x0a01_0203).0);
    assert_eq!(ask(0, 0x0aff_ffff), (true, 5));
    assert_eq!(ask(0, 0x0bff_ffff), (false, 0));
    assert!(!ask(1, 0x0b00_0000).0, "no room");
    assert_eq!([ask(2, 0x0a00_0000).0, ask(2, 0x0a00_0000).0], [true, false]);

    let ops = vec![StateOp::BucketTake { key: key(), amount: number(64, 2), ok: OK }];
    let kind = StateKind::Bucket { capacity: 4, rate_per_s: 1000, burst: 2 };
    let mut host = Host::new(with_state(spec(kind, &[32], &[]), ops));
    let taken: Vec<bool> = [(0, 1), (0, 1), (0, 2), (1, 1), (2, 1)]
        .into_iter()
        .map(|(ms, key)| answer(&mut host, ms, 0, key).0)
        .collect();
    assert_eq!(taken, [true, false, true, false, true]);

    let ops = vec![
        StateOp::MaglevPick { hash: cast(64, field("ip.src")), found: OK, member: vec![FOUND] },
        StateOp::MaglevSet { member: vec![number(64, 3)], weight: field("ip.src"), ok: OK },
        StateOp::Len(FOUND),
    ];
    let kind = StateKind::Maglev { table_size: 7, capacity: 2 };
    let mut host = Host::new(with_state(spec(kind, &[64], &[]), ops));
    let mut ask = |op, key| answer(&mut host, 0, op, key);
    assert_eq!(ask(0, 1), (false, 0));
    assert!(ask(1, 1).0);
    assert_eq!([ask(0, 1), ask(0, 99)], [(true, 3), (true, 3)]);
    assert!(ask(1, 0).0, "weight 0 removes it");
    assert_eq!(ask(2, 0).1, 0);
}

#[test]
fn updates_combine_within_the_leaf() {
    let cases = [
        (UpdateOp::Set, 5),
        (UpdateOp::Add, 4),
        (UpdateOp::Max, 15),
        (UpdateOp::Min, 5),
        (UpdateOp::Or, 15),
        (UpdateOp::And, 5),
        (UpdateOp::Xor, 10),
    ];
    for (op, wanted) in cases {
        assert_eq!(combine(op, 4, 15, 5), wanted, "{op:?}");
    }
}

#[test]
fn results_of_a_miss_overwrite_what_the_locals_held() {
    let ops = vec![StateOp::MapGet { key: key(), found: OK, value: vec![FOUND] }];
    let kind = StateKind::Map { capacity: 1, expire: None, when_full: WhenFull::Refuse };
    let mut program = with_state(spec(kind, &[32], &[64]), ops);
    let body = &mut program.nodes[0].handlers[0].body;
    body.insert(0, stmts([assign(1, number(64, 55))]).remove(0));
    assert_eq!(answer(&mut Host::new(program.clone()), 0, 0, 1), (false, 0));
    // The canary: an operation that does not run leaves it.
    assert_eq!(answer(&mut Host::new(program), 0, 9, 1), (false, 55));
}

#[test]
fn empty_keys_and_values_work() {
    let kind = StateKind::Map { capacity: 1, expire: None, when_full: WhenFull::Refuse };
    let ops = vec![
        StateOp::MapGet { key: vec![], found: OK, value: vec![] },
        StateOp::MapPut { key: vec![], value: vec![], ok: OK },
    ];
    let mut host = Host::new(with_state(spec(kind, &[], &[]), ops));
    let asked: Vec<bool> = [0, 1, 0].map(|op| answer(&mut host, 0, op, 0).0).into();
    assert_eq!(asked, [false, true, true]);
}

/// Listens and forgets.
struct Listener;

impl Observer for Listener {
    fn observe(&mut self, _: Seen<'_>) {}
}

#[test]
fn an_observer_that_looks_at_state_changes_none() {
    let index = || cast(64, field("ip.src"));
    let expire = Some(Nanos::from_millis(10));
    let when_full = WhenFull::EvictOldest;
    let map = spec(StateKind::Map { capacity: 3, expire, when_full }, &[32], &[64]);
    let pool = spec(StateKind::Pool { size: 3, expire }, &[], &[]);
    let pool_ops = vec![
        StateOp::PoolAlloc { found: OK, index: LocalId(2) },
        StateOp::PoolTake { index: index(), ok: OK },
        StateOp::PoolFree { index: index(), ok: OK },
        StateOp::PoolUsed { index: index(), used: OK },
        StateOp::PoolTouch { index: index(), ok: OK },
        StateOp::Len(FOUND),
    ];
    let bucket = StateKind::Bucket { capacity: 2, rate_per_s: 1000, burst: 3 };
    let take = StateOp::BucketTake { key: key(), amount: number(64, 2), ok: OK };
    let bucket_ops = vec![take, StateOp::Len(FOUND)];
    let programs = [
        with_state(map, map_ops()),
        with_state(pool, pool_ops),
        with_state(spec(bucket, &[32], &[]), bucket_ops),
    ];
    for program in programs {
        let mut plain = Interpreter::new(program.clone(), Nanos::ZERO, 0).unwrap();
        let mut watched = Interpreter::with_observer(program, Nanos::ZERO, 0, Listener).unwrap();
        let (mut rng, mut pool) = (Rng::new(7), Pool::default());
        let mut now = Nanos::ZERO;
        for step in 0..2000 {
            now += Nanos(rng.below(3_000_000));
            let mut asked = ask(rng.below(6) as u32, rng.below(5) as u32);
            asked.time = now;
            let same = asked.clone();
            let (mut out, mut watched_out) = (Vec::new(), Vec::new());
            plain.process(&mut vec![asked], &mut out, &mut pool);
            watched.process(&mut vec![same], &mut watched_out, &mut pool);
            assert_eq!(out[0].mark, watched_out[0].mark, "step {step}");
            assert_eq!(plain.state(0, 0), watched.state(0, 0), "step {step}");
            assert_eq!(plain.report(), watched.report(), "step {step}");
        }
        let stats = plain.report().nodes[0].states[0];
        assert!(stats.inserted > 100, "the run did something: {stats:?}");
    }
}
