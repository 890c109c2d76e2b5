//! Measurement of the simulator: packets that cross a link for each second of processor time.
//!
//! Each run is a process of its own, so that its memory can be told: the most that was resident.
//! Rounds of all cases are interleaved.

use std::path::Path;
use std::process::Command;
use trama_base::Picos;
use trama_live::clock;
use trama_sim::Scenario;

/// A scenario that is measured.
#[derive(Clone, Copy, Debug)]
pub struct FabricCase {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub summary: &'static str,
    text: &'static str,
    /// What is replaced in the text.
    set: &'static [(&'static str, &'static str)],
    /// A key, and two values, the second of which means more of the same work: to count the
    /// instructions of that work alone.
    more: (&'static str, [&'static str; 2]),
}

const TREE: &str = r#"
[topology]
kind = "fat-tree"
rate = "100Gbps"
delay = "1us"
[transport]
name = "ndp"
[workload]
kind = "permutation"
bytes = "2MB"
"#;

const WEB_SEARCH: &str = r#"
limit = "10s"
[topology]
kind = "leaf-spine"
leaves = 9
spines = 4
hosts_per_leaf = 16
rate = "10Gbps"
spine_rate = "40Gbps"
delay = "200ns"
[transport]
name = "dctcp"
[workload]
kind = "poisson"
sizes = "web-search"
load = 0.8
messages = 2000
"#;

const BYTES: (&str, [&str; 2]) = ("workload.bytes", ["1MB", "3MB"]);

const fn tree(
    name: &'static str,
    summary: &'static str,
    set: &'static [(&'static str, &'static str)],
) -> FabricCase {
    FabricCase { name, summary, text: TREE, set, more: BYTES }
}

/// The cases: permutations and an incast on fat trees at 100 Gbit/s, web search on leaf-spine.
pub const FABRIC_CASES: &[FabricCase] = &[
    tree(
        "ndp-128",
        "NDP permutation of 20 MB, 128 hosts",
        &[("topology.k", "8"), ("workload.bytes", "20MB")],
    ),
    tree(
        "ndp-432",
        "NDP permutation of 20 MB, 432 hosts",
        &[("topology.k", "12"), ("workload.bytes", "20MB")],
    ),
    tree("ndp-1024", "NDP permutation of 2 MB, 1024 hosts", &[("topology.k", "16")]),
    tree(
        "dctcp-128",
        "DCTCP permutation of 2 MB, 128 hosts",
        &[("topology.k", "8"), ("transport.name", "dctcp")],
    ),
    tree(
        "dctcp-432",
        "DCTCP permutation of 2 MB, 432 hosts",
        &[("topology.k", "12"), ("transport.name", "dctcp")],
    ),
    tree(
        "dctcp-1024",
        "DCTCP permutation of 2 MB, 1024 hosts",
        &[("topology.k", "16"), ("transport.name", "dctcp")],
    ),
    FabricCase {
        name: "web-search",
        summary: "DCTCP, web search at 80 %, 144 hosts",
        text: WEB_SEARCH,
        set: &[],
        more: ("workload.messages", ["200", "600"]),
    },
    tree(
        "incast-431",
        "NDP incast of 431 messages of 450 kB",
        &[
            ("topology.k", "12"),
            ("workload.kind", "incast"),
            ("workload.senders", "431"),
            ("workload.bytes", "450kB"),
        ],
    ),
    tree(
        "ndp-3456",
        "NDP permutation of 1 MB, 3456 hosts",
        &[("topology.k", "24"), ("workload.bytes", "1MB")],
    ),
    tree(
        "ndp-8192",
        "NDP permutation of 1 MB, 8192 hosts",
        &[("topology.k", "32"), ("workload.bytes", "1MB")],
    ),
];

/// What a run of a case took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FabricRun {
    /// Packets that crossed a link.
    pub links: u64,
    /// Events.
    pub events: u64,
    /// Messages.
    pub messages: u64,
    /// Simulated time.
    pub simulated: Picos,
    /// Processor time of all but reading the scenario, in seconds.
    pub cpu_s: f64,
    /// Most memory that the process ever had, in bytes; 0 if the system does not tell.
    pub memory_bytes: u64,
}

