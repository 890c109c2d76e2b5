use super::*;
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
    let hint = match Capabilities::effective().missing().contains(&"CAP_BPF") {
        true => "needs CAP_BPF",
        false => "the kernel forbids it, even with CAP_BPF",
    };
    assert_eq!(reason, format!("bpf(BPF_PROG_LOAD): EPERM (operation not permitted); {hint}"));
}

/// The interfaces of this namespace and the cgroups and namespaces that a probe has named.
fn traces() -> (Vec<String>, Vec<String>) {
    let cgroups = super::kernel::cgroup2_root().map(std::fs::read_dir);
    let cgroups = cgroups.into_iter().flatten().flatten().flatten();
    let cgroups = cgroups.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let named = cgroups.chain(namespace::bound_names()).filter(|name| name.contains("doctor"));
    (interface::names(), named.collect())
}

#[test]
fn an_examination_ends_soon_and_leaves_nothing_behind() {
    let before = traces();
    let started = clock::monotonic();
    let findings = examine();
    let took = clock::monotonic().since(started);
    for finding in &findings {
        println!("{:16} {:>9} {:?}", finding.probe.id, finding.took.to_string(), finding.verdict);
    }
    println!("{took} in all");
    assert_eq!(traces(), before);
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

#[test]
fn without_privileges_each_no_names_the_operation_and_nothing_breaks() {
    let before = traces();
    let unprivileged = std::thread::spawn(|| {
        Capabilities(0).keep_only().expect("less is always allowed");
        examine()
    });
    let findings = unprivileged.join().expect("no probe panics");
    for finding in &findings {
        let privileged = finding.probe.needs.starts_with("CAP_");
        match &finding.verdict {
            Verdict::No { reason } if reason.contains("EPERM") || reason.contains("EACCES") => {
                assert!(!privileged || reason.contains("needs CAP_"), "{reason}");
            }
            Verdict::No { reason } => assert!(!reason.is_empty()),
            Verdict::Yes(_) => {
                let network = matches!(finding.probe.group, Group::PacketIo | Group::Network);
                assert!(!network, "{} takes a privilege", finding.probe.id);
            }
        }
    }
    assert_eq!(traces(), before);
}
