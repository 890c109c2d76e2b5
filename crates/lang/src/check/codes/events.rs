//! E10: events, records and loops over tables.

use crate::syntax::codes::Code;

pub(super) static CODES: &[Code] = &[
    Code {
        code: "E1001",
        title: "wrong declaration of an event or stream",
        explanation: "An event is declared with its parameters and, in brackets, the most that may \
            be pending; a stream with the type of its records.",
        bad: "\
element E {
    port lan
    event late(host: ip4)
    on lan(p: ip) {
        generate late(p.ip.src) after 1s
        send p to lan
    }
    on late(host) { log \"{host}\" }
}
",
        good: "\
element E {
    port lan
    event late(host: ip4) [1k]
    on lan(p: ip) {
        generate late(p.ip.src) after 1s
        send p to lan
    }
    on late(host) { log \"{host}\" }
}
",
    },
    Code {
        code: "E1002",
        title: "unknown event or stream",
        explanation: "Events and streams belong to the element that declares them, and to its own \
            functions and handlers.",
        bad: "\
record Seen { host: ip4 }
element E {
    port lan
    stream seen: Seen
    on lan(p: ip) {
        emit sean Seen { host: p.ip.src }
        send p to lan
    }
}
",
        good: "\
record Seen { host: ip4 }
element E {
    port lan
    stream seen: Seen
    on lan(p: ip) {
        emit seen Seen { host: p.ip.src }
        send p to lan
    }
}
",
    },
    Code {
        code: "E1003",
        title: "loop over a table for each packet",
        explanation: "A loop over a map or set has as many rounds as it has entries: too many for \
            each packet. It belongs into a timer, the handler of an event or `on close`.",
        bad: "\
element E {
    port lan
    state bytes: map<ip4, u64>[64k]
    on lan(p: ip) {
        bytes[p.ip.src] += p.len
        for (host, count) in bytes { log \"{host} {count}\" }
        send p to lan
    }
}
",
        good: "\
element E {
    port lan
    state bytes: map<ip4, u64>[64k]
    on lan(p: ip) {
        bytes[p.ip.src] += p.len
        send p to lan
    }
    every 10s {
        for (host, count) in bytes { log \"{host} {count}\" }
    }
}
",
    },
    Code {
        code: "E1004",
        title: "change of another entry in a loop over a map",
        explanation: "While a loop runs over a map, its body may change or remove the entry of the \
            round, by the key as the loop gives it, and no other: else it would not be clear which \
            entries come.",
        bad: "\
element E {
    port lan
    state bytes: map<ip4, u64>[64k]
    on lan(p: ip) {
        bytes[p.ip.src] += p.len
        send p to lan
    }
    every 10s {
        for (host, count) in bytes { if count < 1000 { bytes.clear() } }
    }
}
",
        good: "\
element E {
    port lan
    state bytes: map<ip4, u64>[64k]
    on lan(p: ip) {
        bytes[p.ip.src] += p.len
        send p to lan
    }
    every 10s {
        for (host, count) in bytes { if count < 1000 { bytes.remove(host) } }
    }
}
",
    },
    Code {
        code: "E1005",
        title: "entries that cannot be compared",
        explanation: "`top n by …` compares entries of a map or set by a number or a time, which \
            is computed from the entry alone.",
        bad: "\
element E {
    port lan
    state bytes: map<ip4, u64>[64k]
    on lan(p: ip) {
        bytes[p.ip.src] += p.len
        send p to lan
    }
    every 10s {
        for (host, count) in bytes top 3 by host { log \"{host} {count}\" }
    }
}
",
        good: "\
element E {
    port lan
    state bytes: map<ip4, u64>[64k]
    on lan(p: ip) {
        bytes[p.ip.src] += p.len
        send p to lan
    }
    every 10s {
        for (host, count) in bytes top 3 by count { log \"{host} {count}\" }
    }
}
",
    },
];
