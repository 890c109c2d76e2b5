use super::*;
use crate::syntax::lexer::lex;
use crate::syntax::parse;
use expect_test::{Expect, expect};
use trama_base::Rng;

const SAMPLE: &str = include_str!("../parser/sample.trama");

fn formatted(text: &str) -> Option<String> {
    let mut sources = SourceMap::default();
    let file = sources.add("t.trama", text);
    let (tree, diagnostics) = parse(&sources, file);
    let text = format(&sources, &tree);
    diagnostics.is_empty().then_some(text)
}

/// The tree of a program without its places.
fn tree(text: &str) -> String {
    let mut sources = SourceMap::default();
    let file = sources.add("t.trama", text);
    let (tree, diagnostics) = parse(&sources, file);
    assert_eq!(diagnostics, [], "{text}");
    let debug = format!("{tree:?}");
    let mut out = String::with_capacity(debug.len());
    let mut rest = debug.as_str();
    while let Some(at) = rest.find("Span {") {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        rest = &rest[rest.find('}').expect("a span ends") + 1..];
    }
    out + rest
}

fn comments(text: &str) -> Vec<String> {
    let lexed = lex(text, 0, 0..text.len());
    let text_of = |c: &Comment| text[c.span.start as usize..c.span.end as usize].to_string();
    let mut all: Vec<String> = lexed.comments.iter().map(text_of).collect();
    all.sort();
    all
}

/// Formatting keeps the tree and the comments, and a second time changes nothing.
fn check(text: &str) -> String {
    let once = formatted(text).unwrap_or_else(|| panic!("does not parse: {text}"));
    assert_eq!(tree(text), tree(&once), "the meaning of\n{text}\n--- became\n{once}");
    assert_eq!(comments(text), comments(&once), "the comments of\n{text}\n--- became\n{once}");
    let twice = formatted(&once).expect("what was formatted parses");
    assert_eq!(once, twice, "a second time changes\n{text}");
    once
}

fn check_to(text: &str, expected: &Expect) {
    expected.assert_eq(&check(text));
}

#[test]
fn the_sample_is_laid_out() {
    let once = check(SAMPLE);
    assert!(once.lines().all(|l| l.chars().count() <= 100), "{once}");
}

