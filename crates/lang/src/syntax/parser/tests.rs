use super::*;
use crate::syntax::ast::{
    BinaryOp, Frame, ItemKind, Literal, MemberKind, PatKind, StmtKind, TestStepKind,
};
use crate::syntax::token::CONTEXTUAL;
use trama_base::Rng;

const SAMPLE: &str = include_str!("sample.trama");

fn parsed(text: &str) -> (File, Vec<Diagnostic>) {
    let mut sources = SourceMap::default();
    let file = sources.add("t.trama", text);
    parse(&sources, file)
}

/// `code line:column` of each message.
fn faults(text: &str) -> Vec<String> {
    let mut sources = SourceMap::default();
    let file = sources.add("t.trama", text);
    let (_, diagnostics) = parse(&sources, file);
    let show = |d: &Diagnostic| {
        let (line, column) = sources.line_column(d.label.0);
        format!("{} {line}:{column}", d.code)
    };
    diagnostics.iter().map(show).collect()
}

fn expr(text: &str) -> Expr {
    let mut sources = SourceMap::default();
    let file = sources.add("e", text);
    let (expr, diagnostics) = parse_expr(&sources, file);
    assert!(diagnostics.is_empty(), "{text}: {diagnostics:?}");
    expr
}

/// An expression with all its parentheses.
fn shape(e: &Expr) -> String {
    match &e.kind {
        ExprKind::Literal(Literal::Int { text, .. }) => text.clone(),
        ExprKind::Name(name) => name.clone(),
        ExprKind::Field(base, name) => format!("{}.{}", shape(base), name.text),
        ExprKind::Index(base, index) => format!("{}[{}]", shape(base), shape(index)),
        ExprKind::Unary(op, x) => format!("({op:?} {})", shape(x)),
        ExprKind::Binary(op, a, b) => format!("({op:?} {} {})", shape(a), shape(b)),
        ExprKind::In(a, b) => format!("(in {} {})", shape(a), shape(b)),
        ExprKind::Is(a, p) => {
            let alternative =
                |a: &Vec<Ident>| a.iter().map(|h| h.text.as_str()).collect::<Vec<_>>().join("/");
            let all: Vec<_> = p.alternatives.iter().map(alternative).collect();
            format!("(is {} {})", shape(a), all.join("|"))
        }
        ExprKind::Range { from, to, .. } => format!("(.. {} {})", shape(from), shape(to)),
        ExprKind::As(a, _) => format!("(as {})", shape(a)),
        other => format!("{other:?}"),
    }
}

#[test]
fn everything_parses() {
    let (file, diagnostics) = parsed(SAMPLE);
    assert_eq!(diagnostics, []);
    assert_eq!(file.docs, ["A program with everything in it."]);
    assert_eq!(file.items.len(), 11);
    assert_eq!(file.items[1].docs, ["Private addresses."]);
    let ItemKind::Element(element) = &file.items[7].kind else { panic!("an element") };
    assert_eq!(element.members.len(), 17);
    let MemberKind::On(on) = &element.members[13].kind else { panic!("a handler") };
    assert_eq!(on.pattern.alternatives.len(), 2);
    assert_eq!(on.body.stmts.len(), 24);
    let ItemKind::Test(test) = &file.items[10].kind else { panic!("a test") };
    assert_eq!(test.steps.len(), 19);
}

#[test]
fn test_steps_are_told_apart() {
    let text = "test \"t\" for A {\n expect wan\n expect wan[0] arp\n expect m[k] == 1\n \
                expect wan !arp\n expect wan != 3\n wan <- tcp / \"a\\xff\"\n}";
    let (file, diagnostics) = parsed(text);
    assert_eq!(diagnostics, []);
    let ItemKind::Test(test) = &file.items[0].kind else { panic!("a test") };
    let kinds: Vec<&TestStepKind> = test.steps.iter().map(|s| &s.kind).collect();
    assert!(matches!(kinds[0], TestStepKind::ExpectPacket { filter: None, index: None, .. }));
    assert!(matches!(kinds[1], TestStepKind::ExpectPacket { filter: Some(_), index: Some(_), .. }));
    assert!(matches!(kinds[2], TestStepKind::ExpectState(_)));
    assert!(matches!(kinds[3], TestStepKind::ExpectPacket { filter: Some(_), .. }));
    assert!(matches!(kinds[4], TestStepKind::ExpectState(_)));
    let TestStepKind::Send { frame: Frame::Stack(_, payload), .. } = kinds[5] else {
        panic!("a packet")
    };
    assert_eq!(payload, &[b'a', 0xff]);
}

