//! `--in PORT=SRC` and `--out PORT=DST`: opened, each interface once.

use crate::exit::Failure;
use crate::files;
use std::collections::BTreeMap;
use trama_lang::compile::Unit;
use trama_lang::ir::Program;
use trama_live::io::endpoint::{self, Endpoint, Opened, Want};
use trama_live::io::memory::MemorySource;
use trama_live::io::{IoError, Timing};
use trama_live::run::Runner;
use trama_live::signal::StopFlag;

/// A port of the program and where its packets come from or go to.
#[derive(Clone, Debug)]
pub(crate) struct Binding {
    /// Index of the external port.
    pub(crate) port: u32,
    /// Where.
    pub(crate) endpoint: Endpoint,
}

/// The inputs that the flags give, else those that the program names.
pub(crate) fn inputs(
    unit: &Unit,
    program: &Program,
    flags: &[String],
) -> Result<Vec<Binding>, Failure> {
    if !flags.is_empty() {
        return flags.iter().map(|flag| binding(program, flag, "--in PORT=SRC")).collect();
    }
    let named = unit.inputs(&program.name);
    if named.is_empty() {
        return Err(Failure::usage("there is nothing to run the program on")
            .hint(format!("give --in {}=CAPTURE, or --in {0}=if:NAME", first_port(program))));
    }
    named
        .into_iter()
        .map(|(port, path, from)| {
            let path = files::beside(&from, &path).display().to_string();
            let endpoint = Endpoint::Capture { path, interface: None };
            Ok(Binding { port: port_index(program, &port)?, endpoint })
        })
        .collect()
}

fn first_port(program: &Program) -> &str {
    program.ports.first().map_or("PORT", String::as_str)
}

fn binding(program: &Program, flag: &str, form: &str) -> Result<Binding, Failure> {
    let (port, text) = files::split(flag, form)?;
    let port = port_index(program, &port)?;
    let endpoint =
        endpoint::parse_endpoint(&text).map_err(|why| Failure::usage(why.to_string()))?;
    Ok(Binding { port, endpoint })
}

fn port_index(program: &Program, name: &str) -> Result<u32, Failure> {
    match program.ports.iter().position(|p| p == name) {
        Some(index) => Ok(index as u32),
        None => Err(Failure::usage(format!("`{}` has no port `{name}`", program.name))
            .hint(format!("its ports are {}", program.ports.join(", ")))),
    }
}

/// The traces of a run whose inputs are all in memory and whose outputs are all discarded; none if
/// it is another one.
pub(crate) fn traces(
    inputs: &[Binding],
    outputs: &[String],
    stop: &StopFlag,
) -> Result<Option<Vec<(u32, MemorySource)>>, Failure> {
    let is_nowhere = |flag: &String| flag.ends_with("=discard");
    if !outputs.iter().all(is_nowhere) {
        return Ok(None);
    }
    let mut traces = Vec::new();
    for binding in inputs {
        let Endpoint::Memory { path, interface } = &binding.endpoint else { return Ok(None) };
        let trace = MemorySource::open(path, interface.as_deref(), stop);
        traces.push((binding.port, trace.map_err(|error| failure(&error))?));
    }
    Ok(Some(traces))
}

/// How the ends of a run are to be told about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Described {
    /// (port, where from, by what mechanism)
    pub(crate) inputs: Vec<(u32, String, String)>,
    /// (port, where to, by what mechanism)
    pub(crate) outputs: Vec<(u32, String, String)>,
    /// Some input is an interface.
    pub(crate) is_live: bool,
}

/// All ends of a run, open.
pub(crate) struct Endpoints {
    bindings: (Vec<Binding>, Vec<Binding>),
    opened: BTreeMap<String, Opened>,
    /// What a user should know about how they were opened.
    pub(crate) notices: Vec<String>,
    /// Some input is an interface.
    pub(crate) is_live: bool,
}

impl Endpoints {
    /// Opens the inputs, and the outputs that the flags give; ports without one discard.
    pub(crate) fn open(
        program: &Program,
        inputs: &[Binding],
        outputs: &[String],
        stop: &StopFlag,
    ) -> Result<Self, Failure> {
        let mut sinks = outputs
            .iter()
            .map(|flag| binding(program, flag, "--out PORT=DST"))
            .collect::<Result<Vec<_>, _>>()?;
        for port in 0..program.ports.len() as u32 {
            match sinks.iter().filter(|b| b.port == port).count() {
                0 => sinks.push(Binding { port, endpoint: Endpoint::Discard }),
                1 => {}
                _ => {
                    let name = &program.ports[port as usize];
                    return Err(Failure::usage(format!("--out is given twice for `{name}`")));
                }
            }
        }
        let mut ends = Self {
            bindings: (inputs.to_vec(), sinks),
            opened: BTreeMap::new(),
            notices: Vec::new(),
            is_live: false,
        };
        let (inputs, outputs) = ends.bindings.clone();
        for binding in inputs.iter().chain(&outputs) {
            let want = Want {
                input: inputs.iter().any(|b| b.endpoint == binding.endpoint),
                output: outputs.iter().any(|b| b.endpoint == binding.endpoint),
                port: program.ports[binding.port as usize].clone(),
                stop: stop.clone(),
            };
            ends.open_one(&binding.endpoint, &want)?;
        }
        Ok(ends)
    }

    fn open_one(&mut self, endpoint: &Endpoint, want: &Want) -> Result<(), Failure> {
        let key = endpoint.to_string();
        if *endpoint == Endpoint::Discard || self.opened.contains_key(&key) {
            return Ok(());
        }
        let opened = endpoint::open(endpoint, want).map_err(|error| failure(&error))?;
        let timing = opened.source.as_ref().map(|source| source.timing());
        self.is_live |= timing == Some(Timing::Live);
        self.notices.extend(opened.notices.iter().cloned());
        self.opened.insert(key, opened);
        Ok(())
    }

    /// What to say about the ends.
    pub(crate) fn describe(&self, program: &Program) -> Described {
        assert!(self.bindings.1.len() == program.ports.len(), "each port has one output");
        let of = |binding: &Binding| {
            let key = binding.endpoint.to_string();
            let mechanism = self.opened.get(&key).map_or("", |o| o.mechanism.as_str());
            (binding.port, key, mechanism.to_owned())
        };
        Described {
            inputs: self.bindings.0.iter().map(of).collect(),
            outputs: self.bindings.1.iter().map(of).collect(),
            is_live: self.is_live,
        }
    }

    /// Gives them to a runner.
    pub(crate) fn attach(mut self, runner: &mut Runner) {
        for binding in &self.bindings.0 {
            let opened = self.opened.get_mut(&binding.endpoint.to_string());
            if let Some(source) = opened.and_then(|o| o.source.take()) {
                runner.add_input(binding.port, source);
            }
        }
        for binding in &self.bindings.1 {
            let opened = self.opened.get_mut(&binding.endpoint.to_string());
            match opened.and_then(|o| o.sink.take()) {
                Some(sink) => runner.add_output(binding.port, sink),
                None => runner.add_output(
                    binding.port,
                    Box::new(trama_live::io::discard::Discard::default()),
                ),
            }
        }
    }
}

/// Files that are missing are the user's; everything else is the machine's.
fn failure(error: &IoError) -> Failure {
    match error {
        IoError::Open { .. }
        | IoError::Capture { .. }
        | IoError::LinkType { .. }
        | IoError::NoSuchInterface { .. } => Failure::usage(error.to_string()),
        _ => Failure::environment(error.to_string()).hint("`trama doctor` tells what works here"),
    }
}
