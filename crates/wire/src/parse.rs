//! From bytes to a [`Layout`]: one pass, no allocation, defined on any bytes.
//!
//! What is recognised: Ethernet II; stacked VLAN tags (IEEE 802.1Q, 802.1ad, and 0x9100); ARP for
//! IPv4 over Ethernet (RFC 826); IPv4 with options (RFC 791); IPv6 with extension headers
//! (RFC 8200, RFC 4302); TCP, UDP, ICMP and ICMPv6 in unfragmented datagrams and first fragments;
//! the headers that ICMP errors quote; and [above] those GRE, VXLAN and DNS.
//!
//! A quote that is cut or strange is not a fault: it is what the error carries, nothing more.

use crate::above;
use crate::header::{HeaderId, HeaderSet};
use crate::layout::{Fault, Layout};

/// Most VLAN tags that are skipped; more are [`Fault::TooDeep`]. The first two are recorded.
pub const TAGS_MAX: usize = 8;

/// Most IPv6 extension headers that are skipped; more are [`Fault::TooDeep`].
pub const EXTENSIONS_MAX: usize = 8;

/// EtherTypes (IEEE registration authority).
pub mod ethertype {
    /// IPv4.
    pub const IP: u16 = 0x0800;
    /// ARP.
    pub const ARP: u16 = 0x0806;
    /// IPv6.
    pub const IP6: u16 = 0x86dd;
    /// Customer VLAN tag (IEEE 802.1Q).
    pub const VLAN: u16 = 0x8100;
    /// Service VLAN tag (IEEE 802.1ad).
    pub const SERVICE_VLAN: u16 = 0x88a8;
    /// VLAN tag of equipment before 802.1ad.
    pub const OLD_VLAN: u16 = 0x9100;
    /// An Ethernet frame within another (RFC 1701).
    pub const BRIDGED: u16 = 0x6558;
    /// Local experiments (IEEE 802).
    pub const EXPERIMENT: u16 = 0x88b5;

    /// True for the EtherTypes of VLAN tags.
    pub const fn is_tag(kind: u16) -> bool {
        matches!(kind, VLAN | SERVICE_VLAN | OLD_VLAN)
    }
}

/// Protocol numbers (IANA).
pub mod protocol {
    /// IPv6 hop-by-hop options.
    pub const HOP_BY_HOP: u8 = 0;
    /// ICMP.
    pub const ICMP: u8 = 1;
    /// IPv4 in IP (RFC 2003).
    pub const IP: u8 = 4;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// Generic routing encapsulation (RFC 2784).
    pub const GRE: u8 = 47;
    /// IPv6 in IP (RFC 4213).
    pub const IP6: u8 = 41;
    /// IPv6 routing header.
    pub const ROUTING: u8 = 43;
    /// IPv6 fragment header.
    pub const FRAGMENT: u8 = 44;
    /// Authentication header (RFC 4302).
    pub const AUTHENTICATION: u8 = 51;
    /// ICMPv6.
    pub const ICMP6: u8 = 58;
    /// IPv6 destination options.
    pub const DESTINATION: u8 = 60;
    /// Ethernet in IP (RFC 8986).
    pub const ETHERNET: u8 = 143;
    /// Experiments (RFC 3692).
    pub const EXPERIMENT: u8 = 253;
}

/// Finds the headers of an Ethernet frame.
#[inline]
pub fn parse(frame: &[u8]) -> Layout {
    let mut layout = Layout::default();
    parse_into(frame, &mut layout);
    layout
}

/// As [`parse`], in place: what the layout was before does not matter.
#[inline]
pub fn parse_into(frame: &[u8], layout: &mut Layout) {
    if !usual(frame, layout) {
        *layout = parse_any(frame);
    }
}

