//! Capture files and pipes as sources and sinks.

use super::{Counters, DropReason, IoError, Received, Sink, Source, Timing};
use crate::poll::{Waiter, Wake};
use crate::signal::StopFlag;
use std::fs::File;
use std::io::{BufWriter, Read};
use std::os::fd::{AsRawFd as _, FromRawFd as _, RawFd};
use trama_base::Nanos;
use trama_wire::capture::{CaptureError, LinkType, Reader, Record, Writer};
use trama_wire::{Packet, Pool};

/// How often a wait for a silent pipe looks at the stop flag.
const STOP_CHECK: Nanos = Nanos::from_millis(50);
/// Bytes gathered before a capture is written to.
const WRITE_BUFFER_BYTES: usize = 256 << 10;

/// A file or pipe whose reading ends early when the flag is raised.
#[derive(Debug)]
struct StoppableFile {
    file: File,
    waiter: Waiter,
    stop: StopFlag,
}

impl Read for StoppableFile {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while !self.stop.is_raised() {
            match self.waiter.wait(STOP_CHECK) {
                Ok(Wake::Ready) => return self.file.read(buffer),
                Ok(Wake::Idle) => {}
                Err(error) => return Err(std::io::Error::from_raw_os_error(error.errno)),
            }
        }
        Ok(0)
    }
}

/// Which interface of a capture is wanted.
#[derive(Debug)]
struct Selection {
    name: String,
    /// Whether one with this name was met.
    met: bool,
}

/// Reads a capture as a stream.
#[derive(Debug)]
pub struct CaptureSource {
    path: String,
    reader: Reader<StoppableFile>,
    selection: Option<Selection>,
    stop: StopFlag,
    last: Nanos,
    counters: Counters,
    ended: bool,
}

impl CaptureSource {
    /// Opens the capture at `path`, or the standard input for `-`; with `interface`, only the
    /// packets of the pcapng interface with this name are given.
    pub fn open(path: &str, interface: Option<&str>, stop: &StopFlag) -> Result<Self, IoError> {
        let (path, interface) = undivided(path, interface);
        let file = match path.as_str() {
            "-" => standard(libc::STDIN_FILENO),
            path => File::open(path),
        };
        let file = file.map_err(|source| IoError::Open { path: path.clone(), source })?;
        let mut waiter = Waiter::default();
        waiter.add(file.as_raw_fd());
        let file = StoppableFile { file, waiter, stop: stop.clone() };
        let reader =
            Reader::new(file).map_err(|source| IoError::Capture { path: path.clone(), source })?;
        Ok(Self {
            path,
            reader,
            selection: interface.map(|name| Selection { name, met: false }),
            stop: stop.clone(),
            last: Nanos::ZERO,
            counters: Counters::default(),
            ended: false,
        })
    }

    /// Reads the next wanted packet; `None` at the end.
    fn next(&mut self, pool: &mut Pool) -> Result<Option<Box<Packet>>, IoError> {
        loop {
            let mut packet = pool.take();
            let interface = match self.reader.next() {
                Ok(Some(record)) => {
                    packet.refill(record.data);
                    packet.time = record.time;
                    record.interface as usize
                }
                Ok(None) => {
                    pool.give(packet);
                    return self.finish().map(|()| None);
                }
                Err(source) => {
                    pool.give(packet);
                    self.ended = true;
                    return match source {
                        CaptureError::Truncated { .. } if self.stop.is_raised() => Ok(None),
                        source => Err(IoError::Capture { path: self.path.clone(), source }),
                    };
                }
            };
            if self.wants(interface)? {
                self.last = self.last.max(packet.time);
                packet.time = self.last;
                self.counters.add(packet.len());
                return Ok(Some(packet));
            }
            pool.give(packet);
        }
    }

    fn wants(&mut self, interface: usize) -> Result<bool, IoError> {
        let Some(interface) = self.reader.interfaces().get(interface) else { return Ok(false) };
        if let Some(selection) = &mut self.selection {
            if selection.name != interface.name {
                return Ok(false);
            }
            selection.met = true;
        }
        if interface.link != LinkType::ETHERNET {
            let (path, link_type) = (self.path.clone(), interface.link.to_string());
            self.ended = true;
            return Err(IoError::LinkType { path, link_type });
        }
        Ok(true)
    }

