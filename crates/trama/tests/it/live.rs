//! Real clients and servers talk through Trama, on both kinds of packet input and output.
//!
//! The labs are network namespaces; the box in the middle has no addresses of its own, so whatever
//! works, Trama did it.

#![allow(
    clippy::disallowed_methods,
    reason = "clocks are forbidden to the pure crates; here processes are waited for"
)]

use crate::captures::{project, skip};
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use trama_lab::{Child, Lab, LabLock, Lifetime, Topology, UpOptions};

/// Longest that a server may take to start, or a run to end.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Says why a live test cannot run here, if it cannot.
pub(crate) fn missing(tools: &[&str]) -> Option<String> {
    if let Err(why) = trama_lab::require_root() {
        return Some(why);
    }
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let absent = |tool: &&&str| !path.split(':').any(|dir| Path::new(dir).join(tool).is_file());
    tools.iter().find(absent).map(|tool| format!("`{tool}` is not installed"))
}

/// A folder that goes away.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("trama-test-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a temporary folder");
        Self(path)
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).expect("a temporary file");
        path.display().to_string()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays behind is only temporary.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn lab(name: &str, topology: &Topology) -> Lab {
    Lab::up(name, topology, UpOptions { bare: true, lifetime: Lifetime::Handle })
        .expect("the lab comes up")
}

/// Starts something that goes on in a node; its output is of no interest.
pub(crate) fn serve(lab: &Lab, node: &str, command: &[&str]) -> Child {
    let mut command_line = Command::new(command[0]);
    command_line.args(&command[1..]).stdout(Stdio::null()).stderr(Stdio::null());
    lab.spawn(node, &mut command_line).expect("the server starts")
}

/// Runs something in a node to its end; success and standard output.
pub(crate) fn run(lab: &Lab, node: &str, command: &[&str]) -> (bool, String) {
    let mut command_line = Command::new(command[0]);
    command_line.args(&command[1..]).stdout(Stdio::piped()).stderr(Stdio::null());
    let child = lab.spawn(node, &mut command_line).expect("the command starts");
    let output = child.wait_with_output().expect("the command ends");
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Repeats a command until it succeeds.
pub(crate) fn wait_for(lab: &Lab, node: &str, command: &[&str]) {
    let start = Instant::now();
    while !run(lab, node, command).0 {
        assert!(start.elapsed() < PATIENCE, "{command:?} did not succeed in time");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A Trama that runs in the box.
pub(crate) struct Box_ {
    child: Child,
}

impl Box_ {
    pub(crate) fn start(lab: &Lab, program: &str, legs: &[(&str, &str)], mode: &str) -> Self {
        Self::start_with(lab, program, legs, mode, &[])
    }

    fn start_with(
        lab: &Lab,
        program: &str,
        legs: &[(&str, &str)],
        mode: &str,
        flags: &[&str],
    ) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trama"));
        command.arg("run").arg(project(program)).args(["--json", "--duration", "5min"]);
        command.args(flags);
        for (port, device) in legs {
            let end = format!("{port}=if:{device},{mode}");
            command.args(["--in", &end, "--out", &end]);
        }
        command.stdout(Stdio::piped());
        Self { child: lab.spawn("box", &mut command).expect("trama starts") }
    }

    /// Interrupts it as Ctrl-C would, and reads its summary.
    pub(crate) fn stop(self) -> Value {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args(["-INT", &id]).status().expect("kill runs");
        assert!(status.success());
        let output = self.child.wait_with_output().expect("trama ends");
        assert!(output.status.success(), "{:?}", output.status);
        serde_json::from_slice(&output.stdout).expect("the summary is JSON")
    }
}

pub(crate) fn node<'a>(summary: &'a Value, name: &str) -> &'a Value {
    let nodes = summary["nodes"].as_array().expect("there are nodes");
    nodes.iter().find(|n| n["name"] == name).expect("the node is there")
}

pub(crate) fn drops(summary: &Value, name: &str, reason: &str) -> u64 {
    node(summary, name)["drops"][reason].as_u64().unwrap_or(0)
}

pub(crate) const HTTP: &str = "http://198.51.100.10/";

pub(crate) fn nginx(lab: &Lab, node: &str, scratch: &Scratch, body: &str) -> Child {
    let root = scratch.0.join(node);
    std::fs::create_dir_all(&root).expect("a temporary folder");
    std::fs::write(root.join("index.html"), body).expect("a temporary file");
    let base = scratch.0.display();
    let text = format!(
        "daemon off; worker_processes 1; pid {base}/{node}.pid; error_log {base}/{node}.err;\n\
         events {{ worker_connections 512; }}\n\
         http {{ access_log {base}/{node}.log; client_body_temp_path {base}/{node}-b;\n\
         proxy_temp_path {base}/{node}-p; fastcgi_temp_path {base}/{node}-f;\n\
         uwsgi_temp_path {base}/{node}-u; scgi_temp_path {base}/{node}-s;\n\
         server {{ listen 80; root {}; }} }}\n",
        root.display()
    );
    let conf = scratch.file(&format!("{node}.conf"), &text);
    serve(lab, node, &["nginx", "-c", &conf])
}

