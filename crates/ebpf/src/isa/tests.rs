//! The page is fresh; known values of the operations whose edges are easily got wrong.

use super::term::{Inputs, Numbers};
use super::{Effect, page, table};

#[test]
fn the_page_of_the_book_is_fresh() {
    expect_test::expect_file!["../../../../docs/book/src/ebpf/instructions.md"].assert_eq(&page());
}

/// The result of the instruction with this text, from the table.
fn result(text: &str, dst: u64, src: u64) -> u64 {
    let row = table().iter().find(|row| row.text == text).expect("the table has it");
    let Effect::Set(term) = &row.effect else { panic!("it sets no register") };
    let imm = i64::from(src as i32).cast_unsigned();
    term.eval(&mut Numbers, &Inputs { dst, src, r0: 0, imm, old: 0 })
}

/// Values from the text of RFC 9669, section 4.1, and from the kernel's own tests of its JITs.
#[test]
fn edges_are_as_the_standard_says() {
    let max = u64::MAX;
    assert_eq!(result("{d} /= {s}", 5, 0), 0);
    assert_eq!(result("{d} %= {s}", 5, 0), 5);
    assert_eq!(result("{wd} %= {ws}", 0x1_0000_0005, 0), 5);
    assert_eq!(result("{wd} s/= {ws}", 0x8000_0000, max), 0x8000_0000);
    assert_eq!(result("{d} s/= {s}", 1 << 63, max), 1 << 63);
    assert_eq!(result("{d} s%= {s}", 1 << 63, max), 0);
    assert_eq!(result("{d} s/= {i}", (-13i64) as u64, 3), (-4i64) as u64);
    assert_eq!(result("{d} s%= {i}", (-13i64) as u64, 3), (-1i64) as u64);
    assert_eq!(result("{d} += {i}", 0, (-1i64) as u64), max);
    assert_eq!(result("{wd} += {i}", 0, (-1i64) as u64), 0xffff_ffff);
    assert_eq!(result("{wd} = {i}", 7, (-1i64) as u64), 0xffff_ffff);
    assert_eq!(result("{d} <<= {s}", 1, 65), 2);
    assert_eq!(result("{wd} s>>= {ws}", 0x8000_0000, 33), 0xc000_0000);
    assert_eq!(result("{wd} = (s8){ws}", 0, 0x80), 0xffff_ff80);
    assert_eq!(result("{d} = (s32){s}", 0, 0x8000_0000), 0xffff_ffff_8000_0000);
    assert_eq!(result("{d} = be16 {d}", 0xabcd_1234, 0), 0x3412);
    assert_eq!(result("{d} = le32 {d}", 0xff_abcd_1234, 0), 0xabcd_1234);
    assert_eq!(result("{d} = bswap64 {d}", 1, 0), 1 << 56);
    assert_eq!(result("{wd} = -{wd}", 1, 0), 0xffff_ffff);
}
