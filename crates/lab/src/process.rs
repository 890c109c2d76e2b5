//! Processes inside a lab.

use crate::LabError;
use std::os::unix::fs::MetadataExt as _;
use std::process::{Command, ExitStatus, Output};
use trama_live::namespace::{NetNamespace, bound_path};

/// A process in a lab; it is killed when this is dropped.
#[derive(Debug)]
pub struct Child {
    inner: Option<std::process::Child>,
}

impl Child {
    /// Starts a command inside a namespace. Only the network is another one: files, `/sys` and
    /// cgroups are the caller's.
    pub(crate) fn spawn(namespace: &NetNamespace, command: &mut Command) -> Result<Self, LabError> {
        // A child inherits the namespace of the thread that starts it.
        let started = namespace.run(|| command.spawn())?;
        let inner = started.map_err(|source| LabError::Spawn {
            program: command.get_program().to_string_lossy().into_owned(),
            source,
        })?;
        Ok(Self { inner: Some(inner) })
    }

    /// Its process number.
    pub fn id(&self) -> u32 {
        self.process().id()
    }

    /// Waits for its end.
    pub fn wait(mut self) -> std::io::Result<ExitStatus> {
        self.take().wait()
    }

    /// Waits for its end and gives what it wrote to the streams that were piped.
    pub fn wait_with_output(mut self) -> std::io::Result<Output> {
        self.take().wait_with_output()
    }

    /// The status, if it has ended.
    pub fn try_wait(&mut self) -> std::io::Result<Option<ExitStatus>> {
        self.inner.as_mut().expect("only waiting takes it").try_wait()
    }

    fn process(&self) -> &std::process::Child {
        self.inner.as_ref().expect("only waiting takes it, and that consumes the handle")
    }

    fn take(&mut self) -> std::process::Child {
        self.inner.take().expect("only waiting takes it, and that consumes the handle")
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if let Some(mut process) = self.inner.take() {
            // It may have ended by itself.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// The processes whose network is one of these namespaces.
pub(crate) fn inside(namespaces: &[String]) -> Vec<u32> {
    let bound: Vec<u64> = namespaces
        .iter()
        .filter_map(|name| Some(std::fs::metadata(bound_path(name)).ok()?.ino()))
        .collect();
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    numbers
        .filter(|pid| *pid != std::process::id())
        .filter(|pid| {
            let network = std::fs::metadata(format!("/proc/{pid}/ns/net"));
            network.is_ok_and(|network| bound.contains(&network.ino()))
        })
        .collect()
}
