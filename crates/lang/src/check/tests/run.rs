//! What lowered programs do: run by the reference interpreter, through tests written in them.

use super::check_with;
use crate::engine::Engine;
use crate::files::NoFiles;
use crate::interp::Interpreter;
use crate::ir_check::validate;
use crate::testing::run_all;

/// Runs the tests of a program without errors; the failures as text.
pub(super) fn failures(text: &str) -> String {
    let (unit, checked) = check_with(text, &NoFiles);
    assert_eq!(checked.errors(), 0, "{}", super::messages(text));
    let program = checked.program.expect("a program without errors is lowered");
    if let Err(invalid) = validate(&program) {
        return format!("{invalid:?}");
    }
    let outcomes = run_all(&unit, unit.main_file(), &NoFiles, |_| true, &|program, start| {
        let engine = Interpreter::new(program, start, 1).map_err(|e| e.to_string())?;
        Ok(Box::new(engine) as Box<dyn Engine>)
    });
    assert!(!outcomes.is_empty(), "the program has tests");
    let failed = outcomes.iter().flat_map(|o| &o.failures);
    failed.map(|f| format!("line {}: {}\n", f.line, f.message)).collect()
}

/// Runs a handler body on a TCP packet from 10.0.0.1:1000 to 10.0.0.2:80 with 4 bytes of payload
/// and expects it on `wan` with this mark.
pub(super) fn mark(declarations: &str, body: &str, mark: u64) {
    let text = format!(
        "element E {{
    port lan, wan, tap[3]
    {declarations}
    on lan(p: ip/tcp) {{
        {body}
        send p to wan
    }}
    on wan, tap(p) {{ send p to lan }}
}}
enum Action {{ Accept, Reject(u8), Mark(u32, u16) }}
record Pair {{ a: u32, b: u32 }}
test \"mark\" for E {{
    lan <- ip {{ src: 10.0.0.1, dst: 10.0.0.2, ttl: 9 }} / tcp {{ src: 1000, dst: 80 }} \
        / \"\\x01\\x02\\x03\\x04\"
    expect wan mark == {mark}
}}
"
    );
    assert_eq!(failures(&text), "", "{body}");
}

#[test]
#[should_panic(expected = "line")]
fn a_wrong_mark_is_noticed() {
    mark("", "p.mark = 3", 4);
}

#[test]
fn arithmetic() {
    mark("", "let x: u8 = 250; let y = x + 10; p.mark = y", 4);
    mark("", "p.mark = 7 / (p.mark) + 9 % p.mark", 9);
    mark("", "let x: i32 = -7; p.mark = (x / 2) as u32", u64::from((-3i32).cast_unsigned()));
    mark("", "let x: i8 = -1; p.mark = (x as i32) as u32", 0xffff_ffff);
    mark("", "let x: i8 = -1; p.mark = x as u8", 255);
    mark("", "let x: i16 = -5; if x < 3 && x >> 1 == -3 { p.mark = 1 }", 1);
    mark("", "p.mark = 1 << 40", 0);
    mark("", "p.mark = (p.ip.ttl as u32) << 4 | 3", 147);
    mark("", "p.mark = (p.ip.dst as u32) - (p.ip.src as u32)", 1);
    mark("", "let d = 5min / 2s; p.mark = (d + (3 * 1s) / 1ms) as u32", 3150);
    mark("", "p.mark = min(p.tcp.src, 300) + max(p.tcp.dst, 81) as u32", 381);
    mark("", "p.mark = !p.mark & 0xf", 15);
    mark("", "let x: u128 = 0xffff_ffff_ffff_ffff; p.mark = ((x + 1) >> 60) as u32", 16);
    mark("", "p.mark = -p.mark - 1 & 0xff", 255);
}

#[test]
fn conditions_and_sets() {
    mark("", "if p.ip.src in 10.0.0.0/31 && !(p.ip.dst in 10.0.0.0/31) { p.mark = 1 }", 1);
    mark("", "let n = 10.0.0.0/8; if n.contains(p.ip.src) { p.mark = n.length }", 8);
    mark(
        "state net: prefix<ip4>",
        "net = 10.0.0.2/31; if p.ip.src in net || p.ip.dst in net { p.mark += 1 }
         if p.ip.src in net { p.mark += 2 }",
        1,
    );
    mark("state net: prefix<ip4>", "if p.ip.src in net { p.mark = 5 }", 5);
    mark("", "if p.tcp.dst in [22, 80, 443] && p.tcp.src in 1000..2000 { p.mark = 1 }", 1);
    mark("", "if p.tcp.dst in 70..80 || p.tcp.dst in 70..=79 { p.mark = 1 }", 0);
    mark(
        "state s: set<ip4>[4]",
        "s.add(p.ip.src); if p.ip.src in s && s.len == 1 { p.mark = 1 }",
        1,
    );
    mark(
        "state n: u32\n fn bump() -> bool { n += 1; true }",
        "if false && bump() { }; if true || bump() { }; if bump() && bump() { }; p.mark = n",
        2,
    );
}

