use super::Host;
use crate::engine::{Engine, Report};
use crate::interp::observe::{Observer, Seen};
use crate::interp::{Interpreter, StartError};
use crate::ir::{
    BinaryOp as Op, Dest, FANOUT_MAX, HOPS_MAX, Label, LocalId, LogSite, Node, Program, StateOp,
    StmtKind, Trigger, Update, UpdateOp, View, reason,
};
use crate::ir_sample::{
    P, Q, alone, assign, binary, cast, expr, field, handler, local, node, number, on, send, spec,
    state, stmts, tcp, tcp_packet,
};
use trama_base::{Nanos, Rng};
use trama_state::StateKind;
use trama_wire::header::{HeaderId, HeaderSet};
use trama_wire::packet::Packet;
use trama_wire::pool::Pool;

fn drops(host: &mut Host, node: usize, reason: u32) -> u64 {
    host.engine.report().nodes[node].drops[reason as usize]
}

#[test]
fn the_first_handler_that_matches_takes_the_packet() {
    let udp = HeaderSet::of(HeaderId::UDP);
    let tell = |n| vec![StmtKind::SetMark(P, number(32, n)), send(P, 1)];
    let handlers = vec![
        on(1, HeaderSet::EMPTY, &[], tell(1)),
        on(0, udp, &[], tell(2)),
        on(0, tcp(), &[], tell(3)),
        on(0, HeaderSet::EMPTY, &[], tell(4)),
    ];
    let mut host = Host::new(alone(node("n", 2, handlers)));
    assert_eq!(host.mark(0, tcp_packet()), 3);
    assert_eq!(host.mark(0, Box::new(Packet::new(&[0; 5]))), 4);
    let mut strict = Host::new(alone(node("n", 2, vec![on(0, udp, &[], tell(1))])));
    assert!(strict.feed(0, 0, tcp_packet()).is_empty());
    assert_eq!(drops(&mut strict, 0, reason::NO_HANDLER), 1);
}

#[test]
fn port_arrays_give_and_take_an_index() {
    let trigger = Trigger::Packet {
        first_port: 1,
        port_count: 3,
        index_local: Some(LocalId(0)),
        patterns: vec![HeaderSet::EMPTY],
        guard: None,
    };
    let next = binary(Op::Add, local(0, 64), number(64, 1));
    let body = vec![StmtKind::Send { packet: P, first_port: 1, index: Some(next), count: 3 }];
    let mut host = Host::new(alone(node("n", 4, vec![handler(trigger, &[64], body)])));
    assert_eq!(host.feed(0, 1, tcp_packet())[0].port, 2);
    assert_eq!(host.feed(0, 2, tcp_packet())[0].port, 3);
    assert!(host.feed(0, 3, tcp_packet()).is_empty());
    assert_eq!(drops(&mut host, 0, reason::NO_PORT), 1);
}

/// Two nodes that send to each other for ever.
fn circle(body: Vec<StmtKind>) -> Program {
    let mut a = node("a", 1, vec![on(0, HeaderSet::EMPTY, &[64, 64], body.clone())]);
    let mut b = node("b", 1, vec![on(0, HeaderSet::EMPTY, &[64, 64], body)]);
    a.wires = vec![Dest::Node(1, 0)];
    b.wires = vec![Dest::Node(0, 0)];
    let ingress = vec![Dest::Node(0, 0)];
    Program { name: "circle".into(), ports: vec!["in".into()], ingress, nodes: vec![a, b] }
}

#[test]
fn a_packet_that_runs_in_circles_is_dropped() {
    let mut host = Host::new(circle(vec![send(P, 0)]));
    assert!(host.feed(0, 0, tcp_packet()).is_empty());
    let report = host.engine.report();
    let sent: u64 = report.nodes.iter().map(|n| n.sent[0].packets).sum();
    assert_eq!(sent, HOPS_MAX.into(), "it passed as many handlers");
    assert_eq!(drops(&mut host, 0, reason::HOPS) + drops(&mut host, 1, reason::HOPS), 1);
    // The count is that of one event: the next packet passes as many.
    host.feed(1, 0, tcp_packet());
    assert_eq!(drops(&mut host, 0, reason::HOPS) + drops(&mut host, 1, reason::HOPS), 2);
}

