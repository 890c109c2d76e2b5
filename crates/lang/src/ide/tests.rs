use super::*;
use crate::files::NoFiles;
use trama_base::Rng;

const SAMPLE: &str = "\
/// What is let through.
record Rule { net: prefix<ip4>, most: u32 }
enum Verdict { Pass, Cut(u32) }
/// Most of all.
const MOST: u32 = 1400
/// Judges a length.
fn judge(len: u32) -> Verdict { if len > MOST { Verdict_cut(len) } else { Pass } }
fn Verdict_cut(len: u32) -> Verdict { Cut(len) }

/// A gate.
element Gate(rules: table<Rule> = [], idle: Duration = 5min) {
    port lan, wan
    /// Who was seen.
    state seen: map<Flow, Time>[64k] expire idle
    state use_of: map<ip4, Rule>[16]
    fn note(q: ip/tcp) { seen[q.flow] = now }

    on lan(p: ip/tcp) {
        let flow = p.flow
        note(p)
        for rule in rules {
            if p.ip.src in rule.net && p.len <= rule.most { p.mark = rule.most }
        }
        use_of[p.ip.src].most += 1
        match judge(p.len) {
            Pass => send p to wan
            Cut(n) => { log \"{n} {flow}\"; drop p because \"long\" }
        }
    }
    on lan(p) { drop p because \"other\" }
    on wan(p: ip/tcp) {
        if p.flow.reversed in seen { seen.touch(p.flow.reversed); send p to lan }
        else { drop p because \"no\" }
    }
    on wan(p) { drop p because \"other\" }
}

network edge(quiet: Duration = 1min) {
    port lan, wan
    let gate = Gate(idle: quiet)
    lan <-> gate <-> Counter <-> wan
}

test \"passes\" for Gate(idle: 1s) {
    lan <- ip { src: 10.0.0.1, dst: 10.0.0.2 } / tcp { src: 1, dst: 2 }
    expect wan tcp.dst == 2
    expect seen.len == 1
}
";

/// Offset of `needle` with `@` in it, at the `@`.
fn at(needle: &str) -> usize {
    at_in(SAMPLE, needle)
}

fn at_in(text: &str, needle: &str) -> usize {
    let plain = needle.replace('@', "");
    let start = text.find(&plain).unwrap_or_else(|| panic!("{needle}"));
    start + needle.find('@').expect("a place is marked")
}

fn analysis() -> Analysis {
    let analysis = Analysis::new("t.trama", SAMPLE, &NoFiles);
    assert_eq!(analysis.diagnostics, []);
    analysis
}

/// The source around the declaration of what stands at a place: up to 12 bytes before its name.
fn declared_at(needle: &str) -> String {
    let analysis = analysis();
    let span = analysis.definition(at(needle)).unwrap_or_else(|| panic!("{needle}"));
    let text = &analysis.sources().files[span.file as usize].text;
    let start = text.floor_char_boundary((span.start as usize).saturating_sub(12));
    text[start..span.end as usize].split('\n').next_back().unwrap_or_default().trim().to_owned()
}

#[test]
fn names_lead_to_their_declarations() {
    for (needle, expected) in [
        ("len > M@OST", "const MOST"),
        ("match jud@ge(", "fn judge"),
        ("@Pass => send", "m Verdict { Pass"),
        ("Cut(@n) =>", "Cut(n"),
        ("{@n} {flow}", "Cut(n"),
        ("{n} {f@low}", "let flow"),
        ("table<Ru@le>", "record Rule"),
        ("in rule.n@et", "ord Rule { net"),
        ("use_of[p.ip.src].mo@st", "ix<ip4>, most"),
        ("u@se_of[p", "state use_of"),
        ("seen.t@ouch(", ""),
        ("expire id@le", "e> = [], idle"),
        ("send p to l@an }", "port lan"),
        ("send @p to lan", "on wan(p"),
        ("note(@p)", "on lan(p"),
        ("n@ote(p)", "fn note"),
        ("seen[@q.flow", "fn note(q"),
        ("Gate(id@le: quiet", "e> = [], idle"),
        ("Gate(idle: qu@iet", "etwork edge(quiet"),
        ("<-> ga@te <->", "let gate"),
        ("<-> Co@unter", "element Counter"),
        ("for G@ate(idle: 1s", "element Gate"),
        ("    l@an <- ip", "port lan"),
        ("expect w@an tcp", "port lan, wan"),
        ("expect se@en", "state seen"),
    ] {
        if expected.is_empty() {
            assert_eq!(analysis().definition(at(needle)), None, "{needle}");
        } else {
            assert!(declared_at(needle).ends_with(expected), "{needle}: {}", declared_at(needle));
        }
    }
}

#[test]
fn references_are_all_uses_and_the_declaration() {
    let analysis = analysis();
    let count = |needle: &str| analysis.references(at(needle)).len();
    assert_eq!(count("state se@en"), 5);
    assert_eq!(count("m@ost: u32 }"), 4);
    assert_eq!(count("let fl@ow"), 2);
    assert_eq!(count("port lan, w@an\n    /// Who"), 5);
    assert_eq!(count("{ P@ass"), 3);
    assert_eq!(analysis.references(at("@{ net")).len(), 0);
}

#[test]
fn only_what_the_program_declares_gets_another_name() {
    let analysis = analysis();
    assert_eq!(analysis.rename(at("let fl@ow"), "key").map(|spans| spans.len()), Ok(2));
    for (needle, name) in [
        ("<-> Co@unter", "Mine"),
        ("p.i@p.src in", "x"),
        ("let fl@ow", "match"),
        ("let fl@ow", "1x"),
        ("let fl@ow", ""),
    ] {
        assert!(analysis.rename(at(needle), name).is_err(), "{needle} {name}");
    }
}

#[test]
fn hover_tells_what_is_known() {
    let mut analysis = analysis();
    for (needle, parts) in [
        ("let fl@ow", &["let flow = p.flow", "type: `Flow`"][..]),
        ("p.@ip.src in", &["IPv4 (RFC 791)"]),
        ("p.ip.sr@c in", &["ip.src: ip4"]),
        ("state se@en", &["Who was seen.", "at capacity", "state object of `Gate`"]),
        ("@p.len <= rule", &["`ip`, `tcp`"]),
        ("@on lan(p: ip/tcp)", &["writes: seen", "cost: at most"]),
        ("seen.to@uch", &["m.touch(k)", "renews an entry"]),
        ("match jud@ge(", &["fn judge(len: u32) -> Verdict", "Judges a length."]),
        ("<-> Co@unter", &["element Counter"]),
        ("dr@op p because \"long", &["drop", "Counters, traces and tests name it"]),
        ("ma@p<Flow", &["Maps"]),
        ("p.fl@ow.rev", &["five-tuple"]),
        ("len <@= rule.most", &["type: `bool`"]),
        ("most: u@32 }", &["every width"]),
    ] {
        let hover = analysis.hover(at(needle), &NoFiles).unwrap_or_else(|| panic!("{needle}"));
        for part in parts {
            assert!(hover.text.contains(part), "{needle}: `{part}` is not in {}", hover.text);
        }
    }
    assert_eq!(analysis.hover(at("@\nnetwork edge"), &NoFiles), None);
}

/// Labels that are offered at the `@`.
fn offered(text: &str) -> Vec<String> {
    let offset = text.find('@').expect("a place is marked");
    let plain = text.replacen('@', "", 1);
    let found = complete("t.trama", &plain, offset, &NoFiles);
    found.into_iter().map(|completion| completion.label).collect()
}

#[test]
fn completion_knows_the_place() {
    let program = |body: &str| {
        format!(
            "record Rule {{ most: u32 }}\nelement E(idle: Duration = 1s) {{\n port lan, wan\n \
             state seen: map<Flow, Rule>[64] expire idle\n on lan(p: ip/tcp) {{\n let flow = \
             p.flow\n {body}\n }}\n on wan(p) {{ send p to lan }}\n}}\n"
        )
    };
    for (body, expected, unexpected) in [
        ("p.@", &["ip", "tcp", "flow", "len"][..], "seen"),
        ("p.tcp.@", &["dst", "flags.syn", "window"], "ttl"),
        ("let x = p.ip.t@ + 1", &["ttl"], "flow"),
        ("seen.@", &["touch", "remove", "len"], "alloc"),
        ("flow.@", &["src", "dport", "reversed"], "len"),
        ("seen[flow].@", &["or", "is_some"], "touch"),
        ("send p to @", &["lan", "wan"], "seen"),
        ("@", &["send", "drop", "flow", "seen", "idle", "hash"], "element"),
        ("if p is @ { }", &["ip", "udp"], "seen"),
        ("let x: @ = 1", &["u32", "Rule", "Flow"], "element"),
    ] {
        let found = offered(&program(body));
        for label in expected {
            assert!(found.iter().any(|f| f == label), "{body}: no `{label}` in {found:?}");
        }
        assert!(!found.iter().any(|f| f == unexpected), "{body}: `{unexpected}` in {found:?}");
    }
    assert!(offered("@").contains(&"element".into()));
    assert!(offered("element E {\n port a\n @\n}").contains(&"state".into()));
    assert!(offered("element E {\n port a\n state x: @\n}").contains(&"lpm".into()));
    assert!(offered("network n {\n port a, b\n a <-> @\n}").contains(&"Firewall".into()));
    assert!(offered("element E {\n port a\n on a(p: @) { }\n}").contains(&"tcp".into()));
}

#[test]
fn the_outline_holds_what_is_declared() {
    let symbols = analysis().symbols();
    let names: Vec<_> = symbols.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(
        names,
        ["Rule", "Verdict", "MOST", "judge", "Verdict_cut", "Gate", "edge", "passes"]
    );
    let gate = &symbols[5];
    assert!(gate.children.iter().any(|s| s.name == "on lan(p: ip/tcp)"), "{gate:?}");
    let nested = |s: &Symbol| s.children.iter().all(|c| s.span.contains(c.name_span));
    assert!(symbols.iter().all(nested));
}

#[test]
fn types_that_are_not_written_are_hinted() {
    let analysis = analysis();
    let hints = analysis.hints();
    let shown: Vec<_> =
        hints.iter().map(|(span, ty)| (analysis.sources().text(*span), ty.as_str())).collect();
    assert_eq!(shown, [("flow", "Flow"), ("n", "u32")]);
}

/// Damaged programs, at random places: nothing panics.
#[test]
fn any_text_is_survived() {
    let mut rng = Rng::stream(5, "ide");
    let pieces = ["{", "}", ".", "p", "\"", "(", "é", "state ", "on ", "|", ":", "\n", "<"];
    for _ in 0..120 {
        let mut text = SAMPLE.to_owned();
        for _ in 0..=rng.next_u64() % 3 {
            let place = (rng.next_u64() % text.len() as u64) as usize;
            let place = text.floor_char_boundary(place);
            match rng.next_u64() % 3 {
                0 => text.truncate(place.max(1)),
                1 => {
                    let piece = pieces[(rng.next_u64() % pieces.len() as u64) as usize];
                    text.insert_str(place, piece);
                }
                _ => {
                    let end = text.ceil_char_boundary((place + 7).min(text.len()));
                    text.replace_range(place..end, "");
                }
            }
            if text.is_empty() {
                text.push('x');
            }
        }
        let offset = text.floor_char_boundary((rng.next_u64() % text.len() as u64) as usize);
        let mut analysis = Analysis::new("t.trama", &text, &NoFiles);
        let _ = analysis.hover(offset, &NoFiles);
        let _ = (analysis.definition(offset), analysis.references(offset));
        let _ = (analysis.symbols(), analysis.hints());
        let _ = complete("t.trama", &text, offset, &NoFiles);
    }
}
