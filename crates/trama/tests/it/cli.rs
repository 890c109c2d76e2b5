//! The command line as a user meets it: output, messages, exit codes.

use crate::captures::project;
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

pub(crate) fn trama(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_trama"))
        .args(args)
        .current_dir(project("."))
        .stdin(Stdio::null())
        .output()
        .expect("trama runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("it was not killed")
}

/// A file in the temporary folder, gone at the end.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str, content: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("trama-cli-{}-{name}", std::process::id()));
        std::fs::write(&path, content).expect("a temporary file");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("the path is text")
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // What stays behind is only temporary.
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn the_main_command_runs_the_edge_on_the_bundled_capture() {
    let output = trama(&["run", "examples/edge.trama"]);
    let out = text(&output.stdout);
    assert_eq!(code(&output), 0, "{out}{}", text(&output.stderr));
    for needle in ["lan", "wan", "denied by rule", "no mapping", "tcp_open", "ns per packet"] {
        assert!(out.contains(needle), "`{needle}` is missing:\n{out}");
    }
}

#[test]
fn the_summary_for_machines_accounts_for_every_packet() {
    for engine in [&[][..], &["--interpret"]] {
        let args = [&["run", "examples/edge.trama", "--json"][..], engine].concat();
        let output = trama(&args);
        let summary: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
        let sum = |what: &str| -> u64 {
            let ports = summary["ports"].as_array().expect("there are ports");
            ports.iter().map(|p| p[what]["packets"].as_u64().expect("a number")).sum()
        };
        let nodes = summary["nodes"].as_array().expect("there are nodes");
        let dropped: u64 = nodes
            .iter()
            .flat_map(|n| n["drops"].as_object().expect("an object").values())
            .map(|n| n.as_u64().expect("a number"))
            .sum();
        assert!(sum("received") > 1000);
        assert_eq!(sum("received"), sum("sent") + dropped, "nothing is lost uncounted");
    }
}

#[test]
fn outputs_can_be_written_and_read_again() {
    let file = Temporary::new("out.pcapng", b"");
    let out = format!("wan={}", file.path());
    let output = trama(&["run", "examples/edge.trama", "--out", &out, "--json"]);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    let summary: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    let frames = crate::captures::frames(&file.0).expect("a sound capture");
    assert_eq!(Some(frames.len() as u64), summary["ports"][1]["sent"]["packets"].as_u64());
}

#[test]
fn a_wrong_program_is_refused_with_its_place() {
    let program = "element E {\n    port a, b\n    on a(p: ip) { p.tcp.dst = 1; send p to b }\n}\n";
    let file = Temporary::new("wrong.trama", program.as_bytes());
    let output = trama(&["check", file.path()]);
    let messages = text(&output.stderr);
    assert_eq!(code(&output), 3, "{messages}");
    assert!(messages.contains("3:19") && messages.contains("^"), "{messages}");
    assert_eq!(messages.matches("error[").count(), 1, "one mistake, one message: {messages}");
    let output = trama(&["check", "--json", file.path()]);
    let report: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!(report["diagnostics"].as_array().map(Vec::len), Some(1));
    assert_eq!(report["diagnostics"][0]["place"]["line"], 3);
}

#[test]
fn mistakes_on_the_command_line_are_explained() {
    for (args, needle) in [
        (&["run", "no/such/file.trama"][..], "cannot read"),
        (&["run", "examples/edge.trama", "--in", "dmz=x.pcap"], "has no port `dmz`"),
        (&["run", "examples/edge.trama", "--in", "lan"], "PORT=SRC"),
        (&["run", "examples/edge.trama", "--in", "lan=no/such.pcap"], "cannot open"),
        (&["run", "examples/edge.trama", "--in", "lan=if:nosuchif0"], "does not exist"),
        (&["run", "examples/edge.trama", "--duration", "soon"], "not a length of time"),
        (&["run", "examples/balancer.trama"], "nothing to run the program on"),
        (&["trace", "examples/edge.trama", "ip.sorc == 1.2.3.4"], "src"),
        (&["atlas", "no-such-system"], "there is no system"),
        (&["new", "Not-A-Name"], "cannot be the name"),
        (&["bench", "no-such-workload"], "there is nothing called"),
        (&["doc", "ip.tll"], "did you mean ip.ttl"),
        (&["doc", "examples/monitor.trama", "Montor"], "did you mean `Monitor`"),
        (&["doc", "qqqqqqqq"], "`trama doc` lists"),
        (&["run", "examples/edge.trama", "--pace", "0"], "a number above 0"),
        (&["run", "examples/edge.trama", "--tui", "--json"], "cannot be used with"),
        (&["run", "examples/edge.trama", "--tui"], "needs a terminal"),
        (&["frobnicate"], "unrecognized"),
    ] {
        let output = trama(args);
        let messages = text(&output.stderr);
        assert_eq!(code(&output), 2, "{args:?}: {messages}");
        assert!(messages.contains(needle), "{args:?}: {messages}");
    }
    let output = trama(&["run", "examples/edge.trama", "--set", "public=1.2.3"]);
    assert_eq!(code(&output), 3, "{}", text(&output.stderr));
    let output = trama(&["run", "examples/edge.trama", "--set", "pubic=1.2.3.4"]);
    assert!(text(&output.stderr).contains("`public`"), "{}", text(&output.stderr));
}

#[test]
fn a_capture_that_ends_in_a_packet_gives_what_is_whole() {
    let whole = std::fs::read(project("examples/captures/office-lan.pcap")).expect("it is there");
    let cut = Temporary::new("cut.pcap", &whole[..whole.len() / 2]);
    let input = format!("tap={}", cut.path());
    let output = trama(&["run", "examples/monitor.trama", "--in", &input, "--json"]);
    let summary: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!(code(&output), 4);
    assert!(summary["packets"].as_u64() > Some(50), "{summary}");
    let error = summary["failures"][0]["error"].as_str().expect("a reason");
    assert!(error.contains("cut") || error.contains("ends"), "{error}");
}

#[test]
fn a_full_disk_is_told() {
    if !PathBuf::from("/dev/full").exists() {
        return crate::captures::skip("there is no /dev/full");
    }
    let link = std::env::temp_dir().join(format!("trama-full-{}.pcap", std::process::id()));
    let _ = std::fs::remove_file(&link);
    std::os::unix::fs::symlink("/dev/full", &link).expect("a link");
    let out = format!("wan={}", link.display());
    let output = trama(&["run", "examples/edge.trama", "--out", &out]);
    std::fs::remove_file(&link).expect("it was made above");
    let everything = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(code(&output), 4, "{everything}");
    assert!(everything.contains("No space left"), "{everything}");
}

#[test]
fn a_live_run_without_privileges_says_which_it_lacks() {
    use std::os::unix::process::CommandExt;
    if trama_lab::require_root().is_err() {
        return crate::captures::skip("only root can give privileges up");
    }
    let copy = std::env::temp_dir().join(format!("trama-plain-{}", std::process::id()));
    std::fs::copy(env!("CARGO_BIN_EXE_trama"), &copy).expect("a copy for everybody");
    let program =
        Temporary::new("plain.trama", b"element E { port a\n on a(p) { drop p because \"x\" } }");
    let output = Command::new(&copy)
        .args(["run", program.path(), "--in", "a=if:lo"])
        .uid(65534)
        .gid(65534)
        .output()
        .expect("it runs");
    std::fs::remove_file(&copy).expect("it was made above");
    let messages = text(&output.stderr);
    assert_eq!(code(&output), 4, "{messages}");
    assert!(messages.contains("CAP_NET_RAW") || messages.contains("CAP_"), "{messages}");
}

#[test]
fn a_trace_tells_branches_state_and_drops() {
    let filter = "ip.dst == 198.51.100.10 && tcp.dst == 25";
    let output = trama(&["trace", "examples/edge.trama", filter, "-n", "1"]);
    let out = text(&output.stdout);
    assert_eq!(code(&output), 0, "{out}{}", text(&output.stderr));
    for needle in ["firewall", "denied by rule", "tcp_open", "Firewall.trama:"] {
        assert!(out.contains(needle), "`{needle}` is missing:\n{out}");
    }
    let output = trama(&["trace", "examples/edge.trama", "udp.dst == 53", "-n", "1"]);
    let out = text(&output.stdout);
    for needle in ["nat", "203.0.113.7", "ip.src"] {
        assert!(out.contains(needle), "`{needle}` is missing:\n{out}");
    }
}

#[test]
fn the_tests_inside_the_examples_pass() {
    let output = trama(&["test", "examples", "crates/lang/library"]);
    let out = text(&output.stdout);
    assert_eq!(code(&output), 0, "{out}{}", text(&output.stderr));
    assert!(out.trim_end().ends_with(" 0 failed"), "{out}");
}

#[test]
fn a_test_that_does_not_hold_fails() {
    let program = "element E { port a, b\n on a(p) { send p to b } }\n\
                   test \"wrong\" for E {\n a <- arp { op: 1 }\n expect drop \"x\"\n}\n";
    let file = Temporary::new("failing.trama", program.as_bytes());
    let output = trama(&["test", file.path()]);
    assert_eq!(code(&output), 1);
    assert!(text(&output.stdout).contains("0 passed, 1 failed"), "{}", text(&output.stdout));
}

#[test]
fn programs_of_the_project_are_formatted() {
    let output = trama(&["fmt", "--check", "examples", "crates/lang/library"]);
    assert_eq!(code(&output), 0, "{}{}", text(&output.stdout), text(&output.stderr));
}

#[test]
fn a_new_program_is_sound_and_its_tests_pass() {
    let folder = std::env::temp_dir().join(format!("trama-new-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let run = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trama"));
        command.args(args).current_dir(&folder).output().expect("trama runs")
    };
    assert_eq!(code(&run(&["new", "office"])), 0);
    assert_eq!(code(&run(&["new", "office"])), 2, "it does not overwrite");
    let check = run(&["check", "office.trama"]);
    assert_eq!((code(&check), text(&check.stderr)), (0, String::new()));
    assert_eq!(code(&run(&["test", "office.trama"])), 0);
    assert_eq!(code(&run(&["fmt", "--check", "office.trama"])), 0);
    std::fs::remove_dir_all(&folder).expect("it was made above");
}

