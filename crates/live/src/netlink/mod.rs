//! A small rtnetlink: build a message, send it, read the answer.
//!
//! Only what namespaces, links, addresses and queueing disciplines need; requests are
//! synchronous, one at a time. [`links`] has the requests by name.

pub mod links;

use crate::sys::{SysError, check, socket};
use std::os::fd::{AsRawFd, OwnedFd};

/// A request or an attribute tree under construction (RFC 3549 section 2).
#[derive(Clone, Debug)]
pub struct Message {
    bytes: Vec<u8>,
}

/// Bytes of `struct nlmsghdr`.
const HEADER_LEN: usize = 16;

impl Message {
    /// A request of type `kind`, for example `RTM_NEWLINK`, with `NLM_F_*` flags besides
    /// `NLM_F_REQUEST` and `NLM_F_ACK`.
    pub fn new(kind: u16, flags: i32) -> Self {
        let flags = (flags | libc::NLM_F_REQUEST | libc::NLM_F_ACK) as u16;
        let mut bytes = vec![0; HEADER_LEN];
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes[6..8].copy_from_slice(&flags.to_ne_bytes());
        Self { bytes }
    }

    /// Appends raw bytes: the fixed part of a request.
    pub fn put(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self.pad()
    }

    /// Appends `struct ifinfomsg` for an interface, with `flags` to change where `change` has bits.
    pub fn put_link(&mut self, index: u32, flags: u32, change: u32) -> &mut Self {
        self.put(&[0; 4]);
        for word in [index, flags, change] {
            self.put(&word.to_ne_bytes());
        }
        self
    }

    /// Appends an attribute.
    pub fn attribute(&mut self, kind: u16, value: &[u8]) -> &mut Self {
        let len = u16::try_from(value.len() + 4).expect("attributes here are far below 64 KiB");
        self.bytes.extend_from_slice(&len.to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.put(value)
    }

    /// Appends a text attribute with its final zero.
    pub fn text(&mut self, kind: u16, value: &str) -> &mut Self {
        let mut bytes = value.as_bytes().to_vec();
        bytes.push(0);
        self.attribute(kind, &bytes)
    }

    /// Appends an attribute that holds what `fill` appends.
    pub fn nest(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) -> &mut Self {
        let start = self.bytes.len();
        self.attribute(kind, &[]);
        fill(self);
        let len = u16::try_from(self.bytes.len() - start).expect("requests are below 64 KiB");
        self.bytes[start..start + 2].copy_from_slice(&len.to_ne_bytes());
        self
    }

    fn pad(&mut self) -> &mut Self {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self
    }

    fn finish(&mut self, sequence: u32) -> &[u8] {
        let len = u32::try_from(self.bytes.len()).expect("requests are below 64 KiB");
        self.bytes[0..4].copy_from_slice(&len.to_ne_bytes());
        self.bytes[8..12].copy_from_slice(&sequence.to_ne_bytes());
        &self.bytes
    }
}

/// A netlink socket, bound to the namespace in which it was opened.
#[derive(Debug)]
pub struct Netlink {
    socket: OwnedFd,
    sequence: u32,
}

impl Netlink {
    /// A socket for links, addresses, routes and queueing disciplines.
    pub fn route() -> Result<Self, SysError> {
        Self::open(libc::NETLINK_ROUTE, "socket(NETLINK_ROUTE)")
    }

    /// A socket for the firewall and connection tracking.
    pub fn netfilter() -> Result<Self, SysError> {
        Self::open(libc::NETLINK_NETFILTER, "socket(NETLINK_NETFILTER)")
    }

    fn open(protocol: i32, operation: &str) -> Result<Self, SysError> {
        let socket = socket(libc::AF_NETLINK, libc::SOCK_RAW, protocol, operation)?;
        // The kernel answers at once; the limit is for a kernel that does not.
        let limit = libc::timeval { tv_sec: 5, tv_usec: 0 };
        let name = libc::SO_RCVTIMEO;
        crate::sys::set_option(&socket, libc::SOL_SOCKET, name, &limit, "setsockopt(SO_RCVTIMEO)")?;
        Ok(Self { socket, sequence: 0 })
    }

    /// Sends a request and waits for its acknowledgement. `operation` names it in errors.
    pub fn request(&mut self, message: &mut Message, operation: &str) -> Result<(), SysError> {
        self.exchange(message, operation, |_, _| {})
    }

