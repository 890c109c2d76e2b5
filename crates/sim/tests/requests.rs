//! R2P2 against a queue that all servers share, simulated here by itself.

mod runs;

use runs::run;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use trama_base::{Parameters as _, Picos};
use trama_transport::FlowId;
use trama_transport::r2p2::Config;

const SERVERS: usize = 16;

const STAR: &str = r#"
limit = "10s"
[topology]
kind = "star"
hosts = 25
rate = "10Gbps"
delay = "500ns"
[transport]
name = "r2p2"
[workload]
kind = "requests"
requests = 60000
"#;

/// The time that all but one of a hundred take at most, in microseconds.
fn p99_us(mut times: Vec<f64>) -> f64 {
    times.sort_unstable_by(f64::total_cmp);
    times[times.len() * 99 / 100]
}

/// From sending a request to the answer with R2P2, and from its arrival to its end at one queue
/// for all servers: 99th percentiles in microseconds.
fn p99s(load: f64, set: &[(&str, &str)]) -> (f64, f64) {
    let mut config = Config::default();
    for (name, value) in set {
        config.set(name.trim_start_matches("transport."), value).expect("it is a setting");
    }
    let interval = config.service.scaled(1.0 / (load * SERVERS as f64));
    let interval = format!("{}ps", interval.0);
    let set = [&[("workload.interval", interval.as_str())], set].concat();
    let it = run(STAR, &set, "");
    let flows = &it.record().flows;
    let times = flows.iter().map(|it| it.completion().expect("it is answered"));
    let measured = p99_us(times.map(Picos::as_micros_f64).collect());
    // The next request in order of arrival goes to the server that is free first.
    let mut free: BinaryHeap<Reverse<Picos>> = (0..SERVERS).map(|_| Reverse(Picos::ZERO)).collect();
    let sojourn = |(index, at): (u32, Picos)| {
        let Reverse(free_at) = free.pop().expect("there are servers");
        let end = free_at.max(at) + config.service_time(1, FlowId(index));
        free.push(Reverse(end));
        (end - at).as_micros_f64()
    };
    let ideal = p99_us((0..).zip(flows.iter().map(|it| it.flow.at)).map(sojourn).collect());
    (measured, ideal)
}

/// Two links to the router, two to the server, two back, with packets of 122 B.
const NETWORK_US: f64 = 6.0 * (0.5 + 0.098);

#[test]
fn servers_with_three_requests_at_most_are_almost_one_queue() {
    let (jbsq, ideal) = p99s(0.8, &[]);
    assert!(jbsq < 1.3 * (ideal + NETWORK_US), "{jbsq} {ideal}");
    // One at a time leaves servers idle until the router hears of it.
    let (one, _) = p99s(0.8, &[("transport.bound", "1")]);
    assert!(one > 1.4 * jbsq, "{one} {jbsq}");
    // Without knowledge of servers, requests wait behind others.
    let (random, _) = p99s(0.8, &[("transport.policy", "random")]);
    let (in_turn, _) = p99s(0.8, &[("transport.policy", "round-robin")]);
    assert!(random > 3.0 * jbsq && in_turn > 1.8 * jbsq, "{random} {in_turn} {jbsq}");
}

#[test]
fn the_bound_matters_when_some_requests_are_long() {
    let bimodal = ("transport.distribution", "bimodal");
    let (jbsq, ideal) = p99s(0.8, &[bimodal]);
    let (random, _) = p99s(0.8, &[bimodal, ("transport.policy", "random")]);
    println!("bimodal: {jbsq} {ideal} {random}");
    assert!(jbsq < 1.8 * (ideal + NETWORK_US) && random > 2.0 * jbsq, "{jbsq} {ideal} {random}");
}

#[test]
fn nothing_waits_when_servers_are_idle() {
    // All alike and one after the other: the time of service and the way, to the picosecond.
    let fixed = ("transport.distribution", "fixed");
    let (measured, ideal) = p99s(0.01, &[fixed]);
    // The word to the router, of 58 B, goes before the answer.
    let way = 6.0 * 0.5 + (6.0 * 122.0 + 58.0) * 8.0 / 10_000.0;
    assert_eq!(ideal, 10.0);
    assert!((measured - ideal - way).abs() < 1e-6, "{measured} {way}");
}
