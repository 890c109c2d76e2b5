//! The codes of all messages about filters.

use crate::syntax::codes::Code;

/// All messages that [`Filter::of`](super::Filter::of) gives. The examples are filters.
pub const CODES: &[Code] = &[
    Code {
        code: "E0701",
        title: "a filter names something unknown",
        explanation: "A filter may name headers, their fields, `len`, `payload.len`, `proto` and \
                      `mark`; in a test also the constants of the program.",
        bad: "ip.srx == 10.0.0.5",
        good: "ip.src == 10.0.0.5",
    },
    Code {
        code: "E0702",
        title: "this cannot be part of a filter",
        explanation: "Filters compare header fields with constants, join conditions with `&&`, \
                      `||` and `!`, and mask numbers with `&`.",
        bad: "tcp.dst + 1 == 80",
        good: "tcp.dst == 79",
    },
    Code {
        code: "E0703",
        title: "a value stands where a condition is expected",
        explanation: "A header alone and a flag are conditions; addresses and numbers have to be \
                      compared.",
        bad: "ip.src && tcp",
        good: "ip.src == 10.0.0.5 && tcp",
    },
    Code {
        code: "E0704",
        title: "things of different kinds do not compare",
        explanation: "Numbers compare with numbers, addresses with addresses of their kind.",
        bad: "ip.src == 5",
        good: "ip.src == 10.0.0.5",
    },
    Code {
        code: "E0705",
        title: "a set and a value are confused",
        explanation: "`in` asks for membership in a prefix, a range or a list of constants; `==` \
                      compares single values.",
        bad: "ip.src == 10.0.0.0/8",
        good: "ip.src in 10.0.0.0/8",
    },
    Code {
        code: "E0706",
        title: "a number can never be equal to the field",
        explanation: "The constant does not fit the width of what it is compared with.",
        bad: "tcp.dst == 70000",
        good: "tcp.dst == 7000",
    },
];
