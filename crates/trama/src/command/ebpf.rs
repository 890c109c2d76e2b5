//! `trama ebpf`: objects of eBPF, whoever compiled them.

use crate::args::{EbpfAction, EbpfArgs};
use crate::command::ebpf_run;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::table::Table;
use serde_json::json;
use std::path::Path;
use trama_ebpf::elf;
use trama_ebpf::graph::Code;
use trama_ebpf::object::{Object, Program};
use trama_ebpf::text::{read_object, write_object, write_program};
use trama_live::kernel::{self, LoadError, Options};

pub(crate) fn ebpf(args: &EbpfArgs) -> Outcome {
    match &args.action {
        EbpfAction::Asm { file, output } => asm(file, output),
        EbpfAction::Disasm { file, program, blocks, types } => {
            disasm(file, program.as_deref(), *blocks, *types)
        }
        EbpfAction::Run(args) => ebpf_run::run(args),
        EbpfAction::Load { file, log } => load(file, *log),
        EbpfAction::List { json } => list(*json),
    }
}

/// Reads an object file.
pub(super) fn read(path: &Path) -> Result<Object, Failure> {
    let name = path.display();
    let bytes = std::fs::read(path)
        .map_err(|why| Failure::usage(format!("cannot read `{name}`: {why}")))?;
    elf::read(&bytes).map_err(|why| Failure::usage(format!("{name}: {why}")))
}

/// Index of the program of a name, or of the only one.
pub(super) fn choose(object: &Object, name: Option<&str>) -> Result<usize, Failure> {
    let names = || object.programs.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(", ");
    let wanted = object.program(name).map(|program| program.name.clone());
    let index = wanted.and_then(|name| object.programs.iter().position(|p| p.name == name));
    index.ok_or_else(|| match name {
        Some(name) => Failure::usage(format!("there is no program `{name}`"))
            .hint(format!("there are: {}", names())),
        None => Failure::usage("there are several programs or none")
            .hint(format!("choose one with --program: {}", names())),
    })
}

fn asm(file: &Path, output: &Path) -> Outcome {
    let name = file.display();
    let text = std::fs::read_to_string(file)
        .map_err(|why| Failure::usage(format!("cannot read `{name}`: {why}")))?;
    let object = read_object(&text).map_err(|why| Failure::usage(format!("{name}: {why}")))?;
    let bytes = elf::write(&object).map_err(|why| Failure::usage(format!("{name}: {why}")))?;
    std::fs::write(output, bytes).map_err(|why| {
        Failure::environment(format!("cannot write `{}`: {why}", output.display()))
    })?;
    Ok(Exit::Ok)
}

fn disasm(file: &Path, program: Option<&str>, blocks: bool, types: bool) -> Outcome {
    let object = read(file)?;
    if types {
        match &object.btf {
            Some(btf) => print!("{btf}"),
            None => println!("; there are no types in {}", file.display()),
        }
        return Ok(Exit::Ok);
    }
    let chosen = match program {
        Some(name) => vec![&object.programs[choose(&object, Some(name))?]],
        None => object.programs.iter().collect(),
    };
    if blocks {
        chosen.into_iter().try_for_each(print_blocks)?;
    } else if program.is_some() {
        chosen.into_iter().for_each(|program| print!("{}", write_program(&object, program)));
    } else {
        print!("{}", write_object(&object));
    }
    Ok(Exit::Ok)
}

fn print_blocks(program: &Program) -> Result<(), Failure> {
    let code = Code::new(program.code.clone())
        .map_err(|why| Failure::usage(format!("program `{}`: {why}", program.name)))?;
    let mut table = Table::new(&[&program.name, "slots", "goes on at"]);
    for (index, block) in code.blocks().iter().enumerate() {
        let next: Vec<String> = block.next.iter().map(usize::to_string).collect();
        let next = if next.is_empty() { "exit".into() } else { next.join(", ") };
        table.row([index.to_string(), format!("{}..{}", block.start, block.end), next]);
    }
    print!("{}", table.render());
    Ok(())
}

/// The failure of a load: what the machine lacks, or what is wrong with the object.
pub(super) fn load_failure(why: &LoadError) -> Failure {
    match why {
        LoadError::Map { error, .. } | LoadError::Program { error, .. }
            if error.is_permission() && !is_verdict(why) =>
        {
            Failure::environment(why.to_string())
                .hint("loading needs CAP_BPF and CAP_NET_ADMIN; `trama doctor` tells what works")
        }
        _ => Failure::usage(why.to_string()),
    }
}

/// Whether it is the verifier that refused, which answers like a missing privilege.
fn is_verdict(why: &LoadError) -> bool {
    matches!(why, LoadError::Program { log, .. } if !log.is_empty())
}

fn load(file: &Path, log: bool) -> Outcome {
    let object = read(file)?;
    let loaded =
        kernel::load_with(&object, Options { verbose: true }).map_err(|why| load_failure(&why))?;
    loaded.notices.iter().for_each(|notice| eprintln!("note: {notice}"));
    let mut table = Table::new(&["program", "slots", "verified", "machine code"]);
    for (program, verified) in object.programs.iter().zip(&loaded.programs) {
        let info = kernel::ProgramInfo::of(&verified.fd)
            .map_err(|why| Failure::environment(why.to_string()))?;
        table.row([
            program.name.clone(),
            program.code.len().to_string(),
            format!("{} instructions", info.verified),
            format!("{} bytes", info.machine_bytes),
        ]);
        if log {
            print!("{}", verified.log);
        }
    }
    print!("{}", table.render());
    Ok(Exit::Ok)
}

fn list(as_json: bool) -> Outcome {
    let failure = |why: trama_live::sys::SysError| {
        Failure::environment(why.to_string()).hint("listing needs CAP_SYS_ADMIN")
    };
    let programs = kernel::programs().map_err(failure)?;
    let maps = kernel::maps().map_err(failure)?;
    if as_json {
        let programs: Vec<_> = programs
            .iter()
            .map(|p| {
                json!({"id": p.id, "kind": p.kind, "name": p.name, "maps": p.maps,
                "code_bytes": p.code_bytes, "machine_bytes": p.machine_bytes,
                "verified": p.verified})
            })
            .collect();
        let maps: Vec<_> = maps
            .iter()
            .map(|m| {
                json!({"id": m.id, "kind": m.kind.to_string(), "name": m.name,
                "key_bytes": m.key_bytes, "value_bytes": m.value_bytes, "entries": m.entries})
            })
            .collect();
        println!("{}", json!({"programs": programs, "maps": maps}));
        return Ok(Exit::Ok);
    }
    let mut table = Table::new(&["program", "name", "type", "code", "machine code", "maps"]);
    for p in &programs {
        let maps: Vec<String> = p.maps.iter().map(u32::to_string).collect();
        table.row([
            p.id.to_string(),
            p.name.clone(),
            p.kind.to_string(),
            format!("{} bytes", p.code_bytes),
            format!("{} bytes", p.machine_bytes),
            maps.join(", "),
        ]);
    }
    print!("{}", table.render());
    let mut table = Table::new(&["map", "name", "kind", "key", "value", "entries"]);
    for m in &maps {
        table.row([
            m.id.to_string(),
            m.name.clone(),
            m.kind.to_string(),
            format!("{} bytes", m.key_bytes),
            format!("{} bytes", m.value_bytes),
            m.entries.to_string(),
        ]);
    }
    print!("{}", table.render());
    Ok(Exit::Ok)
}
