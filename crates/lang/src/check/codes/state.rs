//! E08: state objects.

use crate::syntax::codes::Code;

pub(super) static CODES: &[Code] = &[
    Code {
        code: "E0801",
        title: "wrong declaration of state",
        explanation: "A state object is declared with its kind, its types, its size and its \
            options, as the reference shows.",
        bad: "\
element E {
    port lan
    state seen: map<ip4, Time> expire 5min
    on lan(p: ip) { seen[p.ip.src] = now; send p to lan }
}
",
        good: "\
element E {
    port lan
    state seen: map<ip4, Time>[64k] expire 5min
    on lan(p: ip) { seen[p.ip.src] = now; send p to lan }
}
",
    },
    Code {
        code: "E0802",
        title: "state object used the wrong way",
        explanation: "Each kind of state object has its own operations: maps and arrays are read \
            and written by `[…]`, sets by `add` and `in`, counters by `count`, and so on. Only a \
            write that may find no room has an `else`.",
        bad: "\
element E {
    port lan
    state hosts: set<ip4>[1k]
    on lan(p: ip) { hosts[p.ip.src] = true; send p to lan }
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
        code: "E0803",
        title: "number out of its range",
        explanation: "A size, rate, limit or period is zero, too great, or, for a Maglev table, \
            not a prime number.",
        bad: "\
element E {
    port lan
    state backends: maglev<ip4>[1000] members 10
    on lan(p: ip) {
        p.ip.dst = backends.pick(hash(p.flow)).or(p.ip.dst)
        send p to lan
    }
}
",
        good: "\
element E {
    port lan
    state backends: maglev<ip4>[1009] members 10
    on lan(p: ip) {
        p.ip.dst = backends.pick(hash(p.flow)).or(p.ip.dst)
        send p to lan
    }
}
",
    },
    Code {
        code: "E0804",
        title: "wrong pattern set",
        explanation: "No pattern is empty, too long, or longer than the depth within which it must \
            lie, and a list of patterns has at least one. A file of patterns has one on each \
            line, written as in a program; a table has them in a field `pattern` of byte strings.",
        bad: "\
element E {
    port lan
    patterns attacks = [\"cmd.exe\" nocase depth 4]
    on lan(p) { if attacks.first(p).is_some { log \"found\" } send p to lan }
}
",
        good: "\
element E {
    port lan
    patterns attacks = [\"cmd.exe\" nocase depth 40]
    on lan(p) { if attacks.first(p).is_some { log \"found\" } send p to lan }
}
",
    },
    Code {
        code: "E0805",
        title: "search within a search of the same set",
        explanation: "A pattern set holds what its last search found. A loop over its matches \
            inside another one would make the outer one lose its place.",
        bad: "\
element E {
    port lan
    patterns words = [\"a\", \"b\"]
    on lan(p) {
        for a in words.matches(p) {
            for b in words.matches(p) { log \"{a} and {b}\" }
        }
        send p to lan
    }
}
",
        good: "\
element E {
    port lan
    patterns words = [\"a\", \"b\"]
    on lan(p) {
        for a in words.matches(p) { log \"{a}\" }
        send p to lan
    }
}
",
    },
];
