//! Folds as updates: what the algebra looks at.

use super::items::Items;
use super::lower::Lowerer;
use super::sink::Sink;
use super::types::{Type, leaves, resolve};
use super::value::{Tables, eval_const};
use crate::algebra::{Names, Update, of_fold};
use crate::syntax::ast;
use std::collections::BTreeMap;

/// The update of a fold, and the names to print it in. `None` if something is wrong with it, which
/// is reported where it is checked.
pub fn fold_update(
    items: &Items<'_>,
    fold: &ast::Fold,
    tables: &dyn Tables,
) -> Option<(Update, Names)> {
    let mut sink = Sink::new();
    let function = items.fns.get(fold.name.text.as_str())?;
    let mut names = Names::default();
    for param in &fold.params {
        let ast::FnParamType::Value(ty) = &param.ty else { return None };
        let ty = resolve(items, ty, &mut sink);
        push_names(&mut names.inputs, &param.name.text, &ty);
    }
    let mut firsts = Vec::new();
    for state in &fold.states {
        let ty = resolve(items, &state.ty, &mut sink);
        push_names(&mut names.leaves, &state.name.text, &ty);
        names.views.extend(leaves(&ty).into_iter().map(|(_, _, view)| view));
        match &state.initial {
            None => firsts.extend(vec![0; ty.leaf_count()]),
            Some(initial) => {
                let none = BTreeMap::new();
                let value = eval_const(items, &none, initial, Some(&ty), tables, &mut sink)?;
                firsts.extend(value.leaves());
            }
        }
    }
    let none = BTreeMap::new();
    let lowered = Lowerer::new(items, &none, tables, &mut sink).as_handler(function, firsts.len());
    if sink.has_errors() {
        return None;
    }
    let made = lowered?;
    let update = of_fold(&made.handler, (&made.params, &made.states), &made.results, &firsts);
    Some((update, names))
}

/// A name for each leaf of a value.
fn push_names(to: &mut Vec<String>, name: &str, ty: &Type) {
    for (path, ..) in leaves(ty) {
        to.push(if path.is_empty() { name.to_owned() } else { format!("{name}.{path}") });
    }
}