#[test]
fn operators_bind_as_documented() {
    let cases = [
        ("1 + 2 * 3", "(Add 1 (Mul 2 3))"),
        ("1 - 2 - 3", "(Sub (Sub 1 2) 3)"),
        ("a & 1 == b | 2", "(Eq (And a 1) (Or b 2))"),
        ("a ^ b & c | d", "(Or (Xor a (And b c)) d)"),
        ("1 << 2 + 3", "(Shl 1 (Add 2 3))"),
        ("!a.b && c || d", "(OrOr (AndAnd (Not a.b) c) d)"),
        ("-x as u32 * 2", "(Mul (as (Neg x)) 2)"),
        ("x as u8 < y", "(Lt (as x) y)"),
        ("x in 1..n + 1 && y", "(AndAnd (in x (.. 1 (Add n 1))) y)"),
        ("p is ip/tcp | ip6/tcp && q", "(AndAnd (is p ip/tcp|ip6/tcp) q)"),
        ("a <-1", "(Lt a (Neg 1))"),
        ("a\n+ b", "(Add a b)"),
        ("a[1][2].c", "a[1][2].c"),
        ("p.if.in.is", "p.if.in.is"),
        ("t.0.1", "t.0.1"),
    ];
    for (text, expected) in cases {
        assert_eq!(shape(&expr(text)), expected, "{text}");
    }
}

#[test]
fn lines_end_statements() {
    let body = |text: &str| {
        let (file, diagnostics) = parsed(&format!("fn f() {{\n{text}\n}}"));
        assert_eq!(diagnostics, [], "{text}");
        let ItemKind::Fn(f) = &file.items[0].kind else { panic!("a function") };
        f.body.stmts.len()
    };
    assert_eq!(body("a\n(b)"), 2, "a call begins on the line of its name");
    assert_eq!(body("a\n[b]"), 2, "so does an index");
    assert_eq!(body("a\n.b"), 1);
    assert_eq!(body("a +\nb"), 1);
    assert_eq!(body("a\n&& b"), 1);
    assert_eq!(body("f(a\n,b)\nc"), 2);
    assert_eq!(body("if a { }\nelse { }\nb"), 2);
    assert_eq!(body("a; b;; c"), 3);
    assert_eq!(body("return\na"), 2);
    assert_eq!(body("match a { 1 => b\n2 => c, _ => { d } }"), 1);
}

#[test]
fn patterns_and_literals() {
    let text = "fn f() { match x { A | B(_, 1) => 1, (a, 1..=3) => 2, true => 3, _ => 4 } }";
    let (file, diagnostics) = parsed(text);
    assert_eq!(diagnostics, []);
    let ItemKind::Fn(f) = &file.items[0].kind else { panic!("a function") };
    let StmtKind::Expr(Expr { kind: ExprKind::Match(_, arms), .. }, None) = &f.body.stmts[0].kind
    else {
        panic!("a match")
    };
    assert!(matches!(&arms[0].pattern.kind, PatKind::Or(parts) if parts.len() == 2));
    assert!(matches!(&arms[1].pattern.kind, PatKind::Tuple(parts) if parts.len() == 2));
    assert!(matches!(arms[2].pattern.kind, PatKind::Literal(Literal::Bool(true))));
    assert!(matches!(arms[3].pattern.kind, PatKind::Any));
    assert!(matches!(expr("1 < 2").kind, ExprKind::Binary(BinaryOp::Lt, ..)));
}

/// A handler with these lines in it; they begin at line 3.
fn handler(lines: &str) -> String {
    format!("element A {{\n on a(p) {{\n{lines}\n }}\n on b(q) {{ send q to a }}\n}}\n")
}

