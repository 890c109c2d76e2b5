//! Streams: incast on a star.
use trama_base::{Picos, Rate};
use trama_sim::network::{Balance, Link};
use trama_sim::port::Discipline;
use trama_sim::{Simulation, topology, workload};
use trama_transport::Endpoint as _;
use trama_transport::congestion::{CongestionControl, Cubic, Dctcp, NewReno, Setting};
use trama_transport::stream::{Config, Streams};

fn main() {
    let link = Link { rate: Rate::from_gbps(10), delay: Picos::from_micros(5) };
    for which in ["dctcp", "newreno", "cubic"] {
        let ecn = which == "dctcp";
        let rules = if ecn {
            Discipline::marking(250 * 1500, 65 * 1500)
        } else {
            Discipline::drop_tail(250 * 1500)
        };
        let network = topology::star(17, link, rules, Balance::Flow);
        let flows = workload::incast(16, 2_000_000);
        let config = Config { is_ecn_capable: ecn, ..Config::default() };
        let setting = Setting {
            segment_bytes: 1448,
            initial_window_bytes: 14480,
            window_bytes_max: 10_000_000,
            link: link.rate,
            base_rtt: Picos::from_micros(23),
        };
        let mut sim = Simulation::new(network, flows, 1, |host| {
            Streams::new(config, host, move |_| -> Box<dyn CongestionControl> {
                match which {
                    "dctcp" => Box::new(Dctcp::new(setting)),
                    "cubic" => Box::new(Cubic::new(setting)),
                    _ => Box::new(NewReno::new(setting)),
                }
            })
        });
        let record = sim.run(Picos::from_millis(1000)).clone();
        let mut t: Vec<f64> = record
            .flows
            .iter()
            .filter_map(|f| f.completion())
            .map(|t| t.as_secs_f64() * 1e3)
            .collect();
        t.sort_by(f64::total_cmp);
        let timeouts: u64 = sim.endpoints().map(|e| e.counters().timeouts).sum();
        let rtx: u64 = sim.endpoints().map(|e| e.counters().retransmissions).sum();
        let port = sim.network().counters().find(|(n, _)| *n == "switch to host 0").unwrap().1;
        println!(
            "{which}: {} done, mean {:.2} max {:.2} ms, drops {} timeouts {timeouts} rtx {rtx} marked {} peak {} kB, {} events",
            t.len(),
            t.iter().sum::<f64>() / t.len() as f64,
            t[t.len() - 1],
            record.dropped,
            port.marked,
            port.peak_bytes / 1000,
            record.events
        );
    }
}
