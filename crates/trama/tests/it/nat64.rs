//! Nat64 does with bundled packets what TAYGA, a stateless translator, did with them.

use crate::captures::{feed, frames, project};
use std::sync::Arc;
use trama_base::Nanos;
use trama_lang::compile::{Options, Unit};
use trama_lang::files::NoFiles;
use trama_native::NativeEngine;
use trama_wire::Packet;
use trama_wire::header::HeaderId;

/// Outputs of the network translator from behind the link headers, as TAYGA would write them: it
/// forbids fragmentation of everything that is no fragment, where RFC 7915 (section 5.1) gives
/// short packets an identification instead.
fn translated(public: &str) -> Vec<Vec<u8>> {
    let text = format!(
        "network n {{ port six, four\n \
         six <-> Nat64(public: {public}, pref64: 2001:db8:64::) <-> four }}"
    );
    let mut unit = Unit::parse("nat64.trama", &text, &NoFiles);
    let checked = unit.check(&Options::default(), &NoFiles);
    let program = checked.program.unwrap_or_else(|| panic!("{:?}", checked.diagnostics));
    let mut engine = NativeEngine::new(Arc::new(program), Nanos::ZERO, 1).expect("it runs");
    let mut input = Vec::new();
    for (port, name) in [(0, "nat64-six.pcap"), (1, "nat64-four.pcap")] {
        let path = project("examples/captures").join(name);
        let file = frames(&path).expect("it is a sound capture");
        input.extend(file.into_iter().map(|(time, frame)| (port, time, frame)));
    }
    let field = |name| HeaderId::IP.field(name).expect("the header table has it");
    let output = feed(&mut engine, &input).into_iter().map(|(_, _, frame)| {
        let mut packet = Packet::new(&frame);
        if packet.get(field("mf")) == 0 && packet.get(field("frag")) == 0 {
            packet.set(field("df"), 1);
            packet.set(field("id"), 0);
        }
        packet.bytes()[14..].to_vec()
    });
    output.collect()
}

/// What each of two translators made alone, and how much both made.
fn differences(public: &str) -> (Vec<Vec<u8>>, Vec<Vec<u8>>, usize) {
    let mut ours = translated(public);
    let path = project("examples/captures/nat64-tayga.pcap");
    let mut theirs = Vec::new();
    let mut common = 0;
    for (_, frame) in frames(&path).expect("it is a sound capture") {
        match ours.iter().position(|packet| packet[..] == frame[14..]) {
            Some(at) => {
                ours.swap_remove(at);
                common += 1;
            }
            None => theirs.push(frame[14..].to_vec()),
        }
    }
    (ours, theirs, common)
}

#[test]
fn another_translator_does_the_same() {
    let (ours, theirs, common) = differences("198.51.100.7");
    assert!(theirs.is_empty(), "{theirs:02x?}");
    assert_eq!(common, 43);
    // What TAYGA leaves out: errors about unreachable addresses and about parameters, and the
    // checksum of a UDP datagram that has none.
    let kinds: Vec<(u8, u8)> = ours
        .iter()
        .map(|packet| match packet[0] >> 4 {
            4 => (packet[9], packet[20]),
            _ => (packet[6], packet[40]),
        })
        .collect();
    let count = |kind| kinds.iter().filter(|found| **found == kind).count();
    assert_eq!(count((1, 3)), 1, "address unreachable becomes host unreachable");
    assert_eq!(count((1, 12)), 6, "parameter problems of IPv6");
    assert_eq!(count((58, 4)), 8, "parameter problems of IPv4");
    assert_eq!(kinds.iter().filter(|kind| kind.0 == 17).count(), 1, "the checksum is computed");
    assert_eq!(ours.len(), 16);
}

/// The negative control: a translator to another address makes nothing that is the same.
#[test]
fn another_address_is_another_translation() {
    let (_, theirs, common) = differences("198.51.100.8");
    assert_eq!((theirs.len(), common), (43, 0));
}
