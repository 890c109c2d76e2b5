//! E03: which headers a packet has.

use crate::syntax::codes::Code;

pub(super) static CODES: &[Code] = &[
    Code {
        code: "E0301",
        title: "header may be absent",
        explanation: "A field is read or written, or a function called, where the packet is not \
            known to have the header. It is known from the handler's pattern and from `is`, in \
            the branch where it holds. `insert`, `remove` and `truncate` make it uncertain again.",
        bad: "\
element E {
    port lan, wan
    on lan(p: ip) {
        if p.tcp.dst == 80 { send p to wan } else { send p to lan }
    }
}
",
        good: "\
element E {
    port lan, wan
    on lan(p: ip) {
        if p is tcp && p.tcp.dst == 80 { send p to wan } else { send p to lan }
    }
}
",
    },
    Code {
        code: "E0302",
        title: "impossible headers",
        explanation: "No packet has these headers together.",
        bad: "\
element E {
    port lan
    on lan(p: ip/tcp/udp) { send p to lan }
}
",
        good: "\
element E {
    port lan
    on lan(p: ip/tcp | ip/udp) { send p to lan }
}
",
    },
    Code {
        code: "E0303",
        title: "unknown header",
        explanation: "There is no header of this name. The headers are in the reference.",
        bad: "\
element E {
    port lan
    on lan(p: ipv4/tcp) { send p to lan }
}
",
        good: "\
element E {
    port lan
    on lan(p: ip/tcp) { send p to lan }
}
",
    },
    Code {
        code: "E0304",
        title: "headers do not stand on each other",
        explanation: "A stack to insert or remove begins with `eth`, `vlan`, `arp`, `ip` or \
            `ip6`, and each header must be able to carry the next. What replaces a network header \
            is a network header.",
        bad: "\
element E {
    port lan
    on lan(p: ip) {
        insert udp { src: 4789, dst: 4789 } into p
        send p to lan
    }
}
",
        good: "\
element E {
    port lan
    on lan(p: ip) {
        insert ip { src: 10.0.0.1, dst: 10.0.0.2 } / udp { src: 4789, dst: 4789 } into p
        send p to lan
    }
}
",
    },
];
