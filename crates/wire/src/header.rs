//! The one table of packet headers: names, fields, offsets, widths and types.
//!
//! Everything that knows a header derives from this table: the parser, [`Packet::get`] and
//! [`Packet::set`], the language's `p.tcp.dst`, the code generator's loads, trace output and the
//! reference manual. Offsets and widths are in bits, counted from the start of the header, most
//! significant bit first, as the RFCs draw them.
//!
//! [`Packet::get`]: crate::packet::Packet::get
//! [`Packet::set`]: crate::packet::Packet::set

/// A kind of header that a packet can hold. Used as an index into [`HEADERS`] and
/// [`Layout::offset`](crate::layout::Layout::offset).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HeaderId(pub u8);

macro_rules! headers {
    ($($index:literal $id:ident $name:literal $min_len:literal $doc:literal {
        $($field:literal $bit:literal $width:literal $ty:ident $fdoc:literal,)*
    })*) => {
        impl HeaderId {
            $(#[doc = $doc] pub const $id: Self = Self($index);)*
        }

        /// All headers, indexed by [`HeaderId`].
        pub static HEADERS: &[HeaderDef] = &[$(HeaderDef {
            id: HeaderId::$id,
            name: $name,
            min_len: $min_len,
            doc: $doc,
            fields: &[$(FieldDef {
                name: $field,
                bit: $bit,
                width: $width,
                ty: FieldType::$ty,
                doc: $fdoc,
            },)*],
        },)*];
    };
}

/// What a field holds, which decides its type in the language and how it prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldType {
    /// An unsigned number of the field's width.
    Uint,
    /// One bit, as a truth value.
    Bool,
    /// An Ethernet address.
    Mac,
    /// An IPv4 address.
    Ip4,
    /// An IPv6 address.
    Ip6,
}

/// One field of a header.
#[derive(Debug)]
pub struct FieldDef {
    /// Name after the header's, for example `dst` or `flags.syn`.
    pub name: &'static str,
    /// First bit, counted from the start of the header.
    pub bit: u16,
    /// Width in bits: 1 to 64, or 128.
    pub width: u8,
    /// What it holds.
    pub ty: FieldType,
    /// One line for the reference manual.
    pub doc: &'static str,
}

/// One header: its name, its shortest length and its fields.
#[derive(Debug)]
pub struct HeaderDef {
    /// Its index.
    pub id: HeaderId,
    /// Its name in the language.
    pub name: &'static str,
    /// Length without options, in bytes.
    pub min_len: u16,
    /// One line for the reference manual.
    pub doc: &'static str,
    /// Its fields; [`FieldRef`] indexes them.
    pub fields: &'static [FieldDef],
}

/// A field of a header, by index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldRef {
    /// The header.
    pub header: HeaderId,
    /// Index into [`HeaderDef::fields`].
    pub field: u8,
}

