//! Byte strings: what programs with them do and print, and what is said about wrong ones.

use super::messages;
use super::run::{failures, mark};
use crate::compile::{Options, Unit};
use crate::files::NoFiles;

#[test]
fn byte_strings_are_values() {
    mark("", "let a: bytes[20] = \"abc\"; if a == \"abc\" && a != \"abd\" { p.mark = a.len }", 3);
    mark("", "let a: bytes[3] = \"abc\"; let b: bytes[99] = a; if b == a { p.mark = b.len }", 3);
    mark("", "let a = b\"a\\xff\\0\"; let b: bytes[9] = a; if a == b { p.mark = a.len }", 3);
    mark("", "let mut a: bytes[40] = \"\"; a = \"x\"; a = b\"yy\"; p.mark = a.len", 2);
    mark("", "let a: (bytes[4], u8) = (\"abc\", 7); p.mark = a.0.len + a.1", 10);
    mark("", "let a = Some(b\"abc\"); if let Some(x) = a { p.mark = x.len }", 3);
    mark("const NAME: bytes[8] = \"abc\"", "if NAME == \"abc\" { p.mark = 1 }", 1);
    mark("", "match b\"abc\" { \"ab\" => p.mark = 1, \"abc\" => p.mark = 2, _ => p.mark = 3 }", 2);
    mark("", "if hash(b\"abc\") != hash(b\"abd\") { p.mark = 1 }", 1);
    mark("", "if b\"b\" in [\"a\", \"b\"] { p.mark = 4 }", 4);
    mark(
        "fn ends(name: bytes[64], suffix: bytes[16]) -> bool { name.ends_with(suffix) }",
        "if ends(\"www.example.com\", \".com\") { p.mark = 1 }",
        1,
    );
    mark(
        "fn first(s: string) -> bytes[16] { let x: bytes[16] = s; x[0..2] }",
        "p.mark = first(\"abc\").len",
        2,
    );
}

#[test]
fn byte_strings_are_put_together() {
    mark("", "let a: bytes[3] = \"ab\"; if a.push(99) == \"abc\" { p.mark = 1 }", 1);
    mark("", "let a: bytes[2] = \"ab\"; if a.push(99) == \"ab\" { p.mark = a.push(99).len }", 2);
    mark("", "let a: bytes[9] = \"\"; p.mark = a.push(p.ip.ttl).push(0).len", 2);
    mark("", "if 10.0.0.200.text() == \"10.0.0.200\" { p.mark = 1 }", 1);
    mark("", "let a: bytes[39] = (2001:db8::5).text(); if a == \"2001:db8::5\" { p.mark = 1 }", 1);
}

#[test]
fn byte_strings_are_taken_apart() {
    let text = "let a: bytes[99] = \"www.Example.com\";";
    let body = |rest: &str| format!("{text} {rest}");
    mark("", &body("if a[4..7] == \"Exa\" { p.mark = a[4..7].len }"), 3);
    mark("", &body("p.mark = a[12..99].len"), 3);
    mark("", &body("p.mark = a[20..99].len"), 0);
    mark("", &body("let n = p.ip.ttl; if a[n - 5..n] == \"Examp\" { p.mark = 1 }"), 1);
    mark("", &body("if a[0..=2] == \"www\" { p.mark = 1 }"), 1);
    mark("", &body("if a.lower().ends_with(\".example.com\") { p.mark = 1 }"), 1);
    mark("", &body("if a.starts_with(\"www.\") && a.contains(\"xam\") { p.mark = 1 }"), 1);
    mark("", &body("if a.labels(2) == \"Example.com\" { p.mark = 1 }"), 1);
    mark("", "if p.payload[1..3] == b\"\\x02\\x03\" { p.mark = p.payload[2..9].len }", 2);
    mark("", "let n = p.payload.len; p.mark = p.payload[0..n].len", 4);
    // A slice is read when it is met.
    mark(
        "",
        "let a = p.payload[0..1]; p.payload.set_u8(0, 9); if a == b\"\\x01\" { p.mark = 1 }",
        1,
    );
}

#[test]
fn byte_strings_are_kept_in_state() {
    mark(
        "state seen: map<bytes[40], u32>[4]",
        "seen[\"abc\"] = 5; let a: bytes[9] = \"abc\"; seen[a] += 2; p.mark = seen[b\"abc\"].or(0)",
        7,
    );
    mark(
        "state last: bytes[20]\n state all: array<bytes[20]>[2]",
        "last = \"one\"; all[1] = last\n if all[1] == \"one\" && all[0] == \"\" { p.mark = 3 }",
        3,
    );
    mark(
        "state s: set<(bytes[4], u16)>[4]",
        "s.add((\"ab\", 5)); if (\"ab\", 5) in s { p.mark = 1 }",
        1,
    );
}

