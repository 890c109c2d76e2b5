//! Any bytes are read as a capture; what is read can be written and read again.

use crate::CANARY;
use trama_wire::Packet;
use trama_wire::capture::{Reader, Record, Writer};

/// Runs the target.
pub fn run(data: &[u8]) {
    let Ok(mut reader) = Reader::new(data) else { return };
    let mut records = Vec::new();
    // Every record takes some bytes of the file, so there is an end.
    while let Ok(Some(record)) = reader.next() {
        let packet = Packet::new(record.data);
        assert_eq!(packet.bytes(), record.data);
        assert!(packet.layout().end as usize <= packet.len(), "{:?}", packet.layout());
        let _ = packet.describe().to_string();
        records.push((record.time, record.wire_len, record.interface, record.data.to_vec()));
        assert!(records.len() <= data.len(), "more records than bytes");
    }
    let names: Vec<&str> = reader.interfaces().iter().map(|_| "any").collect();
    // The frames of the seeds are whole.
    let cut = records.iter().any(|(_, wire_len, _, data)| *wire_len as usize != data.len());
    assert!(!(CANARY && cut), "the planted fault");
    let mut writer = Writer::pcapng(Vec::new(), &names).expect("a vector takes all");
    for (time, wire_len, interface, data) in &records {
        let (time, wire_len, interface) = (*time, *wire_len, *interface);
        writer.write(&Record { time, wire_len, interface, data }).expect("a vector takes all");
    }
    let written = writer.finish().expect("a vector takes all");
    let mut again = Reader::new(&written[..]).expect("it was written well");
    for expected in &records {
        let found = again.next().expect("it was written well").expect("there is another");
        let found = (found.time, found.wire_len, found.interface, found.data);
        assert_eq!(found, (expected.0, expected.1, expected.2, &expected.3[..]));
    }
    assert!(again.next().expect("it was written well").is_none());
}
