//! `trama prove`: a published system's claims beside what Trama does.

use crate::args::ProveArgs;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::table::Table;
use serde_json::{Value, json};
use std::io::IsTerminal;
use trama_atlas::System;
use trama_atlas::evidence::{Bound, Check, Evidence, Verdict};
use trama_atlas::exhibits::{self, Effort, Exhibit, Setting};

pub(crate) fn prove(args: &ProveArgs) -> Outcome {
    if args.list {
        return Ok(list(args.json));
    }
    let id = args.system.as_deref().unwrap_or_default();
    let (system, exhibit) = find(id)?;
    let talks = !args.json && std::io::stderr().is_terminal();
    let mut progress = |what: &str| {
        if talks {
            eprintln!("{what} …");
        }
    };
    let mut setting = Setting {
        effort: if args.quick { Effort::Quick } else { Effort::Full },
        trama: std::env::current_exe().ok(),
        progress: &mut progress,
    };
    let evidence = (exhibit.run)(&mut setting).map_err(Failure::environment)?;
    if args.json {
        println!("{}", to_json(system, &evidence));
    } else {
        print!("{}", render(system, &evidence));
    }
    Ok(match evidence.verdict() {
        Verdict::Holds => Exit::Ok,
        Verdict::NotShown => Exit::Environment,
        Verdict::Fails => Exit::NotMet,
    })
}

fn find(id: &str) -> Result<(&'static System, &'static Exhibit), Failure> {
    let Some(system) = trama_atlas::find(id) else {
        let failure = Failure::usage(format!("there is no system `{id}` in the atlas"));
        return Err(match trama_atlas::nearest(id) {
            Some(near) => failure.hint(format!("did you mean `{}`?", near.id)),
            None => failure.hint("`trama atlas` lists them all"),
        });
    };
    let exhibit = exhibits::exhibit(system.id).ok_or_else(|| {
        Failure::usage(format!("{} cannot be proved yet", system.name))
            .hint("`trama prove --list` lists what can")
    })?;
    Ok((system, exhibit))
}

fn list(as_json: bool) -> Exit {
    if as_json {
        let all = exhibits::exhibits().iter();
        let all = all.map(|exhibit| json!({ "id": exhibit.system, "about": exhibit.about }));
        println!("{}", Value::from_iter(all));
        return Exit::Ok;
    }
    let mut table = Table::new(&["id", "what is shown"]);
    for exhibit in exhibits::exhibits() {
        table.row([exhibit.system.into(), exhibit.about.into()]);
    }
    print!("{}", table.render());
    Exit::Ok
}

/// A number with as many digits as say something.
fn figure(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

fn bound(bound: Bound) -> String {
    match bound {
        Bound::AtLeast(least) => format!("at least {}", figure(least)),
        Bound::AtMost(most) => format!("at most {}", figure(most)),
    }
}

fn render(system: &System, evidence: &Evidence) -> String {
    let mut out =
        format!("{}: {} ({} {})\n\n", system.name, system.title, system.venue, system.year);
    for claim in &evidence.claims {
        let verdict = match claim.holds() {
            Some(true) => "holds",
            Some(false) => "DOES NOT HOLD",
            None => "not shown",
        };
        let measured = claim.measured.map_or_else(|| "-".to_owned(), figure);
        out.push_str(&format!(
            "claim: {}\n  paper: {}; here {}: {measured} ({}): {verdict}\n  {}\n\n",
            claim.text,
            claim.paper,
            claim.world.label(),
            bound(claim.bound),
            claim.how
        ));
    }
    let mut table = Table::new(&["measured", ">median", ">least", ">most", "unit", "world", ""]);
    for m in &evidence.measurements {
        table.row([
            m.what.clone(),
            figure(m.value.median),
            figure(m.value.min),
            figure(m.value.max),
            m.unit.into(),
            m.world.label().into(),
            if m.is_baseline { "baseline".into() } else { String::new() },
        ]);
    }
    out.push_str(&table.render());
    for (title, checks) in [("checks", &evidence.checks), ("controls", &evidence.controls)] {
        out.push_str(&format!("\n{title}\n"));
        for check in checks {
            let word = if check.passed { "ok    " } else { "FAILED" };
            out.push_str(&format!("  {word} {} ({})\n", check.what, check.detail));
        }
    }
    out.push_str("\nlimits\n");
    for limit in &evidence.limits {
        out.push_str(&format!("  {limit}\n"));
    }
    out.push_str(&format!("\nverdict: {}\n", evidence.verdict().label()));
    out
}

fn to_json(system: &System, evidence: &Evidence) -> Value {
    let checks = |checks: &[Check]| {
        Value::from_iter(checks.iter().map(
            |check| json!({ "what": check.what, "passed": check.passed, "detail": check.detail }),
        ))
    };
    json!({
        "system": system.id,
        "paper": format!("{}, {} {}", system.title, system.venue, system.year),
        "claims": evidence.claims.iter().map(|claim| json!({
            "claim": claim.text,
            "paper": claim.paper,
            "measured": claim.measured,
            "bound": bound(claim.bound),
            "how": claim.how,
            "world": claim.world.label(),
            "holds": claim.holds(),
        })).collect::<Vec<_>>(),
        "measurements": evidence.measurements.iter().map(|m| json!({
            "what": m.what,
            "median": m.value.median,
            "min": m.value.min,
            "max": m.value.max,
            "unit": m.unit,
            "world": m.world.label(),
            "baseline": m.is_baseline,
        })).collect::<Vec<_>>(),
        "checks": checks(&evidence.checks),
        "controls": checks(&evidence.controls),
        "limits": evidence.limits,
        "verdict": evidence.verdict().label(),
    })
}
