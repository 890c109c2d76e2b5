use super::*;
use crate::header::HeaderId as H;
use crate::samples::header;
use expect_test::{Expect, expect};

fn check(stack: &[(H, &[(&str, u128)])], payload: &[u8], line: Expect) {
    let stack: Vec<_> = stack.iter().map(|(id, fields)| header(*id, fields)).collect();
    let packet = Packet::build(&stack, payload).unwrap();
    line.assert_eq(&packet.describe().to_string());
}

const IP: (H, &[(&str, u128)]) = (H::IP, &[("src", 0x0a00_0001), ("dst", 0xc000_0202)]);
const IP6: (H, &[(&str, u128)]) = (H::IP6, &[("src", 1), ("dst", 0x2001_0db8 << 96 | 2)]);

#[test]
fn tcp() {
    let syn = [("src", 40_000), ("dst", 443), ("seq", 7), ("flags", 2), ("offset", 6)];
    check(
        &[IP, (H::TCP, &syn)],
        &[2, 4, 5, 0xb4],
        expect!["10.0.0.1:40000 > 192.0.2.2:443 tcp [S] seq 7 win 0 len 0 mss 1460"],
    );
    let push = [("src", 1), ("dst", 2), ("ack", 9), ("flags", 0x18), ("window", 512)];
    check(
        &[(H::ETH, &[]), (H::VLAN, &[("id", 5), ("pcp", 3)]), IP6, (H::TCP, &push)],
        b"abc",
        expect!["vlan 5 p3 [::1]:1 > [2001:db8::2]:2 tcp [P.] seq 0 ack 9 win 512 len 3"],
    );
}

#[test]
fn icmp_and_its_quotes() {
    check(
        &[IP, (H::ICMP, &[("type", 8), ("id", 3), ("seq", 4)])],
        b"ping",
        expect!["10.0.0.1 > 192.0.2.2 icmp echo request id 3 seq 4 len 4"],
    );
    let quoted = (H::INNER, &[("src", 0x0102_0304), ("dst", 0x0506_0708)][..]);
    check(
        &[
            IP,
            (H::ICMP, &[("type", 3), ("code", 4), ("mtu", 1400)]),
            quoted,
            (H::INNER_L4, &[("src", 53), ("dst", 9)]),
        ],
        b"",
        expect![
            "10.0.0.1 > 192.0.2.2 icmp fragmentation needed mtu 1400 [1.2.3.4:53 > 5.6.7.8:9 udp]"
        ],
    );
    check(
        &[
            IP6,
            (H::ICMP6, &[("type", 3)]),
            (H::INNER6, &[("src", 5), ("dst", 6)]),
            (H::INNER_ICMP, &[("id", 1), ("seq", 2)]),
        ],
        b"",
        expect!["::1 > 2001:db8::2 icmp6 time exceeded [::5 > ::6 icmp6 echo id 1 seq 2]"],
    );
}

#[test]
fn arp_fragments_and_the_unknown() {
    let request = [("op", 1), ("spa", 0x0a00_0001), ("tpa", 0x0a00_0002)];
    check(&[(H::ARP, &request)], b"", expect!["arp who-has 10.0.0.2 tell 10.0.0.1"]);
    let reply = [("op", 2), ("spa", 0x0a00_0001), ("sha", 0x0200_0000_0001)];
    check(&[(H::ARP, &reply)], b"", expect!["arp 10.0.0.1 is-at 02:00:00:00:00:01"]);
    let fragment = [("frag", 185), ("mf", 1), ("id", 9), ("proto", 17)];
    check(&[(H::IP, &fragment)], &[0; 8], expect!["0.0.0.0 > 0.0.0.0 udp len 8 frag 9:1480+"]);
    check(
        &[(H::ETH, &[("type", 0x88cc), ("src", 1), ("dst", 2)])],
        b"lldp",
        expect!["00:00:00:00:00:01 > 00:00:00:00:00:02 type 0x88cc len 18"],
    );
    let short = Packet::new(&[1, 2, 3]);
    expect!["3 bytes, cut"].assert_eq(&short.describe().to_string());
}
