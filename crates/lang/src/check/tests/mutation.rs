//! Mutated programs: whatever a slip of the editor makes of a program, the checker answers with
//! messages, and what it accepts is well formed.

use super::check_with;
use crate::files::NoFiles;
use crate::ir_check::validate;
use crate::library;
use trama_base::Rng;

/// Programs to mutate: the library and the examples of the codes.
fn corpus() -> Vec<&'static str> {
    let library = library::FILES.iter().map(|file| file.1);
    library.chain(crate::check::codes::all().map(|doc| doc.good)).collect()
}

/// Words, numbers, texts and single signs, with the spaces after them.
fn tokens(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut start = 0;
    let kind = |c: char| match c {
        c if c.is_alphanumeric() || c == '_' => 0,
        c if c.is_whitespace() => 1,
        _ => 2,
    };
    let mut last = None;
    for (at, c) in text.char_indices() {
        let now = kind(c);
        if at > start && (Some(now) != last || now == 2) {
            out.push(&text[start..at]);
            start = at;
        }
        last = Some(now);
    }
    out.push(&text[start..]);
    out
}

fn below(rng: &mut Rng, n: usize) -> usize {
    (rng.next_u64() % n.max(1) as u64) as usize
}

#[test]
fn mutated_programs_are_answered() {
    let corpus = corpus();
    let mut accepted = 0;
    for seed in 0..150 {
        let mut rng = Rng::new(seed);
        let text = corpus[below(&mut rng, corpus.len())];
        let mut tokens = tokens(text);
        for _ in 0..=below(&mut rng, 3) {
            let (a, b) = (below(&mut rng, tokens.len()), below(&mut rng, tokens.len()));
            match below(&mut rng, 4) {
                0 => drop(tokens.remove(a)),
                1 => tokens.insert(b, tokens[a]),
                2 => tokens.swap(a, b),
                _ => tokens[a] = tokens[b],
            }
        }
        let mutant = tokens.concat();
        let (_, checked) = check_with(&mutant, &NoFiles);
        assert_eq!(checked.program.is_some(), checked.errors() == 0, "seed {seed}:\n{mutant}");
        if let Some(program) = checked.program {
            accepted += 1;
            assert_eq!(
                validate(&program).err().map(|e| format!("{e:?}")),
                None,
                "seed {seed}:\n{mutant}"
            );
        }
    }
    assert!(accepted > 5, "most mutants were rejected: {accepted} were accepted");
    assert!(accepted < 140, "mutation does something: {accepted} were accepted");
}
