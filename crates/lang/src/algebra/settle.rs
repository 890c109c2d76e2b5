//! Entries that are not there yet: `m[k].or(7)` is a leaf whose first value is 7.

use super::sym::{FOUND, Kind, Old, Sym};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// The values of an entry's leaves, with choices between what was there and a first value settled:
/// the first values by leaf. A leaf that is not in the map begins as zero.
pub(super) fn settle(cell: u32, value: &[(u32, Sym)]) -> (Vec<(u32, Sym)>, BTreeMap<u32, u128>) {
    let mut firsts = BTreeMap::new();
    for (leaf, _) in value.iter().filter(|(leaf, _)| *leaf != FOUND) {
        if let Some(first) = first_value(Old { cell, leaf: *leaf }, value) {
            firsts.insert(*leaf, first);
        }
    }
    let value = value
        .iter()
        .map(|(leaf, sym)| {
            let sym = sym.replace(&|part| {
                let (old, first) = defaulted(part, cell)?;
                (firsts.get(&old.leaf) == Some(&first)).then(|| is_then(part)).flatten()
            });
            (*leaf, without_presence(&sym, cell, &firsts))
        })
        .collect();
    (value, firsts)
}

/// The first value of a leaf, if it is the same wherever the leaf is read.
fn first_value(old: Old, value: &[(u32, Sym)]) -> Option<u128> {
    let found: RefCell<Vec<Option<u128>>> = RefCell::default();
    for (leaf, sym) in value {
        let _ = sym.replace(&|part| match (defaulted(part, old.cell), part.kind()) {
            (Some((of, first)), _) if of == old => {
                found.borrow_mut().push(Some(first));
                Some(part.clone())
            }
            // Leaving a leaf as it is says nothing of its first value.
            (_, Kind::Old(of)) if *of == old && *leaf != old.leaf => {
                found.borrow_mut().push(None);
                None
            }
            _ => None,
        });
    }
    let found = found.into_inner();
    let first = (*found.first()?)?;
    found.iter().all(|one| *one == Some(first)).then_some(first)
}

/// `if found { S } else { constant }`: the leaf and the constant.
fn defaulted(part: &Sym, cell: u32) -> Option<(Old, u128)> {
    let Kind::Select(condition, then, or) = part.kind() else { return None };
    let Kind::Old(present) = condition.kind() else { return None };
    let Kind::Old(old) = then.kind() else { return None };
    let own = present.cell == cell && present.leaf == FOUND && old.cell == cell;
    own.then_some((*old, or.known()?))
}

fn is_then(part: &Sym) -> Option<Sym> {
    match part.kind() {
        Kind::Select(_, then, _) => Some(then.clone()),
        _ => None,
    }
}

/// `if found { f(S) } else { f(first) }` is `f(S)`.
fn without_presence(sym: &Sym, cell: u32, firsts: &BTreeMap<u32, u128>) -> Sym {
    sym.replace(&|part| {
        let Kind::Select(condition, then, or) = part.kind() else { return None };
        let Kind::Old(present) = condition.kind() else { return None };
        if present.cell != cell || present.leaf != FOUND {
            return None;
        }
        let absent = then.replace(&|inner| match inner.kind() {
            Kind::Old(old) if old.cell == cell && old.leaf == FOUND => Some(Sym::constant(0, 1)),
            Kind::Old(old) if old.cell == cell => {
                let first = firsts.get(&old.leaf).copied().unwrap_or(0);
                Some(Sym::constant(first, inner.width()))
            }
            _ => None,
        });
        (absent == *or).then(|| without_presence(then, cell, firsts))
    })
}
