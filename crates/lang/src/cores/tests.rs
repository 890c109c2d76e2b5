use super::*;
use crate::compile::{Options as Compile, Unit};
use crate::files::NoFiles;
use expect_test::{Expect, expect};

/// The division of a program's last network or element, in words.
fn describe(text: &str, options: Options) -> String {
    let program = program(text);
    let mut out = String::new();
    match divide(&program, options) {
        Err(blockers) => {
            for b in blockers {
                out += &format!("{}.{}: {}\n", b.node, b.state, b.why);
            }
        }
        Ok(division) => {
            for (port, steering) in program.ports.iter().zip(&division.steering) {
                for (rule, classes) in steering.rules() {
                    let names: Vec<String> = classes.iter().map(|c| format!("{c:?}")).collect();
                    let which = match names.len() {
                        1..=3 => names.join(" "),
                        n => format!("{n} classes"),
                    };
                    out += &format!("{port}: {rule} ({which})\n");
                }
            }
            out += if division.symmetric { "symmetric\n" } else { "" };
            for (node, row) in program.nodes.iter().zip(&division.placements) {
                for (spec, placement) in node.states.iter().zip(row) {
                    out += &format!("{}.{}: {}\n", node.name, spec.name, placement.word());
                }
            }
        }
    }
    out
}

fn program(text: &str) -> Program {
    let mut unit = Unit::parse("test.trama", text, &NoFiles);
    let checked = unit.check(&Compile::default(), &NoFiles);
    let messages: Vec<&str> = checked.diagnostics.iter().map(|d| d.message.as_str()).collect();
    checked.program.unwrap_or_else(|| panic!("{messages:?}"))
}

fn check(text: &str, expected: Expect) {
    expected.assert_eq(&describe(text, Options::default()));
}

