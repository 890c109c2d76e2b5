//! E06: bounds, so that every program comes to its end and fits.

use crate::syntax::codes::Code;

pub(super) static CODES: &[Code] = &[
    Code {
        code: "E0601",
        title: "too many",
        explanation: "A loop runs at most 65536 rounds, a table in the program has at most 65536 \
            rows, and an element at most 1024 ports.",
        bad: "\
element E {
    port lan
    on lan(p) {
        let mut sum: u64 = 0
        for i in 0..100_000 { sum += i }
        p.mark = sum as u32
        send p to lan
    }
}
",
        good: "\
element E {
    port lan
    on lan(p) {
        let mut sum: u64 = 0
        for i in 0..1000 { sum += i }
        p.mark = sum as u32
        send p to lan
    }
}
",
    },
    Code {
        code: "E0602",
        title: "loop without a bound",
        explanation: "How often a loop runs must be known before the program runs, at least its \
            limit: `for i in 0..n limit 64`.",
        bad: "\
element E {
    port lan
    on lan(p) {
        let mut sum: u32 = 0
        for i in 0..p.payload.len { sum += p.payload.u8(i as u32).or(0) }
        p.mark = sum
        send p to lan
    }
}
",
        good: "\
element E {
    port lan
    on lan(p) {
        let mut sum: u32 = 0
        for i in 0..p.payload.len limit 64 { sum += p.payload.u8(i as u32).or(0) }
        p.mark = sum
        send p to lan
    }
}
",
    },
    Code {
        code: "E0603",
        title: "nested too deeply",
        explanation: "Blocks, expressions and expanded calls are nested at most 200 levels deep.",
        bad: "\
fn a() { {{{{{{{{{{{{{{{{{{{{{{{{{ b() }}}}}}}}}}}}}}}}}}}}}}}}} }
fn b() { {{{{{{{{{{{{{{{{{{{{{{{{{ c() }}}}}}}}}}}}}}}}}}}}}}}}} }
fn c() { {{{{{{{{{{{{{{{{{{{{{{{{{ d() }}}}}}}}}}}}}}}}}}}}}}}}} }
fn d() { {{{{{{{{{{{{{{{{{{{{{{{{{ e() }}}}}}}}}}}}}}}}}}}}}}}}} }
fn e() { {{{{{{{{{{{{{{{{{{{{{{{{{ f() }}}}}}}}}}}}}}}}}}}}}}}}} }
fn f() { {{{{{{{{{{{{{{{{{{{{{{{{{ g() }}}}}}}}}}}}}}}}}}}}}}}}} }
fn g() { {{{{{{{{{{{{{{{{{{{{{{{{{ h() }}}}}}}}}}}}}}}}}}}}}}}}} }
fn h() { {{{{{{{{{{{{{{{{{{{{{{{{{ i() }}}}}}}}}}}}}}}}}}}}}}}}} }
fn i() { {{{{{{{{{{{{{{{{{{{{{{{{{ log \"deep\" }}}}}}}}}}}}}}}}}}}}}}}}} }
element E {
    port lan
    on lan(p) { a(); send p to lan }
}
",
        good: "\
fn e() { log \"flat\" }
element E {
    port lan
    on lan(p) { e(); send p to lan }
}
",
    },
    Code {
        code: "E0604",
        title: "too large a type or match",
        explanation: "A value has at most 64 scalar parts, an enum 1 to 256 variants, a `match` \
            at most 128 arms.",
        bad: "\
record Four { a: Flow, b: Flow, c: Flow, d: Flow }
element E {
    port lan
    state history: (Four, Four, Four, Four)
    on lan(p) { send p to lan }
}
",
        good: "\
record Four { a: Flow, b: Flow, c: Flow, d: Flow }
element E {
    port lan
    state history: Four
    on lan(p: ip) { history.a = p.flow; send p to lan }
}
",
    },
    Code {
        code: "E0605",
        title: "handler too long",
        explanation: "Functions are expanded where they are called; a handler may become 16384 \
            statements long.",
        bad: "\
element E {
    port lan
    state n: u32
    fn a() { b(); b(); b(); b(); b(); b(); b(); b(); b(); b() }
    fn b() { c(); c(); c(); c(); c(); c(); c(); c(); c(); c() }
    fn c() { d(); d(); d(); d(); d(); d(); d(); d(); d(); d() }
    fn d() { e(); e(); e(); e(); e(); e(); e(); e(); e(); e() }
    fn e() { n += 1; n += 1 }
    on lan(p) { a(); send p to lan }
}
",
        good: "\
element E {
    port lan
    state n: u32
    fn e() { n += 1; n += 1 }
    on lan(p) {
        for _i in 0..10_000 { e() }
        send p to lan
    }
}
",
    },
    Code {
        code: "E0606",
        title: "size or number of declared headers",
        explanation: "A program declares at most 8 headers, and a header has 1 to 256 whole bytes.",
        bad: "\
header telemetry after udp.dst == 5000 { version: u3, hops: u4 }
element E {
    port lan
    on lan(p: udp) {
        if p is telemetry { p.mark = p.telemetry.hops }
        send p to lan
    }
}
",
        good: "\
header telemetry after udp.dst == 5000 { version: u3, reserved: u1, hops: u4 }
element E {
    port lan
    on lan(p: udp) {
        if p is telemetry { p.mark = p.telemetry.hops }
        send p to lan
    }
}
",
    },
];
