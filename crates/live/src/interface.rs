//! What an interface is: index, MTU, driver, queues, offloads; asked by ioctl, so that it works in
//! the namespace of the socket and without `/sys`.

use crate::sys::{SysError, c_string, check, socket};
use std::os::fd::{AsRawFd, OwnedFd};

/// A socket for questions about interfaces, bound to the namespace in which it was made.
#[derive(Debug)]
pub struct Inspector(OwnedFd);

/// Features that a lab switches off, so that every frame on a link is one that a wire would carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offload {
    /// Received checksums are trusted.
    ReceiveChecksum,
    /// Checksums are left to the device.
    TransmitChecksum,
    /// Fragments of memory are gathered by the device.
    ScatterGather,
    /// TCP segments are cut by the device.
    Tso,
    /// Segments are cut just before the device.
    Gso,
    /// Received segments are merged.
    Gro,
    /// VLAN tags travel beside the frame when sending.
    TransmitVlan,
    /// VLAN tags travel beside the frame when receiving.
    ReceiveVlan,
}

impl Offload {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::ReceiveChecksum,
        Self::TransmitChecksum,
        Self::ScatterGather,
        Self::Tso,
        Self::Gso,
        Self::Gro,
        Self::TransmitVlan,
        Self::ReceiveVlan,
    ];

    /// The commands of `linux/ethtool.h`; VLAN offloads are bits of the flags command instead.
    fn commands(self) -> Option<(u32, u32)> {
        Some(match self {
            Self::ReceiveChecksum => (0x14, 0x15),
            Self::TransmitChecksum => (0x16, 0x17),
            Self::ScatterGather => (0x18, 0x19),
            Self::Tso => (0x1e, 0x1f),
            Self::Gso => (0x23, 0x24),
            Self::Gro => (0x2b, 0x2c),
            Self::TransmitVlan | Self::ReceiveVlan => return None,
        })
    }

    fn flag(self) -> u32 {
        match self {
            Self::TransmitVlan => 1 << 7,
            Self::ReceiveVlan => 1 << 8,
            _ => 0,
        }
    }
}

const ETHTOOL_GDRVINFO: u32 = 0x03;
const ETHTOOL_GFLAGS: u32 = 0x25;
const ETHTOOL_SFLAGS: u32 = 0x26;
const ETHTOOL_GCHANNELS: u32 = 0x3c;
const SIOCETHTOOL: libc::c_ulong = 0x8946;

impl Inspector {
    /// Opens the socket; needs no privilege.
    pub fn open() -> Result<Self, SysError> {
        socket(libc::AF_INET, libc::SOCK_DGRAM, 0, "socket(AF_INET)").map(Self)
    }

    /// Duplicates the handle, which stays in its namespace.
    pub fn try_clone(&self) -> Result<Self, SysError> {
        self.0.try_clone().map(Self).map_err(|error| SysError::of("dup", &error))
    }

    /// The index of the interface.
    pub fn index(&self, name: &str) -> Result<u32, SysError> {
        let request = self.request(name, libc::SIOCGIFINDEX, "ioctl(SIOCGIFINDEX)")?;
        // SAFETY: the kernel filled this member for this request.
        let index = unsafe { request.ifr_ifru.ifru_ifindex };
        Ok(index.cast_unsigned())
    }

    /// The largest network datagram that it carries, in bytes.
    pub fn mtu(&self, name: &str) -> Result<u32, SysError> {
        let request = self.request(name, libc::SIOCGIFMTU, "ioctl(SIOCGIFMTU)")?;
        // SAFETY: the kernel filled this member for this request.
        let mtu = unsafe { request.ifr_ifru.ifru_mtu };
        Ok(u32::try_from(mtu).unwrap_or(0))
    }

    /// Whether it is administratively up.
    pub fn is_up(&self, name: &str) -> Result<bool, SysError> {
        Ok(self.flags(name)? & libc::IFF_UP as libc::c_short != 0)
    }

    /// Its hardware address.
    pub fn address(&self, name: &str) -> Result<[u8; 6], SysError> {
        let request = self.request(name, libc::SIOCGIFHWADDR, "ioctl(SIOCGIFHWADDR)")?;
        // SAFETY: the kernel filled this member for this request.
        let address = unsafe { request.ifr_ifru.ifru_hwaddr };
        Ok(std::array::from_fn(|i| address.sa_data[i].cast_unsigned()))
    }

    /// Whether it has an IPv4 address.
    pub fn has_ipv4(&self, name: &str) -> bool {
        self.request(name, libc::SIOCGIFADDR, "ioctl(SIOCGIFADDR)").is_ok()
    }

    /// Brings it up or takes it down; needs CAP_NET_ADMIN.
    pub fn set_up(&self, name: &str, up: bool) -> Result<(), SysError> {
        let flags = self.flags(name)?;
        let bit = libc::IFF_UP as libc::c_short;
        let mut request = named(name, "ioctl(SIOCSIFFLAGS)")?;
        request.ifr_ifru.ifru_flags = if up { flags | bit } else { flags & !bit };
        self.ioctl(libc::SIOCSIFFLAGS, &mut request, "ioctl(SIOCSIFFLAGS)")
    }

    fn flags(&self, name: &str) -> Result<libc::c_short, SysError> {
        let request = self.request(name, libc::SIOCGIFFLAGS, "ioctl(SIOCGIFFLAGS)")?;
        // SAFETY: the kernel filled this member for this request.
        Ok(unsafe { request.ifr_ifru.ifru_flags })
    }

