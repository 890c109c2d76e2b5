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

fn no_files(_: &str) -> Result<String, String> {
    Err("there are no files".into())
}

fn error(text: &str) -> String {
    match Scenario::parse(text).and_then(|scenario| scenario.build(&no_files).map(drop)) {
        Ok(()) => panic!("it is accepted"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn mistakes_are_named_with_their_line_and_what_is_allowed() {
    let wrong = |from: &str, to: &str| error(&TEXT.replace(from, to));
    assert_eq!(
        wrong("senders", "sender"),
        "line 11: workload.sender: there is no such key; there are kind, senders, bytes, \
         at, times, every"
    );
    assert_eq!(
        wrong("5us", "5 parsecs"),
        "line 6: topology.delay: `5 parsecs` is no length of time: \
         a number and one of ps, ns, us, ms, s, min"
    );
    assert_eq!(
        wrong("dctcp", "carrier-pigeon").split("; there are").next(),
        Some("line 8: transport.name: there is no `carrier-pigeon`")
    );
    assert_eq!(
        wrong("senders = 16", "senders = 17"),
        "line 11: workload.senders: it is from 1 to 16"
    );
    assert_eq!(
        wrong("hosts = 17", "hosts = 1"),
        "line 4: topology.hosts: these are 1 hosts; there may be 2 to 131072"
    );
    assert_eq!(
        wrong("kind = \"star\"\n", ""),
        "line 2: topology.kind: it must be said; \
         there are star, dumbbell, leaf-spine, fat-tree, file"
    );
    assert_eq!(
        wrong("[transport]", "[moon]\n[transport]"),
        "line 7: moon: there is no such table; \
         there are topology, switch, link, host, failure, transport, workload"
    );
    assert!(wrong("hosts = 17", "hosts = ").starts_with("line 4: "));
    assert!(wrong("[topology]", "seed = -1\n[topology]").starts_with("line 2: seed: `-1` is not"));
    assert_eq!(
        wrong("name = \"dctcp\"", "name = \"dctcp\"\ng = 7.0"),
        "line 9: transport.g: it is from 0.0001 to 1"
    );
}

#[test]
fn keys_can_be_set() {
    let set = |pairs: &[(&str, &str)]| {
        let pairs: Vec<_> = pairs.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect();
        Scenario::parse_with(TEXT, &pairs)
    };
    let scenario = set(&[("workload.senders", "4"), ("seed", "9")]).expect("sound");
    assert_eq!(scenario.general.seed, 9);
    let (_, estimate) = scenario.build(&no_files).expect("sound");
    assert_eq!(estimate.messages, 4);
    let error = set(&[("switch.colour", "red")]).err().map(|error| error.to_string());
    assert_eq!(
        error.as_deref(),
        Some(
            "switch.colour: there is no such key; there are balance, buffer, mark_above, \
              shared, lossless, alpha"
        )
    );
}

#[test]
fn a_seed_gives_the_same_run() {
    let text = TEXT.replace("incast\"\nsenders = 16", "permutation\"").replace("dctcp", "ndp");
    let run = |seed: &str| {
        let set = [("seed".to_owned(), seed.to_owned())];
        let scenario = Scenario::parse_with(&text, &set).expect("sound");
        let (mut run, _) = scenario.build(&no_files).expect("sound");
        run.run(Picos::from_millis(1000)).clone()
    };
    assert_eq!(run("1"), run("1"));
    assert_ne!(run("1"), run("2"));
}