// long: one story, told in order.
fn office(mode: &str) {
    let tools = ["nginx", "curl", "wrk", "ping", "iperf3", "dnsmasq", "dig", "tcpdump"];
    if let Some(why) = missing(&tools) {
        return skip(&why);
    }
    let _lock = LabLock::acquire().expect("the lock");
    let scratch = Scratch::new(mode);
    let lab = lab("edge", &Topology::office());
    let _nginx = nginx(&lab, "internet", &scratch, "hello through the edge\n");
    // A server for each direction: between two clients one does not listen for a moment.
    let ports = ["5201", "5202"];
    let _iperf = ports.map(|port| serve(&lab, "internet", &["iperf3", "-s", "-p", port]));
    for port in [5201, 5202] {
        assert!(lab.wait_for_listener("internet", port, PATIENCE).expect("the node is there"));
    }
    let answer = "--address=/www.example.test/198.51.100.10";
    let _dns = serve(
        &lab,
        "internet",
        &[
            "dnsmasq",
            "-k",
            "--no-resolv",
            "--no-hosts",
            "--bind-interfaces",
            "--listen-address=198.51.100.10",
            "--user=root",
            answer,
        ],
    );
    let trama = Box_::start(&lab, "examples/edge.trama", &[("lan", "lan"), ("wan", "wan")], mode);

    wait_for(&lab, "client1", &["ping", "-c", "1", "-W", "1", "10.0.0.1"]);
    wait_for(&lab, "client1", &["curl", "-sf", "-m", "2", HTTP]);
    let (sound, pings) = run(&lab, "client2", &["ping", "-c", "3", "-i", "0.2", "198.51.100.10"]);
    assert!(sound && pings.contains("3 received"), "{pings}");
    let (sound, body) = run(&lab, "client1", &["curl", "-sf", "-m", "5", HTTP]);
    assert!(sound && body == "hello through the edge\n", "{body}");
    let (_, name) = run(&lab, "client1", &["dig", "+short", "@198.51.100.10", "www.example.test"]);
    assert_eq!(name.trim(), "198.51.100.10");

    let (sound, report) = run(&lab, "client1", &["wrk", "-t1", "-c8", "-d2s", HTTP]);
    assert!(sound && !report.contains("Socket errors"), "{report}");
    let requests = report.lines().find(|l| l.contains("requests in")).unwrap_or("none");
    println!("{mode}: wrk {}", requests.trim());
    for (port, direction) in ports.into_iter().zip([&[][..], &["-R"]]) {
        let flags = ["iperf3", "-c", "198.51.100.10", "-p", port, "-t", "2", "-J"];
        let (sound, report) = run(&lab, "client1", &[&flags[..], direction].concat());
        let report: Value = serde_json::from_str(&report).expect("iperf3 writes JSON");
        let rate = report["end"]["sum_received"]["bits_per_second"].as_f64().unwrap_or(0.0);
        println!("{mode}: iperf3 {direction:?} {:.0} Mbit/s", rate / 1e6);
        assert!(sound && rate > 1e6, "{report}");
    }

    // Nobody inside asked for this.
    let (reached, _) =
        run(&lab, "internet", &["curl", "-s", "-m", "1", "http://203.0.113.7:8080/"]);
    assert!(!reached, "unsolicited traffic must not get in");

    let summary = trama.stop();
    let log = std::fs::read_to_string(scratch.0.join("internet.log")).expect("nginx logs");
    assert!(!log.is_empty() && log.lines().all(|l| l.starts_with("203.0.113.7 ")), "translated");
    assert!(drops(&summary, "nat", "no mapping") >= 1, "{summary}");
    let opened = node(&summary, "firewall")["states"].as_array().expect("states");
    assert!(opened.iter().any(|s| s["name"] == "tcp_open" && s["peak"].as_u64() >= Some(8)));
    let mechanism = summary["inputs"][0]["mechanism"].as_str().expect("it is told").to_owned();
    assert!(mechanism.contains(if mode == "af_packet" { "AF_PACKET" } else { "AF_XDP" }));
    // What it says it sent has arrived: the other end of the wire counts for itself.
    let counters = lab.counters("internet", "eth0").expect("the link is there");
    let sent = summary["outputs"][1]["frames"].as_u64().expect("a number");
    assert!(
        counters.received_frames >= sent && counters.received_frames <= sent + 20,
        "{counters:?} {sent}"
    );
}

