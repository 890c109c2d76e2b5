//! Labs: up, down, and what is between.

use crate::build;
use crate::counters::{self, LinkCounters};
use crate::process::{self, Child};
use crate::record::{Owner, Record};
use crate::{LabError, Topology};
use std::process::Command;
use std::time::Duration;
use trama_live::namespace::{self, NetNamespace};

/// How long processes in a lab may take to end when they are asked to.
const GRACE: Duration = Duration::from_millis(500);

/// When a lab goes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// With the handle; after a crash of this process, by [`clean`] or the next [`Lab::up`].
    Handle,
    /// When it is taken down.
    Persistent,
}

/// How to bring a lab up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpOptions {
    /// Leaves boxes without addresses, for a program that owns their interfaces.
    pub bare: bool,
    /// When it goes away.
    pub lifetime: Lifetime,
}

/// A lab that is up.
#[derive(Debug)]
pub struct Lab {
    name: String,
    record: Record,
    lifetime: Lifetime,
}

/// What [`list`] tells about a lab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabInfo {
    /// Its name.
    pub name: String,
    /// Its topology.
    pub topology: String,
    /// Its nodes.
    pub nodes: Vec<String>,
    /// Whether the process that it belonged to has died.
    pub leftover: bool,
}

impl Lab {
    /// Brings a lab up. A leftover of the same name is removed first; if anything fails, what was
    /// made is removed again.
    pub fn up(name: &str, topology: &Topology, options: UpOptions) -> Result<Self, LabError> {
        check_name(name)?;
        clean()?;
        if Record::load(name).is_some() {
            return Err(LabError::Exists(name.into()));
        }
        let record = Record {
            topology: topology.name.into(),
            namespaces: topology.namespaces().map(|node| bound_name(name, node)).collect(),
            owner: Some(Owner::this_process()),
        };
        record.save(name)?;
        // From here on dropping the handle removes all that there is.
        let mut lab = Self { name: name.into(), record, lifetime: Lifetime::Handle };
        let mut places = build::namespaces(topology, |node| bound_name(name, node))?;
        build::connect(topology, &mut places, options.bare)?;
        if options.lifetime == Lifetime::Persistent {
            lab.record.owner = None;
            lab.record.save(name)?;
            lab.lifetime = Lifetime::Persistent;
        }
        Ok(lab)
    }

