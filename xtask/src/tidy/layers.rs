//! Rust source taken apart into code and comments, line for line.
//!
//! Checks look at one layer, so that a word in a string or a brace in a comment misleads nothing.
//! This is a lexer for comments, strings and character literals only (The Rust Reference, 2.3-2.6).

/// The layers of a source file. Each has as many lines as the source; what belongs to another
/// layer is blank.
#[derive(Debug)]
pub(super) struct Layers {
    /// Code, with the contents of strings and character literals blanked.
    pub(super) code: String,
    /// Comments, their marks included.
    pub(super) comments: String,
}

/// Where a character belongs.
#[derive(Clone, Copy)]
enum Layer {
    Code,
    Comment,
    Literal,
}

impl Layers {
    /// Takes a source apart. Any text will do; unfinished literals go on to its end.
    pub(super) fn of(source: &str) -> Self {
        let chars: Vec<char> = source.chars().collect();
        let mut layers = Self { code: String::new(), comments: String::new() };
        let mut at = 0;
        while at < chars.len() {
            let (layer, len) = token(&chars, at);
            for &c in &chars[at..chars.len().min(at + len)] {
                layers.push(layer, c);
            }
            at += len;
        }
        layers
    }

    fn push(&mut self, layer: Layer, c: char) {
        let blank = if c == '\n' { '\n' } else { ' ' };
        let (code, comment) = match layer {
            Layer::Code => (c, blank),
            Layer::Comment => (blank, c),
            // The quotes stay, so that a check can tell that there is a string.
            Layer::Literal => (if c == '"' { c } else { blank }, blank),
        };
        self.code.push(code);
        self.comments.push(comment);
    }
}

/// The layer and length of what begins at `at`.
fn token(chars: &[char], at: usize) -> (Layer, usize) {
    let next = chars.get(at + 1).copied();
    match (chars[at], next) {
        ('/', Some('/')) => (Layer::Comment, until(chars, at, |c| c == '\n')),
        ('/', Some('*')) => (Layer::Comment, block_comment(chars, at)),
        ('"', _) => (Layer::Literal, quoted(chars, at, '"')),
        ('\'', Some('\\')) => (Layer::Literal, quoted(chars, at, '\'')),
        ('\'', Some(_)) if chars.get(at + 2) == Some(&'\'') => (Layer::Literal, 3),
        ('r', Some('"' | '#')) if !continues_a_word(chars, at) => match raw_string(chars, at) {
            Some(len) => (Layer::Literal, len),
            None => (Layer::Code, 1),
        },
        _ => (Layer::Code, 1),
    }
}

/// Whether the character at `at` is not the first of its word; the `b` and `c` of `br"` and `cr"`
/// do not count.
fn continues_a_word(chars: &[char], at: usize) -> bool {
    let word = |c: &char| c.is_alphanumeric() || *c == '_';
    let before = |n: usize| at.checked_sub(n).and_then(|i| chars.get(i));
    match before(1) {
        Some('b' | 'c') => before(2).is_some_and(word),
        other => other.is_some_and(word),
    }
}

fn until(chars: &[char], at: usize, end: impl Fn(char) -> bool) -> usize {
    chars[at..].iter().take_while(|&&c| !end(c)).count()
}

fn block_comment(chars: &[char], at: usize) -> usize {
    let mut depth = 0;
    let mut i = at;
    while i < chars.len() {
        match (chars[i], chars.get(i + 1)) {
            ('/', Some('*')) => (depth, i) = (depth + 1, i + 2),
            ('*', Some('/')) => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            break;
        }
    }
    i - at
}

fn quoted(chars: &[char], at: usize, quote: char) -> usize {
    let mut i = at + 1;
    while i < chars.len() && chars[i] != quote {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    i + 1 - at
}

/// Length of a raw string, or none if this is a raw identifier.
fn raw_string(chars: &[char], at: usize) -> Option<usize> {
    let hashes = until(chars, at + 1, |c| c != '#');
    let open = at + 1 + hashes;
    if chars.get(open) != Some(&'"') {
        return None;
    }
    let closes = |i: usize| {
        chars[i] == '"'
            && chars[i + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes
    };
    let close = (open + 1..chars.len()).find(|&i| closes(i));
    Some(close.map_or(chars.len(), |i| i + 1 + hashes) - at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_come_apart_line_for_line() {
        let source = "let a = \"x // {\"; // a } comment\n/* b /* c */ { */ fn f<'a>() {}\n\
                      let c = ['{', '\\'', b'\"'];\nlet r = r#\"a \" { \"#; let r#type = 1;\n";
        let layers = Layers::of(source);
        let code: Vec<&str> = layers.code.lines().map(str::trim_end).collect();
        assert_eq!(code[0], "let a = \"      \";");
        assert_eq!(code[1].trim_start(), "fn f<'a>() {}");
        assert!(!code[2].contains('{') && code[2].ends_with("];"), "{}", code[2]);
        assert!(!code[3].contains('{') && code[3].ends_with("let r#type = 1;"), "{}", code[3]);
        let comments: Vec<&str> = layers.comments.lines().map(str::trim).collect();
        assert_eq!(comments, ["// a } comment", "/* b /* c */ { */", "", ""]);
    }

    #[test]
    fn unfinished_text_is_no_trouble() {
        for source in ["\"", "'", "/*", "r#\"", "'\\", "/", "r#", "br##\"x\"#", "\"\\"] {
            assert_eq!(Layers::of(source).code.chars().count(), source.chars().count());
        }
    }
}