#[test]
fn the_edge_serves_real_clients_on_af_xdp() {
    office("af_xdp");
}

#[test]
fn the_edge_serves_real_clients_on_af_packet() {
    office("af_packet");
}

#[test]
fn counters_agree_with_captures_on_both_sides() {
    if let Some(why) = missing(&["nginx", "curl", "ping", "tcpdump", "ethtool"]) {
        return skip(&why);
    }
    let _lock = LabLock::acquire().expect("the lock");
    let scratch = Scratch::new("captures");
    let lab = lab("edge", &Topology::office());
    let _nginx = nginx(&lab, "internet", &scratch, &"x".repeat(100_000));
    let trama =
        Box_::start(&lab, "examples/edge.trama", &[("lan", "lan"), ("wan", "wan")], "af_packet");
    // A receiver that merges segments would show fewer frames than were on the wire.
    assert!(run(&lab, "internet", &["ethtool", "-K", "eth0", "gro", "off"]).0);
    let pcap = scratch.0.join("internet.pcap").display().to_string();
    let tcpdump = serve(
        &lab,
        "internet",
        &["tcpdump", "--immediate-mode", "-i", "eth0", "-U", "-w", &pcap, "ip or arp"],
    );
    let start = Instant::now();
    while std::fs::metadata(&pcap).map_or(0, |m| m.len()) < 24 {
        assert!(start.elapsed() < PATIENCE, "tcpdump did not start");
        std::thread::sleep(Duration::from_millis(20));
    }
    wait_for(&lab, "client1", &["ping", "-c", "1", "-W", "1", "198.51.100.10"]);
    for _ in 0..3 {
        assert!(run(&lab, "client1", &["curl", "-sf", "-o", "/dev/null", HTTP]).0);
    }
    std::thread::sleep(Duration::from_millis(300));
    let summary = trama.stop();
    Command::new("kill").arg(tcpdump.id().to_string()).status().expect("kill runs");
    tcpdump.wait().expect("tcpdump ends");

    let outer = node(&summary, "outer");
    let wire = &outer["ports"][0];
    let count = |what: &str| wire[what]["packets"].as_u64().expect("a number");
    let foreign = drops(&summary, "outer", "no handler for this packet");
    let frames = crate::captures::frames(Path::new(&pcap)).expect("a sound capture");
    let mac = [0x02, 0x00, 0xcb, 0x00, 0x71, 0x07];
    let from_trama = frames.iter().filter(|f| f.1[6..12] == mac).count() as u64;
    assert_eq!(from_trama, count("sent"), "frames that Trama sent");
    let to_trama = frames.len() as u64 - from_trama;
    assert_eq!(to_trama, count("received") - foreign, "frames that Trama received");
    assert!(from_trama > 20 && to_trama > 20, "{from_trama} {to_trama}");
}

fn balance(mode: &str) {
    if let Some(why) = missing(&["nginx", "curl", "wrk"]) {
        return skip(&why);
    }
    let _lock = LabLock::acquire().expect("the lock");
    let scratch = Scratch::new(&format!("balance-{mode}"));
    let lab = lab("balance", &Topology::balance());
    let backends = ["backend1", "backend2", "backend3"];
    let _servers: Vec<_> =
        backends.iter().map(|b| nginx(&lab, b, &scratch, &format!("{b}\n"))).collect();
    let legs = &[("clients", "front"), ("servers", "back")];
    let trama = Box_::start(&lab, "examples/balancer.trama", legs, mode);
    let service = "http://198.51.100.80/";
    wait_for(&lab, "client", &["curl", "-sf", "-m", "2", service]);
    let mut seen = std::collections::BTreeMap::<String, u32>::new();
    for _ in 0..60 {
        let (sound, body) = run(&lab, "client", &["curl", "-sf", "-m", "5", service]);
        assert!(sound, "a request through the balancer");
        *seen.entry(body).or_default() += 1;
    }
    println!("{mode}: {seen:?}");
    assert_eq!(seen.len(), 3, "every backend is used");
    assert!(seen.values().all(|&n| n >= 6), "the load is spread: {seen:?}");
    let (sound, report) = run(&lab, "client", &["wrk", "-t1", "-c12", "-d2s", service]);
    assert!(sound && !report.contains("Socket errors"), "{report}");
    let summary = trama.stop();
    assert_eq!(drops(&summary, "maglev", "no backend"), 0);
    let states = node(&summary, "maglev")["states"].as_array().expect("states");
    let connections = states.iter().find(|s| s["name"] == "connections").expect("it is there");
    assert!(connections["inserted"].as_u64() >= Some(60));
}

