//! A document as the client sees it: lines and columns in UTF-16 units, edited piece by piece.

use serde_json::{Value, json};
use std::ops::Range;

/// In what columns are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) enum Encoding {
    /// UTF-16 code units, which every client knows.
    #[default]
    Utf16,
    /// Bytes.
    Utf8,
}

/// Where the lines of a text begin.
fn starts(text: &str) -> impl Iterator<Item = usize> {
    let bytes = text.as_bytes();
    let ends = (0..bytes.len()).filter(move |&i| {
        // A carriage return by itself ends a line too.
        bytes[i] == b'\n' || bytes[i] == b'\r' && bytes.get(i + 1) != Some(&b'\n')
    });
    std::iter::once(0).chain(ends.map(|i| i + 1))
}

/// The byte offset of a position; beyond the end of a line it is that end.
fn offset_of(text: &str, line: u64, column: u64, encoding: Encoding) -> usize {
    let Some(start) = usize::try_from(line).ok().and_then(|line| starts(text).nth(line)) else {
        return text.len();
    };
    let rest = &text[start..];
    let end = rest.find(['\n', '\r']).unwrap_or(rest.len());
    let mut units = 0;
    for (at, c) in rest[..end].char_indices() {
        let width = match encoding {
            Encoding::Utf16 => c.len_utf16(),
            Encoding::Utf8 => c.len_utf8(),
        };
        // A position within a character is that of the character.
        units += width as u64;
        if units > column {
            return start + at;
        }
    }
    start + end
}

/// The byte offset of a `Position`.
pub(super) fn offset(text: &str, position: &Value, encoding: Encoding) -> Option<usize> {
    let line = position.get("line")?.as_u64()?;
    let column = position.get("character")?.as_u64()?;
    Some(offset_of(text, line, column, encoding))
}

/// The bytes of a `Range`.
pub(super) fn bytes(text: &str, range: &Value, encoding: Encoding) -> Option<Range<usize>> {
    let start = offset(text, range.get("start")?, encoding)?;
    let end = offset(text, range.get("end")?, encoding)?;
    Some(start.min(end)..end.max(start))
}

/// The `Position` of a byte offset.
pub(super) fn position(text: &str, offset: usize, encoding: Encoding) -> Value {
    let offset = text.floor_char_boundary(offset.min(text.len()));
    let (line, start) =
        starts(text).take_while(|&start| start <= offset).enumerate().last().unwrap_or((0, 0));
    let before = &text[start..offset];
    let column = match encoding {
        Encoding::Utf16 => before.encode_utf16().count(),
        Encoding::Utf8 => before.len(),
    };
    json!({ "line": line, "character": column })
}

/// The `Range` of bytes.
pub(super) fn range(text: &str, bytes: Range<usize>, encoding: Encoding) -> Value {
    json!({
        "start": position(text, bytes.start, encoding),
        "end": position(text, bytes.end, encoding),
    })
}

/// Applies a change: of a range, or of everything. False if it makes no sense.
pub(super) fn apply(text: &mut String, change: &Value, encoding: Encoding) -> bool {
    let Some(new) = change.get("text").and_then(Value::as_str) else { return false };
    match change.get("range") {
        None => new.clone_into(text),
        Some(range) => {
            let Some(bytes) = bytes(text, range, encoding) else { return false };
            text.replace_range(bytes, new);
        }
    }
    true
}

/// The smallest replacement of whole lines that turns one text into the other.
pub(super) fn difference<'n>(old: &str, new: &'n str) -> (Range<usize>, &'n str) {
    let same = |(a, b): &(&str, &str)| a == b;
    let head: usize = (old.split_inclusive('\n').zip(new.split_inclusive('\n')))
        .take_while(same)
        .map(|(line, _)| line.len())
        .sum();
    let (old_rest, new_rest) = (&old[head..], &new[head..]);
    let tail: usize = (old_rest.split_inclusive('\n').rev())
        .zip(new_rest.split_inclusive('\n').rev())
        .take_while(same)
        .map(|(line, _)| line.len())
        .sum();
    (head..old.len() - tail, &new_rest[..new_rest.len() - tail])
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "a\u{1f600}b\r\né\n\nend";

    #[test]
    fn columns_are_utf_16_units() {
        let cases = [
            (0, 0, 0),
            (0, 1, 1),
            (0, 2, 1),
            (0, 3, 5),
            (0, 4, 6),
            (0, 9, 6),
            (1, 1, 10),
            (2, 0, 11),
            (3, 3, 15),
            (9, 0, 15),
        ];
        for (line, column, expected) in cases {
            assert_eq!(offset_of(TEXT, line, column, Encoding::Utf16), expected, "{line}:{column}");
        }
        assert_eq!(position(TEXT, 6, Encoding::Utf16), json!({ "line": 0, "character": 4 }));
        assert_eq!(position(TEXT, 10, Encoding::Utf16), json!({ "line": 1, "character": 1 }));
        assert_eq!(position(TEXT, 10, Encoding::Utf8), json!({ "line": 1, "character": 2 }));
        assert_eq!(offset_of(TEXT, 0, 5, Encoding::Utf8), 5);
        assert_eq!(offset_of("a\rb", 1, 1, Encoding::Utf16), 3);
    }

    #[test]
    fn every_offset_is_found_again() {
        for (at, _) in TEXT.char_indices().filter(|(at, _)| !matches!(at, 7)) {
            for encoding in [Encoding::Utf16, Encoding::Utf8] {
                let position = position(TEXT, at, encoding);
                assert_eq!(offset(TEXT, &position, encoding), Some(at), "{position}");
            }
        }
    }

    #[test]
    fn changes_are_applied_in_order() {
        let mut text = TEXT.to_owned();
        let at = |line, from, to| {
            json!({ "start": { "line": line, "character": from },
                    "end": { "line": line, "character": to } })
        };
        assert!(apply(&mut text, &json!({ "range": at(0, 1, 3), "text": "xy" }), Encoding::Utf16));
        assert_eq!(text, "axyb\r\né\n\nend");
        assert!(apply(&mut text, &json!({ "range": at(1, 1, 1), "text": "\n" }), Encoding::Utf16));
        assert_eq!(text, "axyb\r\né\n\n\nend");
        assert!(apply(&mut text, &json!({ "text": "new" }), Encoding::Utf16));
        assert_eq!(text, "new");
        assert!(!apply(&mut text, &json!({ "range": 5, "text": "" }), Encoding::Utf16));
        assert!(!apply(&mut text, &json!({}), Encoding::Utf16));
    }

    #[test]
    fn differences_are_small_and_right() {
        for (old, new, replaced) in [
            ("a\nb\nc\n", "a\nx\nc\n", "b\n"),
            ("a\nb\n", "a\nb\n", ""),
            ("", "a\n", ""),
            ("a\na\n", "a\n", "a\n"),
            ("a", "b\na", ""),
        ] {
            let (range, text) = difference(old, new);
            assert_eq!(&old[range.clone()], replaced, "{old:?} {new:?}");
            let mut edited = old.to_owned();
            edited.replace_range(range, text);
            assert_eq!(edited, new);
        }
    }
}
