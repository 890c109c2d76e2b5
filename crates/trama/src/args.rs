//! The flags.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Programmable networks, from the packet to the RPC: write a network function once, check it, run
/// it on captures and live interfaces.
#[derive(Parser)]
#[command(name = "trama", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Check a program and run it on captures or live interfaces
    Run(RunArgs),
    /// Print all messages about a program; for a sound one its effects and state
    Check(CheckArgs),
    /// Say which folds and state objects can be merged, split and replicated, and why
    Explain(ExplainArgs),
    /// Format programs
    Fmt(FmtArgs),
    /// Draw a program's network as SVG
    Graph(GraphArgs),
    /// Start a new program from a template
    New(NewArgs),
    /// Show matching packets' way through the program, step by step
    Trace(TraceArgs),
    /// Run the tests written inside programs
    Test(TestArgs),
    /// Explain a name of the language or the library, or what is in a program
    Doc(DocArgs),
    /// Serve an editor: the Language Server Protocol over standard input and output
    Lsp(LspArgs),
    /// Probe what this machine can do, and say why not
    Doctor(DoctorArgs),
    /// Make networks of namespaces to try programs with real clients and servers
    Lab(LabArgs),
    /// List the published systems that Trama is to hold, with their status
    Atlas(AtlasArgs),
    /// Show what a published system claims beside what Trama does, with controls that must fail
    Prove(ProveArgs),
    /// Measure programs: ns per packet on one core, interleaved rounds
    Bench(BenchArgs),
    /// Read, write, run and load eBPF objects, whoever compiled them
    Ebpf(EbpfArgs),
    /// Simulate a datacentre fabric with a transport and a workload
    Sim(SimArgs),
}

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct SimArgs {
    #[command(subcommand)]
    pub(crate) action: Option<SimAction>,
    #[command(flatten)]
    pub(crate) run: SimRunArgs,
}

#[derive(Subcommand)]
pub(crate) enum SimAction {
    /// Say what can be simulated: topologies, transports, workloads, each with its settings
    List(SimListArgs),
    /// Run a scenario with several transports, loads and seeds, and compare
    Compare(SimCompareArgs),
    /// Tell the life of one message, event by event
    Trace(SimTraceArgs),
}

