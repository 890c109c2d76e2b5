//! Real traffic between two hosts through a runner in the wire, on each mechanism.
#![allow(clippy::disallowed_methods, reason = "servers and relays run on threads")]

mod relay;

use relay::{Relay, live};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::{Command, Stdio};
use std::time::Duration;
use trama_lab::topology::Topology;
use trama_lab::{Lab, LabLock, Lifetime, LinkCounters, UpOptions};
use trama_live::interface::{Inspector, Offload};
use trama_live::io::{Counters, DropReason};
use trama_live::run::{RunSummary, StopReason};

const BARE: UpOptions = UpOptions { bare: true, lifetime: Lifetime::Handle };
/// Whatever waits longer than this has lost its packets.
const PATIENCE: Duration = Duration::from_secs(20);
const BULK_BYTES: usize = 4 << 20;

fn wire(name: &str) -> Lab {
    Lab::up(name, &Topology::wire(), BARE).expect("root can bring a lab up")
}

/// Sends bulk data both ways over one TCP connection from `a` to `b`.
fn tcp_both_ways(lab: &Lab, server: &str, client: &str, address: &str) {
    let listener = lab.within(server, || TcpListener::bind(address)).expect("the node is there");
    let listener = listener.expect("the address is free");
    let echo = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("the client comes");
        stream.set_read_timeout(Some(PATIENCE)).expect("a valid time");
        let mut got = vec![0u8; BULK_BYTES];
        stream.read_exact(&mut got).expect("all of it arrives");
        stream.write_all(&got).expect("the client reads");
    });
    let stream = lab.within(client, || {
        TcpStream::connect_timeout(&address.parse().expect("an address"), PATIENCE)
    });
    let mut stream = stream.expect("the node is there").expect("the server answers");
    stream.set_read_timeout(Some(PATIENCE)).expect("a valid time");
    let sent: Vec<u8> = (0..BULK_BYTES).map(|i| (i % 251) as u8).collect();
    stream.write_all(&sent).expect("the server reads");
    let mut back = vec![0u8; BULK_BYTES];
    stream.read_exact(&mut back).expect("all of it comes back");
    assert!(back == sent, "what comes back is what was sent");
    echo.join().expect("the server is satisfied");
}

fn udp_echo(lab: &Lab) {
    let server = lab.within("b", || UdpSocket::bind("10.0.0.2:7")).expect("the node is there");
    let client = lab.within("a", || UdpSocket::bind("10.0.0.1:0")).expect("the node is there");
    let (server, client) = (server.expect("free"), client.expect("free"));
    for socket in [&server, &client] {
        socket.set_read_timeout(Some(PATIENCE)).expect("a valid time");
    }
    let mut buffer = [0u8; 2048];
    for len in [1usize, 17, 512, 1472] {
        client.send_to(&vec![7; len], "10.0.0.2:7").expect("the wire is up");
        let (got, from) = server.recv_from(&mut buffer).expect("it arrives");
        server.send_to(&buffer[..got], from).expect("the wire is up");
        assert_eq!((client.recv(&mut buffer).expect("it comes back"), got), (len, len));
    }
}

/// The kernel's counts at both ends of both wires.
fn kernel_counts(lab: &Lab) -> [[LinkCounters; 2]; 2] {
    [("a", "left"), ("b", "right")].map(|(host, leg)| {
        [("box", leg), (host, "eth0")]
            .map(|(node, name)| lab.counters(node, name).expect("the interface is there"))
    })
}

/// Waits until nothing moves any more: the last acknowledgements have passed.
fn settled(lab: &Lab) -> [[LinkCounters; 2]; 2] {
    let mut before = kernel_counts(lab);
    loop {
        std::thread::sleep(Duration::from_millis(100));
        let now = kernel_counts(lab);
        if now == before {
            return now;
        }
        before = now;
    }
}

/// What the kernel counted since `before` is what the run counted.
fn assert_counts_agree(
    before: &[[LinkCounters; 2]; 2],
    after: &[[LinkCounters; 2]; 2],
    summary: &RunSummary,
) {
    for port in 0..2 {
        let [here, there] = [0, 1].map(|end| (before[port][end], after[port][end]));
        let (input, output) =
            (summary.progress.inputs[port].counters, summary.progress.outputs[port].counters);
        assert_eq!(input.dropped_total() + output.dropped_total(), 0, "{input:?} {output:?}");
        let sent = |(before, after): (LinkCounters, LinkCounters)| {
            (after.sent_frames - before.sent_frames, after.sent_bytes - before.sent_bytes)
        };
        let received = there.1.received_frames - there.0.received_frames;
        assert_eq!((sent(here).0, received), (output.frames, output.frames), "port {port}");
        assert_eq!(sent(there).0, input.frames, "port {port}");
        assert!(same_bytes(&output, sent(here).1), "{output:?} {here:?}");
        assert!(same_bytes(&input, sent(there).1), "{input:?} {there:?}");
    }
}

