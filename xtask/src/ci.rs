//! Everything that must pass, in the order in which it is cheapest to fail: format, lints,
//! structure, then exactly the two commands that the README promises, then the quick exhibits.
//!
//! Output goes straight through. A failed step does not hide the ones after it; the last line says
//! what passed.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Commands that show what works, quick enough to run at every change.
const EXHIBITS: [&str; 7] = [
    "cargo run --release -- atlas",
    "cargo run --release -- check examples/edge.trama",
    "cargo run --release -- test examples crates/lang/library",
    "cargo run --release -- doctor",
    "cargo run --release -- bench --rounds 3 --packets 100000",
    "cargo run --release -- run examples/edge.trama --isolate processes",
    "cargo run --release -- prove netbricks --quick",
];

/// Set by `.ci/run`: a test that needs privileges or tools fails instead of skipping.
const REQUIRE_LIVE: &str = "TRAMA_REQUIRE_LIVE";

/// A command and what it shows.
#[derive(Debug, PartialEq, Eq)]
struct Step {
    name: &'static str,
    command: String,
}

impl Step {
    fn new(name: &'static str, command: impl Into<String>) -> Self {
        Self { name, command: command.into() }
    }
}

/// Runs all steps. False if any failed.
pub(crate) fn run(root: &Path) -> bool {
    let readme = match fs::read_to_string(root.join("README.md")) {
        Ok(readme) => readme,
        Err(error) => {
            eprintln!("ci: README.md: {error}");
            return false;
        }
    };
    let steps = match steps(&readme) {
        Ok(steps) => steps,
        Err(message) => {
            eprintln!("ci: {message}");
            return false;
        }
    };
    match must_run() {
        true => println!("ci: live tests must run ({REQUIRE_LIVE}=1)"),
        false => println!("ci: live tests may skip; {REQUIRE_LIVE}=1 forbids it"),
    }
    let mut results = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        println!("\nci: {}/{} {}: {}", index + 1, steps.len(), step.name, step.command);
        let (passed, took) = timed(|| start(root, &step.command));
        println!("ci: {} {} in {:.1} s", step.name, verdict(passed), took.as_secs_f64());
        results.push((passed, took));
    }
    print_summary(&steps, &results)
}

fn must_run() -> bool {
    std::env::var_os(REQUIRE_LIVE).is_some_and(|value| value == "1")
}

/// The steps, with the README's own commands among them.
fn steps(readme: &str) -> Result<Vec<Step>, String> {
    let test = readme_command(readme, "cargo test")?;
    let demo = readme_command(readme, "cargo run")?;
    let mut steps = vec![
        Step::new("format", "cargo fmt --all --check"),
        Step::new("lints", "cargo clippy --workspace --all-targets -- -D warnings"),
        Step::new("structure", "cargo xtask tidy"),
        Step::new("generated files", "cargo xtask codegen --check"),
        Step::new("README test command", test),
        Step::new("README main command", demo),
    ];
    steps.extend(EXHIBITS.iter().map(|command| Step::new("exhibit", *command)));
    Ok(steps)
}

/// The first command in a fenced block of the README that begins with these words.
fn readme_command(readme: &str, words: &str) -> Result<String, String> {
    let mut fenced = false;
    for line in readme.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        let command = line.trim().trim_start_matches("$ ");
        if fenced && command.starts_with(words) {
            let command = command.split(" #").next().unwrap_or(command);
            return Ok(command.trim().to_owned());
        }
    }
    Err(format!("README.md has no fenced `{words} …`"))
}

/// Exit code of an exhibit that this machine lacks something for.
const LACKS: i32 = 4;

/// Runs a command of plain words, without a shell. True if it exits with zero, or if the machine
/// lacks something and live tests may skip.
fn start(root: &Path, command: &str) -> bool {
    let mut words = command.split_whitespace();
    let Some(program) = words.next() else { return false };
    match Command::new(program).args(words).current_dir(root).status() {
        Ok(status) if status.code() == Some(LACKS) && !must_run() => {
            println!("ci: skipped, for the reason above");
            true
        }
        Ok(status) => status.success(),
        Err(error) => {
            eprintln!("ci: {program}: {error}");
            false
        }
    }
}

/// Runs `work` and tells how long it took on the wall.
#[allow(clippy::disallowed_methods, reason = "a chore may look at the clock")]
fn timed(work: impl FnOnce() -> bool) -> (bool, Duration) {
    let start = Instant::now();
    let passed = work();
    (passed, start.elapsed())
}

const fn verdict(passed: bool) -> &'static str {
    if passed { "passed" } else { "FAILED" }
}

/// Prints the time of each step and a closing line. True if all passed.
fn print_summary(steps: &[Step], results: &[(bool, Duration)]) -> bool {
    println!();
    for (step, (passed, took)) in steps.iter().zip(results) {
        println!("ci: {} {:7.1} s  {}", verdict(*passed), took.as_secs_f64(), step.command);
    }
    let passed = results.iter().filter(|(passed, _)| *passed).count();
    let total: Duration = results.iter().map(|(_, took)| *took).sum();
    let seconds = total.as_secs_f64();
    println!("ci: {passed} of {} steps passed in {seconds:.0} s", steps.len());
    passed == steps.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const README: &str = "# X\nPlain `cargo test --doc` is not it.\ncargo run nothing\n\
                          ```sh\n$ cargo run --release -- run examples/edge.trama   # demo\n```\n\
                          ```\ncargo test --workspace\n```\n";

    #[test]
    fn the_readme_says_what_runs() {
        let steps = steps(README).expect("both commands are there");
        let commands: Vec<&str> = steps.iter().map(|step| step.command.as_str()).collect();
        assert_eq!(
            commands[4..6],
            ["cargo test --workspace", "cargo run --release -- run examples/edge.trama"]
        );
        assert_eq!(commands.len(), 6 + EXHIBITS.len());
    }

    #[test]
    fn a_readme_without_its_commands_is_refused() {
        assert!(steps("# X\ncargo test --workspace\n").is_err());
        assert!(steps(&README.replace("cargo test --workspace", "make test")).is_err());
    }

    #[test]
    fn a_failing_command_fails() {
        let root = crate::root();
        assert!(start(&root, "true"));
        assert!(!start(&root, "false"));
        assert!(!start(&root, "no-such-program-anywhere"));
        assert!(!start(&root, ""));
    }

    #[test]
    fn one_failure_fails_the_whole() {
        let steps = [Step::new("a", "a"), Step::new("b", "b")];
        let took = Duration::from_millis(1);
        assert!(print_summary(&steps, &[(true, took), (true, took)]));
        assert!(!print_summary(&steps, &[(true, took), (false, took)]));
    }
}