#[test]
fn one_mistake_in_a_handler_gives_one_message() {
    let cases = [
        ("drop p", "E0014 3:6"),
        ("drop p\nsend q to b", "E0014 3:6"),
        ("if a = 5 { send p to a }", "E0013 3:6"),
        ("if a == { send p to a }\nsend p to b", "E0010 3:9"),
        ("let x = ", "E0010 3:8"),
        ("let x = 5 6", "E0018 3:11"),
        ("let = 5\nsend p to b", "E0010 3:5"),
        ("let x = (1 + 2\nsend p to b", "E0011 3:9"),
        ("let x = f(1, 2\nsend p to b", "E0011 3:10"),
        ("let x = Foo { a: , b: 2 }\nsend p to b", "E0010 3:18"),
        ("let x = Foo { a: 1 b: 2 }\nsend p to b", "E0022 3:19"),
        ("send p wan", "E0010 3:8"),
        ("send p to wan drop p because \"x\"", "E0018 3:15"),
        ("send p to match", "E0017 3:11"),
        ("a < b < c", "E0020 3:7"),
        ("else { }", "E0010 3:1"),
        ("send p to b else { }", "E0023 3:13"),
        ("log \"{a +}\"", "E0010 3:10"),
        ("log \"{a\"", "E0003 3:6"),
        ("log \"a}\"", "E0003 3:7"),
        ("log \"a\" limit 5", "E0010 3:16"),
        ("log \"a\\q\"", "E0003 3:7"),
        ("log \"abc\nsend p to a", "E0002 3:5"),
        ("x = 5minn + 3 * 4", "E0005 3:5"),
        ("x = 10.0.0.1/8", "E0007 3:5"),
        ("let x = § + 5", "E0001 3:9"),
        ("p |> where(x)", "E0015 3:3"),
        ("const X: u8 = 5", "E0021 3:1"),
        ("match x { 1 => 2 3 => 4 }", "E0010 3:18"),
        ("match x { -1 => 2 }", "E0010 3:11"),
        ("for x of y { }", "E0010 3:7"),
        ("insert ip { src: a } p", "E0010 3:22"),
        ("if a { send p to b", "E0011 2:10"),
        ("let query = 5", "E0017 3:5"),
    ];
    for (lines, expected) in cases {
        assert_eq!(faults(&handler(lines)), [expected], "{lines}");
    }
}

#[test]
fn one_mistake_in_an_item_gives_one_message() {
    let cases = [
        ("elemnt A { port a\n on a(p) { send p to a } }\nelement B { }", "E0016 1:1"),
        ("a line `of` prose with `marks` but no slashes\nelement B { }", "E0016 1:1"),
        ("element A { prt a\n on a(p) { send p to a } }", "E0016 1:13"),
        ("element A { port a\n on a(p) { send p to a }", "E0011 1:11"),
        ("element A { port a\n on a(p) { send p to a\n on a(q) { } }", "E0011 2:10"),
        ("element A { port a } }\nelement B { }", "E0012 1:22"),
        ("element A { port a }\n on a(p) { send p to a }\n}\nelement B { }", "E0021 2:2"),
        ("element A { state x: map<u8, u8[5]\n port a }", "E0010 1:32"),
        ("element A { state x: map<u8, u8>[5] expires 5s\n port a }", "E0010 1:37"),
        ("element A { on request(r) { forward }\n port a }", "E0015 1:16"),
        ("element A { on tcp.established(r) { forward }\n port a }", "E0015 1:16"),
        ("query x = packets(ip)\n |> group(ip.src) { a: sum(len) }\nelement B { }", "E0015 1:1"),
        ("network n { a <-> B(5) <-> c\n d -> e }", "E0019 1:21"),
        ("network n { a <-> \n}", "E0010 1:18"),
        ("network n { a b c\n d -> e }", "E0010 1:15"),
        ("record R { a: u8 b: u8 }", "E0022 1:17"),
        ("enum E { A, if }", "E0017 1:13"),
        ("test \"a\" for B {\n lan < ip\n expect nothing\n}", "E0010 2:6"),
        ("test \"a\" for B {\n lan <- hex \"123\"\n}", "E0003 2:14"),
        ("const A: u8 = \nconst B: u8 = 5", "E0010 1:14"),
        ("fn f(x u8) { }\nfn g() { }", "E0010 1:8"),
    ];
    for (text, expected) in cases {
        assert_eq!(faults(text), [expected], "{text}");
    }
}

/// A program in which `word` names everything that can have a name.
fn everything_named(word: &str) -> String {
    let mut text = r#"const W: u8 = 1
record R { W: u8 }
enum E { W }
fn W(W: u8) -> u8 { W }
element W(W: u8 = 1) {
    port W, b[2]
    state W: map<u8, u8>[4]
    fn g(W: u8) -> bool {
        W in 1..3
    }
    on W(W: packet) {
        let W = 1
        W = 2
        W += 3
        W.x = 4
        W[1] = 5
        W(6)
        let x = W == W && W in W
        for W in 1..W limit W { }
        if W { } else { W }
        match W { W => W, x if W => 1 }
        log "{W}" limit W/s
        insert W { W: W } into W
        remove W from W
        drop W because "x"
        send copy W to W[W]
        send W to W
        W
    }
    on b[W](p) { send p to W }
}
network W(W: u8 = 2) {
    port W, x
    let W = W(W: 1)
    W -> W.W -> x
    W[0] <-> x
}
inputs W { W: "x" }
test "t" for W(W: 1) {
    W <- W { W: 1 }
    W[0] <- hex ""
    expect W
    expect W tcp
    expect W.len == 1
}
"#
    .to_string();
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut at = 0;
    while let Some(found) = text[at..].find('W').map(|i| at + i) {
        let alone = !text[found + 1..].starts_with(is_word) && !text[..found].ends_with(is_word);
        if alone {
            text.replace_range(found..=found, word);
        }
        at = found + 1;
    }
    text
}