headers! {
    0 ETH "eth" 14 "Ethernet II (IEEE 802.3)" {
        "dst" 0 48 Mac "destination address",
        "src" 48 48 Mac "source address",
        "type" 96 16 Uint "EtherType that follows the addresses (0x8100 when tagged)",
    }
    1 VLAN "vlan" 4 "Outermost VLAN tag (IEEE 802.1Q, 802.1ad); starts after the tag's EtherType" {
        "pcp" 0 3 Uint "priority code point",
        "dei" 3 1 Bool "drop eligible",
        "id" 4 12 Uint "VLAN identifier",
        "type" 16 16 Uint "EtherType of what the tag encloses",
    }
    2 VLAN2 "vlan2" 4 "Second VLAN tag of a stacked frame (802.1ad)" {
        "pcp" 0 3 Uint "priority code point",
        "dei" 3 1 Bool "drop eligible",
        "id" 4 12 Uint "VLAN identifier",
        "type" 16 16 Uint "EtherType of what the tag encloses",
    }
    3 ARP "arp" 28 "Address resolution for IPv4 over Ethernet (RFC 826)" {
        "op" 48 16 Uint "1 request, 2 reply",
        "sha" 64 48 Mac "sender hardware address",
        "spa" 112 32 Ip4 "sender protocol address",
        "tha" 144 48 Mac "target hardware address",
        "tpa" 192 32 Ip4 "target protocol address",
    }
    4 IP "ip" 20 "IPv4 (RFC 791)" {
        "version" 0 4 Uint "always 4",
        "ihl" 4 4 Uint "header length in 32-bit words",
        "dscp" 8 6 Uint "differentiated services code point (RFC 2474)",
        "ecn" 14 2 Uint "explicit congestion notification (RFC 3168)",
        "len" 16 16 Uint "total length in bytes",
        "id" 32 16 Uint "identification",
        "rf" 48 1 Bool "reserved flag",
        "df" 49 1 Bool "do not fragment",
        "mf" 50 1 Bool "more fragments follow",
        "frag" 51 13 Uint "fragment offset in units of 8 bytes",
        "ttl" 64 8 Uint "time to live",
        "proto" 72 8 Uint "protocol of the payload",
        "checksum" 80 16 Uint "header checksum",
        "src" 96 32 Ip4 "source address",
        "dst" 128 32 Ip4 "destination address",
    }
    5 IP6 "ip6" 40 "IPv6 (RFC 8200)" {
        "version" 0 4 Uint "always 6",
        "dscp" 4 6 Uint "differentiated services code point",
        "ecn" 10 2 Uint "explicit congestion notification",
        "label" 12 20 Uint "flow label",
        "len" 32 16 Uint "payload length in bytes",
        "next" 48 8 Uint "type of the header that follows; `p.proto` is the upper-layer protocol",
        "ttl" 56 8 Uint "hop limit",
        "src" 64 128 Ip6 "source address",
        "dst" 192 128 Ip6 "destination address",
    }
    6 FRAG6 "frag6" 8 "IPv6 fragment header (RFC 8200, section 4.5)" {
        "next" 0 8 Uint "type of the header that follows",
        "frag" 16 13 Uint "fragment offset in units of 8 bytes",
        "mf" 31 1 Bool "more fragments follow",
        "id" 32 32 Uint "identification",
    }
    7 TCP "tcp" 20 "TCP (RFC 9293)" {
        "src" 0 16 Uint "source port",
        "dst" 16 16 Uint "destination port",
        "seq" 32 32 Uint "sequence number",
        "ack" 64 32 Uint "acknowledgment number",
        "offset" 96 4 Uint "header length in 32-bit words",
        "flags" 104 8 Uint "CWR ECE URG ACK PSH RST SYN FIN",
        "flags.cwr" 104 1 Bool "congestion window reduced",
        "flags.ece" 105 1 Bool "ECN echo",
        "flags.urg" 106 1 Bool "urgent pointer is valid",
        "flags.ack" 107 1 Bool "acknowledgment is valid",
        "flags.psh" 108 1 Bool "push",
        "flags.rst" 109 1 Bool "reset",
        "flags.syn" 110 1 Bool "synchronize",
        "flags.fin" 111 1 Bool "no more data",
        "window" 112 16 Uint "receive window, unscaled",
        "checksum" 128 16 Uint "checksum with pseudo-header",
        "urgent" 144 16 Uint "urgent pointer",
    }
    8 UDP "udp" 8 "UDP (RFC 768)" {
        "src" 0 16 Uint "source port",
        "dst" 16 16 Uint "destination port",
        "len" 32 16 Uint "length of header and payload in bytes",
        "checksum" 48 16 Uint "checksum with pseudo-header; 0 means none over IPv4",
    }
    9 L4 "l4" 4 "The ports that TCP and UDP share" {
        "src" 0 16 Uint "source port",
        "dst" 16 16 Uint "destination port",
    }
    10 ICMP "icmp" 8 "ICMP (RFC 792)" {
        "type" 0 8 Uint "message type",
        "code" 8 8 Uint "message code",
        "checksum" 16 16 Uint "checksum",
        "rest" 32 32 Uint "the four bytes after the checksum",
        "id" 32 16 Uint "identifier of echo messages",
        "seq" 48 16 Uint "sequence number of echo messages",
        "mtu" 48 16 Uint "next-hop MTU of 'fragmentation needed' (RFC 1191)",
    }
    11 ICMP6 "icmp6" 8 "ICMPv6 (RFC 4443)" {
        "type" 0 8 Uint "message type",
        "code" 8 8 Uint "message code",
        "checksum" 16 16 Uint "checksum with pseudo-header",
        "rest" 32 32 Uint "the four bytes after the checksum",
        "id" 32 16 Uint "identifier of echo messages",
        "seq" 48 16 Uint "sequence number of echo messages",
        "mtu" 32 32 Uint "MTU of 'packet too big'",
    }
    12 INNER "inner" 20 "IPv4 header quoted in an ICMP error" {
        "version" 0 4 Uint "always 4",
        "ihl" 4 4 Uint "header length in 32-bit words",
        "dscp" 8 6 Uint "differentiated services code point (RFC 2474)",
        "ecn" 14 2 Uint "explicit congestion notification (RFC 3168)",
        "len" 16 16 Uint "total length in bytes",
        "id" 32 16 Uint "identification",
        "rf" 48 1 Bool "reserved flag",
        "df" 49 1 Bool "do not fragment",
        "mf" 50 1 Bool "more fragments follow",
        "frag" 51 13 Uint "fragment offset in units of 8 bytes",
        "ttl" 64 8 Uint "time to live",
        "proto" 72 8 Uint "protocol of the payload",
        "checksum" 80 16 Uint "header checksum",
        "src" 96 32 Ip4 "source address",
        "dst" 128 32 Ip4 "destination address",
    }
    13 INNER6 "inner6" 40 "IPv6 header quoted in an ICMPv6 error" {
        "version" 0 4 Uint "always 6",
        "dscp" 4 6 Uint "differentiated services code point",
        "ecn" 10 2 Uint "explicit congestion notification",
        "label" 12 20 Uint "flow label",
        "len" 32 16 Uint "payload length in bytes",
        "next" 48 8 Uint "type of the header that follows",
        "ttl" 56 8 Uint "hop limit",
        "src" 64 128 Ip6 "source address",
        "dst" 192 128 Ip6 "destination address",
    }
    14 INNER_L4 "inner_l4" 8 "First eight bytes of the TCP or UDP header quoted in an ICMP error" {
        "src" 0 16 Uint "source port",
        "dst" 16 16 Uint "destination port",
        "seq" 32 32 Uint "sequence number, if the quote is TCP",
    }
    15 INNER_ICMP "inner_icmp" 8 "ICMP echo header quoted in an ICMP error" {
        "type" 0 8 Uint "message type",
        "code" 8 8 Uint "message code",
        "checksum" 16 16 Uint "checksum",
        "id" 32 16 Uint "identifier of echo messages",
        "seq" 48 16 Uint "sequence number of echo messages",
    }
    16 VXLAN "vxlan" 8 "VXLAN (RFC 7348): an Ethernet frame over UDP port 4789" {
        "flags" 0 8 Uint "0x08: the identifier is valid",
        "valid" 4 1 Bool "the identifier is valid, as it must be",
        "vni" 32 24 Uint "VXLAN network identifier",
    }
    17 GRE "gre" 4 "Generic routing encapsulation, version 0 (RFC 2784, RFC 2890)" {
        "has_checksum" 0 1 Bool "a checksum follows",
        "has_key" 2 1 Bool "a key follows",
        "has_seq" 3 1 Bool "a sequence number follows",
        "version" 13 3 Uint "always 0",
        "type" 16 16 Uint "EtherType of the payload; 0x6558 for an Ethernet frame",
    }
    18 GRE_CHECKSUM "gre_checksum" 4 "Checksum of a GRE header (RFC 2784)" {
        "checksum" 0 16 Uint "checksum of the GRE header and what it encloses",
    }
    19 GRE_KEY "gre_key" 4 "Key of a GRE header (RFC 2890)" {
        "key" 0 32 Uint "which flow or tenant the packet belongs to",
    }
    20 GRE_SEQ "gre_seq" 4 "Sequence number of a GRE header (RFC 2890)" {
        "seq" 0 32 Uint "sequence number",
    }
    21 DNS "dns" 12 "DNS and multicast DNS over UDP ports 53 and 5353 (RFC 1035, RFC 6762)" {
        "id" 0 16 Uint "identifier, which the answer repeats",
        "qr" 16 1 Bool "a response, not a query",
        "opcode" 17 4 Uint "kind of query: 0 standard, 4 notify, 5 update",
        "aa" 21 1 Bool "the answer is authoritative",
        "tc" 22 1 Bool "the message was cut: ask by TCP",
        "rd" 23 1 Bool "recursion desired",
        "ra" 24 1 Bool "recursion available",
        "ad" 26 1 Bool "the data is authentic (RFC 4035)",
        "cd" 27 1 Bool "checking is disabled (RFC 4035)",
        "rcode" 28 4 Uint "result: 0 none wrong, 2 server failure, 3 no such name",
        "questions" 32 16 Uint "number of questions",
        "answers" 48 16 Uint "number of answers",
        "authority" 64 16 Uint "number of authority records",
        "additional" 80 16 Uint "number of additional records",
    }
}

