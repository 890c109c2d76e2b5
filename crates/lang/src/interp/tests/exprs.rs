use super::super::expr::{Scope, binary, eval_on_packet, mask};
use crate::ir::{BinaryOp as Op, Expr, ExprKind, Meta, Table, TableId};
use crate::ir_sample::{P, expr, field, local, number, tcp, tcp_packet};
use proptest::prelude::*;
use trama_base::Nanos;
use trama_state::hash;
use trama_wire::header::{HeaderId, HeaderSet};
use trama_wire::option::TcpOption;
use trama_wire::packet::Packet;

#[test]
fn operators_are_total() {
    let cases: &[(Op, u8, u128, u128, u128)] = &[
        (Op::Add, 8, 255, 1, 0),
        (Op::Add, 128, u128::MAX, 1, 0),
        (Op::Sub, 8, 0, 1, 255),
        (Op::Sub, 1, 0, 1, 1),
        (Op::Mul, 64, u64::MAX.into(), u64::MAX.into(), 1),
        (Op::DivU, 16, 7, 0, 0),
        (Op::DivU, 16, 7, 2, 3),
        (Op::RemU, 16, 7, 0, 7),
        (Op::DivS, 8, 0x80, 0xff, 0x80),
        (Op::DivS, 64, 1 << 63, u64::MAX.into(), 1 << 63),
        (Op::DivS, 8, 0xf9, 2, 0xfd),
        (Op::DivS, 8, 0xf9, 0, 0),
        (Op::RemS, 8, 0xf9, 2, 0xff),
        (Op::RemS, 8, 0xf9, 0, 0xf9),
        (Op::RemS, 8, 0x80, 0xff, 0),
        (Op::Shl, 8, 1, 7, 0x80),
        (Op::Shl, 8, 1, 8, 0),
        (Op::Shl, 128, 1, 127, 1 << 127),
        (Op::Shl, 128, 1, 128, 0),
        (Op::Shl, 8, 1, u128::MAX, 0),
        (Op::ShrU, 8, 0x80, 7, 1),
        (Op::ShrU, 8, 0x80, 8, 0),
        (Op::ShrS, 8, 0x80, 7, 0xff),
        (Op::ShrS, 8, 0x80, 200, 0xff),
        (Op::ShrS, 8, 0x7f, 200, 0),
        (Op::ShrS, 128, 1 << 127, 500, u128::MAX),
        (Op::LtU, 8, 0x80, 1, 0),
        (Op::LtS, 8, 0x80, 1, 1),
        (Op::LeS, 8, 0x80, 0x80, 1),
        (Op::LtU, 128, 1 << 127, 1, 0),
        (Op::LtS, 128, 1 << 127, 1, 1),
        (Op::Eq, 128, u128::MAX, u128::MAX, 1),
        (Op::Ne, 1, 0, 1, 1),
        (Op::LeU, 8, 3, 2, 0),
    ];
    for &(op, width, a, b, wanted) in cases {
        assert_eq!(binary(op, width, a, b), wanted, "{op:?} {width} {a:#x} {b:#x}");
    }
}

proptest! {
    /// Sixteen-bit arithmetic is that of the machine.
    #[test]
    fn operators_agree_with_machine_integers(a: u16, b: u16) {
        let (sa, sb) = (a as i16, b as i16);
        let of = |op| binary(op, 16, a.into(), b.into()) as u16;
        prop_assert_eq!(of(Op::Add), a.wrapping_add(b));
        prop_assert_eq!(of(Op::Sub), a.wrapping_sub(b));
        prop_assert_eq!(of(Op::Mul), a.wrapping_mul(b));
        prop_assert_eq!(of(Op::DivU), a.checked_div(b).unwrap_or(0));
        prop_assert_eq!(of(Op::RemU), a.checked_rem(b).unwrap_or(a));
        prop_assert_eq!(of(Op::DivS), if b == 0 { 0 } else { sa.wrapping_div(sb) as u16 });
        prop_assert_eq!(of(Op::RemS), if b == 0 { a } else { sa.wrapping_rem(sb) as u16 });
        prop_assert_eq!(of(Op::ShrS), (sa >> b.min(15)) as u16);
        prop_assert_eq!(of(Op::LtS), u16::from(sa < sb));
        prop_assert_eq!(of(Op::LeU), u16::from(a <= b));
    }

    /// Whatever the width and operands, a result fits.
    #[test]
    fn results_fit_their_width(width in prop_oneof![1..=64_u8, Just(128)], a: u128, b: u128) {
        let (a, b) = (a & mask(width), b & mask(width));
        for op in [Op::Add, Op::Sub, Op::And, Op::Or, Op::Xor, Op::Shl, Op::ShrU, Op::ShrS] {
            prop_assert_eq!(binary(op, width, a, b) & !mask(width), 0);
        }
    }
}

