//! What the checker says: code, place, message.

use super::messages;
use expect_test::{Expect, expect};

/// Checks the body of a handler of TCP packets `p` from `lan`, in an element with some state.
fn check(body: &str, expect: Expect) {
    let text = format!(
        "element E(limit: u32 = 10) {{
    port lan, wan, tap[4]
    state seen: map<ip4, Peer>[1k] expire 5min
    state hosts: set<ip4>[1k]
    state totals: array<u64>[16]
    state traffic: counter
    state slots: pool[16]
    state routes: lpm<ip4, u16>[1k]
    state last: Time
    fn _reject(p: ip) {{ drop p because \"rejected\" }}
    fn _strip(p: packet) {{ p.truncate(60) }}
    on lan(p: ip/tcp) {{
{body}
    }}
    on wan, tap(p) {{
        send p to lan
    }}
    init {{
        totals[limit as u64] = 1; last = now; hosts.add(10.0.0.1); routes.remove(10.0.0.0/8)
        slots.free(0); let _n = seen.len + traffic.bytes
    }}
}}
record Peer {{ mac: mac, hits: u32 }}
enum Action {{ Accept, Reject, Mark(u32) }}
"
    );
    expect.assert_eq(&messages(&text));
}

/// Checks a whole program.
fn check_program(text: &str, expect: Expect) {
    expect.assert_eq(&messages(text));
}

#[test]
fn names() {
    check("if p.ip.src in hots { } send p to wan", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("log \"{limt}\"; send p to wan", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("p.mark = clmp(1); send p to wan", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("send p to wam", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("send p to tap", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("send p to wan[1]", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("p.mark = lan; send p to wan", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("send q to wan; send p to wan", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
}

#[test]
fn fields() {
    check("p.ip.srcc = 10.0.0.1; send p to wan", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("p.mark = p.src; send p to wan", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("p.mark = p.tcp.sport; send p to wan", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("p.mark = p.lenn; send p to wan", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("p.len = 5; send p to wan", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("p.mark = p.ip.src.x; send p to wan", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("p.mark = p.ip; send p to wan", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("p.mark = seen[p.ip.src].hits; send p to wan", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
}

#[test]
fn types() {
    check("p.mark = p.ip.src; send p to wan", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("p.ip.ttl = p.mark; send p to wan", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("if p.mark { } send p to wan", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("if p.ip.src == p.mark { } send p to wan", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("if p.ip.src == 10.0.0.0/8 { } send p to wan", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("if last + 5 < now { } send p to wan", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("if now - last > 5s && last - now < 5 { } send p to wan", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("let x: u8 = 300; p.mark = x; send p to wan", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("let x: i8 = -129; log \"{x}\"; send p to wan", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("let a: Action = Mark; match a { Mark(_) => {}, _ => {} }; send p to wan", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("match seen[p.ip.src] { Some(x) => { p.mark = x.hits } }; send p to wan", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("let b = p.ip.src in 10.0.0.0/8; p.mark = if b { 1 } else { false }; send p to wan", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
}

#[test]
fn unknown_headers_are_said_once() {
    check("p.mark = p.udp.src + p.udp.dst; send p to wan", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("if p is vlan { } else { p.mark = p.vlan.id }; send p to wan", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("_strip(p); p.mark = p.ip.len + p.tcp.dst; send p to wan", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("insert vlan { id: 5 } into p; p.mark = p.ip.len; send p to wan", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check(
        "if p is vlan { drop p because \"tagged\"; return }
        insert vlan { id: 5 } into p; p.mark = p.ip.len + p.vlan.id; send p to wan",
        expect![[r#"
            E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
        "#]],
    );
    check("for i in 0..2 { p.mark = p.tcp.dst; remove vlan from p } send p to wan", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
}

#[test]
fn packets() {
    check("if limit > 5 { send p to wan }", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("if limit > 5 { send p to wan; return }", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("send p to wan; p.mark = 1", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("_reject(p); send p to wan", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("let q = copy p; send p to wan", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("let q = copy p; send q to wan; drop p because \"copied\"", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("for i in 0..4 { if i == 2 { send p to wan; break } }", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("for i in 0..4 { if i == 2 { send p to wan; return } } drop p because \"x\"", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("match p.tcp.dst { 80 => send p to wan, 81 => {}, _ => drop p because \"x\" }", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("let Some(x) = seen[p.ip.src] else { return }; p.mark = x.hits; send p to wan", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("while true { send p to wan }", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
}

#[test]
fn state() {
    check("seen.add(p.ip.src); send p to wan", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("seen[p.ip.src] = 5; send p to wan", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("seen[p.tcp.src] = Peer { mac: p.eth.src, hits: 0 }; send p to wan", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("totals[3] += 1 else { }; send p to wan", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("hosts += 1; send p to wan", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("p.mark = totals; send p to wan", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("traffic.count(); send p to wan", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("routes[10.0.0.0/8] = 5; send p to wan", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
    check("seen[p.ip.src].hits += \"x\"; send p to wan", expect![[r#"
        E0017 1:11 `limit` is a keyword and cannot be the name of a parameter | choose another name
    "#]]);
}

#[test]
fn declarations() {
    check_program("element E { port a\n state m: map<ip4>[5]\n on a(p) { send p to a } }", expect![[r#"
        E0801 2:11 `map` is written `map<Flow, Time>[64k]` | 1 types
    "#]]);
    check_program("element E { port a\n state m: map<ip4, u8>[0]\n on a(p) { send p to a } }", expect![[r#"
        E0803 2:24 the size must be 1 to 67108864, not 0 | out of range
    "#]]);
    check_program("element E { port a\n state m: map<ip4, u8>[5] expires 5s\n on a(p) { send p to a } }", expect![[r#"
        E0010 2:27 `expires` is no option of a state object | the options are expire, evict, rate, burst and members
    "#]]);
    check_program("element E { port a, a\n on a(p) { send p to a } }", expect![[r#"
        E0104 1:21 `a` is declared twice | declared again
    "#]]);
    check_program("element E(n: u32 = 1.5s) { port a[n]\n on a(p) { send p to a[0] } }", expect![[r#"
        E0201 1:20 expected `u32`, found `Duration` | this is a `Duration`
    "#]]);
    check_program("element E { port a\n state x: table<R>\n on a(p) { send p to a } }\nrecord R { a: u8 }", expect![[r#"
        E0212 2:11 a `table<R>` cannot be kept in state | not possible here
    "#]]);
    check_program("element E { port a\n every 0s { }\n on a(p) { send p to a } }", expect![[r#"
        E0803 2:8 a timer needs a period longer than zero | would fire without end
    "#]]);
    check_program("element E { port a\n on a(p: ip/tpc) { send p to a } }", expect![[r#"
        E0303 2:13 there is no header `tpc` | unknown header
    "#]]);
    check_program("const X: u8 = 1 + \"a\"\nelement E { port a\n on a(p) { send p to a } }", expect![[r#"
        E0212 1:19 a text is no value here | only for parameters and log texts
    "#]]);
}
