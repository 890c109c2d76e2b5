//! What this machine can do, found out by doing it.
//!
//! Each [`Probe`] tries one mechanism for real, in a namespace, on a link or with a program of its
//! own that is gone when the probe returns. A "no" carries the operation and the kernel's answer,
//! and, if a privilege is lacking, which.

mod kernel;
mod links;
mod programs;
mod site;
mod struct_ops;
mod tools;
mod tracing;

use crate::capability::Capabilities;
use crate::clock;
use crate::io::IoError;
use crate::sys::SysError;
use trama_base::Nanos;

/// One thing that may or may not be possible.
#[derive(Debug)]
pub struct Probe {
    /// Short name, unique.
    pub id: &'static str,
    /// Where it belongs in a table.
    pub group: Group,
    /// What is tried.
    pub what: &'static str,
    /// What Trama can do with it.
    pub enables: &'static str,
    /// The capabilities that it takes.
    pub needs: &'static str,
    check: fn() -> Result<String, Refusal>,
}

/// Groups of probes, in the order of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// The machine and its kernel.
    Machine,
    /// Moving packets to and from user space.
    PacketIo,
    /// Interfaces, queues and the firewall.
    Network,
    /// Programs in the kernel.
    Programs,
    /// Programs that observe the kernel.
    Tracing,
    /// Other programs that tests and demonstrations use.
    Tools,
}

/// The outcome of a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It works; the text has the particulars.
    Yes(String),
    /// It does not.
    No {
        /// Operation, errno, and what would help.
        reason: String,
    },
}

/// Why a probe says no.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Refusal {
    reason: String,
    permission: bool,
}

/// A probe with its outcome.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What was tried.
    pub probe: &'static Probe,
    /// What came of it.
    pub verdict: Verdict,
    /// How long it took.
    pub took: Nanos,
}

/// All probes, in the order of the table.
pub fn probes() -> impl Iterator<Item = &'static Probe> {
    let groups: [&'static [Probe]; 6] = [
        kernel::PROBES,
        links::PACKET_IO,
        links::NETWORK,
        programs::PROBES,
        tracing::PROBES,
        tools::PROBES,
    ];
    groups.into_iter().flatten()
}

/// Runs all probes, one after the other; below three seconds on any machine we know.
pub fn examine() -> Vec<Finding> {
    let run = |probe: &'static Probe| {
        let started = clock::monotonic();
        let verdict = probe.run();
        Finding { probe, verdict, took: clock::monotonic().since(started) }
    };
    probes().map(run).collect()
}

impl Probe {
    /// Tries it.
    pub fn run(&self) -> Verdict {
        match (self.check)() {
            Ok(detail) => Verdict::Yes(detail),
            Err(Refusal { reason, permission: true }) if !self.needs.is_empty() => {
                let missing = Capabilities::effective().missing();
                let lacks = missing.iter().any(|name| self.needs.contains(name));
                let hint = match lacks || !self.needs.starts_with("CAP_") {
                    true => format!("needs {}", self.needs),
                    false => format!("the kernel forbids it, even with {}", self.needs),
                };
                Verdict::No { reason: format!("{reason}; {hint}") }
            }
            Err(Refusal { reason, .. }) => Verdict::No { reason },
        }
    }
}

impl Verdict {
    /// Whether it works.
    pub fn is_yes(&self) -> bool {
        matches!(self, Self::Yes(_))
    }
}

impl Group {
    /// The group's title.
    pub fn title(self) -> &'static str {
        match self {
            Self::Machine => "machine",
            Self::PacketIo => "packet I/O",
            Self::Network => "network",
            Self::Programs => "kernel programs",
            Self::Tracing => "tracing",
            Self::Tools => "tools",
        }
    }
}

impl From<SysError> for Refusal {
    fn from(error: SysError) -> Self {
        Self { permission: error.is_permission(), reason: error.to_string() }
    }
}

impl From<IoError> for Refusal {
    fn from(error: IoError) -> Self {
        match error {
            IoError::NotPermitted { source, .. } => source.into(),
            error => Self { reason: error.to_string(), permission: false },
        }
    }
}

impl From<&str> for Refusal {
    fn from(reason: &str) -> Self {
        Self { reason: reason.into(), permission: false }
    }
}

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self { reason, permission: false }
    }
}

#[cfg(test)]
mod tests;
