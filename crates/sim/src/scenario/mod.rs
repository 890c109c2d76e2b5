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
use trama_transport::registry::{self, TRANSPORTS};
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
        /// Whether ports share the buffer of their switch, which is `buffer` then.
        shared: Option<bool> = None,
        /// Whether senders are paused instead of packets dropped (priority flow control); ports
        /// share the buffer of their switch then.
        lossless: Option<bool> = None,
        /// Of a shared buffer: how many times what is free of it a queue may take, or what came
        /// over a link before its sender is paused.
        alpha: Option<f64> = None,
    }
}

parameters! {
    /// What happens to packets on all links at random.
    pub struct Links {
        /// Share of packets that are lost.
        loss: f64 = 0.0,
        /// Share of packets that are late, so that others overtake them.
        late: f64 = 0.0,
        /// How much later those are, at most.
        late_by: Picos = Picos::from_micros(10),
    }
}

parameters! {
    /// A link or a switch that fails.
    pub struct Failure {
        /// The port at one end of a link, by its name in `ports.csv`: `leaf 0 to spine 1`; or a
        /// switch: `spine 1`.
        what: String = String::new(),
        /// When it fails.
        at: Picos = Picos::ZERO,
        /// When it works again.
        until: Option<Picos> = None,
        /// How long it takes all switches to find other ways.
        detection: Picos = Picos::from_millis(1),
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
    links: Links,
    host: Host,
    failures: Vec<Failure>,
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
const SECTIONS: [&str; 7] =
    ["topology", "switch", "link", "host", "failure", "transport", "workload"];

/// What is wrong with settings: the name of one, and what it may be.
pub type Wrong = (&'static str, String);

impl Scenario {
    /// Reads a scenario.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        Self::parse_with(text, &[])
    }

    /// Reads a scenario with some keys replaced: `workload.load` by `0.5`, for example.
    pub fn parse_with(text: &str, set: &[(String, String)]) -> Result<Self, ScenarioError> {
        let mut sections = reader::read(text, set)?;
        for section in &sections[1..] {
            let of_transport = section.name.strip_prefix("transport.");
            let is_known = match of_transport {
                Some(name) => registry::find(name).is_some(),
                None => SECTIONS.contains(&section.kind()),
            };
            if !is_known {
                let why = format!("there is no such table; there are {}", SECTIONS.join(", "));
                return Err(section.wrong("", why));
            }
        }
        let mut general = General::default();
        sections[0].apply(&mut general, &[])?;
        let switch: Switch = settings(&find(&sections, "switch"))?;
        let links: Links = settings(&find(&sections, "link"))?;
        let host: Host = settings(&find(&sections, "host"))?;
        let failures = sections.iter().filter(|section| section.kind() == "failure");
        let failures = failures.map(settings::<Failure>).collect::<Result<_, _>>()?;

        let names = TOPOLOGIES.iter().map(|it| it.name);
        let index = choose(&mut sections, "topology", "kind", names)?;
        let mut topology = (TOPOLOGIES[index].make)();
        find(&sections, "topology").apply(&mut *topology, &["kind"])?;

        let names = TRANSPORTS.iter().map(|it| it.name);
        let index = choose(&mut sections, "transport", "name", names)?;
        let mut transport = (TRANSPORTS[index].make)();
        // Settings of one transport come before those of whichever is chosen.
        let own = format!("transport.{}", TRANSPORTS[index].name);
        find(&sections, &own).apply(&mut *transport, &[])?;
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
            links,
            host,
            failures,
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
            ("topology".into(), self.named("topology", "kind", self.topology.parameters())),
            ("switch".into(), self.switch.parameters()),
            ("link".into(), self.links.parameters()),
            ("host".into(), self.host.parameters()),
            ("transport".into(), self.named("transport", "name", self.transport.parameters())),
        ];
        for (index, workload) in self.workloads.iter().enumerate() {
            let name = self.name_of("workload", index);
            let settings = self.named(&name, "kind", workload.parameters());
            all.push((name, settings));
        }
        for (index, failure) in self.failures.iter().enumerate() {
            all.push((self.name_of("failure", index), failure.parameters()));
        }
        all
    }

    /// Settings with the key that chooses what they are of.
    fn named(&self, section: &str, key: &'static str, rest: Vec<Parameter>) -> Vec<Parameter> {
        let section = find(&self.sections, section);
        let said = section.keys.into_iter().find(|it| it.name == key);
        let value = said.map_or(String::new(), |key| key.text);
        let (meaning, form) = ("Which one.", "a name".into());
        std::iter::once(Parameter { name: key, meaning, form, value }).chain(rest).collect()
    }

    /// A number that two scenarios share only if all their settings are the same, except for the
    /// title; files that they name do not count.
    pub fn fingerprint(&self) -> u64 {
        let settings = self.settings().into_iter().flat_map(|(table, settings)| {
            let of_table = settings.into_iter().filter(|it| it.name != "title");
            of_table.map(move |it| format!("{table}.{}={}\n", it.name, it.value))
        });
        // FNV-1a.
        settings.flat_map(String::into_bytes).fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
    }

    /// The key that sets the load, if a workload has one.
    pub fn load_key(&self) -> Option<String> {
        let has_load = |settings: &[Parameter]| settings.iter().any(|it| it.name == "load");
        let all = self.settings().into_iter();
        let mut workloads = all.filter(|(table, _)| table.starts_with("workload"));
        workloads.find(|(_, it)| has_load(it)).map(|(table, _)| format!("{table}.load"))
    }

    /// Name of the section of a kind that has several.
    fn name_of(&self, kind: &str, index: usize) -> String {
        let mut named = self.sections.iter().filter(|section| section.kind() == kind);
        named.nth(index).map_or(kind.to_owned(), |section| section.name.clone())
    }

    /// The error that a setting makes no sense.
    fn wrong(&self, section: &str, (name, why): (&str, String)) -> ScenarioError {
        find(&self.sections, section).wrong(name, why)
    }
}

/// What a section says, and the defaults of what it does not say.
fn settings<T: Parameters + Default>(section: &Section) -> Result<T, ScenarioError> {
    let mut settings = T::default();
    section.apply(&mut settings, &[])?;
    Ok(settings)
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
