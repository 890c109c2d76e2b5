//! W01: sound programs that are probably not as meant.

use crate::syntax::codes::Code;

pub(super) static CODES: &[Code] = &[
    Code {
        code: "W0101",
        title: "unused local",
        explanation: "A local or an argument is never read. Remove it, or begin its name with `_`.",
        bad: "\
element E {
    port lan
    on lan(p) {
        let size = p.len
        send p to lan
    }
}
",
        good: "\
element E {
    port lan
    on lan(p) {
        p.mark = p.len
        send p to lan
    }
}
",
    },
    Code {
        code: "W0102",
        title: "unused state",
        explanation: "No handler reads or writes the state object.",
        bad: "\
element E {
    port lan
    state seen: set<ip4>[1k]
    on lan(p) { send p to lan }
}
",
        good: "\
element E {
    port lan
    state seen: set<ip4>[1k]
    on lan(p: ip) { seen.add(p.ip.src); send p to lan }
}
",
    },
    Code {
        code: "W0103",
        title: "unused parameter",
        explanation: "Nothing in the element depends on the parameter.",
        bad: "\
element E(mark: u32 = 1) {
    port lan
    on lan(p) { send p to lan }
}
",
        good: "\
element E(mark: u32 = 1) {
    port lan
    on lan(p) { p.mark = mark; send p to lan }
}
",
    },
    Code {
        code: "W0104",
        title: "unused function",
        explanation: "No handler of the element calls the function.",
        bad: "\
element E {
    port lan
    fn small(p: packet) -> bool { p.len < 100 }
    on lan(p) { send p to lan }
}
",
        good: "\
element E {
    port lan
    fn small(p: packet) -> bool { p.len < 100 }
    on lan(p) { if small(p) { drop p because \"small\" } else { send p to lan } }
}
",
    },
    Code {
        code: "W0105",
        title: "unreachable handler",
        explanation: "The first handler whose port and pattern fit takes a packet, and those \
            before this one take all that it could get. Put the more special one first.",
        bad: "\
element E {
    port lan
    on lan(p: ip) { send p to lan }
    on lan(p: ip/tcp) { drop p because \"tcp\" }
}
",
        good: "\
element E {
    port lan
    on lan(p: ip/tcp) { drop p because \"tcp\" }
    on lan(p: ip) { send p to lan }
}
",
    },
    Code {
        code: "W0106",
        title: "unreachable code",
        explanation: "What stands before it always leaves, or takes all values.",
        bad: "\
element E {
    port lan
    state n: u32
    on lan(p) {
        send p to lan
        return
        n += 1
    }
}
",
        good: "\
element E {
    port lan
    state n: u32
    on lan(p) {
        n += 1
        send p to lan
    }
}
",
    },
    Code {
        code: "W0107",
        title: "unused port",
        explanation: "The port has no handler and nothing is sent to it.",
        bad: "\
element E {
    port lan, wan
    on lan(p) { send p to lan }
}
",
        good: "\
element E {
    port lan, wan
    on lan(p) { send p to wan }
    on wan(p) { send p to lan }
}
",
    },
    Code {
        code: "W0108",
        title: "unused value",
        explanation: "An expression stands as a statement but has no effect.",
        bad: "\
element E {
    port lan
    on lan(p) {
        p.len + 4
        send p to lan
    }
}
",
        good: "\
element E {
    port lan
    on lan(p) {
        p.mark = p.len + 4
        send p to lan
    }
}
",
    },
    Code {
        code: "W0109",
        title: "test that always has one outcome",
        explanation: "The handler's pattern or an earlier test decides it already.",
        bad: "\
element E {
    port lan
    on lan(p: ip/tcp) {
        if p is udp { drop p because \"udp\" } else { send p to lan }
    }
}
",
        good: "\
element E {
    port lan
    on lan(p: ip) {
        if p is udp { drop p because \"udp\" } else { send p to lan }
    }
}
",
    },
    Code {
        code: "W0110",
        title: "event or stream without effect",
        explanation: "An event is generated but has no handler, or has one but is never generated; \
            or no record is ever emitted to a stream.",
        bad: "\
element E {
    port lan
    event late(host: ip4) [1k]
    on lan(p: ip) {
        generate late(p.ip.src) after 1s
        send p to lan
    }
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
];
