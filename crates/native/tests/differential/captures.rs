//! Recorded traffic through random programs.

use crate::{IDLE, program};
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use trama_base::{Nanos, Rng};
use trama_native::differential::compare;
use trama_wire::Packet;
use trama_wire::capture::Reader;

/// Programs for each file.
const PROGRAMS: u64 = 3;
/// Packets of each file.
const PACKETS: usize = 150;

/// Where the captures lie: beside the checkout, or where `TRAMA_CAPTURES` says.
fn captures() -> Vec<PathBuf> {
    let usual = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/captures");
    let folder = PathBuf::from(std::env::var("TRAMA_CAPTURES").unwrap_or(usual.into()));
    let Ok(entries) = folder.read_dir() else {
        println!("skipped: no captures at {} (TRAMA_CAPTURES names the folder)", folder.display());
        assert!(
            std::env::var("TRAMA_REQUIRE_LIVE").as_deref() != Ok("1"),
            "TRAMA_REQUIRE_LIVE=1 permits no skipped test"
        );
        return Vec::new();
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let is_capture = |path: &PathBuf| {
        path.extension().is_some_and(|e| e == "pcap" || e == "pcapng" || e == "cap")
    };
    let mut found: Vec<PathBuf> = paths.filter(is_capture).collect();
    found.sort();
    found
}

/// The first packets of a file, whatever its link type: to a parser, bytes are bytes.
fn packets(path: &Path, ports: u32) -> Vec<Packet> {
    let file = BufReader::new(File::open(path).expect("the file is there"));
    let Ok(mut reader) = Reader::new(file) else { return Vec::new() };
    let mut packets = Vec::new();
    while let Ok(Some(record)) = reader.next() {
        let mut packet = Packet::new(record.data);
        packet.time = record.time;
        packet.port = packets.len() as u32 % ports;
        packets.push(packet);
        if packets.len() == PACKETS {
            break;
        }
    }
    packets
}

#[test]
fn random_programs_agree_on_recorded_traffic() {
    let mut total = 0;
    for (n, path) in (0_u64..).zip(captures()) {
        for seed in n * PROGRAMS..(n + 1) * PROGRAMS {
            let program = Arc::new(program::program(&mut Rng::stream(seed, "captures")));
            let packets = packets(&path, program.ports.len() as u32);
            let start = packets.first().map_or(Nanos::ZERO, |packet| packet.time);
            if let Err(mismatch) = compare(&program, start, &packets, IDLE) {
                panic!("program {seed} on {}: {mismatch}", path.display());
            }
            total += packets.len();
        }
    }
    println!("{total} packets");
}