#[test]
fn both_directions_of_a_connection_meet() {
    check(
        "element Answers { port lan, wan
            state seen: set<Flow>[1k]
            on lan(p: ip/udp) { seen.add(p.flow)
 send p to wan }
            on wan(p: ip/udp) {
                if p.flow.reversed in seen { send p to lan } else { drop p because \"no\" }
            } }",
        expect![[r#"
            lan: flow ({})
            lan: ip.src, ip.dst, l4.src, l4.dst, ip.proto ({eth, ip, udp, l4})
            wan: flow ({})
            wan: ip.dst, ip.src, l4.dst, l4.src, ip.proto ({eth, ip, udp, l4})
            answers.seen: divided
        "#]],
    );
}

#[test]
fn the_library_is_divided_where_it_can_be() {
    check(
        "network n { port lan, wan\n lan <-> Firewall <-> wan }",
        expect![[r#"
            lan: flow (8 classes)
            lan: ip.src, ip.dst, ip.proto (28 classes)
            lan: inner.src, inner.dst, inner.proto (4 classes)
            wan: flow (8 classes)
            wan: ip.src, ip.dst, ip.proto (28 classes)
            wan: inner.src, inner.dst, inner.proto (4 classes)
            symmetric
            firewall.tcp_open: divided
            firewall.tcp_opening: divided
            firewall.udp_seen: divided
            firewall.icmp_seen: divided
            firewall.fragments: divided
        "#]],
    );
    check(
        "network n { port lan, wan\n lan <-> Nat(public: 203.0.113.7) <-> wan }",
        expect![[r#"
            nat.udp_ports: `touch` in `on lan(ip/udp)` concerns all of it
            nat.tcp_ports: `touch` in `on lan(ip/tcp)` concerns all of it
            nat.tcp_opening: `free` in `on lan(ip/tcp)` concerns all of it
            nat.icmp_ports: `touch` in `on lan(ip/icmp)` concerns all of it
            nat.udp_out: `get` in `on lan(ip/udp)` has a key that is no field of the packet as it enters the program
            nat.udp_in: `get` in `on lan(ip/udp)` has a key that is no field of the packet as it enters the program
            nat.tcp_out: `get` in `on lan(ip/tcp)` has a key that is no field of the packet as it enters the program
            nat.tcp_in: `get` in `on lan(ip/tcp)` has a key that is no field of the packet as it enters the program
            nat.icmp_out: `get` in `on lan(ip/icmp)` has a key that is no field of the packet as it enters the program
            nat.icmp_in: `get` in `on lan(ip/icmp)` has a key that is no field of the packet as it enters the program
        "#]],
    );
    check(
        "network n { port lan, wan\n lan <-> Counter <-> wan }",
        expect![[r#"
        lan: flow ({} {eth})
        wan: flow ({} {eth})
        counter.forward: merged when read
        counter.backward: merged when read
    "#]],
    );
    check(
        "network n { port a, b\n let s = LearningBridge(ports: 2)\n \
         a <-> s.lan[0]\n b <-> s.lan[1] }",
        expect![[r#"
            s.addresses: `put` in `on lan[…](eth)` is keyed by eth.src, and `get` in `on lan[…](eth)` by eth.dst of the same packets
        "#]],
    );
    check(
        "network n { port clients, servers\n clients <-> Maglev(service: 198.51.100.80, \
         backends: [Backend { address: 10.0.0.1, weight: 1 }]) <-> servers }",
        expect![[r#"
            clients: flow ({} {eth, ip, icmp} {inner_l4})
            clients: ip.src, l4.src, l4.dst, ip.proto (4 classes)
            clients: inner.dst, inner_l4.dst, inner_l4.src, inner.proto ({eth, ip, icmp, inner_l4})
            servers: flow (8 classes)
            maglev.members: same on each core
            maglev.known: same on each core
            maglev.connections: divided
            maglev.overflow: merged when read
        "#]],
    );
}

const OFFICE: &str = "network n { port lan, wan
    let inner = Interface(address: 10.0.0.1, subnet: 10.0.0.0/24, mac: 02:00:0a:00:00:01)
    let outer = Interface(address: 203.0.113.7, subnet: 203.0.113.0/24, \
        mac: 02:00:cb:00:71:07, gateway: 203.0.113.1)
    lan <-> inner <-> Firewall <-> outer.up <-> wan }";

#[test]
fn what_address_resolution_writes_is_replicated() {
    check(
        OFFICE,
        expect![[r#"
            inner.errors: `take` in `on up(ip)` concerns all of it
            outer.errors: `take` in `on up(ip)` concerns all of it
        "#]],
    );
    let split = Options { split_limits: true };
    expect![[r#"
        lan: flow (16 classes)
        lan: to all cores (16 classes)
        lan: ip.src, ip.dst, ip.proto (28 classes)
        lan: inner.src, inner.dst, inner.proto (4 classes)
        wan: flow (16 classes)
        wan: to all cores (16 classes)
        wan: ip.src, ip.dst, ip.proto (28 classes)
        wan: inner.src, inner.dst, inner.proto (4 classes)
        symmetric
        inner.neighbours: replicated
        inner.errors: a share of the rate for each core
        outer.neighbours: replicated
        outer.errors: a share of the rate for each core
        firewall.tcp_open: divided
        firewall.tcp_opening: divided
        firewall.udp_seen: divided
        firewall.icmp_seen: divided
        firewall.fragments: divided
    "#]]
    .assert_eq(&describe(OFFICE, split));
}

#[test]
fn keys_of_one_end_are_steered_by_that_end() {
    check(
        "element PerHost { port lan, wan
            state budget: bucket<ip4>[1k] rate 10 burst 10
            on lan(p: ip) {
                if budget.take(p.ip.src, 1) { send p to wan } else { drop p because \"slow\" }
            }
            on wan(p: ip) {
                if budget.take(p.ip.dst, 1) { send p to lan } else { drop p because \"slow\" }
            } }",
        expect![[r#"
            lan: flow ({})
            lan: ip.src ({eth, ip})
            wan: flow ({})
            wan: ip.dst ({eth, ip})
            per_host.budget: divided
        "#]],
    );
}

#[test]
fn what_prevents_it_is_named() {
    check(
        "element Crossed { port a, b
            state x: map<ip4, u64>[16]
            on a(p: ip) { if p.ip.dst in x { drop p because \"known\" } else { x[p.ip.src] = 1
 send p to b } } }",
        expect![[r#"
            crossed.x: `get` in `on a(ip)` is keyed by ip.dst, and `put` in `on a(ip)` by ip.src of the same packets
        "#]],
    );
    check(
        "element Twice { port a, b
            state by_source: map<ip4, u64>[16]
            state by_target: map<ip4, u64>[16]
            on a(p: ip) { by_source[p.ip.src] = 1
 by_target[p.ip.dst] = 1
 send p to b } }",
        expect![[r#"
            twice.by_source: `put` in `on a(ip)` is keyed by ip.src, which does not suit `twice.by_target`
            twice.by_target: `put` in `on a(ip)` is keyed by ip.dst, which does not suit `twice.by_source`
        "#]],
    );
    check(
        "element Chosen { port a, b
            state x: map<ip4, u64>[16]
            on a(p: ip) { let mut k = p.ip.src
 if p.ip.ttl > 9 { k = 1.1.1.1 }
 x[k] = 1
 send p to b } }",
        expect![[r#"
            chosen.x: `put` in `on a(ip)` has a key that is no field of the packet as it enters the program
        "#]],
    );
    check(
        "element Swept { port a, b
            state x: map<ip4, u64>[16]
            state ticks: counter
            on a(p: ip) { x[p.ip.src] = 1
 send p to b }
            every 1s { if x.len > 3 { log \"many\" } } }",
        expect![[r#"
            swept.x: `len` in `every 1s` is not done for a packet
        "#]],
    );
}

#[test]
fn counting_needs_no_steering() {
    check(
        "element Counts { port a, b
            state by_source: map<ip4, u64>[16]
            state largest: array<u32>[4]
            on a(p: ip) { by_source[p.ip.src] += 1
 largest[0] = max(largest[0], p.len)
 send p to b } }",
        expect![[r#"
            a: flow ({} {eth, ip})
            b: flow ({} {eth, ip})
            counts.by_source: merged when read
            counts.largest: merged when read
        "#]],
    );
    check(
        "element Sets { port a, b
            state last: array<u32>[4]
            on a(p: ip) { last[0] = p.len
 send p to b } }",
        expect![[r#"
            sets.last: `update` in `on a(ip)` meets the same entry for all packets
        "#]],
    );
}