    /// At the end: a name that no interface had was a mistake.
    fn finish(&mut self) -> Result<(), IoError> {
        self.ended = true;
        let Some(Selection { name, met: false }) = &self.selection else { return Ok(()) };
        let interfaces = self.reader.interfaces();
        if self.stop.is_raised() || interfaces.iter().any(|interface| interface.name == *name) {
            return Ok(());
        }
        let named = interfaces.iter().filter(|interface| !interface.name.is_empty());
        Err(IoError::NoCaptureInterface {
            path: self.path.clone(),
            interface: name.clone(),
            existing: named.map(|interface| interface.name.clone()).collect(),
        })
    }
}

impl Source for CaptureSource {
    fn receive(
        &mut self,
        max: usize,
        out: &mut Vec<Box<Packet>>,
        pool: &mut Pool,
    ) -> Result<Received, IoError> {
        let mut count = 0;
        while count < max && !self.ended {
            match self.next(pool) {
                Ok(Some(packet)) => out.push(packet),
                Ok(None) => break,
                // What came before is handed over first; the reader repeats no error.
                Err(error) => return Err(error),
            }
            count += 1;
        }
        Ok(if count == 0 { Received::End } else { Received::Some(count) })
    }

    fn fds(&self) -> &[RawFd] {
        &[]
    }

    fn timing(&self) -> Timing {
        Timing::Recorded
    }

    fn counters(&mut self) -> Counters {
        self.counters
    }
}

/// Writes a capture: pcap if the name ends in `.pcap`, otherwise pcapng.
#[derive(Debug)]
pub struct CaptureSink {
    path: String,
    writer: Writer<BufWriter<File>>,
    counters: Counters,
    failed: bool,
}

impl CaptureSink {
    /// Creates the file, or takes the standard output for `-`. In pcapng the packets are those of
    /// an interface called `port`.
    pub fn create(path: &str, port: &str) -> Result<Self, IoError> {
        let file = match path {
            "-" => standard(libc::STDOUT_FILENO),
            path => File::create(path),
        };
        let file = file.map_err(|source| IoError::Open { path: path.into(), source })?;
        let file = BufWriter::with_capacity(WRITE_BUFFER_BYTES, file);
        let writer = match path.ends_with(".pcap") {
            true => Writer::pcap(file),
            false => Writer::pcapng(file, &[port]),
        };
        let writer =
            writer.map_err(|source| IoError::Write { path: path.into(), frames: 0, source })?;
        Ok(Self { path: path.into(), writer, counters: Counters::default(), failed: false })
    }

    fn failure(&mut self, source: std::io::Error) -> IoError {
        self.failed = true;
        IoError::Write { path: self.path.clone(), frames: self.counters.frames, source }
    }
}

impl Sink for CaptureSink {
    fn send(&mut self, packets: &mut Vec<Box<Packet>>, pool: &mut Pool) -> Result<(), IoError> {
        let mut result = Ok(());
        for packet in packets.drain(..) {
            if self.failed {
                self.counters.drop(DropReason::SinkFailed, 1);
            } else {
                let data = packet.bytes();
                let wire_len = packet.layout().len;
                let record = Record { time: packet.time, wire_len, interface: 0, data };
                match self.writer.write(&record) {
                    Ok(()) => self.counters.add(data.len()),
                    Err(error) => {
                        self.counters.drop(DropReason::SinkFailed, 1);
                        result = Err(self.failure(error));
                    }
                }
            }
            pool.give(packet);
        }
        result
    }

    fn flush(&mut self) -> Result<(), IoError> {
        if self.failed {
            return Ok(());
        }
        self.writer.flush().map_err(|error| self.failure(error))
    }

    fn counters(&mut self) -> Counters {
        self.counters
    }
}

/// A file whose name contains an `@` is taken as it is, if it exists.
fn undivided(path: &str, interface: Option<&str>) -> (String, Option<String>) {
    if let Some(interface) = interface {
        let whole = format!("{path}@{interface}");
        if std::path::Path::new(&whole).exists() {
            return (whole, None);
        }
    }
    (path.into(), interface.map(Into::into))
}

/// A standard stream as a file of its own, so that closing it does not close the stream.
fn standard(fd: RawFd) -> std::io::Result<File> {
    // SAFETY: duplicates a descriptor; the result is new and only ours.
    let copy = unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 3) };
    if copy < 0 {
        return Err(std::io::Error::last_os_error());
    }
    // SAFETY: as above.
    Ok(unsafe { File::from_raw_fd(copy) })
}

#[cfg(test)]
mod tests;
