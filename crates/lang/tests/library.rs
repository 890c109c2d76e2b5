//! The tests that the library's elements contain, on the reference interpreter.

use trama_lang::compile::Unit;
use trama_lang::files::NoFiles;
use trama_lang::interp::Interpreter;
use trama_lang::testing::{TestOutcome, run_all};

fn outcomes(text: &str, library: bool) -> Vec<TestOutcome> {
    let unit = Unit::parse("test.trama", text, &NoFiles);
    let files = if library { unit.library_files() } else { std::slice::from_ref(unit.main_file()) };
    let run = |file| {
        run_all(&unit, file, &NoFiles, |_| true, &|program, start| {
            let engine = Interpreter::new(program, start, 0).map_err(|why| why.to_string())?;
            Ok(Box::new(engine))
        })
    };
    files.iter().flat_map(run).collect()
}

#[test]
fn every_element_of_the_library_passes_its_tests() {
    let outcomes = outcomes("", true);
    let failed: Vec<_> = outcomes.iter().filter(|o| !o.failures.is_empty()).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(outcomes.len() > 20, "{} tests found", outcomes.len());
}

const WRONG: &str = "
element Flip {
    port a, b
    state seen: map<ip4, Pair>[16]
    on a(p: ip) { seen[p.ip.src] = Pair { left: 1, right: ME }; send p to b }
    on b(p) { drop p because \"one way\" }
}
record Pair { left: u16, right: ip4 }
const ME: ip4 = 10.0.0.1
test \"right\" for Flip {
    a <- ip { src: ME, dst: 10.0.0.2 }
    expect b ip.src == ME && ip.dst in 10.0.0.0/8
    expect seen[ME] == Pair { left: 1, right: ME } && seen[ME].right == ME
}
test \"wrong\" for Flip {
    b <- arp { op: 1 }
    expect a
}
test \"wrong value\" for Flip {
    a <- ip { src: ME, dst: 10.0.0.2 }
    expect b
    expect seen[ME] == Pair { left: 2, right: ME }
}
";

/// The runner knows the program's constants and records, and finds what is wrong.
#[test]
fn wrong_expectations_fail() {
    let messages: Vec<Vec<String>> = outcomes(WRONG, false)
        .into_iter()
        .map(|o| o.failures.into_iter().map(|f| format!("{}: {}", f.line, f.message)).collect())
        .collect();
    let no_message: Vec<String> = Vec::new();
    assert_eq!(messages[0], no_message);
    assert_eq!(messages[1].len(), 1, "{messages:?}");
    assert!(messages[1][0].contains("nothing was sent to a; instead: dropped"), "{messages:?}");
    assert!(
        messages[2][0].contains("seen[ME] is Some({left: 1, right: 10.0.0.1})"),
        "{messages:?}"
    );
}
