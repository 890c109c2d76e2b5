use super::*;
use crate::capability::Capabilities;
use crate::{interface, namespace};
use std::collections::HashSet;

#[test]
fn probes_are_told_apart_and_ordered() {
    let ids: HashSet<_> = probes().map(|probe| probe.id).collect();
    assert_eq!(ids.len(), probes().count(), "an id is used twice");
    assert!(ids.len() >= 50, "{}", ids.len());
    assert!(probes().is_sorted_by_key(|probe| probe.group));
}

#[test]
fn a_refusal_names_the_privilege() {
    let refused = || Err(SysError::new("bpf(BPF_PROG_LOAD)", libc::EPERM).into());
    let probe = Probe {
        id: "x",
        group: Group::Programs,
        what: "x",
        enables: "x",
        needs: "CAP_BPF",
        check: refused,
    };
    let Verdict::No { reason } = probe.run() else { panic!("it was refused") };
    assert_eq!(reason, "bpf(BPF_PROG_LOAD): EPERM (operation not permitted); needs CAP_BPF");
}

/// Interfaces, bound namespaces and open descriptors of this process.
fn traces() -> (Vec<String>, Vec<String>, usize) {
    let open = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    (interface::names(), namespace::bound_names(), open)
}

#[test]
fn an_examination_ends_soon_and_leaves_nothing_behind() {
    let (links, namespaces, _) = traces();
    let started = clock::monotonic();
    let findings = examine();
    let took = clock::monotonic().since(started);
    for finding in &findings {
        println!("{:16} {:>9} {:?}", finding.probe.id, finding.took.to_string(), finding.verdict);
    }
    println!("{took} in all");
    let ours = |names: &[String]| names.iter().filter(|n| n.contains("doctor")).count();
    let (links_after, namespaces_after, _) = traces();
    assert_eq!(links, links_after);
    assert_eq!(ours(&namespaces), ours(&namespaces_after));
    let verdict = |id: &str| {
        let found = findings.iter().find(|finding| finding.probe.id == id);
        found.map(|finding| &finding.verdict).expect("there is such a probe")
    };
    assert!(verdict("kernel").is_yes());
    if Capabilities::effective().missing().contains(&"CAP_SYS_ADMIN") {
        println!("skipped: what root can do, since this is not root");
        let Verdict::No { reason } = verdict("netns") else { panic!("that takes a privilege") };
        assert!(reason.contains("EPERM") && reason.contains("CAP_SYS_ADMIN"), "{reason}");
    } else {
        assert!(verdict("netns").is_yes());
    }
}
