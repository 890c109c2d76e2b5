//! What a run over a part of a stream leaves behind, such that it can be added to the state that
//! the part before it led to.
//!
//! For an update with a history of `k` packets these are the first `k` packets of the part, which
//! are taken again; for linear leaves the product of the matrices of all later ones and what they
//! added; for commutative leaves what they added alone. That is Marple's merge of a cached entry
//! with its backing store (Narayana et al., SIGCOMM 2017, section 3.2), for all classes.

use super::class::{LeafClass, Merge};
use super::sym::{Old, Sym};
use super::{Class, Leaf, Update};
use crate::interp::expr::mask;
use crate::ir::{Expr, ExprKind};

/// A run over a part of a stream.
#[derive(Clone, Debug)]
pub struct Partial<'u> {
    update: &'u Update,
    /// The first packets, as many as the history is long.
    first: Vec<Vec<u128>>,
    /// The state after a run from the first values.
    state: Vec<u128>,
    /// Product of the matrices since then: one row for each leaf.
    factors: Vec<Vec<u128>>,
    /// What was added, by linear and commutative leaves.
    added: Vec<u128>,
}

/// Runs an update over packets from its first values.
pub fn run<'p>(update: &Update, packets: impl IntoIterator<Item = &'p [u128]>) -> Vec<u128> {
    let mut state = first_values(update);
    for packet in packets {
        state = step(update, &state, packet);
    }
    state
}

/// The values before the first packet.
pub fn first_values(update: &Update) -> Vec<u128> {
    update.leaves.iter().map(|leaf| leaf.first).collect()
}

/// The state after one packet, which is the values of the parameters.
pub fn step(update: &Update, state: &[u128], packet: &[u128]) -> Vec<u128> {
    update.leaves.iter().map(|leaf| value(update, &leaf.value, state, packet)).collect()
}

fn value(update: &Update, sym: &Sym, state: &[u128], packet: &[u128]) -> u128 {
    let old = |old: Old| {
        let at = update.leaves.iter().position(|leaf| leaf.index == old.leaf);
        at.map_or(0, |at| state[at])
    };
    let input = |e: &Expr| match e.kind {
        ExprKind::Local(id) => packet.get(id.0 as usize).copied().unwrap_or(0),
        _ => 0,
    };
    sym.eval(&old, &input)
}

impl<'u> Partial<'u> {
    /// A run over nothing; none for a general update, whose runs cannot be merged.
    pub fn new(update: &'u Update) -> Option<Self> {
        let count = update.leaves.len();
        let unit = |row: usize| (0..count).map(|column| u128::from(row == column)).collect();
        let neutral = |leaf: &Leaf| match &leaf.class {
            LeafClass::Commutative(merge, _) => merge.identity(leaf.value.width()),
            _ => 0,
        };
        (update.class != Class::General).then(|| Self {
            update,
            first: Vec::new(),
            state: first_values(update),
            factors: (0..count).map(unit).collect(),
            added: update.leaves.iter().map(neutral).collect(),
        })
    }

    fn history(&self) -> usize {
        self.update.class.history() as usize
    }

    /// Takes a packet.
    pub fn take(&mut self, packet: &[u128]) {
        if self.first.len() < self.history() {
            self.first.push(packet.to_vec());
        } else {
            self.multiply(packet);
        }
        self.state = step(self.update, &self.state, packet);
    }

    fn multiply(&mut self, packet: &[u128]) {
        let (update, state) = (self.update, &self.state);
        let eval = |sym: &Sym| value(update, sym, state, packet);
        let (before, added) = (self.factors.clone(), self.added.clone());
        let count = update.leaves.len();
        for (row, leaf) in update.leaves.iter().enumerate() {
            let bits = mask(leaf.value.width());
            match &leaf.class {
                LeafClass::Commutative(Merge::Sum, operand) => {
                    self.added[row] = added[row].wrapping_add(eval(operand)) & bits;
                }
                LeafClass::Commutative(merge, operand) => {
                    let width = leaf.value.width();
                    self.added[row] = merge.apply(width, added[row], eval(operand));
                }
                LeafClass::Linear(form) => {
                    let mut factors = vec![0; count];
                    let mut sum = eval(&form.rest);
                    for (old, factor) in &form.factors {
                        let Some(column) = position(update, old.leaf) else { continue };
                        let factor = eval(factor);
                        sum = sum.wrapping_add(factor.wrapping_mul(added[column]));
                        for (cell, earlier) in factors.iter_mut().zip(&before[column]) {
                            *cell = factor.wrapping_mul(*earlier).wrapping_add(*cell) & bits;
                        }
                    }
                    self.factors[row] = factors;
                    self.added[row] = sum & bits;
                }
                LeafClass::Unchanged | LeafClass::History(_) | LeafClass::General(_) => {}
            }
        }
    }

    /// The state after the part, given the state before it.
    pub fn after(&self, before: &[u128]) -> Vec<u128> {
        let mut base = before.to_vec();
        for packet in &self.first {
            base = step(self.update, &base, packet);
        }
        if self.first.len() < self.history() {
            return base;
        }
        let rows = self.update.leaves.iter().enumerate();
        rows.map(|(row, leaf)| match &leaf.class {
            LeafClass::Unchanged => base[row],
            LeafClass::History(_) | LeafClass::General(_) => self.state[row],
            LeafClass::Commutative(merge, _) => {
                merge.apply(leaf.value.width(), base[row], self.added[row])
            }
            LeafClass::Linear(_) => {
                let products = self.factors[row].iter().zip(&base);
                let sum = products.fold(self.added[row], |sum, (factor, old)| {
                    sum.wrapping_add(factor.wrapping_mul(*old))
                });
                sum & mask(leaf.value.width())
            }
        })
        .collect()
    }
}

fn position(update: &Update, leaf: u32) -> Option<usize> {
    update.leaves.iter().position(|known| known.index == leaf)
}