#[test]
fn an_event_produces_only_so_many_packets() {
    // Each round doubles what circulates: without the limit there would be 2^64 packets.
    let mut host = Host::new(circle(vec![StmtKind::Copy(Q, P), send(P, 0), send(Q, 0)]));
    host.feed(0, 0, tcp_packet());
    let report = host.engine.report();
    let sum = |reason: u32| report.nodes.iter().map(|n| n.drops[reason as usize]).sum::<u64>();
    assert_eq!(sum(reason::HOPS), 1 + u64::from(FANOUT_MAX), "as many live on");
    assert!(sum(reason::FANOUT) > 1000);

    let exactly = |copies: u32| {
        let round = stmts([StmtKind::Copy(Q, P), send(Q, 1)]);
        let body = vec![
            StmtKind::Loop {
                label: Label(1),
                continue_label: Label(2),
                var: LocalId(0),
                from: number(64, 0),
                to: number(64, copies.into()),
                bound: copies,
                body: round,
            },
            StmtKind::Drop(P, 6),
        ];
        let mut host = Host::new(alone(node("n", 2, vec![on(0, tcp(), &[64], body)])));
        let out = host.feed(0, 0, tcp_packet()).len();
        (out, drops(&mut host, 0, reason::FANOUT))
    };
    assert_eq!(exactly(FANOUT_MAX), (FANOUT_MAX as usize, 0));
    assert_eq!(exactly(FANOUT_MAX + 3), (FANOUT_MAX as usize, 3));
}

#[test]
fn packets_are_delivered_first_in_first_out() {
    // `a` sends two packets to `b` and then one out; `b` passes on. The one out is sent before.
    let body = vec![
        StmtKind::Copy(Q, P),
        StmtKind::SetMark(Q, number(32, 1)),
        send(Q, 0),
        StmtKind::Copy(Q, P),
        StmtKind::SetMark(Q, number(32, 2)),
        send(Q, 0),
        StmtKind::SetMark(P, number(32, 3)),
        send(P, 1),
    ];
    let mut a = node("a", 2, vec![on(0, HeaderSet::EMPTY, &[], body)]);
    let mut b = node("b", 1, vec![on(0, HeaderSet::EMPTY, &[], vec![send(P, 0)])]);
    a.wires = vec![Dest::Node(1, 0), Dest::Out(0)];
    b.wires = vec![Dest::Out(0)];
    let ingress = vec![Dest::Node(0, 0)];
    let program =
        Program { name: String::new(), ports: vec!["x".into()], ingress, nodes: vec![a, b] };
    let marks: Vec<u32> =
        Host::new(program).feed(0, 0, tcp_packet()).iter().map(|p| p.mark).collect();
    assert_eq!(marks, [3, 1, 2]);
}

#[test]
fn external_ports_may_lead_anywhere() {
    let program = Program {
        name: String::new(),
        ports: ["a", "b", "c"].map(String::from).into(),
        ingress: vec![Dest::Out(1), Dest::Discard, Dest::Unconnected],
        nodes: vec![],
    };
    let mut host = Host::new(program);
    assert_eq!(host.feed(0, 0, tcp_packet())[0].port, 1);
    for port in [1, 2, 3] {
        assert!(host.feed(0, port, tcp_packet()).is_empty());
    }
    let report = host.engine.report();
    assert_eq!((report.discarded, report.unconnected, report.sent[1].packets), (1, 2, 1));
    assert_eq!(host.pool.idle(), 3);
}

/// A node that counts timer firings of `period_ms` and keeps the time of the last one.
fn ticking(period_ms: u64) -> Program {
    let add = |leaf, op, operand| Update { leaf, op, operand };
    let updates = vec![
        add(0, UpdateOp::Add, number(64, 1)),
        add(1, UpdateOp::Set, expr(64, crate::ir::ExprKind::Now)),
    ];
    let tick = vec![state(StateOp::ArrayUpdate { index: number(64, 0), updates })];
    let timer = Trigger::Timer { period: Nanos::from_millis(period_ms) };
    let handlers = vec![handler(timer, &[], tick), on(0, HeaderSet::EMPTY, &[], vec![send(P, 1)])];
    let mut node = node("n", 2, handlers);
    node.states = vec![spec(StateKind::Array { len: 1 }, &[], &[64, 64])];
    alone(node)
}