/// A veth counts bytes with the Ethernet header or, where its receiver polls, without.
fn same_bytes(ours: &Counters, kernel: u64) -> bool {
    kernel == ours.bytes || kernel == ours.bytes - 14 * ours.frames
}

fn switch_offloads(lab: &Lab, on: bool) {
    for host in ["a", "b"] {
        lab.within(host, || {
            let inspector = Inspector::open().expect("a socket");
            for offload in
                [Offload::TransmitChecksum, Offload::ScatterGather, Offload::Gso, Offload::Tso]
            {
                // AF_XDP makes the driver withdraw some of them; then the others stay.
                let _ = inspector.set_offload("eth0", offload, on);
            }
            assert_eq!(inspector.offload("eth0", Offload::TransmitChecksum), Ok(on));
        })
        .expect("the node is there");
    }
}

fn forwards(name: &str, mode: &str) {
    if !live() {
        return;
    }
    let _lock = LabLock::acquire().expect("root can lock");
    let lab = wire(name);
    for host in ["a", "b"] {
        // Hosts with IPv6 talk unasked.
        let silence = || std::fs::write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1");
        lab.within(host, silence).expect("the node is there").expect("root may write it");
    }
    let before = settled(&lab);
    let ends = ["left", "right"].map(|leg| format!("if:{leg}{mode}"));
    let relay = Relay::start(&lab, "box", [&ends[0], &ends[1]]);
    println!("{:?} {:?}", relay.mechanisms, relay.notices);
    udp_echo(&lab);
    tcp_both_ways(&lab, "b", "a", "10.0.0.2:9000");
    let after = settled(&lab);
    let summary = relay.finish();
    assert_eq!(summary.stop, StopReason::Asked);
    assert!(summary.failures.is_empty());
    assert_counts_agree(&before, &after, &summary);
    lab.down().expect("it was up");
}

#[test]
fn tcp_and_udp_pass_through_af_packet() {
    forwards("fwpacket", ",af_packet");
}

#[test]
fn tcp_and_udp_pass_through_native_af_xdp() {
    forwards("fwxdp", ",af_xdp");
}

#[test]
fn tcp_and_udp_pass_through_generic_af_xdp() {
    forwards("fwxdpgen", ",af_xdp_generic");
}

/// The hosts leave checksums and segments to hardware that is not there.
fn forwards_unfinished_frames(name: &str, mode: &str) -> Option<RunSummary> {
    if !live() {
        return None;
    }
    let _lock = LabLock::acquire().expect("root can lock");
    let lab = wire(name);
    switch_offloads(&lab, true);
    let ends = ["left", "right"].map(|leg| format!("if:{leg}{mode}"));
    let relay = Relay::start(&lab, "box", [&ends[0], &ends[1]]);
    udp_echo(&lab);
    tcp_both_ways(&lab, "b", "a", "10.0.0.2:9000");
    tcp_both_ways(&lab, "a", "b", "[fd00::1]:9000");
    let summary = relay.finish();
    lab.down().expect("it was up");
    Some(summary)
}

#[test]
fn af_packet_finishes_what_hosts_leave_to_hardware() {
    let Some(summary) = forwards_unfinished_frames("offpacket", ",af_packet") else { return };
    for input in &summary.progress.inputs {
        assert!(input.counters.checksums_completed > 0, "{input:?}");
        assert!(input.counters.frames_segmented > 0, "{input:?}");
    }
}

#[test]
fn af_xdp_finishes_what_hosts_leave_to_hardware() {
    let Some(summary) = forwards_unfinished_frames("offxdp", ",af_xdp") else { return };
    for input in &summary.progress.inputs {
        assert!(input.counters.checksums_completed > 0, "{input:?}");
        assert_eq!(input.counters.dropped(DropReason::ReceiveTooLong), 0, "{input:?}");
    }
}

#[test]
fn ping_passes_and_nothing_passes_without_the_relay() {
    if !live() {
        return;
    }
    let _lock = LabLock::acquire().expect("root can lock");
    let lab = wire("ping");
    let ping = || {
        let mut command = Command::new("ping");
        command.args(["-c", "2", "-i", "0.05", "-W", "1", "10.0.0.2"]).stdout(Stdio::null());
        lab.spawn("a", &mut command).map(|child| child.wait().expect("it ends").success())
    };
    match ping() {
        Err(error) => return println!("skipped: {error}"),
        Ok(answered) => assert!(!answered, "there is a gap in the wire"),
    }
    let relay = Relay::start(&lab, "box", ["if:left", "if:right"]);
    assert!(ping().expect("it ran before"));
    assert!(relay.mechanisms.iter().all(|mechanism| mechanism.starts_with("AF_")));
    assert!(relay.finish().progress.packets >= 4);
}