fn on_packet(e: &Expr) -> u128 {
    eval_on_packet(e, &tcp_packet(), Nanos(77))
}

#[test]
fn packets_are_read_and_what_is_absent_is_zero() {
    let meta = |width, meta| on_packet(&expr(width, ExprKind::Meta(P, meta)));
    assert_eq!(on_packet(&field("ip.src")), 0x0a00_0001);
    assert_eq!(on_packet(&field("l4.dst")), 80);
    assert_eq!(on_packet(&field("udp.dst")), 0);
    assert_eq!(on_packet(&expr(1, ExprKind::Has(P, tcp()))), 1);
    let also_vlan = tcp().with(HeaderId::VLAN);
    assert_eq!(on_packet(&expr(1, ExprKind::Has(P, also_vlan))), 0);
    assert_eq!(on_packet(&expr(1, ExprKind::Has(P, HeaderSet::EMPTY))), 1);
    assert_eq!(on_packet(&expr(64, ExprKind::Now)), 77);
    assert_eq!(meta(32, Meta::Len), 62);
    assert_eq!(meta(32, Meta::PayloadLen), 8);
    assert_eq!(meta(32, Meta::Offset(HeaderId::TCP)), 34);
    assert_eq!(meta(32, Meta::Offset(HeaderId::UDP)), 0);
    assert_eq!(meta(8, Meta::Proto), 6);
    assert_eq!(meta(1, Meta::ChecksumOk(HeaderId::TCP)), 1);
    assert_eq!(meta(1, Meta::ChecksumOk(HeaderId::UDP)), 0);
    assert_eq!(meta(32, Meta::TcpOption(TcpOption::Mss)), 0);
    assert_eq!(meta(1, Meta::HasTcpOption(TcpOption::Mss)), 0);
    assert_eq!(meta(1, Meta::HasIpOption(131)), 0);
}

#[test]
fn payload_beyond_the_datagram_is_zero() {
    let read = |width, offset: u128| {
        on_packet(&expr(width, ExprKind::Payload(P, Box::new(number(64, offset)))))
    };
    assert_eq!(read(8, 0), 1);
    assert_eq!(read(32, 4), 0x0506_0708);
    assert_eq!(read(64, 0), 0x0102_0304_0506_0708);
    assert_eq!(read(32, 5), 0, "one byte too far");
    assert_eq!(read(64, u64::MAX.into()), 0);
}

#[test]
fn conversions_tables_and_hashes() {
    let table =
        Table { name: "t".into(), columns: vec![16, 8], rows: vec![vec![500, 1], vec![600, 2]] };
    let packet = Packet::new(&[]);
    let scope = Scope { now: Nanos(0), tables: &[table], locals: &[0x80, 1], packets: &packet };
    let boxed = |e| Box::new(e);
    let at = |row: u128| expr(16, ExprKind::Table(TableId(0), boxed(number(64, row)), 0));
    let cases = [
        (expr(4, ExprKind::Cast(boxed(number(8, 0xab)))), 0xb),
        (expr(16, ExprKind::Cast(boxed(number(8, 0xab)))), 0xab),
        (expr(16, ExprKind::SignExtend(boxed(local(0, 8)))), 0xff80),
        (expr(128, ExprKind::SignExtend(boxed(number(64, 1 << 63)))), u128::MAX << 63),
        (expr(8, ExprKind::Not(boxed(local(0, 8)))), 0x7f),
        (expr(1, ExprKind::Not(boxed(local(1, 1)))), 0),
        (
            expr(
                8,
                ExprKind::Select(boxed(local(1, 1)), boxed(number(8, 5)), boxed(field("ip.ttl"))),
            ),
            5,
        ),
        (at(1), 600),
        (at(2), 0),
        (at(u64::MAX.into()), 0),
        (
            expr(64, ExprKind::Hash(vec![number(32, 0x0102_0304), number(12, 5)])),
            hash::stable(&[4, 3, 2, 1, 5, 0]).into(),
        ),
        (expr(64, ExprKind::Hash(vec![])), hash::stable(&[]).into()),
    ];
    for (e, wanted) in cases {
        assert_eq!(scope.eval(&e), wanted, "{e:?}");
    }
}
