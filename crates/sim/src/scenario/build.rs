//! From a scenario to a simulation.

use super::{Links, Scenario, ScenarioError};
use crate::network::Network;
use crate::record::FlowRecord;
use crate::report::Report;
use crate::simulation::{Change, HostTimes, Impairments, Nobody, Observer, Simulation};
use crate::topology::Plan;
use crate::workload::{MESSAGES_MAX, Traffic};
use trama_base::Picos;
use trama_transport::fabric::{Marking, Overflow, Sharing};
use trama_transport::{Endpoint, Queueing};

/// Simulated time between two calls for progress.
const SLICE: Picos = Picos::from_millis(1);

/// A simulation of any transport.
pub type Run<O = Nobody> = Simulation<Box<dyn Endpoint>, O>;

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
        self.build_observed(load, Nobody)
    }

    /// The same with someone who watches.
    pub fn build_observed<O: Observer>(
        &self,
        load: &Load<'_>,
        observer: O,
    ) -> Result<(Run<O>, Estimate), ScenarioError> {
        self.transport.check().map_err(|error| self.wrong("transport", error))?;
        let network = self.network(load)?;
        let traffic = self.traffic(&network, load)?;
        let changes = self.changes(&network)?;
        let (packet, header) = (self.transport.packet_bytes(), self.transport.header_bytes());
        let fabric = network.fabric(packet, header);
        let bytes = traffic.flows.iter().map(|flow| flow.bytes).sum();
        let packets = bytes / u64::from(packet - header) + traffic.flows.len() as u64;
        let estimate = Estimate {
            hosts: network.hosts(),
            messages: traffic.flows.len(),
            bytes,
            links: 2 * u64::from(fabric.links) * packets,
        };
        let seed = self.general.seed;
        let make = |host| self.transport.endpoint(&fabric, host, seed);
        let mut run = Simulation::observed(network, traffic, seed, make, observer);
        run.set_host_times(HostTimes { delay: self.host.delay, work: self.host.work });
        let impairments = self.impairments()?;
        if impairments != Impairments::default() {
            run.impair(impairments, seed);
        }
        if !changes.is_empty() {
            run.schedule(changes, seed);
        }
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
            if run.is_over() || run.is_idle() || pause == end {
                break;
            }
            progress(&run);
        }
        let (packet, header) = (self.transport.packet_bytes(), self.transport.header_bytes());
        let report = Report::new(&run, packet, header);
        Ok((report, run.record().flows.clone()))
    }

    /// The network without the rules of switches, to ask it for its measures; then with them.
    fn network(&self, load: &Load<'_>) -> Result<Network, ScenarioError> {
        let balance = self.switch.balance.unwrap_or(self.transport.balance());
        let build = |queueing| {
            let built = self.topology.build(&Plan { queueing, balance, load });
            built.map_err(|error| self.wrong("topology", error))
        };
        let bare = build(Queueing::drop_tail(0))?;
        let (packet, header) = (self.transport.packet_bytes(), self.transport.header_bytes());
        let queueing = self.queueing(self.transport.queueing(&bare.fabric(packet, header)))?;
        let network = build(queueing)?;
        if let Some((least, aside)) = network.buffers.least()
            && least.0 < u64::from(packet)
        {
            let why = format!(
                "it leaves {least} to share when {aside} are set aside for the longest link"
            );
            return Err(self.wrong("switch", ("buffer", why)));
        }
        Ok(network)
    }

    /// What the transport asks for, with what the scenario says instead.
    fn queueing(&self, mut queueing: Queueing) -> Result<Queueing, ScenarioError> {
        let packet = u64::from(self.transport.packet_bytes());
        let wrong = |name, why: String| Err(self.wrong("switch", (name, why)));
        match self.switch.buffer.map(|bytes| (bytes.0, u32::try_from(bytes.0))) {
            Some((bytes, Ok(small))) if bytes >= packet => queueing.capacity_bytes = small,
            Some(_) => {
                let why = format!("it holds at least a packet, {packet} B, and less than 4.29GB");
                return wrong("buffer", why);
            }
            None => {}
        }
        if let Some(mark_above) = self.switch.mark_above {
            let bytes = u32::try_from(mark_above.0).unwrap_or(u32::MAX);
            queueing.marking = Some(Marking::above(bytes));
        }
        if self.switch.shared == Some(true) && self.switch.lossless == Some(true) {
            return wrong("shared", "a lossless buffer is shared already".into());
        }
        match (self.switch.shared, self.switch.lossless) {
            (Some(true), _) => queueing.sharing = Sharing::Dynamic { alpha: 1.0 },
            (_, Some(true)) => queueing.sharing = Sharing::Lossless { alpha: 0.125 },
            (Some(false), _) | (_, Some(false)) => queueing.sharing = Sharing::Ports,
            (None, None) => {}
        }
        if let Some(said) = self.switch.alpha {
            match &mut queueing.sharing {
                _ if !(said > 0.0 && said <= 64.0) => {
                    return wrong("alpha", "it is above 0, and at most 64".into());
                }
                Sharing::Ports => return wrong("alpha", "the buffer is not shared".into()),
                Sharing::Dynamic { alpha } | Sharing::Lossless { alpha } => *alpha = said,
            }
        }
        if queueing.sharing != Sharing::Ports && queueing.overflow != Overflow::Drop {
            let why = format!("{} needs a buffer for each port", self.transport_name);
            return wrong("shared", why);
        }
        Ok(queueing)
    }

    /// The messages of all workloads.
    fn traffic(&self, network: &Network, load: &Load<'_>) -> Result<Traffic, ScenarioError> {
        let mut parts = Vec::new();
        let mut messages = 0;
        for (index, workload) in self.workloads.iter().enumerate() {
            let wrong = |error| self.wrong(&self.name_of("workload", index), error);
            messages += workload.messages(network.hosts());
            if messages > MESSAGES_MAX as u64 {
                let why = format!("these are {messages} messages; there may be {MESSAGES_MAX}");
                return Err(wrong(("kind", why)));
            }
            let seed = self.general.seed.wrapping_add((index as u64) << 32);
            let mut part = workload.traffic(network, seed, load).map_err(wrong)?;
            part.flows.iter_mut().for_each(|flow| flow.tag = index as u32);
            parts.push(part);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Traffic::merge(parts) })
    }

    fn impairments(&self) -> Result<Impairments, ScenarioError> {
        let Links { loss, late, late_by } = self.links;
        for (name, share) in [("loss", loss), ("late", late)] {
            if !(0.0..=1.0).contains(&share) {
                return Err(self.wrong("link", (name, "it is from 0 to 1".into())));
            }
        }
        let late_by = if late > 0.0 { late_by } else { Picos::ZERO };
        Ok(Impairments { loss, late, late_by })
    }

    /// What fails and comes back, and when switches know.
    fn changes(&self, network: &Network) -> Result<Vec<Change>, ScenarioError> {
        let mut changes = Vec::new();
        for (index, it) in self.failures.iter().enumerate() {
            let wrong = |error| self.wrong(&self.name_of("failure", index), error);
            let ports = network.ports_of(&it.what);
            if ports.is_empty() {
                let why = format!(
                    "nothing is called `{}`; `{}`, for example",
                    it.what,
                    network.port_name(network.ports() as u32 - 1)
                );
                return Err(wrong(("what", why)));
            }
            if it.until.is_some_and(|until| until <= it.at) {
                return Err(wrong(("until", "it is later than `at`".into())));
            }
            let mut change = |at, is_up| {
                let ports = ports.clone();
                changes.push(Change { at, ports, is_up, reroutes: false });
                let (at, ports) = (at + it.detection, Vec::new());
                changes.push(Change { at, ports, is_up, reroutes: true });
            };
            change(it.at, false);
            if let Some(until) = it.until {
                change(until, true);
            }
        }
        changes.sort_by_key(|change| change.at);
        Ok(changes)
    }
}
