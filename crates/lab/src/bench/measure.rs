//! Interleaved rounds.

use super::traffic::Traffic;
use super::workload::{Workload, WorkloadError};
use trama_base::Nanos;
use trama_base::stats::Spread;
use trama_lang::engine::Engine;
use trama_live::clock;
use trama_wire::Pool;

/// Packets given to an engine at once.
const BATCH: usize = 64;

/// How to measure.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Rounds of each workload.
    pub rounds: u32,
    /// Packets of a round.
    pub packets: u32,
    /// Flows.
    pub flows: u32,
    /// Length of a frame in bytes.
    pub frame_bytes: u32,
    /// Measure the reference interpreter as well, with a hundredth of the packets.
    pub interpreter: bool,
}

/// The result for one workload.
#[derive(Clone, Debug)]
pub struct Measurement {
    /// What was measured.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// Nanoseconds per packet, over the rounds.
    pub ns_per_packet: Spread,
    /// The same on the reference interpreter.
    pub interpreter_ns: Option<Spread>,
    /// Share of the packets that left again.
    pub forwarded: f64,
}

/// One engine with its traffic.
struct Lane {
    workload: &'static Workload,
    engine: Box<dyn Engine>,
    traffic: Traffic,
    next: usize,
    now: Nanos,
    sent: u64,
    given: u64,
    rounds_ns: Vec<f64>,
}

impl Lane {
    fn new(
        workload: &'static Workload,
        plan: &Plan,
        interpret: bool,
    ) -> Result<Self, WorkloadError> {
        let now = Nanos::from_secs(1_700_000_000);
        let program = workload.program()?;
        let mut engine = workload.engine(&program, now, interpret)?;
        let traffic = workload.traffic(&mut *engine, plan.flows, plan.frame_bytes, now)?;
        let rounds_ns = Vec::new();
        Ok(Self { workload, engine, traffic, next: 0, now, sent: 0, given: 0, rounds_ns })
    }

    /// Sends `packets` packets through and notes the mean time of one.
    fn round(&mut self, packets: usize, pool: &mut Pool) {
        let (mut input, mut output) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
        let start = clock::monotonic();
        let mut left = packets;
        while left > 0 {
            let batch = left.min(BATCH);
            // A packet each 100 ns: 10 Mpps of arrival time.
            self.now += Nanos(100 * batch as u64);
            for _ in 0..batch {
                let (frame, port) = self.traffic.frame(self.next);
                self.next += 1;
                let mut packet = pool.take();
                packet.refill(frame);
                packet.port = port;
                packet.time = self.now;
                input.push(packet);
            }
            self.engine.process(&mut input, &mut output, pool);
            self.sent += output.len() as u64;
            output.drain(..).for_each(|packet| pool.give(packet));
            left -= batch;
        }
        self.given += packets as u64;
        let elapsed = clock::monotonic().since(start);
        self.rounds_ns.push(elapsed.0 as f64 / packets as f64);
    }

    fn spread(&self) -> Option<Spread> {
        // The first round warms caches and is not counted.
        Spread::of(&self.rounds_ns[1.min(self.rounds_ns.len())..])
    }
}

/// Measures `names`, or everything.
pub fn measure(names: &[String], plan: &Plan) -> Result<Vec<Measurement>, WorkloadError> {
    let chosen: Vec<&'static Workload> = if names.is_empty() {
        super::workloads().iter().collect()
    } else {
        names.iter().map(|name| Workload::find(name)).collect::<Result<_, _>>()?
    };
    let mut lanes = Vec::new();
    for workload in chosen {
        let slow = plan.interpreter.then(|| Lane::new(workload, plan, true)).transpose()?;
        lanes.push((Lane::new(workload, plan, false)?, slow));
    }
    let mut pool = Pool::default();
    for _ in 0..=plan.rounds {
        for (fast, slow) in &mut lanes {
            fast.round(plan.packets as usize, &mut pool);
            if let Some(slow) = slow {
                slow.round((plan.packets as usize / 100).max(BATCH), &mut pool);
            }
        }
    }
    let finish = |(fast, slow): (Lane, Option<Lane>)| Measurement {
        name: fast.workload.name,
        about: fast.workload.about,
        ns_per_packet: fast.spread().expect("there is at least one round"),
        interpreter_ns: slow.and_then(|lane| lane.spread()),
        forwarded: fast.sent as f64 / fast.given.max(1) as f64,
    };
    Ok(lanes.into_iter().map(finish).collect())
}
