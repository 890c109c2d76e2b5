//! The runner of the tests that are written in programs.
//!
//! A test sends packets into an engine that runs its subject, and says what must come of each:
//! packets on ports, drops with their reasons, log lines, entries of state objects. Everything
//! that a step causes has to be claimed by an `expect` before the next one; what nobody claims is
//! a failure. The result is data; printing it is another's work.

mod frame;
mod program;
mod runner;
mod state;

#[cfg(test)]
mod tests;

pub use program::{MakeEngine, run_all};

use crate::engine::Engine;
use crate::filter;
use crate::ir::Program;
use crate::source::{SourceMap, Span};
use crate::syntax::ast::{self, Expr};
use trama_base::Nanos;

/// When tests begin: a time as of a real run, and easy to subtract.
pub const START: Nanos = Nanos::from_secs(1_000_000_000);

/// Most failures that one test reports.
pub const FAILURES_MAX: usize = 20;

/// What came of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestOutcome {
    /// Title of the test.
    pub title: String,
    /// Where the title stands.
    pub span: Span,
    /// What was not as expected; empty if the test passed.
    pub failures: Vec<Failure>,
}

/// Something that was not as expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Line of the step in its file, from 1.
    pub line: usize,
    /// The step.
    pub span: Span,
    /// What was expected and what happened instead.
    pub message: String,
}

/// The value of a constant expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constant {
    /// Its scalar leaves in order.
    pub leaves: Vec<u128>,
    /// What it is, if it is a single number, address, truth value or prefix.
    pub scalar: Option<filter::Constant>,
}

/// Evaluates the constant expressions of a test; the reason if it cannot.
pub type Constants<'a> = dyn Fn(&Expr) -> Result<Constant, String> + 'a;

/// What a test runs in.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// Texts that the spans of the test point into.
    pub sources: &'a SourceMap,
    /// The instantiated subject.
    pub program: &'a Program,
    /// Values of what is no literal: constants, records, variants.
    pub constants: &'a Constants<'a>,
}

/// Runs a test on an engine that was started at [`START`] with the scope's program and has seen
/// nothing yet.
pub fn run_test(test: &ast::Test, scope: Scope<'_>, engine: &mut dyn Engine) -> TestOutcome {
    let failures = runner::Runner::new(scope, engine).run(test);
    TestOutcome { title: test.title.clone(), span: test.title_span, failures }
}

/// An outcome for a test that could not be run at all.
pub fn not_run(test: &ast::Test, sources: &SourceMap, why: String) -> TestOutcome {
    let span = test.title_span;
    let line = sources.line_column(span).0;
    let failures = vec![Failure { line, span, message: why }];
    TestOutcome { title: test.title.clone(), span, failures }
}
