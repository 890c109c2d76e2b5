//! Side by side on this machine: what Linux and others offer for a task, and Trama, in labs of the
//! same shape.
//!
//! Two tasks. *Edge*: a stateful filter and translation of addresses between an office and the
//! internet. *Bridge*: two hosts on one network. All labs are up at the same time and idle but for
//! the one that is measured; the contenders take turns within each round, so that a machine that
//! gets slower does so for each of them.
//!
//! Measured are bulk TCP (iperf3), small UDP packets as fast as one sender can (iperf3, 22 bytes of
//! payload, frames of 64 bytes), requests (wrk to nginx), and during the UDP packets the processor
//! time of the whole machine, interrupts included, by `/proc/stat`: it has the sender and the
//! receiver in it, the same for all. The process that forwards, if there is one, is told apart.

mod contender;
mod measure;

pub use contender::{Contender, Task};
use contender::{Running, start};
use measure::Sample;
use trama_base::stats::Spread;

use crate::{LabError, LabLock};
use std::path::{Path, PathBuf};

/// How to compare.
#[derive(Clone, Debug)]
pub struct LivePlan {
    /// Rounds.
    pub rounds: u32,
    /// Seconds of each single measurement.
    pub seconds: u32,
    /// This command line, to be run in the box.
    pub trama: PathBuf,
    /// A folder for programs and configurations, which exists.
    pub scratch: PathBuf,
}

/// What was measured of a contender, over the rounds; nothing where a tool is missing.
#[derive(Clone, Debug)]
pub struct LiveResult {
    /// Who.
    pub contender: Contender,
    /// Gigabits per second of TCP.
    pub tcp_gbps: Option<Spread>,
    /// Small packets per second that arrived.
    pub udp_pps: Option<Spread>,
    /// Processor time of the machine for each of these, in nanoseconds.
    pub machine_ns: Option<Spread>,
    /// That of the process that forwards, if it is one.
    pub process_ns: Option<Spread>,
    /// Requests per second.
    pub requests: Option<Spread>,
    /// The time under which half, and 99 % of the requests are answered, in microseconds.
    pub latency_us: [Option<Spread>; 2],
}

/// Compares all contenders that this machine has; says why each other one is left out.
pub fn live(plan: &LivePlan) -> Result<(Vec<LiveResult>, Vec<String>), LabError> {
    let _lock = LabLock::acquire()?;
    let mut left_out = Vec::new();
    let mut running: Vec<Running> = Vec::new();
    for contender in Contender::ALL {
        match start(contender, running.len(), plan) {
            Ok(started) => running.push(started),
            Err(why) => left_out.push(format!("{}: {why}", contender.name())),
        }
    }
    let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); running.len()];
    for _ in 0..plan.rounds {
        for (one, samples) in running.iter().zip(&mut samples) {
            samples.push(measure::sample(one, plan.seconds)?);
        }
    }
    let results = running.iter().zip(&samples).map(|(one, samples)| result(one, samples)).collect();
    running.into_iter().for_each(Running::stop);
    Ok((results, left_out))
}

fn result(one: &Running, samples: &[Sample]) -> LiveResult {
    let over = |of: fn(&Sample) -> Option<f64>| {
        Spread::of(&samples.iter().filter_map(of).collect::<Vec<_>>())
    };
    LiveResult {
        contender: one.contender,
        tcp_gbps: over(|s| s.tcp_gbps),
        udp_pps: over(|s| s.udp_pps),
        machine_ns: over(|s| s.machine_ns),
        process_ns: over(|s| s.process_ns),
        requests: over(|s| s.requests),
        latency_us: [over(|s| s.half_us), over(|s| s.most_us)],
    }
}

/// True if a program is in one of the usual folders.
fn has(program: &str) -> bool {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    path.split(':').any(|folder| Path::new(folder).join(program).is_file())
}
