//! From a scenario to a simulation.

use super::{Scenario, ScenarioError};
use crate::network::Network;
use crate::record::FlowRecord;
use crate::report::Report;
use crate::simulation::{HostTimes, Simulation};
use crate::workload::{Flow, MESSAGES_MAX};
use trama_base::Picos;
use trama_transport::fabric::Marking;
use trama_transport::{Endpoint, Queueing};

/// Simulated time between two calls for progress.
const SLICE: Picos = Picos::from_millis(1);

/// A simulation of any transport.
pub type Run = Simulation<Box<dyn Endpoint>>;

/// Gives the contents of a file that a scenario names.
pub type Load<'a> = dyn Fn(&str) -> Result<String, String> + 'a;

/// What a run will take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// Hosts.
    pub hosts: u32,
    /// Messages.
    pub messages: usize,
    /// Bytes of all messages.
    pub bytes: u64,
    /// Packets crossing a link, roughly: each packet of data and one answer on the longest way.
    pub links: u64,
}

impl Scenario {
    /// The simulation, and what it will take.
    pub fn build(&self, load: &Load<'_>) -> Result<(Run, Estimate), ScenarioError> {
        let wrong = |section: &str| {
            let section = section.to_owned();
            move |error: (&'static str, String)| self.wrong(&section, error)
        };
        self.topology.check().map_err(wrong("topology"))?;
        self.transport.check().map_err(wrong("transport"))?;
        let network = self.network()?;
        let flows = self.flows(&network, load)?;
        let (packet, header) = (self.transport.packet_bytes(), self.transport.header_bytes());
        let fabric = network.fabric(packet, header);
        let bytes = flows.iter().map(|flow| flow.bytes).sum();
        let packets = bytes / u64::from(packet - header) + flows.len() as u64;
        let estimate = Estimate {
            hosts: network.hosts(),
            messages: flows.len(),
            bytes,
            links: 2 * u64::from(fabric.links) * packets,
        };
        let seed = self.general.seed;
        let make = |host| self.transport.endpoint(&fabric, host, seed);
        let mut run = Simulation::new(network, flows, seed, make);
        run.set_host_times(HostTimes { delay: self.host.delay, work: self.host.work });
        Ok((run, estimate))
    }

    /// Runs it, and reports. `progress` is called now and then with the simulation as it is.
    pub fn run(
        &self,
        load: &Load<'_>,
        mut progress: impl FnMut(&Run),
    ) -> Result<(Report, Vec<FlowRecord>), ScenarioError> {
        let (mut run, _) = self.build(load)?;
        let end = self.general.limit;
        let mut pause = Picos::ZERO;
        loop {
            pause = (pause + SLICE).min(end);
            run.run(pause);
            if run.is_over() || pause == end {
                break;
            }
            progress(&run);
        }
        let (packet, header) = (self.transport.packet_bytes(), self.transport.header_bytes());
        let report = Report::new(&run, packet, header);
        Ok((report, run.record().flows.clone()))
    }

    /// The network without switches' rules, to ask it for its measures; then with them.
    fn network(&self) -> Result<Network, ScenarioError> {
        let balance = self.switch.balance.unwrap_or(self.transport.balance());
        let bare = self.topology.build(Queueing::drop_tail(0), balance);
        let (packet, header) = (self.transport.packet_bytes(), self.transport.header_bytes());
        let queueing = self.queueing(self.transport.queueing(&bare.fabric(packet, header)))?;
        Ok(self.topology.build(queueing, balance))
    }

    /// What the transport asks for, with what the scenario says instead.
    fn queueing(&self, mut queueing: Queueing) -> Result<Queueing, ScenarioError> {
        let packet = u64::from(self.transport.packet_bytes());
        if let Some(buffer) = self.switch.buffer {
            let bytes = u32::try_from(buffer.0).ok().filter(|_| buffer.0 >= packet);
            queueing.capacity_bytes = bytes.ok_or_else(|| {
                let why = format!("it holds at least a packet, {packet} B, and less than 4GB");
                self.wrong("switch", ("buffer", why))
            })?;
        }
        if let Some(mark_above) = self.switch.mark_above {
            let bytes = u32::try_from(mark_above.0).unwrap_or(u32::MAX);
            queueing.marking = Some(Marking::above(bytes));
        }
        Ok(queueing)
    }

    /// The messages of all workloads, in order of time.
    fn flows(&self, network: &Network, load: &Load<'_>) -> Result<Vec<Flow>, ScenarioError> {
        let mut flows = Vec::new();
        for (index, workload) in self.workloads.iter().enumerate() {
            let seed = self.general.seed.wrapping_add((index as u64) << 32);
            let more = workload.flows(network, seed, load);
            flows.extend(more.map_err(|error| self.wrong(&self.workload_name(index), error))?);
        }
        if flows.len() > MESSAGES_MAX as usize {
            let why = format!("these are {} messages; there may be {MESSAGES_MAX}", flows.len());
            return Err(self.wrong("workload", ("messages", why)));
        }
        flows.sort_by_key(|flow| flow.at);
        Ok(flows)
    }
}
