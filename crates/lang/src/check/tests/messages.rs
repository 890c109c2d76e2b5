//! What the checker says: code, place, message.

use super::messages;
use expect_test::{Expect, expect};

/// Checks the body of a handler of TCP packets `p` from `lan`, in an element with some state.
fn check(body: &str, expect: Expect) {
    let text = format!(
        "element E(most: u32 = 10) {{
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
        totals[most] = 1; last = now; hosts.add(10.0.0.1); routes.remove(10.0.0.0/8)
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
    check(
        "if p.ip.src in hots { } send p to wan",
        expect![[r#"
            E0101 13:16 there is nothing called `hots` here
                  ^ not a value
        "#]],
    );
    check(
        "log \"{mots}\"; send p to wan",
        expect![[r#"
            E0101 13:7 there is nothing called `mots` here
                  ^ not a value
        "#]],
    );
    check(
        "p.mark = clmp(1); send p to wan",
        expect![[r#"
            E0103 13:10 there is no function `clmp`
                  ^ not a function
        "#]],
    );
    check(
        "send p to wam",
        expect![[r#"
            E0106 13:11 there is no port `wam`
                  ^ not a port
        "#]],
    );
    check(
        "send p to tap",
        expect![[r#"
            E0106 13:11 `tap` is an array of ports
                  ^ which one? add `[index]`
        "#]],
    );
    check(
        "send p to wan[1]",
        expect![[r#"
            E0106 13:11 `wan` is a single port
                  ^ there is nothing to index
        "#]],
    );
    check(
        "p.mark = lan; send p to wan",
        expect![[r#"
            E0101 13:10 `lan` is a port, not a value
                  ^ not a value
        "#]],
    );
    check(
        "send q to wan; send p to wan",
        expect![[r#"
            E0101 13:6 there is nothing called `q` here
                  ^ not a value
        "#]],
    );
}

/// At the end of a tap nothing comes back, so what an element would do with it is lost nowhere.
#[test]
fn an_output_that_no_packet_can_reach_needs_no_wire() {
    let chain = |end: &str| format!("network n {{ port tap\n tap -> Counter -> {end} }}");
    assert_eq!(super::messages(&chain("discard")), "");
    let text = "network n { port tap\n let c = Counter\n tap -> c.a }";
    assert!(super::messages(text).contains("W0502"));
}

#[test]
fn fields() {
    check(
        "p.ip.srcc = 10.0.0.1; send p to wan",
        expect![[r#"
            E0105 13:6 the header `ip` has no field `srcc`
                  ^ no such field
        "#]],
    );
    check(
        "p.mark = p.src; send p to wan",
        expect![[r#"
            E0105 13:12 a packet has no `src`
                  ^ neither a header nor a property
        "#]],
    );
    check(
        "p.mark = p.tcp.sport; send p to wan",
        expect![[r#"
            E0105 13:16 the header `tcp` has no field `sport`
                  ^ no such field
        "#]],
    );
    check(
        "p.mark = p.lenn; send p to wan",
        expect![[r#"
            E0105 13:12 a packet has no `lenn`
                  ^ neither a header nor a property
        "#]],
    );
    check(
        "p.len = 5; send p to wan",
        expect![[r#"
            E0210 13:1 `len` of a packet can only be read
                  ^ cannot be assigned
        "#]],
    );
    check(
        "p.mark = p.ip.src.x; send p to wan",
        expect![[r#"
            E0105 13:19 `ip4` has no field `x`
                  ^ no such field
        "#]],
    );
    check(
        "p.mark = p.ip; send p to wan",
        expect![[r#"
            E0105 13:12 the header `ip` is not a value by itself
                  ^ which field?
        "#]],
    );
    check(
        "p.mark = seen[p.ip.src].hits; send p to wan",
        expect![[r#"
            E0105 13:25 `Option<Peer>` has no field `hits`
                  ^ no such field
        "#]],
    );
}

#[test]
fn types() {
    check(
        "p.mark = p.ip.src; send p to wan",
        expect![[r#"
            E0201 13:10 expected `u32`, found `ip4`
                  ^ this is an `ip4`
        "#]],
    );
    check(
        "p.ip.ttl = p.mark; send p to wan",
        expect![[r#"
            E0201 13:12 expected `u8`, found `u32`
                  ^ this is a `u32`
        "#]],
    );
    check(
        "if p.mark { } send p to wan",
        expect![[r#"
            E0201 13:4 expected `bool`, found `u32`
                  ^ this is a `u32`
        "#]],
    );
    check(
        "if p.ip.src == p.mark { } send p to wan",
        expect![[r#"
            E0203 13:4 `ip4` and `u32` cannot be compared
                  ^ left is `ip4`, right is `u32`
        "#]],
    );
    check(
        "if p.ip.src == 10.0.0.0/8 { } send p to wan",
        expect![[r#"
            E0203 13:4 `ip4` and `prefix<ip4>` cannot be compared
                  ^ left is `ip4`, right is `prefix<ip4>`
        "#]],
    );
    check(
        "if last + 5 < now { } send p to wan",
        expect![[r#"
            E0203 13:4 `+` is not defined for `Time` and `u64`
                  ^ left is `Time`, right is `u64`
        "#]],
    );
    check(
        "if now - last > 5s && last - now < 5 { } send p to wan",
        expect![[r#"
            E0203 13:23 `Duration` and `u64` cannot be compared
                  ^ left is `Duration`, right is `u64`
        "#]],
    );
}

#[test]
fn numbers_and_variants() {
    check(
        "let x: u8 = 300; p.mark = x; send p to wan",
        expect![[r#"
            E0202 13:13 `300` does not fit `u8`
                  ^ the most is 255
        "#]],
    );
    check(
        "let x: i8 = -129; log \"{x}\"; send p to wan",
        expect![[r#"
            E0202 13:13 `-129` does not fit `i8`
                  ^ the least is -128
        "#]],
    );
    check(
        "let a: Action = Mark; match a { Mark(_) => {}, _ => {} }; send p to wan",
        expect![[r#"
            E0204 13:17 `Mark` has 1 values
                  ^ write `Mark(…)`
        "#]],
    );
    check(
        "match seen[p.ip.src] { Some(x) => { p.mark = x.hits } }; send p to wan",
        expect![[r#"
            E0208 13:7 the arms do not cover all values
                  ^ what about `None`?
        "#]],
    );
    check(
        "let b = p.ip.src in 10.0.0.0/8; p.mark = if b { 1 } else { false }; send p to wan",
        expect![[r#"
            E0201 13:42 one way gives `u32`, the other `bool`
                  ^ as a value, both must be of one type
        "#]],
    );
}

#[test]
fn unknown_headers_are_said_once() {
    check(
        "p.mark = p.udp.src + p.udp.dst; send p to wan",
        expect![[r#"
            E0301 13:10 `p` has no `udp` header here
                  ^ it has `tcp`, which excludes it
        "#]],
    );
    check(
        "if p is vlan { } else { p.mark = p.vlan.id }; send p to wan",
        expect![[r#"
            E0301 13:34 `p` has no `vlan` header here
                  ^ it was tested before, or removed
        "#]],
    );
    check(
        "_strip(p); p.mark = p.ip.len + p.tcp.dst; send p to wan",
        expect![[r#"
            E0301 13:21 `p` may have no `ip` header here
                  ^ not every packet that comes here has `ip`
            E0301 13:32 `p` may have no `tcp` header here
                  ^ not every packet that comes here has `tcp`
        "#]],
    );
    check(
        "insert vlan { id: 5 } into p; p.mark = p.ip.len; send p to wan",
        expect![[r#"
            E0301 13:40 `p` may have no `ip` header here
                  ^ not every packet that comes here has `ip`
        "#]],
    );
    check(
        "if p is vlan { drop p because \"tagged\"; return }
        insert vlan { id: 5 } into p; p.mark = p.ip.len + p.vlan.id; send p to wan",
        expect![""],
    );
    check(
        "for i in 0..2 { p.mark = p.tcp.dst; remove vlan from p } send p to wan",
        expect![[r#"
            E0301 13:26 `p` may have no `tcp` header here
                  ^ not every packet that comes here has `tcp`
        "#]],
    );
}

#[test]
fn packets() {
    check(
        "if most > 5 { send p to wan }",
        expect![[r#"
            E0401 13:4 `p` is not sent or dropped on every way
                  ^ on the way that ends here `p` is still held
        "#]],
    );
    check(
        "if most > 5 { send p to wan; return }",
        expect![[r#"
            E0401 14:5 `p` is neither sent nor dropped
                  ^ the block ends here and `p` is still held
        "#]],
    );
    check(
        "send p to wan; p.mark = 1",
        expect![[r#"
            E0402 13:16 `p` was sent before
                  ^ a packet is gone once it is sent or dropped
        "#]],
    );
    check(
        "_reject(p); send p to wan",
        expect![[r#"
            E0402 13:18 `p` was dropped before
                  ^ a packet is gone once it is sent or dropped
        "#]],
    );
    check(
        "let q = copy p; send p to wan",
        expect![[r#"
            E0401 14:5 `q` is neither sent nor dropped
                  ^ the block ends here and `q` is still held
        "#]],
    );
    check("let q = copy p; send q to wan; drop p because \"copied\"", expect![""]);
    check(
        "for i in 0..4 { if i == 2 { send p to wan; break } }",
        expect![[r#"
            E0401 13:5 `p` is not sent or dropped on every way
                  ^ on the way that ends here `p` is still held
        "#]],
    );
    check(
        "for i in 0..4 { if i == 2 { send p to wan; return } } drop p because \"x\"",
        expect![""],
    );
    check(
        "match p.tcp.dst { 80 => send p to wan, 81 => {}, _ => drop p because \"x\" }",
        expect![[r#"
            E0401 13:46 `p` is not sent or dropped on every way
                  ^ on the way that ends here `p` is still held
        "#]],
    );
    check(
        "let Some(x) = seen[p.ip.src] else { return }; p.mark = x.hits; send p to wan",
        expect![[r#"
            E0401 13:37 `p` is neither sent nor dropped
                  ^ the handler returns here and `p` is still held
        "#]],
    );
    check(
        "while true { send p to wan }",
        expect![[r#"
            E0018 13:7 expected the end of the statement, found the keyword `true`
                  ^ the statement does not go on so
        "#]],
    );
}

#[test]
fn state() {
    check(
        "seen.add(p.ip.src); send p to wan",
        expect![[r#"
            E0110 13:6 a `map<ip4, Peer>` has no operation `add`
                  ^ no such operation
        "#]],
    );
    check(
        "seen[p.ip.src] = 5; send p to wan",
        expect![[r#"
            E0201 13:18 expected `Peer`, found `u64`
                  ^ this is a `u64`
        "#]],
    );
    check(
        "seen[p.tcp.src] = Peer { mac: p.eth.src, hits: 0 }; send p to wan",
        expect![[r#"
            E0201 13:6 expected `ip4`, found `u16`
                  ^ this is a `u16`
        "#]],
    );
    check(
        "totals[3] += 1 else { }; send p to wan",
        expect![[r#"
            E0802 13:21 only a write into a map can find no room
                  ^ this `else` is never taken
        "#]],
    );
    check(
        "hosts += 1; send p to wan",
        expect![[r#"
            E0802 13:1 `hosts` is a `set<ip4>`: it is not written as a whole
                  ^ cannot be assigned
        "#]],
    );
    check(
        "p.mark = totals; send p to wan",
        expect![[r#"
            E0802 13:10 `totals` is an `array<u64>`, not a value
                  ^ read what of it?
        "#]],
    );
    check(
        "traffic.count(); send p to wan",
        expect![[r#"
            E0204 13:1 `count` takes a packet
                  ^ write `.count(p)`
        "#]],
    );
    check(
        "routes[10.0.0.0/8] = 5; send p to wan",
        expect![[r#"
            E0802 13:1 a `lpm<ip4, u16>` is not written by `[…]`
                  ^ cannot be assigned
        "#]],
    );
    check(
        "seen[p.ip.src].hits += \"x\"; send p to wan",
        expect![[r#"
            E0212 13:24 a text is no value here
                  ^ only for parameters and log texts
        "#]],
    );
}

#[test]
fn summaries_buffers_and_patterns() {
    check_program(
        "element E { port a\n state m: sketch<u8>[9]\n on a(p) { m.clear(); send p to a } }",
        expect![[r#"
            E0801 2:11 `m` needs two sizes
                  ^ only one is given
        "#]],
    );
    check_program(
        "element E { port a\n state m: bloom<u8>[9] error 0%\n\
         \x20on a(p) { m.clear(); send p to a } }",
        expect![[r#"
            E0803 2:30 the error of a `bloom<u8>` is 0.0001% to 50%
                  ^ out of range
        "#]],
    );
    check_program(
        "element E { port a\n state m: bloom<u8>[9] error 1\n on a(p) { m.clear(); send p to a } }",
        expect![[r#"
            E0801 2:30 an error is given in per cent
                  ^ for example `error 1%`
        "#]],
    );
    check_program(
        "element E { port a\n state m: histogram<u8>[9] error 0.01%\n\
         \x20on a(p) { m.add(1, 2); send p to a } }",
        expect![[r#"
            E0803 2:34 the error of a `histogram<u8>` is 0.0489% to 50%
                  ^ out of range
        "#]],
    );
    check_program(
        "element E { port a\n state m: ring<u8>[9 x 2]\n on a(p) { m.push(1); send p to a } }",
        expect![[r#"
            E0801 2:24 a `ring<u8>` has one size
                  ^ remove this
        "#]],
    );
    check_program(
        "element E { port a\n state m: stream_buffer<u8>[9 x 9]\n\
         \x20on a(p) { m.insert(1, 2); send p to a } }",
        expect![[r#"
            E0204 3:12 `insert` takes (u8, u32, packet)
                  ^ 2 arguments given
        "#]],
    );
    check_program(
        "element E { port a\n patterns m = [\"\"]\n\
         \x20on a(p) { if m.first(p).is_some { log \"x\" } send p to a } }",
        expect![[r#"
            E0804 2:15 `m`: pattern 0 is empty
                  ^ these patterns
        "#]],
    );
    check_program(
        "element E { port a\n patterns m from 7\n\
         \x20on a(p) { if m.first(p).is_some { log \"x\" } send p to a } }",
        expect![[r#"
            E0804 2:18 patterns come from a file or from a table
                  ^ this is a `u64`
        "#]],
    );
}

#[test]
fn declarations() {
    check_program(
        "element E { port a\n state m: map<ip4>[5]\n on a(p) { send p to a } }",
        expect![[r#"
            E0801 2:11 `map` is written `map<Flow, Time>[64k]`
                  ^ 1 types
        "#]],
    );
    check_program(
        "element E { port a\n state m: map<ip4, u8>[0]\n on a(p) { send p to a } }",
        expect![[r#"
            E0803 2:24 the size must be 1 to 67108864, not 0
                  ^ out of range
        "#]],
    );
    check_program(
        "element E { port a\n state m: map<ip4, u8>[5] expires 5s\n on a(p) { send p to a } }",
        expect![[r#"
            E0010 2:27 `expires` is no option of a state object
                  ^ the options are expire, evict, rate, burst, members, update, error, seed
        "#]],
    );
    check_program(
        "element E { port a, a\n on a(p) { send p to a } }",
        expect![[r#"
            E0104 1:21 `a` is declared twice
                  ^ declared again
        "#]],
    );
    check_program(
        "element E(n: u32 = 1.5s) { port a[n]\n on a(p) { send p to a[0] } }",
        expect![[r#"
            E0201 1:20 expected `u32`, found `Duration`
                  ^ this is a `Duration`
        "#]],
    );
    check_program(
        "element E { port a\n state x: table<R>\n on a(p) { send p to a } }\nrecord R { a: u8 }",
        expect![[r#"
            E0212 2:11 a `table<R>` cannot be kept in state
                  ^ not possible here
        "#]],
    );
    check_program(
        "element E { port a\n every 0s { }\n on a(p) { send p to a } }",
        expect![[r#"
            E0803 2:8 a timer needs a period longer than zero
                  ^ would fire without end
        "#]],
    );
    check_program(
        "element E { port a\n on a(p: ip/tpc) { send p to a } }",
        expect![[r#"
            E0303 2:13 there is no header `tpc`
                  ^ unknown header
        "#]],
    );
    check_program(
        "const X: u8 = 1 + \"a\"\nelement E { port a\n on a(p) { send p to a } }",
        expect![[r#"
            E0212 1:19 a text is no value here
                  ^ only for parameters and log texts
        "#]],
    );
}