#[test]
fn operands_keep_their_order() {
    mark(
        "state n: u32\n fn next() -> u32 { n += 1; n }",
        "p.mark = next() * 100 + next() * 10 + next()",
        123,
    );
    mark(
        "state n: u32\n fn next() -> u32 { n += 1
     n }",
        "p.mark = n * 100 + next() * 10 + n",
        11,
    );
    mark("fn change(p: ip) -> u32 { p.ip.ttl = 1; 0 }", "p.mark = p.ip.ttl + change(p)", 9);
    mark("fn change(p: ip) -> u32 { p.ip.ttl = 1; 0 }", "p.mark = change(p) + p.ip.ttl", 1);
    mark("", "let mut x: u32 = 5; let y = x; x = 7; p.mark = y * 10 + x", 57);
    mark("", "let mut t = (1, 2); t = (t.1, t.0); p.mark = (t.0 * 10 + t.1) as u32", 21);
    mark(
        "state m: map<u32, u32>[4]\n state n: u32\n fn next() -> u32 { n += 1; n }",
        "m[next()] = next(); p.mark = m[1].or(0) * 10 + m[2].or(9)",
        29,
    );
}

#[test]
fn choices() {
    mark("", "p.mark = if p.ip.ttl > 5 { 10 } else if p.ip.ttl > 3 { 5 } else { 1 }", 10);
    mark("", "p.mark = match p.tcp.dst { 22 => 1, 80 | 443 => 2, 0..1024 => 3, _ => 4 }", 2);
    mark(
        "",
        "p.mark = match p.ip.dst { 10.0.0.1 => 1, 10.0.0.0/30 if p.ip.ttl == 1 => 2,
         10.0.0.0/30 => 3, _ => 4 }",
        3,
    );
    mark(
        "",
        "let a = Mark(7, 2)
         p.mark = match a { Accept => 1, Reject(r) => r, Mark(x, y) => x * 10 + y }",
        72,
    );
    mark(
        "",
        "p.mark = match (p.tcp.dst, p is udp) { (80, false) => 1, (_, true) => 2, _ => 3 }",
        1,
    );
    mark(
        "state m: map<ip4, Pair>[4]",
        "m[p.ip.src] = Pair { a: 1, b: 2 }
         if let Some(x) = m[p.ip.src] { p.mark = x.b } else { p.mark = 9 }",
        2,
    );
    mark(
        "state m: map<ip4, Pair>[4]",
        "if let Some(x) = m[p.ip.src] { p.mark = x.b } else { p.mark = 9 }",
        9,
    );
    mark(
        "state m: map<ip4, u32>[4]",
        "let v = match m[p.ip.src] { Some(0) => 1, Some(x) => x, None => 77 }; p.mark = v",
        77,
    );
    mark(
        "state s: set<ip4>[4]\n state n: u32",
        "s.add(p.ip.src)
         match 3 { x if p.ip.dst in s => { n = 1 }, x if p.ip.src in s => { n = x as u32 },
         _ => { n = 9 } }
         p.mark = n",
        3,
    );
}

#[test]
fn functions_and_loops() {
    mark(
        "fn f(x: u32) -> u32 { if x > 5 { return 1 }
         for i in 0..10 { if i == 3 { return i as u32 } }; 9 }",
        "p.mark = f(6) * 10 + f(1)",
        13,
    );
    mark(
        "",
        "let mut n: u32 = 0; for i in 0..10 { if i % 2 == 0 { continue }; if i > 6 { break }
         n += i as u32 }; p.mark = n",
        9,
    );
    mark("", "let mut n: u32 = 0; for i in 0..3 { for j in i..3 { n += 1 } }; p.mark = n", 6);
    mark(
        "",
        "let mut n: u32 = 0
         for i in 0..p.payload.len limit 3 { n += p.payload.u8(i as u32).or(0) }; p.mark = n",
        6,
    );
    mark(
        "fn pick(p: packet) -> u32 { if p is tcp { p.tcp.dst as u32 } else { 0 } }",
        "p.mark = pick(p)",
        80,
    );
    mark(
        "const ROWS: table<Pair> = [Pair { a: 1, b: 2 }, Pair { a: 80, b: 5 }]",
        "for r in ROWS { if r.a == p.tcp.dst { p.mark = r.b; break } }",
        5,
    );
    mark("", "for i in 1..=4 { p.mark += i as u32 }", 10);
    mark(
        "fn f(x: Option<u32>) -> u32 { let Some(y) = x else { return 5 }; y }",
        "p.mark = f(None) * 10 + f(Some(3))",
        53,
    );
}

