//! `trama sim` on the command line.

use crate::captures::project;
use crate::cli::trama;
use serde_json::Value;
use trama_wire::capture::Reader;

fn scenario(name: &str) -> String {
    project(&format!("examples/sim/{name}.toml")).display().to_string()
}

#[test]
fn a_seed_gives_the_same_bytes_and_another_one_others() {
    let small = ["--set", "workload.bytes=200kB", "--json"];
    let out = |seed: &str| {
        let path = scenario("permutation");
        let output = trama(&[&["sim", &path, "--seed", seed], &small[..]].concat());
        assert!(output.status.success(), "{output:?}");
        output.stdout
    };
    assert_eq!(out("1"), out("1"));
    assert_ne!(out("1"), out("2"));
    let json: Value = serde_json::from_slice(&out("1")).expect("it is JSON");
    assert_eq!(json["all"]["messages"], 128);
    assert_eq!(json["all"]["unfinished"], 0);
    assert_eq!(json["world"], "sim");
}

#[test]
fn a_run_leaves_a_report_and_its_numbers() {
    let folder = std::env::temp_dir().join(format!("trama-sim-{}", std::process::id()));
    let out = folder.display().to_string();
    let output =
        trama(&["sim", &scenario("incast"), "--set", "workload.bytes=50kB", "--out", &out]);
    let text = String::from_utf8(output.stdout).expect("it is text");
    assert!(text.contains("slowdown") && text.contains("world: sim, seed 1"), "{text}");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect("it was written");
    assert_eq!(read("flows.csv").lines().count(), 17);
    assert!(read("ports.csv").contains("switch to host 0,0.9"));
    assert!(read("series.csv").lines().count() > 100);
    let page = read("report.html");
    assert!(
        page.matches("<svg").count() >= 5 && page.ends_with("</html>\n") && !page.contains("NaN")
    );
    std::fs::remove_dir_all(folder).expect("it was made here");
}

#[test]
fn mistakes_are_errors_of_usage() {
    let output = trama(&["sim", &scenario("incast"), "--set", "transport.gain=1"]);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).expect("it is text");
    assert!(text.contains("transport.gain: there is no such key; there are name, g,"), "{text}");
    assert_eq!(trama(&["sim", "no-such-file.toml"]).status.code(), Some(2));
}

#[test]
fn what_can_be_simulated_is_listed() {
    let text = |args: &[&str]| String::from_utf8(trama(args).stdout).expect("it is text");
    let all = text(&["sim", "list"]);
    assert!(["leaf-spine", "dctcp", "poisson", "homa-w4"].iter().all(|name| all.contains(name)));
    assert!(text(&["sim", "list", "dctcp"]).contains("timeout_min"));
    let json: Value =
        serde_json::from_str(&text(&["sim", "list", "star", "--json"])).expect("JSON");
    assert_eq!(json[0]["settings"][0]["name"], "hosts");
}

#[test]
fn transports_are_compared_and_what_is_done_is_not_done_again() {
    let folder = std::env::temp_dir().join(format!("trama-compare-{}", std::process::id()));
    let out = folder.display().to_string();
    let path = scenario("web-search");
    let compare = |more: &[&str]| {
        let base = ["sim", "compare", &path, "--transports", "dctcp,ndp", "--loads", "0.3,0.5"];
        let rest = ["--seeds", "2", "--set", "workload.messages=40", "--out", &out];
        trama(&[&base[..], &rest, more].concat())
    };
    let plan = String::from_utf8(compare(&["--plan"]).stdout).expect("it is text");
    assert_eq!(plan.lines().count(), 8);
    assert!(plan.lines().all(|line| line.starts_with("trama sim ") && line.contains(" --json ")));
    assert!(!folder.exists(), "a plan leaves nothing");
    let first = compare(&["--json"]);
    let json: Value = serde_json::from_slice(&first.stdout).expect("it is JSON");
    assert_eq!(json["rows"].as_array().map(Vec::len), Some(4));
    assert_eq!(json["rows"][0]["numbers"]["unfinished"]["mean"], 0.0);
    let jobs = folder.join("jobs");
    assert_eq!(std::fs::read_dir(&jobs).expect("it is there").count(), 8);
    std::fs::remove_file(jobs.join("ndp-0.5-2.json")).expect("it is there");
    let second = compare(&["--json", "--jobs", "1"]);
    assert!(first.stdout == second.stdout, "neither order nor interruption matters");
    let told = String::from_utf8(second.stderr).expect("it is text");
    assert_eq!(told.matches("done before").count(), 7, "{told}");
    // Another scenario is not taken for this one.
    let other = compare(&["--set", "switch.buffer=100kB"]);
    assert_eq!(String::from_utf8_lossy(&other.stderr).matches("done before").count(), 0);
    assert!(folder.join("compare.html").exists());
    std::fs::remove_dir_all(folder).expect("it was made here");
}

#[test]
fn the_life_of_a_message_is_told_and_captured() {
    let file = std::env::temp_dir().join(format!("trama-life-{}.pcapng", std::process::id()));
    let pcap = file.display().to_string();
    let path = scenario("incast");
    let output = trama(&["sim", "trace", &path, "--flow", "3", "--pcap", &pcap]);
    let text = String::from_utf8(output.stdout).expect("it is text");
    assert!(text.lines().next().is_some_and(|line| line.ends_with("submitted")), "{text}");
    assert!(text.contains("the sender knows") && text.contains("B in the queue"));
    let sent = text.lines().filter(|line| line.contains("  sent  ")).count();
    let mut reader =
        Reader::new(std::fs::File::open(&file).expect("it was written")).expect("it is a capture");
    let mut frames = 0;
    while reader.next().expect("it is whole").is_some() {
        frames += 1;
    }
    assert_eq!(frames, sent);
    std::fs::remove_file(file).expect("it was made here");
    assert_eq!(trama(&["sim", "trace", &path, "--flow", "16"]).status.code(), Some(2));
}
