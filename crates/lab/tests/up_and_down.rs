//! Labs come up as they are drawn, and go away whatever happens.
#![allow(clippy::disallowed_methods, reason = "servers run on threads")]

mod relay;

use relay::{Relay, live};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;
use trama_lab::topology::{self, Topology};
use trama_lab::{Lab, LabError, LabLock, Lifetime, UpOptions, clean, list};
use trama_live::io::IoError;
use trama_live::netlink::Netlink;
use trama_live::run::StopReason;
use trama_live::{interface, namespace};

const PATIENCE: Duration = Duration::from_secs(20);
const OWNED: UpOptions = UpOptions { bare: false, lifetime: Lifetime::Handle };

/// The namespaces and notes of labs whose name begins with `lab`, and the interfaces outside.
fn traces(lab: &str) -> (Vec<String>, Vec<String>, Vec<String>) {
    let bound = namespace::bound_names();
    let bound = bound.into_iter().filter(|name| name.starts_with(&format!("trama-{lab}")));
    let notes = list().into_iter().map(|lab| lab.name).filter(|name| name.starts_with(lab));
    (bound.collect(), notes.collect(), interface::names())
}

#[test]
fn every_topology_comes_up_and_goes_away() {
    if !live() {
        return;
    }
    let _lock = LabLock::acquire().expect("root can lock");
    let before = traces("all");
    for name in topology::NAMES {
        let topology = Topology::named(name).expect("it is in the list");
        for bare in [false, true] {
            let options = UpOptions { bare, lifetime: Lifetime::Handle };
            let lab = Lab::up("allx", &topology, options).expect("root can bring a lab up");
            let again = Lab::up("allx", &topology, options);
            assert!(matches!(again, Err(LabError::Exists(_))), "{again:?}");
            assert_eq!(lab.nodes().len(), topology.namespaces().count());
            assert_ne!(traces("all"), before, "the control: a lab leaves traces while it is up");
            lab.down().expect("it was up");
            assert_eq!(traces("all"), before);
        }
    }
}

/// One request over TCP from `client` to an address that `server` listens on.
fn reaches(lab: &Lab, client: &str, server: &str, address: &str) -> bool {
    reaches_within(PATIENCE, lab, client, server, address)
}

fn reaches_within(
    patience: Duration,
    lab: &Lab,
    client: &str,
    server: &str,
    address: &str,
) -> bool {
    let listener = lab.within(server, || TcpListener::bind(address)).expect("the node is there");
    let listener = listener.expect("the address is the server's");
    let stream = lab.within(client, || {
        let address = address.parse().expect("an address");
        TcpStream::connect_timeout(&address, patience)
    });
    let Ok(mut stream) = stream.expect("the node is there") else { return false };
    stream.set_read_timeout(Some(PATIENCE)).expect("a valid time");
    let (mut served, _) = listener.accept().expect("the client has connected");
    served.write_all(b"hello").expect("the client reads");
    let mut got = [0; 5];
    stream.read_exact(&mut got).expect("it arrives");
    &got == b"hello"
}

#[test]
fn neighbours_reach_each_other_and_a_bare_box_stands_between_networks() {
    if !live() {
        return;
    }
    let _lock = LabLock::acquire().expect("root can lock");
    let lab = Lab::up("reach", &Topology::pair(), OWNED).expect("root can bring a lab up");
    assert!(reaches(&lab, "a", "b", "10.0.0.2:80"));
    assert!(reaches(&lab, "b", "a", "[fd00::1]:80"));
    drop(lab);
    let lab = Lab::up("reach", &Topology::office(), OWNED).expect("the handle took it down");
    assert!(reaches(&lab, "client1", "client2", "10.0.0.12:80"), "over the segment");
    assert!(reaches(&lab, "client2", "box", "10.0.0.1:80"), "to the box");
    assert!(reaches(&lab, "box", "internet", "198.51.100.10:80"), "to the server behind");
    drop(lab);
    let bare = UpOptions { bare: true, ..OWNED };
    let lab = Lab::up("reach", &Topology::office(), bare).expect("the handle took it down");
    assert!(reaches(&lab, "client1", "client2", "10.0.0.12:80"));
    let short = Duration::from_millis(300);
    let forwarded = reaches_within(short, &lab, "client1", "internet", "198.51.100.10:80");
    assert!(!forwarded, "nobody forwards");
    let error = lab.namespace("printer").expect_err("there is none");
    assert!(error.to_string().contains("client1, client2"), "{error}");
}