#[test]
fn tests_and_logs_show_byte_strings_as_text() {
    let text = "record Entry { name: bytes[40], count: u32 }
element E {
    port lan, wan
    state seen: map<(bytes[40], u8), Entry>[4]
    state last: bytes[8]
    on lan(p: ip/udp) {
        let name: bytes[40] = p.payload[0..40]
        seen[(name, 1)] = Entry { name: name, count: 3 }
        last = name[0..3]
        let entry = seen[(name, 1)].or(Entry { name: name, count: 0 })
        log \"got {name} and {last} {entry}\"
        send p to wan
    }
    on wan(p) { send p to lan }
}
test \"state\" for E {
    lan <- ip { src: 10.0.0.1, dst: 10.0.0.2 } / udp { src: 1, dst: 2 } / \"hello, world, are you\"
    expect wan
    expect seen[(\"hello, world, are you\", 1)].count == 3
    expect seen[(\"hello, world, are you\", 1)].name == \"hello, world, are you\"
    expect (b\"hello, world, are you\", 1) in seen && last == \"hel\"
    expect log \"got hello, world, are you and hel {name: hello, world, are you, count: 3}\"
    lan <- ip { src: 10.0.0.1, dst: 10.0.0.2 } / udp { src: 1, dst: 2 } / \"\\x1b[2J\"
    expect wan
    expect log \"got 0x1b5b324a and 0x1b5b32 {name: 0x1b5b324a, count: 3}\"
}
";
    assert_eq!(failures(text), "");
    let wrong = text.replace("last == \"hel\"", "last == \"he\"");
    assert!(failures(&wrong).contains("hel"), "{}", failures(&wrong));
}

#[test]
fn parameters_are_given_as_plain_text() {
    let text = "element E(name: bytes[8]) { port lan\n on lan(p) { p.mark = name.len\n \
        send p to lan } }";
    let errors = |value: &str| {
        let mut unit = Unit::parse("test.trama", text, &NoFiles);
        let set = vec![("name".into(), value.into())];
        unit.check(&Options { set, ..Options::default() }, &NoFiles).errors()
    };
    assert_eq!((errors("a.b \"c"), errors("")), (0, 0));
    assert_eq!(errors("too long a"), 1);
}

#[test]
fn wrong_byte_strings_are_explained() {
    let say = |body: &str| {
        messages(&format!(
            "element E {{ port lan, wan\n on lan(p: ip) {{\n{body}\nsend p to wan }}\n \
             on wan(p) {{ send p to lan }} }}"
        ))
    };
    let code = |body: &str| say(body).split(' ').next().unwrap_or_default().to_owned();
    assert_eq!(code("let a: bytes[2] = \"abc\"; log \"{a}\""), "E0202");
    assert_eq!(code("let a: bytes[0] = \"\"; log \"{a}\""), "E0803");
    assert_eq!(code("let a: bytes[256] = \"\"; log \"{a}\""), "E0803");
    assert_eq!(code("let a: bytes = \"\"; log \"{a}\""), "E0102");
    assert_eq!(code("let a: ip4[3] = 1; log \"{a}\""), "E0010");
    assert_eq!(code("let a = \"abc\"; log \"{a}\""), "E0212");
    assert_eq!(code("let a: bytes[2] = b\"abc\"[0..3]; log \"{a}\""), "E0201");
    assert_eq!(code("if b\"abc\" < b\"abd\" { p.mark = 1 }"), "E0203");
    assert_eq!(code("p.mark = p.payload[3..3].len"), "E0202");
    assert_eq!(code("p.mark = p.payload[0..900].len"), "E0202");
    assert_eq!(code("if b\"abc\".starts_with(5) { p.mark = 1 }"), "E0201");
    assert_eq!(code("if b\"abc\".begins_with(\"a\") { p.mark = 1 }"), "E0110");
    assert_eq!(code("if b\"a\\q\" == \"a\" { p.mark = 1 }"), "E0003");
    assert_eq!(code("if p.payload[0..1] == b\"a { p.mark = 1 }"), "E0002");
    assert_eq!(code("let a = 5[0..2]; log \"{a}\""), "E0203");
}
