//! The rtnetlink requests that Trama makes, by name.

use super::{Message, Netlink, attributes, word};
use crate::sys::SysError;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsRawFd as _, BorrowedFd};

const VETH_INFO_PEER: u16 = 1;
const CREATE: i32 = libc::NLM_F_CREATE | libc::NLM_F_EXCL;

/// A kind of interface to make.
#[derive(Clone, Debug)]
pub struct LinkSpec<'a> {
    /// Its kind: `vxlan`, `bridge`, `macvlan` …
    pub kind: &'a str,
    /// Index of the interface that it sits on.
    pub lower: Option<u32>,
    /// Its name and place.
    pub end: LinkEnd<'a>,
}

/// An interface to make; one end of a veth pair.
#[derive(Clone, Debug)]
pub struct LinkEnd<'a> {
    /// Interface name.
    pub name: &'a str,
    /// Hardware address; chosen by the kernel if absent.
    pub address: Option<[u8; 6]>,
    /// Namespace to make it in; that of the socket if absent.
    pub namespace: Option<BorrowedFd<'a>>,
}

impl<'a> LinkEnd<'a> {
    /// An interface in the namespace of the socket, with an address that the kernel chooses.
    pub fn here(name: &'a str) -> Self {
        Self { name, address: None, namespace: None }
    }

    fn put(&self, message: &mut Message) {
        message.text(libc::IFLA_IFNAME, self.name);
        if let Some(address) = self.address {
            message.attribute(libc::IFLA_ADDRESS, &address);
        }
        if let Some(namespace) = self.namespace {
            message.attribute(libc::IFLA_NET_NS_FD, &namespace.as_raw_fd().to_ne_bytes());
        }
    }
}

/// An interface in the list of a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its index.
    pub index: u32,
    /// Its name.
    pub name: String,
}

/// An address with the length of its network prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// The address.
    pub address: IpAddr,
    /// Bits of the network part.
    pub bits: u8,
}

impl std::fmt::Display for Prefix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

impl Netlink {
    /// Makes a pair of connected Ethernet interfaces.
    pub fn create_veth(&mut self, near: &LinkEnd<'_>, far: &LinkEnd<'_>) -> Result<(), SysError> {
        let mut message = Message::new(libc::RTM_NEWLINK, CREATE);
        message.put_link(0, 0, 0);
        near.put(&mut message);
        message.nest(libc::IFLA_LINKINFO, |info| {
            info.text(libc::IFLA_INFO_KIND, "veth");
            info.nest(libc::IFLA_INFO_DATA, |data| {
                data.nest(VETH_INFO_PEER, |peer| {
                    peer.put_link(0, 0, 0);
                    far.put(peer);
                });
            });
        });
        self.request(&mut message, "RTM_NEWLINK(veth)")
    }

    /// Makes an interface of another kind; `data` fills the attributes of its kind.
    pub fn create_link(
        &mut self,
        spec: &LinkSpec<'_>,
        data: impl FnOnce(&mut Message),
    ) -> Result<(), SysError> {
        let mut message = Message::new(libc::RTM_NEWLINK, CREATE);
        message.put_link(0, 0, 0);
        spec.end.put(&mut message);
        if let Some(index) = spec.lower {
            message.attribute(libc::IFLA_LINK, &index.to_ne_bytes());
        }
        message.nest(libc::IFLA_LINKINFO, |info| {
            info.text(libc::IFLA_INFO_KIND, spec.kind).nest(libc::IFLA_INFO_DATA, data);
        });
        self.request(&mut message, &format!("RTM_NEWLINK({})", spec.kind))
    }

    /// Removes an interface; a veth's peer goes with it.
    pub fn delete_link(&mut self, index: u32) -> Result<(), SysError> {
        let mut message = Message::new(libc::RTM_DELLINK, 0);
        self.request(message.put_link(index, 0, 0), "RTM_DELLINK")
    }

    /// Brings an interface up or takes it down.
    pub fn set_up(&mut self, index: u32, up: bool) -> Result<(), SysError> {
        let bit = libc::IFF_UP.cast_unsigned();
        let mut message = Message::new(libc::RTM_NEWLINK, 0);
        let message = message.put_link(index, if up { bit } else { 0 }, bit);
        self.request(message, "RTM_NEWLINK(IFF_UP)")
    }

    /// Sets the largest datagram that an interface carries, in bytes.
    pub fn set_mtu(&mut self, index: u32, mtu_bytes: u32) -> Result<(), SysError> {
        let mut message = Message::new(libc::RTM_NEWLINK, 0);
        message.put_link(index, 0, 0).attribute(libc::IFLA_MTU, &mtu_bytes.to_ne_bytes());
        self.request(&mut message, "RTM_NEWLINK(IFLA_MTU)")
    }

