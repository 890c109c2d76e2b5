//! Sending through a packet socket.

use super::super::{Counters, DropReason, IoError, Sink};
use super::{CAPABILITY, PACKET_QDISC_BYPASS, SOL_PACKET, bind, packet_socket};
use crate::io::endpoint::Device;
use crate::sys::{SysError, set_option};
use std::os::fd::{AsRawFd as _, OwnedFd};
use trama_wire::{Packet, Pool};

/// Most frames in one system call.
const BATCH: usize = 64;
/// How long a full send buffer may take to drain before a frame is given up.
const DRAIN_MS: i32 = 20;

/// Sends to an interface through a packet socket.
#[derive(Debug)]
pub struct PacketSink {
    socket: OwnedFd,
    device: Device,
    counters: Counters,
}

impl PacketSink {
    /// Opens the interface for sending.
    pub fn open(device: &Device) -> Result<Self, IoError> {
        let socket = packet_socket(&device.name)?;
        let on_error = |error| IoError::on_interface(&device.name, error, CAPABILITY);
        // Queueing disciplines are for hosts; what a program sends has been decided by it.
        let operation = "setsockopt(PACKET_QDISC_BYPASS)";
        set_option(&socket, SOL_PACKET, PACKET_QDISC_BYPASS, &1i32, operation).map_err(on_error)?;
        bind(&socket, device.index, 0).map_err(on_error)?;
        let device = device.try_clone().map_err(on_error)?;
        Ok(Self { socket, device, counters: Counters::default() })
    }

    /// Sends some of `packets`, at least one; returns how many are dealt with.
    fn send_some(&mut self, packets: &[Box<Packet>]) -> Result<usize, IoError> {
        match transmit(&self.socket, packets) {
            Ok(sent) => {
                for packet in &packets[..sent] {
                    self.counters.add(packet.bytes().len());
                }
                Ok(sent)
            }
            Err(error) => match error.errno {
                libc::EINTR => Ok(0),
                libc::EAGAIN if self.drained() => Ok(0),
                libc::EAGAIN | libc::ENOBUFS => Ok(self.lose(DropReason::TransmitRingFull)),
                libc::EMSGSIZE => Ok(self.lose(DropReason::TransmitTooLong)),
                libc::EINVAL => Ok(self.lose(DropReason::TransmitTooShort)),
                libc::ENETDOWN if self.device.exists() => {
                    self.counters.drop(DropReason::InterfaceDown, packets.len() as u64);
                    Ok(packets.len())
                }
                libc::ENETDOWN | libc::ENXIO => {
                    Err(IoError::InterfaceGone { name: self.device.name.clone(), source: error })
                }
                _ => Err(IoError::on_interface(&self.device.name, error, CAPABILITY)),
            },
        }
    }

    fn lose(&mut self, reason: DropReason) -> usize {
        self.counters.drop(reason, 1);
        1
    }

    /// Waits until the socket takes frames again; false if it does not.
    fn drained(&self) -> bool {
        let mut entry =
            libc::pollfd { fd: self.socket.as_raw_fd(), events: libc::POLLOUT, revents: 0 };
        // SAFETY: one valid entry.
        let ready = unsafe { libc::poll(&mut entry, 1, DRAIN_MS) };
        ready > 0 && entry.revents & libc::POLLOUT != 0
    }
}

impl Sink for PacketSink {
    fn send(&mut self, packets: &mut Vec<Box<Packet>>, pool: &mut Pool) -> Result<(), IoError> {
        let mut done = 0;
        let mut result = Ok(());
        while done < packets.len() {
            match self.send_some(&packets[done..]) {
                Ok(n) => done += n,
                Err(error) => {
                    let left = (packets.len() - done) as u64;
                    self.counters.drop(DropReason::SinkFailed, left);
                    result = Err(error);
                    break;
                }
            }
        }
        packets.drain(..).for_each(|packet| pool.give(packet));
        result
    }

    fn flush(&mut self) -> Result<(), IoError> {
        Ok(())
    }

    fn counters(&mut self) -> Counters {
        self.counters
    }
}

/// One `sendmmsg`: how many frames the kernel took. If it takes none, why.
fn transmit(socket: &OwnedFd, packets: &[Box<Packet>]) -> Result<usize, SysError> {
    let count = packets.len().min(BATCH);
    let mut parts = [libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; BATCH];
    // SAFETY: all-zero is a valid `mmsghdr`: no address, no parts, no control data.
    let mut messages: [libc::mmsghdr; BATCH] = unsafe { std::mem::zeroed() };
    for ((part, message), packet) in parts.iter_mut().zip(&mut messages).zip(packets) {
        let bytes = packet.bytes();
        *part = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
        message.msg_hdr.msg_iov = part;
        message.msg_hdr.msg_iovlen = 1;
    }
    // SAFETY: `count` messages are filled, each with one part that points to a packet, which the
    // kernel only reads.
    let sent = unsafe {
        libc::sendmmsg(
            socket.as_raw_fd(),
            messages.as_mut_ptr(),
            count as libc::c_uint,
            libc::MSG_DONTWAIT,
        )
    };
    crate::sys::check(sent, "sendmmsg(AF_PACKET)").map(|sent| usize::try_from(sent).unwrap_or(0))
}