    /// A handle to a lab that is up.
    pub fn open(name: &str) -> Result<Self, LabError> {
        check_name(name)?;
        let record = Record::load(name).ok_or_else(|| LabError::NoLab(name.into()))?;
        Ok(Self { name: name.into(), record, lifetime: Lifetime::Persistent })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its nodes.
    pub fn nodes(&self) -> Vec<String> {
        nodes(&self.name, &self.record)
    }

    /// The namespace of a node.
    pub fn namespace(&self, node: &str) -> Result<NetNamespace, LabError> {
        let bound = bound_name(&self.name, node);
        if !self.record.namespaces.contains(&bound) {
            let (lab, nodes) = (self.name.clone(), self.nodes());
            return Err(LabError::NoNode { lab, node: node.into(), nodes });
        }
        Ok(NetNamespace::named(&bound)?)
    }

    /// Starts a command in a node.
    pub fn spawn(&self, node: &str, command: &mut Command) -> Result<Child, LabError> {
        Child::spawn(&self.namespace(node)?, command)
    }

    /// Runs `f` on a thread in a node.
    pub fn within<T: Send>(&self, node: &str, f: impl FnOnce() -> T + Send) -> Result<T, LabError> {
        Ok(self.namespace(node)?.run(f)?)
    }

    /// Waits until a TCP server in a node listens on a port; false if it does not in time. It asks
    /// the kernel and opens no connection, so a server that serves one client at a time is ready.
    pub fn wait_for_listener(
        &self,
        node: &str,
        port: u16,
        patience: Duration,
    ) -> Result<bool, LabError> {
        let namespace = self.namespace(node)?;
        let deadline = std::time::Instant::now() + patience;
        while !namespace.run(|| listens(port))? {
            if std::time::Instant::now() > deadline {
                return Ok(false);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(true)
    }

    /// The kernel's counts of an interface of a node.
    pub fn counters(&self, node: &str, interface: &str) -> Result<LinkCounters, LabError> {
        counters::read(&self.namespace(node)?, interface)
    }

    /// Takes the lab down: ends the processes in it, removes interfaces, namespaces and the note.
    pub fn down(mut self) -> Result<(), LabError> {
        self.lifetime = Lifetime::Persistent;
        remove(&self.name, &self.record)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if self.lifetime == Lifetime::Handle {
            // There is nobody to tell; the note stays, so `clean` tries again.
            let _ = remove(&self.name, &self.record);
        }
    }
}

/// All labs that there are, leftovers included.
pub fn list() -> Vec<LabInfo> {
    let of = |name: String| {
        let record = Record::load(&name)?;
        Some(LabInfo {
            nodes: nodes(&name, &record),
            topology: record.topology.clone(),
            leftover: record.is_leftover(),
            name,
        })
    };
    Record::names().into_iter().filter_map(of).collect()
}

/// Removes the labs whose owner has died; returns their names.
pub fn clean() -> Result<Vec<String>, LabError> {
    let mut removed = Vec::new();
    for name in Record::names() {
        if let Some(record) = Record::load(&name).filter(Record::is_leftover) {
            remove(&name, &record)?;
            removed.push(name);
        }
    }
    Ok(removed)
}

fn remove(name: &str, record: &Record) -> Result<(), LabError> {
    let mut namespaces = record.namespaces.clone();
    // A note that could not be read names none; what was bound tells.
    let prefix = bound_name(name, "");
    namespaces.extend(namespace::bound_names().into_iter().filter(|n| n.starts_with(&prefix)));
    namespaces.sort();
    namespaces.dedup();
    end_processes(&namespaces);
    for bound in &namespaces {
        // One that was never made, or is half made, has no interfaces to remove.
        if let Ok(network) = NetNamespace::named(bound) {
            let _ = build::remove_links(&network);
        }
        namespace::unbind(bound)?;
    }
    Record::remove(name)
}

/// Asks the processes in these namespaces to end, and ends those that do not.
fn end_processes(namespaces: &[String]) {
    let found = process::inside(namespaces);
    for pid in &found {
        trama_live::signal::send(*pid, trama_live::signal::Kind::Terminate);
    }
    let deadline = std::time::Instant::now() + GRACE;
    while !found.is_empty() && std::time::Instant::now() < deadline {
        if process::inside(namespaces).is_empty() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    for pid in process::inside(namespaces) {
        trama_live::signal::send(pid, trama_live::signal::Kind::Kill);
    }
}

/// Whether a TCP socket of this thread's network namespace listens on a port, by the tables in
/// `/proc` (proc_net_tcp.rst: local address and state are the second and fourth column).
fn listens(port: u16) -> bool {
    const LISTEN: &str = "0A";
    let suffix = format!(":{port:04X}");
    let is_listener = |line: &str| {
        let mut columns = line.split_whitespace().skip(1);
        let local = columns.next().unwrap_or("");
        local.ends_with(&suffix) && columns.nth(1) == Some(LISTEN)
    };
    ["tcp", "tcp6"].into_iter().any(|table| {
        let path = format!("/proc/thread-self/net/{table}");
        std::fs::read_to_string(path).is_ok_and(|text| text.lines().any(is_listener))
    })
}

fn check_name(name: &str) -> Result<(), LabError> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if (1..=16).contains(&name.len()) && name.bytes().all(allowed) {
        Ok(())
    } else {
        Err(LabError::Name(name.into()))
    }
}

fn bound_name(lab: &str, node: &str) -> String {
    format!("trama-{lab}-{node}")
}

fn nodes(lab: &str, record: &Record) -> Vec<String> {
    let prefix = bound_name(lab, "");
    let names = record.namespaces.iter().filter_map(|bound| bound.strip_prefix(&prefix));
    names.map(Into::into).collect()
}
