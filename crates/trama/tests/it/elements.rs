//! Elements of the library between real programs: clients, servers and those who attack them.
//!
//! Each test has its negative control: without the element, the attack arrives.

#![allow(
    clippy::disallowed_methods,
    reason = "clocks are forbidden to the pure crates; here processes are waited for"
)]

use crate::captures::skip;
use crate::live::{Box_, PATIENCE, Scratch, drops, lab, missing, nginx, run, serve, wait_for};
use std::fs::File;
use std::process::Command;
use std::time::{Duration, Instant};
use trama_base::Nanos;
use trama_lab::{Lab, LabLock, Topology};
use trama_wire::Packet;
use trama_wire::capture::{Record, Writer};
use trama_wire::header::{FieldRef, HeaderId};

/// Frames of a flood.
const FLOOD: u32 = 20_000;

/// The Ethernet address of a node's interface.
fn station(lab: &Lab, node: &str, interface: &str) -> String {
    let path = format!("/sys/class/net/{interface}/address");
    let (_, text) = run(lab, node, &["ip", "-br", "link", "show", interface]);
    let words: Vec<&str> = text.split_whitespace().collect();
    words.get(2).map_or_else(|| panic!("{path}: {text}"), |word| (*word).to_owned())
}

/// `02:00:…` as a number.
fn number(station: &str) -> u128 {
    u128::from_str_radix(&station.replace(':', ""), 16).expect("an Ethernet address")
}

fn fields(id: HeaderId, named: &[(&str, u128)]) -> (HeaderId, Vec<(FieldRef, u128)>) {
    let field =
        |(name, value): &(&str, u128)| (id.field(name).expect("the header table has it"), *value);
    (id, named.iter().map(field).collect())
}

/// A capture of SYNs from forged addresses, 10.0.0.128 and above, to port 80 of 10.0.0.2.
fn flood(path: &str, from: &str, to: &str) {
    let file = File::create(path).expect("a temporary file");
    let mut writer = Writer::pcap(std::io::BufWriter::new(file)).expect("a temporary file");
    for i in 0..FLOOD {
        let stack = [
            fields(HeaderId::ETH, &[("src", number(from)), ("dst", number(to))]),
            fields(
                HeaderId::IP,
                &[("src", u128::from(0x0a00_0080 + i % 64)), ("dst", 0x0a00_0002)],
            ),
            fields(
                HeaderId::TCP,
                &[("src", u128::from(1024 + i / 64)), ("dst", 80), ("flags", 2), ("seq", i.into())],
            ),
        ];
        let packet = Packet::build(&stack, &[]).expect("TCP stands on IPv4");
        let (data, wire_len) = (packet.bytes(), packet.len() as u32);
        let record = Record { time: Nanos(u64::from(i) * 1000), wire_len, interface: 0, data };
        writer.write(&record).expect("a temporary file");
    }
    writer.finish().expect("a temporary file");
}

/// Sends a capture out of a node's interface, as fast as it goes.
fn replay(lab: &Lab, node: &str, scratch: &Scratch, capture: &str) {
    let text = "element Replay { port from, net\n on from(p) { send p to net }\n\
                on net(p) { drop p because \"not for us\" } }\n";
    let program = scratch.file("replay.trama", text);
    let trama = env!("CARGO_BIN_EXE_trama");
    let from = format!("from={capture}");
    let command = [trama, "run", &program, "--in", &from, "--out", "net=if:eth0,af_packet"];
    let (sound, told) = run(lab, node, &command);
    assert!(sound, "{told}");
}

/// Counts what of the flood a host in the lab has seen, by tcpdump's own count.
struct Watch {
    child: trama_lab::Child,
    pcap: String,
}

