//! TIMELY (Mittal et al., SIGCOMM 2015) and Swift (Kumar et al., SIGCOMM 2020): congestion control
//! from delay alone.
//!
//! Long flows from some hosts to one, at 10 Gbit/s, measured over the second half of the run. What
//! waits at the receiver's port is the part of the round trip that a transport can do something
//! about.

use super::{Key, as_baseline, check, claim, measure, no_files, scenario};
use crate::evidence::{Bound, Evidence};
use crate::exhibits::{Effort, Setting};
use trama_base::Picos;
use trama_sim::view::{Span, View};

const INCAST: &str = r#"
    [topology]
    kind = "star"
    rate = "10Gbps"
    delay = "2us"
    [workload]
    kind = "incast"
    bytes = "1GB"
"#;

/// Two long flows to a host that works for longer on each packet than the link needs for it, and a
/// message of 1 kB that waits behind what they have sent.
const SLOW_HOST: &str = r#"
    limit = "60ms"
    [topology]
    kind = "star"
    hosts = 3
    rate = "10Gbps"
    delay = "2us"
    [host]
    work = "2us"
    [[workload]]
    kind = "incast"
    senders = 2
    bytes = "1GB"
    [[workload]]
    kind = "incast"
    senders = 1
    bytes = "1kB"
    at = "30ms"
"#;

/// So many senders to one host.
struct Incast {
    name: &'static str,
    senders: u32,
    ms: u64,
}

impl Incast {
    fn run(&self, set: &[Key]) -> Result<View, String> {
        let more = [
            ("topology.hosts", (self.senders + 1).to_string()),
            ("workload.senders", self.senders.to_string()),
            ("limit", format!("{}ms", self.ms)),
        ];
        let more: Vec<_> = more.iter().map(|(key, it)| (*key, it.as_str())).collect();
        let scenario = scenario(INCAST, self.name, &[set, &more])?;
        let (mut run, _) = scenario.build(&no_files).map_err(|error| error.to_string())?;
        let port = run.network().port("switch to host 0").ok_or("the star has no such port")?;
        let to = Picos::from_millis(self.ms);
        let from = Picos(to.0 / 2);
        Ok(View::of(&mut run, port, Span { from, to, step: from }))
    }
}

/// What 99 % of packets wait for at most, in microseconds: at 10 Gbit/s a byte takes 0.8 ns.
fn wait_us(view: &View) -> f64 {
    view.queue_rank(0.99) * 0.8e-3
}

/// Jain's index of the senders' rates.
fn fairness(view: &View) -> f64 {
    let rates = &view.hosts[1..];
    let (sum, squares) =
        rates.iter().fold((0.0, 0.0), |(sum, squares), it| (sum + it, squares + it * it));
    sum * sum / (rates.len() as f64 * squares)
}

// long: figures, claims and controls of one exhibit, in order.
/// Runs the exhibit of TIMELY.
pub(in super::super) fn timely(setting: &mut Setting<'_>) -> Result<Evidence, String> {
    let mut evidence = Evidence::default();
    let ms = match setting.effort {
        Effort::Quick => 80,
        Effort::Full => 400,
    };
    let ten = |name| Incast { name, senders: 10, ms };
    let paced: [Key; 2] = [("transport.bursts", "false"), ("transport.initial_share", "0.1")];
    (setting.progress)("ten senders");
    let plain = ten("timely").run(&paced)?;
    let repair = [("transport.patched", "true"), ("transport.beta", "0.008")];
    let patched = ten("timely").run(&[&paced[..], &repair].concat())?;
    // A sender that is never told of congestion.
    let pauses = ten("dcqcn").run(&[("transport.notify_every", "100s")])?;
    let dctcp = ten("dctcp").run(&[])?;
    let all = [("timely", &plain), ("timely, repaired", &patched), ("pauses alone", &pauses)];
    for (name, view) in all.into_iter().chain([("dctcp", &dctcp)]) {
        let is_baseline = !name.starts_with("timely");
        let mut add = |what: &str, unit, value| {
            measure(&mut evidence, format!("{name}: {what}"), unit, &[value]);
            if is_baseline {
                as_baseline(&mut evidence);
            }
        };
        add("99 % wait less than", "us", wait_us(view));
        add("rate", "Gbit/s", view.rate() / 1e9);
        add("fairness (Jain)", "", fairness(view));
    }
    let (wait, held) = (wait_us(&plain), wait_us(&pauses));
    let how = "99th percentile of the wait at the bottleneck, 10 to 1 at 10 Gbit/s, as a ratio";
    evidence.claims = vec![
        claim(
            "delay has a much shorter tail than with priority flow control alone",
            "9x: 1036 and 116 us",
            held / wait,
            Bound::AtLeast(9.0),
            how,
        ),
        claim(
            "at near line rate",
            "19.4 of 19.5 Gbit/s",
            plain.rate() / pauses.rate(),
            Bound::AtLeast(0.85),
            "rate of the bottleneck as a ratio, each packet paced",
        ),
        claim(
            "and shorter than with DCTCP",
            "13x: 1490 and 116 us, with the kernel's part",
            wait_us(&dctcp) / wait,
            Bound::AtLeast(1.0),
            how,
        ),
    ];
    evidence.checks.push(check(
        "nothing is dropped",
        plain.dropped == 0,
        format!("{} packets", plain.dropped),
    ));
    evidence.checks.push(check(
        "the gradient alone shares the link by chance, the repair equally (CoNEXT 2016)",
        fairness(&plain) < 0.95 && fairness(&patched) > 0.99,
        format!("{:.3}, {:.3}", fairness(&plain), fairness(&patched)),
    ));
    let numb = [("transport.beta", "0.0001")];
    let numb = ten("timely").run(&[&paced[..], &numb].concat())?;
    evidence.controls.push(check(
        "a rate that hardly falls leaves it to pauses",
        held / wait_us(&numb) < 9.0,
        format!("99 % wait less than {:.0} us", wait_us(&numb)),
    ));
    evidence.limits = limits();
    Ok(evidence)
}

