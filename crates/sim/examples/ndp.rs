//! NDP on a fat tree: permutation and incast.
use trama_base::{Picos, Rate};
use trama_sim::network::{Balance, Link};
use trama_sim::port::Discipline;
use trama_sim::{Simulation, topology, workload};
use trama_transport::ndp::{Config, Ndp};

fn main() {
    let k: u32 = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(8);
    let bytes: u64 = std::env::args().nth(2).and_then(|a| a.parse().ok()).unwrap_or(20_000_000);
    let incast: u32 = std::env::args().nth(3).and_then(|a| a.parse().ok()).unwrap_or(0);
    let link = Link { rate: Rate::from_gbps(100), delay: Picos::from_micros(1) };
    let rules = Discipline::trimming(8, 64, 8 * 9000 + 100 * 64 * 9);
    let network = topology::fat_tree(k, link, rules, Balance::Source);
    let paths = network.paths();
    let flows = if incast > 0 {
        workload::incast(incast, bytes)
    } else {
        workload::permutation(network.hosts(), bytes, 1)
    };
    let config = Config { paths, ..Config::default() };
    let start = std::time::Instant::now();
    let mut sim = Simulation::new(network, flows, 1, |host| Ndp::new(config, host, 1));
    let record = sim.run(Picos::from_millis(100)).clone();
    let wall = start.elapsed().as_secs_f64();
    let mut times: Vec<f64> =
        record.flows.iter().filter_map(|f| f.completion()).map(|t| t.as_micros_f64()).collect();
    times.sort_by(f64::total_cmp);
    let mean = times.iter().sum::<f64>() / times.len() as f64;
    println!(
        "{} of {} flows: min {:.0} p50 {:.0} mean {:.0} max {:.0} us, mean util {:.3}",
        times.len(),
        record.flows.len(),
        times[0],
        times[times.len() / 2],
        mean,
        times[times.len() - 1],
        bytes as f64 * 8.0 / 100e3 / mean,
    );
    println!(
        "{} events {} links in {:.2} s: {:.2} M events/s {:.2} M links/s, peak {} packets, dropped {}",
        record.events,
        record.links,
        wall,
        record.events as f64 / wall / 1e6,
        record.links as f64 / wall / 1e6,
        sim.peak_packets(),
        record.dropped
    );
    let mut sum = trama_transport::endpoint::Counters::default();
    use trama_transport::Endpoint as _;
    for e in sim.endpoints() {
        let c = e.counters();
        sum.data_packets += c.data_packets;
        sum.retransmissions += c.retransmissions;
        sum.timeouts += c.timeouts;
        sum.duplicates += c.duplicates;
        sum.stray += c.stray;
    }
    println!("{sum:?}");
}
