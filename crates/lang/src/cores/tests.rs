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

/// The firings of a program's handlers that no packet leads to.
fn firings(text: &str) -> Vec<String> {
    let program = program(text);
    let division = divide(&program, Options::default()).expect("it is divided");
    let of = |(n, h): &(usize, usize)| {
        let node = &program.nodes[*n];
        let head = crate::effects::handler_head(node, &node.handlers[*h].trigger);
        format!("{head}: {:?}", division.firings[*n][*h])
    };
    division.alone.iter().map(of).collect()
}

#[test]
fn windows_of_sums_need_no_steering() {
    let text = "query talkers = packets(ip) |> group(ip.src) window(1s) { bytes: sum(len) }
        |> top(3) by bytes |> emit
        query reached = packets(ip) |> group(ip.dst) window(1s) { n: count() } |> emit
        network n { port a, b\n a <-> talkers <-> reached <-> b }";
    check(
        text,
        expect![[r#"
            a: flow ({} {eth} {eth, ip})
            b: flow ({} {eth} {eth, ip})
            talkers.opened1_: used by timers and events only
            talkers.top2_: used by timers and events only
            talkers.rows2_: used by timers and events only
            talkers.group1_: merged when read
            reached.opened1_: used by timers and events only
            reached.group1_: merged when read
        "#]],
    );
    assert!(firings(text).iter().all(|firing| firing.ends_with("Once")));
}

#[test]
fn windows_over_divided_objects_are_on_each_core() {
    let text = "query spread = packets(ip) |> distinct(ip.src, ip.dst) window(1s)
        |> group(ip.src) window(1s) { n: count() } |> emit
        network n { port a, b\n a <-> spread <-> b }";
    check(
        text,
        expect![[r#"
        a: flow ({} {eth})
        a: ip.src ({eth, ip})
        b: flow ({} {eth})
        b: ip.src ({eth, ip})
        spread.seen1_: divided
        spread.opened1_: used by timers and events only
        spread.opened2_: used by timers and events only
        spread.group2_: divided
    "#]],
    );
    assert!(firings(text).iter().all(|firing| firing.ends_with("Everywhere")));
}

#[test]
fn events_have_the_keys_that_they_were_given() {
    check(
        "element Idle { port a, b
            state last: map<ip4, u64>[1k]
            event check(source: ip4) [1k]
            on a(p: ip) { last[p.ip.src] = p.len as u64
 generate check(p.ip.src) after 5s
 send p to b }
            on b(p: ip) { if p.ip.dst in last { send p to a } else { drop p because \"no\" } }
            on check(source) { last.remove(source) } }",
        expect![[r#"
            a: flow ({})
            a: ip.src ({eth, ip})
            b: flow ({})
            b: ip.dst ({eth, ip})
            idle.last: divided
        "#]],
    );
}

#[test]
fn what_cannot_be_done_apart_is_named() {
    let element = |rest: &str| {
        format!(
            "record R {{ n: u64 }}
            element E {{ port a, b
            state seen: map<ip4, u64>[1k]
            stream out: R
            on a(p: ip) {{ seen[p.ip.src] = seen[p.ip.src].or(0) + 1\n send p to b }}
            {rest} }}"
        )
    };
    let ranked = "every 1s { let mut rank: u64 = 0
        for (source, n) in seen { rank += 1\n emit out R { n: rank } } }";
    check(
        &element(ranked),
        expect![[r#"
        e.seen: `every 1s` would run on each core, for the entries that it has, but a round of its loop uses what an earlier round left in a variable
    "#]],
    );
    let summed = "every 1s { let mut sum: u64 = 0
        for (source, n) in seen { sum += n }\n emit out R { n: sum } }";
    check(
        &element(summed),
        expect![[r#"
        e.seen: `every 1s` would run on each core, for the entries that it has, but a round of its loop uses what an earlier round left in a variable
    "#]],
    );
    let first = "every 1s { for (source, n) in seen { emit out R { n: n }\n break } }";
    check(
        &element(first),
        expect![[r#"
        e.seen: `every 1s` would run on each core, for the entries that it has, but a round of its loop ends the loop
    "#]],
    );
    let best = "every 1s { for (source, n) in seen top 1 by n { emit out R { n: n } } }";
    check(
        &element(best),
        expect![[r#"
        e.seen: `each` in `every 1s` is not done for a packet
    "#]],
    );
    let begun = "init { seen[10.0.0.1] = 1 }
        on close { for (source, n) in seen { emit out R { n: n } } }";
    check(
        &element(begun),
        expect![[r#"
        e.seen: `init` puts entries into it, and `on close` goes through them on each core
    "#]],
    );
    let both = "event tick() [4]
        init { generate tick() after 1s }
        on b(p: ip) { generate tick() after 1s\n send p to a }
        on tick() { log \"tick\" }";
    check(
        &element(both),
        expect![[r#"
        e.tick: packets generate it, which belongs to the core of each, and so does a handler that no packet leads to
    "#]],
    );
    let fine = "on close { for (source, n) in seen { if n > 3 { emit out R { n: n } } } }";
    check(
        &element(fine),
        expect![[r#"
        a: flow ({})
        a: ip.src ({eth, ip})
        b: flow ({} {eth, ip})
        e.seen: divided
    "#]],
    );
}
