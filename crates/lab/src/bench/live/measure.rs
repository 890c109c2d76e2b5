//! One measurement of one contender.

use super::contender::Running;
use super::has;
use crate::LabError;
use serde_json::Value;
use std::process::{Command, Stdio};

/// What one round tells.
#[derive(Clone, Debug, Default)]
pub(super) struct Sample {
    pub(super) tcp_gbps: Option<f64>,
    pub(super) udp_pps: Option<f64>,
    pub(super) machine_ns: Option<f64>,
    pub(super) process_ns: Option<f64>,
    pub(super) requests: Option<f64>,
    pub(super) half_us: Option<f64>,
    pub(super) most_us: Option<f64>,
}

/// Nanoseconds of a tick of `/proc`: always 1/100 s (proc(5), USER_HZ).
const TICK_NS: f64 = 1e7;

/// Measures one contender in all ways.
pub(super) fn sample(one: &Running, seconds: u32) -> Result<Sample, LabError> {
    let mut sample = Sample::default();
    let (seconds, server) = (seconds.to_string(), one.server.1);
    if has("iperf3") {
        let common = ["iperf3", "-c", server, "-t", &seconds, "-J", "--connect-timeout", "5000"];
        let report = ask(one, &common)?;
        let report: Option<Value> = serde_json::from_str(&report).ok();
        let bits =
            report.as_ref().and_then(|r| r["end"]["sum_received"]["bits_per_second"].as_f64());
        sample.tcp_gbps = bits.map(|bits| bits / 1e9);

        let before = (machine_ticks(), process_ticks(one.forwarder));
        let report = ask(one, &[&common[..], &["-u", "-b", "0", "-l", "22"]].concat())?;
        let after = (machine_ticks(), process_ticks(one.forwarder));
        let report: Option<Value> = serde_json::from_str(&report).ok();
        let sum = report.as_ref().map(|r| &r["end"]["sum"]);
        let count = |name: &str| sum.and_then(|sum| sum[name].as_f64());
        if let (Some(sent), Some(lost), Some(time)) =
            (count("packets"), count("lost_packets"), count("seconds"))
        {
            let arrived = (sent - lost).max(1.0);
            let each = |a: Option<f64>, b: Option<f64>| Some((b? - a?) * TICK_NS / arrived);
            sample.udp_pps = Some(arrived / time);
            sample.machine_ns = each(before.0, after.0);
            sample.process_ns = each(before.1, after.1);
        }
    }
    if has("wrk") && has("nginx") {
        let (url, length) = (format!("http://{server}/"), format!("-d{seconds}s"));
        let report = ask(one, &["wrk", "-t1", "-c8", &length, "--latency", &url])?;
        let after = |word: &str| {
            let line = report.lines().find(|line| line.trim_start().starts_with(word))?;
            line.split_whitespace().nth(1)
        };
        sample.requests = after("Requests/sec:").and_then(|number| number.parse().ok());
        sample.half_us = after("50%").and_then(microseconds);
        sample.most_us = after("99%").and_then(microseconds);
    }
    Ok(sample)
}

/// What a command of the client prints.
fn ask(one: &Running, words: &[&str]) -> Result<String, LabError> {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).stdout(Stdio::piped()).stderr(Stdio::null());
    let output = one.lab.spawn(one.client, &mut command)?.wait_with_output();
    let failed = |source| LabError::Spawn { program: words[0].into(), source };
    Ok(String::from_utf8_lossy(&output.map_err(failed)?.stdout).into_owned())
}

/// Processor time that was not idle, of all processors, in ticks: user, nice, system, interrupts
/// and soft interrupts.
fn machine_ticks() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/stat").ok()?;
    let line = text.lines().next()?;
    let ticks: Vec<f64> = line.split_whitespace().skip(1).filter_map(|n| n.parse().ok()).collect();
    // proc_stat(5): user nice system idle iowait irq softirq
    Some([0, 1, 2, 5, 6].iter().filter_map(|at| ticks.get(*at)).sum())
}

/// Processor time of a process, its threads included, in ticks.
fn process_ticks(process: Option<u32>) -> Option<f64> {
    let text = std::fs::read_to_string(format!("/proc/{}/stat", process?)).ok()?;
    // The name, in parentheses, may have spaces in it; behind it the state is field 3.
    let (_, fields) = text.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let time = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some(time(11)? + time(12)?)
}

/// A time as wrk prints it: `87.00us`, `1.25ms`, `2.01s`.
fn microseconds(text: &str) -> Option<f64> {
    for (unit, factor) in [("us", 1.0), ("ms", 1e3), ("s", 1e6)] {
        if let Some(number) = text.strip_suffix(unit) {
            return number.parse::<f64>().ok().map(|number| number * factor);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_wrk() {
        assert_eq!(microseconds("87.00us"), Some(87.0));
        assert_eq!(microseconds("1.25ms"), Some(1250.0));
        assert_eq!(microseconds("2.00s"), Some(2_000_000.0));
        assert_eq!(microseconds("fast"), None);
    }

    #[test]
    fn this_process_has_a_time() {
        assert!(machine_ticks().is_some_and(|ticks| ticks > 0.0));
        assert!(process_ticks(Some(std::process::id())).is_some());
        assert_eq!(process_ticks(None), None);
    }
}
