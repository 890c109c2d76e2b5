use super::*;
use crate::header::HeaderId;
use crate::samples::header;
use trama_base::Rng;

fn run(what: Extractor, max: u8, packet: Option<&Packet>, args: &[u128]) -> Vec<u128> {
    let extract = Extract { what, max };
    let mut results = vec![7; extract.result_widths().len()];
    extract.run(packet, args, &mut results);
    results
}

fn text(s: &str) -> Vec<u128> {
    ByteString::new(s.as_bytes()).leaves(32)
}

/// The byte string that an extractor makes of numbers and a text.
fn make(what: Extractor, numbers: &[u128], s: &str) -> String {
    let args = [numbers.to_vec(), text(s)].concat();
    let made = ByteString::from_leaves(&run(what, 32, None, &args));
    String::from_utf8(made.as_slice().to_vec()).unwrap()
}

fn holds(what: Extractor, s: &str, t: &str) -> bool {
    run(what, 32, None, &[text(s), text(t)].concat()) == [1]
}

#[test]
fn slices_go_as_far_as_there_are_bytes() {
    let slice = |from, to| make(Extractor::Slice, &[from, to], "abcdef");
    assert_eq!(slice(1, 3), "bc");
    assert_eq!(slice(4, 100), "ef");
    assert_eq!(slice(6, 8), "");
    assert_eq!(slice(3, 1), "");
    assert_eq!(slice(u128::MAX, u128::MAX), "");
}

#[test]
fn payloads_end_with_the_datagram() {
    let stack = [HeaderId::IP, HeaderId::UDP].map(|id| header(id, &[]));
    let mut frame = Packet::build(&stack, b"hello").unwrap().bytes().to_vec();
    frame.resize(60, 0);
    let packet = Packet::new(&frame);
    let read = |from, to, max| {
        let leaves = run(Extractor::Payload, max, Some(&packet), &[from, to]);
        ByteString::from_leaves(&leaves).as_slice().to_vec()
    };
    assert_eq!(read(0, 100, 64), b"hello");
    assert_eq!(read(1, 3, 64), b"el");
    assert_eq!(read(0, 5, 2), b"he");
    assert_eq!(read(5, 9, 64), b"");
    assert_eq!(run(Extractor::Payload, 20, None, &[0, 5]), [0, 0, 0]);
}

#[test]
fn texts_are_compared_by_their_parts() {
    use Extractor::{Contains, EndsWith, StartsWith};
    assert!(holds(StartsWith, "www.example.com", "www."));
    assert!(!holds(StartsWith, "ww", "www."));
    assert!(holds(EndsWith, "www.example.com", ".com"));
    assert!(!holds(EndsWith, "www.example.com", ".org"));
    assert!(holds(Contains, "www.example.com", "exam"));
    assert!(!holds(Contains, "www.example.com", "exm"));
    for what in [StartsWith, EndsWith, Contains] {
        assert!(holds(what, "a", "") && holds(what, "", "") && !holds(what, "", "a"));
    }
}

#[test]
fn names_have_labels() {
    let labels = |n, s| make(Extractor::Labels, &[n], s);
    assert_eq!(labels(2, "www.example.com"), "example.com");
    assert_eq!(labels(1, "www.example.com"), "com");
    assert_eq!(labels(3, "www.example.com"), "www.example.com");
    assert_eq!(labels(9, "www.example.com"), "www.example.com");
    assert_eq!(labels(0, "www.example.com"), "");
    assert_eq!(make(Extractor::Lower, &[], "WwW.Ex-1.CoM"), "www.ex-1.com");
}

#[test]
fn bytes_are_appended_while_there_is_room() {
    assert_eq!(make(Extractor::Push, &[u128::from(b'c')], "ab"), "abc");
    let full = ByteString::new(b"abcd").leaves(4);
    let pushed = run(Extractor::Push, 4, None, &[vec![u128::from(b'e')], full.clone()].concat());
    assert_eq!(pushed, full);
}

#[test]
fn addresses_are_text() {
    let text = |what, address| {
        let leaves = run(what, 39, None, &[address]);
        String::from_utf8(ByteString::from_leaves(&leaves).as_slice().to_vec()).unwrap()
    };
    assert_eq!(text(Extractor::Ip4Text, 0xffff_ff00), "255.255.255.0");
    assert_eq!(text(Extractor::Ip6Text, 0x2001_0db8 << 96 | 5), "2001:db8::5");
    assert_eq!(text(Extractor::Ip6Text, u128::MAX).len(), 39);
}

/// Any arguments give results within their widths, as many as there are.
#[test]
fn extractors_are_total() {
    let mut rng = Rng::new(1);
    for round in 0..20_000 {
        let what = *rng.pick(Extractor::ALL);
        let extract = Extract { what, max: rng.below(256) as u8 };
        let mut bytes = vec![0; rng.below(400) as usize];
        rng.fill(&mut bytes);
        let packet = Packet::new(&bytes);
        let count = extract.argument_widths().len() + rng.below(2) as usize;
        let args: Vec<u128> = (0..count)
            .map(|_| u128::from(rng.next_u64()) << rng.below(65) | u128::from(rng.below(40)))
            .collect();
        let widths = extract.result_widths();
        let mut results = vec![!0; widths.len()];
        let given = (!rng.one_in(8)).then_some(&packet);
        extract.run(given, &args, &mut results);
        for (result, width) in results.iter().zip(&widths) {
            assert!(*width == 128 || result >> width == 0, "round {round}: {extract:?}");
        }
        if let [Part::Bytes] = what.results() {
            assert!(results[0] <= extract.max.into(), "round {round}: {extract:?}");
        }
    }
}
