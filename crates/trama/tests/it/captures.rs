//! The reference captures, which lie beside the project and are not part of it.

use std::path::PathBuf;
use trama_base::Nanos;
use trama_lang::engine::Engine;
use trama_wire::capture::{CaptureError, Reader};
use trama_wire::{Packet, Pool};

/// The folder, if it is there; says so if not, which is a failure where everything must run.
pub(crate) fn folder() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/captures");
    let folder = std::env::var_os("TRAMA_CAPTURES").map_or_else(|| beside.into(), PathBuf::from);
    if folder.join("FACTS.tsv").is_file() {
        return Some(folder);
    }
    skip(&format!("there are no reference captures in {}", folder.display()));
    None
}

/// Says that a test cannot run here. Where everything must run, that is a failure.
pub(crate) fn skip(why: &str) {
    let required = std::env::var_os("TRAMA_REQUIRE_LIVE").is_some_and(|v| v == "1");
    assert!(!required, "this test must run here, but {why}");
    println!("skipped: {why}");
}

/// A file of the project.
pub(crate) fn project(path: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(path)
}

/// The Ethernet frames of a capture with their times.
pub(crate) fn frames(path: &std::path::Path) -> Result<Vec<(Nanos, Vec<u8>)>, CaptureError> {
    let mut reader = Reader::new(std::fs::File::open(path).expect("the capture is there"))?;
    let mut frames = Vec::new();
    while let Some(record) = reader.next_ethernet()? {
        frames.push((record.time, record.data.to_vec()));
    }
    Ok(frames)
}

/// Feeds frames in batches of at most 64; returns what leaves as (port, time, bytes).
pub(crate) fn feed(
    engine: &mut dyn Engine,
    frames: &[(u32, Nanos, Vec<u8>)],
) -> Vec<(u32, Nanos, Vec<u8>)> {
    let mut pool = Pool::default();
    let (mut input, mut output, mut sent) = (Vec::new(), Vec::new(), Vec::new());
    for batch in frames.chunks(64) {
        for (port, time, frame) in batch {
            let mut packet = pool.take();
            packet.refill(frame);
            packet.port = *port;
            packet.time = *time;
            input.push(packet);
        }
        engine.process(&mut input, &mut output, &mut pool);
        for packet in output.drain(..) {
            sent.push((packet.port, packet.time, Packet::bytes(&packet).to_vec()));
            pool.give(packet);
        }
    }
    sent
}
