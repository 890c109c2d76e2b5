use super::*;
use std::io::{Cursor, Read};

/// Hands out a few bytes at a time, as a pipe may.
struct Trickle<'a>(&'a [u8]);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.0.len().min(buffer.len()).min(7);
        buffer[..n].copy_from_slice(&self.0[..n]);
        self.0 = &self.0[n..];
        Ok(n)
    }
}

type Owned = (Nanos, u32, u32, Vec<u8>);

fn read_all(bytes: &[u8]) -> (Vec<Owned>, Vec<Interface>, Option<CaptureError>) {
    let mut reader = match Reader::new(Trickle(bytes)) {
        Ok(reader) => reader,
        Err(error) => return (Vec::new(), Vec::new(), Some(error)),
    };
    let mut records = Vec::new();
    let error = loop {
        match reader.next() {
            Ok(Some(r)) => records.push((r.time, r.wire_len, r.interface, r.data.to_vec())),
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    assert!(matches!(reader.next(), Ok(None)), "nothing comes after the end or an error");
    (records, reader.interfaces().to_vec(), error)
}

fn samples() -> Vec<Owned> {
    (0_u8..6)
        .map(|i| {
            let data = vec![i; 14 + usize::from(i) * 37];
            let time = Nanos(1_700_000_000_123_456_789 + u64::from(i));
            (time, data.len() as u32 + 5, u32::from(i % 2), data)
        })
        .collect()
}

fn record(owned: &Owned) -> Record<'_> {
    Record { time: owned.0, wire_len: owned.1, interface: owned.2, data: &owned.3 }
}

fn pcapng() -> Vec<u8> {
    let mut writer = Writer::pcapng(Vec::new(), &["lan", "wan"]).unwrap();
    for sample in samples() {
        writer.write(&record(&sample)).unwrap();
    }
    writer.finish().unwrap()
}

#[test]
fn what_is_written_is_read_back() {
    let (records, interfaces, error) = read_all(&pcapng());
    assert!(error.is_none(), "{error:?}");
    assert_eq!(records, samples());
    let names: Vec<_> = interfaces.iter().map(|i| i.name.as_str()).collect();
    assert_eq!(names, ["lan", "wan"]);

    let mut writer = Writer::pcap(Vec::new()).unwrap();
    let single: Vec<_> = samples().into_iter().map(|s| (s.0, s.1, 0, s.3)).collect();
    single.iter().for_each(|sample| writer.write(&record(sample)).unwrap());
    let (records, interfaces, error) = read_all(&writer.finish().unwrap());
    assert!(error.is_none(), "{error:?}");
    assert_eq!(records, single);
    assert_eq!(interfaces, [Interface { name: String::new(), link: LinkType::ETHERNET }]);
}

#[test]
fn a_writer_refuses_an_interface_it_does_not_have() {
    let mut writer = Writer::pcap(Vec::new()).unwrap();
    let sample = (Nanos(1), 14, 1, vec![0; 14]);
    assert!(writer.write(&record(&sample)).is_err());
}

/// A record header of pcap in either byte order.
fn pcap_bytes(magic: u32, big: bool, fraction: u32, data: &[u8]) -> Vec<u8> {
    let word = |v: u32| if big { v.to_be_bytes() } else { v.to_le_bytes() };
    let half = |v: u16| if big { v.to_be_bytes() } else { v.to_le_bytes() };
    let mut bytes = Vec::new();
    bytes.extend(word(magic));
    bytes.extend(half(2));
    bytes.extend(half(4));
    for v in [0, 0, 65_535, 1, 9, fraction, data.len() as u32, data.len() as u32] {
        bytes.extend(word(v));
    }
    bytes.extend(data);
    bytes
}

#[test]
fn both_byte_orders_and_both_resolutions_of_pcap() {
    for big in [false, true] {
        for (magic, ns) in [(0xa1b2_c3d4, 500_000), (0xa1b2_3c4d, 500)] {
            let (records, _, error) = read_all(&pcap_bytes(magic, big, 500, &[1, 2, 3]));
            assert!(error.is_none(), "{error:?}");
            assert_eq!(records, [(Nanos(9_000_000_000 + ns), 3, 0, vec![1, 2, 3])]);
        }
    }
}

#[test]
fn a_file_cut_anywhere_gives_its_whole_records_and_says_so() {
    let whole = pcapng();
    let all = samples();
    for len in 0..whole.len() {
        let (records, _, error) = read_all(&whole[..len]);
        assert_eq!(records, all[..records.len()], "cut at {len}");
        match error {
            Some(CaptureError::Truncated { records: n }) => assert_eq!(n as usize, records.len()),
            Some(CaptureError::Empty) => assert_eq!(len, 0),
            None => assert!(len < whole.len(), "cut between blocks"),
            Some(other) => panic!("cut at {len}: {other}"),
        }
    }
    let file = pcap_bytes(0xa1b2_c3d4, false, 0, &[7; 40]);
    for len in 1..file.len() {
        let (records, _, error) = read_all(&file[..len]);
        assert!(records.is_empty());
        let between = len == 24;
        assert_eq!(matches!(error, Some(CaptureError::Truncated { records: 0 })), !between);
    }
}

#[test]
fn garbage_is_named() {
    let name = |bytes: &[u8]| read_all(bytes).2.expect("garbage is an error").to_string();
    assert_eq!(name(&[]), "the capture is empty: not even a file header");
    assert_eq!(
        name(b"GET / HTTP/1.1\r\nHost: a.example\r\n"),
        "neither pcap nor pcapng: the file begins with [47, 45, 54, 20]"
    );
    assert_eq!(
        name(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0]),
        "the capture is compressed with gzip: decompress it first"
    );
    let mut long = pcap_bytes(0xa1b2_c3d4, false, 0, &[7; 40]);
    long[32..36].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(name(&long).contains("claims 4294967295 bytes"), "{}", name(&long));
    let mut twisted = pcapng();
    let at = twisted.len() - 4;
    twisted[at] ^= 4;
    assert_eq!(
        name(&twisted),
        "the capture is damaged after 5 records: a block whose two lengths differ"
    );
}