    /// Sends a request and gives `visit` the type and the body of each answer, until the kernel
    /// says that it is done.
    pub fn exchange(
        &mut self,
        message: &mut Message,
        operation: &str,
        mut visit: impl FnMut(u16, &[u8]),
    ) -> Result<(), SysError> {
        self.sequence += 1;
        let bytes = message.finish(self.sequence);
        let fd = self.socket.as_raw_fd();
        // SAFETY: the pointer and the length describe `bytes`.
        let sent = unsafe { libc::send(fd, bytes.as_ptr().cast(), bytes.len(), 0) };
        check(i32::try_from(sent).unwrap_or(i32::MAX), operation)?;
        let mut buffer = vec![0u8; 64 * 1024];
        loop {
            // SAFETY: the pointer and the length describe `buffer`.
            let got = unsafe { libc::recv(fd, buffer.as_mut_ptr().cast(), buffer.len(), 0) };
            let got = match check(i32::try_from(got).unwrap_or(i32::MAX), operation) {
                Ok(got) => usize::try_from(got).unwrap_or(0),
                Err(error) if error.errno == libc::EINTR => continue,
                Err(error) => return Err(error),
            };
            if self.read_answers(&buffer[..got], operation, &mut visit)? {
                return Ok(());
            }
        }
    }

    /// Goes through the messages of a datagram; true if the exchange is over.
    fn read_answers(
        &self,
        mut rest: &[u8],
        operation: &str,
        visit: &mut impl FnMut(u16, &[u8]),
    ) -> Result<bool, SysError> {
        while rest.len() >= HEADER_LEN {
            let len = word(rest, 0) as usize;
            if len < HEADER_LEN || len > rest.len() {
                return Err(SysError::new(operation, libc::EPROTO));
            }
            let kind = half(rest, 4);
            let body = &rest[HEADER_LEN..len];
            if word(rest, 8) == self.sequence {
                match i32::from(kind) {
                    libc::NLMSG_DONE => return Ok(true),
                    libc::NLMSG_ERROR => {
                        let errno = word(body, 0).cast_signed();
                        return match errno {
                            0 => Ok(true),
                            _ => Err(SysError::new(operation, errno.saturating_neg())),
                        };
                    }
                    _ => visit(kind, body),
                }
            }
            rest = &rest[len.next_multiple_of(4).min(rest.len())..];
        }
        Ok(false)
    }
}

/// The attributes in `bytes`: type without its flag bits, and value.
pub fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let len = usize::from(half(bytes, 0));
        if bytes.len() < 4 || len < 4 || len > bytes.len() {
            return None;
        }
        let found = (half(bytes, 2) & 0x3fff, &bytes[4..len]);
        bytes = &bytes[len.next_multiple_of(4).min(bytes.len())..];
        Some(found)
    })
}

/// The 32-bit word at `offset`, in the machine's order; zero if the bytes end before.
pub(crate) fn word(bytes: &[u8], offset: usize) -> u32 {
    let found = bytes.get(offset..offset + 4).and_then(|four| four.try_into().ok());
    u32::from_ne_bytes(found.unwrap_or_default())
}

fn half(bytes: &[u8], offset: usize) -> u16 {
    let found = bytes.get(offset..offset + 2).and_then(|two| two.try_into().ok());
    u16::from_ne_bytes(found.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_attributes_are_read_back() {
        let mut message = Message::new(16, 0);
        message.text(3, "eth0").nest(18, |m| {
            m.text(1, "veth").attribute(2, &[1, 2, 3]);
        });
        let bytes = message.finish(7);
        assert_eq!(word(bytes, 0) as usize, bytes.len());
        let found: Vec<_> = attributes(&bytes[HEADER_LEN..]).collect();
        assert_eq!(found[0], (3, &b"eth0\0"[..]));
        let inner: Vec<_> = attributes(found[1].1).collect();
        assert_eq!(inner, [(1, &b"veth\0"[..]), (2, &[1, 2, 3][..])]);
    }

    #[test]
    fn hostile_attribute_lengths_end_the_walk() {
        for bytes in [&[][..], &[3, 0, 1, 0], &[0xff, 0xff, 1, 0, 9], &[4], &[0; 16]] {
            assert_eq!(attributes(bytes).count(), 0);
        }
    }
}
