//! Single frames through each mechanism: tags, lengths, an interface that is down, TAP.
#![allow(clippy::disallowed_methods, reason = "relays run on threads")]

mod relay;

use relay::{Relay, live, open};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;
use trama_lab::{Lab, LabLock, Lifetime, Topology, UpOptions};
use trama_live::capability::Capabilities;
use trama_live::interface::Inspector;
use trama_live::io::endpoint::{self, Opened, Want, parse_endpoint};
use trama_live::io::{DropReason, IoError, Received, Sink, Source};
use trama_live::netlink::Netlink;
use trama_live::netlink::links::Prefix;
use trama_live::poll::Waiter;
use trama_live::signal::StopFlag;
use trama_wire::{Packet, Pool};

const BARE: UpOptions = UpOptions { bare: true, lifetime: Lifetime::Handle };
const MODES: [&str; 3] = [",af_packet", ",af_xdp", ",af_xdp_generic"];
/// An EtherType for experiments (IEEE 802), so that no other frame is taken for one of these.
const EXPERIMENT: [u8; 2] = [0x88, 0xb5];

fn send(sink: &mut dyn Sink, frame: &[u8]) {
    let mut pool = Pool::default();
    sink.send(&mut vec![Box::new(Packet::new(frame))], &mut pool).expect("the interface is there");
    sink.flush().expect("the interface is there");
}

/// The next experimental frame; none after two seconds without one.
fn receive(source: &mut dyn Source) -> Option<Vec<u8>> {
    let (mut out, mut pool) = (Vec::new(), Pool::default());
    loop {
        let mut waiter = Waiter::default();
        source.fds().iter().for_each(|fd| waiter.add(*fd));
        let wake = waiter.wait(trama_base::Nanos::from_secs(2)).expect("descriptors are open");
        let received = source.receive(1, &mut out, &mut pool).expect("the interface is there");
        let found = out
            .drain(..)
            .find(|packet| packet.bytes().windows(2).take(21).any(|pair| pair == EXPERIMENT));
        if let Some(packet) = found {
            return Some(packet.bytes().to_vec());
        }
        if received == Received::Nothing && wake == trama_live::poll::Wake::Idle {
            return None;
        }
    }
}

/// A broadcast frame of `len` bytes with these tags.
fn frame(tags: &[[u8; 4]], len: usize) -> Vec<u8> {
    let mut bytes = vec![0xff; 6];
    bytes.extend([2, 0, 0, 0, 0, 9]);
    bytes.extend(tags.as_flattened());
    bytes.extend(EXPERIMENT);
    bytes.extend((bytes.len()..len).map(|i| i as u8));
    bytes
}

#[test]
fn tags_and_lengths_survive_each_pair_of_mechanisms() {
    if !live() {
        return;
    }
    let _lock = LabLock::acquire().expect("root can lock");
    let customer = [0x81, 0x00, 0x20, 0x07];
    let service = [0x88, 0xa8, 0x00, 0x64];
    let frames = [
        frame(&[], 60),
        frame(&[], 1514),
        frame(&[customer], 64),
        frame(&[customer], 1518),
        frame(&[service, customer], 68),
    ];
    for sender in MODES {
        for receiver in MODES {
            let lab = Lab::up("frames", &Topology::wire(), BARE).expect("root can");
            let mut from = open(&lab, "a", &format!("if:eth0{sender}"));
            let mut to = open(&lab, "box", &format!("if:left{receiver}"));
            let sink = from.sink.as_deref_mut().expect("an output was wanted");
            let source = to.source.as_deref_mut().expect("an input was wanted");
            for frame in &frames {
                send(sink, frame);
                let got = receive(source);
                assert_eq!(got.as_deref(), Some(&frame[..]), "{sender} to {receiver}");
            }
            assert_eq!(sink.counters().frames, frames.len() as u64);
        }
    }
}

#[test]
fn frames_that_no_wire_carries_are_counted() {
    if !live() {
        return;
    }
    let _lock = LabLock::acquire().expect("root can lock");
    for mode in MODES {
        let lab = Lab::up("sizes", &Topology::wire(), BARE).expect("root can");
        let mut opened = open(&lab, "a", &format!("if:eth0{mode}"));
        let sink = opened.sink.as_deref_mut().expect("an output was wanted");
        send(sink, &frame(&[], 1700));
        send(sink, &frame(&[], 9000));
        send(sink, &[2; 13]);
        send(sink, &frame(&[], 60));
        let counters = sink.counters();
        assert_eq!(counters.dropped(DropReason::TransmitTooLong), 2, "{mode} {counters:?}");
        assert_eq!(counters.dropped(DropReason::TransmitTooShort), 1, "{mode} {counters:?}");
        assert_eq!((counters.frames, counters.dropped_total()), (1, 3), "{mode}");
    }
}

#[test]
fn an_interface_that_is_down_loses_frames_counted_and_works_when_it_is_up_again() {
    if !live() {
        return;
    }
    let _lock = LabLock::acquire().expect("root can lock");
    for mode in MODES {
        let lab = Lab::up("down", &Topology::wire(), BARE).expect("root can");
        let mut from = open(&lab, "a", &format!("if:eth0{mode}"));
        let mut to = open(&lab, "box", &format!("if:left{mode}"));
        let sink = from.sink.as_deref_mut().expect("an output was wanted");
        let source = to.source.as_deref_mut().expect("an input was wanted");
        let switch = |up| {
            let done = lab.within("a", || Inspector::open()?.set_up("eth0", up));
            done.expect("the node is there").expect("root may");
        };
        send(sink, &frame(&[], 60));
        assert!(receive(source).is_some(), "{mode}: the control");
        switch(false);
        // More than the ring of AF_XDP holds.
        for _ in 0..2100 {
            send(sink, &frame(&[], 61));
        }
        let counters = sink.counters();
        assert!(counters.dropped(DropReason::InterfaceDown) > 0, "{mode} {counters:?}");
        assert_eq!(counters.dropped_total(), counters.dropped(DropReason::InterfaceDown));
        switch(true);
        send(sink, &frame(&[], 62));
        let mut lens = std::iter::from_fn(|| receive(source)).map(|frame| frame.len());
        assert!(lens.any(|len| len == 62), "{mode}");
    }
}

