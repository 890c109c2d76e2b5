//! HPCC (Li et al., SIGCOMM 2019) and PowerTCP (Addanki, Michel, Schmid, NSDI 2022): congestion
//! control from what switches tell, in the simulated world.
//!
//! Two cases, the same arrivals for every transport. Ten flows begin at once where a long one has a
//! link of 25 Gbit/s, with the settings of the PowerTCP authors' own simulation. And web search on
//! 64 hosts at 100 Gbit/s, the fabric of HPCC's evaluation with one level and 256 hosts fewer, or
//! on 128 hosts at 25 Gbit/s, that of PowerTCP's with half of its hosts.

use super::{Key, as_baseline, check, claim, measure, no_files, scenario};
use crate::evidence::{Bound, Evidence};
use crate::exhibits::{Effort, Setting};
use trama_base::Picos;
use trama_sim::view::{Span, View};

/// A transport as it is compared.
struct Contender {
    name: &'static str,
    /// Its settings on the burst and on the fabric.
    burst: &'static [Key],
    fabric: &'static [Key],
}

/// The burst; `flows` of PowerTCP and the steps of HPCC are those of its authors' simulation.
const BURST: &str = r#"
    limit = "4ms"
    [topology]
    kind = "star"
    hosts = 12
    rate = "25Gbps"
    delay = "1us"
    [switch]
    buffer = "4MB"
    [[workload]]
    kind = "incast"
    senders = 1
    bytes = "1GB"
    [[workload]]
    kind = "incast"
    senders = 11
    bytes = "1GB"
    at = "1ms"
"#;

const FABRIC: &str = r#"
    [topology]
    kind = "leaf-spine"
    leaves = 4
    spines = 4
    hosts_per_leaf = 16
    rate = "100Gbps"
    spine_rate = "400Gbps"
    delay = "1us"
    [workload]
    kind = "poisson"
    sizes = "hpcc-web-search"
    load = 0.5
"#;

/// The fabric of PowerTCP's evaluation with one level less: four hosts for what the links between
/// leaves and spines carry of one. Load 0.2 of the hosts' links is 0.6 of these.
const OVERSUBSCRIBED: &str = r#"
    [topology]
    kind = "leaf-spine"
    leaves = 4
    spines = 2
    hosts_per_leaf = 32
    rate = "25Gbps"
    spine_rate = "100Gbps"
    delay = "1us"
    [workload]
    kind = "poisson"
    sizes = "web-search"
    load = 0.2
"#;

const HPCC: Contender = Contender {
    name: "hpcc",
    burst: &[
        ("transport.mtu", "1090B"),
        ("transport.header", "90B"),
        ("transport.rtt", "28.96us"),
        ("transport.step", "181B"),
    ],
    fabric: &[("transport.mtu", "1090B"), ("transport.header", "90B")],
};

const POWERTCP: Contender = Contender {
    name: "powertcp",
    burst: &[
        ("transport.mtu", "1090B"),
        ("transport.header", "90B"),
        ("transport.rtt", "28.96us"),
        ("transport.flows", "166"),
    ],
    fabric: &[("transport.mtu", "1090B"), ("transport.header", "90B"), ("transport.flows", "166")],
};

/// Marks and timers as in HPCC's evaluation (section 5.1) and its published configuration.
const DCQCN: Contender = Contender {
    name: "dcqcn",
    burst: &[],
    fabric: &[
        ("transport.mtu", "1048B"),
        ("transport.header", "48B"),
        ("transport.mark_from", "400kB"),
        ("transport.mark_to", "1600kB"),
        ("transport.mark_share", "0.2"),
        ("transport.rise_timer", "300us"),
        ("transport.notify_every", "4us"),
    ],
};

/// The same with thresholds for 25 Gbit/s.
const DCQCN_25: Contender = Contender {
    fabric: &[
        ("transport.mtu", "1048B"),
        ("transport.header", "48B"),
        ("transport.mark_from", "100kB"),
        ("transport.mark_to", "400kB"),
        ("transport.mark_share", "0.2"),
        ("transport.rise_timer", "300us"),
        ("transport.notify_every", "4us"),
    ],
    ..DCQCN
};

const TIMELY: Contender = Contender {
    name: "timely",
    burst: &[],
    fabric: &[
        ("transport.mtu", "1048B"),
        ("transport.header", "48B"),
        ("transport.bursts", "false"),
        ("transport.delta", "50Mbps"),
    ],
};

