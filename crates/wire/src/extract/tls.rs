//! What a TLS client says first: server name, versions, protocols (RFC 8446, section 4.1.2; RFC
//! 6066, section 3; RFC 7301).
//!
//! Only what is in the packet at hand is read. A message that goes on in the next segment is
//! understood as far as it goes.

use crate::bytes::ByteString;

/// What a ClientHello says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ClientHello {
    /// The name in the server name extension; none if there is none in these bytes.
    pub(super) server_name: Option<ByteString>,
    /// The first protocol offered by ALPN, or nothing.
    pub(super) alpn: ByteString,
    /// The highest version offered, 0x0303 for TLS 1.2, 0x0304 for TLS 1.3.
    pub(super) version: u16,
    /// The whole message is in these bytes.
    pub(super) complete: bool,
}

/// The ClientHello that a TCP segment begins with, in one or more records.
pub(super) fn in_segment(segment: &[u8]) -> Option<ClientHello> {
    let mut message = Vec::new();
    let mut rest = Reader(segment);
    // Content type handshake, version 3.x; what another record cuts short is put together.
    while let Some([22, 3, _, high, low]) = rest.array::<5>() {
        let len = usize::from(u16::from_be_bytes([high, low]));
        let fragment = rest.up_to(len);
        if message.is_empty() && fragment.len() >= 4 && is_whole(fragment) {
            return handshake(fragment);
        }
        message.extend_from_slice(fragment);
        if fragment.len() < len || is_whole(&message) {
            break;
        }
    }
    handshake(&message)
}

/// True if a handshake message is all there.
fn is_whole(message: &[u8]) -> bool {
    let mut reader = Reader(message);
    match (reader.byte(), reader.array()) {
        (Some(_), Some([a, b, c])) => reader.0.len() >= u32::from_be_bytes([0, a, b, c]) as usize,
        _ => false,
    }
}

/// The ClientHello that handshake data begins with.
pub(super) fn handshake(bytes: &[u8]) -> Option<ClientHello> {
    let mut reader = Reader(bytes);
    if reader.byte()? != 1 {
        return None;
    }
    let [a, b, c] = reader.array()?;
    let len = u32::from_be_bytes([0, a, b, c]) as usize;
    let complete = reader.0.len() >= len;
    let mut body = Reader(reader.up_to(len));
    let version = u16::from_be_bytes(body.array()?);
    if version >> 8 != 3 {
        return None;
    }
    let mut hello = ClientHello { version, complete, ..ClientHello::default() };
    // What is cut has no extensions to read.
    let _ = extensions(&mut body, &mut hello);
    Some(hello)
}

fn extensions(body: &mut Reader<'_>, hello: &mut ClientHello) -> Option<()> {
    body.array::<32>()?;
    let session_len = body.byte()?;
    body.exactly(session_len.into())?;
    let suites_len = body.word()?;
    body.exactly(suites_len.into())?;
    let compression_len = body.byte()?;
    body.exactly(compression_len.into())?;
    let extensions_len = body.word()?;
    let mut rest = Reader(body.up_to(extensions_len.into()));
    loop {
        let (kind, len) = (rest.word()?, rest.word()?);
        let data = rest.exactly(len.into())?;
        match kind {
            0 if hello.server_name.is_none() => hello.server_name = server_name(data),
            16 => hello.alpn = first_protocol(data).unwrap_or_default(),
            43 => hello.version = highest_version(data).unwrap_or(hello.version),
            _ => {}
        }
    }
}

/// The first host name of a server name list.
fn server_name(data: &[u8]) -> Option<ByteString> {
    let mut list = Reader(data);
    let len = list.word()?;
    let mut list = Reader(list.up_to(len.into()));
    loop {
        let (kind, len) = (list.byte()?, list.word()?);
        let name = list.exactly(len.into())?;
        if kind == 0 {
            return Some(ByteString::new(name));
        }
    }
}

fn first_protocol(data: &[u8]) -> Option<ByteString> {
    let mut list = Reader(data);
    list.word()?;
    let len = list.byte()?;
    list.exactly(len.into()).map(ByteString::new)
}

/// The highest version of a list, greasing (RFC 8701) left aside.
fn highest_version(data: &[u8]) -> Option<u16> {
    let mut list = Reader(data);
    let len = list.byte()?;
    let versions = list.up_to(len.into()).chunks_exact(2);
    let versions = versions.map(|v| u16::from_be_bytes([v[0], v[1]]));
    versions.filter(|version| version >> 8 == 3).max()
}

/// Bytes not yet read.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn word(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    /// So many bytes, or none if there are fewer.
    pub(super) fn exactly(&mut self, len: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }

    /// So many bytes, or all there are.
    pub(super) fn up_to(&mut self, len: usize) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        bytes
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A ClientHello for a server, with ALPN `h2` and versions up to TLS 1.3.
    pub(in crate::extract) fn client_hello(server: &str) -> Vec<u8> {
        let sized = |bytes: &[u8]| [&(bytes.len() as u16).to_be_bytes(), bytes].concat();
        let extension = |kind: u16, data: &[u8]| [&kind.to_be_bytes()[..], &sized(data)].concat();
        let name = [&[0][..], &sized(server.as_bytes())].concat();
        let extensions = [
            extension(0x1a1a, &[]),
            extension(16, &sized(b"\x02h2\x08http/1.1")),
            extension(43, b"\x06\x3a\x3a\x03\x04\x03\x03"),
            extension(0, &sized(&name)),
        ];
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.extend([0, 0, 2, 0x13, 1, 1, 0]);
        body.extend(sized(&extensions.concat()));
        let len = (body.len() as u32).to_be_bytes();
        [&[1], &len[1..], &body[..]].concat()
    }

    /// A handshake message in records of at most so many bytes.
    fn records(message: &[u8], most: usize) -> Vec<u8> {
        let len = |part: &[u8]| (part.len() as u16).to_be_bytes();
        let record = |part: &[u8]| [&[22, 3, 1][..], &len(part), part].concat();
        message.chunks(most).flat_map(record).collect()
    }

    #[test]
    fn a_client_says_where_it_goes() {
        let message = client_hello("www.example.com");
        for most in [10_000, 100, 7] {
            let hello = in_segment(&records(&message, most)).unwrap();
            assert_eq!(hello.server_name, Some(ByteString::new(b"www.example.com")));
            assert_eq!((hello.alpn, hello.version), (ByteString::new(b"h2"), 0x0304));
            assert!(hello.complete);
        }
        assert_eq!(in_segment(&records(b"\x02\0\0\x01\x03", 99)), None, "a server");
        assert_eq!(in_segment(b"GET / HTTP/1.1\r\n"), None);
    }

    #[test]
    fn what_is_cut_is_understood_as_far_as_it_goes() {
        let segment = records(&client_hello("www.example.com"), 10_000);
        for len in 0..segment.len() {
            let Some(hello) = in_segment(&segment[..len]) else {
                assert!(len < 11, "{len}");
                continue;
            };
            assert!(!hello.complete && hello.server_name.is_none(), "{len}");
        }
    }
}
