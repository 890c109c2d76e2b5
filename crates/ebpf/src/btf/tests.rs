//! What is written can be read; what is damaged is refused.

use super::{Btf, Member, Place, Qualifier, Type};

fn sample() -> Btf {
    let mut btf = Btf::default();
    let int = btf.add(Type::Int { name: "int".into(), bytes: 4, bits: 32, encoding: 1 });
    let constant = btf.add(Type::Qualified { qualifier: Qualifier::Const, target: int });
    let pointer = btf.add(Type::Pointer(constant));
    let array = btf.add(Type::Array { element: pointer, index: int, len: 3 });
    let member = |name: &str, target, offset_bits, width_bits| Member {
        name: name.into(),
        target,
        offset_bits,
        width_bits,
    };
    let pair = btf.add(Type::Struct {
        name: "pair".into(),
        is_union: false,
        bytes: 32,
        members: vec![member("list", array, 0, 0), member("bits", int, 192, 3)],
    });
    let values = vec![("LOW".into(), 0), ("HIGH".into(), 7)];
    btf.add(Type::Enum { name: "level".into(), bytes: 4, signed: false, values, wide: false });
    let parameters = vec![("p".into(), pointer)];
    let prototype = btf.add(Type::Prototype { result: int, parameters });
    btf.add(Type::Function { name: "f".into(), prototype, linkage: 1 });
    let variable = btf.add(Type::Variable { name: "v".into(), target: pair, linkage: 1 });
    let variables = vec![Place { variable, offset: 0, bytes: 32 }];
    btf.add(Type::Section { name: ".data".into(), bytes: 32, variables });
    btf
}

#[test]
fn what_is_written_is_read_back() {
    let btf = sample();
    assert_eq!(Btf::read(&btf.write()), Ok(btf));
}

#[test]
fn types_print_as_c() {
    let text = sample().to_string();
    for wanted in ["const int *list[3];  // at 0", "int bits:3;  // at 24", "int f(const int *p);"]
    {
        assert!(text.contains(wanted), "no {wanted} in\n{text}");
    }
    assert_eq!(sample().bytes(9), Some(32));
    assert_eq!(sample().bytes(4), Some(24));
}

#[test]
fn damage_is_refused() {
    let whole = sample().write();
    for len in 0..whole.len() {
        assert!(Btf::read(&whole[..len]).is_err(), "cut to {len}");
    }
    let mut looping = Btf::default();
    looping.add(Type::Typedef { name: "a".into(), target: 2 });
    looping.add(Type::Typedef { name: "b".into(), target: 1 });
    assert_eq!(
        Btf::read(&looping.write()).unwrap_err().to_string(),
        "type information: type 1 contains itself"
    );
    let mut open = Btf::default();
    open.add(Type::Pointer(7));
    assert!(Btf::read(&open.write()).unwrap_err().to_string().contains("names type 7"));
}

/// Any flipped byte gives types or an error, never a panic.
#[test]
fn flipped_bytes_do_no_harm() {
    let whole = sample().write();
    for at in 0..whole.len() {
        for flip in [1, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] ^= flip;
            if let Ok(btf) = Btf::read(&bytes) {
                let _ = btf.to_string();
                let _: Vec<_> = btf.iter().map(|(id, _)| btf.bytes(id)).collect();
            }
        }
    }
}