#[test]
fn the_graph_is_drawn() {
    let output = trama(&["graph", "examples/edge.trama"]);
    let svg = text(&output.stdout);
    assert!(svg.starts_with("<svg") || svg.starts_with("<?xml"), "{svg}");
    for needle in ["Firewall", "Nat", "Interface", "lan", "wan", "</svg>"] {
        assert!(svg.contains(needle), "`{needle}` is missing");
    }
}

#[test]
fn the_atlas_lists_all_systems() {
    let output = trama(&["atlas", "--json"]);
    let systems: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!(systems.as_array().map(Vec::len), Some(168));
}

#[test]
fn names_and_programs_are_explained() {
    for (args, needles) in [
        (&["doc"][..], &["LearningBridge", "E0001", "maglev"][..]),
        (&["doc", "Firewall"], &["element Firewall", "fragment before its first", "on lan("]),
        (&["doc", "tcp.flags.syn"], &["tcp.flags.syn: bool"]),
        (&["doc", "E0014"], &["Rejected:", "drop p"]),
        (&["doc", "examples/monitor.trama"], &["element Monitor", "sources: set<ip4>[64Ki]"]),
        (&["doc", "examples/monitor.trama", "Monitor"], &["at capacity", "per-flow"]),
        (&["doc", "examples/edge.trama"], &["declares no element"]),
    ] {
        let output = trama(args);
        let shown = text(&output.stdout);
        assert_eq!(code(&output), 0, "{args:?}: {}", text(&output.stderr));
        for needle in needles {
            assert!(shown.contains(needle), "{args:?}: `{needle}` is missing:\n{shown}");
        }
        let output = trama(&[args, &["--json"]].concat());
        let value: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
        assert!(value.is_array() || value["elements"].is_array(), "{args:?}");
    }
}

