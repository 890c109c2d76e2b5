//! Scenarios: what a user writes to have a fabric simulated.
//!
//! A scenario is a TOML file that names a topology, what its switches and hosts do, a transport,
//! and what is sent. Every key has a default and a unit; a wrong one is refused with its line and
//! with what is allowed.

mod build;
mod reader;

pub use build::{Estimate, Load, Run};

use crate::topology::{TOPOLOGIES, Topology};
use crate::workload::{WORKLOADS, Workload};
use reader::Section;
use trama_base::parameter::Parameter;
use trama_base::{Bytes, Parameters, Picos, parameters};
use trama_transport::registry::TRANSPORTS;
use trama_transport::{Balance, Transport};

parameters! {
    /// What is said above all tables.
    pub struct General {
        /// What the report calls the run.
        title: String = String::new(),
        /// Fixes everything that is left to chance.
        seed: u64 = 1,
        /// Simulated time at which the run ends even if messages are still on their way.
        limit: Picos = Picos::from_millis(1000),
    }
}

parameters! {
    /// What switches do, where it is not what the transport asks for.
    pub struct Switch {
        /// How one of several equal ports is chosen.
        balance: Option<Balance> = None,
        /// What a port holds.
        buffer: Option<Bytes> = None,
        /// Queue above which packets are marked.
        mark_above: Option<Bytes> = None,
    }
}

parameters! {
    /// What hosts take for packets that arrive.
    pub struct Host {
        /// From the interface to the transport.
        delay: Picos = Picos::ZERO,
        /// Work on each packet, one after the other.
        work: Picos = Picos::ZERO,
    }
}

/// A scenario.
pub struct Scenario {
    /// What is said above all tables.
    pub general: General,
    topology: Box<dyn Topology>,
    switch: Switch,
    host: Host,
    transport: Box<dyn Transport>,
    transport_name: &'static str,
    workloads: Vec<Box<dyn Workload>>,
    /// The sections as they were read, for what is wrong with settings taken together.
    sections: Vec<Section>,
}

/// Why a scenario cannot be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError {
    /// Line of the text, counted from 1; None if the key is not in it.
    pub line: Option<usize>,
    /// The key, with its section.
    pub key: String,
    /// What is wrong with it, and what is allowed.
    pub why: String,
}

impl std::fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.why)
    }
}

impl std::error::Error for ScenarioError {}

/// The tables of a scenario.
const SECTIONS: [&str; 5] = ["topology", "switch", "host", "transport", "workload"];

impl Scenario {
    /// Reads a scenario.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        Self::parse_with(text, &[])
    }

    /// Reads a scenario with some keys replaced: `workload.load` by `0.5`, for example.
    pub fn parse_with(text: &str, set: &[(String, String)]) -> Result<Self, ScenarioError> {
        let mut sections = reader::read(text, set)?;
        for section in &sections[1..] {
            if !SECTIONS.contains(&section.kind()) {
                let why = format!("there is no such table; there are {}", SECTIONS.join(", "));
                return Err(section.wrong("", why));
            }
        }
        let mut general = General::default();
        sections[0].apply(&mut general, &[])?;
        let (mut switch, mut host) = (Switch::default(), Host::default());
        find(&sections, "switch").apply(&mut switch, &[])?;
        find(&sections, "host").apply(&mut host, &[])?;

        let names = TOPOLOGIES.iter().map(|it| it.name);
        let index = choose(&mut sections, "topology", "kind", names)?;
        let mut topology = (TOPOLOGIES[index].make)();
        find(&sections, "topology").apply(&mut *topology, &["kind"])?;

        let names = TRANSPORTS.iter().map(|it| it.name);
        let index = choose(&mut sections, "transport", "name", names)?;
        let mut transport = (TRANSPORTS[index].make)();
        find(&sections, "transport").apply(&mut *transport, &["name"])?;

        let mut workloads = Vec::new();
        let mut numbered: Vec<String> = sections
            .iter()
            .filter(|section| section.kind() == "workload")
            .map(|section| section.name.clone())
            .collect();
        if numbered.is_empty() {
            numbered.push("workload".into());
        }
        for name in numbered {
            let names = WORKLOADS.iter().map(|it| it.name);
            let index = choose(&mut sections, &name, "kind", names)?;
            let mut workload = (WORKLOADS[index].make)();
            find(&sections, &name).apply(&mut *workload, &["kind"])?;
            workloads.push(workload);
        }
        Ok(Self {
            general,
            topology,
            switch,
            host,
            transport,
            transport_name: TRANSPORTS[index].name,
            workloads,
            sections,
        })
    }

    /// Name of the transport.
    pub fn transport_name(&self) -> &'static str {
        self.transport_name
    }

    /// All settings by table.
    pub fn settings(&self) -> Vec<(String, Vec<Parameter>)> {
        let mut all = vec![
            (String::new(), self.general.parameters()),
            ("topology".into(), self.topology.parameters()),
            ("switch".into(), self.switch.parameters()),
            ("host".into(), self.host.parameters()),
            ("transport".into(), self.transport.parameters()),
        ];
        for (index, workload) in self.workloads.iter().enumerate() {
            all.push((self.workload_name(index), workload.parameters()));
        }
        all
    }

    fn workload_name(&self, index: usize) -> String {
        let mut named = self.sections.iter().filter(|section| section.kind() == "workload");
        named.nth(index).map_or("workload".into(), |section| section.name.clone())
    }

    /// The error that a setting makes no sense.
    fn wrong(&self, section: &str, (name, why): (&str, String)) -> ScenarioError {
        find(&self.sections, section).wrong(name, why)
    }
}

fn find(sections: &[Section], name: &str) -> Section {
    let found = sections.iter().find(|section| section.name == name);
    found.cloned().unwrap_or_else(|| Section { name: name.to_owned(), ..Section::default() })
}

/// Which of `names` the key of a section chooses.
fn choose(
    sections: &mut [Section],
    section: &str,
    key: &str,
    names: impl Iterator<Item = &'static str>,
) -> Result<usize, ScenarioError> {
    let section = find(sections, section);
    let names: Vec<&str> = names.collect();
    let all = names.join(", ");
    let Some(said) = section.keys.iter().find(|it| it.name == key) else {
        return Err(section.wrong(key, format!("it must be said; there are {all}")));
    };
    let found = names.iter().position(|name| *name == said.text);
    found.ok_or_else(|| section.wrong(key, format!("there is no `{}`; there are {all}", said.text)))
}

#[cfg(test)]
mod tests;