fn ticks(host: &mut Host) -> (u64, u64) {
    let entries = host.engine.state(0, 0);
    let Some(entry) = entries.first() else { return (0, 0) };
    let word = |at: usize| u64::from_le_bytes(entry.value[at..at + 8].try_into().unwrap());
    (word(0), word(8) / 1_000_000)
}

#[test]
fn timers_fire_when_due_and_skip_what_they_missed() {
    let mut host = Host::new(ticking(10));
    let mut at = |ms| {
        host.advance(Nanos::from_millis(ms));
        ticks(&mut host)
    };
    assert_eq!([at(0), at(9), at(10)], [(0, 0), (0, 0), (1, 10)]);
    assert_eq!([at(19), at(25), at(29), at(30)], [(1, 10), (2, 25), (2, 25), (3, 30)]);
    assert_eq!([at(1005), at(1009), at(1010)], [(4, 1005), (4, 1005), (5, 1010)]);
    assert_eq!(at(0), (5, 1010), "the clock does not go back");
    host.feed(1020, 0, tcp_packet());
    assert_eq!(ticks(&mut host), (6, 1020), "a packet lets time pass too");
    host.advance(Nanos::MAX);
    host.advance(Nanos::MAX);
    assert_eq!(ticks(&mut host).0, 7, "at the end of time it fires once");
}

#[test]
fn a_timer_beyond_the_end_of_time_never_fires() {
    let mut program = ticking(1);
    program.nodes[0].handlers[0].trigger = Trigger::Timer { period: Nanos::MAX };
    let mut engine = Interpreter::new(program, Nanos(1), 0).unwrap();
    engine.advance(Nanos::MAX, &mut vec![], &mut Pool::default());
    assert!(engine.state(0, 0).is_empty());
}

#[test]
fn init_runs_once_before_all_else_at_the_start() {
    let mut program = ticking(10);
    program.nodes[0].handlers[0].trigger = Trigger::Init;
    let mut engine = Interpreter::new(program, Nanos::from_millis(5), 0).unwrap();
    let before = engine.state(0, 0);
    engine.advance(Nanos::from_millis(500), &mut vec![], &mut Pool::default());
    assert_eq!(engine.state(0, 0), before);
    assert_eq!(before[0].value[..9], [1, 0, 0, 0, 0, 0, 0, 0, 0x40]);
}

#[test]
fn logs_are_limited_counted_and_taken() {
    let site = LogSite {
        alert: true,
        text: vec!["from ".into(), String::new()],
        views: vec![View::Ip4],
        limit_per_s: Some(1),
    };
    let body = vec![StmtKind::Log(0, vec![field("ip.src")]), send(P, 1)];
    let mut node = node("n", 2, vec![on(0, tcp(), &[], body)]);
    node.log_sites = vec![site];
    let mut host = Host::new(alone(node));
    for ms in [0, 1, 2, 1000] {
        host.feed(ms, 0, tcp_packet());
    }
    let lines = host.engine.take_logs();
    assert_eq!(lines.len(), 2);
    assert_eq!((&*lines[0].text, lines[0].alert), ("from 10.0.0.1", true));
    assert_eq!(lines[1].time, Nanos::from_millis(1000));
    assert!(host.engine.take_logs().is_empty());
    assert_eq!(host.engine.report().nodes[0].logs, [(2, 2)]);
}

#[test]
fn malformed_programs_and_impossible_state_are_refused() {
    let bad = alone(node("n", 1, vec![on(0, tcp(), &[8], vec![assign(0, number(9, 0))])]));
    assert!(matches!(Interpreter::new(bad, Nanos::ZERO, 0), Err(StartError::Invalid(_))));
    let mut node = node("n", 1, vec![]);
    node.states = vec![spec(StateKind::Array { len: 0 }, &[], &[8])];
    let error = Interpreter::new(alone(node), Nanos::ZERO, 0).err().unwrap();
    assert!(matches!(&error, StartError::State { node, .. } if node == "n"), "{error}");
}