#[test]
fn state_objects() {
    mark(
        "state m: map<ip4, u32>[4]",
        "m[p.ip.src] += 3; m[p.ip.src] += 4; m[p.ip.src] -= 2; p.mark = m[p.ip.src].or(0)",
        5,
    );
    mark(
        "state m: map<ip4, Pair>[4]",
        "m[p.ip.src].b |= 6; m[p.ip.src].b &= 3; m[p.ip.src].b ^= 1; m[p.ip.src].a *= 5
         p.mark = m[p.ip.src].or(Pair { a: 1, b: 1 }).b",
        3,
    );
    mark(
        "state m: map<ip4, u32>[4]",
        "m[p.ip.src] += 3; m[p.ip.src] *= 5; m[p.ip.src] <<= 1; p.mark = m[p.ip.src].or(0)",
        30,
    );
    mark(
        "state m: map<ip4, u32>[1]",
        "m[p.ip.src] = 1 else { p.mark = 9 }; m[p.ip.dst] = 1 else { p.mark = 5 }",
        5,
    );
    mark(
        "state a: array<u32>[4]",
        "a[2] = 7; a[2] = max(a[2], 3); a[2] = min(5, a[2]); a[99] = 1
         p.mark = a[2] * 10 + a[99] + a.len as u32",
        54,
    );
    mark("state x: Pair", "x.a = 3; x.b += x.a; x.b += 1; p.mark = x.a * 10 + x.b", 34);
    mark(
        "state m: map<ip4, u32>[4]",
        "m[p.ip.src] = max(m[p.ip.src].or(0), 3); p.mark = m[p.ip.src].or(0)",
        3,
    );
}

#[test]
fn counters_pools_and_tables() {
    mark(
        "state c: counter\n state d: counter[2]",
        "c.count(p); d[1].count(p); d[1].count(p)
         p.mark = (c.packets + d[1].packets * 10 + d[0].bytes) as u32",
        21,
    );
    mark(
        "state q: pool[2]",
        "let a = q.alloc(); let b = q.alloc(); let c = q.alloc()
         p.mark = a.or(9) * 100 + b.or(9) * 10 + c.or(9)",
        19,
    );
    mark(
        "state r: lpm<ip4, u16>[4]",
        "r.insert(10.0.0.0/8, 1); r.insert(10.0.0.0/31, 2)
         p.mark = r[p.ip.src].or(0) * 10 + r[p.ip.dst].or(0)",
        21,
    );
    mark("state b: bucket rate 1 burst 2", "for _i in 0..5 { if b.take(1) { p.mark += 1 } }", 2);
    mark(
        "state b: bucket<ip4>[4] rate 1 burst 2",
        "if b.take(p.ip.src, 2) && !b.take(p.ip.src, 1) && b.take(p.ip.dst, 1) { p.mark = 1 }",
        1,
    );
    mark(
        "state g: maglev<ip4>[7] members 2",
        "let none = g.pick(5).is_none; g.set(10.9.9.9, 1)
         if none && g.pick(hash(p.flow)) == Some(10.9.9.9) { p.mark = 1 }",
        1,
    );
    mark("state t: Time", "t = now; if now - t == 0s && t + 5s > now { p.mark = 1 }", 1);
    mark(
        "state s: set<(ip4, u16)>[4]",
        "if s.add((p.ip.src, 5)) && (p.ip.src, 5) in s && s.remove((p.ip.src, 5)) { p.mark = 1 }",
        1,
    );
}

