//! `trama doctor`: what this machine can do.

use crate::args::DoctorArgs;
use crate::exit::{Exit, Failure, Outcome};
use serde_json::{Value, json};
use trama_live::doctor::{self, Finding, Group, Verdict};

pub(crate) fn doctor(args: &DoctorArgs) -> Outcome {
    if args.clean {
        let removed = trama_lab::clean().map_err(|why| Failure::environment(why.to_string()))?;
        match removed[..] {
            [] => println!("nothing was left behind"),
            _ => println!("removed labs left behind: {}", removed.join(", ")),
        }
        return Ok(Exit::Ok);
    }
    let findings = doctor::examine();
    if args.json {
        println!("{}", findings.iter().map(to_json).collect::<Value>());
    } else {
        print(&findings);
    }
    Ok(Exit::Ok)
}

fn print(findings: &[Finding]) {
    let mut group: Option<Group> = None;
    for finding in findings {
        if group.replace(finding.probe.group) != Some(finding.probe.group) {
            println!("{}", finding.probe.group.title());
        }
        let probe = finding.probe;
        match &finding.verdict {
            Verdict::Yes(detail) if detail.is_empty() => println!("  yes  {}", probe.what),
            Verdict::Yes(detail) => println!("  yes  {}: {detail}", probe.what),
            Verdict::No { reason } => {
                println!("  no   {}: {reason}", probe.what);
                println!("         would enable: {}", probe.enables);
            }
        }
    }
    let yes = findings.iter().filter(|f| f.verdict.is_yes()).count();
    println!("{yes} of {} work here", findings.len());
}

fn to_json(finding: &Finding) -> Value {
    let (works, detail) = match &finding.verdict {
        Verdict::Yes(detail) => (true, detail),
        Verdict::No { reason } => (false, reason),
    };
    json!({
        "id": finding.probe.id,
        "group": finding.probe.group.title(),
        "what": finding.probe.what,
        "works": works,
        "detail": detail,
        "enables": finding.probe.enables,
        "took_ns": finding.took.0,
    })
}
