//! Events, records and loops over maps: what the checker says of wrong ones.

use super::messages;
use super::run::failures;
use expect_test::{Expect, expect};

fn check(members: &str, expect: Expect) {
    let text = format!(
        "record Gone {{ host: ip4, bytes: u64 }}
element E {{
    port lan
    state bytes: map<ip4, u64>[1k]
    state hosts: set<ip4>[1k]
    state levels: map<ip4, i32>[1k]
    stream gone: Gone
    event late(host: ip4) [16]
    on lan(p: ip) {{
        bytes[p.ip.src] += p.len; hosts.add(p.ip.src); levels[p.ip.src] = 0 - 1
        generate late(p.ip.src) after 1s
        emit gone Gone {{ host: p.ip.src, bytes: 1 }}
        send p to lan
    }}
{members}
}}
"
    );
    expect.assert_eq(&messages(&text));
}

#[test]
fn declarations() {
    check("on late(_h) { }", expect![""]);
    check(
        "on late(_h) { }
    event late(x: u8) [1]
    event lan(x: u8) [1]
    event a() [0]
    event b(x: u8, x: u8) [1]
    event c() [10M * 10]
    stream gone: Gone
    stream other: u32",
        expect![[r#"
            E0104 16:11 `late` is declared twice
                  ^ declared again
            E0104 17:11 `lan` is declared twice
                  ^ declared again
            E0803 18:16 the capacity must be 1 to 16777216, not 0
                  ^ out of range
            E0104 19:20 the event has two parameters `x`
                  ^ declared before
            E0803 20:16 the capacity must be 1 to 16777216, not 100000000
                  ^ out of range
            E0104 21:12 `gone` is declared twice
                  ^ declared again
            E1001 22:19 a stream has records, not a `u32`
                  ^ not a record
        "#]],
    );
    check(
        "on late(_h) { }\n    on late(_h) { }",
        expect![[r#"
        E0104 16:8 the event `late` has two handlers
              ^ the second one
    "#]],
    );
    check(
        "on late(h, i) { log \"{h} {i}\" }",
        expect![[r#"
            E0204 15:4 `late` has 1 parameter
                  ^ 2 named here
        "#]],
    );
    check(
        "on late(h: ip) { log \"{h}\" }",
        expect![[r#"
        E0010 15:12 the parameters of an event have their types from its declaration
              ^ remove this
    "#]],
    );
    check(
        "on later(h, i) { log \"{h} {i}\" }",
        expect![[r#"
        E1002 15:4 there is no event `later`
              ^ not an event
    "#]],
    );
}

#[test]
fn generating_and_emitting() {
    check(
        "on late(h) {
        generate late(h, 1)
        generate late(5) after 1s
        generate late(h) after 5
        generate lates(h)
        emit gone 5
        emit done Gone { host: h, bytes: 1 }
        emit gone Gone { host: h }
    }",
        expect![[r#"
            E0204 16:18 `late` takes (ip4)
                  ^ 2 given
            E0201 17:23 expected `ip4`, found `u64`
                  ^ this is a `u64`
            E0201 18:32 expected `Duration`, found `u64`
                  ^ this is a `u64`
            E1002 19:18 there is no event `lates`
                  ^ not an event
            E0201 20:19 expected `Gone`, found `u64`
                  ^ this is a `u64`
            E1002 21:14 there is no stream `done`
                  ^ not a stream
            E0211 22:19 `Gone` lacks `bytes`
                  ^ give every field a value
        "#]],
    );
    check(
        "on late(_h) { outside() }\n}\nfn outside() { generate late(10.0.0.1)",
        expect![[r#"
        E1002 17:25 there is no event `late`
              ^ not an event
    "#]],
    );
    check(
        "",
        expect![[r#"
        W0110 8:11 the event `late` has no handler
              ^ without effect
    "#]],
    );
}

#[test]
fn loops_over_maps() {
    check(
        "on late(host) {
        for (h, n) in bytes { bytes[h] += 1; bytes.remove(h); log \"{n}\" }
        for h in hosts { hosts.remove(h) }
        for (h, _) in bytes { bytes.remove(host); log \"{h}\" }
        for (h, _) in bytes { for (i, _) in bytes { bytes.remove(i); log \"{h}\" } }
        for (10.0.0.1, n) in bytes { log \"{n}\" }
        for (h, n) in bytes limit 5 { log \"{h} {n}\" }
        for (h, n) in gone { log \"{h} {n}\" }
    }",
        expect![[r#"
            E1004 18:31 a loop over a map changes no entry but that of its round
                  ^ `remove` of another entry
            E1004 19:53 a loop over a map changes no entry but that of its round
                  ^ `remove` of another entry
            E0207 20:13 this pattern does not fit every value
                  ^ what if it does not?
            E0602 21:35 a loop over a table needs no limit
                  ^ remove this
            E0101 22:23 there is nothing called `gone` here
                  ^ not a value
        "#]],
    );
    check(
        "on late(_host) {
        for (h, n) in bytes top 0 by n { log \"{h}\" }
        for (h, _) in bytes top 2 by h { log \"{h}\" }
        for (h, _) in bytes top 2 by bytes[h].or(0) { log \"{h}\" }
        for (h, l) in levels top 2 by l { log \"{h}\" }
        for i in 0..4 top 2 by i { log \"{i}\" }
    }",
        expect![[r#"
            E0803 16:33 the entries wanted are 1 to 67108864, not 0
                  ^ out of range
            E1005 17:38 entries are not compared by an `ip4`
                  ^ a number or a time is needed
            E1005 18:38 what entries are compared by is computed from the entry alone
                  ^ this does more
            E1005 20:27 only entries of a map or set are chosen by `top`
                  ^ not possible here
        "#]],
    );
    check(
        "on late(_h) { }\n    on lan(p) { for h in hosts { log \"{h}\" } send p to lan }",
        expect![[r#"
            E1003 16:26 a loop over a whole table cannot run for each packet
                  ^ as many rounds as it has entries
        "#]],
    );
}

#[test]
fn signed_numbers_have_their_order() {
    let text = "element E {
    port lan
    state levels: map<u8, i32>[10]
    init { levels[1] = -5; levels[2] = 3; levels[3] = -1; levels[4] = 0 }
    on lan(p) { send p to lan }
    every 1s { for (k, l) in levels top 3 by l { log \"{k}: {l}\" } }
}
test \"order\" for E {
    at 1s
    expect log \"2: 3\"
    expect log \"4: 0\"
    expect log \"3: -1\"
    expect nothing
}";
    assert_eq!(failures(text), "");
}

#[test]
fn expected_records_are_compared() {
    let program = |expected: &str| {
        format!(
            "record R {{ host: ip4, kind: Kind, name: Option<bytes[8]>, since: Time }}
enum Kind {{ A, B(u8) }}
element E {{
    port lan
    stream r: R
    on lan(p) {{ send p to lan }}
    on close {{ emit r R {{ host: 10.0.0.1, kind: B(3), name: Some(b\"ab\"), since: now }} }}
}}
test \"records\" for E {{ close; expect {expected} }}"
        )
    };
    for right in [
        "record r {}",
        "record e.r { host: 10.0.0.1 }",
        "record r { kind: B(3), name: Some(b\"ab\") }",
    ] {
        assert_eq!(failures(&program(right)), "", "{right}");
    }
    for (wrong, why) in [
        ("record r { host: 10.0.0.2 }", "no such record was emitted; recorded r {host: 10.0.0.1"),
        ("record r { name: None }", "no such record"),
        ("record r { kind: A }", "no such record"),
        ("record q { kind: A }", "there is no stream `q`; the streams are r"),
        ("record r { hosts: 1 }", "there is no field `hosts`; the fields are host, kind, kind.B"),
        ("nothing", "expected nothing, but there was recorded r {"),
    ] {
        let found = failures(&program(wrong));
        assert!(found.contains(why), "{wrong}: {found}");
    }
}