/// When the message to the slow host arrives, in microseconds from its submission.
fn slow_host_us(set: &[Key]) -> Result<f64, String> {
    let scenario = scenario(SLOW_HOST, "swift", &[set])?;
    let (_, flows) = scenario.run(&no_files, |_| {}).map_err(|error| error.to_string())?;
    let last = flows.last().and_then(|it| it.completion());
    last.map(Picos::as_micros_f64).ok_or_else(|| "the message did not arrive".to_owned())
}

// long: figures, claims and controls of one exhibit, in order.
/// Runs the exhibit of Swift.
pub(in super::super) fn swift(setting: &mut Setting<'_>) -> Result<Evidence, String> {
    let mut evidence = Evidence::default();
    let ms = match setting.effort {
        Effort::Quick => 80,
        Effort::Full => 400,
    };
    let many = |name, senders| Incast { name, senders, ms };
    (setting.progress)("four, forty and four hundred senders");
    let few = many("swift", 4).run(&[])?;
    let (forty, fixed) = (
        many("swift", 40).run(&[])?,
        many("swift", 40).run(&[("transport.scaling_range", "0us")])?,
    );
    let crowd = many("swift", 400).run(&[])?;
    let whole = many("swift", 400).run(&[("transport.window_min", "1")])?;
    let dctcp = many("dctcp", 400).run(&[])?;
    (setting.progress)("a slow host");
    let (host, deaf) = (slow_host_us(&[])?, slow_host_us(&[("transport.host_target", "1s")])?);
    let mut add = |what: &str, unit, value, is_baseline| {
        measure(&mut evidence, what.to_owned(), unit, &[value]);
        if is_baseline {
            as_baseline(&mut evidence);
        }
    };
    add("4 senders: 99 % wait less than", "us", wait_us(&few), false);
    add("4 senders: rate", "Gbit/s", few.rate() / 1e9, false);
    add("40 senders: fairness (Jain)", "", fairness(&forty), false);
    add("400 senders: dropped", "packets", crowd.dropped as f64, false);
    add("400 senders: rate", "Gbit/s", crowd.rate() / 1e9, false);
    add("400 senders, dctcp: dropped", "packets", dctcp.dropped as f64, true);
    add("400 senders, dctcp: rate", "Gbit/s", dctcp.rate() / 1e9, true);
    add("slow host: a message arrives after", "us", host, false);
    let drops = (crowd.dropped + 1) as f64 / (dctcp.dropped + 1) as f64;
    evidence.claims = vec![
        claim(
            "the tail of delay stays near the target",
            "50 us at about 100 Gbit/s",
            wait_us(&few),
            Bound::AtMost(50.0),
            "microseconds that 99 % wait, 4 senders",
        ),
        claim(
            "at a load close to 100 %",
            "near line rate",
            few.rate() / 10e9,
            Bound::AtLeast(0.98),
            "share of the bottleneck",
        ),
        claim(
            "large incasts lose far fewer packets than with DCTCP",
            "no figure",
            drops,
            Bound::AtMost(0.2),
            "drops of 400 senders as a ratio, one added to both",
        ),
        claim(
            "flows share equally",
            "no figure",
            fairness(&forty),
            Bound::AtLeast(0.99),
            "Jain's index of 40 senders",
        ),
        claim(
            "a slow host is told from a slow fabric",
            "no figure",
            host,
            Bound::AtMost(130.0),
            "microseconds that a message to it takes, target 100",
        ),
    ];
    evidence.checks.push(check(
        "nothing is dropped with few senders",
        few.dropped == 0,
        format!("{} packets", few.dropped),
    ));
    evidence.controls = vec![
        check(
            "with one target for all windows shares are unequal",
            fairness(&fixed) < 0.99,
            format!("{:.3}", fairness(&fixed)),
        ),
        check(
            "with at least a packet each, 400 senders lose more",
            whole.dropped > 10 * crowd.dropped,
            format!("{} and {} packets", whole.dropped, crowd.dropped),
        ),
        check(
            "without a target for hosts the host is buried",
            deaf > 130.0,
            format!("{deaf:.0} us"),
        ),
    ];
    evidence.limits = limits();
    Ok(evidence)
}

fn limits() -> Vec<String> {
    vec![
        "one switch and long flows; the papers measured testbeds and production".to_owned(),
        "the simulated world only; most settings of Swift are guesses, as its paper gives few"
            .to_owned(),
    ]
}