const DCTCP: Contender = Contender {
    name: "dctcp",
    burst: &[],
    fabric: &[
        ("transport.mtu", "1048B"),
        ("transport.header", "48B"),
        ("transport.initial_window", "100"),
        // About what fits, as in HPCC's evaluation: slow start would overshoot.
        ("transport.window_max", "110kB"),
        ("switch.mark_above", "300kB"),
        ("switch.lossless", "true"),
        ("switch.buffer", "32MB"),
    ],
};

/// The link of the receiver after the burst.
fn burst(it: &Contender, more: &[Key]) -> Result<View, String> {
    let scenario = scenario(BURST, it.name, &[it.burst, more])?;
    let (mut run, _) = scenario.build(&no_files).map_err(|error| error.to_string())?;
    let port = run.network().port("switch to host 0").ok_or("the star has no such port")?;
    let (from, to) = (Picos::from_micros(1500), Picos::from_millis(4));
    Ok(View::of(&mut run, port, Span { from, to, step: Picos::from_micros(50) }))
}

/// Slowdowns of messages up to 10 kB at the 99th percentile, seed by seed.
fn short_messages(it: &Contender, text: &str, setting: &Setting<'_>) -> Result<Vec<f64>, String> {
    let (messages, seeds) = match setting.effort {
        Effort::Quick => ("400", &["1"][..]),
        Effort::Full => ("2000", &["1", "2", "3"][..]),
    };
    let run = |seed: &&'static str| {
        let set = [("workload.messages", messages), ("seed", *seed)];
        let scenario = scenario(text, it.name, &[it.fabric, &set])?;
        let ran = scenario.run(&no_files, |_| {}).map_err(|error| error.to_string())?;
        let class = ran.0.classes.iter().find(|class| class.to_bytes == 10_000);
        let slowdown = class.filter(|class| class.unfinished == 0).and_then(|it| it.slowdown);
        slowdown.map(|it| it.p99).ok_or_else(|| format!("{}: messages did not arrive", it.name))
    };
    seeds.iter().map(run).collect()
}

/// The figures of short messages on a fabric: those of `own`, then of the others.
fn fabric(
    evidence: &mut Evidence,
    setting: &mut Setting<'_>,
    text: &str,
    contenders: &[&Contender],
) -> Result<Vec<f64>, String> {
    let mut medians = Vec::new();
    for (place, it) in contenders.iter().enumerate() {
        (setting.progress)(&format!("web search: {}", it.name));
        let values = short_messages(it, text, setting)?;
        let what = format!("{}, web search: p99 slowdown, messages to 10 kB", it.name);
        medians.push(measure(evidence, what, "times", &values));
        if place > 0 {
            as_baseline(evidence);
        }
    }
    Ok(medians)
}

/// The burst of one transport as figures.
fn burst_figures(evidence: &mut Evidence, name: &str, seen: &View) {
    let mut add = |what: &str, unit, value: f64| {
        measure(evidence, format!("{name} after a burst: {what}"), unit, &[value]);
    };
    add("peak of the queue", "kB", seen.peak_bytes / 1e3);
    add("mean queue", "kB", seen.mean_queue() / 1e3);
    add("mean rate", "Gbit/s", seen.rate() / 1e9);
    add("least rate over 50 us", "Gbit/s", seen.rate_min() / 1e9);
}