    /// The name of its driver; empty if the driver does not say.
    pub fn driver(&self, name: &str) -> Result<String, SysError> {
        let mut info = [0u32; 49];
        info[0] = ETHTOOL_GDRVINFO;
        match self.ethtool(name, &mut info, "ioctl(ETHTOOL_GDRVINFO)") {
            Ok(()) => {}
            Err(error) if error.errno == libc::EOPNOTSUPP => return Ok(String::new()),
            Err(error) => return Err(error),
        }
        let bytes: Vec<u8> = info[1..9].iter().flat_map(|word| word.to_ne_bytes()).collect();
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        Ok(String::from_utf8_lossy(&bytes[..end]).into_owned())
    }

    /// How many receive queues it uses; 1 if the driver does not say.
    pub fn receive_queues(&self, name: &str) -> u32 {
        // max_rx, max_tx, max_other, max_combined, then the same four as they are set.
        let mut channels = [0u32; 9];
        channels[0] = ETHTOOL_GCHANNELS;
        match self.ethtool(name, &mut channels, "ioctl(ETHTOOL_GCHANNELS)") {
            Ok(()) => (channels[5] + channels[8]).max(1),
            Err(_) => 1,
        }
    }

    /// Whether an offload is on.
    pub fn offload(&self, name: &str, offload: Offload) -> Result<bool, SysError> {
        let (get, mask) = match offload.commands() {
            Some((get, _)) => (get, u32::MAX),
            None => (ETHTOOL_GFLAGS, offload.flag()),
        };
        let mut value = [get, 0];
        self.ethtool(name, &mut value, "ioctl(ETHTOOL_G*)")?;
        Ok(value[1] & mask != 0)
    }

    /// Switches an offload; needs CAP_NET_ADMIN.
    pub fn set_offload(&self, name: &str, offload: Offload, on: bool) -> Result<(), SysError> {
        let operation = format!("ioctl(ETHTOOL_S*, {offload:?})");
        let mut value = match offload.commands() {
            Some((_, set)) => [set, u32::from(on)],
            None => {
                let mut flags = [ETHTOOL_GFLAGS, 0];
                self.ethtool(name, &mut flags, "ioctl(ETHTOOL_GFLAGS)")?;
                let bit = offload.flag();
                [ETHTOOL_SFLAGS, if on { flags[1] | bit } else { flags[1] & !bit }]
            }
        };
        self.ethtool(name, &mut value, &operation)
    }

    fn ethtool(&self, name: &str, words: &mut [u32], operation: &str) -> Result<(), SysError> {
        let mut request = named(name, operation)?;
        request.ifr_ifru.ifru_data = words.as_mut_ptr().cast();
        self.ioctl(SIOCETHTOOL, &mut request, operation)
    }

    fn request(
        &self,
        name: &str,
        number: libc::c_ulong,
        operation: &str,
    ) -> Result<libc::ifreq, SysError> {
        let mut request = named(name, operation)?;
        self.ioctl(number, &mut request, operation)?;
        Ok(request)
    }

    fn ioctl(
        &self,
        number: libc::c_ulong,
        request: &mut libc::ifreq,
        operation: &str,
    ) -> Result<(), SysError> {
        // SAFETY: every request used here reads and writes one `ifreq`; those that follow a pointer
        // inside it get one to a buffer of the size that the command defines.
        check(unsafe { libc::ioctl(self.0.as_raw_fd(), number, request) }, operation).map(drop)
    }
}

/// Names of all interfaces in this thread's namespace.
pub fn names() -> Vec<String> {
    let mut names = Vec::new();
    // SAFETY: the list ends with a zero index, is read only until then and freed once.
    unsafe {
        let list = libc::if_nameindex();
        if list.is_null() {
            return names;
        }
        let mut entry = list;
        while (*entry).if_index != 0 {
            let name = std::ffi::CStr::from_ptr((*entry).if_name);
            names.push(name.to_string_lossy().into_owned());
            entry = entry.add(1);
        }
        libc::if_freenameindex(list);
    }
    names
}

fn named(name: &str, operation: &str) -> Result<libc::ifreq, SysError> {
    // SAFETY: all-zero is a valid `ifreq`.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    let name = c_string(name, operation)?;
    let bytes = name.to_bytes_with_nul();
    if bytes.len() > request.ifr_name.len() {
        return Err(SysError::new(operation, libc::ENODEV));
    }
    for (to, from) in request.ifr_name.iter_mut().zip(bytes) {
        *to = from.cast_signed();
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_interface_is_described() {
        let inspector = Inspector::open().expect("no privilege is needed");
        assert_eq!(inspector.index("lo"), Ok(1));
        assert!(inspector.mtu("lo").is_ok_and(|mtu| mtu >= 1280));
        assert_eq!(inspector.address("lo"), Ok([0; 6]));
        assert_eq!(inspector.receive_queues("lo"), 1);
        assert!(!inspector.has_ipv4("trama-none"));
        assert!(names().contains(&"lo".to_owned()));
    }

    #[test]
    fn unknown_and_absurd_names_are_errors() {
        let inspector = Inspector::open().expect("no privilege is needed");
        for name in ["trama-none", "a-name-that-is-far-too-long-for-linux", ""] {
            assert_eq!(inspector.index(name).map_err(|error| error.errno), Err(libc::ENODEV));
        }
        assert_eq!(inspector.index("a\0b").map_err(|error| error.errno), Err(libc::EINVAL));
    }
}