/// Why a case could not be measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FabricError {
    /// No case has this name.
    #[error("there is no case `{0}`; there are {1}")]
    Unknown(String, String),
    /// The scenario of a case does not run.
    #[error("{0}: {1}")]
    Scenario(&'static str, trama_sim::scenario::ScenarioError),
    /// A process for a run failed.
    #[error("a run of {0} failed: {1}")]
    Process(&'static str, String),
    /// Instructions could not be counted.
    #[error(transparent)]
    Count(#[from] super::CountError),
}

impl FabricCase {
    /// The case of a name.
    pub fn find(name: &str) -> Result<&'static Self, FabricError> {
        FABRIC_CASES.iter().find(|case| case.name == name).ok_or_else(|| {
            let names: Vec<&str> = FABRIC_CASES.iter().map(|case| case.name).collect();
            FabricError::Unknown(name.to_owned(), names.join(", "))
        })
    }

    /// Runs it in this process, at the size of `more` if it is said.
    pub fn run(&self, more: Option<usize>) -> Result<FabricRun, FabricError> {
        let wrong = |error| FabricError::Scenario(self.name, error);
        let mut set: Vec<(String, String)> =
            self.set.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
        if let Some(index) = more {
            set.push((self.more.0.to_owned(), self.more.1[index].to_owned()));
        }
        let scenario = Scenario::parse_with(self.text, &set).map_err(wrong)?;
        let load = |name: &str| Err(format!("{name}: no file is needed"));
        let start = clock::thread_cpu();
        let (report, flows) = scenario.run(&load, |_| ()).map_err(wrong)?;
        let cpu = clock::thread_cpu() - start;
        Ok(FabricRun {
            links: report.links,
            events: report.events,
            messages: flows.len() as u64,
            simulated: report.duration,
            cpu_s: cpu.as_secs_f64(),
            memory_bytes: peak_memory_bytes(),
        })
    }

    /// Instructions for each packet that crosses a link: what callgrind counts more for the
    /// larger of two sizes. `command` is this program with what makes it run the case in its own
    /// process, at a size that is appended, and say how many links there were, as JSON.
    pub fn instructions(
        &self,
        program: &Path,
        links: impl Fn(&str) -> Option<u64>,
    ) -> Result<f64, FabricError> {
        let count = |size: usize| -> Result<(f64, f64), FabricError> {
            let mut command = Command::new("valgrind");
            command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program);
            let output = command
                .args(self.arguments(Some(size)))
                .output()
                .map_err(super::CountError::Start)?;
            let said = String::from_utf8_lossy(&output.stderr);
            let counted = super::instructions::counted(&said, output.status.success())?;
            let links = links(&String::from_utf8_lossy(&output.stdout)).ok_or_else(|| {
                FabricError::Process(self.name, "it told no number of links".into())
            })?;
            Ok((counted, links as f64))
        };
        let ((few, few_links), (many, many_links)) = (count(0)?, count(1)?);
        Ok((many - few) / (many_links - few_links))
    }

    /// The arguments that make `trama` run it in its own process.
    pub fn arguments(&self, size: Option<usize>) -> Vec<String> {
        let mut arguments: Vec<String> =
            ["bench", "sim", self.name, "--alone", "--json"].map(str::to_owned).to_vec();
        arguments.extend(size.map(|size| format!("--size={size}")));
        arguments
    }
}

/// Most memory that this process ever had (proc(5), VmHWM).
fn peak_memory_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|it| it.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kilobytes.map_or(0, |it| 1024 * it)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_runs_and_more_is_more() {
        for case in
            FABRIC_CASES.iter().filter(|case| !["ndp-3456", "ndp-8192"].contains(&case.name))
        {
            let scenario: Vec<_> = case.set.iter().map(|&(k, v)| (k.into(), v.into())).collect();
            assert!(Scenario::parse_with(case.text, &scenario).is_ok(), "{}", case.name);
        }
        let case = FabricCase::find("ndp-128").expect("it is there");
        let [less, more] = [0, 1].map(|size| case.run(Some(size)).expect("it runs"));
        assert!(more.links > 2 * less.links && less.cpu_s > 0.0);
        assert!(FabricCase::find("nope").is_err_and(|it| it.to_string().contains("ndp-128")));
    }
}
