//! `trama ebpf run`: a program of an object on the packets of a capture.

use crate::args::EbpfRunArgs;
use crate::command::ebpf::{choose, load_failure, read};
use crate::exit::{Exit, Failure, Outcome};
use crate::output::table::Table;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter};
use trama_base::Nanos;
use trama_ebpf::object::{ContextKind, Object, ProgramKind};
use trama_ebpf::vm::{Machine, Run};
use trama_live::kernel::{self, Loaded, TestRun};
use trama_wire::capture::{Reader, Record, Writer};

/// What runs the program.
enum Runner {
    Ours(Box<Machine>),
    Kernel(Loaded),
}

/// What happened to a packet.
struct Outcomes {
    value: u32,
    packet: Vec<u8>,
    steps: Option<u64>,
}

/// Entries of a map: name, key, value.
type Entries = Vec<(String, Vec<u8>, Vec<u8>)>;

pub(crate) fn run(args: &EbpfRunArgs) -> Outcome {
    let object = read(&args.file)?;
    let index = choose(&object, args.program.as_deref())?;
    let kind = ProgramKind::of_section(&object.programs[index].section);
    let context = kind.map_or(ContextKind::Other, |kind| kind.context);
    if context == ContextKind::Other {
        let section = &object.programs[index].section;
        return Err(Failure::usage(format!("programs of section `{section}` take no packets")));
    }
    let mut runner = Runner::new(&object, args.kernel)?;
    let (mut verdicts, mut skipped, mut steps) = (BTreeMap::<u32, u64>::new(), 0u64, 0u64);
    let name = args.input.display();
    let unreadable = |why: String| Failure::usage(format!("cannot read `{name}`: {why}"));
    let file = File::open(&args.input).map_err(|why| unreadable(why.to_string()))?;
    let mut reader =
        Reader::new(BufReader::new(file)).map_err(|why| unreadable(why.to_string()))?;
    let mut writer = args.output.as_deref().map(create).transpose()?;
    let mut number = 0u64;
    while let Some(record) = reader.next().map_err(|why| unreadable(why.to_string()))? {
        number += 1;
        let Some(out) = runner.packet(index, record.data, record.time)? else {
            skipped += 1;
            continue;
        };
        *verdicts.entry(out.value).or_default() += 1;
        steps += out.steps.unwrap_or(0);
        if args.each {
            println!("{number}: {}", verdict(context, out.value));
        }
        if let Some(writer) = &mut writer
            && !is_drop(context, out.value)
        {
            let wire_len = out.packet.len() as u32;
            let record = Record { time: record.time, wire_len, interface: 0, data: &out.packet };
            writer.write(&record).map_err(|why| Failure::environment(why.to_string()))?;
        }
    }
    if let Some(writer) = writer {
        writer.finish().map_err(|why| Failure::environment(why.to_string()))?;
    }
    let entries = runner.entries(&object)?;
    let done = number - skipped;
    if args.json {
        print_json(context, &verdicts, skipped, steps, &entries);
    } else {
        print_text(context, &verdicts, (done, skipped, steps), &entries);
    }
    Ok(Exit::Ok)
}

fn create(path: &std::path::Path) -> Result<Writer<BufWriter<File>>, Failure> {
    let failure =
        |why: String| Failure::environment(format!("cannot write `{}`: {why}", path.display()));
    let file = File::create(path).map_err(|why| failure(why.to_string()))?;
    Writer::pcapng(BufWriter::new(file), &["out"]).map_err(|why| failure(why.to_string()))
}

impl Runner {
    fn new(object: &Object, kernel: bool) -> Result<Self, Failure> {
        if kernel {
            let loaded = kernel::load(object).map_err(|why| load_failure(&why))?;
            loaded.notices.iter().for_each(|notice| eprintln!("note: {notice}"));
            return Ok(Self::Kernel(loaded));
        }
        let machine = Machine::new(object, 0).map_err(|why| Failure::usage(why.to_string()))?;
        Ok(Self::Ours(Box::new(machine)))
    }

