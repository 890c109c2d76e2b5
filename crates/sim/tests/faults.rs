//! Loss, failures, and work that depends on other work.

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

const LOSSY: &str = r#"
[topology]
kind = "star"
hosts = 2
rate = "10Gbps"
delay = "250us"
[transport]
name = "new-reno"
packets_per_ack = 1
[switch]
buffer = "1GB"
[link]
loss = 0.0001
[workload]
kind = "incast"
senders = 1
bytes = "1GB"
"#;

#[test]
fn the_rate_of_reno_goes_with_the_root_of_loss() {
    // Mathis et al., CCR 1997: segment / RTT * sqrt(3/2) / sqrt(p). The round trip is 1 ms, and the
    // two links on the way of data lose half of p each; lost acknowledgements do not matter.
    let rate = |loss: f64, limit: &str| {
        let each = (loss / 2.0).to_string();
        let it = run(LOSSY, &[("link.loss", &each), ("limit", limit), ("seed", "3")]);
        let port = it.network().counters().find(|(name, _)| *name == "switch to host 0");
        let sent = port.expect("it is there").1.packets as f64 * 1448.0;
        sent / it.now().as_secs_f64()
    };
    for (loss, limit) in [(0.0004_f64, "20s"), (0.001, "20s"), (0.004, "20s")] {
        let right = 1448.0 / 1e-3 * (1.5 / loss).sqrt();
        let measured = rate(loss, limit);
        assert!((measured / right - 1.0).abs() < 0.15, "{loss}: {measured} instead of {right}");
        // Half the loss is noticed.
        assert!((measured / (right * 2.0_f64.sqrt()) - 1.0).abs() > 0.15);
    }
}

#[test]
fn every_transport_delivers_everything_once_over_bad_links() {
    let bad = [("link.loss", "0.02"), ("link.late", "0.1"), ("workload.bytes", "300kB")];
    for entry in trama_transport::TRANSPORTS {
        for seed in ["1", "2", "3"] {
            let mut set = vec![("transport.name", entry.name), ("seed", seed)];
            set.extend(bad);
            let it = run(MANY, &set);
            // That each message arrives whole and once is asserted while it runs.
            assert!(it.is_over(), "{}: {} of 16 arrived", entry.name, it.arrived());
            assert!(it.record().lost > 50);
        }
    }
}

const MANY: &str = r#"
limit = "20s"
[topology]
kind = "leaf-spine"
leaves = 4
spines = 4
hosts_per_leaf = 4
rate = "10Gbps"
spine_rate = "10Gbps"
delay = "1us"
[transport]
name = "dctcp"
[workload]
kind = "permutation"
bytes = "10MB"
"#;

#[test]
fn a_spine_that_fails_is_left_out_when_it_is_noticed() {
    let fails = [("failure.what", "spine 0"), ("failure.at", "1ms")];
    let with = |more: &[(&str, &str)]| run(MANY, &[&fails[..], more].concat());
    let whole = run(MANY, &[]);
    assert!(whole.is_over() && whole.record().lost == 0);
    let noticed = with(&[("failure.detection", "100us")]);
    assert!(noticed.is_over() && noticed.record().lost > 0);
    // Until somebody notices, flows over the spine make no progress.
    let never = with(&[("failure.detection", "100s"), ("limit", "1s")]);
    assert!(!never.is_over() && never.record().lost > 0);
    // It comes back, and what timed out goes on.
    let back = with(&[("failure.detection", "100s"), ("failure.until", "3ms")]);
    assert!(back.is_over() && back.now() > noticed.now().min(Picos::from_millis(10)));
}

const REDUCE: &str = r#"
[topology]
kind = "star"
hosts = 8
rate = "10Gbps"
delay = "1us"
[transport]
name = "ndp"
[workload]
kind = "all-reduce"
bytes = "8MB"
"#;

#[test]
fn an_all_reduce_takes_its_steps_one_after_the_other() {
    // 14 steps of 1 MB in packets of 9 kB with 64 B of headers, each of them with two links of
    // 1 us and the time of a packet on the second.
    let step_us = 1e6 * 8.0 / 10e3 * 9000.0 / 8936.0 + 7.2 + 2.0;
    let time_us = |set: &[(&str, &str)]| {
        let it = run(REDUCE, set);
        assert!(it.is_over());
        it.record()
            .flows
            .iter()
            .filter_map(|flow| flow.received)
            .max()
            .expect("done")
            .as_micros_f64()
    };
    let ring = time_us(&[]);
    assert!((ring / (14.0 * step_us) - 1.0).abs() < 0.02, "{ring} {step_us}");
    let twice = time_us(&[("workload.rounds", "2"), ("workload.compute", "5ms")]);
    assert!((twice / (2.0 * ring + 10_000.0) - 1.0).abs() < 0.02, "{twice} {ring}");
    // Up: two children share the link of each of two levels; down: each sends to two.
    let tree = time_us(&[("workload.shape", "tree")]);
    assert!(tree > 3.0 * ring, "{tree} {ring}");
}

#[test]
fn clients_wait_for_answers() {
    let text = REDUCE.replace("bytes = \"8MB\"", "rounds = 50\nservice = \"20us\"");
    let it = run(&text, &[("workload.kind", "rpc")]);
    assert!(it.is_over());
    let flows = &it.record().flows;
    assert_eq!(flows.len(), 7 * 2 * 50);
    // Whatever waits was submitted after something had arrived at its sender.
    let independent = flows.iter().filter(|it| it.submitted < Some(Picos::from_millis(1)));
    assert!(independent.count() < flows.len());
    for flow in flows.iter().skip(7) {
        let before = flows.iter().any(|other| {
            other.flow.destination == flow.flow.source && other.received <= flow.submitted
        });
        assert!(before);
    }
}
