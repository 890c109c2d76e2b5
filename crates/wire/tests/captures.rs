//! Real captures: what tshark counts in them is what layouts say, and another parser agrees on
//! where headers are.
//!
//! The captures lie beside the checkout, or where `TRAMA_CAPTURES` says. Without them these tests
//! print that they were skipped; with `TRAMA_REQUIRE_LIVE=1` that is a failure.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;
use trama_wire::Packet;
use trama_wire::capture::{CaptureError, Reader};
use trama_wire::header::{FieldRef, HeaderId};
use trama_wire::layout::Fault;
use trama_wire::parse::protocol;

fn captures() -> Option<PathBuf> {
    let usual = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/captures");
    let path = PathBuf::from(std::env::var("TRAMA_CAPTURES").unwrap_or(usual.into()));
    if path.join("FACTS.tsv").is_file() {
        return Some(path);
    }
    assert!(
        std::env::var("TRAMA_REQUIRE_LIVE").as_deref() != Ok("1"),
        "no captures at {}",
        path.display()
    );
    println!("skipped: no captures at {} (TRAMA_CAPTURES names the folder)", path.display());
    None
}

fn field(id: HeaderId, name: &str) -> FieldRef {
    id.field(name).expect("a field of the table")
}

/// One line of FACTS.tsv.
struct Facts {
    file: String,
    ethernet: bool,
    numbers: Vec<u64>,
}

fn facts(captures: &std::path::Path) -> (Vec<String>, Vec<Facts>) {
    let text = fs::read_to_string(captures.join("FACTS.tsv")).expect("facts can be read");
    let mut lines = text.lines().map(|line| line.split('\t'));
    let names = lines.next().expect("facts have a heading").skip(2).map(str::to_owned).collect();
    let facts = lines.map(|mut columns| Facts {
        file: columns.next().expect("a file name").to_owned(),
        ethernet: columns.next() == Some("1"),
        numbers: columns.map(|n| n.parse().expect("a number")).collect(),
    });
    (names, facts.collect())
}

/// Calls `visit` with every packet of a capture: the frame and its length on the wire.
fn each_packet(path: &std::path::Path, mut visit: impl FnMut(&[u8], u32)) -> Option<CaptureError> {
    let mut reader = Reader::new(fs::File::open(path).expect("it is there")).expect("a header");
    loop {
        match reader.next() {
            Ok(Some(record)) => visit(record.data, record.wire_len),
            Ok(None) => return None,
            Err(error) => return Some(error),
        }
    }
}

/// The counts of FACTS.tsv, each from the expression that a program would use.
#[derive(Default)]
struct Counts {
    frames: u64,
    wire_bytes: u64,
    captured_bytes: u64,
    ipv4: u64,
    ipv6: u64,
    arp: u64,
    vlan: u64,
    tcp: u64,
    udp: u64,
    icmp: u64,
    syn_only: u64,
    sources: HashSet<u128>,
    tcp_flows: HashSet<[u128; 4]>,
    udp_flows: HashSet<[u128; 4]>,
}