    /// The interfaces of the namespace.
    pub fn list_links(&mut self) -> Result<Vec<Link>, SysError> {
        let mut links = Vec::new();
        let mut message = Message::new(libc::RTM_GETLINK, libc::NLM_F_DUMP);
        message.put_link(0, 0, 0);
        self.exchange(&mut message, "RTM_GETLINK", |kind, body| {
            let Some(attrs) = body.get(16..).filter(|_| kind == libc::RTM_NEWLINK) else { return };
            let name = attributes(attrs).find(|(kind, _)| *kind == libc::IFLA_IFNAME);
            let name = name.map_or(&[][..], |(_, value)| value.trim_ascii_end());
            let name = String::from_utf8_lossy(name).trim_end_matches('\0').to_owned();
            links.push(Link { index: word(body, 4), name });
        })?;
        Ok(links)
    }

    /// The index of an interface.
    pub fn link_index(&mut self, name: &str) -> Result<u32, SysError> {
        let found = self.list_links()?.into_iter().find(|link| link.name == name);
        found.map(|link| link.index).ok_or_else(|| SysError::new("RTM_GETLINK", libc::ENODEV))
    }

    /// Gives an interface an address, and thereby a route to its network.
    pub fn add_address(&mut self, index: u32, prefix: Prefix) -> Result<(), SysError> {
        let (family, bytes) = address_bytes(prefix.address);
        let mut message = Message::new(libc::RTM_NEWADDR, CREATE);
        // IFA_F_NODAD (2): an IPv6 address in a lab is usable at once.
        message.put(&[family, prefix.bits, 2, 0]).put(&index.to_ne_bytes());
        message.attribute(libc::IFA_LOCAL, &bytes).attribute(libc::IFA_ADDRESS, &bytes);
        self.request(&mut message, &format!("RTM_NEWADDR({prefix})"))
    }

    /// Adds a route through a neighbour; `destination` with 0 bits is the default route.
    pub fn add_route(
        &mut self,
        destination: Prefix,
        gateway: IpAddr,
        index: u32,
    ) -> Result<(), SysError> {
        let (family, bytes) = address_bytes(destination.address);
        let (_, gateway) = address_bytes(gateway);
        let mut message = Message::new(libc::RTM_NEWROUTE, CREATE);
        message.put(&[
            family,
            destination.bits,
            0,
            0,
            libc::RT_TABLE_MAIN,
            libc::RTPROT_STATIC,
            libc::RT_SCOPE_UNIVERSE,
            libc::RTN_UNICAST,
            0,
            0,
            0,
            0,
        ]);
        if destination.bits > 0 {
            message.attribute(libc::RTA_DST, &bytes);
        }
        message.attribute(libc::RTA_GATEWAY, &gateway);
        message.attribute(libc::RTA_OIF, &index.to_ne_bytes());
        self.request(&mut message, &format!("RTM_NEWROUTE({destination})"))
    }

    /// Adds a queueing discipline at the root of an interface, or `clsact` and `ingress` at their
    /// own place.
    pub fn add_qdisc(
        &mut self,
        index: u32,
        kind: &str,
        options: impl FnOnce(&mut Message),
    ) -> Result<(), SysError> {
        const TCA_KIND: u16 = 1;
        const TCA_OPTIONS: u16 = 2;
        const ROOT: u32 = 0xffff_ffff;
        const CLSACT: u32 = 0xffff_fff1;
        let (parent, handle) =
            if matches!(kind, "clsact" | "ingress") { (CLSACT, 0xffff_0000) } else { (ROOT, 0) };
        let mut message = Message::new(libc::RTM_NEWQDISC, CREATE);
        message.put(&[0; 4]);
        for field in [index, handle, parent, 0] {
            message.put(&field.to_ne_bytes());
        }
        message.text(TCA_KIND, kind).nest(TCA_OPTIONS, options);
        self.request(&mut message, &format!("RTM_NEWQDISC({kind})"))
    }
}

/// The default route of IPv4.
pub const DEFAULT_ROUTE: Prefix = Prefix { address: IpAddr::V4(Ipv4Addr::UNSPECIFIED), bits: 0 };

fn address_bytes(address: IpAddr) -> (u8, Vec<u8>) {
    match address {
        IpAddr::V4(v4) => (libc::AF_INET as u8, v4.octets().to_vec()),
        IpAddr::V6(v6) => (libc::AF_INET6 as u8, v6.octets().to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_interface_is_listed() {
        let mut netlink = Netlink::route().expect("no privilege is needed");
        assert_eq!(netlink.link_index("lo"), Ok(1));
        let none = netlink.link_index("trama-none").map_err(|error| error.errno);
        assert_eq!(none, Err(libc::ENODEV));
    }
}
