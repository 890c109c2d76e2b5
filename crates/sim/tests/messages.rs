//! Transports of messages against published numbers, each beside a baseline and without its
//! mechanism.

mod runs;

use runs::{run, slowdowns};

/// The fabric of pFabric's and Homa's evaluations, and of YAPS.
const LEAF_SPINE: &str = r#"
limit = "4s"
[topology]
kind = "leaf-spine"
leaves = 9
spines = 4
hosts_per_leaf = 16
rate = "10Gbps"
spine_rate = "40Gbps"
delay = "200ns"
[transport]
name = "pfabric"
[switch]
balance = "spray"
[workload]
kind = "poisson"
sizes = "web-search"
load = 0.8
messages = 600
"#;

/// Settings of pFabric as YAPS has them: 12 packets of first window, 24 of buffer.
const YAPS: [(&str, &str); 3] = [
    ("transport.timeout", "45us"),
    ("transport.first_window", "17520B"),
    ("transport.port_buffer", "36864B"),
];

#[test]
fn pfabric_serves_short_messages_as_if_they_were_alone() {
    let short = |set: &[(&str, &str)]| {
        let short = slowdowns(&run(LEAF_SPINE, set, ""), 0, 100_000);
        println!("{set:?}: mean {:.3}, p99 {:.2}", short.mean, short.p99);
        (short.mean, short.p99)
    };
    // YAPS with arrivals of its own: mean 1.127, p99 1.46.
    let (mean, p99) = short(&YAPS);
    assert!((1.0..1.2).contains(&mean) && (1.0..1.7).contains(&p99), "{mean} {p99}");
    // The same senders with switches that know of no ranks; another transport.
    let (mean_fifo, p99_fifo) = short(&[&YAPS[..], &[("transport.ranks", "false")]].concat());
    let (mean_dctcp, p99_dctcp) = short(&[("transport.name", "dctcp"), ("switch.balance", "flow")]);
    assert!(mean_fifo > 1.5 * mean && p99_fifo > 4.0 * p99, "{mean_fifo} {p99_fifo}");
    assert!(mean_dctcp > 2.0 * mean && p99_dctcp > 8.0 * p99, "{mean_dctcp} {p99_dctcp}");
}

#[test]
fn homa_serves_short_messages_while_links_are_full() {
    let of_w4 = [
        ("topology.leaves", "3"),
        ("transport.name", "homa"),
        ("workload.sizes", "homa-w4"),
        ("workload.messages", "6000"),
    ];
    let classes = |set: &[(&str, &str)]| {
        let it = run(LEAF_SPINE, &[&of_w4, set].concat(), "");
        let (short, long) = (slowdowns(&it, 0, 1000), slowdowns(&it, 1_000_000, u64::MAX));
        println!("{set:?}: {:.2} {:.2}; {:.2} {:.2}", short.mean, short.p99, long.mean, long.p99);
        (short.p99, long.mean)
    };
    // The artifact of Homa has 2.2 for 99 % of short messages; hosts and switches take time of
    // their own there, which makes the wait for a packet that is being sent a smaller share.
    let (p99, long) = classes(&[]);
    assert!(p99 < 3.2 && long < 3.0, "{p99} {long}");
    let (one_priority, _) = classes(&[("transport.priorities", "1")]);
    assert!(one_priority > 1.25 * p99, "short messages wait without priorities: {one_priority}");
    let (_, one_grant) = classes(&[("transport.overcommitment", "1")]);
    assert!(one_grant > 1.1 * long, "long messages wait for senders: {one_grant}");
    let (pfabric, _) = classes(&[("transport.name", "pfabric")]);
    assert!((pfabric / p99 - 1.0).abs() < 0.2, "about what pFabric reaches: {pfabric}");
    let (dctcp, _) = classes(&[("transport.name", "dctcp"), ("switch.balance", "flow")]);
    let (ndp, _) = classes(&[("transport.name", "ndp"), ("switch.balance", "source")]);
    assert!(dctcp.min(ndp) > 20.0 * p99, "{dctcp} {ndp}");
}