#[derive(Args)]
pub(crate) struct SimTraceArgs {
    #[command(flatten)]
    pub(crate) scenario: ScenarioArgs,
    /// The message: its line in flows.csv
    #[arg(long)]
    pub(crate) flow: u32,
    /// Write its packets here too, as pcapng with an interface for each port
    #[arg(long, value_name = "FILE")]
    pub(crate) pcap: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct SimCompareArgs {
    #[command(flatten)]
    pub(crate) scenario: ScenarioArgs,
    /// Transports, with commas between them; that of the scenario if it is not said
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub(crate) transports: Vec<String>,
    /// Loads of the workload, with commas between them
    #[arg(long, value_delimiter = ',', value_name = "SHARES")]
    pub(crate) loads: Vec<String>,
    /// Runs of each, with seeds 1, 2 …
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) seeds: u32,
    /// Folder for the reports; those that are there are not run again
    #[arg(long, value_name = "DIR", default_value = "sim-compare")]
    pub(crate) out: PathBuf,
    /// Runs at once; as many as there are cores if it is not said
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<usize>,
    /// Print the command line of each run, and run none
    #[arg(long)]
    pub(crate) plan: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct SimRunArgs {
    #[command(flatten)]
    pub(crate) scenario: ScenarioArgs,
    /// Write report.html, flows.csv, series.csv and ports.csv into this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// A scenario and what replaces parts of it.
#[derive(Args)]
pub(crate) struct ScenarioArgs {
    /// The scenario, for example examples/sim/permutation.toml
    #[arg(required = true, value_name = "SCENARIO")]
    pub(crate) file: Option<PathBuf>,
    /// Fix what is left to chance
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Replace a key of the scenario, for example --set workload.load=0.5
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

#[derive(Args)]
pub(crate) struct SimListArgs {
    /// A topology, transport or workload; all of them if it is not said
    pub(crate) name: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// The program and what fixes its parameters.
#[derive(Args)]
pub(crate) struct ProgramArgs {
    /// The program, for example examples/edge.trama
    pub(crate) file: PathBuf,
    /// Set a parameter of the network, for example --set public=198.51.100.7
    #[arg(long = "set", value_name = "PARAM=VALUE")]
    pub(crate) set: Vec<String>,
    /// Run this network or element of the file instead of its last network
    #[arg(long, value_name = "NAME")]
    pub(crate) network: Option<String>,
}

#[derive(Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) program: ProgramArgs,
    /// Where a port's packets come from: a capture, - (standard input), mem:CAPTURE, if:NAME,
    /// if:NAME,af_packet, tap:NAME
    #[arg(long = "in", value_name = "PORT=SRC")]
    pub(crate) input: Vec<String>,
    /// Where a port's packets go: a capture to write, if:NAME, tap:NAME, discard (the default)
    #[arg(long = "out", value_name = "PORT=DST")]
    pub(crate) output: Vec<String>,
    /// Where the records of a stream go: a file that ends in .csv or .json, or - for CSV on
    /// standard output
    #[arg(long, value_name = "STREAM=FILE")]
    pub(crate) emit: Vec<String>,
    /// Stop after this long, for example 10s or 5min
    #[arg(long, value_name = "TIME")]
    pub(crate) duration: Option<String>,
    /// Replay mem: inputs so many times
    #[arg(long = "loop", value_name = "N", default_value_t = 1)]
    pub(crate) rounds: u64,
    /// Print counters at this interval; live runs refresh every second by default
    #[arg(long, value_name = "TIME")]
    pub(crate) stats: Option<String>,
    /// Run on the reference interpreter instead of machine code
    #[arg(long)]
    pub(crate) interpret: bool,
    /// Replay captures as slowly as they were recorded, or so many times as fast
    #[arg(long, value_name = "FACTOR", num_args = 0..=1, default_missing_value = "1")]
    pub(crate) pace: Option<f64>,
    /// Show ports, drops, elements, state and log lines on the terminal while it runs
    #[arg(long, conflicts_with = "json")]
    pub(crate) tui: bool,
    /// Spread packets over so many cores, such that no state is shared
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(crate) cores: Option<u8>,
    /// Keep elements apart: none (one engine), threads, processes (one that fails harms nobody)
    #[arg(long, value_enum, conflicts_with = "cores", default_value_t = Isolate::None)]
    pub(crate) isolate: Isolate,
    /// With --cores: cut single token buckets in equal parts, one for each core
    #[arg(long, requires = "cores")]
    pub(crate) split_limits: bool,
    /// Print the summary as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// How elements are kept apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Isolate {
    /// Not: all of them are one piece of machine code
    None,
    /// Each in a thread of its own
    Threads,
    /// Each in a process of its own, restarted if it fails
    Processes,
}

#[derive(Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) program: ProgramArgs,
    /// Print messages and effects as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    pub(crate) program: ProgramArgs,
    /// Print the elements that folds and queries stand for instead
    #[arg(long)]
    pub(crate) elements: bool,
    /// Print as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct FmtArgs {
    /// Programs or folders
    #[arg(required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// Change nothing; fail if something is not formatted
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Args)]
pub(crate) struct GraphArgs {
    #[command(flatten)]
    pub(crate) program: ProgramArgs,
    /// Where to write the SVG; standard output if absent
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct NewArgs {
    /// Name of the program; NAME.trama is written here
    pub(crate) name: String,
}

#[derive(Args)]
pub(crate) struct TraceArgs {
    #[command(flatten)]
    pub(crate) program: ProgramArgs,
    /// Which packets, for example 'ip.src == 10.0.0.5 && tcp.dst == 443'; all if absent
    pub(crate) filter: Option<String>,
    /// Where a port's packets come from: captures only
    #[arg(long = "in", value_name = "PORT=CAPTURE")]
    pub(crate) input: Vec<String>,
    /// Stop after so many matching packets
    #[arg(short = 'n', value_name = "N", default_value_t = 20)]
    pub(crate) count: u64,
    /// Print one JSON object for each packet
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct TestArgs {
    /// Programs or folders
    #[arg(required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// Only tests whose title contains this
    #[arg(long, value_name = "TEXT")]
    pub(crate) filter: Option<String>,
    /// Print outcomes as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct DocArgs {
    /// An element, header, field, kind of state, word, function, code or drop reason; or a program;
    /// everything that can be asked for if absent
    pub(crate) name: Option<String>,
    /// Only this element of the program
    pub(crate) element: Option<String>,
    /// Print as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct LspArgs {
    /// Says what is done anyway; some clients give it
    #[arg(long)]
    pub(crate) stdio: bool,
}

#[derive(Args)]
pub(crate) struct DoctorArgs {
    /// Remove what a crashed run left behind
    #[arg(long)]
    pub(crate) clean: bool,
    /// Print verdicts as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct LabArgs {
    #[command(subcommand)]
    pub(crate) action: LabAction,
}

#[derive(Subcommand)]
pub(crate) enum LabAction {
    /// Make a lab: pair, wire, families, access, office or balance
    Up {
        /// Topology
        topology: String,
        /// Name, if several labs are to exist at once
        #[arg(long)]
        name: Option<String>,
        /// Leave the box in the middle without addresses, for a Trama program to own them
        #[arg(long)]
        bare: bool,
    },
    /// Run a command in a node of the lab, for example: trama lab run client1 -- ping 10.0.0.1
    Run {
        /// Node
        node: String,
        /// Name of the lab
        #[arg(long)]
        name: Option<String>,
        /// Command and its arguments
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// List labs and their nodes
    List,
    /// Remove a lab, or all that belong to nobody any more
    Down {
        /// Name of the lab; all of them if absent
        name: Option<String>,
    },
}

#[derive(Args)]
pub(crate) struct AtlasArgs {
    /// Only this system
    pub(crate) id: Option<String>,
    /// Only this area, for example nfv
    #[arg(long)]
    pub(crate) area: Option<String>,
    /// Print as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct ProveArgs {
    /// The system, for example netbricks
    #[arg(required_unless_present = "list")]
    pub(crate) system: Option<String>,
    /// List the systems that can be proved
    #[arg(long)]
    pub(crate) list: bool,
    /// Measure for seconds instead of minutes: that it works, with rough figures
    #[arg(long)]
    pub(crate) quick: bool,
    /// Print as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct BenchArgs {
    /// What to measure; all if absent; `live` compares with other forwarders of this machine,
    /// `sim` measures the simulator;
    /// `cores` (and names) one core with several
    pub(crate) names: Vec<String>,
    /// Interleaved rounds
    #[arg(long, default_value_t = 9)]
    pub(crate) rounds: u32,
    /// Flows in the generated traffic
    #[arg(long, default_value_t = 65_536)]
    pub(crate) flows: u32,
    /// Frame length in bytes
    #[arg(long, default_value_t = 64)]
    pub(crate) frame: u32,
    /// Packets in each round
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) packets: u32,
    /// Measure the reference interpreter as well
    #[arg(long)]
    pub(crate) interpreter: bool,
    /// Cores to compare one with, for `cores`
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(2..=64))]
    pub(crate) cores: u8,
    /// Seconds of each measurement of `live`
    #[arg(long, default_value_t = 2)]
    pub(crate) seconds: u32,
    /// Measure one of them alone
    #[arg(long, value_enum, value_name = "SUBJECT")]
    pub(crate) only: Option<BenchSubject>,
    /// Of `sim`: run one case in this process, once
    #[arg(long, hide = true)]
    pub(crate) alone: bool,
    /// Of `sim`: the case at the smaller or larger of two sizes
    #[arg(long, hide = true, value_parser = clap::value_parser!(u8).range(0..=1))]
    pub(crate) size: Option<u8>,
    /// Count instructions per packet as well, under callgrind
    #[arg(long)]
    pub(crate) instructions: bool,
    /// Measure curves instead: over flows, bytes of a frame, elements in a row
    #[arg(long, value_enum, value_name = "AXIS")]
    pub(crate) curve: Vec<BenchAxis>,
    /// Write a page with plots as well
    #[arg(long, value_name = "FILE.html")]
    pub(crate) page: Option<PathBuf>,
    /// Print as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What takes the packets of a benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BenchSubject {
    /// The program as machine code
    Native,
    /// The same function written by hand in Rust
    Hand,
    /// The program on the reference interpreter
    Interpreter,
}

/// What changes along a curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BenchAxis {
    /// 1000 to 4 million flows
    Flows,
    /// 64 to 1500 bytes
    Frame,
    /// 1 to 16 elements
    Length,
}

