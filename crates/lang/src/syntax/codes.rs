//! The codes of all messages about syntax, with what the book says about each.

/// A code of a message, explained.
#[derive(Clone, Copy, Debug)]
pub struct Code {
    /// `E0001` for an error, `W0101` for a warning.
    pub code: &'static str,
    /// What is wrong, in a few words.
    pub title: &'static str,
    /// Why it is wrong and what to do.
    pub explanation: &'static str,
    /// A source that gives this message and no other.
    pub bad: &'static str,
    /// The same, mended.
    pub good: &'static str,
}

/// All messages that [`parse`](super::parse) gives, except the one about files that are too long.
pub const CODES: &[Code] = &[
    Code {
        code: "E0001",
        title: "a character has no meaning",
        explanation: "Programs are written in ASCII; other characters stand in texts and comments \
                      only. Quotes are straight and double.",
        bad: "const A: u8 = §",
        good: "const A: u8 = 1",
    },
    Code {
        code: "E0002",
        title: "a text is not closed",
        explanation: "A text ends with a quote on the line where it begins. A line feed within it \
                      is written `\\n`, a quote `\\\"`.",
        bad: "import \"lib.trama",
        good: "import \"lib.trama\"",
    },
    Code {
        code: "E0003",
        title: "a text cannot be read",
        explanation: "The escapes are \\n \\t \\r \\0 \\\" \\\\ and \\x with two hex digits. In \
                      log texts, `{expr}` stands for a value and `{{` for a brace. Hex digits come in \
                      pairs.",
        bad: "import \"lib\\q.trama\"",
        good: "import \"lib\\\\q.trama\"",
    },
    Code {
        code: "E0004",
        title: "a comment is not closed",
        explanation: "Each `/*` needs its `*/`; comments nest.",
        bad: "/* /* once */",
        good: "/* /* twice */ */",
    },
    Code {
        code: "E0005",
        title: "a number cannot be read",
        explanation: "Numbers are whole, after their unit is applied, and fit 128 bits (lengths of \
                      time 64 bits of nanoseconds). Units are glued to the number: 64k, 5min, \
                      10MB, 1Gbps.",
        bad: "const IDLE: Duration = 5minutes",
        good: "const IDLE: Duration = 5min",
    },
    Code {
        code: "E0006",
        title: "an address or prefix cannot be read",
        explanation: "IPv4 addresses are four numbers up to 255, IPv6 addresses groups of hex \
                      digits (RFC 4291), Ethernet addresses six groups of two hex digits. A \
                      prefix length is at most 32 or 128.",
        bad: "const A: ip4 = 10.0.0.256",
        good: "const A: ip4 = 10.0.0.255",
    },
    Code {
        code: "E0007",
        title: "a prefix has bits beyond its length",
        explanation: "A prefix is written with its first address, so that a slip is noticed.",
        bad: "const A: prefix<ip4> = 10.0.0.1/8",
        good: "const A: prefix<ip4> = 10.0.0.0/8",
    },
    Code {
        code: "E0009",
        title: "something is nested too deeply",
        explanation: "Brackets, blocks and types nest to 64 levels, and an expression chains at \
                      most 128 operators. Name a part of it with `let`.",
        bad: "const A: u8 = ----------------------------------------------------------------1",
        good: "const A: u8 = 1",
    },
    Code {
        code: "E0010",
        title: "something else is expected here",
        explanation: "The message says what could stand at this place.",
        bad: "const A u8 = 1",
        good: "const A: u8 = 1",
    },
    Code {
        code: "E0011",
        title: "a bracket is not closed",
        explanation: "The first label shows the bracket that was opened, the second the last place \
                      where it can be closed.",
        bad: "element A {\n    port a\n    on a(p) { send p to a\n    every 1s { }\n}",
        good: "element A {\n    port a\n    on a(p) { send p to a }\n    every 1s { }\n}",
    },
    Code {
        code: "E0012",
        title: "a bracket closes nothing",
        explanation: "Everything that was opened before it is closed already.",
        bad: "record R { a: u8 } }",
        good: "record R { a: u8 }",
    },
    Code {
        code: "E0013",
        title: "an assignment stands where a condition is expected",
        explanation: "`=` assigns, `==` compares.",
        bad: "fn f(x: u8) { if x = 1 { return } }",
        good: "fn f(x: u8) { if x == 1 { return } }",
    },
    Code {
        code: "E0014",
        title: "a drop has no reason",
        explanation: "Counters, traces and tests show why packets were dropped, so each drop says \
                      so.",
        bad: "element A { port a\n on a(p) { drop p } }",
        good: "element A { port a\n on a(p) { drop p because \"not wanted\" } }",
    },
    Code {
        code: "E0015",
        title: "not yet part of the language",
        explanation: "Queries, paths, events and requests come in a later version; their words are \
                      kept for them.",
        bad: "query heavy = packets(ip)",
        good: "",
    },
    Code {
        code: "E0016",
        title: "no item or member begins like this",
        explanation: "A file holds elements, networks, records, enums, constants, functions, \
                      inputs, imports and tests; an element holds ports, state, constants, \
                      functions and handlers.",
        bad: "elemnt A { port a }",
        good: "element A { port a }",
    },
    Code {
        code: "E0017",
        title: "a keyword cannot be a name",
        explanation: "Keywords may name fields and arguments, and stand after a dot, but not name \
                      anything that is used by itself.",
        bad: "fn f(match: u8) { }",
        good: "fn f(matched: u8) { }",
    },
    Code {
        code: "E0018",
        title: "a statement does not end",
        explanation: "A statement ends with its line or at a `;`. A line that ends with an \
                      operator, or whose next line begins with one, goes on.",
        bad: "fn f() { let a = 1 let b = 2 }",
        good: "fn f() { let a = 1; let b = 2 }",
    },
    Code {
        code: "E0019",
        title: "an argument has no name",
        explanation: "Arguments of elements and networks are given by name.",
        bad: "network n { port a, b\n a <-> Firewall(5min) <-> b }",
        good: "network n { port a, b\n a <-> Firewall(idle: 5min) <-> b }",
    },
    Code {
        code: "E0020",
        title: "comparisons do not chain",
        explanation: "Join two comparisons with `&&`, or compare with a range: `x in 1..5`.",
        bad: "fn f(x: u8) -> bool { 1 < x < 5 }",
        good: "fn f(x: u8) -> bool { 1 < x && x < 5 }",
    },
    Code {
        code: "E0021",
        title: "something stands in the wrong place",
        explanation: "Members stand in elements, constants in elements and files. A `}` too many \
                      before it is a frequent cause.",
        bad: "port a",
        good: "element A { port a }",
    },
    Code {
        code: "E0022",
        title: "a comma is missing",
        explanation: "The parts of a list are separated by commas, also on lines of their own.",
        bad: "record R { a: u8\n b: u8 }",
        good: "record R { a: u8,\n b: u8 }",
    },
    Code {
        code: "E0023",
        title: "an `else` belongs to nothing",
        explanation: "`else` follows the block of an `if`, or a statement that may fail: `let` \
                      with a pattern, a write to a table, an insertion or removal.",
        bad: "element A { port a\n on a(p) { send p to a else { } } }",
        good: "element A { port a\n on a(p) { send p to a } }",
    },
];