#[test]
fn an_element_is_laid_out() {
    let text = "// head\nelement Firewall( idle : Duration=5min ){port lan,wan // two\n
state seen:map<Flow,Time>[64k]  expire idle


// allow
on lan(p:ip/tcp)  { seen[p.flow]=now;  send p to wan }
    on wan(p: ip/tcp) {
        if p.flow.reversed in seen { send p to lan }
        else { drop p because \"unsolicited\" } // done
        // last
    }
 every 1s {} }
network edge{port lan,wan
lan<->Firewall(idle:1min)<->wan}";
    check_to(
        text,
        &expect![[r#"
            // head
            element Firewall(idle: Duration = 5min) {
                port lan, wan // two

                state seen: map<Flow, Time>[64k] expire idle

                // allow
                on lan(p: ip/tcp) { seen[p.flow] = now; send p to wan }
                on wan(p: ip/tcp) {
                    if p.flow.reversed in seen {
                        send p to lan
                    } else {
                        drop p because "unsolicited"
                    } // done
                    // last
                }
                every 1s {}
            }

            network edge {
                port lan, wan
                lan <-> Firewall(idle: 1min) <-> wan
            }
        "#]],
    );
}

#[test]
fn long_lines_are_broken() {
    let text = "fn f() {
    let x = first_condition(alpha, beta) && second_condition(gamma, delta) && third_condition(epsilon, zeta)
    let y = some_function(an_argument_that_is_long, another_argument_that_is_long, and_one_more_of_it)
    if first_condition(alpha, beta) && second_condition(gamma, delta) || third_condition(epsilon, z) { return }
    match x { 1 => 2,
      3 => { return }
      _ => drop p because \"x\" }
    insert ip { src: p.ip.destination_address, dst: p.ip.source_address, proto: 1 } / icmp { type: 11, code: 0 } into p
}
record Service {
 address: ip4, /* where */ port: u16 }
const S: table<Service> = [
  Service { address: 10.0.0.1, port: 80 }, // web
  Service { address: 10.0.0.2, port: 443 }]";
    check_to(
        text,
        &expect![[r#"
            fn f() {
                let x = first_condition(alpha, beta)
                    && second_condition(gamma, delta)
                    && third_condition(epsilon, zeta)
                let y = some_function(
                    an_argument_that_is_long,
                    another_argument_that_is_long,
                    and_one_more_of_it,
                )
                if first_condition(alpha, beta) && second_condition(gamma, delta)
                    || third_condition(epsilon, z)
                {
                    return
                }
                match x {
                    1 => 2,
                    3 => { return }
                    _ => drop p because "x",
                }
                insert ip { src: p.ip.destination_address, dst: p.ip.source_address, proto: 1 }
                    / icmp { type: 11, code: 0 } into p
            }

            record Service {
                address: ip4, /* where */
                port: u16,
            }

            const S: table<Service> = [
                Service { address: 10.0.0.1, port: 80 }, // web
                Service { address: 10.0.0.2, port: 443 },
            ]
        "#]],
    );
}

#[test]
fn parentheses_come_back_where_they_are_needed() {
    for text in [
        "(1 + 2) * 3",
        "1 - (2 - 3)",
        "(a == b) == c",
        "!(a && b)",
        "-(1 + 2)",
        "(x as u8).y",
        "(a in b) && c",
        "(p is tcp | udp) == true",
        "(1..2)..3",
        "(if a { 1 } else { 2 }) + 3",
        "(match a { _ => 1 }).or(2)",
        "(copy p).x",
        "(-1) as u8",
        "a as u8 < b",
        "(a | b) & c",
        "((a, b), (c,))",
        "f((a))",
        "(a < b) in c",
        "1 + ({ 2 })",
    ] {
        for context in ["x = #", "if # { }", "log \"x\"; (#)", "for i in # { }"] {
            check(&format!("fn f() {{ {} }}", context.replace('#', text)));
        }
    }
    check("fn f() { a; -x }");
    check("fn f() { a\n (-x) + 1 }");
    check("fn f() { if (A { b: 1 }).b == 1 { } match ({ 1 }) { _ => 2 } }");
    check("fn f() { if { true } { } }".replace("{ true }", "({ true })").as_str());
}

#[test]
fn comments_anywhere_survive() {
    let text = "/* a */ element /* b */ A /* c */ (x: u8 /* d */ = 1 /* e */) { // f
  port /* g */ a, // h
       b
  on a(p /* i */) { // j
     if /* k */ x { /* l */ } // m
     else /* n */ { }
     f(1, // o
       2 /* p */)
     x = 1 // q
        + 2 // r
     match x { // s
       1 => 2 // t
       // u
       _ => 3 /* v */ } // w
     // x
  } // y
  /* z
     zz */
} // end
// after";
    check(text);
    assert_eq!(
        formatted("// only\n\n\n\n// comments").as_deref(),
        Some("// only\n\n// comments\n")
    );
    assert_eq!(formatted("").as_deref(), Some(""));
    let mut broken = SourceMap::default();
    let file = broken.add("t.trama", "element   {");
    let (tree, _) = parse(&broken, file);
    assert_eq!(format(&broken, &tree), "element   {", "what is broken stays as it is");
}

/// Programs made by damaging the sample, as far as they still parse, with line feeds and comments
/// thrown in.
#[test]
fn variations_of_the_sample_keep_their_meaning() {
    let tokens = lex(SAMPLE, 0, 0..SAMPLE.len()).tokens;
    let mut rng = Rng::stream(3, "format");
    let mut formatted_count = 0;
    for _ in 0..250 {
        let mut text = SAMPLE.to_string();
        let mut picks: Vec<usize> = (0..1 + rng.next_u64() % 6)
            .map(|_| (rng.next_u64() % tokens.len() as u64) as usize)
            .collect();
        picks.sort_unstable();
        for &pick in picks.iter().rev() {
            let range = tokens[pick].span.start as usize..tokens[pick].span.end as usize;
            match rng.next_u64() % 6 {
                0 => text.insert(range.end, '\n'),
                1 => text.insert_str(range.start, " /* note */ "),
                2 => text.insert_str(range.end, " // note\n"),
                3 => text.insert_str(range.start, "\n\n\n// note\n"),
                4 => text.replace_range(range, ""),
                _ => {
                    let copy = format!(" {}", &SAMPLE[range.clone()]);
                    text.insert_str(range.end, &copy);
                }
            }
        }
        if formatted(&text).is_some() {
            formatted_count += 1;
            check(&text);
        }
    }
    assert!(formatted_count > 50, "{formatted_count} parsed: too few to mean something");
}

/// Every program that is delivered, and the shortest one that `trama new` writes.
#[test]
fn delivered_programs_keep_their_meaning() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let mut seen = 0;
    for folder in ["examples", "crates/lang/library", "crates/trama/src/command"] {
        let entries = std::fs::read_dir(format!("{root}/{folder}")).expect("the folder is there");
        for path in entries.map(|e| e.expect("an entry").path()) {
            if path.extension().is_some_and(|e| e == "trama") {
                let text = std::fs::read_to_string(&path).expect("a readable file");
                check(&text);
                seen += 1;
            }
        }
    }
    assert!(seen > 10, "{seen} programs found");
}