#[derive(Args)]
pub(crate) struct EbpfArgs {
    #[command(subcommand)]
    pub(crate) action: EbpfAction,
}

#[derive(Subcommand)]
pub(crate) enum EbpfAction {
    /// Make an object of assembly text
    Asm {
        /// The text
        file: PathBuf,
        /// Where to write the object
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Print an object's maps and programs as assembly text, with the lines of their source
    Disasm {
        /// The object
        file: PathBuf,
        /// Only this program
        #[arg(long, value_name = "NAME")]
        program: Option<String>,
        /// Print blocks and where they lead
        #[arg(long)]
        blocks: bool,
        /// Print the types
        #[arg(long)]
        types: bool,
    },
    /// Run a program on the packets of a capture, in our interpreter or in the kernel
    Run(EbpfRunArgs),
    /// Load an object into the kernel and say what the verifier made of it; nothing stays
    Load {
        /// The object
        file: PathBuf,
        /// Print the verifier's log
        #[arg(long)]
        log: bool,
    },
    /// List the programs and maps that are in the kernel
    List {
        /// Print as JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
pub(crate) struct EbpfRunArgs {
    /// The object
    pub(crate) file: PathBuf,
    /// Which program, if there are several
    #[arg(long, value_name = "NAME")]
    pub(crate) program: Option<String>,
    /// The packets
    #[arg(long = "in", value_name = "CAPTURE")]
    pub(crate) input: PathBuf,
    /// Where to write the packets that were not dropped, as the program left them
    #[arg(long = "out", value_name = "CAPTURE")]
    pub(crate) output: Option<PathBuf>,
    /// Run it in the kernel, by BPF_PROG_TEST_RUN
    #[arg(long)]
    pub(crate) kernel: bool,
    /// Print the verdict on each packet
    #[arg(long)]
    pub(crate) each: bool,
    /// Print as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
