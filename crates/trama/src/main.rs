//! The command line: flags, printing and exit codes. The work is done in the libraries.

#![forbid(unsafe_code)]

#[macro_use]
mod terminal;

mod args;
mod command;
mod exit;
mod files;
mod lsp;
mod output;
#[cfg(feature = "tui")]
mod tui;

use args::{Cli, Command};
use clap::Parser;
use exit::{Exit, Failure};

fn main() -> std::process::ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // A reader that closed the pipe is no reason to complain.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Ok }.into();
        }
    };
    let exit = match cli.command {
        Command::Run(args) => command::run::run(&args),
        Command::Check(args) => command::check::check(&args),
        Command::Explain(args) => command::explain::explain(&args),
        Command::Fmt(args) => command::fmt::fmt(&args),
        Command::Graph(args) => command::graph::graph(&args),
        Command::New(args) => command::new::new(&args),
        Command::Trace(args) => command::trace::trace(&args),
        Command::Test(args) => command::test::test(&args),
        Command::Doc(args) => command::doc::doc(&args),
        Command::Lsp(_) => command::lsp::lsp(),
        Command::Doctor(args) => command::doctor::doctor(&args),
        Command::Lab(args) => command::lab::lab(&args),
        Command::Atlas(args) => command::atlas::atlas(&args),
        Command::Prove(args) => command::prove::prove(&args),
        Command::Bench(args) => command::bench::bench(&args),
        Command::Ebpf(args) => command::ebpf::ebpf(&args),
        Command::Sim(args) => command::sim::sim(&args),
    };
    let exit = exit.unwrap_or_else(|failure| failure.report());
    match terminal::finish() {
        Err(error) if exit == Exit::Ok => {
            Failure::environment(format!("cannot write to standard output: {error}")).report()
        }
        _ => exit,
    }
    .into()
}
