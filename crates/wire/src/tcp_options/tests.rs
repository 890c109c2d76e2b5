use super::*;
use crate::option::TcpOption;

fn segment(payload: &[u8]) -> Packet {
    let stack = [(HeaderId::IP, vec![]), (HeaderId::TCP, vec![])];
    Packet::build(&stack, payload).expect("TCP stands on IPv4")
}

const SYN: TcpOptions = [Some(1460), Some(7), Some(1), Some(0x01020304), Some(0)];

#[test]
fn options_are_those_of_a_linux_syn() {
    let mut packet = segment(b"data");
    packet.set_tcp_options(&SYN);
    let at = packet.layout().start(HeaderId::TCP).expect("it has TCP");
    let expected = [2, 4, 5, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7];
    assert_eq!(packet.bytes()[at + 20..at + 40], expected);
    assert_eq!(packet.payload(), b"data");
    assert!(packet.checksum_ok(HeaderId::TCP) && packet.checksum_ok(HeaderId::IP));
    for (option, value) in TcpOption::ALL.into_iter().zip(SYN) {
        assert_eq!(packet.tcp_option(option), value, "{option:?}");
    }
}

#[test]
fn every_choice_of_options_can_be_read_back_and_taken_out() {
    for v6 in [false, true] {
        let network = if v6 { HeaderId::IP6 } else { HeaderId::IP };
        for choice in 0..32 {
            let stack = [(network, vec![]), (HeaderId::TCP, vec![])];
            let mut packet = Packet::build(&stack, b"odd").expect("TCP stands on both");
            let original = packet.bytes().to_vec();
            let options: TcpOptions = std::array::from_fn(|i| {
                (choice >> i & 1 == 1).then_some(if i == 2 { 1 } else { 9 })
            });
            packet.set_tcp_options(&options);
            assert!(packet.checksum_ok(HeaderId::TCP));
            for (i, option) in TcpOption::ALL.into_iter().enumerate().take(3) {
                assert_eq!(packet.tcp_option(option), options[i]);
            }
            let stamps = options[3].or(options[4]).map(|_| options[3].unwrap_or(0));
            assert_eq!(packet.tcp_option(TcpOption::TsVal), stamps);
            packet.set_tcp_options(&[None; 5]);
            assert_eq!(packet.bytes(), original);
        }
    }
}

#[test]
fn a_wrong_checksum_stays_wrong() {
    let mut packet = segment(b"data");
    let at = packet.layout().start(HeaderId::TCP).expect("it has TCP") + 16;
    packet.bytes_mut()[at] ^= 1;
    packet.set_tcp_options(&SYN);
    assert!(!packet.checksum_ok(HeaderId::TCP) && packet.checksum_ok(HeaderId::IP));
}

#[test]
fn edges_of_blocks_are_shifted_wherever_they_stand() {
    // SACK with two blocks, aligned as Linux does and one byte off.
    for padding in [2, 1, 3] {
        let mut options = vec![1; padding];
        options.extend([5, 18]);
        options.extend((0..16).map(|i| i * 3 + 200_u8));
        options.resize(20 + padding.next_multiple_of(4), 0);
        let len = options.len();
        let offset = HeaderId::TCP.field("offset").expect("it is there");
        let words = u128::from(5 + len as u8 / 4);
        let stack = [(HeaderId::IP, vec![]), (HeaderId::TCP, vec![(offset, words)])];
        let mut packet = Packet::build(&stack, &options).expect("TCP stands on IPv4");
        let at = packet.layout().start(HeaderId::TCP).expect("it has TCP") + 20 + padding + 2;
        let edges = |packet: &Packet| -> Vec<u32> {
            let (words, _) = packet.bytes()[at..at + 16].as_chunks::<4>();
            words.iter().map(|word| u32::from_be_bytes(*word)).collect()
        };
        let before = edges(&packet);
        packet.shift_sack(0xdead_beef);
        let expected: Vec<u32> = before.iter().map(|e| e.wrapping_add(0xdead_beef)).collect();
        assert_eq!(edges(&packet), expected);
        assert!(packet.checksum_ok(HeaderId::TCP), "padding {padding}");
    }
    let mut none = segment(b"");
    let before = none.bytes().to_vec();
    none.shift_sack(1);
    assert_eq!(none.bytes(), before);
}

/// Found by fuzzing: the length field was written before.
#[test]
fn a_length_that_lies_is_no_trouble() {
    let mut packet = segment(b"data");
    packet.set_tcp_options(&SYN);
    let len = HeaderId::IP.field("len").expect("it is in the table");
    for lie in [0, 1, 19, 0xffff] {
        packet.set(len, lie);
        let before = packet.bytes().to_vec();
        packet.set_tcp_options(&[None; 5]);
        assert!(packet.len() == before.len() - 20 || packet.bytes() == before, "{lie}");
        packet.set_tcp_options(&SYN);
    }
}
