use super::*;
use crate::{Shape, mem};
use trama_base::Nanos;

fn patterns() -> std::sync::Arc<crate::PatternSet> {
    let pattern = |bytes: &[u8]| crate::Pattern { bytes: bytes.into(), ..Default::default() };
    let patterns = vec![pattern(b"GET "), pattern(b"evil")];
    std::sync::Arc::new(crate::PatternSet::new(patterns).unwrap())
}

fn every_kind() -> Vec<StateSpec> {
    let spec = |kind, key: &[u8], value: &[u8]| StateSpec {
        name: "object".into(),
        kind,
        key: Shape(key.to_vec()),
        value: Shape(value.to_vec()),
    };
    let expire = Some(Nanos(7));
    let (capacity, when_full) = (9, WhenFull::EvictOldest);
    let mut specs = vec![
        spec(StateKind::Sketch { width: 99, depth: 4, conservative: true, seed: 1 }, &[32], &[]),
        spec(StateKind::Bloom { capacity: 999, error_ppm: 10_000, seed: 1 }, &[32], &[]),
        spec(StateKind::Ring { capacity, when_full }, &[], &[32, 8]),
        spec(StateKind::Streams { capacity, window_bytes: 99, expire, when_full }, &[32], &[]),
        spec(StateKind::Histogram { capacity, precision: 4, expire, when_full }, &[32], &[]),
        spec(StateKind::Patterns(patterns()), &[], &[]),
        spec(StateKind::Array { len: 1000 }, &[], &[32, 8]),
        spec(StateKind::Counter { len: 77 }, &[], &[]),
        spec(StateKind::Pool { size: 1000, expire: None }, &[], &[]),
        spec(StateKind::Pool { size: 1, expire: Some(Nanos(5)) }, &[], &[]),
        spec(StateKind::Bucket { capacity: 1, rate_per_s: 1, burst: 1 }, &[], &[]),
        spec(StateKind::Bucket { capacity: 999, rate_per_s: 1, burst: 1 }, &[32], &[]),
        spec(StateKind::Maglev { table_size: 251, capacity: 99 }, &[32, 16], &[]),
    ];
    for capacity in [1, 20, 3000, 70_000] {
        for bits in [32, 128] {
            let kind = StateKind::Lpm { address_bits: bits, capacity };
            specs.push(spec(kind, &[bits], &[32]));
        }
        for expire in [None, Some(Nanos(9))] {
            for when_full in [WhenFull::Refuse, WhenFull::EvictOldest] {
                let kind = StateKind::Map { capacity, expire, when_full };
                specs.push(spec(kind.clone(), &[32, 32, 16, 16, 8], &[64, 32]));
                specs.push(spec(kind.clone(), &[], &[]));
                specs.push(spec(kind, &[128; 3], &[128; 9]));
            }
        }
    }
    specs
}

#[test]
fn bytes_are_what_the_backend_reserves() {
    for spec in every_kind() {
        let object = mem::Object::new(&spec, 1).unwrap();
        assert_eq!(object.reserved_bytes(), spec.bytes_at_capacity(), "{spec:?}");
        let wider = StateSpec { key: Shape([&spec.key.0[..], &[128]].concat()), ..spec.clone() };
        if matches!(spec.kind, StateKind::Maglev { .. }) {
            assert_ne!(object.reserved_bytes(), wider.bytes_at_capacity(), "{spec:?}");
        }
    }
}

#[test]
fn every_operation_belongs_to_some_kind_and_every_kind_has_some() {
    let specs = every_kind();
    for operation in Operation::all() {
        assert!(specs.iter().any(|spec| spec.contract(operation).is_some()), "{operation:?}");
    }
    for spec in specs {
        let known: Vec<_> =
            Operation::all().filter_map(|operation| spec.contract(operation)).collect();
        assert!(known.iter().any(|contract| contract.effect == Effect::Read) || known.len() < 3);
        let is_constant = matches!(spec.kind, StateKind::Patterns(_));
        assert!(is_constant || known.iter().any(|contract| contract.effect != Effect::Read));
        assert!(known.iter().all(|contract| contract.cost.lines > 0));
        assert!(!spec.mapping().ebpf.is_empty() && !spec.algebra().note.is_empty());
    }
}

#[test]
fn updates_commute_unless_age_decides_who_stays() {
    let update = Operation::MapUpdate(Combine::Commutative);
    for spec in every_kind() {
        let StateKind::Map { when_full, .. } = spec.kind else { continue };
        let contract = spec.contract(update).unwrap();
        let commutes = contract.effect == Effect::CommutativeUpdate;
        assert_eq!(commutes, when_full == WhenFull::Refuse);
        assert_eq!(contract.exposure, Exposure::Key);
    }
}
