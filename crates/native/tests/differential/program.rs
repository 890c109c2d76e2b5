//! Random well-formed programs: networks of nodes with state, tables, logs and handlers.

use crate::body::{Body, Place};
use std::sync::Arc;
use trama_base::{Nanos, Rng};
use trama_lang::ir::{
    BinaryOp, Dest, Event, EventId, Expr, ExprKind, Handler, LogSite, Meta, Node, PacketId,
    Program, Stream, Table, Trigger, View, reason,
};
use trama_state::{Pattern, PatternSet, Shape, StateKind, StateSpec, WhenFull};
use trama_wire::header::{HeaderId, HeaderSet};

/// Widths that values are drawn from: the common ones more often.
const WIDTHS: [u8; 14] = [1, 1, 8, 8, 16, 32, 32, 64, 64, 128, 5, 13, 48, 63];

/// A width.
pub(crate) fn width(rng: &mut Rng) -> u8 {
    if rng.one_in(8) { rng.below(64) as u8 + 1 } else { *rng.pick(&WIDTHS) }
}

/// A program.
pub(crate) fn program(rng: &mut Rng) -> Program {
    let ports = rng.below(3) as u32 + 1;
    // Copies that run in circles are a test of their own.
    let copies = rng.one_in(2);
    let count = rng.below(3) as u32 + 1;
    let nodes: Vec<Node> = (0..count).map(|n| node(rng, n, count, ports, copies)).collect();
    let ingress = (0..ports)
        .map(|_| match rng.below(20) {
            0 => Dest::Unconnected,
            1 => Dest::Discard,
            2 => Dest::Out(rng.below(ports.into()) as u32),
            _ => {
                let n = rng.below(count.into()) as usize;
                Dest::Node(n as u32, rng.below(nodes[n].ports.len() as u64) as u32)
            }
        })
        .collect();
    let names = (0..ports).map(|n| format!("port{n}")).collect();
    Program { name: "random".into(), ports: names, ingress, nodes }
}

fn node(rng: &mut Rng, index: u32, nodes: u32, externals: u32, copies: bool) -> Node {
    // Every node has four ports, so that wires can be drawn before the other nodes exist.
    let ports = 4;
    let wires = (0..ports)
        .map(|_| match rng.below(12) {
            0 => Dest::Unconnected,
            1 => Dest::Discard,
            2..=5 => {
                let first = if copies { index + 1 } else { 0 };
                if first < nodes {
                    let to = first + rng.below(u64::from(nodes - first)) as u32;
                    Dest::Node(to, rng.below(ports) as u32)
                } else {
                    Dest::Out(rng.below(externals.into()) as u32)
                }
            }
            _ => Dest::Out(rng.below(externals.into()) as u32),
        })
        .collect();
    let mut node = Node {
        name: format!("node{index}"),
        element: "Random".into(),
        ports: (0..ports).map(|n| format!("p{n}")).collect(),
        wires,
        states: (0..rng.below(7)).map(|n| state(rng, n)).collect(),
        state_views: Vec::new(),
        tables: (0..rng.below(3)).map(|n| table(rng, n)).collect(),
        reasons: reason::BUILT_IN.iter().map(|&r| r.into()).chain(["own".into()]).collect(),
        log_sites: (0..rng.below(3)).map(|n| log_site(rng, n)).collect(),
        events: (0..rng.below(3)).map(|n| event(rng, n)).collect(),
        streams: (0..rng.below(3)).map(|n| stream(rng, n)).collect(),
        handlers: Vec::new(),
    };
    for _ in 0..=rng.below(3) {
        let trigger = packet_trigger(rng, ports as u32);
        handler(rng, &mut node, trigger, copies);
    }
    if !rng.one_in(4) {
        let (first_port, port_count) = (0, ports as u32);
        let patterns = vec![HeaderSet::EMPTY];
        let rest =
            Trigger::Packet { first_port, port_count, index_local: None, patterns, guard: None };
        handler(rng, &mut node, rest, copies);
    }
    if rng.one_in(2) {
        handler(rng, &mut node, Trigger::Init, copies);
    }
    if rng.one_in(2) {
        let period = Nanos(1 << rng.below(40));
        handler(rng, &mut node, Trigger::Timer { period }, copies);
    }
    for event in (0..node.events.len() as u32).map(EventId) {
        if !rng.one_in(4) {
            handler(rng, &mut node, Trigger::Event { event, params: Vec::new() }, copies);
        }
    }
    if rng.one_in(2) {
        handler(rng, &mut node, Trigger::Close, copies);
    }
    node
}

