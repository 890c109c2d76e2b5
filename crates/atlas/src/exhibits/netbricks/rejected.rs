//! Programs that break isolation, each of which the checker must reject.

use super::check;
use crate::evidence::Evidence;
use trama_lang::compile::{Options, Unit};
use trama_lang::diagnostic::Severity;
use trama_lang::files::NoFiles;

/// A program that breaks isolation.
struct Offence {
    /// What it tries.
    what: &'static str,
    /// Declarations beside the handler.
    around: &'static str,
    /// The handler's body with the offence.
    body: &'static str,
    /// The same without, which must be accepted.
    mended: &'static str,
    /// The code of the message.
    code: &'static str,
}

const SUITE: [Offence; 14] = [
    Offence {
        what: "writes to a packet that was handed on",
        around: "",
        body: "send p to b\n p.ip.ttl = 1",
        mended: "p.ip.ttl = 1\n send p to b",
        code: "E0402",
    },
    Offence {
        what: "reads a packet that was handed on",
        around: "state x: array<u8>[1]",
        body: "send p to b\n x[0] = p.ip.ttl",
        mended: "x[0] = p.ip.ttl\n send p to b",
        code: "E0402",
    },
    Offence {
        what: "hands a packet on twice",
        around: "",
        body: "send p to b\n send p to a",
        mended: "send copy p to b\n send p to a",
        code: "E0402",
    },
    Offence {
        what: "hands a packet on in each round of a loop",
        around: "",
        body: "for i in 0..2 { send p to b }",
        mended: "for i in 0..2 { send copy p to b }\n drop p because \"done\"",
        code: "E0404",
    },
    Offence {
        what: "passes a packet that was handed on to a function",
        around: "fn change(p: ip) { p.ip.ttl = 1 }",
        body: "send p to b\n change(p)",
        mended: "change(p)\n send p to b",
        code: "E0402",
    },
    Offence {
        what: "gives a packet a second name",
        around: "",
        body: "let q = p\n send p to b",
        mended: "let q = p.ip.ttl\n if q > 0 { send p to b } else { drop p because \"no\" }",
        code: "E0220",
    },
    Offence {
        what: "keeps a packet in its state",
        around: "state last: map<u8, packet>[1]",
        body: "send p to b",
        mended: "",
        code: "E0102",
    },
    Offence {
        what: "keeps a reference to a header",
        around: "",
        body: "let h = p.ip\n send p to b\n h.ttl = 1",
        mended: "let h = p.ip.ttl\n if h > 0 { send p to b } else { drop p because \"no\" }",
        code: "E0105",
    },
    Offence {
        what: "takes an address",
        around: "",
        body: "let x = &p\n send p to b",
        mended: "send p to b",
        code: "E0010",
    },
    Offence {
        what: "leaves the language",
        around: "",
        body: "unsafe { send p to b }",
        mended: "send p to b",
        code: "E0010",
    },
    Offence {
        what: "sends a packet that it was not given",
        around: "",
        body: "send q to b\n send p to b",
        mended: "send p to b",
        code: "E0101",
    },
    Offence {
        what: "reads beyond the headers that are there",
        around: "",
        body: "if p.tcp.dst == 80 { drop p because \"no\" } else { send p to b }",
        mended: "if p is tcp && p.tcp.dst == 80 { drop p because \"no\" } else { send p to b }",
        code: "E0301",
    },
    Offence {
        what: "writes where a header was before the packet was cut",
        around: "",
        body: "p.truncate(20)\n p.ip.ttl = 1\n send p to b",
        mended: "p.truncate(20)\n send p to b",
        code: "E0301",
    },
    Offence {
        what: "reads the state of another element",
        around: "",
        body: "if other.secret[0] > 1 { drop p because \"no\" } else { send p to b }",
        mended: "send p to b",
        code: "E0101",
    },
];

/// Codes of the errors that the checker reports.
fn codes(around: &str, body: &str) -> Vec<&'static str> {
    let text = format!(
        "element Other {{ port a, b\n state secret: array<u64>[1]\n on a(p) {{\n secret[0] += 1\n \
         send p to b }} }}\nelement E {{ port a, b\n {around}\n on a(p: ip) {{ {body} }} }}\n\
         network n {{ port lan, wan\n let other = Other()\n lan -> other.a\n \
         other.b -> E -> wan }}"
    );
    let mut unit = Unit::parse("offence.trama", &text, &NoFiles);
    let checked = unit.check(&Options::default(), &NoFiles);
    let errors = checked.diagnostics.iter().filter(|d| d.severity == Severity::Error);
    let codes: Vec<_> = errors.map(|diagnostic| diagnostic.code).collect();
    match checked.program {
        Some(_) => Vec::new(),
        None if codes.is_empty() => vec!["rejected"],
        None => codes,
    }
}

/// What a checker says of the suite: which offences it lets pass.
fn passed(judge: impl Fn(&str, &str) -> Vec<&'static str>) -> Vec<&'static str> {
    let is_caught =
        |offence: &&Offence| judge(offence.around, offence.body).contains(&offence.code);
    SUITE.iter().filter(|offence| !is_caught(offence)).map(|offence| offence.what).collect()
}

/// Lists the suite, and its control: without the ownership check it must fail.
pub(super) fn suite(evidence: &mut Evidence) {
    for offence in &SUITE {
        let found = codes(offence.around, offence.body);
        let mended = offence.mended.is_empty() || codes(offence.around, offence.mended).is_empty();
        let detail = match (found.contains(&offence.code), mended) {
            (true, true) => format!("rejected: {}", offence.code),
            (true, false) => format!("rejected: {}, but so is a sound program", offence.code),
            (false, _) => format!("expected {}, found {found:?}", offence.code),
        };
        let what = format!("a program that {}", offence.what);
        evidence.checks.push(check(what, found.contains(&offence.code) && mended, detail));
    }
    // Ownership: what was handed on, once on every way, not in loops.
    let blind = |around: &str, body: &str| {
        let mut found = codes(around, body);
        found.retain(|code| !code.starts_with("E04"));
        found
    };
    let missed = passed(blind);
    evidence.controls.push(check(
        "a checker without its ownership check lets programs of the suite pass",
        !missed.is_empty() && passed(codes).is_empty(),
        format!("{} pass: a program that {}", missed.len(), missed.join("; that ")),
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suite_is_rejected_and_its_control_is_not() {
        let mut evidence = Evidence::default();
        suite(&mut evidence);
        assert_eq!(evidence.checks.len(), SUITE.len());
        for check in evidence.checks.iter().chain(&evidence.controls) {
            assert!(check.passed, "{}: {}", check.what, check.detail);
        }
    }
}