#[test]
fn words_of_one_place_are_names_in_all_others() {
    let reference = parsed(&everything_named("w")).0;
    for word in CONTEXTUAL {
        let text = everything_named(word);
        assert_eq!(faults(&text), [""; 0], "{word} in\n{text}");
        let (file, _) = parsed(&text);
        let tree = format!("{:?}", file.items.iter().map(|i| &i.kind).collect::<Vec<_>>());
        assert_eq!(file.items.len(), reference.items.len(), "{tree}");
        let names: Vec<_> = KEYWORDS.iter().chain(RESERVED).collect();
        assert!(!names.contains(&word), "{word} is in two lists");
    }
    for word in KEYWORDS.iter().chain(RESERVED) {
        assert!(!faults(&everything_named(word)).is_empty(), "{word} cannot be a name");
    }
}

#[test]
fn declarations_are_still_seen_where_a_brace_is_missing() {
    let cases = [
        ("element A { port a\n on a(p) { let x =\n port b }", "E0010 2:19"),
        ("element A { port a\n on a(p) { port = 1\n state x: u8\n }", "E0011 2:10"),
        ("element A { port a\n init { every = 1\n every 1s { } }", "E0011 2:7"),
        ("const A: u8 =\nelement B { }\nnetwork n { a -> B }", "E0010 1:14"),
        ("fn f() { test = 1\ntest \"t\" for A { }", "E0011 1:8"),
        ("network n { port a,\n port b\n a -> b }", "E0010 1:20"),
    ];
    for (text, expected) in cases {
        assert_eq!(faults(text), [expected], "{text}");
    }
}

#[test]
fn patches_mend_what_they_are_offered_for() {
    for lines in ["drop p", "if a = 5 { }", "let x = 5 6", "log \"abc", "x = 10.0.0.1/8"] {
        let text = handler(lines);
        let (_, diagnostics) = parsed(&text);
        let (span, patch) = diagnostics[0].patch.clone().expect("a patch");
        let mut mended = text.clone();
        mended.replace_range(span.start as usize..span.end as usize, &patch);
        assert_eq!(faults(&mended), [""; 0], "{mended}");
    }
}

#[test]
fn what_follows_a_mistake_is_still_understood() {
    let (file, _) = parsed(&handler("let = 5\nsend p to b"));
    let ItemKind::Element(element) = &file.items[0].kind else { panic!("an element") };
    assert_eq!(element.members.len(), 2);
    let MemberKind::On(on) = &element.members[0].kind else { panic!("a handler") };
    assert!(matches!(on.body.stmts[1].kind, StmtKind::Send { .. }));
}

#[test]
fn depth_and_length_are_bounded() {
    let deep = |open: &str, close: &str, n: usize| {
        format!("fn f() {{ x = {}1{} }}", open.repeat(n), close.repeat(n))
    };
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("-", ""),
        ("!", ""),
        ("f(", ")"),
        ("a[", "]"),
        ("{", "}"),
        ("if a { ", " }"),
        ("match a { _ => ", " }"),
        ("R { a: ", "}"),
        ("1 + (", ")"),
        ("1 || ", ""),
        ("if a { 1 } else ", ""),
    ] {
        let few = if open.ends_with("else ") { 0 } else { 20 };
        assert_eq!(faults(&deep(open, close, few)), [""; 0]);
        let many = faults(&deep(open, close, 20_000));
        assert_eq!(many.len(), 1, "{open}: {many:?}");
        assert!(many[0].starts_with("E0009"), "{open}: {many:?}");
    }
    let types = format!("const A: {}u8{} = 5", "Option<".repeat(5000), ">".repeat(5000));
    assert_eq!(faults(&types), ["E0009 1:458"]);
    let pats = format!("fn f() {{ let {}a{} = 1 }}", "(".repeat(5000), ")".repeat(5000));
    assert_eq!(faults(&pats).len(), 1);
    let blocks = format!("fn f() {}{}", "{".repeat(5000), "}".repeat(5000));
    assert_eq!(faults(&blocks).len(), 1);
    let long = " ".repeat(FILE_BYTES_MAX + 1);
    assert_eq!(faults(&long), ["E0008 1:1"]);
    assert_eq!(faults(&long[1..]), [""; 0]);
}

