//! The simulator against other simulators and published closed forms.
//!
//! The numbers of csg-htsim and ns-3 are those of their own runs of the same scenario.

use trama_base::Picos;
use trama_sim::Scenario;
use trama_sim::scenario::Run;

fn no_files(_: &str) -> Result<String, String> {
    Err("there are no files".into())
}

/// A run of a scenario with some keys replaced.
fn run(text: &str, set: &[(&str, &str)]) -> Run {
    let set: Vec<_> = set.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect();
    let scenario = Scenario::parse_with(text, &set).expect("it is sound");
    let (mut run, _) = scenario.build(&no_files).expect("it is sound");
    run.run(scenario.general.limit);
    run
}

/// Mean and longest completion in microseconds.
fn completion_us(run: &Run) -> (f64, f64) {
    let times = run.record().flows.iter().map(|it| it.completion().expect("it is done"));
    let times: Vec<f64> = times.map(Picos::as_micros_f64).collect();
    let mean = times.iter().sum::<f64>() / times.len() as f64;
    (mean, times.iter().copied().fold(0.0, f64::max))
}

fn close(what: &str, measured: f64, right: f64, share: f64) {
    assert!((measured / right - 1.0).abs() <= share, "{what}: {measured} instead of {right}");
}

const LONG: &str = r#"
limit = "60ms"
[topology]
kind = "star"
hosts = 41
rate = "10Gbps"
delay = "25us"
[transport]
name = "dctcp"
[switch]
buffer = "1MB"
[workload]
kind = "incast"
bytes = "1GB"
"#;

/// The queue of the busy port in packets of 1500 B, from 30 ms on: least, mean, most.
fn queue(name: &str, flows: u32) -> (f64, f64, f64) {
    let set = [("transport.name", name), ("workload.senders", &flows.to_string())];
    let set: Vec<_> = set.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect();
    let scenario = Scenario::parse_with(LONG, &set).expect("it is sound");
    let (mut run, _) = scenario.build(&no_files).expect("it is sound");
    let port = run.network().port("switch to host 0").expect("it is there");
    run.watch(vec![port]);
    run.run(scenario.general.limit);
    let pairs = run.sampler().samples().iter().zip(run.sampler().queue(0));
    let late = pairs.filter(|(sample, _)| sample.at > Picos::from_millis(30));
    let packets: Vec<f64> = late.map(|(_, bytes)| f64::from(bytes) / 1500.0).collect();
    let mean = packets.iter().sum::<f64>() / packets.len() as f64;
    (
        packets.iter().copied().fold(f64::INFINITY, f64::min),
        mean,
        packets.iter().copied().fold(0.0, f64::max),
    )
}

#[test]
fn the_queue_of_dctcp_stays_around_its_threshold() {
    // DCTCP, SIGCOMM 2010, section 3.3, with K = 65 packets and C RTT = 84 packets: the queue goes
    // from K + N down by half of sqrt(2 N (C RTT + K)) and back.
    for (flows, tolerance) in [(2.0, 0.05), (10.0, 0.15_f64)] {
        let most = 65.0 + flows;
        let swing = 0.5 * (2.0_f64 * flows * (84.0 + 65.0)).sqrt();
        let (low, mean, high) = queue("dctcp", flows as u32);
        close("most", high, most, tolerance);
        close("least", low, most - swing, tolerance);
        close("mean", mean, most - swing / 2.0, tolerance);
    }
    // Without marks the queue takes all there is: 666 packets fit into 1 MB.
    let (_, mean, high) = queue("new-reno", 2);
    assert!(mean > 200.0 && high > 650.0, "{mean} {high}");
}

const INCAST: &str = r#"
[topology]
kind = "star"
hosts = 17
rate = "10Gbps"
delay = "5us"
[transport]
name = "dctcp"
[workload]
kind = "incast"
senders = 16
bytes = "2MB"
"#;

#[test]
fn dctcp_incast_is_what_ns3_makes_of_it() {
    // ns-3.37: mean 25.50 ms, max 26.62 ms, nothing dropped (25.6 ms at line rate); NewReno
    // 26.43 and 26.60 ms.
    let dctcp = run(INCAST, &[]);
    let (mean, max) = completion_us(&dctcp);
    close("mean", mean, 25_500.0, 0.03);
    close("max", max, 26_620.0, 0.03);
    assert_eq!(dctcp.record().dropped, 0);
    let reno = run(INCAST, &[("transport.name", "new-reno")]);
    assert!(reno.record().dropped > 100);
    // A slower link is noticed.
    let (_, max) = completion_us(&run(INCAST, &[("topology.rate", "9.5Gbps")]));
    assert!((max / 26_620.0 - 1.0).abs() > 0.03, "{max}");
}

const FAT_TREE: &str = r#"
[topology]
kind = "fat-tree"
k = 8
rate = "100Gbps"
delay = "1us"
[transport]
name = "ndp"
[workload]
kind = "permutation"
bytes = "20MB"
"#;

#[test]
fn ndp_is_what_htsim_makes_of_it() {
    // csg-htsim: permutation mean 1765 and max 1805 us; incast of 16 mean 2613 and max 2638 us;
    // incast of 32 messages of 450 kB mean 1164 and max 1195 us.
    let (mean, max) = completion_us(&run(FAT_TREE, &[]));
    close("permutation, mean", mean, 1765.0, 0.02);
    close("permutation, max", max, 1805.0, 0.02);
    let incast = |senders: &str, bytes: &str| {
        let kind = ("workload.kind", "incast");
        let set = [kind, ("workload.senders", senders), ("workload.bytes", bytes)];
        completion_us(&run(FAT_TREE, &set))
    };
    let (mean, max) = incast("16", "2MB");
    close("incast of 16, mean", mean, 2613.0, 0.03);
    close("incast of 16, max", max, 2638.0, 0.03);
    let (mean, max) = incast("32", "450kB");
    close("incast of 32, mean", mean, 1164.0, 0.03);
    close("incast of 32, max", max, 1195.0, 0.03);
}

#[test]
fn without_its_parts_ndp_is_not_what_it_is() {
    let mean = |set: &[(&str, &str)]| {
        let mut all = vec![("workload.bytes", "2MB")];
        all.extend(set);
        completion_us(&run(FAT_TREE, &all)).0
    };
    let whole = mean(&[]);
    let random = mean(&[("transport.spray", "random")]);
    let one_path = mean(&[("transport.spray", "per-flow")]);
    assert!(random > 1.02 * whole, "{random} {whole}");
    assert!(one_path > 1.5 * whole, "{one_path} {whole}");
}
