//! TIMELY and Swift: what delay alone can steer.

use trama_base::Picos;
use trama_sim::Scenario;

/// What senders and the queue of the receiver's port saw from `from` on.
#[derive(Clone, Debug)]
struct Seen {
    /// Bytes in the queue: median, 99 % and the longest, in kB.
    queue_kb: [f64; 3],
    /// Rates of the senders in Gbit/s, headers included.
    gbps: Vec<f64>,
    /// Of packets sent in that time.
    dropped: u64,
    pauses: u64,
    /// Completion of the last message of the workload in microseconds, if it is done.
    last_us: Option<f64>,
}

impl Seen {
    fn total(&self) -> f64 {
        self.gbps.iter().sum()
    }

    /// Jain's index of the senders' rates.
    fn fairness(&self) -> f64 {
        let squares: f64 = self.gbps.iter().map(|it| it * it).sum();
        self.total() * self.total() / (self.gbps.len() as f64 * squares)
    }
}

const STAR: &str = r#"
[topology]
kind = "star"
rate = "10Gbps"
delay = "2us"
"#;

/// Long flows to one host; measured over the second half of `ms`.
fn run(hosts: u32, ms: u64, workload: &str, set: &[(&str, &str)]) -> Seen {
    let text = format!("{STAR}hosts = {hosts}\n{workload}");
    let mut set: Vec<_> = set.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect();
    set.push(("limit".into(), format!("{ms}ms")));
    let scenario = Scenario::parse_with(&text, &set).unwrap_or_else(|error| panic!("{error}"));
    let no_files = |_: &str| Err(String::new());
    let (mut run, _) = scenario.build(&no_files).unwrap_or_else(|error| panic!("{error}"));
    let port = run.network().port("switch to host 0").expect("it is there");
    run.watch(vec![port]);
    let half = Picos::from_micros(500 * ms);
    run.run(half);
    let sent = |run: &trama_sim::scenario::Run| -> Vec<u64> {
        run.network().counters().skip(1).take(hosts as usize - 1).map(|it| it.1.bytes).collect()
    };
    let (before, dropped) = (sent(&run), run.record().dropped);
    run.run(scenario.general.limit);
    let after = sent(&run);
    let pairs = run.sampler().samples().iter().zip(run.sampler().queue(0));
    let late = pairs.filter(|(sample, _)| sample.at > half);
    let mut queue: Vec<f64> = late.map(|(_, bytes)| f64::from(bytes) / 1e3).collect();
    queue.sort_by(f64::total_cmp);
    let rank = |share: f64| queue[(share * (queue.len() - 1) as f64) as usize];
    let gbps = |(a, b): (&u64, &u64)| 8.0 * (b - a) as f64 / half.as_secs_f64() / 1e9;
    Seen {
        queue_kb: [rank(0.5), rank(0.99), rank(1.0)],
        gbps: before.iter().zip(&after).map(gbps).collect(),
        dropped: run.record().dropped - dropped,
        last_us: run.record().flows.last().and_then(|it| Some(it.completion()?.as_micros_f64())),
        pauses: run.network().counters().map(|(_, it)| it.pauses).sum(),
    }
}

/// All senders begin at once.
fn incast(name: &str, senders: u32, ms: u64, set: &[(&str, &str)]) -> Seen {
    let workload = format!(
        "[transport]\nname = \"{name}\"\n\
         [workload]\nkind = \"incast\"\nsenders = {senders}\nbytes = \"1GB\"\n"
    );
    run(senders + 1, ms, &workload, set)
}

/// What a queue of so many kB waits for at 10 Gbit/s.
fn wait_us(kb: f64) -> f64 {
    kb * 0.8
}