#[test]
fn a_tap_interface_connects_the_host_to_a_program() {
    if !live() {
        return;
    }
    let _lock = LabLock::acquire().expect("root can lock");
    let lab = Lab::up("tap", &Topology::wire(), BARE).expect("root can bring a lab up");
    // AF_XDP takes the frames from the box's own stack, which would answer for the TAP.
    let relay = Relay::start(&lab, "box", ["tap:t0", "if:left,af_xdp"]);
    let configured = lab.within("box", || {
        let mut netlink = Netlink::route()?;
        let index = netlink.link_index("t0")?;
        netlink.add_address(index, Prefix { address: [10, 0, 0, 9].into(), bits: 24 })
    });
    configured.expect("the node is there").expect("the TAP is there");
    let listener = lab.within("box", || TcpListener::bind("10.0.0.9:80")).expect("a node");
    let listener = listener.expect("the address is the TAP's");
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("the client comes");
        stream.write_all(&[7; 200_000]).expect("the client reads");
    });
    let patience = Duration::from_secs(20);
    let stream = lab.within("a", || {
        TcpStream::connect_timeout(&"10.0.0.9:80".parse().expect("an address"), patience)
    });
    let mut stream = stream.expect("the node is there").expect("the server answers");
    stream.set_read_timeout(Some(patience)).expect("a valid time");
    let mut got = Vec::new();
    stream.read_to_end(&mut got).expect("all of it arrives");
    assert_eq!(got.len(), 200_000);
    server.join().expect("the server is satisfied");
    let summary = relay.finish();
    assert!(summary.progress.inputs[0].counters.bytes > 200_000);
    let gone = lab.within("box", || Inspector::open()?.index("t0")).expect("the node is there");
    assert!(gone.is_err(), "the TAP went with the run");
}

/// What AF_XDP takes.
const ALL: [&str; 5] = ["CAP_NET_RAW", "CAP_NET_ADMIN", "CAP_BPF", "CAP_SYS_ADMIN", "CAP_IPC_LOCK"];

/// What opening an interface of a box says, with only these capabilities.
fn open_with(lab: &Lab, end: &str, capabilities: &[&str]) -> Result<Opened, IoError> {
    let want = Want { input: true, output: true, port: "lan".into(), stop: StopFlag::new() };
    let endpoint = parse_endpoint(end).expect("an endpoint");
    let opened = lab.within("box", || {
        Capabilities::named(capabilities).keep_only().expect("less is always allowed");
        endpoint::open(&endpoint, &want)
    });
    opened.expect("the node is there")
}

#[test]
fn missing_privileges_lead_to_the_next_mechanism_or_a_clear_error() {
    if !live() {
        return;
    }
    let _lock = LabLock::acquire().expect("root can lock");
    let lab = Lab::up("privs", &Topology::wire(), BARE).expect("root can bring a lab up");
    let opened = open_with(&lab, "if:left", &ALL).expect("nothing is missing");
    assert_eq!((opened.mechanism.as_str(), opened.notices.len()), ("AF_XDP (native, copy)", 0));
    drop(opened);
    let opened = open_with(&lab, "if:left", &ALL[..4]).expect("enough for AF_PACKET");
    let notice = opened.notices.join(" ");
    assert!(opened.mechanism.contains("XDP") || notice.contains("ulimit -l"), "{notice}");
    drop(opened);
    let opened = open_with(&lab, "if:left", &["CAP_NET_RAW"]).expect("enough for AF_PACKET");
    assert_eq!(opened.mechanism, "AF_PACKET (ring)");
    let notice = opened.notices.join(" ");
    assert!(notice.contains("AF_XDP") && notice.contains("EPERM"), "{notice}");
    for end in ["if:left", "if:left,af_xdp", "if:left,af_packet", "tap:t1"] {
        let error = open_with(&lab, end, &[]).expect_err("it takes privileges");
        assert!(matches!(error, IoError::NotPermitted { .. }), "{end}: {error}");
        assert!(error.to_string().contains("needs CAP_NET"), "{error}");
    }
}

#[test]
fn an_interface_serves_one_owner_and_is_as_before_when_it_is_closed() {
    if !live() {
        return;
    }
    let _lock = LabLock::acquire().expect("root can lock");
    let lab = Lab::up("owner", &Topology::wire(), BARE).expect("root can bring a lab up");
    for _ in 0..3 {
        let first = open_with(&lab, "if:left,af_xdp", &ALL).expect("it is free");
        let second = open_with(&lab, "if:left,af_xdp", &ALL).expect_err("it is taken");
        assert!(matches!(second, IoError::Busy { .. }), "{second}");
        let shared = open_with(&lab, "if:left", &ALL).expect("AF_PACKET is not exclusive");
        assert_eq!(shared.mechanism, "AF_PACKET (ring)");
        assert!(shared.notices[0].contains("EBUSY"), "{:?}", shared.notices);
        drop((first, shared));
    }
}