#[test]
fn processes_in_a_lab_end_with_it() {
    if !live() {
        return;
    }
    let _lock = LabLock::acquire().expect("root can lock");
    let lab = Lab::up("procs", &Topology::pair(), OWNED).expect("root can bring a lab up");
    let mut command = Command::new("sleep");
    let mut child = lab.spawn("a", command.arg("1000")).expect("sleep is everywhere");
    assert_eq!(child.try_wait().expect("it is ours"), None);
    lab.down().expect("it was up");
    assert!(!child.wait().expect("it is ours").success(), "it was ended");
}

/// Runs this test program again, to be killed: brings a lab up, says so, and waits.
#[test]
fn helper_that_is_killed() {
    let Ok(name) = std::env::var("TRAMA_TEST_KILLED_LAB") else { return };
    println!("building");
    let lab = Lab::up(&name, &Topology::office(), OWNED).expect("root can bring a lab up");
    println!("up");
    std::thread::sleep(PATIENCE);
    drop(lab);
}

#[test]
fn a_lab_whose_owner_is_killed_is_cleaned_at_any_moment() {
    if !live() {
        return;
    }
    let _lock = LabLock::acquire().expect("root can lock");
    let before = traces("killed");
    let mut leftovers = 0;
    for delay_ms in [Some(0), Some(1), Some(3), Some(10), Some(30), Some(100), None] {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "helper_that_is_killed", "--nocapture"])
            .env("TRAMA_TEST_KILLED_LAB", "killed")
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program runs");
        let awaited = if delay_ms.is_some() { "building" } else { "up" };
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let said = lines.any(|line| line.is_ok_and(|line| line.contains(awaited)));
        assert!(said, "the helper says `{awaited}`");
        std::thread::sleep(Duration::from_millis(delay_ms.unwrap_or(0)));
        child.kill().expect("it is ours");
        child.wait().expect("it is ours");
        leftovers += usize::from(traces("killed") != before);
        clean().expect("root can clean");
        assert_eq!(traces("killed"), before, "killed after {delay_ms:?} ms");
    }
    assert!(leftovers > 0, "the control: being killed leaves something");
}

#[test]
fn a_persistent_lab_stays_until_it_is_taken_down() {
    if !live() {
        return;
    }
    let _lock = LabLock::acquire().expect("root can lock");
    let options = UpOptions { bare: false, lifetime: Lifetime::Persistent };
    drop(Lab::up("stays", &Topology::pair(), options).expect("root can bring a lab up"));
    assert!(!clean().expect("root can clean").contains(&"stays".to_owned()));
    assert!(list().iter().any(|lab| lab.name == "stays" && !lab.leftover));
    let lab = Lab::open("stays").expect("it is still up");
    assert!(reaches(&lab, "a", "b", "10.0.0.2:80"));
    lab.down().expect("it was up");
    assert!(matches!(Lab::open("stays"), Err(LabError::NoLab(_))));
}

/// Removes an interface that a run uses.
fn interface_disappears(mode: &str) {
    if !live() {
        return;
    }
    let _lock = LabLock::acquire().expect("root can lock");
    let bare = UpOptions { bare: true, ..OWNED };
    let lab = Lab::up("gone", &Topology::wire(), bare).expect("root can bring a lab up");
    let ends = ["left", "right"].map(|leg| format!("if:{leg}{mode}"));
    let relay = Relay::start(&lab, "box", [&ends[0], &ends[1]]);
    assert!(reaches(&lab, "a", "b", "10.0.0.2:80"), "the control: it works before");
    for host in ["a", "b"] {
        let removed = lab.within(host, || {
            let mut netlink = Netlink::route()?;
            let index = netlink.link_index("eth0")?;
            netlink.delete_link(index)
        });
        removed.expect("the node is there").expect("the interface is there");
    }
    let summary = relay.join();
    assert_eq!(summary.stop, StopReason::SourcesGone);
    let gone = |name: &str| {
        summary.failures.iter().any(
            |failure| matches!(&failure.error, IoError::InterfaceGone { name: n, .. } if n == name),
        )
    };
    assert!(gone("left") && gone("right"), "{:?}", summary.failures);
}

#[test]
fn an_interface_that_disappears_ends_an_af_packet_run() {
    interface_disappears(",af_packet");
}

#[test]
fn an_interface_that_disappears_ends_an_af_xdp_run() {
    interface_disappears(",af_xdp");
}