fn handler(rng: &mut Rng, node: &mut Node, trigger: Trigger, copies: bool) {
    let present = match &trigger {
        Trigger::Packet { patterns, .. } => {
            patterns.iter().copied().reduce(HeaderSet::intersection).unwrap_or_default()
        }
        _ => HeaderSet::EMPTY,
    };
    let place = Place { node, in_event: matches!(trigger, Trigger::Event { .. }) };
    let input = matches!(trigger, Trigger::Packet { .. });
    let registers = if input { rng.below(3) as u32 + 1 } else { rng.below(2) as u32 };
    let mut body = Body::new(rng, place, registers, copies);
    body.present.iter_mut().take(1).for_each(|p| *p = present);
    let params = match &trigger {
        Trigger::Event { event, .. } => body.results(&node.events[event.0 as usize].shape),
        _ => Vec::new(),
    };
    let mut statements = body.statements(3, 10);
    if input {
        statements.extend(body.ending(PacketId(0)));
    }
    let locals = body.locals;
    let trigger = match trigger {
        Trigger::Packet { first_port, port_count, patterns, .. } => {
            let index_local = rng
                .one_in(2)
                .then(|| trama_lang::ir::LocalId(rng.below(locals.len() as u64) as u32));
            let guard = rng.one_in(4).then(|| guard(rng));
            Trigger::Packet { first_port, port_count, index_local, patterns, guard }
        }
        Trigger::Event { event, .. } => Trigger::Event { event, params },
        other => other,
    };
    let span = trama_lang::source::Span::default();
    node.handlers.push(Handler { trigger, locals, packets: registers, body: statements, span });
}

/// Something about the input that is true now and then.
fn guard(rng: &mut Rng) -> Expr {
    let input = PacketId(0);
    let offset = Expr { kind: ExprKind::Const(rng.below(12).into()), width: 32 };
    let read = match rng.below(3) {
        0 => ExprKind::Payload(input, Box::new(offset)),
        1 => ExprKind::Meta(input, Meta::Proto),
        _ => ExprKind::Field(input, HeaderId::IP.field("ttl").expect("a field")),
    };
    let limit = Expr { kind: ExprKind::Const(rng.below(256).into()), width: 8 };
    let operands = [Expr { kind: read, width: 8 }, limit].map(Box::new);
    let [a, b] = operands;
    Expr { kind: ExprKind::Binary(BinaryOp::LeU, a, b), width: 1 }
}

fn packet_trigger(rng: &mut Rng, ports: u32) -> Trigger {
    let first_port = rng.below(ports.into()) as u32;
    let port_count = rng.below(u64::from(ports - first_port)) as u32 + 1;
    let sets: [&[HeaderId]; 10] = [
        &[],
        &[],
        &[HeaderId::ETH],
        &[HeaderId::IP],
        &[HeaderId::IP, HeaderId::TCP, HeaderId::L4],
        &[HeaderId::IP, HeaderId::UDP, HeaderId::L4],
        &[HeaderId::L4],
        &[HeaderId::IP6],
        &[HeaderId::ICMP, HeaderId::INNER],
        &[HeaderId::VLAN],
    ];
    let patterns = (0..=rng.below(3))
        .map(|_| {
            let start = if rng.one_in(3) { HeaderSet::EMPTY } else { HeaderSet::of(HeaderId::ETH) };
            rng.pick(&sets).iter().fold(start, |set, &id| set.with(id))
        })
        .collect();
    Trigger::Packet { first_port, port_count, index_local: None, patterns, guard: None }
}