#[test]
fn packets() {
    mark(
        "",
        "let f = p.flow
         if f.reversed.src == p.ip.dst && f.reversed.dport == 1000 && f.proto == 6 { p.mark = 1 }",
        1,
    );
    mark("", "p.mark = p.payload.u16(1).or(0) + p.payload.u32(1).or(7)", 0x0203 + 7);
    mark("", "p.payload.set_u8(0, 9); p.mark = p.payload.u32(0).or(0)", 0x0902_0304);
    mark("", "p.mark = p.ip.offset * 100 + p.len", 1458);
    mark("", "if p.tcp.mss.is_none && !p.tcp.sack_permitted { p.mark = 1 }", 1);
    mark("", "p.ip.ttl -= 1; if p.ip.checksum_ok && p.tcp.checksum_ok { p.mark = p.ip.ttl }", 8);
    mark(
        "",
        "insert vlan { id: 5 } into p; if p is vlan { p.mark = p.vlan.id }; remove vlan from p",
        5,
    );
    mark("", "remove vlan from p else { p.mark = 3 }", 3);
    mark("", "if hash(1u_, 2) == 0 { }".replace("1u_", "1").as_str(), 0);
    mark(
        "",
        "let a = 10.0.0.1; if hash(a, p.tcp.dst) == hash(p.ip.src, p.tcp.dst) { p.mark = 1 }",
        1,
    );
    mark(
        "const H: u64 = hash(10.0.0.1, 10.0.0.2)",
        "if H == hash(p.ip.src, p.ip.dst) { p.mark = 1 }",
        1,
    );
}

#[test]
fn packets_go_where_they_should() {
    let text = "\
element E(mode: bool = true) {
    port lan, wan, tap[3]
    on lan(p: ip/icmp) {
        if p.icmp.type != 8 { drop p because \"no echo\"; return }
        p.mark = p.flow.sport
        send copy p to tap[1]
        insert ip { src: 10.0.0.9, dst: p.ip.src, proto: 47 } into p
        if p is ip { send p to wan } else { drop p because \"lost\" }
    }
    on lan(p: ip6) { if mode { send p to tap[7] } else { send p to wan } }
    on lan(p) {
        remove vlan from p
        send p to wan
    }
    on tap[i](p) { p.mark = i as u32 + 1; send p to lan }
    on wan(p) { drop p because \"wan\" }
}
test \"echo\" for E {
    lan <- ip { src: 10.0.0.1, dst: 10.0.0.2 } / icmp { type: 8, id: 77 }
    expect tap[1] mark == 77 && icmp.id == 77
    expect wan ip.src == 10.0.0.9 && ip.dst == 10.0.0.1
    lan <- ip { src: 10.0.0.1, dst: 10.0.0.2 } / icmp { type: 0 }
    expect drop \"no echo\"
    lan <- ip6 { } / udp { }
    expect drop \"no such port\"
    lan <- arp { op: 1 }
    expect drop \"headers do not permit the change\"
    tap[2] <- arp { op: 1 }
    expect lan mark == 3
}
";
    assert_eq!(failures(text), "");
}

#[test]
fn logs_show_what_they_should() {
    let text = "\
element E(name: string = \"edge\") {
    port lan
    on lan(p: ip/udp) {
        log \"{name}: {p.ip.src} {p.udp.dst + 1} {{}} {p.flow} {10.0.0.0/8} {p.ip.df}\" limit 10/s
        send p to lan
    }
}
test \"log\" for E {
    lan <- ip { src: 10.0.0.1, dst: 10.0.0.2 } / udp { src: 5, dst: 6 }
    expect lan
    expect log \"edge: 10.0.0.1 7 {} {src: 10.0.0.1, dst: 10.0.0.2, sport: 5, dport: 6, \
proto: 17} 10.0.0.0/8 false\"
}
";
    assert_eq!(failures(text), "");
}

/// The deepest programs that are accepted or refused fit the stack of a test's thread.
#[test]
fn deep_programs_fit_the_stack() {
    let levels = 15;
    for (open, close) in [
        ("if let Some(x) = m[1] { p.mark = x; ", "} "),
        ("match p.mark { 1 if p.len > 3 => { ", "}, _ => {} } "),
        ("for _i in 0..2 { ", "} "),
    ] {
        let mut text = String::from("element E {\nport lan\nstate m: map<u32, u32>[4]\n");
        for f in 0..25 {
            let inner = if f == 24 { "p.mark += 1".into() } else { format!("f{}(p)", f + 1) };
            let body = format!("{}{inner}{}", open.repeat(levels), close.repeat(levels));
            text += &format!("fn f{f}(p: ip) {{ {body} }}\n");
        }
        text += "on lan(p: ip) { f0(p); send p to lan }\n}\n";
        let found = super::messages(&text);
        assert!(found.starts_with("E0603"), "{open}: {found}");
        assert_eq!(found.matches("E0603").count(), 1, "{open}: {found}");
    }
}