#[test]
fn timely_keeps_round_trips_short_where_pauses_alone_do_not() {
    // The paper's incast (section 6.1): ten to one over priority flow control. Its p99 of the round
    // trip is 9 times shorter than with pauses alone, at the same throughput.
    let paced = [("transport.bursts", "false"), ("transport.initial_share", "0.1")];
    let timely = incast("timely", 10, 80, &paced);
    let pauses = incast("dcqcn", 10, 80, &[("transport.notify_every", "10s")]);
    assert!(pauses.pauses > 1000 && pauses.total() > 9.9, "{pauses:?}");
    let [timely_us, pauses_us] = [&timely, &pauses].map(|it| wait_us(it.queue_kb[1]));
    println!("p99 wait: {timely_us:.0} us, with pauses alone {pauses_us:.0} us");
    assert!(timely_us < pauses_us / 9.0 && timely.total() > 8.5, "{timely:?}");
}

#[test]
fn the_gradient_alone_has_no_fixed_point_and_its_repair_has_one() {
    // Zhu et al., CoNEXT 2016, section 4: any sharing of the link has a gradient of zero.
    let paced = [("transport.bursts", "false"), ("transport.initial_share", "0.1")];
    let plain = incast("timely", 10, 80, &paced);
    let repair = [("transport.patched", "true"), ("transport.beta", "0.008")];
    let patched = incast("timely", 10, 80, &[paced, repair].concat());
    println!("fairness: {:.3}, patched {:.3}", plain.fairness(), patched.fairness());
    assert!(plain.fairness() < 0.9, "{plain:?}");
    assert!(patched.fairness() > 0.999 && patched.total() > 9.9, "{patched:?}");
    // The queue stands still, where it came and went.
    let swing = |it: &Seen| it.queue_kb[1] - it.queue_kb[0];
    assert!(swing(&patched) < 3.0 && swing(&plain) > 30.0, "{plain:?} {patched:?}");
}

#[test]
fn the_target_of_swift_sets_the_delay_at_full_throughput() {
    let mut before = 0.0;
    for target_us in [10.0, 20.0, 40.0, 80.0_f64] {
        let target = format!("{target_us}us");
        let seen = incast("swift", 4, 40, &[("transport.base_target", &target)]);
        let wait = wait_us(seen.queue_kb[0]);
        println!("target {target}: wait {wait:.0} us, {:.2} Gb/s", seen.total());
        assert!(seen.total() > 9.9 && seen.fairness() > 0.99, "{seen:?}");
        assert!(wait > before && wait < target_us + 15.0, "{wait}");
        before = wait;
    }
}

#[test]
fn flows_share_equally_when_small_windows_aim_higher() {
    let scaled = incast("swift", 40, 80, &[]);
    let fixed = incast("swift", 40, 80, &[("transport.scaling_range", "0us")]);
    println!("fairness: {:.3}, with one target {:.3}", scaled.fairness(), fixed.fairness());
    assert!(scaled.fairness() > 0.99 && fixed.fairness() < 0.9);
}

#[test]
fn four_hundred_senders_need_less_than_a_packet_each() {
    // 400 packets of 1500 B are more than the 250 that the port holds.
    let seen = incast("swift", 400, 80, &[]);
    let whole = incast("swift", 400, 80, &[("transport.window_min", "1")]);
    println!("dropped: {}, with a packet each {}", seen.dropped, whole.dropped);
    assert!(seen.dropped * 10 < whole.dropped && seen.total() > 9.5, "{seen:?} {whole:?}");
}

#[test]
fn a_host_that_cannot_keep_up_is_not_buried() {
    // The receiver works for 2 us on each packet, which take 1.2 us on the link; a message of 1 kB
    // comes at 30 ms and waits for what has arrived before.
    let wait_us = |set: &[(&str, &str)]| {
        let workload = r#"
            [transport]
            name = "swift"
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
        let seen = run(3, 60, workload, set);
        assert!(seen.queue_kb[1] < 5.0, "the fabric has no queue: {seen:?}");
        seen.last_us.expect("it has arrived")
    };
    let seen = wait_us(&[]);
    let deaf = wait_us(&[("transport.host_target", "1s")]);
    println!("a message waits {seen:.0} us, without a target for hosts {deaf:.0} us");
    assert!(seen < 130.0 && deaf > 3.0 * seen, "{seen} {deaf}");
}
