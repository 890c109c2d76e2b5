//! Writing captures: pcap with nanoseconds, or pcapng with named interfaces.

use super::{LinkType, RECORD_BYTES_MAX, Record};
use std::io::{Error, ErrorKind, Result, Write};
use trama_base::Nanos;

/// A capture file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// pcap: one interface, without a name.
    Pcap,
    /// pcapng: several named interfaces.
    PcapNg,
}

/// A capture being written, little endian, with nanoseconds.
///
/// It writes through: give it a buffered writer, and flush that.
#[derive(Debug)]
pub struct Writer<W> {
    output: W,
    format: Format,
    interfaces: u32,
}

/// Longest packet that is recorded whole, in bytes; what tcpdump writes.
const SNAP_LEN: u32 = 262_144;

impl<W: Write> Writer<W> {
    /// Starts a pcap file of Ethernet frames.
    pub fn pcap(mut output: W) -> Result<Self> {
        let mut header = [0; 24];
        header[..4].copy_from_slice(&0xa1b2_3c4d_u32.to_le_bytes());
        header[4..6].copy_from_slice(&2_u16.to_le_bytes());
        header[6..8].copy_from_slice(&4_u16.to_le_bytes());
        header[16..20].copy_from_slice(&SNAP_LEN.to_le_bytes());
        header[20..].copy_from_slice(&u32::from(LinkType::ETHERNET.0).to_le_bytes());
        output.write_all(&header)?;
        Ok(Self { output, format: Format::Pcap, interfaces: 1 })
    }

    /// Starts a pcapng file of Ethernet interfaces with these names, numbered from 0.
    pub fn pcapng(output: W, interfaces: &[&str]) -> Result<Self> {
        let mut writer = Self { output, format: Format::PcapNg, interfaces: 0 };
        let mut section = Vec::new();
        section.extend(0x1a2b_3c4d_u32.to_le_bytes());
        section.extend([1, 0, 0, 0]);
        section.extend([0xff; 8]);
        writer.block(0x0a0d_0d0a, &section)?;
        for name in interfaces {
            let mut body = Vec::new();
            body.extend(LinkType::ETHERNET.0.to_le_bytes());
            body.extend([0, 0]);
            body.extend(SNAP_LEN.to_le_bytes());
            option(&mut body, 2, name.as_bytes());
            option(&mut body, 9, &[9]);
            option(&mut body, 0, &[]);
            writer.block(1, &body)?;
            writer.interfaces += 1;
        }
        Ok(writer)
    }

    /// The format being written.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Appends a record. An interface that the file does not have is an error.
    pub fn write(&mut self, record: &Record<'_>) -> Result<()> {
        if record.interface >= self.interfaces {
            return Err(Error::new(ErrorKind::InvalidInput, "no such interface in the capture"));
        }
        let len = match u32::try_from(record.data.len()) {
            Ok(len) if len <= RECORD_BYTES_MAX => len,
            _ => return Err(Error::new(ErrorKind::InvalidInput, "a packet of absurd length")),
        };
        let Nanos(ns) = record.time;
        match self.format {
            Format::Pcap => {
                let seconds = (ns / 1_000_000_000) as u32;
                let fraction = (ns % 1_000_000_000) as u32;
                let header = words([seconds, fraction, len, record.wire_len]);
                self.output.write_all(header.as_flattened())?;
                self.output.write_all(record.data)
            }
            Format::PcapNg => {
                let padding = len.wrapping_neg() % 4;
                let block_len = 32 + len + padding;
                self.output.write_all(words([6, block_len]).as_flattened())?;
                let (high, low) = ((ns >> 32) as u32, ns as u32);
                let head = words([record.interface, high, low, len, record.wire_len]);
                self.output.write_all(head.as_flattened())?;
                self.output.write_all(record.data)?;
                self.output.write_all(&[0; 3][..padding as usize])?;
                self.output.write_all(&block_len.to_le_bytes())
            }
        }
    }

    /// Flushes the output, so that what was written can be read.
    pub fn flush(&mut self) -> Result<()> {
        self.output.flush()
    }

    /// Flushes and gives the output back.
    pub fn finish(mut self) -> Result<W> {
        self.output.flush()?;
        Ok(self.output)
    }

    fn block(&mut self, kind: u32, body: &[u8]) -> Result<()> {
        let len = body.len() as u32 + 12;
        self.output.write_all(words([kind, len]).as_flattened())?;
        self.output.write_all(body)?;
        self.output.write_all(&len.to_le_bytes())
    }
}

/// Numbers in little endian, one after the other.
fn words<const N: usize>(numbers: [u32; N]) -> [[u8; 4]; N] {
    numbers.map(u32::to_le_bytes)
}

/// Appends an option: code, length, value, padding. Names are cut to what the length can say.
fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    let value = &value[..value.len().min(0xfffc)];
    body.extend(code.to_le_bytes());
    body.extend((value.len() as u16).to_le_bytes());
    body.extend(value);
    body.resize(body.len().next_multiple_of(4), 0);
}
