//! E01: names.

use crate::syntax::codes::Code;

pub(super) static CODES: &[Code] = &[
    Code {
        code: "E0101",
        title: "unknown name",
        explanation: "Nothing of this name is in scope: no local, parameter, constant or state \
            object. Names of an element are not visible in functions outside of it.",
        bad: "\
element E {
    port lan, wan
    state hosts: set<ip4>[1k]
    on lan(p: ip) {
        if p.ip.src in host { send p to wan } else { send p to lan }
    }
}
",
        good: "\
element E {
    port lan, wan
    state hosts: set<ip4>[1k]
    on lan(p: ip) {
        if p.ip.src in hosts { send p to wan } else { send p to lan }
    }
}
",
    },
    Code {
        code: "E0102",
        title: "unknown type",
        explanation: "There is no type of this name, or it is not written like this. Integers are \
            `u1` to `u64`, `u128`, `i8`, `i16`, `i32` and `i64`; `Option`, `prefix` and `table` \
            take a type in angle brackets.",
        bad: "\
record Rule { net: prefix, port: u16 }
element E {
    port lan
    on lan(p) { send p to lan }
}
",
        good: "\
record Rule { net: prefix<ip4>, port: u16 }
element E {
    port lan
    on lan(p) { send p to lan }
}
",
    },
    Code {
        code: "E0103",
        title: "unknown function",
        explanation: "There is no function of this name: neither in the element, nor in the \
            program, nor built in (`hash`, `min`, `max`, `Some`).",
        bad: "\
fn clamp(x: u32) -> u32 { min(x, 1500) }
element E {
    port lan
    on lan(p) { p.mark = clam(p.len); send p to lan }
}
",
        good: "\
fn clamp(x: u32) -> u32 { min(x, 1500) }
element E {
    port lan
    on lan(p) { p.mark = clamp(p.len); send p to lan }
}
",
    },
    Code {
        code: "E0104",
        title: "declared twice",
        explanation: "Two things of one kind have the same name, or a local has the name of a \
            state object or a packet, which would hide it.",
        bad: "\
const LIMIT: u32 = 10
const LIMIT: u32 = 20
element E {
    port lan
    on lan(p) { p.mark = LIMIT; send p to lan }
}
",
        good: "\
const LIMIT: u32 = 10
element E {
    port lan
    on lan(p) { p.mark = LIMIT; send p to lan }
}
",
    },
    Code {
        code: "E0105",
        title: "unknown field",
        explanation: "The header, record or packet has no field of this name. Header fields are \
            written with their header: `p.ip.src`, `p.tcp.flags.syn`.",
        bad: "\
element E {
    port lan
    on lan(p: ip/tcp) { if p.tcp.syn { drop p because \"new\" } else { send p to lan } }
}
",
        good: "\
element E {
    port lan
    on lan(p: ip/tcp) { if p.tcp.flags.syn { drop p because \"new\" } else { send p to lan } }
}
",
    },
    Code {
        code: "E0106",
        title: "unknown port",
        explanation: "The element has no port of this name, or the port is an array and needs an \
            index, or it is none and has one.",
        bad: "\
element E {
    port lan, wan
    on lan(p) { send p to lan }
    on wan(p) { send p to van }
}
",
        good: "\
element E {
    port lan, wan
    on lan(p) { send p to lan }
    on wan(p) { send p to wan }
}
",
    },
    Code {
        code: "E0110",
        title: "unknown operation",
        explanation: "A value, packet or state object has no operation or property of this name.",
        bad: "\
element E {
    port lan
    state hosts: set<ip4>[1k]
    on lan(p: ip) { hosts.insert(p.ip.src); send p to lan }
}
",
        good: "\
element E {
    port lan
    state hosts: set<ip4>[1k]
    on lan(p: ip) { hosts.add(p.ip.src); send p to lan }
}
",
    },
    Code {
        code: "E0111",
        title: "word of the language",
        explanation: "This name means something already: `Some`, `None`, `now`, `hash`, `min`, \
            `max`, `load`, `discard`.",
        bad: "\
fn hash(x: u32) -> u32 { x ^ 7 }
element E {
    port lan
    on lan(p) { send p to lan }
}
",
        good: "\
fn scramble(x: u32) -> u32 { x ^ 7 }
element E {
    port lan
    on lan(p) { p.mark = scramble(p.mark); send p to lan }
}
",
    },
];
