//! A program at one end of a tunnel, the kernel at the other.

use crate::captures::skip;
use crate::live::{Box_, Scratch, drops, lab, missing, run, wait_for};
use trama_lab::{Lab, LabLock, Topology};

/// Makes the kernel of host `b` the other end: a VXLAN 42 over its wire to the box.
fn kernel_end(lab: &Lab) {
    let script = "
        set -e
        ip link set eth0 down
        ip link set eth0 address 02:00:00:00:00:02
        ip addr flush dev eth0
        ip addr add 192.0.2.2/24 dev eth0
        ip link set eth0 up
        ip neigh replace 192.0.2.1 lladdr 02:00:00:00:00:01 dev eth0
        ip link add vx0 type vxlan id 42 remote 192.0.2.1 local 192.0.2.2 dstport 4789 dev eth0
        ip addr add 10.0.0.2/24 dev vx0
        ip link set vx0 up";
    assert!(run(lab, "b", &["sh", "-c", script]).0, "the kernel knows VXLAN");
    // What fits the tunnel.
    assert!(run(lab, "a", &["ip", "link", "set", "eth0", "mtu", "1450"]).0);
}

/// A program that carries what comes from `a` in a VXLAN of this number.
fn program(scratch: &Scratch, vni: u32) -> String {
    let text = format!(
        "network tunnel {{ port lan, wan\n let near = VxlanEncap(vni: {vni}, local: 192.0.2.1, \
         remote: 192.0.2.2, source: 02:00:00:00:00:01, gateway: 02:00:00:00:00:02)\n \
         lan <-> near <-> wan }}\n"
    );
    scratch.file(&format!("tunnel{vni}.trama"), &text)
}

const LEGS: [(&str, &str); 2] = [("lan", "left"), ("wan", "right")];

fn tunnel(mode: &str) {
    if let Some(why) = missing(&["ip", "ping", "sh"]) {
        return skip(&why);
    }
    let _lock = LabLock::acquire().expect("the lock");
    let scratch = Scratch::new(&format!("vxlan-{mode}"));
    let lab = lab("tunnel", &Topology::wire());
    kernel_end(&lab);

    let trama = Box_::start(&lab, &program(&scratch, 42), &LEGS, mode);
    wait_for(&lab, "a", &["ping", "-c", "1", "-W", "1", "10.0.0.2"]);
    for size in ["56", "1400", "1422"] {
        let flags = ["-c", "5", "-i", "0.05", "-W", "2", "-M", "do", "-s", size];
        for (host, other) in [("a", "10.0.0.2"), ("b", "10.0.0.1")] {
            let (sound, text) = run(&lab, host, &[&["ping"], &flags[..], &[other]].concat());
            assert!(
                sound && text.contains("5 received"),
                "{mode}: {size} bytes from {host}: {text}"
            );
        }
    }
    let summary = trama.stop();
    assert_eq!(drops(&summary, "near", "another VXLAN"), 0, "{summary}");

    // The negative control: another number is another network.
    let trama = Box_::start(&lab, &program(&scratch, 43), &LEGS, mode);
    let (reached, _) = run(&lab, "a", &["ping", "-c", "2", "-W", "1", "10.0.0.2"]);
    assert!(!reached, "{mode}: VXLAN 43 must not reach VXLAN 42");
    let (reached, _) = run(&lab, "b", &["ping", "-c", "2", "-W", "1", "10.0.0.1"]);
    assert!(!reached, "{mode}: VXLAN 42 must not reach VXLAN 43");
    let summary = trama.stop();
    assert!(drops(&summary, "near", "another VXLAN") >= 2, "{summary}");
}

#[test]
fn a_vxlan_ends_in_the_kernel_on_af_xdp() {
    tunnel("af_xdp");
}

#[test]
fn a_vxlan_ends_in_the_kernel_on_af_packet() {
    tunnel("af_packet");
}
