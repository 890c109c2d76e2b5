//! E02: types, values, functions.

use crate::syntax::codes::Code;

pub(super) static CODES: &[Code] = &[
    Code {
        code: "E0201",
        title: "wrong type",
        explanation: "A value of one type stands where another is needed. Only unsigned integers \
            become wider by themselves; everything else is converted by `as`. An option must be \
            taken apart: `.or(default)`, `if let Some(x) = …`, `let Some(x) = … else { … }`.",
        bad: "\
element E {
    port lan
    state last: Time
    on lan(p) { last = p.len; send p to lan }
}
",
        good: "\
element E {
    port lan
    state last: Time
    on lan(p) { last = now; send p to lan }
}
",
    },
    Code {
        code: "E0202",
        title: "number does not fit",
        explanation: "A literal takes the type of the place where it stands, and this one is out \
            of its range.",
        bad: "\
element E {
    port lan
    on lan(p: ip) { p.ip.ttl = 256; send p to lan }
}
",
        good: "\
element E {
    port lan
    on lan(p: ip) { p.ip.ttl = 255; send p to lan }
}
",
    },
    Code {
        code: "E0203",
        title: "operator not defined",
        explanation: "The operator does not exist for values of these types. Addresses are \
            compared, and lie `in` prefixes; to calculate with them convert them by `as u32`.",
        bad: "\
element E {
    port lan
    on lan(p: ip) { p.ip.dst = p.ip.dst + 1; send p to lan }
}
",
        good: "\
element E {
    port lan
    on lan(p: ip) { p.ip.dst = ((p.ip.dst as u32) + 1) as ip4; send p to lan }
}
",
    },
    Code {
        code: "E0204",
        title: "wrong arguments",
        explanation: "A function or operation gets too many or too few arguments.",
        bad: "\
element E {
    port lan
    state quota: bucket<ip4>[1k] rate 10 burst 20
    on lan(p: ip) {
        if quota.take(p.ip.src) { send p to lan } else { drop p because \"over quota\" }
    }
}
",
        good: "\
element E {
    port lan
    state quota: bucket<ip4>[1k] rate 10 burst 20
    on lan(p: ip) {
        if quota.take(p.ip.src, 1) { send p to lan } else { drop p because \"over quota\" }
    }
}
",
    },
    Code {
        code: "E0205",
        title: "no such conversion",
        explanation: "`as` converts integers into each other, addresses and times to the unsigned \
            integer of their width and back, and `bool` to integers.",
        bad: "\
element E {
    port lan
    on lan(p: ip) { p.mark = p.eth.src as u32; send p to lan }
}
",
        good: "\
element E {
    port lan
    on lan(p: ip) { p.mark = p.eth.src as u48 as u32; send p to lan }
}
",
    },
    Code {
        code: "E0206",
        title: "not a constant",
        explanation: "Sizes, limits, periods, parameters and constants must be known before the \
            program runs.",
        bad: "\
const START: Time = now
element E {
    port lan
    on lan(p) { send p to lan }
}
",
        good: "\
const DELAY: Duration = 2 * 5s
element E {
    port lan
    state last: Time
    on lan(p) {
        if now - last < DELAY { drop p because \"too soon\" } else { last = now; send p to lan }
    }
}
",
    },
    Code {
        code: "E0207",
        title: "pattern does not fit",
        explanation: "A pattern cannot match a value of this type, or matches only some values \
            where it must match all.",
        bad: "\
element E {
    port lan
    state seen: map<ip4, u32>[1k]
    on lan(p: ip) {
        let Some(mark) = seen[p.ip.src]
        p.mark = mark
        send p to lan
    }
}
",
        good: "\
element E {
    port lan
    state seen: map<ip4, u32>[1k]
    on lan(p: ip) {
        let Some(mark) = seen[p.ip.src] else { drop p because \"unknown\"; return }
        p.mark = mark
        send p to lan
    }
}
",
    },
    Code {
        code: "E0208",
        title: "match does not cover all values",
        explanation: "A `match` must have an arm for every value. Enums, options, truth values \
            and tuples of them can be listed; numbers and addresses need `_`.",
        bad: "\
element E {
    port lan
    on lan(p: ip/tcp) {
        match p.tcp.dst {
            80 | 443 => send p to lan,
            0..1024 => drop p because \"privileged\",
        }
    }
}
",
        good: "\
element E {
    port lan
    on lan(p: ip/tcp) {
        match p.tcp.dst {
            80 | 443 => send p to lan,
            0..1024 => drop p because \"privileged\",
            _ => send p to lan,
        }
    }
}
",
    },
    Code {
        code: "E0210",
        title: "cannot be assigned",
        explanation: "Only `let mut` locals, header fields, some packet properties and state can \
            be written.",
        bad: "\
element E {
    port lan
    on lan(p) {
        let n = p.len
        n += 4
        p.mark = n
        send p to lan
    }
}
",
        good: "\
element E {
    port lan
    on lan(p) {
        let mut n = p.len
        n += 4
        p.mark = n
        send p to lan
    }
}
",
    },
    Code {
        code: "E0211",
        title: "fields missing or given twice",
        explanation: "A record needs a value for each of its fields, and each once.",
        bad: "\
record Peer { address: ip4, port: u16 }
element E {
    port lan
    state peer: Peer
    on lan(p: ip) { peer = Peer { address: p.ip.src }; send p to lan }
}
",
        good: "\
record Peer { address: ip4, port: u16 }
element E {
    port lan
    state peer: Peer
    on lan(p: ip) { peer = Peer { address: p.ip.src, port: 0 }; send p to lan }
}
",
    },
    Code {
        code: "E0212",
        title: "not possible here",
        explanation: "This kind of value cannot stand here: tables are for `for`, texts for log \
            lines, lists and ranges for `in`, and options are taken apart before they are printed.",
        bad: "\
element E {
    port lan
    state seen: map<ip4, u32>[1k]
    on lan(p: ip) { log \"mark {seen[p.ip.src]}\"; send p to lan }
}
",
        good: "\
element E {
    port lan
    state seen: map<ip4, u32>[1k]
    on lan(p: ip) { log \"mark {seen[p.ip.src].or(0)}\"; send p to lan }
}
",
    },
    Code {
        code: "E0213",
        title: "type contains itself",
        explanation: "A record or enum cannot hold a value of its own type: values have a fixed \
            size.",
        bad: "\
record Chain { port: u16, next: Option<Chain> }
element E {
    port lan
    on lan(p) { send p to lan }
}
",
        good: "\
record Chain { port: u16, next: Option<u16> }
element E {
    port lan
    on lan(p) { send p to lan }
}
",
    },
    Code {
        code: "E0214",
        title: "recursive function",
        explanation: "Functions are expanded where they are called, so that every handler comes \
            to its end: they cannot call themselves, directly or through others.",
        bad: "\
fn twice(x: u32) -> u32 { if x > 100 { x } else { twice(x * 2) } }
element E {
    port lan
    on lan(p) { p.mark = twice(p.len); send p to lan }
}
",
        good: "\
fn twice(x: u32) -> u32 {
    let mut y = x
    for _i in 0..8 { if y <= 100 { y = y * 2 } }
    y
}
element E {
    port lan
    on lan(p) { p.mark = twice(p.len); send p to lan }
}
",
    },
    Code {
        code: "E0215",
        title: "function ends without its value",
        explanation: "A function with a result must end with an expression, or return on every \
            way.",
        bad: "\
fn size(x: u32) -> u32 {
    let y = x + 4
    if y > 100 { return 100 }
}
element E {
    port lan
    on lan(p) { p.mark = size(p.len); send p to lan }
}
",
        good: "\
fn size(x: u32) -> u32 {
    let y = x + 4
    if y > 100 { return 100 }
    y
}
element E {
    port lan
    on lan(p) { p.mark = size(p.len); send p to lan }
}
",
    },
    Code {
        code: "E0216",
        title: "else goes on",
        explanation: "The `else` of a `let` runs when the pattern does not match. The names have \
            no value then, so it must leave: `return`, `break` or `continue`.",
        bad: "\
element E {
    port lan
    state seen: map<ip4, u32>[1k]
    on lan(p: ip) {
        let Some(mark) = seen[p.ip.src] else { p.mark = 0 }
        p.mark = mark
        send p to lan
    }
}
",
        good: "\
element E {
    port lan
    state seen: map<ip4, u32>[1k]
    on lan(p: ip) {
        let Some(mark) = seen[p.ip.src] else { send p to lan; return }
        p.mark = mark
        send p to lan
    }
}
",
    },
    Code {
        code: "E0217",
        title: "nothing to leave",
        explanation: "`break` and `continue` stand in loops; `return` with a value stands in \
            functions that give one, and only there.",
        bad: "\
element E {
    port lan
    on lan(p) {
        if p.len < 64 { break }
        send p to lan
    }
}
",
        good: "\
element E {
    port lan
    on lan(p) {
        if p.len < 64 { drop p because \"short\"; return }
        send p to lan
    }
}
",
    },
    Code {
        code: "E0218",
        title: "constant depends on itself",
        explanation: "The value of a constant needs the value of the same constant.",
        bad: "\
const A: u32 = B + 1
const B: u32 = A + 1
element E {
    port lan
    on lan(p) { p.mark = A; send p to lan }
}
",
        good: "\
const A: u32 = B + 1
const B: u32 = 1
element E {
    port lan
    on lan(p) { p.mark = A; send p to lan }
}
",
    },
    Code {
        code: "E0219",
        title: "type not known",
        explanation: "`None`, or a variant that several enums have, stands where nothing says \
            which type is meant. Write the type.",
        bad: "\
element E {
    port lan
    on lan(p) {
        let mut best = None
        best = Some(p.len)
        p.mark = best.or(0)
        send p to lan
    }
}
",
        good: "\
element E {
    port lan
    on lan(p) {
        let mut best: Option<u32> = None
        best = Some(p.len)
        p.mark = best.or(0)
        send p to lan
    }
}
",
    },
    Code {
        code: "E0220",
        title: "packet and value mixed up",
        explanation: "A packet is not a value: it is sent, dropped, copied by `let q = copy p`, \
            passed to functions, and read field by field.",
        bad: "\
element E {
    port lan
    state last: u32
    on lan(p) { last = p; send p to lan }
}
",
        good: "\
element E {
    port lan
    state last: u32
    on lan(p) { last = p.len; send p to lan }
}
",
    },
];