impl Counts {
    fn add(&mut self, packet: &Packet, wire_len: u32) {
        let layout = packet.layout();
        let has = |id| layout.present.has(id);
        let get = |id: HeaderId, name: &str| packet.get(field(id, name));
        self.frames += 1;
        self.wire_bytes += u64::from(wire_len);
        self.captured_bytes += packet.len() as u64;
        self.ipv6 += u64::from(has(HeaderId::IP6));
        self.arp += u64::from(has(HeaderId::ARP));
        self.vlan += u64::from(has(HeaderId::VLAN));
        // The facts look behind one tag only, so IPv4 in stacked frames is not in them.
        if !has(HeaderId::IP) || has(HeaderId::VLAN2) {
            return;
        }
        self.ipv4 += 1;
        self.sources.insert(get(HeaderId::IP, "src"));
        // By protocol number: later fragments and cut headers count.
        self.tcp += u64::from(layout.proto == protocol::TCP);
        self.udp += u64::from(layout.proto == protocol::UDP);
        self.icmp += u64::from(layout.proto == protocol::ICMP);
        if has(HeaderId::TCP) && get(HeaderId::TCP, "flags") & 0x12 == 2 {
            self.syn_only += 1;
        }
        if get(HeaderId::IP, "frag") == 0 {
            // A TCP header that is cut stays payload, and its ports are the first bytes of it.
            // tshark shows them unless the header length is below five words.
            let bogus = layout.fault == Fault::Malformed && packet.payload_get(12, 8) >> 4 < 5;
            let ports = match has(HeaderId::L4) {
                true => [get(HeaderId::L4, "src"), get(HeaderId::L4, "dst")],
                false => [packet.payload_get(0, 16), packet.payload_get(2, 16)],
            };
            let flow = [get(HeaderId::IP, "src"), get(HeaderId::IP, "dst"), ports[0], ports[1]];
            match layout.proto {
                protocol::TCP if !bogus => self.tcp_flows.insert(flow),
                protocol::UDP => self.udp_flows.insert(flow),
                _ => false,
            };
        }
    }

    fn numbers(&self) -> Vec<u64> {
        vec![
            self.frames,
            self.wire_bytes,
            self.captured_bytes,
            self.ipv4,
            self.ipv6,
            self.arp,
            self.vlan,
            self.tcp,
            self.udp,
            self.icmp,
            self.syn_only,
            self.sources.len() as u64,
            self.tcp_flows.len() as u64,
            self.udp_flows.len() as u64,
        ]
    }
}

#[test]
fn layouts_count_what_tshark_counts() {
    let Some(captures) = captures() else { return };
    let (names, facts) = facts(&captures);
    let mut packet = Packet::default();
    let mut wrong = Vec::new();
    let mut ethernet_files = 0;
    for fact in facts.iter().filter(|fact| fact.ethernet) {
        ethernet_files += 1;
        let mut counts = Counts::default();
        let error = each_packet(&captures.join(&fact.file), |frame, wire_len| {
            packet.refill(frame);
            counts.add(&packet, wire_len);
        });
        assert!(error.is_none(), "{}: {error:?}", fact.file);
        for ((name, ours), theirs) in names.iter().zip(counts.numbers()).zip(&fact.numbers) {
            if ours != *theirs {
                wrong.push(format!("{} {name}: {ours}, tshark has {theirs}", fact.file));
            }
        }
    }
    assert!(ethernet_files > 80, "the facts name many Ethernet files");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Where another parser found headers: network, TCP, UDP.
type Places = [Option<usize>; 3];

fn ours(packet: &Packet) -> Places {
    let layout = packet.layout();
    [
        layout.start(HeaderId::IP).or(layout.start(HeaderId::IP6)),
        layout.start(HeaderId::TCP),
        layout.start(HeaderId::UDP),
    ]
}

fn theirs(frame: &[u8]) -> Places {
    use etherparse::{LaxNetSlice, LaxSlicedPacket, TransportSlice};
    let Ok(sliced) = LaxSlicedPacket::from_ethernet(frame) else { return [None; 3] };
    let at = |slice: &[u8]| Some(slice.as_ptr() as usize - frame.as_ptr() as usize);
    let network = match &sliced.net {
        Some(LaxNetSlice::Ipv4(ip)) => at(ip.header().slice()),
        Some(LaxNetSlice::Ipv6(ip)) => at(ip.header().slice()),
        _ => None,
    };
    match &sliced.transport {
        Some(TransportSlice::Tcp(tcp)) => [network, at(tcp.slice()), None],
        Some(TransportSlice::Udp(udp)) => [network, None, at(udp.slice())],
        _ => [network, None, None],
    }
}

/// Why the two parsers may differ on a packet, if there is a reason.
fn reason(packet: &Packet, ours: Places, theirs: Places) -> Option<&'static str> {
    let layout = packet.layout();
    if ours[0] != theirs[0] {
        return None;
    }
    if layout.present.has(HeaderId::UDP) && theirs[2].is_none() {
        let udp_len = packet.get(field(HeaderId::UDP, "len")) as usize;
        let at = layout.start(HeaderId::UDP)?;
        let strange = udp_len < 8 || at + udp_len > layout.end as usize;
        return strange.then_some("a strange UDP length is no reason to hide the ports");
    }
    None
}