impl HeaderId {
    /// Number of headers in the table.
    pub const COUNT: usize = 22;

    /// The header's entry in the table.
    pub fn def(self) -> &'static HeaderDef {
        &HEADERS[usize::from(self.0)]
    }

    /// The header of that name in the language.
    pub fn by_name(name: &str) -> Option<Self> {
        HEADERS.iter().find(|h| h.name == name).map(|h| h.id)
    }

    /// The field of that name, for example `flags.syn`.
    pub fn field(self, name: &str) -> Option<FieldRef> {
        let field = self.def().fields.iter().position(|f| f.name == name)?;
        Some(FieldRef { header: self, field: field as u8 })
    }
}

impl std::fmt::Debug for HeaderId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.def().name)
    }
}

impl FieldRef {
    /// The field's entry in the table.
    pub fn def(self) -> &'static FieldDef {
        &self.header.def().fields[usize::from(self.field)]
    }
}

/// A set of headers, as a bit mask over [`HeaderId`].
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct HeaderSet(pub u32);

impl HeaderSet {
    /// No header.
    pub const EMPTY: Self = Self(0);

    /// The set of one header.
    pub const fn of(id: HeaderId) -> Self {
        Self(1 << id.0)
    }

    /// This set and one header more.
    #[must_use]
    pub const fn with(self, id: HeaderId) -> Self {
        Self(self.0 | 1 << id.0)
    }

    /// Headers of either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Headers of both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// True if `id` is in the set.
    pub const fn has(self, id: HeaderId) -> bool {
        self.0 & (1 << id.0) != 0
    }

    /// True if all of `other` is in the set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// False if a packet cannot have all of these: the parser finds at most one network header and
    /// at most one transport header.
    pub fn is_possible(self) -> bool {
        const EXCLUSIVE: [&[HeaderId]; 2] = [
            &[HeaderId::ARP, HeaderId::IP, HeaderId::IP6],
            &[HeaderId::TCP, HeaderId::UDP, HeaderId::ICMP, HeaderId::ICMP6],
        ];
        EXCLUSIVE.iter().all(|group| group.iter().filter(|id| self.has(**id)).count() <= 1)
    }

    /// The members, in the table's order.
    pub fn iter(self) -> impl Iterator<Item = HeaderId> {
        (0..HeaderId::COUNT as u8).map(HeaderId).filter(move |&id| self.has(id))
    }
}

impl std::fmt::Debug for HeaderSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
