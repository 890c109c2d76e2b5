//! `trama test`: the tests written inside programs.

use crate::args::TestArgs;
use crate::exit::{Exit, Failure, Outcome};
use crate::files::{self, DiskFiles};
use crate::output::diagnostics;
use serde_json::{Value, json};
use std::path::Path;
use trama_lang::compile::Options;
use trama_lang::engine::Engine;
use trama_lang::testing::{self, TestOutcome};
use trama_native::NativeEngine;

pub(crate) fn test(args: &TestArgs) -> Outcome {
    let (mut passed, mut failed) = (0, 0);
    let mut reports = Vec::new();
    for path in files::programs(&args.paths)? {
        for outcome in outcomes(&path, args)? {
            if outcome.failures.is_empty() {
                passed += 1;
            } else {
                failed += 1;
            }
            if args.json {
                reports.push(to_json(&path, &outcome));
            } else {
                print(&path, &outcome);
            }
        }
    }
    if args.json {
        println!("{}", json!({ "passed": passed, "failed": failed, "tests": reports }));
    } else {
        println!("{passed} passed, {failed} failed");
    }
    Ok(if failed == 0 { Exit::Ok } else { Exit::NotMet })
}

fn outcomes(path: &Path, args: &TestArgs) -> Result<Vec<TestOutcome>, Failure> {
    let mut unit = files::parse(path)?;
    let checked = unit.check(&Options { check_only: true, ..Options::default() }, &DiskFiles);
    if checked.errors() > 0 {
        diagnostics::print(&unit.sources, &checked.diagnostics);
        return Err(Failure::rejected(checked.errors()));
    }
    let wanted = |title: &str| args.filter.as_deref().is_none_or(|part| title.contains(part));
    Ok(testing::run_all(&unit, unit.main_file(), &DiskFiles, wanted, &|program, start| {
        NativeEngine::new(program, start, 0)
            .map(|engine| Box::new(engine) as Box<dyn Engine>)
            .map_err(|why| why.to_string())
    }))
}

fn print(path: &Path, outcome: &TestOutcome) {
    let verdict = if outcome.failures.is_empty() { "ok    " } else { "FAILED" };
    println!("{verdict} {}: {}", path.display(), outcome.title);
    for failure in &outcome.failures {
        println!("       line {}: {}", failure.line, failure.message);
    }
}

fn to_json(path: &Path, outcome: &TestOutcome) -> Value {
    json!({
        "file": path.display().to_string(),
        "title": outcome.title,
        "passed": outcome.failures.is_empty(),
        "failures": outcome.failures.iter()
            .map(|f| json!({ "line": f.line, "message": f.message }))
            .collect::<Vec<_>>(),
    })
}
