//! `cargo xtask fuzz`: builds the targets of `fuzz/` with coverage instrumentation and runs them.
//!
//! The instrumentation is that of cargo-fuzz, on the stable compiler and without sanitizers: safe
//! Rust panics where C would need one. `smoke` runs every target for a few seconds, and then every
//! target with its planted fault, which it has to find.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The targets.
const TARGETS: [&str; 7] = ["syntax", "check", "capture", "packet", "state", "library", "ebpf"];

/// Seconds for each target in a smoke run.
const SMOKE_S: u32 = 10;

/// Most seconds that a planted fault may stay unfound.
const CANARY_S: u32 = 120;

/// What a run of a target has to come to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Nothing,
    Fault,
}

/// Flags of the compiler for coverage that guides the fuzzer.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table";

/// Runs what the words after `fuzz` say. `None` if they make no sense.
pub(crate) fn run(root: &Path, words: &[&str]) -> Option<bool> {
    match words {
        ["smoke"] => Some(smoke(root)),
        [target, seconds] if TARGETS.contains(target) => {
            let seconds = seconds.parse().ok()?;
            Some(build(root, false) && start(root, target, seconds, Wanted::Nothing))
        }
        _ => None,
    }
}

fn smoke(root: &Path) -> bool {
    let mut passed = true;
    for (canary, seconds, wanted) in
        [(false, SMOKE_S, Wanted::Nothing), (true, CANARY_S, Wanted::Fault)]
    {
        if !build(root, canary) {
            return false;
        }
        for target in TARGETS {
            passed &= start(root, target, seconds, wanted);
        }
    }
    passed
}

/// Builds all targets.
fn build(root: &Path, canary: bool) -> bool {
    let Some(host) = host() else {
        eprintln!("fuzz: rustc does not say what it runs on");
        return false;
    };
    let mut command = Command::new("cargo");
    command.args(["build", "--release", "--bins", "--target", &host]);
    command.arg("--manifest-path").arg(root.join("fuzz/Cargo.toml"));
    command.arg("--target-dir").arg(folder(root)).env("RUSTFLAGS", FLAGS);
    if canary {
        command.args(["--features", "canary"]);
    }
    command.status().is_ok_and(|status| status.success())
}

/// Runs a target; true if it came to what is wanted.
fn start(root: &Path, target: &str, seconds: u32, wanted: Wanted) -> bool {
    let Some(host) = host() else { return false };
    let folder = folder(root);
    let kind = if wanted == Wanted::Fault { "canary" } else { "found" };
    // A planted fault is looked for from the seeds alone; what is learnt goes elsewhere.
    let corpus = if wanted == Wanted::Fault { "canary-corpus" } else { "corpus" };
    let corpus = folder.join(corpus).join(target);
    if wanted == Wanted::Fault {
        // There may be none.
        let _ = std::fs::remove_dir_all(&corpus);
    }
    let found = folder.join(kind).join(target);
    for path in [&corpus, &found] {
        if let Err(error) = std::fs::create_dir_all(path) {
            eprintln!("fuzz: {}: {error}", path.display());
            return false;
        }
    }
    let mut command = Command::new(folder.join(host).join("release").join(target));
    command.arg(format!("-max_total_time={seconds}"));
    command.arg(format!("-artifact_prefix={}/", found.display()));
    command.args(["-max_len=4096", "-timeout=60", "-rss_limit_mb=4096", "-print_final_stats=1"]);
    if matches!(target, "syntax" | "check") {
        command.arg(format!("-dict={}", root.join("fuzz/trama.dict").display()));
    }
    command.arg(&corpus).arg(root.join("fuzz/seeds").join(target));
    println!("fuzz: {target}, at most {seconds} s");
    let Ok(output) = command.output() else {
        eprintln!("fuzz: {target} did not start");
        return false;
    };
    let told = String::from_utf8_lossy(&output.stderr);
    let stats = told.lines().filter(|line| line.starts_with("stat::number_of_executed_units"));
    stats.for_each(|line| println!("fuzz: {target}: {line}"));
    let passed = match wanted {
        Wanted::Nothing => output.status.success(),
        Wanted::Fault => !output.status.success() && told.contains("panicked"),
    };
    match (passed, wanted) {
        (true, Wanted::Nothing) => println!("fuzz: {target} found nothing"),
        (true, Wanted::Fault) => println!("fuzz: {target} found its planted fault"),
        (false, Wanted::Nothing) => {
            eprintln!("{told}fuzz: {target} FAILED, see {}", found.display())
        }
        (false, Wanted::Fault) => eprintln!("fuzz: {target} did NOT find its planted fault"),
    }
    passed
}

/// Where everything that is built and found goes.
fn folder(root: &Path) -> PathBuf {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), Into::into);
    target.join("fuzz")
}

/// The machine that the compiler runs on, as it names it.
fn host() -> Option<String> {
    let output = Command::new("rustc").arg("-vV").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_owned)
}
