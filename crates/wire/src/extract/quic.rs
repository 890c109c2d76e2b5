//! The ClientHello in the Initial packet of a QUIC connection (RFC 9000, RFC 9001, RFC 9369).
//!
//! The keys of Initial packets follow from the connection identifier that the client chose (RFC
//! 9001, section 5.2), so that everyone on the path can read them; nothing here is secret. A packet
//! whose authentication tag is wrong is not one.
//!
//! CRYPTO frames may come in any order within a datagram, which clients use to keep boxes in the
//! middle from relying on it. What comes in another datagram is not seen.

use super::tls::{ClientHello, Reader, handshake};
use aes_gcm::aead::AeadInPlace;
use aes_gcm::aes::cipher::{BlockEncrypt, KeyInit};
use aes_gcm::aes::{Aes128, Block};
use aes_gcm::{Aes128Gcm, Nonce, Tag};
use hkdf::Hkdf;
use sha2::Sha256;

/// Most packets of one datagram that are looked at.
const PACKETS_MAX: usize = 4;

/// Most bytes of handshake data that are put together: more than any datagram of today's networks
/// holds, and than any ClientHello needs.
const CRYPTO_BYTES_MAX: usize = 16 * 1024;

/// A version of the protocol: its number, the salt of its Initial secrets, its type of Initial
/// packets, and the prefix of its labels.
struct Version {
    numbers: std::ops::RangeInclusive<u32>,
    salt: [u8; 20],
    initial: u8,
    label: &'static str,
}

/// RFC 9000, RFC 9369, and the drafts whose packets look the same.
const VERSIONS: [Version; 4] = [
    Version {
        numbers: 1..=1,
        salt: *b"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a",
        initial: 0,
        label: "quic",
    },
    Version {
        numbers: 0x6b33_43cf..=0x6b33_43cf,
        salt: *b"\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9",
        initial: 1,
        label: "quicv2",
    },
    Version {
        numbers: 0xff00_001d..=0xff00_0020,
        salt: *b"\xaf\xbf\xec\x28\x99\x93\xd2\x4c\x9e\x97\x86\xf1\x9c\x61\x11\xe0\x43\x90\xa8\x99",
        initial: 0,
        label: "quic",
    },
    Version {
        numbers: 0xff00_0017..=0xff00_001c,
        salt: *b"\xc3\xee\xf7\x12\xc7\x2e\xbb\x5a\x11\xa7\xd2\x43\x2b\xb4\x63\x65\xbe\xf9\xf5\x02",
        initial: 0,
        label: "quic",
    },
];

/// The ClientHello in the Initial packets of a UDP datagram from a client.
pub(super) fn in_datagram(datagram: &[u8]) -> Option<ClientHello> {
    let mut rest = datagram;
    let mut crypto = Crypto::default();
    for _ in 0..PACKETS_MAX {
        let Some(packet) = LongPacket::read(rest) else { break };
        if packet.is_initial
            && let Some(frames) = packet.decrypt()
        {
            crypto.add_frames(&frames);
        }
        rest = &rest[packet.len..];
    }
    handshake(crypto.beginning())
}

/// A packet with a long header, still protected.
struct LongPacket<'a> {
    version: &'static Version,
    is_initial: bool,
    connection: &'a [u8],
    /// Offset of the protected packet number.
    number_at: usize,
    /// Length of the packet.
    len: usize,
    bytes: &'a [u8],
}

impl<'a> LongPacket<'a> {
    /// The packet that `bytes` begins with (RFC 9000, section 17.2).
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let first = reader.byte()?;
        let number = u32::from_be_bytes(reader.array()?);
        let version = VERSIONS.iter().find(|version| version.numbers.contains(&number))?;
        if first & 0x80 == 0 {
            return None;
        }
        let connection_len = reader.byte()?;
        let connection = reader.exactly(connection_len.into()).filter(|id| id.len() <= 20)?;
        let source_len = reader.byte()?;
        reader.exactly(source_len.into())?;
        let is_initial = first >> 4 & 3 == version.initial;
        if is_initial {
            let token_len = varint(&mut reader)?;
            reader.exactly(token_len)?;
        }
        let protected_len = varint(&mut reader)?;
        let number_at = bytes.len() - reader.0.len();
        reader.exactly(protected_len)?;
        let len = number_at + protected_len;
        Some(Self { version, is_initial, connection, number_at, len, bytes: &bytes[..len] })
    }

    /// The frames of an Initial packet (RFC 9001, section 5).
    fn decrypt(&self) -> Option<Vec<u8>> {
        let keys = Keys::of_client(self.version, self.connection)?;
        let mut packet = self.bytes.to_vec();
        let sample = packet.get(self.number_at + 4..)?.first_chunk::<16>()?;
        let mut mask = Block::from(*sample);
        Aes128::new(&keys.header.into()).encrypt_block(&mut mask);
        packet[0] ^= mask[0] & 0x0f;
        let number_len = usize::from(packet[0] & 3) + 1;
        let mut nonce = keys.nonce;
        for i in 0..number_len {
            packet[self.number_at + i] ^= mask[1 + i];
            nonce[12 - number_len + i] ^= packet[self.number_at + i];
        }
        let (header, body) = packet.split_at_mut(self.number_at + number_len);
        let (body, tag) = body.split_at_mut(body.len().checked_sub(16)?);
        let (nonce, tag) = (Nonce::from(nonce), Tag::clone_from_slice(tag));
        let cipher = Aes128Gcm::new(&keys.packet.into());
        cipher.decrypt_in_place_detached(&nonce, header, body, &tag).ok()?;
        Some(body.to_vec())
    }
}

