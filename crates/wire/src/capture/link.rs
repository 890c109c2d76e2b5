//! Link types: what the packets of a capture begin with.

use std::fmt;

/// A link type of the registry of tcpdump.org (the numbers in capture files).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkType(pub u16);

impl LinkType {
    /// IEEE 802.3 Ethernet.
    pub const ETHERNET: Self = Self(1);

    /// The registry's name, for the types that are seen in practice.
    pub fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            0 => "NULL (BSD loopback)",
            1 => "ETHERNET",
            6 => "IEEE802_5 (token ring)",
            8 => "SLIP",
            9 => "PPP",
            10 => "FDDI",
            12 | 14 | 101 => "RAW (IP without link header)",
            50 => "PPP_HDLC",
            51 => "PPP_ETHER",
            100 => "ATM_RFC1483",
            104 => "C_HDLC (Cisco HDLC)",
            105 => "IEEE802_11",
            107 => "FRELAY (frame relay)",
            108 => "LOOP (OpenBSD loopback)",
            113 => "LINUX_SLL (Linux cooked)",
            117 => "PFLOG",
            119 => "IEEE802_11_PRISM",
            127 => "IEEE802_11_RADIOTAP",
            147..=162 => "USER (private)",
            187 => "BLUETOOTH_HCI_H4",
            189 => "USB_LINUX",
            192 => "PPI",
            195 => "IEEE802_15_4_WITHFCS",
            201 => "BLUETOOTH_HCI_H4_WITH_PHDR",
            220 => "USB_LINUX_MMAPPED",
            227 => "CAN_SOCKETCAN",
            228 => "IPV4",
            229 => "IPV6",
            230 => "IEEE802_15_4_NOFCS",
            239 => "NFLOG",
            249 => "USBPCAP",
            252 => "WIRESHARK_UPPER_PDU",
            253 => "NETLINK",
            276 => "LINUX_SLL2 (Linux cooked)",
            _ => return None,
        })
    }
}

impl fmt::Display for LinkType {
    /// The name, or `link type 42` for the unknown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "link type {}", self.0),
        }
    }
}
