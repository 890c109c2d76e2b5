use super::*;
use crate::syntax::{CONTEXTUAL, KEYWORDS, STATE_OPTIONS};

fn text(name: &str) -> String {
    let found = find(name);
    assert_eq!(found.len(), 1, "{name}: {found:?}");
    found[0].text.clone()
}

#[test]
fn every_word_of_the_language_has_a_page() {
    assert_eq!(book::lost(), [""; 0], "sections that are not in the book");
    let topics = topics();
    let has = |word: &str| topics.iter().any(|topic| topic.name == word);
    let words = KEYWORDS.iter().chain(CONTEXTUAL).chain(STATE_OPTIONS);
    let built_in = crate::check::items::RESERVED.iter();
    let missing: Vec<_> = words.chain(built_in).filter(|word| !has(word)).collect();
    assert_eq!(missing, [&""; 0]);
    assert!(!has("banana"), "not just anything has a page");
    let states = crate::check::types::STATE_KINDS.iter().filter(|kind| !has(kind));
    assert_eq!(states.count(), 0);
}

#[test]
fn pages_come_from_where_the_text_stands() {
    assert!(text("ip.ttl").contains("Time to live"));
    assert!(text("tcp").contains("RFC 9293"));
    assert!(text("tcp.flags.syn").contains("Synchronize"));
    assert!(text("map").contains("`m.remove(k)`"));
    assert!(text("u17").contains("every width from 1 to 64"));
    assert_eq!(find("u65"), []);
    assert!(text("E0014").contains("Rejected:"));
    assert!(text("p.mark").contains("travels with the packet"));
    assert!(text("hash").contains("the same on every machine"));
    assert!(text("no such port").contains("the index of a port array was out of range"));
    assert!(text("no mapping").contains("Nat"));
    assert!(text("Nat").contains("| `udp_idle` | `Duration` | `5min` |"));
    assert!(find("nat").len() == 1, "letter case does not matter where it decides nothing");
}

#[test]
fn names_that_are_not_there_have_neighbours() {
    assert_eq!(find("ip.tll"), []);
    assert_eq!(near("ip.tll").first().map(String::as_str), Some("ip.ttl"));
    assert!(near("mapping").contains(&"no mapping".to_owned()));
    assert_eq!(near("qqqqqqqq"), [""; 0]);
}

#[test]
fn an_element_is_described_with_what_the_checker_knows() {
    let text = "/// Passes.\nelement E(most: u32 = 4) {\n port a, b[2]\n \
                /// Who was seen.\n state seen: set<ip4>[64] expire 5s\n \
                on a(p: ip) { seen.add(p.ip.src); if p.len > most { drop p because \"long\"; \
                return }\n send p to b[0] }\n on b(p) { send p to a }\n}\n";
    let mut unit = Unit::parse("e.trama", text, &NoFiles);
    let doc = element(&mut unit, "E", &NoFiles).expect("it is there");
    assert_eq!(doc.docs, ["Passes."]);
    assert_eq!(doc.ports, ["a", "b[2]"]);
    assert_eq!(doc.drops, ["long"]);
    assert_eq!(doc.states[0].docs, ["Who was seen."]);
    assert!(doc.states[0].bytes_at_capacity.is_some_and(|bytes| bytes > 64));
    assert_eq!(doc.handlers.len(), 2);
    let shown = doc.to_markdown();
    assert!(shown.contains("| `most` | `u32` | `4` |"), "{shown}");
    assert!(shown.contains("## on a(ip)"), "{shown}");
}

#[test]
fn what_is_not_sound_is_described_by_its_source() {
    let text = "element E { port a\n state s: set<ip4>[4]\n on a(p) { send q to a } }";
    let mut unit = Unit::parse("e.trama", text, &NoFiles);
    let doc = element(&mut unit, "E", &NoFiles).expect("it is there");
    assert_eq!((doc.handlers.len(), doc.states[0].bytes_at_capacity), (0, None));
    assert!(element(&mut unit, "F", &NoFiles).is_none());
}

#[test]
fn every_library_element_has_a_sound_page() {
    for topic in topics().into_iter().filter(|topic| topic.kind == Kind::Element) {
        let mut unit = Unit::parse("", "", &NoFiles);
        let doc = element(&mut unit, &topic.name, &NoFiles).expect("it is there");
        assert!(!doc.handlers.is_empty(), "{} is sound", doc.name);
        assert!(!topic.summary.is_empty());
    }
}
