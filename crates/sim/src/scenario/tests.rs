//! What scenarios mean, and what is said of wrong ones.

use super::*;
use trama_base::Picos;

const TEXT: &str = r#"
[topology]
kind = "star"
hosts = 17
rate = "10Gbps"
delay = "5us"
[transport]
name = "dctcp"
[workload]
kind = "incast"
senders = 16
bytes = "2MB"
"#;

fn error(text: &str) -> String {
    match Scenario::parse(text).and_then(|scenario| scenario.build().map(drop)) {
        Ok(()) => panic!("it is accepted"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn dctcp_incast_is_what_ns3_makes_of_it() {
    // ns-3.37: mean 25.50 ms, max 26.62 ms, nothing dropped (ideal 25.6 ms at line rate).
    let (mut run, _) = Scenario::parse(TEXT).expect("sound").build().expect("sound");
    let record = run.run(Picos::from_millis(1000));
    let times: Vec<f64> =
        record.flows.iter().map(|f| f.completion().expect("done").as_secs_f64() * 1e3).collect();
    let max = times.iter().copied().fold(0.0, f64::max);
    assert!((max / 26.62 - 1.0).abs() < 0.03, "{max}");
    assert_eq!(record.dropped, 0);
}

#[test]
fn without_marks_the_queue_overflows() {
    let text = TEXT.replace("dctcp", "new-reno");
    let (mut run, _) = Scenario::parse(&text).expect("sound").build().expect("sound");
    assert!(run.run(Picos::from_millis(1000)).dropped > 100);
}

#[test]
fn mistakes_are_named_with_their_line_and_what_is_allowed() {
    let typo = error(&TEXT.replace("senders", "sender"));
    assert!(typo.contains("unknown field `sender`") && typo.contains("line"), "{typo}");
    let unit = error(&TEXT.replace("5us", "5 parsecs"));
    assert!(unit.contains("no length of time"), "{unit}");
    let name = error(&TEXT.replace("dctcp", "carrier-pigeon"));
    assert!(name.contains("expected one of") && name.contains("dctcp"), "{name}");
    let many = error(&TEXT.replace("senders = 16", "senders = 17"));
    assert_eq!(many, "workload.senders: there are 1 to 16");
}

#[test]
fn keys_can_be_set() {
    let set = [("workload.senders".to_owned(), "4".to_owned()), ("seed".into(), "9".into())];
    let scenario = Scenario::parse_with(TEXT, &set).expect("sound");
    assert_eq!(scenario.seed, 9);
    assert!(matches!(scenario.workload, Workload::Incast { senders: 4, .. }));
}

#[test]
fn a_seed_gives_the_same_run() {
    let text = TEXT.replace("incast\"\nsenders = 16", "permutation\"").replace("dctcp", "ndp");
    let run = |seed: &str| {
        let set = [("seed".to_owned(), seed.to_owned())];
        let scenario = Scenario::parse_with(&text, &set).expect("sound");
        let (mut run, _) = scenario.build().expect("sound");
        run.run(Picos::from_millis(1000)).clone()
    };
    assert_eq!(run("1"), run("1"));
    assert_ne!(run("1"), run("2"));
}
