//! Times of handshakes and DNS answers are those of tshark.

use super::tshark::{Proto, Seen};
use super::{CAPTURES, Capture, Columns, program, records};
use std::collections::BTreeMap;

/// What differs, and why it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// A SYN, SYN-ACK or question came twice: tshark takes one of them.
    Repeated,
    /// The ACK is not the client's next segment, so that its time holds a pause or a loss.
    NotNext,
    /// The SYN was refused: tshark takes the RST for an answer.
    Refused,
    /// The server's segments are not in the capture: tshark does without the SYN-ACK.
    OneWay,
    /// Times go back in the capture: in a program, time stands still then.
    Unordered,
    /// The answer came later than the element waits.
    Late,
}

fn id(columns: &Columns) -> String {
    let names = ["client", "client_port", "server", "server_port"];
    names.map(|name| columns[name].as_str()).join(" ")
}

fn latency(columns: &Columns) -> u64 {
    columns["latency"].parse().expect("a duration")
}

/// Segments from a client with these flags among SYN, ACK and RST.
fn count(capture: &Capture, id: &str, wanted: u32) -> usize {
    let has = |p: &&Seen| match p.proto {
        Proto::Tcp { flags, .. } => p.id == id && flags & 0x16 == wanted,
        _ => false,
    };
    capture.packets.iter().filter(has).count()
}

/// Handshakes timed by both, differences by kind, and those of no kind.
fn handshakes(capture: &Capture, samples: &[Columns]) -> (usize, Vec<Kind>, Vec<String>) {
    let mut ours: BTreeMap<String, Vec<(&str, u64)>> = BTreeMap::new();
    for sample in samples.iter().filter(|s| s["kind"] != "DnsServer") {
        ours.entry(id(sample)).or_default().push((&sample["kind"], latency(sample)));
    }
    let mut theirs: BTreeMap<String, u64> = BTreeMap::new();
    for packet in &capture.packets {
        let opens = matches!(packet.proto, Proto::Tcp { flags, .. } if flags & 0x12 == 2);
        let mut of_stream = capture.packets.iter().filter(|p| {
            p.stream.map(|s| s.0) == packet.stream.map(|s| s.0) && p.proto.number() == 6
        });
        if let Some(time) = of_stream.find_map(|p| p.handshake).filter(|_| opens) {
            theirs.entry(packet.id.clone()).or_insert(time);
        }
    }
    let (mut same, mut kinds, mut wrong) = (0, Vec::new(), Vec::new());
    for (id, time) in &theirs {
        let own = ours.remove(id).unwrap_or_default();
        if let [("TcpServer", to), ("TcpClient", back)] = own[..]
            && to + back == *time
        {
            same += 1;
            continue;
        }
        let back = super::reversed(id);
        let answers = count(capture, &back, 0x12);
        match () {
            () if count(capture, id, 2) > 1 || answers > 1 => kinds.push(Kind::Repeated),
            () if answers == 0 && count(capture, &back, 0x14) > 0 => kinds.push(Kind::Refused),
            () if answers == 0 => kinds.push(Kind::OneWay),
            () if capture.between(id).any(|p| p.is_early) => kinds.push(Kind::Unordered),
            () if matches!(own[..], [("TcpServer", _)]) => kinds.push(Kind::NotNext),
            () => wrong.push(format!("{} {id}: {own:?}, but tshark {time}", capture.name)),
        }
    }
    // Without an ACK there is the server's half alone; without a SYN there is nothing.
    for (id, own) in ours.iter().filter(|(_, own)| own.len() > 1) {
        wrong.push(format!("{} {id}: {own:?}, but tshark nothing", capture.name));
    }
    (same, kinds, wrong)
}

/// The same of DNS answers.
fn answers(capture: &Capture, samples: &[Columns]) -> (usize, Vec<Kind>, Vec<String>) {
    let mut ours: BTreeMap<(String, String), u64> = BTreeMap::new();
    for sample in samples.iter().filter(|s| s["kind"] == "DnsServer") {
        ours.insert((sample["ts"].clone(), super::reversed(&id(sample))), latency(sample));
    }
    let (mut same, mut kinds, mut wrong) = (0, Vec::new(), Vec::new());
    let on_ports = |p: &&Seen| [p.sport, p.dport].iter().any(|port| matches!(port, 53 | 5353));
    for packet in capture.packets.iter().filter(|p| p.proto == Proto::Udp).filter(on_ports) {
        let Some(time) = packet.answered else { continue };
        let own = ours.remove(&(packet.time.to_string(), packet.id.clone()));
        let question = super::reversed(&packet.id);
        let asked = capture.packets.iter().filter(|p| p.id == question && p.dns == packet.dns);
        match own {
            Some(own) if own == time => same += 1,
            None if asked.count() > 1 => kinds.push(Kind::Repeated),
            None if time > 30_000_000_000 => kinds.push(Kind::Late),
            _ => wrong.push(format!("{} {}: {own:?}, but tshark {time}", capture.name, packet.id)),
        }
    }
    wrong.extend(ours.iter().map(|own| format!("{} {own:?}, but tshark nothing", capture.name)));
    (same, kinds, wrong)
}

/// Handshakes and answers with the same times, differences by kind, and those of no kind.
type Comparison = ([usize; 2], BTreeMap<Kind, usize>, Vec<String>);

fn compare(element: &str) -> Option<Comparison> {
    let program = program(element, "");
    let (mut same, mut kinds, mut wrong) = ([0; 2], BTreeMap::new(), Vec::new());
    for capture in CAPTURES.as_ref()? {
        let mut samples = records(&program, capture);
        samples.retain(|columns| columns.contains_key("latency"));
        let found = [handshakes(capture, &samples), answers(capture, &samples)];
        for (at, (count, of, differences)) in found.into_iter().enumerate() {
            same[at] += count;
            of.into_iter().for_each(|kind| *kinds.entry(kind).or_default() += 1);
            wrong.extend(differences);
        }
    }
    Some((same, kinds, wrong))
}

#[test]
fn times_are_those_of_tshark() {
    let Some((same, kinds, wrong)) = compare("LatencyMonitor") else { return };
    println!("{} handshakes, {} DNS answers, differences {kinds:?}", same[0], same[1]);
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
    assert!(same[0] > 20 && same[1] > 3, "{same:?}");
}

/// The negative control.
#[test]
fn wrong_times_are_found_out() {
    let files = trama_lang::library::FILES;
    let (_, text) = files.iter().find(|(name, _)| *name == "LatencyMonitor").expect("it is there");
    let faults = [
        ("now - answered, h.answered_again", "now - h.asked, h.answered_again"),
        ("now - q.asked, q.asked_again", "now - q.asked + 1ns, q.asked_again"),
    ];
    for (right, wrong) in faults {
        let broken = text.replace(right, wrong);
        assert_ne!(broken, *text, "{right}: broken on purpose");
        let Some((_, _, found)) = compare(&broken) else { return };
        assert!(!found.is_empty(), "`{right}` as `{wrong}` is not found");
    }
}