/// Runs the exhibit of HPCC.
pub(in super::super) fn hpcc(setting: &mut Setting<'_>) -> Result<Evidence, String> {
    let mut evidence = Evidence::default();
    (setting.progress)("the burst");
    let seen = burst(&HPCC, &[])?;
    burst_figures(&mut evidence, "hpcc", &seen);
    let all = fabric(&mut evidence, setting, FABRIC, &[&HPCC, &DCTCP, &DCQCN, &TIMELY])?;
    let how = "p99 slowdown of messages to 10 kB as a ratio, web search at load 0.5";
    evidence.claims = vec![
        claim(
            "short messages are faster than with DCQCN",
            "2.06 / 5.40 = 0.38 in the \
               authors' simulation of 320 hosts, messages to 30 kB",
            all[0] / all[2],
            Bound::AtMost(0.5),
            how,
        ),
        claim(
            "and than with TIMELY",
            "2.06 / 12.3 = 0.17",
            all[0] / all[3],
            Bound::AtMost(0.3),
            how,
        ),
        claim(
            "and than with DCTCP",
            "2.06 / 3.44 = 0.60",
            all[0] / all[1],
            Bound::AtMost(0.7),
            how,
        ),
        claim(
            "after a burst the queue is nearly empty and the link nearly full",
            "aims at 95 % of the link",
            seen.rate() / 25e9,
            Bound::AtLeast(0.9),
            "mean rate of the link from 0.5 to 3 ms after ten flows began, as a share",
        ),
    ];
    let queue = seen.mean_queue();
    evidence.checks.push(check(
        "less than five packets wait on average after the burst",
        queue < 5.0 * 1090.0,
        format!("{queue:.0} B"),
    ));
    evidence.checks.push(check(
        "nothing is dropped",
        seen.dropped == 0,
        format!("{} packets", seen.dropped),
    ));
    let twice = burst(&HPCC, &[("transport.reference", "false")])?;
    let share = twice.rate() / seen.rate();
    evidence.controls.push(check(
        "computed from the last window instead of that of the last round, it cuts too often",
        share < 0.7,
        format!("{share:.2} of the rate"),
    ));
    evidence.limits = limits();
    Ok(evidence)
}

/// Runs the exhibit of PowerTCP.
pub(in super::super) fn powertcp(setting: &mut Setting<'_>) -> Result<Evidence, String> {
    let mut evidence = Evidence::default();
    (setting.progress)("the burst");
    let (seen, hpcc) = (burst(&POWERTCP, &[])?, burst(&HPCC, &[])?);
    burst_figures(&mut evidence, "powertcp", &seen);
    burst_figures(&mut evidence, "hpcc", &hpcc);
    let all =
        fabric(&mut evidence, setting, OVERSUBSCRIBED, &[&POWERTCP, &HPCC, &DCQCN_25, &TIMELY])?;
    let how = "p99 slowdown of messages to 10 kB as a ratio, web search, links between leaves and spines \
               loaded to 0.6";
    evidence.claims = vec![
        claim(
            "a burst makes a shorter queue than with HPCC",
            "221 / 550 kB = 0.40 in the authors' simulation",
            seen.peak_bytes / hpcc.peak_bytes,
            Bound::AtMost(0.65),
            "peak of the queue as a ratio; the released code takes the first records for a \
               change since zero and so acts 3.8 us earlier, in which 110 kB arrive",
        ),
        claim(
            "and no throughput is lost after it",
            "23.8 of 25 Gbit/s at the least",
            seen.rate_min() / 25e9,
            Bound::AtLeast(0.95),
            "least rate of the link over 50 us, from 0.5 to 3 ms after the burst, as a share",
        ),
        claim(
            "short messages are no slower than with HPCC",
            "33 % faster at load 0.6",
            all[0] / all[1],
            Bound::AtMost(1.05),
            how,
        ),
        claim(
            "and much faster than with DCQCN",
            "80 % faster",
            all[0] / all[2],
            Bound::AtMost(0.4),
            how,
        ),
        claim("and with TIMELY", "80 % faster", all[0] / all[3], Bound::AtMost(0.4), how),
    ];
    let queue = seen.mean_queue();
    evidence.checks.push(check(
        "less than ten packets wait on average after the burst",
        queue < 10.0 * 1090.0,
        format!("{queue:.0} B"),
    ));
    evidence.checks.push(check(
        "nothing is dropped",
        seen.dropped == 0,
        format!("{} packets", seen.dropped),
    ));
    let voltage = burst(&POWERTCP, &[("transport.current", "false")])?;
    let (peak, least) = (voltage.peak_bytes / hpcc.peak_bytes, voltage.rate_min() / 25e9);
    evidence.controls.push(check(
        "with the voltage alone it is no better than HPCC",
        peak > 0.65 && least < 0.95,
        format!("peak {peak:.2} of HPCC's, least rate {least:.2}"),
    ));
    evidence.limits = limits();
    Ok(evidence)
}

fn limits() -> Vec<String> {
    vec![
        "64 and 128 hosts and two levels of switches, where the papers have 320 and 256 hosts and \
         three levels; the sizes are the published ones, the arrivals our own"
            .to_owned(),
        "the simulated world only: no device tells of its queues here".to_owned(),
    ]
}
