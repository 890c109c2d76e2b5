//! What stands between the quotes of a string: escapes, hex digits, interpolation.

use std::ops::Range;

/// A fault inside a string: where (relative to the start of what was decoded) and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Bytes that are wrong.
    pub(crate) range: Range<usize>,
    /// Why.
    pub(crate) why: String,
}

/// A part of a log text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Literal text, decoded.
    Text(String),
    /// `{expr}`: the bytes between the braces.
    Expr(Range<usize>),
}

/// The byte that the escape at the start of `raw` (which starts with a backslash) stands for, and
/// its length.
fn escape(raw: &str) -> Result<(u8, usize), String> {
    let byte = match raw.as_bytes().get(1) {
        Some(b'n') => b'\n',
        Some(b't') => b'\t',
        Some(b'r') => b'\r',
        Some(b'0') => 0,
        Some(b'"') => b'"',
        Some(b'\\') => b'\\',
        Some(b'x') => {
            let digits = raw.get(2..4).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
            return match digits.and_then(|d| u8::from_str_radix(d, 16).ok()) {
                Some(byte) => Ok((byte, 4)),
                None => Err("two hex digits follow `\\x`".to_string()),
            };
        }
        _ => return Err("the escapes are \\n \\t \\r \\0 \\\" \\\\ and \\x41".to_string()),
    };
    Ok((byte, 2))
}

/// Decodes the inside of a string to bytes (`\xff` is one byte).
pub(crate) fn bytes(raw: &str) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::with_capacity(raw.len());
    let mut at = 0;
    while at < raw.len() {
        let rest = &raw[at..];
        if rest.starts_with('\\') {
            let (byte, len) = escape(rest).map_err(|why| fault_at(raw, at, why))?;
            out.push(byte);
            at += len;
        } else {
            let end = rest.find('\\').unwrap_or(rest.len());
            out.extend_from_slice(&rest.as_bytes()[..end]);
            at += end;
        }
    }
    Ok(out)
}

/// Decodes the inside of a string to text.
pub(crate) fn text(raw: &str) -> Result<String, Fault> {
    String::from_utf8(bytes(raw)?).map_err(|_| Fault {
        range: 0..raw.len(),
        why: "escapes above \\x7f are for payloads only".to_string(),
    })
}

/// Splits the inside of a log text at its `{expr}` parts; `{{` and `}}` are braces. The result
/// begins and ends with text, which may be empty, and alternates.
pub(crate) fn pieces(raw: &str) -> Result<Vec<Piece>, Fault> {
    let mut out = Vec::new();
    let mut literal = String::new();
    let mut at = 0;
    while let Some(c) = raw[at..].chars().next() {
        let rest = &raw[at..];
        if c == '\\' {
            let (byte, len) = escape(rest).map_err(|why| fault_at(raw, at, why))?;
            if !byte.is_ascii() {
                return Err(fault_at(raw, at, "escapes above \\x7f are for payloads only".into()));
            }
            literal.push(char::from(byte));
            at += len;
        } else if rest.starts_with("{{") || rest.starts_with("}}") {
            literal.push(c);
            at += 2;
        } else if c == '{' {
            let len = rest.find('}').ok_or_else(|| {
                fault_at(raw, at, "no `}` follows; for a brace as such write `{{`".to_string())
            })?;
            out.push(Piece::Text(std::mem::take(&mut literal)));
            out.push(Piece::Expr(at + 1..at + len));
            at += len + 1;
        } else if c == '}' {
            return Err(fault_at(raw, at, "for a brace as such write `}}`".to_string()));
        } else {
            literal.push(c);
            at += c.len_utf8();
        }
    }
    out.push(Piece::Text(literal));
    Ok(out)
}

fn fault_at(raw: &str, at: usize, why: String) -> Fault {
    let len = raw[at..].chars().take(2).map(char::len_utf8).sum::<usize>();
    Fault { range: at..at + len, why }
}

/// Decodes pairs of hex digits; blanks and colons between them are skipped.
pub(crate) fn hex(raw: &str) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::with_capacity(raw.len() / 2);
    let mut high = None;
    for (i, c) in raw.char_indices() {
        if c == ' ' || c == ':' {
            continue;
        }
        let Some(digit) = c.to_digit(16) else {
            return Err(Fault {
                range: i..i + c.len_utf8(),
                why: "this is not a hex digit".to_string(),
            });
        };
        match high.take() {
            None => high = Some(digit as u8),
            Some(high) => out.push(high << 4 | digit as u8),
        }
    }
    match high {
        None => Ok(out),
        Some(_) => {
            Err(Fault { range: 0..raw.len(), why: "the number of hex digits is odd".to_string() })
        }
    }
}

/// Writes bytes as the inside of a string that [`bytes`] decodes to them again.
pub(crate) fn escaped(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\n' => out.push_str("\\n"),
                '\t' => out.push_str("\\t"),
                '\r' => out.push_str("\\r"),
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\0'..='\x1f' | '\x7f' => out.push_str(&format!("\\x{:02x}", c as u32)),
                _ => out.push(c),
            }
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out
}