/// What protects the Initial packets of a client.
struct Keys {
    packet: [u8; 16],
    nonce: [u8; 12],
    header: [u8; 16],
}

impl Keys {
    fn of_client(version: &Version, connection: &[u8]) -> Option<Self> {
        let initial = Hkdf::<Sha256>::new(Some(&version.salt), connection);
        let mut secret = [0; 32];
        expand(&initial, "client in", &mut secret)?;
        let client = Hkdf::<Sha256>::from_prk(&secret).ok()?;
        let mut keys = Self { packet: [0; 16], nonce: [0; 12], header: [0; 16] };
        expand(&client, &format!("{} key", version.label), &mut keys.packet)?;
        expand(&client, &format!("{} iv", version.label), &mut keys.nonce)?;
        expand(&client, &format!("{} hp", version.label), &mut keys.header)?;
        Some(keys)
    }
}

/// HKDF-Expand-Label with an empty context (RFC 8446, section 7.1).
fn expand(secret: &Hkdf<Sha256>, label: &str, out: &mut [u8]) -> Option<()> {
    let len = (out.len() as u16).to_be_bytes();
    let label_len = [6 + label.len() as u8];
    let info: [&[u8]; 5] = [&len, &label_len, b"tls13 ", label.as_bytes(), &[0]];
    secret.expand_multi_info(&info, out).ok()
}

/// A variable-length integer (RFC 9000, section 16).
fn varint(reader: &mut Reader<'_>) -> Option<usize> {
    let first = reader.byte()?;
    let more = (1 << (first >> 6)) - 1;
    let rest = reader.exactly(more)?;
    let value = rest.iter().fold(u64::from(first & 0x3f), |n, byte| n << 8 | u64::from(*byte));
    usize::try_from(value).ok()
}

/// Handshake data as far as it came.
#[derive(Default)]
struct Crypto {
    bytes: Vec<u8>,
    /// Ranges that were filled, by their first byte.
    filled: Vec<(usize, usize)>,
}

impl Crypto {
    /// Takes the CRYPTO frames out of the payload of a packet; an unknown frame ends it.
    fn add_frames(&mut self, frames: &[u8]) {
        let mut reader = Reader(frames);
        while let Some(kind) = reader.byte() {
            let known = match kind {
                // PADDING and PING.
                0 | 1 => Some(()),
                // ACK, with or without ECN counts.
                2 | 3 => skip_ack(&mut reader, kind == 3),
                6 => self.add(&mut reader),
                _ => None,
            };
            if known.is_none() {
                return;
            }
        }
    }

    fn add(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        let (from, len) = (varint(reader)?, varint(reader)?);
        let data = reader.exactly(len)?;
        let to = from.checked_add(len).filter(|to| *to <= CRYPTO_BYTES_MAX)?;
        if self.bytes.len() < to {
            self.bytes.resize(to, 0);
        }
        self.bytes[from..to].copy_from_slice(data);
        self.filled.push((from, to));
        Some(())
    }

    /// What is known from the first byte on without a gap.
    fn beginning(&mut self) -> &[u8] {
        self.filled.sort_unstable();
        let end = self.filled.iter().fold(
            0,
            |end, (from, to)| {
                if *from <= end { end.max(*to) } else { end }
            },
        );
        &self.bytes[..end]
    }
}