fn block(kind: u32, big: bool, body: &[u8]) -> Vec<u8> {
    let word = |v: u32| if big { v.to_be_bytes() } else { v.to_le_bytes() };
    let len = body.len() as u32 + 12;
    [&word(kind)[..], &word(len), body, &word(len)].concat()
}

#[test]
fn big_endian_sections_old_blocks_and_odd_clocks() {
    let mut file = Vec::new();
    let section = [&[0x1a, 0x2b, 0x3c, 0x4d, 0, 1, 0, 0][..], &[0xff; 8]].concat();
    file.extend(block(0x0a0d_0d0a, true, &section));
    // An interface whose ticks are 2^-10 s, 100 s after the epoch, 20 bytes at most.
    let options = [0, 9, 0, 1, 0x8a, 0, 0, 0, 0, 14, 0, 8, 0, 0, 0, 0, 0, 0, 0, 100, 0, 0, 0, 0];
    file.extend(block(1, true, &[&[0, 1, 0, 0, 0, 0, 0, 20][..], &options].concat()));
    let obsolete =
        [&[0, 0, 0, 3][..], &[0, 0, 0, 0, 0, 0, 4, 0], &[0, 0, 0, 3, 0, 0, 0, 9], &[7, 8, 9, 0]];
    file.extend(block(2, true, &obsolete.concat()));
    let simple = [&[0, 0, 0, 60][..], &[5; 20]];
    file.extend(block(3, true, &simple.concat()));
    // A second section, little endian, numbers its interfaces anew.
    file.extend(pcapng());
    let (records, interfaces, error) = read_all(&file);
    assert!(error.is_none(), "{error:?}");
    let time = Nanos::from_secs(101);
    assert_eq!(records[0], (time, 9, 0, vec![7, 8, 9]));
    assert_eq!(records[1], (time, 60, 0, vec![5; 20]));
    assert_eq!(records[2].2, 1, "interfaces go on counting");
    assert_eq!(records.len(), 8);
    assert_eq!(interfaces.len(), 3);
}

#[test]
fn other_link_types_are_refused_by_name() {
    let mut file = pcap_bytes(0xa1b2_c3d4, false, 0, &[7; 40]);
    file[20] = 113;
    let mut reader = Reader::new(Cursor::new(&file)).unwrap();
    let error = reader.next_ethernet().unwrap_err().to_string();
    assert_eq!(
        error,
        "the capture holds LINUX_SLL (Linux cooked) packets; only Ethernet can be replayed"
    );
    let mut reader = Reader::new(Cursor::new(&file)).unwrap();
    assert_eq!(reader.next().unwrap().unwrap().data, [7; 40], "reading it is no problem");
}

#[test]
fn no_bytes_make_a_reader_panic() {
    let mut rng = trama_base::Rng::new(5);
    let good = [pcapng(), pcap_bytes(0xa1b2_3c4d, true, 5, &[3; 33])];
    for round in 0..3000 {
        let mut bytes = good[round % 2].clone();
        for _ in 0..1 + rng.below(6) {
            let at = rng.below(bytes.len() as u64) as usize;
            bytes[at] = *rng.pick(&[0, 1, 0xff, 0x80, rng.clone().next_u64() as u8]);
        }
        read_all(&bytes);
    }
}