/// The layout of TCP or UDP over IPv4 without options, tags or faults: what most packets are. Its
/// headers stand at fixed places, so there is next to nothing to compute. False if the frame is
/// another one; then nothing is done.
#[inline]
fn usual(frame: &[u8], layout: &mut Layout) -> bool {
    let Some(head) = frame.first_chunk::<42>() else { return false };
    let end = 14 + usize::from(u16::from_be_bytes([head[16], head[17]]));
    let plain = head[12] == 0x08 && head[13] == 0x00 && head[14] == 0x45;
    let unfragmented = head[20] & 0x1f == 0 && head[21] == 0;
    if !plain || !unfragmented || end > frame.len() {
        return false;
    }
    let (template, payload) = match (head[23], frame.get(46)) {
        (protocol::TCP, Some(words)) if *words >= 0x50 => {
            (const { &template(HeaderId::TCP) }, 34 + usize::from(*words >> 4) * 4)
        }
        (protocol::UDP, _) => {
            if above::is_known([head[34], head[35], head[36], head[37]]) {
                return false;
            }
            (const { &template(HeaderId::UDP) }, 42)
        }
        _ => return false,
    };
    if payload > end {
        return false;
    }
    let (len, payload, end) = (frame.len() as u32, payload as u32, end as u32);
    *layout = Layout { len, payload, end, ..*template };
    true
}

/// The layout of a transport header over plain IPv4, but for its lengths.
const fn template(id: HeaderId) -> Layout {
    let mut offset = [0; HeaderId::COUNT];
    offset[HeaderId::IP.0 as usize] = 14;
    offset[HeaderId::L4.0 as usize] = 34;
    offset[id.0 as usize] = 34;
    let link = HeaderSet::of(HeaderId::ETH).with(HeaderId::IP).with(HeaderId::L4);
    let proto = if id.0 == HeaderId::TCP.0 { protocol::TCP } else { protocol::UDP };
    let present = link.with(id);
    Layout { present, len: 0, payload: 0, end: 0, offset, proto, fault: Fault::None }
}

/// The layout of any frame.
fn parse_any(frame: &[u8]) -> Layout {
    let len = frame.len() as u32;
    let mut layout = Layout { len, end: len, ..Layout::default() };
    let Some(eth) = frame.first_chunk::<14>() else {
        layout.fault = Fault::Truncated;
        return layout;
    };
    layout.record(HeaderId::ETH, 0);
    let mut kind = u16::from_be_bytes([eth[12], eth[13]]);
    let mut at = 14;
    if kind != ethertype::IP && ethertype::is_tag(kind) {
        let Some(enclosed) = tags(frame, kind, &mut layout) else { return layout };
        (kind, at) = enclosed;
    }
    layout.payload = at as u32;
    match kind {
        ethertype::IP => ip(frame, at, &mut layout),
        ethertype::IP6 => ip6(frame, at, &mut layout),
        ethertype::ARP => arp(frame, at, &mut layout),
        _ => {}
    }
    layout
}

impl Layout {
    #[inline(always)]
    pub(crate) fn record(&mut self, id: HeaderId, at: usize) {
        self.present = self.present.with(id);
        // Headers start below 65,536: the longest chains are bounded by the limits above.
        self.offset[usize::from(id.0)] = at as u16;
    }
}

/// `N` bytes of `frame` at `at`, if all are there.
#[inline(always)]
pub(crate) fn chunk<const N: usize>(frame: &[u8], at: usize) -> Option<&[u8; N]> {
    frame.get(at..)?.first_chunk()
}

/// Records VLAN tags; the EtherType behind them and where its header starts.
#[cold]
fn tags(frame: &[u8], mut kind: u16, layout: &mut Layout) -> Option<(u16, usize)> {
    let mut at = 14;
    for depth in 0..TAGS_MAX {
        layout.payload = at as u32;
        let Some(tag) = chunk::<4>(frame, at) else {
            layout.fault = Fault::Truncated;
            return None;
        };
        match depth {
            0 => layout.record(HeaderId::VLAN, at),
            1 => layout.record(HeaderId::VLAN2, at),
            _ => {}
        }
        kind = u16::from_be_bytes([tag[2], tag[3]]);
        at += 4;
        if !ethertype::is_tag(kind) {
            break;
        }
    }
    layout.payload = at as u32;
    if ethertype::is_tag(kind) {
        layout.fault = Fault::TooDeep;
        return None;
    }
    Some((kind, at))
}

fn arp(frame: &[u8], at: usize, layout: &mut Layout) {
    let Some(header) = chunk::<28>(frame, at) else {
        layout.fault = Fault::Truncated;
        return;
    };
    // Hardware type Ethernet, protocol type IPv4, and the address lengths that follow from them.
    if header[..6] == [0, 1, 8, 0, 6, 4] {
        layout.record(HeaderId::ARP, at);
        layout.payload = (at + 28) as u32;
        layout.end = layout.payload;
    }
}

