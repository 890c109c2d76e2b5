//! `trama sim` on the command line.

use crate::captures::project;
use crate::cli::trama;
use serde_json::Value;

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