#[test]
fn the_balancer_spreads_real_connections_on_af_xdp() {
    balance("af_xdp");
}

#[test]
fn the_balancer_spreads_real_connections_on_af_packet() {
    balance("af_packet");
}

#[test]
fn an_interface_that_disappears_ends_the_run_with_a_reason() {
    if let Some(why) = missing(&["ip"]) {
        return skip(&why);
    }
    let _lock = LabLock::acquire().expect("the lock");
    let lab = lab("gone", &Topology::wire());
    let mut command = Command::new(env!("CARGO_BIN_EXE_trama"));
    command.arg("run").arg(project("examples/monitor.trama"));
    command.args(["--in", "tap=if:left,af_packet", "--json"]).stdout(Stdio::piped());
    let child = lab.spawn("box", &mut command).expect("trama starts");
    // A socket for packets that is bound to an interface: type 3, a protocol, and not interface 0.
    let bound = " 3 +[0-9a-f]{4} +[1-9]";
    wait_for(&lab, "box", &["grep", "-qE", bound, "/proc/net/packet"]);
    assert!(run(&lab, "box", &["ip", "link", "del", "left"]).0);
    let output = child.wait_with_output().expect("trama ends by itself");
    assert_eq!(output.status.code(), Some(4), "the environment failed");
    let summary: Value = serde_json::from_slice(&output.stdout).expect("the summary is JSON");
    let error = summary["failures"][0]["error"].as_str().expect("there is a reason");
    assert!(error.contains("left") && error.contains("disappeared"), "{error}");
}

#[test]
fn a_lab_is_removed_after_a_crash() {
    if let Some(why) = missing(&["ip"]) {
        return skip(&why);
    }
    let _lock = LabLock::acquire().expect("the lock");
    let trama = env!("CARGO_BIN_EXE_trama");
    let up = Command::new(trama).args(["lab", "up", "pair", "--name", "crash"]).output();
    assert!(up.expect("it runs").status.success());
    let ping = ["lab", "run", "a", "--name", "crash", "--", "ping", "-c", "1", "-W", "2"];
    let peer = Command::new(trama).args(ping).arg("10.0.0.2").output().expect("it runs");
    std::io::stdout().write_all(&peer.stdout).expect("standard output");
    let down = Command::new(trama).args(["lab", "down", "crash"]).output();
    assert!(down.expect("it runs").status.success());
    let names = std::fs::read_dir("/run/netns").map(|dir| {
        dir.filter_map(Result::ok).map(|e| e.file_name().to_string_lossy().into_owned()).collect()
    });
    let names: Vec<String> = names.unwrap_or_default();
    assert!(names.iter().all(|n| !n.starts_with("trama-crash")), "{names:?}");
}

/// A wire through Trama on two cores, and through elements in processes, one of which is killed.
#[test]
fn a_wire_goes_on_when_an_element_dies() {
    if let Some(why) = missing(&["ping"]) {
        return skip(&why);
    }
    let _lock = LabLock::acquire().expect("the lock");
    let scratch = Scratch::new("apart");
    let program = scratch.file(
        "wire.trama",
        "network wire { port left, right\n left <-> Counter <-> Counter <-> right }\n",
    );
    let lab = lab("apart", &Topology::wire());
    let ping = ["ping", "-c", "1", "-W", "1", "10.0.0.2"];
    let legs = &[("left", "left"), ("right", "right")];

    let cores = Box_::start_with(&lab, &program, legs, "af_packet", &["--cores", "2"]);
    wait_for(&lab, "a", &ping);
    let summary = cores.stop();
    assert!(summary["packets"].as_u64().expect("a number") >= 4, "ARP and echo, both ways");
    assert_eq!(summary["parallel"]["cores"].as_array().map(Vec::len), Some(2));

    let flags = ["--isolate", "processes"];
    let apart = Box_::start_with(&lab, &program, legs, "af_packet", &flags);
    wait_for(&lab, "a", &ping);
    let id = apart.child.id();
    let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
    let children = children.expect("the kernel tells the children");
    let victim = children.split_whitespace().next().expect("it has children");
    let status = Command::new("kill").args(["-KILL", victim]).status().expect("kill runs");
    assert!(status.success());
    wait_for(&lab, "a", &ping);
    let summary = apart.stop();
    let stages = summary["stages"].as_array().expect("a list");
    let restarts: Vec<u64> = stages.iter().filter_map(|s| s["restarts"].as_u64()).collect();
    assert_eq!(restarts.iter().sum::<u64>(), 1, "{stages:?}");
    assert!(stages.iter().any(|s| s["incidents"][0]["what"] == "died of signal 9 (killed)"));
}
