use super::*;
use crate::syntax::ast::Literal;

fn literals(text: &str) -> Vec<Literal> {
    let lexed = lex(text, 0, 0..text.len());
    assert!(lexed.diagnostics.is_empty(), "{text}: {:?}", lexed.diagnostics);
    let literal = |t: Token| match t.kind {
        TokenKind::Literal(literal) => Some(literal),
        _ => None,
    };
    lexed.tokens.into_iter().filter_map(literal).collect()
}

fn symbols(text: &str) -> String {
    let lexed = lex(text, 0, 0..text.len());
    let show = |t: &Token| match &t.kind {
        TokenKind::Word => text[t.span.start as usize..t.span.end as usize].to_string(),
        TokenKind::Symbol(s) => (*s).to_string(),
        TokenKind::Literal(_) => "#".to_string(),
        TokenKind::Str | TokenKind::ByteStr => "$".to_string(),
        TokenKind::Bad => "?".to_string(),
        TokenKind::Eof => ".".to_string(),
    };
    lexed.tokens.iter().map(show).collect::<Vec<_>>().join(" ")
}

fn value(text: &str) -> u128 {
    match literals(text).as_slice() {
        [Literal::Int { value, .. }] => *value,
        [Literal::Duration { nanos, .. }] => u128::from(*nanos),
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn numbers_have_bases_multipliers_and_units() {
    let cases: [(&str, u128); 16] = [
        ("10", 10),
        ("1_000", 1000),
        ("0xff", 255),
        ("0b1010", 10),
        ("64k", 64_000),
        ("64Ki", 65_536),
        ("1.5k", 1500),
        ("10MB", 10_000_000),
        ("2KiB", 2048),
        ("1Gbps", 1_000_000_000),
        ("3kpps", 3000),
        ("1.5ms", 1_500_000),
        ("5min", 300_000_000_000),
        ("1d", 86_400_000_000_000),
        ("0", 0),
        ("340282366920938463463374607431768211455", u128::MAX),
    ];
    for (text, expected) in cases {
        assert_eq!(value(text), expected, "{text}");
    }
}

#[test]
fn addresses_and_prefixes() {
    assert_eq!(literals("10.0.0.1"), [Literal::Ip4(0x0a00_0001)]);
    assert_eq!(literals("10.0.0.0/8"), [Literal::Prefix4(0x0a00_0000, 8)]);
    assert_eq!(literals("0.0.0.0/0"), [Literal::Prefix4(0, 0)]);
    assert_eq!(literals("2001:db8::1"), [Literal::Ip6(0x2001_0db8 << 96 | 1)]);
    assert_eq!(literals("2001:db8::/32"), [Literal::Prefix6(0x2001_0db8 << 96, 32)]);
    assert_eq!(literals("::"), [Literal::Ip6(0)]);
    assert_eq!(literals("::1"), [Literal::Ip6(1)]);
    assert_eq!(literals("fe80::"), [Literal::Ip6(0xfe80 << 112)]);
    assert_eq!(literals("::ffff:10.0.0.1"), [Literal::Ip6(0xffff_0a00_0001)]);
    assert_eq!(literals("02:00:00:00:00:01"), [Literal::Mac(0x0200_0000_0001)]);
}

#[test]
fn words_ranges_and_colons_are_not_addresses() {
    assert_eq!(symbols("1..5"), "# .. # .");
    assert_eq!(symbols("1..=5"), "# ..= # .");
    assert_eq!(symbols("{a:b, c:d}"), "{ a : b , c : d } .");
    assert_eq!(symbols("dst:::1"), "dst : # .");
    assert_eq!(symbols("src: ::1, x"), "src : # , x .");
    assert_eq!(symbols("t.0.1"), "t . # . # .");
    assert_eq!(symbols("::1..::5"), "# .. # .");
    assert_eq!(symbols("a <-> b -> c <- d |> e"), "a <-> b -> c <- d |> e .");
    assert_eq!(symbols("10/s"), "# / s .");
}

#[test]
fn faults_give_one_message_each() {
    let cases = [
        ("5minn", "E0005"),
        ("0x", "E0005"),
        ("0xfg", "E0005"),
        ("1.5", "E0005"),
        ("1.5ns", "E0005"),
        ("999999999999999999999999999999999999999999", "E0005"),
        ("600d600", "E0005"),
        ("9999999d", "E0005"),
        ("300.0.0.1", "E0006"),
        ("10.0.0.0/33", "E0006"),
        ("10.0.0.1/8", "E0007"),
        ("2001:db8:::1", "E0006"),
        ("a::blue", "E0006"),
        ("\"abc", "E0002"),
        ("\"abc\\", "E0002"),
        ("/* /* */", "E0004"),
        ("§", "E0001"),
        ("###", "E0001"),
    ];
    for (text, code) in cases {
        let lexed = lex(text, 0, 0..text.len());
        let codes: Vec<_> = lexed.diagnostics.iter().map(|d| d.code).collect();
        assert_eq!(codes, [code], "{text}");
    }
}

#[test]
fn comments_nest_and_keep_their_kind() {
    let text = "//! head\n/// doc\n// plain\n//// plain\nx /* a /* b */ c */ y";
    let lexed = lex(text, 0, 0..text.len());
    let kinds: Vec<_> = lexed.comments.iter().map(|c| (c.kind, c.newline)).collect();
    let plain = CommentKind::Plain;
    assert_eq!(
        kinds,
        [
            (CommentKind::HeadDoc, true),
            (CommentKind::Doc, true),
            (plain, true),
            (plain, true),
            (plain, false)
        ]
    );
    assert_eq!(symbols(text), "x y .");
}