    /// Runs the program on a packet. `None` if the kernel takes no packet of that length.
    fn packet(
        &mut self,
        index: usize,
        packet: &[u8],
        time: Nanos,
    ) -> Result<Option<Outcomes>, Failure> {
        const EINVAL: i32 = 22;
        match self {
            Self::Ours(machine) => {
                let input = Run { packet, now_ns: time.0, ..Run::default() };
                let verdict = machine.run(index, &input).map_err(|why| {
                    Failure::usage(format!("the program did what the kernel forbids: {why}"))
                })?;
                let (value, packet) = (verdict.value, verdict.packet);
                Ok(Some(Outcomes { value, packet, steps: Some(verdict.steps) }))
            }
            Self::Kernel(loaded) => match TestRun::run(&loaded.programs[index].fd, packet, 1) {
                Ok(run) => Ok(Some(Outcomes { value: run.value, packet: run.packet, steps: None })),
                Err(why) if why.errno == EINVAL => Ok(None),
                Err(why) => Err(Failure::environment(why.to_string())),
            },
        }
    }

    /// Entries of all maps; of arrays those that are not zero.
    fn entries(&self, object: &Object) -> Result<Entries, Failure> {
        let mut all = Vec::new();
        for (index, def) in object.maps.iter().enumerate() {
            let entries = match self {
                Self::Ours(machine) => machine.entries(index),
                Self::Kernel(_) if def.key_bytes == 0 => Vec::new(),
                Self::Kernel(loaded) => loaded.maps[index]
                    .entries()
                    .map_err(|why| Failure::environment(why.to_string()))?,
            };
            let shown = entries.into_iter().filter(|(_, value)| value.iter().any(|b| *b != 0));
            all.extend(shown.map(|(key, value)| (def.name.clone(), key, value)));
        }
        Ok(all)
    }
}

/// The name of a verdict.
fn verdict(context: ContextKind, value: u32) -> String {
    const XDP: [&str; 5] = ["aborted", "drop", "pass", "tx", "redirect"];
    const TC: [&str; 8] =
        ["ok", "reclassify", "shot", "pipe", "stolen", "queued", "repeat", "redirect"];
    let names = if context == ContextKind::Xdp { &XDP[..] } else { &TC[..] };
    let known = names.get(value as usize).map(|name| (*name).to_owned());
    known.unwrap_or_else(|| value.cast_signed().to_string())
}

fn is_drop(context: ContextKind, value: u32) -> bool {
    match context {
        ContextKind::Xdp => !(2..=4).contains(&value),
        _ => value == 2,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn print_text(
    context: ContextKind,
    verdicts: &BTreeMap<u32, u64>,
    (done, skipped, steps): (u64, u64, u64),
    entries: &Entries,
) {
    let mut table = Table::new(&["verdict", "packets"]);
    for (value, count) in verdicts {
        table.row([verdict(context, *value), count.to_string()]);
    }
    print!("{}", table.render());
    if skipped != 0 {
        println!("{skipped} packets are too short or too long for the kernel's test runs");
    }
    if steps != 0 {
        println!("{:.1} instructions per packet", steps as f64 / done.max(1) as f64);
    }
    if !entries.is_empty() {
        let mut table = Table::new(&["map", "key", "value"]);
        for (name, key, value) in entries {
            table.row([name.clone(), hex(key), hex(value)]);
        }
        print!("{}", table.render());
    }
}

fn print_json(
    context: ContextKind,
    verdicts: &BTreeMap<u32, u64>,
    skipped: u64,
    steps: u64,
    entries: &Entries,
) {
    let verdicts: serde_json::Map<_, _> =
        verdicts.iter().map(|(value, count)| (verdict(context, *value), json!(count))).collect();
    let entries: Vec<_> = entries
        .iter()
        .map(|(map, key, value)| json!({"map": map, "key": hex(key), "value": hex(value)}))
        .collect();
    println!(
        "{}",
        json!({"verdicts": verdicts, "skipped": skipped, "instructions": steps, "entries": entries})
    );
}
