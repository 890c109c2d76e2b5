//! `--cores`, `--isolate` and `prove` on the command line.

use crate::captures::project;
use serde_json::Value;
use std::process::{Command, Output};

fn trama(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trama"));
    command.args(args).current_dir(project(".")).output().expect("trama runs")
}

fn json(args: &[&str]) -> Value {
    let output = trama(&[args, &["--json"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("it prints JSON")
}

#[test]
fn the_edge_with_its_elements_apart_does_the_same() {
    let together = json(&["run", "examples/edge.trama"]);
    for how in ["threads", "processes"] {
        let apart = json(&["run", "examples/edge.trama", "--isolate", how]);
        for part in ["ports", "nodes", "outputs", "unconnected", "discarded"] {
            assert_eq!(apart[part], together[part], "{how}: {part}");
        }
        let stages = apart["stages"].as_array().expect("a list");
        assert_eq!(stages.len(), 4);
        assert!(stages.iter().all(|stage| stage["restarts"] == 0), "{stages:?}");
    }
}

#[test]
fn what_keeps_the_edge_on_one_core_is_told() {
    let output = trama(&["run", "examples/edge.trama", "--cores", "2"]);
    assert_eq!(output.status.code(), Some(3));
    let text = String::from_utf8_lossy(&output.stderr);
    for part in ["`inner.errors`", "--split-limits", "`nat.udp_ports`", "concerns all of it"] {
        assert!(text.contains(part), "`{part}` is missing:\n{text}");
    }
}

#[test]
fn the_balancer_runs_on_cores() {
    let inputs: &[&str] = &[
        "run",
        "examples/balancer.trama",
        "--split-limits",
        "--in",
        "clients=examples/captures/office-lan.pcap",
        "--in",
        "servers=examples/captures/office-wan.pcap",
    ];
    let one = json(&[inputs, &["--cores", "1"]].concat());
    let two = json(&[inputs, &["--cores", "2"]].concat());
    for part in ["ports", "outputs", "packets"] {
        assert_eq!(one[part], two[part], "{part}");
    }
    let cores = two["parallel"]["cores"].as_array().expect("a list");
    assert_eq!(cores.len(), 2);
    // What goes to all cores is counted once, at the first.
    let sum: u64 = cores.iter().filter_map(|core| core["packets"].as_u64()).sum();
    assert_eq!(Some(sum), two["packets"].as_u64());
}

#[test]
fn what_can_be_proved_is_listed_and_the_rest_is_refused() {
    let list = trama(&["prove", "--list"]);
    let listed = String::from_utf8_lossy(&list.stdout);
    assert!(
        ["netbricks", "hpcc", "powertcp", "timely", "swift"].iter().all(|it| listed.contains(it)),
        "{listed}"
    );
    for (system, word) in [("netbriks", "did you mean `netbricks`"), ("ndp", "cannot be proved")] {
        let output = trama(&["prove", system]);
        assert_eq!(output.status.code(), Some(2));
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains(word), "{text}");
    }
}

#[test]
fn one_core_is_compared_with_two() {
    let quick = ["--rounds", "1", "--packets", "2000", "--flows", "200"];
    let found = json(&[&["bench", "cores", "counter", "nat"][..], &quick].concat());
    let results = found["results"].as_array().expect("a list");
    assert!(results[0]["speedup"]["median"].as_f64().is_some_and(|times| times > 0.0));
    let kept = results[1]["kept_by"].as_array().expect("what keeps it");
    assert!(kept.iter().any(|object| object == "nat.udp_ports"), "{kept:?}");
}