#[inline(always)]
fn ip(frame: &[u8], at: usize, layout: &mut Layout) {
    let Some(header) = chunk::<20>(frame, at) else {
        layout.fault = Fault::Truncated;
        return;
    };
    let header_len = usize::from(header[0] & 0x0f) * 4;
    let total_len = usize::from(u16::from_be_bytes([header[2], header[3]]));
    if header[0] >> 4 != 4 || header_len < 20 || (total_len < header_len && total_len != 0) {
        layout.fault = Fault::Malformed;
        return;
    }
    let next = at + header_len;
    if next > frame.len() {
        layout.fault = Fault::Truncated;
        return;
    }
    layout.record(HeaderId::IP, at);
    layout.proto = header[9];
    layout.payload = next as u32;
    // A total length of zero is what segmentation offload leaves in captures of large segments.
    let claimed = if total_len == 0 { frame.len() } else { at + total_len };
    let end = claimed.min(frame.len());
    layout.end = end as u32;
    let fragment_offset = u16::from_be_bytes([header[6], header[7]]) & 0x1fff;
    if fragment_offset == 0 {
        let short = if claimed > end { Fault::Truncated } else { Fault::Malformed };
        match header[9] {
            protocol::TCP => tcp(&frame[..end], next, short, layout),
            protocol::UDP => udp(&frame[..end], next, short, layout),
            protocol::ICMP => icmp(&frame[..end], next, short, layout),
            protocol::GRE => above::gre(&frame[..end], next, layout),
            _ => {}
        }
    }
}

fn ip6(frame: &[u8], at: usize, layout: &mut Layout) {
    let Some(header) = chunk::<40>(frame, at) else {
        layout.fault = Fault::Truncated;
        return;
    };
    if header[0] >> 4 != 6 {
        layout.fault = Fault::Malformed;
        return;
    }
    layout.record(HeaderId::IP6, at);
    layout.payload = (at + 40) as u32;
    let payload_len = usize::from(u16::from_be_bytes([header[4], header[5]]));
    // Zero: a jumbogram (RFC 2675), or what segmentation offload leaves in captures.
    let claimed = if payload_len == 0 { frame.len() } else { at + 40 + payload_len };
    let end = claimed.min(frame.len());
    layout.end = end as u32;
    let short = if claimed > end { Fault::Truncated } else { Fault::Malformed };
    let datagram = &frame[..end];
    let (mut proto, mut next) = (header[6], at + 40);
    if is_extension(proto) {
        let Some(behind) = extensions(datagram, proto, short, layout) else { return };
        (proto, next) = behind;
    }
    layout.proto = proto;
    match proto {
        protocol::TCP => tcp(datagram, next, short, layout),
        protocol::UDP => udp(datagram, next, short, layout),
        protocol::ICMP6 => icmp6(datagram, next, short, layout),
        protocol::GRE => above::gre(datagram, next, layout),
        _ => {}
    }
}

/// True for the IPv6 extension headers that are skipped on the way to the upper layer.
pub(crate) const fn is_extension(proto: u8) -> bool {
    matches!(
        proto,
        protocol::HOP_BY_HOP
            | protocol::ROUTING
            | protocol::FRAGMENT
            | protocol::AUTHENTICATION
            | protocol::DESTINATION
    )
}

/// Length in bytes of an extension header whose first two bytes are given.
pub(crate) const fn extension_len(proto: u8, second: u8) -> usize {
    match proto {
        protocol::FRAGMENT => 8,
        protocol::AUTHENTICATION => (second as usize + 2) * 4,
        _ => (second as usize + 1) * 8,
    }
}

/// Skips extension headers; the upper-layer protocol and where it starts, unless a fault or a
/// later fragment leaves nothing to find there.
#[cold]
fn extensions(
    datagram: &[u8],
    mut proto: u8,
    short: Fault,
    layout: &mut Layout,
) -> Option<(u8, usize)> {
    let mut at = layout.payload as usize;
    for _ in 0..EXTENSIONS_MAX {
        if !is_extension(proto) {
            break;
        }
        let header = chunk::<8>(datagram, at);
        let len = header.map_or(8, |h| extension_len(proto, h[1]));
        let (Some(header), true) = (header, at + len <= datagram.len()) else {
            layout.fault = short;
            return None;
        };
        if proto == protocol::FRAGMENT {
            layout.record(HeaderId::FRAG6, at);
        }
        at += len;
        layout.payload = at as u32;
        let later =
            proto == protocol::FRAGMENT && u16::from_be_bytes([header[2], header[3]]) & 0xfff8 != 0;
        proto = header[0];
        if later {
            layout.proto = proto;
            return None;
        }
    }
    if is_extension(proto) {
        layout.fault = Fault::TooDeep;
        return None;
    }
    Some((proto, at))
}

