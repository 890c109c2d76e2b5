//! Instructions per packet, counted by callgrind: a number that no neighbour of the machine
//! changes.
//!
//! The benchmark is run twice as a process of its own, with few packets and with more. What the
//! second run has more is that of the packets: compiling, opening flows and the rest cancel out.

use super::measure::Case;
use std::path::Path;
use std::process::Command;

/// Packets of the two runs.
const PACKETS: [u32; 2] = [20_000, 120_000];

/// Rounds of a run, the one that warms caches included.
const ROUNDS: u32 = 2;

/// Why instructions could not be counted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CountError {
    /// Valgrind could not be started.
    #[error("cannot start valgrind ({0}): install it, for example with `apt-get install valgrind`")]
    Start(#[from] std::io::Error),
    /// The run did not end well, or said nothing.
    #[error("a run under callgrind told no number of instructions: {0}")]
    Silent(String),
}

/// Instructions per packet of a case in `program`, this command line, with `--only` that subject.
pub fn instructions(program: &Path, case: &Case, subject: &str) -> Result<f64, CountError> {
    let [few, many] = PACKETS;
    let [less, more] = [run(program, case, subject, few)?, run(program, case, subject, many)?];
    Ok((more - less) / f64::from((many - few) * ROUNDS))
}

fn run(program: &Path, case: &Case, subject: &str, packets: u32) -> Result<f64, CountError> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["bench", &case.workload.name, "--only", subject, "--rounds", "1"])
        .args(["--flows", &case.flows.to_string(), "--frame", &case.frame_bytes.to_string()])
        .args(["--packets", &packets.to_string()])
        .output()?;
    counted(&String::from_utf8_lossy(&output.stderr), output.status.success())
}

/// The number of instructions that callgrind tells in what it prints.
pub(super) fn counted(text: &str, is_success: bool) -> Result<f64, CountError> {
    let refs = text.lines().find_map(|line| line.split_once("refs:"));
    let number = refs.map(|(_, number)| number.replace(',', ""));
    let number = number.and_then(|number| number.trim().parse().ok());
    number.filter(|_| is_success).ok_or_else(|| {
        CountError::Silent(text.lines().last().unwrap_or("it was silent").to_string())
    })
}