impl Watch {
    fn start(lab: &Lab, node: &str, scratch: &Scratch, name: &str) -> Self {
        let pcap = scratch.0.join(name).display().to_string();
        let filter = "tcp[tcpflags] & tcp-syn != 0 and src net 10.0.0.128/25";
        let command =
            ["tcpdump", "--immediate-mode", "-i", "eth0", "-U", "-B", "65536", "-w", &pcap, filter];
        let child = serve(lab, node, &command);
        let start = Instant::now();
        while std::fs::metadata(&pcap).map_or(0, |m| m.len()) < 24 {
            assert!(start.elapsed() < PATIENCE, "tcpdump did not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { child, pcap }
    }

    fn stop(self) -> usize {
        std::thread::sleep(Duration::from_millis(300));
        Command::new("kill").arg(self.child.id().to_string()).status().expect("kill runs");
        self.child.wait().expect("tcpdump ends");
        crate::captures::frames(self.pcap.as_ref()).expect("a sound capture").len()
    }
}

/// SYNs of the flood that reach the server behind a program, and whether clients are served
/// meanwhile.
fn under_attack(name: &str, program: &str, legs: &[(&str, &str)]) -> (usize, serde_json::Value) {
    let scratch = Scratch::new(name);
    let lab = lab(name, &Topology::wire());
    let body = "x".repeat(200_000);
    let _nginx = nginx(&lab, "b", &scratch, &body);
    let program_path =
        if program.contains('{') { scratch.file("p.trama", program) } else { program.into() };
    let trama = Box_::start(&lab, &program_path, legs, "af_packet");
    let url = "http://10.0.0.2/";
    wait_for(&lab, "a", &["curl", "-sf", "-m", "2", "-o", "/dev/null", url]);
    let capture = scratch.0.join("flood.pcap").display().to_string();
    flood(&capture, &station(&lab, "a", "eth0"), &station(&lab, "b", "eth0"));
    let watch = Watch::start(&lab, "b", &scratch, "seen.pcap");
    replay(&lab, "a", &scratch, &capture);
    for _ in 0..3 {
        let (sound, text) = run(&lab, "a", &["curl", "-sf", "-m", "10", url]);
        assert!(sound && text.len() == body.len(), "{} bytes", text.len());
    }
    let (sound, report) = run(&lab, "a", &["wrk", "-t1", "-c8", "-d1s", url]);
    assert!(sound && !report.contains("Socket errors"), "{report}");
    println!("{name}: wrk {}", report.lines().find(|l| l.contains("requests in")).unwrap_or(""));
    (watch.stop(), trama.stop())
}

#[test]
fn a_flood_of_syns_ends_at_the_scrubber() {
    if let Some(why) = missing(&["nginx", "curl", "wrk", "tcpdump", "ip"]) {
        return skip(&why);
    }
    let _lock = LabLock::acquire().expect("the lock");
    let legs = [("wan", "left"), ("lan", "right")];
    let (seen, summary) = under_attack("scrub", "examples/scrubber.trama", &legs);
    assert_eq!(seen, 0, "no SYN of the flood reaches the server");
    let proxy = crate::live::node(&summary, "syn_proxy");
    let states = proxy["states"].as_array().expect("states");
    let opened = states.iter().find(|s| s["name"] == "open").expect("it is there");
    assert!(opened["inserted"].as_u64() >= Some(12), "{opened}");
    assert_eq!(drops(&summary, "syn_proxy", "no valid cookie"), 0, "real clients prove themselves");
    let bare = "network bare { port wan, lan\n wan <-> Counter <-> lan\n }\n";
    let (seen, _) = under_attack("bare", bare, &legs);
    // A busy machine loses some of it on the way.
    assert!(seen > FLOOD as usize / 10, "without it the flood arrives: {seen}");
}

/// Makes the two hosts address each other's stations, as a box in the wire needs it.
fn introduce(lab: &Lab) {
    let [six, four] = ["six", "four"].map(|node| station(lab, node, "eth0"));
    let commands: [(&str, &[&str]); 5] = [
        ("six", &["ip", "-6", "neigh", "add", "fe80::1", "lladdr", &four, "dev", "eth0"]),
        ("six", &["ip", "-6", "route", "add", "2001:db8:64::/96", "via", "fe80::1", "dev", "eth0"]),
        ("four", &["ip", "neigh", "add", "198.51.100.7", "lladdr", &six, "dev", "eth0"]),
        ("six", &["ip", "-4", "addr", "flush", "dev", "eth0"]),
        ("four", &["ip", "link", "set", "lo", "up"]),
    ];
    for (node, command) in commands {
        assert!(run(lab, node, command).0, "{command:?}");
    }
}

#[test]
fn an_ipv6_client_reaches_an_ipv4_server() {
    if let Some(why) = missing(&["nginx", "curl", "wrk", "ping", "ip"]) {
        return skip(&why);
    }
    let _lock = LabLock::acquire().expect("the lock");
    for mode in ["af_packet", "af_xdp"] {
        let scratch = Scratch::new("nat64");
        let lab = lab("nat64", &Topology::families());
        introduce(&lab);
        let body = "y".repeat(300_000);
        let _nginx = nginx(&lab, "four", &scratch, &body);
        let url = "http://[2001:db8:64::198.51.100.10]/";
        // The negative control: without a translator there is no way.
        assert!(!run(&lab, "six", &["curl", "-sf", "-g", "-m", "1", url]).0);
        let legs = [("six", "six"), ("four", "four")];
        let trama = Box_::start(&lab, "examples/nat64.trama", &legs, mode);
        wait_for(&lab, "six", &["curl", "-sf", "-g", "-m", "2", "-o", "/dev/null", url]);
        let (sound, text) = run(&lab, "six", &["curl", "-sf", "-g", "-m", "10", url]);
        assert!(sound && text == body, "{mode}: {} bytes", text.len());
        let ping = ["ping", "-6", "-c", "3", "-i", "0.2", "2001:db8:64::198.51.100.10"];
        let (sound, told) = run(&lab, "six", &ping);
        assert!(sound && told.contains("3 received"), "{told}");
        // Fragments of a ping are not translated, those of UDP are; a closed port is told.
        let (_, told) =
            run(&lab, "six", &["ping", "-6", "-c", "1", "-t", "1", "2001:db8:64::198.51.100.10"]);
        assert!(told.contains("Time exceeded"), "{told}");
        let (sound, report) = run(&lab, "six", &["wrk", "-t1", "-c8", "-d1s", url]);
        assert!(sound && !report.contains("Socket errors"), "{report}");
        println!(
            "{mode}: wrk {}",
            report.lines().find(|l| l.contains("requests in")).unwrap_or("")
        );
        let summary = trama.stop();
        let log = std::fs::read_to_string(scratch.0.join("four.log")).expect("nginx logs");
        assert!(
            !log.is_empty() && log.lines().all(|l| l.starts_with("198.51.100.7 ")),
            "translated"
        );
        assert_eq!(drops(&summary, "nat64", "no mapping"), 0, "{summary}");
    }
}

#[test]
fn addresses_come_from_dhcp_and_cannot_be_taken() {
    if let Some(why) = missing(&["dnsmasq", "udhcpc", "ping", "ip"]) {
        return skip(&why);
    }
    let _lock = LabLock::acquire().expect("the lock");
    let scratch = Scratch::new("access");
    let lab = lab("access", &Topology::access());
    let lease = scratch.0.join("leases").display().to_string();
    let dnsmasq = |node: &str, range: &str| {
        let leases = format!("--dhcp-leasefile={lease}-{node}");
        let pid = format!("--pid-file={lease}-{node}.pid");
        let range = format!("--dhcp-range={range},2m");
        let common = ["-k", "--port=0", "--user=root", "--bind-interfaces", "--interface=eth0"];
        let own = ["dnsmasq", "--no-ping", &leases, &pid, &range];
        serve(&lab, node, &[&own[..], &common].concat())
    };
    let _server = dnsmasq("server", "10.0.0.100,10.0.0.120");
    let script = scratch.file(
        "udhcpc.sh",
        "#!/bin/sh\n[ \"$1\" = bound ] && ip addr add $ip/24 dev $interface\nexit 0\n",
    );
    assert!(Command::new("chmod").args(["+x", &script]).status().expect("chmod runs").success());
    let legs = [("p0", "p0"), ("p1", "p1"), ("p2", "p2")];
    let trama = Box_::start(&lab, "examples/access.trama", &legs, "af_packet");
    let ask = ["udhcpc", "-i", "eth0", "-s", &script, "-n", "-q", "-t", "5", "-T", "1"];
    wait_for(&lab, "client", &ask);
    let ping = ["ping", "-c", "2", "-i", "0.2", "-W", "1", "10.0.0.1"];
    let (sound, told) = run(&lab, "client", &ping);
    assert!(sound, "who has asked may talk: {told}");
    // The rogue has an address that nobody gave it, takes the client's, and offers some.
    assert!(!run(&lab, "rogue", &ping).0, "an address without a lease is not heard");
    let (_, told) = run(&lab, "client", &["ip", "-4", "-br", "addr", "show", "eth0"]);
    let leased = told.split_whitespace().last().expect("an address").to_owned();
    assert!(leased.starts_with("10.0.0.1"), "{told}");
    assert!(run(&lab, "rogue", &["ip", "addr", "flush", "dev", "eth0"]).0);
    assert!(run(&lab, "rogue", &["ip", "addr", "add", &leased, "dev", "eth0"]).0);
    assert!(!run(&lab, "rogue", &ping).0, "an address of another is not heard");
    let _rogue = dnsmasq("rogue", "10.0.0.200,10.0.0.210");
    std::thread::sleep(Duration::from_millis(500));
    assert!(run(&lab, "client", &["ip", "addr", "flush", "dev", "eth0"]).0);
    assert!(run(&lab, "client", &ask).0);
    let (_, again) = run(&lab, "client", &["ip", "-4", "-br", "addr", "show", "eth0"]);
    assert!(again.contains("10.0.0.1") && !again.contains("10.0.0.2"), "the right server: {again}");
    std::thread::sleep(Duration::from_millis(500));
    let summary = trama.stop();
    assert!(drops(&summary, "guard", "ARP claim without a binding") >= 2, "{summary}");
    assert!(drops(&summary, "guard", "DHCP server on an untrusted port") >= 1, "{summary}");
    // The negative control: a plain bridge lets the rogue talk.
    let bare = "network bare { port p0, p1, p2\n let b = LearningBridge(ports: 3)\n \
                p0 <-> b.lan[0]\n p1 <-> b.lan[1]\n p2 <-> b.lan[2]\n }\n";
    let bare = Box_::start(&lab, &scratch.file("bare.trama", bare), &legs, "af_packet");
    wait_for(&lab, "rogue", &ping);
    bare.stop();
}
