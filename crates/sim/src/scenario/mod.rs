//! Scenarios: what a user writes to have a fabric simulated.
//!
//! A scenario is a TOML file that names a topology, what its switches do, a transport, and a
//! workload. Unknown keys and values are refused with the line and what is allowed there.

mod build;
mod quantity;

pub use build::{Estimate, Run};
use quantity::{Bytes, Duration, Speed};
use serde::Deserialize;

/// A scenario as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What the report calls it.
    #[serde(default)]
    pub title: String,
    /// Fixes everything that is left to chance.
    #[serde(default = "one")]
    pub seed: u64,
    /// Simulated time at which the run ends even if messages are still on their way.
    #[serde(default = "second")]
    pub limit: Duration,
    /// The fabric.
    pub topology: Topology,
    /// What its switches do.
    #[serde(default)]
    pub switch: Switch,
    /// What its hosts speak.
    pub transport: Transport,
    /// What they send.
    pub workload: Workload,
}

const fn one() -> u64 {
    1
}

const fn second() -> Duration {
    Duration::from_millis(1000)
}

/// A fabric.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Topology {
    /// One switch.
    Star {
        /// Hosts.
        hosts: u32,
        /// Rate of the links.
        rate: Speed,
        /// Delay of the links.
        delay: Duration,
    },
    /// Leaves with hosts, all joined to all spines.
    LeafSpine {
        /// Leaf switches.
        leaves: u32,
        /// Spine switches.
        spines: u32,
        /// Hosts of each leaf.
        hosts_per_leaf: u32,
        /// Rate of the hosts' links.
        rate: Speed,
        /// Rate of the links between switches.
        spine_rate: Speed,
        /// Delay of each link.
        delay: Duration,
    },
    /// Three levels of `k`-port switches.
    FatTree {
        /// Ports of a switch.
        k: u32,
        /// Rate of the links.
        rate: Speed,
        /// Delay of the links.
        delay: Duration,
    },
}

/// What switches do.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switch {
    /// How one of several equal ports is chosen; the transport's own way if it is not said.
    pub balance: Option<Balance>,
    /// Bytes that a port holds; what the transport needs if it is not said.
    pub buffer: Option<Bytes>,
    /// Queue above which packets are marked; none if it is not said.
    pub mark_above: Option<Bytes>,
}

/// How one of several equal ports is chosen.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Balance {
    /// By a hash of the flow.
    Flow,
    /// By chance, for each packet.
    Spray,
    /// By the sender.
    Source,
}

/// What hosts speak.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Transport {
    /// TCP with NewReno.
    NewReno(StreamOptions),
    /// TCP with CUBIC.
    Cubic(StreamOptions),
    /// Data Center TCP.
    Dctcp(StreamOptions),
    /// NDP.
    Ndp(NdpOptions),
}

/// Options of streams.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StreamOptions {
    /// Longest packet on the wire; 1500 B if it is not said.
    pub mtu: Option<Bytes>,
    /// Packets of the first window; 10 if it is not said.
    pub initial_window: Option<u32>,
    /// Shortest retransmission timeout; 10 ms if it is not said.
    pub timeout_min: Option<Duration>,
}

/// Options of NDP.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NdpOptions {
    /// Longest packet on the wire; 9 kB if it is not said.
    pub mtu: Option<Bytes>,
    /// Packets of the first window; 30 if it is not said.
    pub initial_window: Option<u32>,
    /// Data packets that a port holds; 8 if it is not said.
    pub queue_packets: Option<u32>,
}

/// What hosts send.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Workload {
    /// Everyone to one other, all at once.
    Permutation {
        /// Size of each message.
        bytes: Bytes,
    },
    /// Some to one, all at once.
    Incast {
        /// Hosts that send.
        senders: u32,
        /// Size of each message.
        bytes: Bytes,
    },
    /// Messages at random times between random hosts.
    Poisson {
        /// A published distribution of sizes.
        sizes: String,
        /// Share of the hosts' rate that is used on average.
        load: f64,
        /// Number of messages.
        messages: u32,
    },
}

/// Why a scenario cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScenarioError {
    /// It is not what a scenario looks like; the text tells the line and what is allowed.
    #[error("{0}")]
    Syntax(String),
    /// A value makes no sense.
    #[error("{key}: {why}")]
    Value {
        /// The key.
        key: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

impl Scenario {
    /// Reads a scenario.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        toml::from_str(text).map_err(|error| ScenarioError::Syntax(error.to_string()))
    }

    /// Reads a scenario with some keys replaced: `workload.load` by `0.5`, for example.
    pub fn parse_with(text: &str, set: &[(String, String)]) -> Result<Self, ScenarioError> {
        let syntax = |error: toml::de::Error| ScenarioError::Syntax(error.to_string());
        if set.is_empty() {
            return Self::parse(text);
        }
        let mut table: toml::Table = toml::from_str(text).map_err(syntax)?;
        for (key, value) in set {
            replace(&mut table, key, value)?;
        }
        table.try_into().map_err(syntax)
    }
}

/// Sets a dotted key of a table; a value that is no number or truth value is a string.
fn replace(table: &mut toml::Table, key: &str, value: &str) -> Result<(), ScenarioError> {
    let parsed = toml::from_str::<toml::Table>(&format!("v = {value}"));
    let value = match parsed.ok().and_then(|mut table| table.remove("v")) {
        Some(value) if !value.is_datetime() => value,
        _ => toml::Value::String(value.into()),
    };
    let mut place = table;
    let mut parts = key.split('.').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            place.insert(part.into(), value);
            return Ok(());
        }
        let next = place.entry(part).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        place = next.as_table_mut().ok_or_else(|| {
            ScenarioError::Syntax(format!("--set {key}: `{part}` is a value and has no keys"))
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
