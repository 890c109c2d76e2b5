//! Headers that programs declare: what programs with them do, and what is said about wrong ones.

use super::messages;
use super::run::failures;

const TELEMETRY: &str = "
header telemetry after udp.dst == 5000 { version: u3, urgent: bool, hops: u4, node: u48, next: u8 }
header sample after telemetry.next == 7 { low: u12, high: u36, at: ip4, wide: u64, odd: u8 }
header beacon after eth.type == 0x88b5 { id: u16, station: mac }
header game after ip.proto == 200 { kind: u8 }
header game6 after ip6.next == 200 { kind: u8 }
header frame after vxlan.vni == 9 { dst: mac, src: mac, type: u16 }

element E {
    port lan, wan, tap
    state nodes: map<u48, u32>[4]

    fn hop(p: udp/telemetry) -> u4 { p.telemetry.hops + 1 }

    on lan(p: ip/udp/sample | ip6/udp/sample) {
        p.sample.low = 0xabc
        p.sample.high += 1
        p.sample.at = 10.9.8.7
        p.sample.wide = 0x0102030405060708
        p.mark = p.sample.odd
        send p to tap
    }

    on lan(p: ip/udp/telemetry) {
        nodes[p.telemetry.node] += 1
        p.telemetry.hops = hop(p)
        p.telemetry.urgent = true
        p.mark = p.telemetry.version
        send p to wan
    }

    on lan(p: beacon) { p.beacon.id = 0x1234; send p to wan }

    on lan(p) {
        if p is udp && p is telemetry { p.mark = 99 }
        if p is ip/game | ip6/game6 { p.mark = 50 }
        if p is frame { p.mark = 60 + p.frame.type as u8 }
        send p to wan
    }

    on wan, tap(p) { send p to lan }
}
";

fn check(steps: &str) {
    let text = format!("{TELEMETRY}\ntest \"steps\" for E {{\n{steps}\n}}\n");
    assert_eq!(failures(&text), "", "{steps}");
}

#[test]
fn fields_are_read_and_written_where_they_lie() {
    check(
        "lan <- ip { src: 1.1.1.1, dst: 2.2.2.2 } / udp { src: 1, dst: 5000 } \
         / hex \"a3 010203040506 09 ff\"
         expect wan mark == 5 && udp.checksum_ok && payload.u8(0) == 0xb4 && payload.u8(7) == 9
         expect nodes[0x010203040506] == 1",
    );
    check(
        "lan <- ip { src: 1.1.1.1, dst: 2.2.2.2 } / udp { src: 1, dst: 5000 } \
         / hex \"a3 010203040506 07 111222222222 00000000 0000000000000000 2a\"
         expect tap mark == 42 && udp.checksum_ok && payload.u32(8) == 0xabc22222 \
             && payload.u16(12) == 0x2223 && payload.u32(14) == 0x0a090807 \
             && payload.u64(18) == 0x0102030405060708 && payload.u8(26) == 0x2a",
    );
}

#[test]
fn a_header_is_there_if_all_of_it_is() {
    // One byte short; another port; the next handler takes them.
    check(
        "lan <- ip { src: 1.1.1.1, dst: 2.2.2.2 } / udp { src: 1, dst: 5000 } \
         / hex \"a3 010203040506\"
         expect wan mark == 0 && nodes.len == 0
         lan <- ip { src: 1.1.1.1, dst: 2.2.2.2 } / udp { src: 5000, dst: 5001 } \
         / hex \"a3 010203040506 07 ff\"
         expect wan mark == 0"
            .replace(" && nodes.len == 0", "")
            .as_str(),
    );
    check(
        "lan <- ip { src: 1.1.1.1, dst: 2.2.2.2 } / udp { src: 1, dst: 5000 } \
         / hex \"a3 010203040506 07 1112\"
         expect wan mark == 5",
    );
}

