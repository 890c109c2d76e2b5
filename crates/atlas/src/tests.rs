//! The registry agrees with itself and, where the reading list is at hand, with that.

use super::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

#[test]
fn the_registry_is_whole() {
    assert_eq!(registry().len(), 168);
    let ids: BTreeSet<&str> = registry().iter().map(|system| system.id).collect();
    assert_eq!(ids.len(), 168, "ids are unique");
    let areas = Area::ALL.map(|area| in_area(area).count());
    assert_eq!(areas, [29, 13, 16, 15, 41, 22, 32]);
    for system in registry() {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        assert!(!system.id.is_empty() && system.id.bytes().all(plain), "{}", system.id);
        assert!((1980..2030).contains(&system.year), "{}: year {}", system.id, system.year);
        assert!(system.about.ends_with('.'), "{}: a sentence ends with a full stop", system.id);
        let parts: BTreeSet<_> = system.parts.iter().collect();
        assert!(!parts.is_empty() && parts.len() == system.parts.len(), "{}", system.id);
        if let Some(command) = system.status.command() {
            assert!(command.starts_with("trama "), "{}: {command}", system.id);
        }
    }
}

#[test]
fn areas_and_parts_round_trip() {
    for area in Area::ALL {
        assert_eq!(Area::from_id(area.id()), Some(area));
    }
    for part in Part::ALL {
        assert_eq!(Part::from_id(part.id()), Some(part));
    }
    assert_eq!(Area::from_id("nowhere"), None);
    assert_eq!(Part::from_id("util"), None);
}

#[test]
fn progress_counts_every_system_once() {
    let all = Progress::of(registry());
    assert_eq!(all.total(), registry().len());
    let partial = System { status: Status::Partial { command: "trama run x" }, ..registry()[0] };
    let works = System { status: Status::Works { command: "trama prove x" }, ..registry()[0] };
    let counted = Progress::of([&partial, &works, &works]);
    assert_eq!((counted.not_yet, counted.partial, counted.works), (0, 1, 2));
}

#[test]
fn systems_are_found_by_id_name_and_nearly() {
    assert_eq!(find("ndp").map(|system| system.name), Some("NDP"));
    assert_eq!(find("RSS++").map(|system| system.id), Some("rsspp"));
    assert_eq!(find("no such system"), None);
    assert_eq!(nearest("nfvncie").map(|system| system.id), Some("nfvnice"));
    assert_eq!(nearest("zzzzzzzzzzzz"), None);
    assert_eq!(edits(b"kitten", b"sitting"), 3);
    assert_eq!(edits(b"", b"abc"), 3);
    assert!(standing_on(Part::Tcp).any(|system| system.id == "mtcp"));
    assert!(!standing_on(Part::Tcp).any(|system| system.id == "xdp"));
}

#[test]
fn what_works_is_proved_by_an_exhibit() {
    let proves = |system: &System| format!("trama prove {}", system.id);
    for system in registry() {
        if let Status::Works { command } = system.status {
            assert!(exhibits::exhibit(system.id).is_some(), "{} has no exhibit", system.id);
            assert_eq!(command, proves(system), "{}", system.id);
        }
    }
    for exhibit in exhibits::exhibits() {
        let system = find(exhibit.system).expect("an exhibit is of a system in the registry");
        assert!(system.status.command().is_some(), "{} is shown but not claimed", system.id);
    }
}

/// A row of the reading list: id, area, the paper as one line.
type Row<'a> = (&'a str, (&'a str, &'a str));

fn rows(index: &str) -> Vec<Row<'_>> {
    index
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.trim_end_matches('|').splitn(3, '|');
            let id = cells.next()?.trim().trim_end_matches('`');
            Some((id, (cells.next()?.trim(), cells.next()?.trim())))
        })
        .collect()
}

/// What in the registry contradicts the reading list.
fn contradictions(systems: &[System], index: &str) -> Vec<String> {
    let mut listed: BTreeMap<_, _> = rows(index).into_iter().collect();
    let mut found = Vec::new();
    for system in systems {
        let Some((area, paper)) = listed.remove(system.id) else {
            found.push(format!("{} is not in the list", system.id));
            continue;
        };
        let same = area == system.area.id()
            && paper.contains(system.title)
            && paper.contains(system.venue)
            && paper.contains(&system.year.to_string());
        if !same {
            found.push(format!("{} differs from: {area}, {paper}", system.id));
        }
    }
    found.extend(listed.into_keys().map(|id| format!("{id} is missing")));
    found
}

#[test]
fn the_registry_is_the_reading_list() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = root.join("../shared/atlas/INDEX.md");
    let Ok(index) = std::fs::read_to_string(&path) else {
        println!("skipped: {} is not there to compare with", path.display());
        return;
    };
    assert_eq!(contradictions(registry(), &index), Vec::<String>::new());
}

#[test]
fn a_contradiction_is_found() {
    let list = "| `a` | nfv | A paper, Somebody, OSDI 2016 |\n| `b` | nfv | B, NSDI 2017 |\n";
    let a = System {
        id: "a",
        title: "A paper",
        venue: "OSDI",
        year: 2016,
        area: Area::Nfv,
        ..registry()[0]
    };
    let b = System { id: "b", title: "B", venue: "NSDI", year: 2017, ..a };
    assert_eq!(contradictions(&[a, b], list), Vec::<String>::new());
    assert_eq!(contradictions(&[a], list), ["b is missing"]);
    let wrong_year = System { year: 2018, ..b };
    assert_eq!(contradictions(&[a, wrong_year], list).len(), 1);
    let unknown = System { id: "c", ..a };
    assert_eq!(contradictions(&[a, b, unknown], list), ["c is not in the list"]);
}
