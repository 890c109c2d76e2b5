//! `trama fmt`: canonical formatting, in place.

use crate::args::FmtArgs;
use crate::exit::{Exit, Failure, Outcome};
use crate::files::programs;
use crate::output::diagnostics;
use std::path::Path;
use trama_lang::source::SourceMap;
use trama_lang::syntax::{format, parse};

pub(crate) fn fmt(args: &FmtArgs) -> Outcome {
    let mut unformatted = 0;
    let mut broken = 0;
    for path in programs(&args.paths)? {
        match formatted(&path)? {
            None => broken += 1,
            Some((before, after)) if before != after => {
                unformatted += 1;
                if args.check {
                    println!("not formatted: {}", path.display());
                } else {
                    replace(&path, &after)?;
                    println!("formatted: {}", path.display());
                }
            }
            Some(_) => {}
        }
    }
    if broken > 0 {
        return Err(Failure::rejected(broken).hint("a file with errors is left as it is"));
    }
    Ok(if args.check && unformatted > 0 { Exit::NotMet } else { Exit::Ok })
}

/// The text of a file before and after; none if it cannot be parsed.
fn formatted(path: &Path) -> Result<Option<(String, String)>, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|why| Failure::usage(format!("cannot read `{}`: {why}", path.display())))?;
    let mut sources = SourceMap::default();
    let index = sources.add(path.display().to_string(), text);
    let (file, messages) = parse(&sources, index);
    if !messages.is_empty() {
        diagnostics::print(&sources, &messages);
        return Ok(None);
    }
    let after = format::format(&sources, &file);
    Ok(Some((std::mem::take(&mut sources.files[0].text), after)))
}

/// Writes beside the file first, so that a full disk does not cost the program.
fn replace(path: &Path, text: &str) -> Result<(), Failure> {
    let temporary = path.with_extension("trama.tmp");
    let fail = |why| Failure::environment(format!("cannot write `{}`: {why}", path.display()));
    let written = std::fs::write(&temporary, text);
    written.and_then(|()| std::fs::rename(&temporary, path)).map_err(|why| {
        // Removing what was written is all that can still be done.
        let _ = std::fs::remove_file(&temporary);
        fail(why)
    })
}
