use super::*;

fn packet(stack: &[(HeaderId, &[(&str, u128)])], payload: &[u8]) -> Packet {
    let field = |id: HeaderId, (name, value): &(&str, u128)| {
        (id.field(name).expect("a field of the header"), *value)
    };
    let stack: Vec<(HeaderId, Vec<_>)> = stack
        .iter()
        .map(|(id, fields)| (*id, fields.iter().map(|f| field(*id, f)).collect()))
        .collect();
    Packet::build(&stack, payload).expect("the headers stand on each other")
}

fn syn() -> Packet {
    packet(
        &[
            (HeaderId::ETH, &[("src", 0x0200_0000_0001)]),
            (HeaderId::IP, &[("src", 0x0a00_0005), ("dst", 0xc633_6401), ("ttl", 64)]),
            (HeaderId::TCP, &[("src", 5000), ("dst", 443), ("flags.syn", 1)]),
        ],
        b"abcd",
    )
}

fn filter(text: &str) -> Filter {
    Filter::parse(text).unwrap_or_else(|why| panic!("{text}: {why:?}"))
}

#[test]
fn conditions_hold_or_not() {
    let packet = syn();
    for text in [
        "ip.src == 10.0.0.5 && tcp.dst == 443",
        "arp || tcp",
        "tcp.flags.syn && !tcp.flags.ack",
        "tcp.flags == 2",
        "tcp.flags & 0x12 == 2",
        "tcp.flags.syn == true",
        "ip.dst in 198.51.100.0/24",
        "ip.src in [10.0.0.4, 10.0.0.5]",
        "ip.src in [192.168.0.0/16, 10.0.0.0/8]",
        "tcp.dst in 1..=443",
        "tcp.dst in [80, 400..500]",
        "eth.src == 02:00:00:00:00:01",
        "len == 58 && payload.len == 4 && proto == 6 && mark == 0",
        "payload.u16(0) == 0x6162",
        "ip.checksum_ok && tcp.checksum_ok",
        "ip.offset == 14",
        "l4.src > 4999 && l4.src <= 5000",
        "443 == tcp.dst",
        "true",
        "!(udp.dst == 53)",
        "0.0.0.0 != ip.src",
        "ip.src in 0.0.0.0/0",
    ] {
        assert!(filter(text).matches(&packet), "{text}");
    }
    for text in [
        "udp",
        "udp.dst == 53",
        "udp.dst != 53",
        "ip6.src in ::/0",
        "tcp.dst in 1..443",
        "tcp.mss == 1460",
        "tcp.mss != 1460",
        "ip.has_option(131)",
        "payload.u8(4) == 0",
        "payload.u64(0xffff_ffff_ffff_ffff) == 0",
        "false",
        "ip.src in 10.0.0.4/32",
        "tcp.dst in 5..5",
        "!tcp",
    ] {
        assert!(!filter(text).matches(&packet), "{text}");
    }
}

#[test]
fn what_is_no_filter_is_explained() {
    for (text, code, part) in [
        ("ip.srx == 10.0.0.5", "E0701", "`ip.src` perhaps?"),
        ("ipp.src == 10.0.0.5", "E0701", "`ip` perhaps?"),
        ("tcp.flags.sin", "E0701", "flags.syn"),
        ("lenn == 5", "E0701", "`len` perhaps?"),
        ("ip.src", "E0703", "an IPv4 address"),
        ("ip == 5", "E0703", "`ip` is a header"),
        ("ip.src == 5", "E0704", "a number"),
        ("tcp.dst == 10.0.0.1", "E0704", "an IPv4 address"),
        ("ip.src in ::/0", "E0704", "an IPv6 address"),
        ("ip.src == 10.0.0.0/8", "E0705", "no single value"),
        ("tcp.dst in 5", "E0705", "a prefix, a range"),
        ("tcp.dst in 1..tcp.src", "E0705", "constants"),
        ("tcp.dst == 70000", "E0706", "16 bits"),
        ("tcp.dst + 1 == 2", "E0702", "part of a filter"),
        ("ip.src == \"a\"", "E0702", "part of a filter"),
        ("ip.src ==", "E0010", "expression"),
        ("ip.src = 10.0.0.5", "E0010", "the end of the expression"),
        ("", "E0010", "expression"),
    ] {
        let why = Filter::parse(text).expect_err(text);
        assert_eq!(why.len(), 1, "{text}: {why:?}");
        assert_eq!(why[0].code, code, "{text}: {why:?}");
        let told = format!("{why:?}");
        assert!(told.contains(part), "{text}: {told}");
    }
}

#[test]
fn constants_of_a_program_are_known() {
    let constants = |expr: &Expr| match &expr.kind {
        crate::syntax::ast::ExprKind::Name(name) if name == "INSIDE" => {
            Some(Constant::Prefix4(0x0a00_0000, 8))
        }
        _ => None,
    };
    let mut sources = SourceMap::default();
    let file = sources.add("f", "ip.src in INSIDE");
    let (expr, _) = parse_expr(&sources, file);
    let filter = Filter::of(&expr, &constants).expect("INSIDE is known");
    assert!(filter.matches(&syn()));
    assert!(Filter::of(&expr, &|_| None).is_err(), "without constants it is not");
}

#[test]
fn every_code_is_explained_by_its_examples() {
    for page in codes::CODES {
        let why = Filter::parse(page.bad).expect_err(page.code);
        assert_eq!(why.iter().map(|d| d.code).collect::<Vec<_>>(), [page.code]);
        filter(page.good);
    }
    for used in include_str!("build.rs").split("\"E07").skip(1) {
        let code = format!("E07{}", &used[..2]);
        assert!(codes::CODES.iter().any(|page| page.code == code), "{code} has no page");
    }
}