#[test]
fn chains_of_chains_stay_shallow() {
    // Chains within parentheses must not multiply to a tree that no walk survives.
    let mut text = "1".to_string();
    for _ in 0..60 {
        text = format!("({text}{})", " + 1".repeat(200));
    }
    let many = faults(&format!("fn f() {{ x = {text} }}"));
    assert_eq!(many.len(), 1);
    assert!(many[0].starts_with("E0009"));
}

/// Mutations of the sample: nothing panics, everything ends, and damage to one place does not
/// bring a flood of messages.
#[test]
fn damaged_programs_are_survived() {
    let tokens = lex(SAMPLE, 0, 0..SAMPLE.len()).tokens;
    let mut rng = Rng::stream(7, "damage");
    for _ in 0..600 {
        let pick = (rng.next_u64() % (tokens.len() as u64 - 1)) as usize;
        let range = |i: usize| tokens[i].span.start as usize..tokens[i].span.end as usize;
        let mut text = SAMPLE.to_string();
        match rng.next_u64() % 4 {
            0 => text.replace_range(range(pick), ""),
            1 => text.insert_str(range(pick).start, &SAMPLE[range(pick)]),
            2 => {
                let other = (rng.next_u64() % (tokens.len() as u64 - 1)) as usize;
                let piece = SAMPLE[range(other)].to_string();
                text.replace_range(range(pick), &piece);
            }
            _ => text.truncate(range(pick).end),
        }
        let many = faults(&text);
        assert!(many.len() <= 3, "{many:?} in\n{text}");
    }
}

/// Each of these made some version of a parser go over the same text again and again.
#[test]
fn long_files_take_time_in_proportion() {
    for piece in ["}", "{", "(", "a:", "\"\n", "Option<", ">>", "x\n", "§ ", "on\n", "test\n", "1."]
    {
        let text = piece.repeat(FILE_BYTES_MAX / 8 / piece.len());
        assert!(faults(&text).len() <= MESSAGES_MAX);
        assert!(faults(&format!("element A {{ on a(p) {{ {text}")).len() <= MESSAGES_MAX);
    }
}

#[test]
fn noise_is_survived() {
    let mut rng = Rng::stream(11, "noise");
    let pieces = [
        "element", "{", "}", "(", ")", "[", "]", "\n", "on", "let", "=", "\"", "{a}", "::", "1.",
        "10.0.0.", "é", "if", "match", "=>", ",", "test", "expect", "<-", "<->", "/*", "\\", ">>=",
        "map<", "log \"{", "0x", " ", "drop p", "hex", "\u{0}",
    ];
    for _ in 0..600 {
        let len = rng.next_u64() % 40;
        let pick = |rng: &mut Rng| pieces[(rng.next_u64() % pieces.len() as u64) as usize];
        let text: String = (0..len).map(|_| pick(&mut rng)).collect();
        let _ = faults(&text);
        let mut sources = SourceMap::default();
        let file = sources.add("e", text);
        let _ = parse_expr(&sources, file);
    }
}

/// Each example in the book gives exactly its message, and mended none; no code lacks a page.
#[test]
fn every_code_is_explained_by_its_examples() {
    use crate::syntax::codes::CODES;
    for page in CODES {
        let many = faults(page.bad);
        assert_eq!(many.len(), 1, "{}: {many:?}", page.code);
        assert!(many[0].starts_with(page.code), "{}: {many:?}", page.code);
        assert_eq!(faults(page.good), [""; 0], "{}", page.code);
    }
    let sources = [
        include_str!("../lexer/mod.rs"),
        include_str!("../lexer/address.rs"),
        include_str!("../lexer/number.rs"),
        include_str!("mod.rs"),
        include_str!("element.rs"),
        include_str!("expr.rs"),
        include_str!("item.rs"),
        include_str!("network.rs"),
        include_str!("recover.rs"),
        include_str!("stmt.rs"),
        include_str!("test_item.rs"),
        include_str!("types.rs"),
    ];
    for used in sources.iter().flat_map(|s| s.split("\"E00").skip(1)) {
        let code = format!("E00{}", &used[..2]);
        // A file that is too long makes no example.
        let known = code == "E0008" || CODES.iter().any(|page| page.code == code);
        assert!(known, "{code} has no page");
    }
}
