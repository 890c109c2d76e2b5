//! All tests of one program: instantiated, run, reported.

use super::{Constant, START, Scope, TestOutcome, not_run, run_test};
use crate::check::types::Type;
use crate::check::value::Value;
use crate::compile::Unit;
use crate::diagnostic::Severity;
use crate::engine::Engine;
use crate::files::Files;
use crate::filter;
use crate::ir::Program;
use crate::syntax::ast;
use std::sync::Arc;
use trama_base::Nanos;

/// Makes an engine for a program that starts at the given time.
pub type MakeEngine<'a> = dyn Fn(Arc<Program>, Nanos) -> Result<Box<dyn Engine>, String> + 'a;

/// Runs the tests of `file` whose titles are wanted, each on an engine of its own.
pub fn run_all(
    unit: &Unit,
    file: &ast::File,
    files: &dyn Files,
    wanted: impl Fn(&str) -> bool,
    make: &MakeEngine<'_>,
) -> Vec<TestOutcome> {
    let tests = crate::compile::tests_of(file).into_iter().filter(|test| wanted(&test.title));
    tests.map(|test| run_one(unit, test, files, make)).collect()
}

fn run_one(unit: &Unit, test: &ast::Test, files: &dyn Files, make: &MakeEngine<'_>) -> TestOutcome {
    let checked = unit.check_test(test, files);
    let Some(program) = checked.program.map(Arc::new) else {
        let errors = checked.diagnostics.iter().filter(|d| d.severity == Severity::Error);
        let messages: Vec<_> = errors.map(|d| d.message.as_str()).collect();
        return not_run(test, &unit.sources, messages.join("; "));
    };
    let mut engine = match make(Arc::clone(&program), START) {
        Ok(engine) => engine,
        Err(why) => return not_run(test, &unit.sources, why),
    };
    let constants = |expr: &ast::Expr| match unit.constant(expr, files) {
        Ok(value) => Ok(constant(&value)),
        Err(messages) => {
            Err(messages.first().map_or_else(|| "not a constant".into(), |d| d.message.clone()))
        }
    };
    let scope = Scope { sources: &unit.sources, program: &program, constants: &constants };
    run_test(test, scope, &mut *engine)
}

fn constant(value: &Value) -> Constant {
    use filter::Constant as C;
    let leaves = value.leaves();
    let scalar = match (value.ty(), &leaves[..]) {
        (Type::Bool, [x]) => Some(C::Bool(*x != 0)),
        (Type::Mac, [x]) => Some(C::Mac(*x as u64)),
        (Type::Ip4, [x]) => Some(C::Ip4(*x as u32)),
        (Type::Ip6, [x]) => Some(C::Ip6(*x)),
        (Type::Prefix4, [x, length]) => Some(C::Prefix4(*x as u32, *length as u8)),
        (Type::Prefix6, [x, length]) => Some(C::Prefix6(*x, *length as u8)),
        (_, [x]) => Some(C::Number(*x)),
        _ => None,
    };
    Constant { leaves, scalar }
}
