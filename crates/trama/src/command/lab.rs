//! `trama lab`: networks of namespaces.

use crate::args::{LabAction, LabArgs};
use crate::exit::{Exit, Failure, Outcome};
use crate::output::table::Table;
use std::process::Command;
use trama_lab::{Lab, LabError, Lifetime, Topology, UpOptions, clean, list};

/// Name of the lab if the user gives none.
const DEFAULT: &str = "lab";

pub(crate) fn lab(args: &LabArgs) -> Outcome {
    match &args.action {
        LabAction::Up { topology, name, bare } => up(topology, name.as_deref(), *bare),
        LabAction::Run { node, name, command } => run(node, name.as_deref(), command),
        LabAction::List => Ok(print_list()),
        LabAction::Down { name } => down(name.as_deref()),
    }
}

fn up(topology: &str, name: Option<&str>, bare: bool) -> Outcome {
    let topology = Topology::named(topology).map_err(|why| failure(&why))?;
    let options = UpOptions { bare, lifetime: Lifetime::Persistent };
    let lab = Lab::up(name.unwrap_or(DEFAULT), &topology, options).map_err(|why| failure(&why))?;
    println!("{} is up: {}", lab.name(), lab.nodes().join(", "));
    println!("try: trama lab run {} -- ip addr", lab.nodes().first().map_or("NODE", |n| n));
    Ok(Exit::Ok)
}

/// The lab of that name; without one, the only lab that there is.
fn open(name: Option<&str>) -> Result<Lab, Failure> {
    let labs = list();
    let name = match (name, &labs[..]) {
        (Some(name), _) => name,
        (None, [only]) => &only.name,
        (None, []) => {
            return Err(Failure::usage("there is no lab").hint("make one: trama lab up office"));
        }
        (None, _) => DEFAULT,
    };
    Lab::open(name).map_err(|why| failure(&why))
}

fn run(node: &str, name: Option<&str>, command: &[String]) -> Outcome {
    let lab = open(name)?;
    let (program, arguments) = command.split_first().expect("the flags demand a command");
    let child =
        lab.spawn(node, Command::new(program).args(arguments)).map_err(|why| failure(&why))?;
    let status = child
        .wait()
        .map_err(|why| Failure::environment(format!("cannot wait for `{program}`: {why}")))?;
    if status.success() {
        return Ok(Exit::Ok);
    }
    eprintln!("`{program}` ended with {status}");
    Ok(Exit::NotMet)
}

fn print_list() -> Exit {
    let mut table = Table::new(&["lab", "topology", "nodes", ""]);
    for lab in list() {
        let remark = if lab.leftover { "its owner has died" } else { "" };
        table.row([lab.name, lab.topology, lab.nodes.join(", "), remark.into()]);
    }
    if table.is_empty() {
        println!("there is no lab");
    } else {
        print!("{}", table.render());
    }
    Exit::Ok
}

fn down(name: Option<&str>) -> Outcome {
    for leftover in clean().map_err(|why| failure(&why))? {
        println!("removed what was left of {leftover}");
    }
    let all: Vec<_> = list().into_iter().map(|lab| lab.name).collect();
    let names = name.map_or(all, |name| vec![name.to_owned()]);
    for name in names {
        let lab = Lab::open(&name).map_err(|why| failure(&why))?;
        lab.down().map_err(|why| failure(&why))?;
        println!("{name} is down");
    }
    Ok(Exit::Ok)
}

fn failure(why: &LabError) -> Failure {
    match why {
        LabError::NoTopology { .. }
        | LabError::NoLab(_)
        | LabError::Name(_)
        | LabError::Exists(_)
        | LabError::NoNode { .. } => Failure::usage(why.to_string()),
        _ => Failure::environment(why.to_string()).hint("`trama doctor` tells what works here"),
    }
}