fn state(rng: &mut Rng, n: u64) -> StateSpec {
    let leaves =
        |rng: &mut Rng, most: u64| Shape((0..rng.below(most + 1)).map(|_| width(rng)).collect());
    let expire = rng.one_in(2).then(|| Nanos(1 << rng.below(36)));
    let capacity = rng.below(6) as u32 + 1;
    let evicts = rng.one_in(2);
    let when_full = if evicts { WhenFull::EvictOldest } else { WhenFull::Refuse };
    let none = Shape::default;
    let seed = rng.below(3);
    let (kind, key, value) = match rng.below(17) {
        0..=3 => {
            // Large enough, now and then, for its entries to be prefetched.
            let capacity = if rng.one_in(3) { 5_000 } else { capacity };
            let kind = StateKind::Map { capacity, expire, when_full };
            (kind, leaves(rng, 5), leaves(rng, 4))
        }
        4 => {
            let mut value = leaves(rng, 4);
            value.0.push(width(rng));
            (StateKind::Array { len: capacity }, none(), value)
        }
        5 => (StateKind::Counter { len: capacity }, none(), none()),
        6 => (StateKind::Pool { size: capacity, expire }, none(), none()),
        7 => {
            let address_bits = *rng.pick(&[32, 128]);
            let kind = StateKind::Lpm { address_bits, capacity };
            (kind, Shape(vec![address_bits]), leaves(rng, 3))
        }
        8 => {
            let key = leaves(rng, 3);
            let capacity = if key.0.is_empty() { 1 } else { capacity };
            let (rate_per_s, burst) = (1 << rng.below(30), rng.below(100) + 1);
            (StateKind::Bucket { capacity, rate_per_s, burst }, key, none())
        }
        9 => (StateKind::Maglev { table_size: 13, capacity }, leaves(rng, 3), none()),
        10 | 11 => {
            let (width, depth) = (rng.below(20) as u32 + 1, rng.below(4) as u32 + 1);
            let conservative = rng.one_in(2);
            (StateKind::Sketch { width, depth, conservative, seed }, leaves(rng, 4), none())
        }
        12 => {
            let kind = StateKind::Bloom { capacity, error_ppm: 1 << rng.below(18), seed };
            (kind, leaves(rng, 3), none())
        }
        13 => {
            let mut value = leaves(rng, 4);
            value.0.push(width(rng));
            (StateKind::Ring { capacity, when_full }, none(), value)
        }
        14 => {
            let window_bytes = rng.below(60) as u32 + 1;
            let kind = StateKind::Streams { capacity, window_bytes, expire, when_full };
            (kind, leaves(rng, 3), none())
        }
        15 => {
            let precision = rng.below(6) as u8;
            let kind = StateKind::Histogram { capacity, precision, expire, when_full };
            (kind, leaves(rng, 3), none())
        }
        _ => (StateKind::Patterns(patterns(rng)), none(), none()),
    };
    StateSpec { name: format!("state{n}"), kind, key, value }
}

fn leaves(rng: &mut Rng) -> (Shape, Vec<(String, View)>) {
    let shape: Vec<u8> = (0..rng.below(5)).map(|_| width(rng)).collect();
    let views = (0..shape.len()).map(|n| (format!("leaf{n}"), View::Uint)).collect();
    (Shape(shape), views)
}

fn event(rng: &mut Rng, n: u64) -> Event {
    let (shape, views) = leaves(rng);
    // Room for whole chains, now and then.
    let capacity = if rng.one_in(16) { 3_000 } else { rng.below(6) as u32 + 1 };
    Event { name: format!("event{n}"), capacity, shape, views }
}

fn stream(rng: &mut Rng, n: u64) -> Stream {
    let (shape, views) = leaves(rng);
    Stream { name: format!("stream{n}"), shape, views }
}

/// Patterns that occur now and then: short ones, of the bytes that payloads have.
fn patterns(rng: &mut Rng) -> Arc<PatternSet> {
    let patterns = (0..=rng.below(70))
        .map(|_| {
            let bytes: Vec<u8> = (0..=rng.below(2)).map(|_| rng.below(256) as u8).collect();
            let offset = rng.below(3) as u32;
            let depth = rng.one_in(3).then(|| bytes.len() as u32 + rng.below(40) as u32);
            Pattern { bytes, nocase: rng.one_in(2), offset, depth }
        })
        .collect();
    Arc::new(PatternSet::new(patterns).expect("they are short and not empty"))
}

fn table(rng: &mut Rng, n: u64) -> Table {
    let columns: Vec<u8> = (0..=rng.below(3)).map(|_| width(rng)).collect();
    let rows = (0..rng.below(6))
        .map(|_| columns.iter().map(|&width| crate::expr::constant(rng, width)).collect())
        .collect();
    Table { name: format!("table{n}"), columns, rows }
}

fn log_site(rng: &mut Rng, n: u64) -> LogSite {
    let views: Vec<View> = (0..rng.below(3)).map(|_| View::Uint).collect();
    LogSite {
        alert: rng.one_in(2),
        text: (0..=views.len()).map(|part| format!("site {n} part {part} ")).collect(),
        views,
        limit_per_s: rng.one_in(2).then(|| rng.below(20)),
    }
}