#[inline(always)]
fn tcp(datagram: &[u8], at: usize, short: Fault, layout: &mut Layout) {
    let Some(header) = chunk::<20>(datagram, at) else {
        layout.fault = short;
        return;
    };
    let header_len = usize::from(header[12] >> 4) * 4;
    if header_len < 20 {
        layout.fault = Fault::Malformed;
        return;
    }
    if at + header_len > datagram.len() {
        layout.fault = short;
        return;
    }
    layout.record(HeaderId::TCP, at);
    layout.record(HeaderId::L4, at);
    layout.payload = (at + header_len) as u32;
}

#[inline(always)]
fn udp(datagram: &[u8], at: usize, short: Fault, layout: &mut Layout) {
    if at + 8 > datagram.len() {
        layout.fault = short;
        return;
    }
    layout.record(HeaderId::UDP, at);
    layout.record(HeaderId::L4, at);
    layout.payload = (at + 8) as u32;
    above::udp(datagram, at, layout);
}

fn icmp(datagram: &[u8], at: usize, short: Fault, layout: &mut Layout) {
    let Some(header) = chunk::<8>(datagram, at) else {
        layout.fault = short;
        return;
    };
    layout.record(HeaderId::ICMP, at);
    layout.payload = (at + 8) as u32;
    if matches!(header[0], 3 | 4 | 5 | 11 | 12) {
        quoted_ip(datagram, at + 8, layout);
    }
}

fn icmp6(datagram: &[u8], at: usize, short: Fault, layout: &mut Layout) {
    let Some(header) = chunk::<8>(datagram, at) else {
        layout.fault = short;
        return;
    };
    layout.record(HeaderId::ICMP6, at);
    layout.payload = (at + 8) as u32;
    if matches!(header[0], 1..=4) {
        quoted_ip6(datagram, at + 8, layout);
    }
}

fn quoted_ip(datagram: &[u8], at: usize, layout: &mut Layout) {
    let Some(header) = chunk::<20>(datagram, at) else { return };
    let header_len = usize::from(header[0] & 0x0f) * 4;
    let total_len = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let next = at + header_len;
    let strange = header[0] >> 4 != 4 || header_len < 20 || total_len < header_len;
    if strange || next > datagram.len() {
        return;
    }
    layout.record(HeaderId::INNER, at);
    layout.payload = next as u32;
    if u16::from_be_bytes([header[6], header[7]]) & 0x1fff == 0 {
        let end = datagram.len().min(at + total_len);
        quoted_upper(&datagram[..end], next, header[9], layout);
    }
}

fn quoted_ip6(datagram: &[u8], at: usize, layout: &mut Layout) {
    let Some(header) = chunk::<40>(datagram, at) else { return };
    if header[0] >> 4 != 6 {
        return;
    }
    layout.record(HeaderId::INNER6, at);
    layout.payload = (at + 40) as u32;
    let end = at + 40 + usize::from(u16::from_be_bytes([header[4], header[5]]));
    quoted_upper(&datagram[..datagram.len().min(end)], at + 40, header[6], layout);
}

/// The first eight bytes behind a quoted network header.
fn quoted_upper(datagram: &[u8], at: usize, proto: u8, layout: &mut Layout) {
    let Some(upper) = chunk::<8>(datagram, at) else { return };
    let v6 = layout.present.has(HeaderId::INNER6);
    let id = match (proto, upper[0]) {
        (protocol::TCP | protocol::UDP, _) => HeaderId::INNER_L4,
        (protocol::ICMP, 0 | 8) if !v6 => HeaderId::INNER_ICMP,
        (protocol::ICMP6, 128 | 129) if v6 => HeaderId::INNER_ICMP,
        _ => return,
    };
    layout.record(id, at);
    layout.payload = (at + 8) as u32;
}

#[cfg(test)]
mod tests;
