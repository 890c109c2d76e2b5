//! Ten flows begin at once where a long one has the link: the case of PowerTCP's evaluation
//! (NSDI 2022, section 4.1), which its authors' ns-3 runs for six controllers.
//!
//! Hosts have 25 Gbit/s, links a delay of 1 us, packets a payload of 1000 B; controllers take the
//! longest round trip of the authors' fabric, 28.96 us, for theirs.

use trama_base::{Bytes, Picos, Rate};
use trama_sim::Simulation;
use trama_sim::topology::{Star, Topology as _};
use trama_sim::workload::Flow;
use trama_transport::fabric::Marking;
use trama_transport::{HostId, registry};

/// When the ten begin.
const BURST: Picos = Picos::from_micros(1000);
/// Distance of measurements of the rate.
const STEP: Picos = Picos::from_micros(50);

/// What the link of the receiver saw.
#[derive(Clone, Copy, Debug)]
struct Seen {
    peak_kb: f64,
    /// From 0.5 to 3 ms after the burst.
    queue_kb: f64,
    gbps: f64,
    gbps_min: f64,
    dropped: u64,
}

fn flow(at: Picos, source: u32) -> Flow {
    Flow { at, source: HostId(source), destination: HostId(0), bytes: 1_000_000_000 }
}

/// The burst, with a transport that is set so.
fn burst(name: &str, set: &[(&str, &str)]) -> Seen {
    let mut transport = (registry::find(name).expect("it is there").make)();
    let common = [("mtu", "1048B"), ("header", "48B"), ("timeout_min", "10ms")];
    for (key, value) in common.iter().chain(set) {
        transport.set(key, value).unwrap_or_else(|error| panic!("{key}: {error:?}"));
    }
    transport.check().expect("it makes sense");
    let star = Star { hosts: 12, rate: Rate::from_gbps(25), ..Star::default() };
    let (packet, header) = (transport.packet_bytes(), transport.header_bytes());
    let balance = transport.balance();
    let bare = star.build(trama_transport::Queueing::drop_tail(0), balance);
    let fabric = bare.fabric(packet, header);
    let mut queueing = transport.queueing(&fabric);
    queueing.capacity_bytes = 4 << 20;
    if let Some(marking) = &mut queueing.marking {
        *marking =
            Marking { from_bytes: 100_000, to_bytes: 400_000, share_max: 0.2, departing: true };
    }
    let flows =
        std::iter::once(flow(Picos::ZERO, 11)).chain((1..=10).map(|host| flow(BURST, host)));
    let network = star.build(queueing, balance);
    let mut run =
        Simulation::new(network, flows.collect(), 1, |host| transport.endpoint(&fabric, host, 1));
    let port = run.network().port("switch to host 0").expect("it is there");
    run.watch(vec![port]);
    let sent = |run: &Simulation<_>| {
        run.network().counters().nth(port as usize).expect("it is there").1.bytes
    };
    let begin = BURST + Picos::from_micros(500);
    run.run(begin);
    let (mut rates, mut before) = (Vec::new(), sent(&run));
    while run.now() < BURST + Picos::from_millis(3) {
        let end = begin + Picos(STEP.0 * (rates.len() as u64 + 1));
        run.run(end);
        rates.push(8.0 * (sent(&run) - before) as f64 / STEP.as_secs_f64() / 1e9);
        before = sent(&run);
        if rates.len() == 50 {
            break;
        }
    }
    let pairs = run.sampler().samples().iter().zip(run.sampler().queue(0));
    let late: Vec<f64> =
        pairs.filter(|(it, _)| it.at > begin).map(|(_, bytes)| f64::from(bytes)).collect();
    let counters = run.network().counters().nth(port as usize).expect("it is there").1;
    Seen {
        peak_kb: f64::from(counters.peak_bytes) / 1e3,
        queue_kb: late.iter().sum::<f64>() / late.len() as f64 / 1e3,
        gbps: rates.iter().sum::<f64>() / rates.len() as f64,
        gbps_min: rates.iter().copied().fold(f64::INFINITY, f64::min),
        dropped: run.record().dropped,
    }
}

#[test]
fn explore() {
    for (name, set) in [
        ("dctcp", vec![("packets_per_ack", "1"), ("initial_window", "90")]),
        ("dcqcn", vec![]),
        (
            "dcqcn",
            vec![
                ("rise_timer", "900us"),
                ("fast_rounds", "1"),
                ("alpha_timer", "1us"),
                ("notify_every", "4us"),
                ("rate_step", "50Mbps"),
                ("rate_min", "100Mbps"),
                ("clamp_target", "false"),
                ("rise_bytes", "1GB"),
            ],
        ),
    ] {
        println!("{name} {:?}", burst(name, &set));
    }
    let _ = Bytes(0);
}