/// Starts a command whose standard output is `to`, and returns its exit code and standard error.
fn ends_with(args: &[&str], to: Stdio) -> (Option<i32>, String) {
    let child = Command::new(env!("CARGO_BIN_EXE_trama"))
        .args(args)
        .current_dir(project("."))
        .stdin(Stdio::null())
        .stdout(to)
        .stderr(Stdio::piped())
        .spawn()
        .expect("trama starts");
    let output = child.wait_with_output().expect("trama ends");
    (output.status.code(), text(&output.stderr))
}

#[test]
fn a_reader_that_goes_is_no_mistake_and_a_full_disk_is_one() {
    let commands: [&[&str]; 7] = [
        &["check", "examples/edge.trama"],
        &["explain", "examples/queries.trama"],
        &["graph", "examples/edge.trama"],
        &["run", "examples/queries.trama", "--emit", "protocols=-"],
        &["test", "examples/queries.trama"],
        &["doc", "Firewall"],
        &["atlas"],
    ];
    for args in commands {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let (code, told) = ends_with(args, writer.into());
        assert_eq!((code, told.contains("panicked")), (Some(0), false), "{args:?}: {told}");
        let Ok(full) = std::fs::File::options().write(true).open("/dev/full") else { continue };
        let (code, told) = ends_with(args, full.into());
        assert_eq!(code, Some(4), "{args:?}: {told}");
        assert!(told.contains("No space left"), "{args:?}: {told}");
    }
}
