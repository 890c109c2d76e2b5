use super::*;
use trama_state::WhenFull;

#[test]
fn scalars_read_as_their_view_says() {
    let cases = [
        (View::Uint, 7, "7"),
        (View::Uint, u128::MAX, "340282366920938463463374607431768211455"),
        (View::Int(8), 0xff, "-1"),
        (View::Int(8), 0x7f, "127"),
        (View::Int(64), 1 << 63, "-9223372036854775808"),
        (View::Int(128), u128::MAX, "-1"),
        (View::Bool, 1, "true"),
        (View::Bool, 0, "false"),
        (View::Mac, 0x0200_5e00_0001, "02:00:5e:00:00:01"),
        (View::Ip4, 0x0a00_0005, "10.0.0.5"),
        (View::Ip6, 0x2001_0db8 << 96 | 1, "2001:db8::1"),
        (View::Ip6, 0, "::"),
        (View::Ip6, 0xffff_0a00_0001, "::ffff:10.0.0.1"),
        (View::Duration, 1_500_000, "1.5ms"),
        (View::Tag(vec!["none".into(), "some".into()]), 1, "some"),
        (View::Tag(vec!["none".into()]), 9, "<tag 9>"),
        (View::Tag(vec![]), u128::MAX, "<tag 340282366920938463463374607431768211455>"),
    ];
    for (view, value, text) in cases {
        assert_eq!(leaf(&view, value), text, "{view:?}");
    }
}

#[test]
fn times_read_as_dates_or_seconds() {
    let cases = [
        (0, "0.000000000s"),
        (1_500_000_001, "1.500000001s"),
        (951_782_400_000_000_000, "2000-02-29T00:00:00.000000000Z"),
        (951_868_799_999_999_999, "2000-02-29T23:59:59.999999999Z"),
        (1_234_567_890_000_000_001, "2009-02-13T23:31:30.000000001Z"),
        (1_704_067_200_000_000_000, "2024-01-01T00:00:00.000000000Z"),
        (u64::MAX, "2554-07-21T23:34:33.709551615Z"),
    ];
    for (ns, text) in cases {
        assert_eq!(time(Nanos(ns)), text);
    }
}

#[test]
fn dates_follow_each_other() {
    // An oracle that counts: walk the calendar day by day over four centuries and more.
    let leap = |y: u64| y.is_multiple_of(4) && (!y.is_multiple_of(100) || y.is_multiple_of(400));
    let (mut year, mut month, mut day) = (1970, 1, 1);
    for days in 0..200_000 {
        assert_eq!(civil_from_days(days), (year, month, day));
        let length = match month {
            2 => 28 + u64::from(leap(year)),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        day += 1;
        if day > length {
            (day, month) = (1, month + 1);
        }
        if month > 12 {
            (month, year) = (1, year + 1);
        }
    }
}

fn spec(kind: StateKind, key: &[u8], value: &[u8]) -> StateSpec {
    StateSpec { name: "s".into(), kind, key: Shape(key.into()), value: Shape(value.into()) }
}

fn packed(shape: &[u8], values: &[u128]) -> Vec<u8> {
    let mut out = Vec::new();
    Shape(shape.into()).pack(values, &mut out);
    out
}

#[test]
fn entries_read_as_their_kind_says() {
    let map = StateKind::Map { capacity: 1, expire: None, when_full: WhenFull::Refuse };
    let flow = StateView {
        key: vec![("src".into(), View::Ip4), ("port".into(), View::Uint)],
        value: vec![("to".into(), View::Ip4)],
        ..StateView::default()
    };
    let at = |key: Vec<u8>, value: Vec<u8>| Entry { key, value };
    let key = packed(&[32, 16], &[0x0a00_0005, 443]);
    assert_eq!(
        entry(
            &spec(map.clone(), &[32, 16], &[32]),
            &flow,
            &at(key.clone(), packed(&[32], &[0xc633_6401]))
        ),
        "{src: 10.0.0.5, port: 443} → 198.51.100.1"
    );
    assert_eq!(
        entry(&spec(map, &[32, 16], &[]), &flow, &at(key, vec![])),
        "{src: 10.0.0.5, port: 443}"
    );
    let lpm = StateKind::Lpm { address_bits: 32, capacity: 1 };
    assert_eq!(
        entry(
            &spec(lpm, &[32], &[32]),
            &flow,
            &at(packed(&[32, 8], &[0x0a00_0000, 8]), packed(&[32], &[1]))
        ),
        "10.0.0.0/8 → 0.0.0.1"
    );
    assert_eq!(
        entry(
            &spec(StateKind::Counter { len: 4 }, &[], &[]),
            &StateView::default(),
            &at(packed(&[64], &[3]), packed(&[64, 64], &[5, 320]))
        ),
        "[3] → 5 packets, 320 bytes"
    );
}

#[test]
fn short_entries_do_not_panic() {
    let lpm = StateKind::Lpm { address_bits: 128, capacity: 1 };
    let empty = Entry { key: vec![], value: vec![] };
    assert_eq!(entry(&spec(lpm, &[128], &[16]), &StateView::default(), &empty), "0/0 → ()");
}

#[test]
fn log_lines_interleave_text_and_arguments() {
    let site = LogSite {
        alert: false,
        text: vec!["from ".into(), " to ".into(), "!".into()],
        views: vec![View::Ip4, View::Uint],
        limit_per_s: None,
    };
    assert_eq!(render_log(&site, &[0x0a00_0001, 80]), "from 10.0.0.1 to 80!");
    assert_eq!(render_log(&site, &[]), "from  to !");
}