#[test]
fn headers_follow_ethernet_ip_and_tunnels() {
    check(
        "lan <- hex \"020000000001 020000000002 88b5 0001 020000000003\"
         expect wan payload.u16(0) == 0x1234
         lan <- hex \"020000000001 020000000002 8100 0005 88b5 0001 020000000003\"
         expect wan payload.u16(0) == 0x1234 && vlan.id == 5
         lan <- hex \"020000000001 020000000002 88b6 0001 020000000003\"
         expect wan payload.u16(0) == 1",
    );
    check(
        "lan <- ip { src: 1.1.1.1, dst: 2.2.2.2, proto: 200 } / \"x\"
         expect wan mark == 50
         lan <- ip { src: 1.1.1.1, dst: 2.2.2.2, proto: 200, frag: 3 } / \"x\"
         expect wan mark == 0
         lan <- ip6 { src: 2001:db8::1, dst: 2001:db8::2, next: 200 } / \"x\"
         expect wan mark == 50
         lan <- ip { src: 1.1.1.1, dst: 2.2.2.2 } / udp { src: 1 } / vxlan { vni: 9 } \
         / hex \"020000000001 020000000002 0007\"
         expect wan mark == 67
         lan <- ip { src: 1.1.1.1, dst: 2.2.2.2 } / udp { src: 1 } / vxlan { vni: 8 } \
         / hex \"020000000001 020000000002 0007\"
         expect wan mark == 0",
    );
}

#[test]
fn wrong_headers_are_explained() {
    let codes = |header: &str, body: &str| {
        let text = format!(
            "{header}\nelement E {{ port lan\n on lan(p: udp) {{\n{body}\nsend p to lan }} }}"
        );
        let said = messages(&text);
        said.lines().filter(|l| !l.starts_with(' ')).map(|l| l[..5].to_owned()).collect::<Vec<_>>()
    };
    let one = "header h after udp.dst == 9 { a: u8 }";
    assert_eq!(codes(one, "if p is h { p.mark = p.h.a }"), [""; 0]);
    assert_eq!(codes(one, "p.mark = p.h.a"), ["E0301"]);
    assert_eq!(codes(one, "if p is h { p.mark = p.h.b }"), ["E0105"]);
    assert_eq!(codes(one, "if p is hh { p.mark = 1 }"), ["E0303"]);
    assert_eq!(codes(one, "if p is h { insert ip / h into p }"), ["E0304"]);
    assert_eq!(codes(one, "if p is h { remove ip/udp/h from p }"), ["E0304"]);
    assert_eq!(codes("header udp after udp.dst == 9 { a: u8 }", ""), ["E0111"]);
    assert_eq!(codes("header h after udp.dts == 9 { a: u8 }", ""), ["E0105"]);
    assert_eq!(codes("header h after upd.dst == 9 { a: u8 }", ""), ["E0303"]);
    assert_eq!(codes("header h after udp.dst == 70000 { a: u8 }", ""), ["E0206"]);
    assert_eq!(codes("header h after udp.dst == now { a: u8 }", ""), ["E0206"]);
    assert_eq!(codes("header h after icmp.type == 9 { a: u8 }", ""), ["E0304"]);
    assert_eq!(codes("header h after udp.dst == 9 { a: u7 }", ""), ["E0606"]);
    assert_eq!(codes("header h after udp.dst == 9 { }", ""), ["E0606"]);
    assert_eq!(codes("header h after udp.dst == 9 { a: u8, a: u8 }", ""), ["E0104"]);
    assert_eq!(codes("header h after udp.dst == 9 { a: bytes[4] }", ""), ["E0212"]);
    assert_eq!(codes(&format!("{one}\n{one}"), ""), ["E0104"]);
    let nine: String =
        (0..9).map(|i| format!("header h{i} after udp.dst == {i} {{ a: u8 }}\n")).collect();
    assert_eq!(codes(&nine, ""), ["E0606"]);
}