/// Counts copies, which no report shows.
#[derive(Default)]
struct Copies(u64);

impl Observer for Copies {
    fn observe(&mut self, seen: Seen<'_>) {
        self.0 += u64::from(matches!(seen, Seen::Copied { .. }));
    }
}

/// All packets that came to be, and all that came to an end.
fn balance(report: &Report, copies: u64) -> (u64, u64) {
    let packets =
        |traffic: &[crate::engine::Traffic]| traffic.iter().map(|t| t.packets).sum::<u64>();
    let of_nodes = |count: &dyn Fn(&crate::engine::NodeReport) -> u64| {
        report.nodes.iter().map(count).sum::<u64>()
    };
    let ended = packets(&report.sent)
        + report.unconnected
        + report.discarded
        + of_nodes(&|n| n.drops.iter().sum::<u64>() + n.consumed + n.discarded);
    (packets(&report.received) + copies, ended)
}

/// A node with random packet statements in random order.
fn random_node(rng: &mut Rng, nodes: u32, name: &str) -> Node {
    let body = |rng: &mut Rng| {
        let register = |rng: &mut Rng| crate::ir::PacketId(rng.below(3) as u32);
        let some = 2 + rng.below(6);
        (0..some)
            .map(|_| match rng.below(6) {
                0 | 1 => StmtKind::Copy(register(rng), register(rng)),
                2 => StmtKind::Drop(register(rng), 6),
                3 => {
                    let index = cast(64, field("ip.ttl"));
                    StmtKind::Send {
                        packet: register(rng),
                        first_port: 0,
                        index: Some(index),
                        count: 3,
                    }
                }
                _ => send(register(rng), rng.below(4) as u32),
            })
            .collect()
    };
    let mut node =
        node(name, 4, vec![on(0, tcp(), &[], body(rng)), on(1, HeaderSet::EMPTY, &[], body(rng))]);
    for wire in &mut node.wires {
        *wire = match rng.below(6) {
            0 => Dest::Out(rng.below(2) as u32),
            1 => Dest::Discard,
            2 => Dest::Unconnected,
            _ => Dest::Node(rng.below(nodes.into()) as u32, rng.below(4) as u32),
        };
    }
    node
}

#[test]
fn every_packet_is_accounted_for() {
    for seed in 0..200 {
        let mut rng = Rng::new(seed);
        let nodes = (0..4).map(|i| random_node(&mut rng, 4, &format!("n{i}"))).collect();
        let program = Program {
            name: "random".into(),
            ports: vec!["a".into(), "b".into()],
            ingress: vec![Dest::Node(0, 0), Dest::Node(1, 1)],
            nodes,
        };
        let copies = Copies::default();
        let mut engine =
            Interpreter::with_observer(program.clone(), Nanos::ZERO, 0, copies).unwrap();
        let mut unobserved = Interpreter::new(program, Nanos::ZERO, 0).unwrap();
        let mut input = Vec::new();
        for port in [0, 1, 0] {
            let mut packet = tcp_packet();
            packet.port = port;
            input.push(packet);
        }
        let mut same = input.iter().map(|p| (**p).clone()).map(Box::new).collect();
        let (mut out, mut same_out) = (Vec::new(), Vec::new());
        engine.process(&mut input, &mut out, &mut Pool::default());
        unobserved.process(&mut same, &mut same_out, &mut Pool::default());

        let (came, ended) = balance(&engine.report(), engine.observer().0);
        assert_eq!(came, ended, "seed {seed}");
        for node in engine.report().nodes {
            let received: u64 = node.received.iter().map(|t| t.packets).sum();
            let sent: u64 = node.sent.iter().map(|t| t.packets).sum();
            let ended = sent + node.drops.iter().sum::<u64>() + node.consumed;
            assert!(ended >= received, "seed {seed}: copies only add");
        }
        assert_eq!(engine.report(), unobserved.report(), "seed {seed}: observing changes nothing");
        assert_eq!(out.len(), same_out.len());
    }
}

#[test]
fn the_balance_notices_a_lost_packet() {
    let mut report = Report::default();
    report.received.push(crate::engine::Traffic { packets: 1, bytes: 60 });
    let (came, ended) = balance(&report, 0);
    assert_ne!(came, ended);
}