fn skip_ack(reader: &mut Reader<'_>, has_counts: bool) -> Option<()> {
    let (_largest, _delay) = (varint(reader)?, varint(reader)?);
    let ranges = varint(reader)?;
    let _first = varint(reader)?;
    // Two numbers for each range; a lie about how many ends with the bytes.
    for _ in 0..ranges {
        let (_gap, _len) = (varint(reader)?, varint(reader)?);
    }
    if has_counts {
        let _counts = [varint(reader)?, varint(reader)?, varint(reader)?];
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::tls::tests::client_hello;
    use super::*;
    use crate::bytes::ByteString;

    const CONNECTION: [u8; 8] = [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];

    /// RFC 9001, appendix A.1, and RFC 9369, appendix A.1.
    #[test]
    fn keys_are_those_of_the_standards() {
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let keys = |version: usize| {
            let keys = Keys::of_client(&VERSIONS[version], &CONNECTION).unwrap();
            [hex(&keys.packet), hex(&keys.nonce), hex(&keys.header)]
        };
        let first = [
            "1f369613dd76d5467730efcbe3b1a22d",
            "fa044b2f42a3fd3b46fb255c",
            "9f50449e04a0e810283a1e9933adedd2",
        ];
        let second = [
            "8b1a0bc121284290a29e0971b5cd045d",
            "91f73e2351d8fa91660e909f",
            "45b95e15235d6f45a6b19cbcb0294ba9",
        ];
        assert_eq!(keys(0), first);
        assert_eq!(keys(1), second);
    }

    fn crypto_frame(from: usize, data: &[u8]) -> Vec<u8> {
        let number = |n: usize| (n as u16 | 0x4000).to_be_bytes();
        [&[6][..], &number(from), &number(data.len()), data].concat()
    }

    /// A protected Initial packet with these frames.
    fn initial(version: usize, frames: &[u8]) -> Vec<u8> {
        let known = &VERSIONS[version];
        let number = (*known.numbers.start()).to_be_bytes();
        let mut frames = frames.to_vec();
        frames.resize(frames.len().max(40), 0);
        let len = (frames.len() as u16 + 2 + 16) | 0x4000;
        let mut packet = vec![0xc1 | known.initial << 4];
        packet.extend(number);
        packet.extend([8].iter().chain(&CONNECTION).chain(&[0, 0]));
        packet.extend(len.to_be_bytes());
        let number_at = packet.len();
        packet.extend([0, 5]);
        let keys = Keys::of_client(known, &CONNECTION).unwrap();
        let mut nonce = keys.nonce;
        nonce[11] ^= 5;
        let cipher = Aes128Gcm::new(&keys.packet.into());
        let tag = cipher.encrypt_in_place_detached(&Nonce::from(nonce), &packet, &mut frames);
        packet.extend(&frames);
        packet.extend(tag.unwrap());
        let mut mask = Block::clone_from_slice(&packet[number_at + 4..number_at + 20]);
        Aes128::new(&keys.header.into()).encrypt_block(&mut mask);
        packet[0] ^= mask[0] & 0x0f;
        packet[number_at] ^= mask[1];
        packet[number_at + 1] ^= mask[2];
        packet
    }

    fn server(datagram: &[u8]) -> Option<ByteString> {
        in_datagram(datagram).and_then(|hello| hello.server_name)
    }

    #[test]
    fn the_server_is_found_in_frames_of_any_order() {
        let hello = client_hello("quic.example.com");
        let name = Some(ByteString::new(b"quic.example.com"));
        let (a, rest) = hello.split_at(40);
        let (b, c) = rest.split_at(30);
        let frames = [
            crypto_frame(70, c),
            vec![0, 0, 1, 2, 5, 0, 1, 3, 0, 0],
            crypto_frame(0, a),
            crypto_frame(40, b),
        ];
        for version in 0..VERSIONS.len() {
            assert_eq!(server(&initial(version, &frames.concat())), name);
            let two = [initial(version, &frames[0]), initial(version, &frames[2..].concat())];
            assert_eq!(server(&two.concat()), name, "coalesced packets");
            assert_eq!(server(&initial(version, &frames[2..].concat())), None, "elsewhere");
            assert_eq!(server(&initial(version, &frames[..2].concat())), None, "a gap");
        }
    }

    #[test]
    fn what_is_not_authentic_says_nothing() {
        let whole = initial(0, &crypto_frame(0, &client_hello("quic.example.com")));
        assert!(server(&whole).is_some());
        for at in 0..whole.len() {
            let mut wrong = whole.clone();
            wrong[at] ^= 0x20;
            assert_eq!(server(&wrong), None, "{at}");
            assert_eq!(server(&whole[..at]), None, "{at}");
        }
    }
}
