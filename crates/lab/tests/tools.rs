//! Real programs talk through a runner in the wire: curl and wrk to nginx, iperf3 both ways.
//! The hosts are as Linux makes them: with offloads.
#![allow(clippy::disallowed_methods, reason = "relays run on threads")]

mod relay;

use relay::{Relay, live};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;
use trama_lab::{Child, Lab, LabLock, Lifetime, Topology, UpOptions};
use trama_live::interface::{Inspector, Offload};

const BARE: UpOptions = UpOptions { bare: true, lifetime: Lifetime::Handle };
const MODES: [&str; 2] = [",af_packet", ",af_xdp"];

/// Whether a program is there; with `TRAMA_REQUIRE_LIVE=1` it must be.
fn has(program: &str) -> bool {
    let found = trama_live::doctor::probes()
        .find(|probe| probe.id == program)
        .is_some_and(|probe| probe.run().is_yes());
    if !found {
        println!("skipped: there is no {program}");
        let required = std::env::var("TRAMA_REQUIRE_LIVE").is_ok_and(|value| value == "1");
        assert!(!required, "TRAMA_REQUIRE_LIVE=1, but there is no {program}");
    }
    found
}

/// A wire between hosts that leave checksums and segments to hardware.
fn unmodified_hosts(name: &str) -> Lab {
    let lab = Lab::up(name, &Topology::wire(), BARE).expect("root can bring a lab up");
    for host in ["a", "b"] {
        lab.within(host, || {
            let inspector = Inspector::open().expect("a socket");
            for offload in Offload::ALL {
                inspector.set_offload("eth0", offload, true).expect("a veth has all of them");
            }
        })
        .expect("the node is there");
    }
    lab
}

fn start(lab: &Lab, node: &str, program: &str, arguments: &[&str]) -> Child {
    let mut command = Command::new(program);
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).stdin(Stdio::null());
    lab.spawn(node, &mut command).expect("it is there")
}

/// Runs a program to its end; what it wrote.
fn ask(lab: &Lab, node: &str, program: &str, arguments: &[&str]) -> String {
    let output = start(lab, node, program, arguments).wait_with_output().expect("it ends");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program}: {text} {errors}");
    text
}

/// Waits until something listens on a port of a node.
fn listens(lab: &Lab, node: &str, port: u16) {
    let ready = lab.wait_for_listener(node, port, Duration::from_secs(10));
    assert!(ready.expect("the node is there"), "nothing listens on port {port}");
}

fn relay(lab: &Lab, mode: &str) -> Relay {
    let ends = ["left", "right"].map(|leg| format!("if:{leg}{mode}"));
    Relay::start(lab, "box", [&ends[0], &ends[1]])
}

#[test]
fn iperf3_runs_in_both_directions() {
    if !live() || !has("iperf3") {
        return;
    }
    let _lock = LabLock::acquire().expect("root can lock");
    for mode in MODES {
        let lab = unmodified_hosts("iperf");
        let relay = relay(&lab, mode);
        let directions = [&[][..], &["-R"], &["-u", "-b", "50M"]];
        // A server of its own for each: one that has just served may still be busy.
        for (direction, port) in directions.into_iter().zip(5201u16..) {
            let text = port.to_string();
            let _server = start(&lab, "b", "iperf3", &["-s", "-p", &text]);
            listens(&lab, "b", port);
            let common = ["-c", "10.0.0.2", "-p", &text, "-t", "1", "-f", "m"];
            let text = ask(&lab, "a", "iperf3", &[&common[..], direction].concat());
            let line = text.lines().find(|line| line.ends_with("receiver"));
            println!("{mode} {direction:?} {}", line.expect("a summary"));
        }
        let summary = relay.finish();
        assert!(summary.failures.is_empty(), "{:?}", summary.failures);
        println!("{mode} {:?} {:?}", summary.progress.inputs, summary.progress.outputs);
    }
}

/// A directory with the configuration of a web server, removed with the handle.
struct Site(PathBuf);

impl Site {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("trama-nginx-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("the temporary directory is writable");
        let dir = path.display();
        let config = format!(
            "daemon off; pid {dir}/pid; error_log stderr; worker_processes 1;\n\
             events {{}}\n\
             http {{ access_log off; client_body_temp_path {dir}/body;\n\
             proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;\n\
             server {{ listen 80; root {dir}; }} }}\n"
        );
        let blob: Vec<u8> = (0..3_000_000).map(|i| (i % 253) as u8).collect();
        std::fs::write(path.join("nginx.conf"), config).expect("writable");
        std::fs::write(path.join("blob"), blob).expect("writable");
        std::fs::write(path.join("small"), "hello").expect("writable");
        // Workers may run as another user.
        use std::os::unix::fs::PermissionsExt as _;
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&path, open).expect("it is ours");
        Self(path)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn curl_and_wrk_reach_nginx() {
    if !live() || !["nginx", "curl", "wrk"].into_iter().all(has) {
        return;
    }
    let _lock = LabLock::acquire().expect("root can lock");
    let site = Site::new();
    let config = site.0.join("nginx.conf");
    let config = config.to_str().expect("a path in UTF-8");
    for mode in MODES {
        let lab = unmodified_hosts("web");
        let _server = start(&lab, "b", "/usr/sbin/nginx", &["-c", config]);
        listens(&lab, "b", 80);
        let relay = relay(&lab, mode);
        let small = ask(&lab, "a", "curl", &["-sS", "-m", "10", "http://10.0.0.2/small"]);
        assert_eq!(small, "hello");
        let copy = site.0.join("copy");
        let path = copy.to_str().expect("a path in UTF-8");
        ask(&lab, "a", "curl", &["-sS", "-m", "20", "-o", path, "http://10.0.0.2/blob"]);
        let same = std::fs::read(&copy).ok() == std::fs::read(site.0.join("blob")).ok();
        assert!(same, "{mode}: the blob arrives as it was");
        let load = ["-t1", "-c16", "-d1s", "http://10.0.0.2/small"];
        let report = ask(&lab, "a", "wrk", &load);
        let rate = report.lines().find(|line| line.starts_with("Requests/sec"));
        println!("{mode} {}", rate.expect("a summary"));
        assert!(!report.contains("Socket errors"), "{report}");
        let summary = relay.finish();
        assert!(summary.failures.is_empty(), "{:?}", summary.failures);
    }
}
