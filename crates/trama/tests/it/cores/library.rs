//! Every element of the library on several cores: the same as on one, or the objects that keep it.

use super::{captures_in_a_row, compare, program};
use std::collections::BTreeSet;
use trama_lang::cores::{Options, divide};

/// Each element in a network with two ports, and the objects that keep it on one core, those aside
/// whose keys only come out of these.
const ELEMENTS: &[(&str, &str, &[&str])] = &[
    (
        "ArpResponder",
        "lan <-> ArpResponder(owned: 192.168.0.0/16, mac: 02:00:00:00:00:01) <-> wan",
        &[],
    ),
    (
        "Classifier",
        "let c = Classifier(rules: [ClassRule { proto: 6, src: 0.0.0.0/0, dst: 0.0.0.0/0, \
        port_low: 0, port_high: 1023, class: 1 }])\n lan <-> c.all\n c.class[1] <-> wan",
        &[],
    ),
    ("ConnectionLimiter", "lan <-> ConnectionLimiter(connections: 3) <-> wan", &[]),
    ("Counter", "lan <-> Counter <-> wan", &[]),
    ("DhcpGuard", "let g = DhcpGuard(ports: 1)\n lan <-> g.host[0]\n g.net[0] <-> wan", &[]),
    ("DnsMonitor", "lan <-> DnsMonitor(long_name: 20) <-> wan", &["by_client", "by_client6"]),
    ("Entropy", "lan <-> Entropy(every: 3s) <-> wan", &[]),
    ("Firewall", "lan <-> Firewall <-> wan", &[]),
    ("Firewall6", "lan <-> Firewall6 <-> wan", &["soliciting", "fragments"]),
    ("FlowExporter", "lan <-> FlowExporter <-> wan", &["free", "entries", "sides"]),
    ("GreTunnel", "lan <-> GreTunnel(local: 192.0.2.1, remote: 192.0.2.2) <-> wan", &[]),
    ("HeavyHitters", "lan <-> HeavyHitters(limit: 1kB) <-> wan", &[]),
    ("HeavyHittersSketch", "lan <-> HeavyHittersSketch(limit: 1kB) <-> wan", &["counts"]),
    ("LatencyMonitor", "lan <-> LatencyMonitor <-> wan", &["totals"]),
    ("IcmpResponder", "lan <-> IcmpResponder(address: 192.168.1.1) <-> wan", &[]),
    (
        "Ids",
        "lan <-> Ids(rules: [IdsRule { id: 1, action: Alert, proto: 6, direction: Inward, \
        sport_low: 0, sport_high: 65535, dport_low: 0, dport_high: 65535, pattern: b\"GET\", \
        nocase: true, offset: 0, depth: 0, message: b\"get\" }]) <-> wan",
        &[],
    ),
    (
        "Interface",
        "lan <-> Interface(address: 192.168.1.1, subnet: 192.168.1.0/24, \
        mac: 02:00:00:00:00:01) <-> wan",
        &["errors"],
    ),
    (
        "LearningBridge",
        "let b = LearningBridge(ports: 2)\n lan <-> b.lan[0]\n b.lan[1] <-> wan",
        &["addresses"],
    ),
    (
        "LpmRouter",
        "let r = LpmRouter(ports: [\
        RouterPort { address: 10.0.0.1, mac: 02:00:00:00:00:01, mtu: 1500 }, \
        RouterPort { address: 10.1.0.1, mac: 02:00:00:00:01:01, mtu: 1500 }], \
        routes: [Route { prefix: 0.0.0.0/0, port: 1, station: 02:00:00:00:01:02 }])\n \
        lan <-> r.net[0]\n r.net[1] <-> wan",
        &["errors"],
    ),
    (
        "Maglev",
        "lan <-> Maglev(service: 192.168.1.1, \
        backends: [Backend { address: 10.0.0.1, weight: 1 }]) <-> wan",
        &[],
    ),
    (
        "Nat",
        "lan <-> Nat(public: 203.0.113.7) <-> wan",
        &["udp_ports", "tcp_ports", "tcp_opening", "icmp_ports"],
    ),
    (
        "Nat64",
        "lan <-> Nat64(public: 203.0.113.7) <-> wan",
        &["udp_ports", "tcp_ports", "tcp_opening", "icmp_ports", "errors", "ids"],
    ),
    ("Policer", "lan <-> Policer(rate: 8kbps, burst: 4kB) <-> wan", &["tokens"]),
    ("PortScanDetector", "lan <-> PortScanDetector <-> wan", &["walks", "open", "ends"]),
    ("RateLimiter", "lan <-> RateLimiter(rate: 1kB, burst: 2kB) <-> wan", &[]),
    (
        "Sampler",
        "let s = Sampler(one_in: 3, unit: Flow)\n lan -> s.all\n \
        s.sampled -> wan\n s.rest -> discard\n wan -> discard",
        &[],
    ),
    (
        "StaticBridge",
        "let b = StaticBridge(stations: [\
        BridgeStation { station: 02:00:00:00:00:01, port: 1 }], ports: 2, flood: true)\n \
        lan <-> b.lan[0]\n b.lan[1] <-> wan",
        &[],
    ),
    ("SuperSpreader", "lan <-> SuperSpreader(limit: 2, every: 5s) <-> wan", &[]),
    ("SuperSpreaderBloom", "lan <-> SuperSpreaderBloom(limit: 2, every: 5s) <-> wan", &["seen1_"]),
    ("SynProxy", "lan <-> SynProxy(secret: 1) <-> wan", &[]),
    ("TopTalkers", "lan <-> TopTalkers(count: 2, every: 5s) <-> wan", &[]),
    (
        "TrafficMirror",
        "let m = TrafficMirror(number: 53)\n lan <-> m.a\n m.b <-> wan\n m.mirror -> discard",
        &["tokens"],
    ),
    (
        "VlanPop",
        "let v = VlanPop(id: 1)\n lan <-> v.trunk\n v.access <-> wan\n v.others -> discard",
        &[],
    ),
    ("VlanPush", "lan <-> VlanPush(id: 7) <-> wan", &[]),
    ("VxlanDecap", "lan <-> VxlanDecap(vni: 42) <-> wan", &[]),
    ("VxlanEncap", "lan <-> VxlanEncap(vni: 42, local: 192.0.2.1, remote: 192.0.2.2) <-> wan", &[]),
];

#[test]
fn every_element_of_the_library_is_the_same_or_kept() {
    let named: BTreeSet<String> = ELEMENTS.iter().map(|e| format!("{}.trama", e.0)).collect();
    let there: BTreeSet<String> =
        trama_lang::library::FILES.iter().map(|(name, _)| format!("{name}.trama")).collect();
    assert_eq!(named, there, "each element is in the list");
    let Some(frames) = captures_in_a_row(9, 150) else { return };
    for (name, body, keepers) in ELEMENTS {
        let program = program(&format!("network n {{ port lan, wan\n {body} }}"));
        let found = divide(&program, Options::default()).map_err(|blockers| {
            let direct = blockers.into_iter().filter(|blocker| !blocker.follows);
            direct.map(|blocker| blocker.state).collect::<Vec<_>>()
        });
        match found {
            Ok(division) => {
                assert!(keepers.is_empty(), "{name} is divided");
                compare(name, &program, &division, &frames);
            }
            Err(found) => assert_eq!(found, *keepers, "what keeps {name} on one core"),
        }
    }
}
