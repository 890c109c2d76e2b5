//! A TAP interface: an Ethernet whose other end is this program
//! (`Documentation/networking/tuntap.rst`).
//!
//! It is made at opening, brought up, and goes away when the last half is dropped. The kernel
//! fills all checksums and cuts all segments before it hands frames over, since no offload is
//! asked for.

use super::endpoint::Device;
use super::{Counters, DropReason, IoError, Received, Sink, Source, Timing};
use crate::interface::Inspector;
use crate::sys::{SysError, check, check_fd};
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};
use std::sync::Arc;
use trama_wire::{Packet, Pool};

const CAPABILITY: &str = "CAP_NET_ADMIN";
/// Longest frame that the kernel hands over.
const FRAME_MAX: usize = 65_536 + 64;

/// A TAP interface.
#[derive(Debug)]
pub struct Tap {
    fd: Arc<OwnedFd>,
    device: Device,
}

impl Tap {
    /// Makes the interface and brings it up.
    pub fn open(name: &str) -> Result<Self, IoError> {
        let on_error = |error| IoError::on_interface(name, error, CAPABILITY);
        let fd = create(name).map_err(on_error)?;
        let inspector = Inspector::open().map_err(on_error)?;
        inspector.set_up(name, true).map_err(on_error)?;
        Ok(Self { fd: Arc::new(fd), device: Device::find(name)? })
    }

    /// What the host sends.
    pub fn source(&self) -> TapSource {
        TapSource {
            fds: [self.fd.as_raw_fd()],
            name: self.device.name.clone(),
            fd: Arc::clone(&self.fd),
            buffer: vec![0; FRAME_MAX],
            counters: Counters::default(),
        }
    }

    /// What the host receives.
    pub fn sink(&self) -> TapSink {
        TapSink {
            name: self.device.name.clone(),
            fd: Arc::clone(&self.fd),
            counters: Counters::default(),
        }
    }
}

fn create(name: &str) -> Result<OwnedFd, SysError> {
    let flags = libc::O_RDWR | libc::O_NONBLOCK | libc::O_CLOEXEC;
    // SAFETY: the path is a C string.
    let fd =
        check_fd(unsafe { libc::open(c"/dev/net/tun".as_ptr(), flags) }, "open(/dev/net/tun)")?;
    // SAFETY: all-zero is a valid `ifreq`.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes().take(15)) {
        *to = from.cast_signed();
    }
    request.ifr_ifru.ifru_flags =
        (libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_TUN_EXCL) as libc::c_short;
    // SAFETY: the request reads and writes one `ifreq`.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), libc::TUNSETIFF, &mut request) };
    check(result, "ioctl(TUNSETIFF)")?;
    Ok(fd)
}

/// Receives from a TAP interface.
#[derive(Debug)]
pub struct TapSource {
    fds: [RawFd; 1],
    name: String,
    fd: Arc<OwnedFd>,
    buffer: Vec<u8>,
    counters: Counters,
}

impl Source for TapSource {
    fn receive(
        &mut self,
        max: usize,
        out: &mut Vec<Box<Packet>>,
        pool: &mut Pool,
    ) -> Result<Received, IoError> {
        let mut count = 0;
        while count < max {
            let (start, len) = (self.buffer.as_mut_ptr().cast(), self.buffer.len());
            // SAFETY: the pointer and the length describe the buffer.
            let got = unsafe { libc::read(self.fd.as_raw_fd(), start, len) };
            let Ok(len) = usize::try_from(got) else {
                let error = SysError::last("read(TAP)");
                match error.errno {
                    libc::EAGAIN => break,
                    libc::EINTR => continue,
                    // The interface was deleted under us.
                    libc::EBADFD | libc::EBADF => {
                        let name = self.name.clone();
                        return Err(IoError::InterfaceGone { name, source: error });
                    }
                    _ => return Err(IoError::on_interface(&self.name, error, CAPABILITY)),
                }
            };
            let mut packet = pool.take();
            packet.refill(&self.buffer[..len]);
            self.counters.add(len);
            out.push(packet);
            count += 1;
        }
        Ok(if count == 0 { Received::Nothing } else { Received::Some(count) })
    }

    fn fds(&self) -> &[RawFd] {
        &self.fds
    }

    fn timing(&self) -> Timing {
        Timing::Live
    }

    fn counters(&mut self) -> Counters {
        self.counters
    }
}

/// Sends to a TAP interface.
#[derive(Debug)]
pub struct TapSink {
    name: String,
    fd: Arc<OwnedFd>,
    counters: Counters,
}

impl TapSink {
    fn write(&mut self, bytes: &[u8]) -> Result<(), IoError> {
        loop {
            // SAFETY: the pointer and the length describe `bytes`.
            let put =
                unsafe { libc::write(self.fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len()) };
            if put >= 0 {
                self.counters.add(bytes.len());
                return Ok(());
            }
            let error = SysError::last("write(TAP)");
            let reason = match error.errno {
                libc::EINTR => continue,
                libc::EIO => DropReason::InterfaceDown,
                libc::EINVAL => DropReason::TransmitTooShort,
                libc::EMSGSIZE => DropReason::TransmitTooLong,
                libc::EAGAIN | libc::ENOBUFS | libc::ENOMEM => DropReason::TransmitRingFull,
                libc::EBADFD | libc::EBADF => {
                    let name = self.name.clone();
                    return Err(IoError::InterfaceGone { name, source: error });
                }
                _ => return Err(IoError::on_interface(&self.name, error, CAPABILITY)),
            };
            self.counters.drop(reason, 1);
            return Ok(());
        }
    }
}

impl Sink for TapSink {
    fn send(&mut self, packets: &mut Vec<Box<Packet>>, pool: &mut Pool) -> Result<(), IoError> {
        let mut result = Ok(());
        for packet in packets.drain(..) {
            if result.is_ok() {
                result = self.write(packet.bytes());
            }
            if result.is_err() {
                self.counters.drop(DropReason::SinkFailed, 1);
            }
            pool.give(packet);
        }
        result
    }

    fn flush(&mut self) -> Result<(), IoError> {
        Ok(())
    }

    fn counters(&mut self) -> Counters {
        self.counters
    }
}
