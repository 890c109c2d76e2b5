//! Reading captures, one record at a time.

use super::source::Source;
use super::{CaptureError, Interface, LinkType, RECORD_BYTES_MAX, Record};
use pcap_parser::pcapng::{
    OptionCode, parse_interfacedescriptionblock_be, parse_interfacedescriptionblock_le,
};
use pcap_parser::{parse_pcap_header, parse_sectionheaderblock};
use std::io::Read;
use std::ops::Range;
use trama_base::Nanos;

const PCAPNG_MAGIC: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

/// Block types of pcapng.
mod block {
    pub(super) const SECTION: u32 = 0x0a0d_0d0a;
    pub(super) const INTERFACE: u32 = 1;
    pub(super) const OBSOLETE_PACKET: u32 = 2;
    pub(super) const SIMPLE_PACKET: u32 = 3;
    pub(super) const ENHANCED_PACKET: u32 = 6;
}

/// A capture being read.
///
/// Inputs: bytes from `R`, as needed. Outputs: [`Reader::next`] until it returns `None` or an
/// error; after an error there are no more records.
#[derive(Debug)]
pub struct Reader<R> {
    source: Source<R>,
    format: Format,
    interfaces: Vec<Interface>,
    big_endian: bool,
    /// Records returned so far.
    records: u64,
    /// Time of the last record.
    time: Nanos,
    done: bool,
}

#[derive(Debug)]
enum Format {
    Pcap {
        /// Nanoseconds in the unit of the second half of a time stamp.
        fraction_ns: u64,
        /// Length of a record's header in bytes.
        header_len: usize,
    },
    PcapNg {
        /// Interfaces of earlier sections.
        base: u32,
        /// How each interface of this section tells time.
        clocks: Vec<Clock>,
    },
}

/// How an interface of pcapng tells time.
#[derive(Clone, Copy, Debug)]
struct Clock {
    /// `if_tsresol`: a negative power of ten, or, with the top bit, of two.
    resolution: u8,
    /// `if_tsoffset` in seconds.
    offset_s: i64,
    /// Most bytes captured of a packet; 0 for no limit.
    snap_len: u32,
}

/// A record whose data is still in the source.
struct Found {
    time: Nanos,
    wire_len: u32,
    interface: u32,
    data: Range<usize>,
}

impl<R: Read> Reader<R> {
    /// Opens a capture and reads its header.
    pub fn new(reader: R) -> Result<Self, CaptureError> {
        let mut source = Source::new(reader);
        let start = source.peek(24)?;
        let Some(magic) = start.first_chunk::<4>().copied() else {
            return Err(match start.is_empty() {
                true => CaptureError::Empty,
                false => CaptureError::Truncated { records: 0 },
            });
        };
        let mut reader = Self {
            format: Format::PcapNg { base: 0, clocks: Vec::new() },
            interfaces: Vec::new(),
            big_endian: false,
            records: 0,
            time: Nanos::ZERO,
            done: false,
            source,
        };
        match magic {
            PCAPNG_MAGIC => {}
            [0x1f, 0x8b, ..] => return Err(CaptureError::Compressed("gzip")),
            [0x28, 0xb5, 0x2f, 0xfd] => return Err(CaptureError::Compressed("zstd")),
            [0xfd, b'7', b'z', b'X'] => return Err(CaptureError::Compressed("xz")),
            [0x04, 0x22, 0x4d, 0x18] => return Err(CaptureError::Compressed("lz4")),
            magic => reader.open_pcap(magic)?,
        }
        Ok(reader)
    }

    fn open_pcap(&mut self, magic: [u8; 4]) -> Result<(), CaptureError> {
        let start = self.source.peek(24)?;
        let header = match parse_pcap_header(start) {
            Ok((_, header)) => header,
            Err(error) if error.is_incomplete() => {
                return Err(CaptureError::Truncated { records: 0 });
            }
            Err(_) => return Err(CaptureError::Unknown(magic)),
        };
        self.big_endian = header.is_bigendian();
        self.format = Format::Pcap {
            fraction_ns: if header.is_nanosecond_precision() { 1 } else { 1000 },
            header_len: if header.is_modified_format() { 24 } else { 16 },
        };
        // The upper bits tell of frame check sequences.
        let link = LinkType(header.network.0 as u16);
        self.interfaces.push(Interface { name: String::new(), link });
        self.source.take(24);
        Ok(())
    }