#[test]
fn another_parser_finds_the_same_headers() {
    let Some(captures) = captures() else { return };
    let (_, facts) = facts(&captures);
    let mut packet = Packet::default();
    let mut equal = 0_u32;
    let mut explained = std::collections::BTreeMap::<&str, u32>::new();
    for fact in facts.iter().filter(|fact| fact.ethernet) {
        each_packet(&captures.join(&fact.file), |frame, _| {
            packet.refill(frame);
            let (ours, theirs) = (ours(&packet), theirs(frame));
            if ours == theirs {
                equal += 1;
                return;
            }
            let why = reason(&packet, ours, theirs);
            let why = why.unwrap_or_else(|| {
                panic!("{}: {ours:?} {theirs:?} {:?}", fact.file, packet.layout())
            });
            *explained.entry(why).or_default() += 1;
        });
    }
    println!("{equal} equal; {explained:?}");
    assert!(equal > 10_000, "{equal}");
}

#[test]
fn packets_cut_at_any_length_are_read_and_written_without_panic() {
    let Some(captures) = captures() else { return };
    let (_, facts) = facts(&captures);
    let mut packet = Packet::default();
    let mut cuts = 0_u32;
    for fact in &facts {
        // Whatever the link type: as Ethernet these are just hostile bytes.
        each_packet(&captures.join(&fact.file), |frame, _| {
            for len in 0..frame.len().min(200) {
                packet.refill(&frame[..len]);
                let layout = *packet.layout();
                assert!(layout.payload <= layout.end && layout.end <= layout.len);
                cuts += 1;
            }
            packet.refill(&frame[..frame.len().min(100)]);
            for id in packet.layout().present.iter() {
                for field in 0..id.def().fields.len() as u8 {
                    let field = FieldRef { header: id, field };
                    packet.set(field, !packet.get(field));
                }
                packet.checksum_ok(id);
            }
            packet.payload_set(0, 16, 7);
            assert!(!packet.describe().to_string().is_empty());
        });
    }
    assert!(cuts > 1_000_000, "{cuts}");
}

#[test]
fn most_checksums_of_real_packets_are_right_and_stay_so() {
    let Some(captures) = captures() else { return };
    let (_, facts) = facts(&captures);
    let mut packet = Packet::default();
    let (mut right, mut wrong) = (0_u32, 0_u32);
    let covered = [HeaderId::IP, HeaderId::TCP, HeaderId::UDP, HeaderId::ICMP, HeaderId::ICMP6];
    for fact in facts.iter().filter(|fact| fact.ethernet) {
        each_packet(&captures.join(&fact.file), |frame, _| {
            packet.refill(frame);
            let state = covered.map(|id| packet.checksum_ok(id));
            let source = if packet.layout().present.has(HeaderId::IP) {
                field(HeaderId::IP, "src")
            } else {
                field(HeaderId::IP6, "src")
            };
            packet.set(source, packet.get(source) ^ 0x1234_5678);
            packet.set(field(HeaderId::L4, "dst"), 4242);
            assert_eq!(covered.map(|id| packet.checksum_ok(id)), state, "{}", fact.file);
            for (id, ok) in covered.into_iter().zip(state) {
                if packet.layout().present.has(id) {
                    *if ok { &mut right } else { &mut wrong } += 1;
                }
            }
        });
    }
    println!("{right} right, {wrong} wrong or not whole");
    assert!(right > 10_000 && wrong > 100, "{right} right, {wrong} wrong");
}
