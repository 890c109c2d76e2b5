//! E04: every packet is sent or dropped, once.

use crate::syntax::codes::Code;

pub(super) static CODES: &[Code] = &[
    Code {
        code: "E0401",
        title: "packet neither sent nor dropped",
        explanation: "On some way through the handler a packet is still held at the end. Nothing \
            disappears silently: send it, or drop it and say why.",
        bad: "\
element E {
    port lan, wan
    on lan(p: ip) {
        if p.ip.ttl > 1 { send p to wan }
    }
}
",
        good: "\
element E {
    port lan, wan
    on lan(p: ip) {
        if p.ip.ttl > 1 { send p to wan } else { drop p because \"time to live exceeded\" }
    }
    on wan(p) { send p to lan }
}
",
    },
    Code {
        code: "E0402",
        title: "packet used after it was sent or dropped",
        explanation: "`send` and `drop` take the packet away. To send it twice use `send copy` \
            first.",
        bad: "\
element E {
    port lan, wan
    on lan(p) {
        send p to wan
        send p to lan
    }
}
",
        good: "\
element E {
    port lan, wan
    on lan(p) {
        send copy p to wan
        send p to lan
    }
    on wan(p) { send p to lan }
}
",
    },
    Code {
        code: "E0403",
        title: "packet may be gone",
        explanation: "The packet was sent or dropped on one way that leads here, but not on \
            another. Return after it was, or put the rest in an `else`.",
        bad: "\
element E {
    port lan, wan
    on lan(p: ip) {
        if p.ip.ttl <= 1 { drop p because \"time to live exceeded\" }
        send p to wan
    }
}
",
        good: "\
element E {
    port lan, wan
    on lan(p: ip) {
        if p.ip.ttl <= 1 { drop p because \"time to live exceeded\"; return }
        send p to wan
    }
    on wan(p) { send p to lan }
}
",
    },
    Code {
        code: "E0404",
        title: "packet taken away in a loop",
        explanation: "A round of a loop sends or drops a packet, and the next round would not \
            have it.",
        bad: "\
element E {
    port lan, tap[4]
    on lan(p) {
        for i in 0..4 { send p to tap[i] }
    }
    on tap[i](p) { p.mark = i as u32; send p to lan }
}
",
        good: "\
element E {
    port lan, tap[4]
    on lan(p) {
        for i in 0..4 { send copy p to tap[i] }
        drop p because \"only copies go on\"
    }
    on tap[i](p) { p.mark = i as u32; send p to lan }
}
",
    },
];