    /// Interfaces met so far. A pcap file has one, without a name; those of a pcapng file appear
    /// as their blocks are read.
    pub fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    /// Records returned so far.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// The next record, whatever its link type; `None` at the end.
    #[expect(clippy::should_implement_trait, reason = "records borrow from the reader")]
    pub fn next(&mut self) -> Result<Option<Record<'_>>, CaptureError> {
        Ok(self.advance()?.map(|found| self.record(found)))
    }

    /// As [`Reader::next`], but a packet that is not an Ethernet frame is an error.
    pub fn next_ethernet(&mut self) -> Result<Option<Record<'_>>, CaptureError> {
        let Some(found) = self.advance()? else { return Ok(None) };
        let link = self.interfaces[found.interface as usize].link;
        if link != LinkType::ETHERNET {
            self.done = true;
            return Err(CaptureError::NotEthernet(link));
        }
        Ok(Some(self.record(found)))
    }

    fn record(&self, found: Found) -> Record<'_> {
        let Found { time, wire_len, interface, data } = found;
        Record { time, wire_len, interface, data: self.source.taken(data) }
    }

    fn advance(&mut self) -> Result<Option<Found>, CaptureError> {
        if self.done {
            return Ok(None);
        }
        let found = match self.format {
            Format::Pcap { fraction_ns, header_len } => self.next_pcap(fraction_ns, header_len),
            Format::PcapNg { .. } => self.next_packet_block(),
        };
        match &found {
            Ok(Some(found)) => {
                self.records += 1;
                self.time = found.time;
            }
            _ => self.done = true,
        }
        found
    }

    fn next_pcap(
        &mut self,
        fraction_ns: u64,
        header_len: usize,
    ) -> Result<Option<Found>, CaptureError> {
        let big_endian = self.big_endian;
        let Some(header) = self.whole(header_len)? else { return Ok(None) };
        let [seconds, fraction, len, wire_len] =
            [0, 4, 8, 12].map(|at| number(header, at, big_endian));
        self.check_len(len)?;
        let record_len = header_len + len as usize;
        self.whole(record_len)?;
        let taken = self.source.take(record_len);
        let time = Nanos::from_secs(seconds.into())
            + Nanos(u64::from(fraction).saturating_mul(fraction_ns));
        let data = taken.start + header_len..taken.end;
        Ok(Some(Found { time, wire_len, interface: 0, data }))
    }

    /// The next `len` bytes, not taken yet; `None` if the input has ended before the first.
    fn whole(&mut self, len: usize) -> Result<Option<&[u8]>, CaptureError> {
        let records = self.records;
        let bytes = self.source.peek(len)?;
        match bytes.len() {
            have if have == len => Ok(Some(bytes)),
            0 => Ok(None),
            _ => Err(CaptureError::Truncated { records }),
        }
    }

    fn check_len(&self, len: u32) -> Result<(), CaptureError> {
        match len > RECORD_BYTES_MAX {
            true => Err(CaptureError::TooLong { records: self.records, len }),
            false => Ok(()),
        }
    }

    fn malformed(&self, what: &'static str) -> CaptureError {
        CaptureError::Malformed { records: self.records, what }
    }

    /// Reads blocks up to and with the next packet's.
    fn next_packet_block(&mut self) -> Result<Option<Found>, CaptureError> {
        loop {
            let Some(start) = self.whole(12)? else { return Ok(None) };
            if start[..4] == PCAPNG_MAGIC {
                // The byte-order magic 0x1a2b3c4d tells how the section's numbers are written.
                self.big_endian = match start[8..12] {
                    [0x1a, 0x2b, 0x3c, 0x4d] => true,
                    [0x4d, 0x3c, 0x2b, 0x1a] => false,
                    _ => return Err(self.malformed("a section header without byte order")),
                };
            }
            let big_endian = self.big_endian;
            let Some(start) = self.whole(12)? else { return Ok(None) };
            let (kind, len) = (number(start, 0, big_endian), number(start, 4, big_endian));
            if len < 12 || len % 4 != 0 {
                return Err(self.malformed("a block of an impossible length"));
            }
            self.check_len(len)?;
            self.whole(len as usize)?;
            let range = self.source.take(len as usize);
            let last = number(self.source.taken(range.clone()), len as usize - 4, big_endian);
            if last != len {
                return Err(self.malformed("a block whose two lengths differ"));
            }
            match kind {
                block::SECTION => self.start_section(range)?,
                block::INTERFACE => self.add_interface(range)?,
                block::ENHANCED_PACKET | block::OBSOLETE_PACKET => {
                    return self.packet(range, kind == block::OBSOLETE_PACKET).map(Some);
                }
                block::SIMPLE_PACKET => return self.simple_packet(range).map(Some),
                _ => {}
            }
        }
    }

    fn start_section(&mut self, range: Range<usize>) -> Result<(), CaptureError> {
        if parse_sectionheaderblock(self.source.taken(range)).is_err() {
            return Err(self.malformed("a section header that cannot be decoded"));
        }
        let base = self.interfaces.len() as u32;
        self.format = Format::PcapNg { base, clocks: Vec::new() };
        Ok(())
    }

    fn add_interface(&mut self, range: Range<usize>) -> Result<(), CaptureError> {
        let bytes = self.source.taken(range);
        let parsed = match self.big_endian {
            true => parse_interfacedescriptionblock_be(bytes),
            false => parse_interfacedescriptionblock_le(bytes),
        };
        let Ok((_, description)) = parsed else {
            return Err(self.malformed("an interface that cannot be decoded"));
        };
        let name = match description.if_name() {
            Some(Ok(name)) => name.trim_end_matches('\0').to_owned(),
            _ => String::new(),
        };
        // The parser reads the offset as little endian in any section.
        let offset = description.options.iter().find(|o| o.code == OptionCode::IfTsoffset);
        let offset = offset.and_then(|o| o.value().first_chunk::<8>().copied());
        let clock = Clock {
            resolution: description.if_tsresol,
            offset_s: offset.map_or(0, |bytes| match self.big_endian {
                true => i64::from_be_bytes(bytes),
                false => i64::from_le_bytes(bytes),
            }),
            snap_len: description.snaplen,
        };
        let link = LinkType(description.linktype.0 as u16);
        self.interfaces.push(Interface { name, link });
        if let Format::PcapNg { clocks, .. } = &mut self.format {
            clocks.push(clock);
        }
        Ok(())
    }

    /// The interface's index among all, and its clock.
    fn clock(&self, id: u32) -> Result<(u32, Clock), CaptureError> {
        match &self.format {
            Format::PcapNg { base, clocks } => match clocks.get(id as usize) {
                Some(clock) => Ok((base + id, *clock)),
                None => Err(self.malformed("a packet of an interface that was not described")),
            },
            Format::Pcap { .. } => Err(self.malformed("a block in a file without blocks")),
        }
    }

    /// An enhanced packet block, or the obsolete one, which differs in its first word.
    fn packet(&self, range: Range<usize>, obsolete: bool) -> Result<Found, CaptureError> {
        let block = self.source.taken(range.clone());
        if block.len() < 32 {
            return Err(self.malformed("a packet block that is too short"));
        }
        let [first, high, low, len, wire_len] =
            [8, 12, 16, 20, 24].map(|at| number(block, at, self.big_endian));
        let id = match (obsolete, self.big_endian) {
            (true, true) => first >> 16,
            (true, false) => first & 0xffff,
            (false, _) => first,
        };
        if len as usize > block.len() - 32 {
            return Err(self.malformed("a packet that is longer than its block"));
        }
        let (interface, clock) = self.clock(id)?;
        let time = clock.nanos(u64::from(high) << 32 | u64::from(low));
        let from = range.start + 28;
        Ok(Found { time, wire_len, interface, data: from..from + len as usize })
    }

    fn simple_packet(&self, range: Range<usize>) -> Result<Found, CaptureError> {
        let block = self.source.taken(range.clone());
        if block.len() < 16 {
            return Err(self.malformed("a packet block that is too short"));
        }
        let wire_len = number(block, 8, self.big_endian);
        let (interface, clock) = self.clock(0)?;
        let snap_len = if clock.snap_len == 0 { u32::MAX } else { clock.snap_len };
        let len = (block.len() - 16).min(wire_len.min(snap_len) as usize);
        let from = range.start + 12;
        Ok(Found { time: self.time, wire_len, interface, data: from..from + len })
    }
}

impl Clock {
    /// A time stamp in nanoseconds; times before the epoch become the epoch.
    fn nanos(self, ticks: u64) -> Nanos {
        let exponent = u32::from(self.resolution & 0x7f);
        let ns = if self.resolution & 0x80 != 0 {
            (u128::from(ticks) * 1_000_000_000).checked_shr(exponent).unwrap_or(0)
        } else if exponent <= 9 {
            u128::from(ticks) * 10_u128.pow(9 - exponent)
        } else {
            10_u128.checked_pow(exponent - 9).map_or(0, |unit| u128::from(ticks) / unit)
        };
        let offset_ns = i128::from(self.offset_s) * 1_000_000_000;
        let ns = i128::try_from(ns).unwrap_or(i128::MAX).saturating_add(offset_ns);
        Nanos(u64::try_from(ns.max(0)).unwrap_or(u64::MAX))
    }
}

/// Four bytes in the file's byte order.
fn number(bytes: &[u8], at: usize, big_endian: bool) -> u32 {
    let bytes = bytes.get(at..).and_then(|b| b.first_chunk()).copied().unwrap_or_default();
    if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
}
