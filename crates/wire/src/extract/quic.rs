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
        (varint(reader)?, varint(reader)?);
    }
    if has_counts {
        (varint(reader)?, varint(reader)?, varint(reader)?);
    }
    Some(())
}
