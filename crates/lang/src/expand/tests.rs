//! What queries become, and where messages about them point.

use crate::compile::{Options, Unit};
use crate::files::NoFiles;
use crate::ir::{Dest, StateOp, StmtKind};
use crate::ir_parts::walk_stmts;
use crate::syntax::format::format;
use expect_test::expect;
use std::fmt::Write;

/// All messages: code, the user's text they point at, and the sentence.
fn messages(text: &str) -> String {
    let mut unit = Unit::parse("t.trama", text, &NoFiles);
    let checked = unit.check(&Options::default(), &NoFiles);
    let mut out = String::new();
    for d in &checked.diagnostics {
        assert_eq!(d.label.0.file, 0, "a message points into what was made: {d:?}");
        let place = unit.sources.text(d.label.0);
        let _ = writeln!(out, "{} `{place}`: {}", d.code, d.message);
    }
    out
}

#[test]
fn messages_point_at_the_users_text() {
    let cases = [
        "packets(ip) |> where(nope > 3) |> map(ip.src) |> emit",
        "packets(ip) |> where(tcp.dst == 80) |> map(ip.src) |> emit",
        "packets(ip) |> group(ip.src) { n: sum(ip.dst) } |> emit",
        "packets(ip) |> group(ip.src) { n: count() } |> where(n) |> emit",
        "packets(ip) |> group(ip.src) { n: count() } |> alert(\"{ip.dst}\")",
        "packets(ip) |> group(ip.src) window(n) { n: count() } |> emit",
        "packets(ip) |> group(ip.src) { n: average(len) } |> emit",
        "packets(ip) |> group(ip.src) { ip_src: count() } |> emit",
        "packets(ip) |> map(a: len, a: ip.src) |> emit",
        "packets(ip) |> group(ip.src) [0] { n: count() } |> emit",
        "packets(ip) |> top(3) by len",
        "packets(ip) |> map(ip.src) |> join(q) on(ip_src) within 1s |> emit",
        "packets(ip) |> map(a: len) |> join(other) on(b) within 1s |> emit",
        "packets(ip) |> flat_map(i in 0..len) |> map(i) |> emit",
        "packets(ip) |> group(ip.src) { o: order(len) } |> emit",
        "packets(nonsense) |> map(len) |> emit",
        "packets(ip) |> group(ip.src) { a: quantile(len, 3, 2) } |> emit",
        "packets(ip) |> group(ip.src) { a: quantile(ip.dst, 1, 2) } |> emit",
        "packets(ip) |> group(ip.src) { a: quantile(len, len, 2) } |> emit",
        "packets(ip) |> group(ip.src) error 1% { a: sum(len) } |> emit",
        "packets(ip) |> group(ip.src) error 60% { a: quantile(len, 1, 2) } |> emit",
        "packets(ip) |> distinct(ip.src) [9] error 1 |> map(len) |> emit",
        "packets(ip) |> distinct(ip.src) [9] evict oldest error 1% |> map(len) |> emit",
        "packets(ip) |> map(a: len) |> join(other) on(a) within 1s error 1% |> emit",
    ];
    let mut out = String::new();
    for case in cases {
        let text = format!(
            "fold order(a: u32, b: u32) {{ state last: u32; last = a + b }}\n\
             query other = packets(ip) |> map(a: len, b: ip.src)\nquery q = {case}\n"
        );
        let _ = writeln!(out, "{case}\n  {}", messages(&text).trim_end().replace('\n', "\n  "));
    }
    expect![[r#"
        packets(ip) |> where(nope > 3) |> map(ip.src) |> emit
          E0101 `nope`: there is nothing called `nope` here
        packets(ip) |> where(tcp.dst == 80) |> map(ip.src) |> emit
          E0301 `tcp.dst`: `packet` may have no `tcp` header here
        packets(ip) |> group(ip.src) { n: sum(ip.dst) } |> emit
          E0205 `sum(ip.dst)`: `ip4` cannot be converted to `u64`
        packets(ip) |> group(ip.src) { n: count() } |> where(n) |> emit
          E0201 `n`: expected `bool`, found `u64`
        packets(ip) |> group(ip.src) { n: count() } |> alert("{ip.dst}")
          E0903 `ip.dst`: `ip` is of a packet, and the rows here are not packets any more
        packets(ip) |> group(ip.src) window(n) { n: count() } |> emit
          E0101 `n`: there is nothing called `n` here
        packets(ip) |> group(ip.src) { n: average(len) } |> emit
          E0905 `average`: there is no aggregate `average`
        packets(ip) |> group(ip.src) { ip_src: count() } |> emit
          E0904 `count()`: there are two columns `ip_src`
        packets(ip) |> map(a: len, a: ip.src) |> emit
          E0904 `ip.src`: there are two columns `a`
        packets(ip) |> group(ip.src) [0] { n: count() } |> emit
          E0803 `0`: the size must be 1 to 67108864, not 0
        packets(ip) |> top(3) by len
          E0906 `top(3) by len`: `top` needs rows that come together, at the end of a window
        packets(ip) |> map(ip.src) |> join(q) on(ip_src) within 1s |> emit
          E0907 `q`: the query `q` is made of itself
        packets(ip) |> map(a: len) |> join(other) on(b) within 1s |> emit
          E0904 `b`: there is no column `b` in the rows before it
        packets(ip) |> flat_map(i in 0..len) |> map(i) |> emit
          E0602 `0..len`: how often this loop runs is not known before the program runs
        packets(ip) |> group(ip.src) { o: order(len) } |> emit
          E0905 `order(len)`: `order` takes 2 arguments
        packets(nonsense) |> map(len) |> emit
          E0303 `nonsense`: there is no header `nonsense`
        packets(ip) |> group(ip.src) { a: quantile(len, 3, 2) } |> emit
          E0905 `3, 2`: this is no part of the whole
        packets(ip) |> group(ip.src) { a: quantile(ip.dst, 1, 2) } |> emit
          E0905 `quantile(ip.dst, 1, 2)`: `a` cannot be of an `ip4`
        packets(ip) |> group(ip.src) { a: quantile(len, len, 2) } |> emit
          E0903 `len`: `len` is of a packet, and the rows here are not packets any more
        packets(ip) |> group(ip.src) error 1% { a: sum(len) } |> emit
          E0908 `1%`: a group without quantiles makes no errors
        packets(ip) |> group(ip.src) error 60% { a: quantile(len, 1, 2) } |> emit
          E0803 `60%`: the error of a `histogram<ip4>` is 0.0489% to 50%
        packets(ip) |> distinct(ip.src) [9] error 1 |> map(len) |> emit
          E0801 `1`: an error is given in per cent
        packets(ip) |> distinct(ip.src) [9] evict oldest error 1% |> map(len) |> emit
          E0908 `distinct(ip.src) [9] evict oldest error 1%`: what is remembered with an error cannot be evicted
        packets(ip) |> map(a: len) |> join(other) on(a) within 1s error 1% |> emit
          E0908 `1%`: a join makes no errors
    "#]]
    .assert_eq(&out);
}

#[test]
fn mistakes_in_folds_are_told_where_they_are() {
    let cases = [
        "fold f(x: u8) { state a: u8; a = b }",
        "fold f(x: u8) { state a: u8 = 300; a = x }",
        "fold f(x: u8) { state a: u8; a = x + 1 as u16 }",
        "fold f(x: nothing) { state a: u8; a += 1 }",
        "fold f(x: u8) { state a: Time = now; a += 1s }",
        "fold f(p: ip) { state a: u8; a += 1 }",
        "fold f(x: u8) { state a: u8; return }",
        "fold f(x: u8) { state a: u8; state a: u8; a = x }",
        "fold f(x: u8) { state a: u8; a = x }\nfn f(x: u8) -> u8 { x }",
    ];
    let mut out = String::new();
    for case in cases {
        let text = format!("{case}\nelement E {{ port a\n on a(p) {{ send p to a }} }}\n");
        let _ = writeln!(out, "{case}\n  {}", messages(&text).trim_end().replace('\n', "\n  "));
    }
    expect![[r#"
        fold f(x: u8) { state a: u8; a = b }
          E0101 `b`: there is nothing called `b` here
        fold f(x: u8) { state a: u8 = 300; a = x }
          E0202 `300`: `300` does not fit `u8`
        fold f(x: u8) { state a: u8; a = x + 1 as u16 }
          E0201 `x + 1 as u16`: expected `u8`, found `u16`
        fold f(x: nothing) { state a: u8; a += 1 }
          E0102 `nothing`: there is no type `nothing`
        fold f(x: u8) { state a: Time = now; a += 1s }
          E0902 `now`: a fold does not know the time
        fold f(p: ip) { state a: u8; a += 1 }
          E0902 `p: ip`: a fold takes values, not packets
        fold f(x: u8) { state a: u8; return }
          E0902 `return`: a fold cannot return: it only updates its state
        fold f(x: u8) { state a: u8; state a: u8; a = x }
          E0104 `a`: `a` is declared twice
        fold f(x: u8) { state a: u8; a = x }
        fn f(x: u8) -> u8 { x }
          E0104 `f`: `f` is declared twice
    "#]]
    .assert_eq(&out);
}

fn program(text: &str) -> crate::ir::Program {
    let mut unit = Unit::parse("t.trama", text, &NoFiles);
    let checked = unit.check(&Options::default(), &NoFiles);
    checked.program.unwrap_or_else(|| panic!("{:?}", checked.diagnostics))
}

#[test]
fn a_plain_group_is_one_operation_for_each_packet() {
    let program = program(
        "query q = packets(ip)
         |> group(ip.src) { n: count(), bytes: sum(len), least: min(len), most: max(len) } |> emit",
    );
    let mut operations = Vec::new();
    walk_stmts(&program.nodes[0].handlers[0].body, &mut |stmt| {
        if let StmtKind::State(_, op) = &stmt.kind {
            operations.push(op);
        }
    });
    assert!(
        matches!(&operations[..], [StateOp::MapUpdate { updates, .. }] if updates.len() == 4),
        "{operations:?}"
    );
}

#[test]
fn queries_share_one_pass_and_give_up_what_they_have_seen() {
    let program = program("query a = packets\nquery b = a |> map(len) |> emit");
    assert_eq!(program.ports, ["in"]);
    assert_eq!(program.ingress, [Dest::Node(0, 0)]);
    assert_eq!(program.nodes[0].wires, [Dest::Discard, Dest::Node(1, 0)]);
    assert_eq!(program.nodes[1].wires[1], Dest::Discard);
}

#[test]
fn what_is_made_can_be_read() {
    let text = "query q = packets(ip) |> group(ip.src) window(1s) { n: count() } |> emit";
    let unit = Unit::parse("t.trama", text, &NoFiles);
    let mut made = String::new();
    for file in unit.made() {
        made.push_str(&format(&unit.sources, file));
    }
    let start = made.find("element q").expect("the query is an element");
    let end = start + made[start..].find("\n}").expect("it ends") + 3;
    expect![[r#"
        element q {
            port in, out
            const window1_: Duration = 1s
            state opened1_: Time
            event edge1_() [2]
            fn open1_() { opened1_ = (now as u64 / window1_ as u64 * window1_ as u64) as Time }
            state group1_: map<ip4, q_group1_>[64k]
            fn roll1_() {
                for (key1_, entry1_) in group1_ {
                    let ip_src = key1_
                    let window_start = opened1_
                    let n = entry1_.n
                    emit q q { window_start: window_start, ip_src: ip_src, n: n }
                }
                group1_.clear()
                open1_()
            }
            fn observe0_(packet: ip) {
                let key1_ = packet.ip.src
                group1_[key1_].n += 1
            }
            stream q: q
            on in(packet: ip) {
                observe0_(packet)
                send packet to out
            }
            on in(packet) {
                send packet to out
            }
            on out(packet: ip) {
                observe0_(packet)
                send packet to in
            }
            on out(packet) {
                send packet to in
            }
            init {
                open1_()
                generate edge1_() after window1_ - (now as u64 % window1_ as u64) as Duration
            }
            on edge1_() {
                if opened1_ + window1_ <= now { roll1_() }
                generate edge1_() after window1_ - (now as u64 % window1_ as u64) as Duration
            }
            on close {
                roll1_()
            }
        }
    "#]]
    .assert_eq(&made[start..end]);
}
