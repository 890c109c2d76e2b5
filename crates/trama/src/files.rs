//! Programs and their files on disk.

use crate::args::ProgramArgs;
use crate::exit::Failure;
use crate::output::diagnostics;
use std::path::{Path, PathBuf};
use trama_lang::compile::{Options, Unit};
use trama_lang::files::Files;
use trama_lang::ir::Program;

/// Longest program or table that is read, in bytes.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Files beside the one that names them.
pub(crate) struct DiskFiles;

impl Files for DiskFiles {
    fn read(&self, from: &str, path: &str) -> Result<(String, String), String> {
        let path = beside(from, path);
        let name = path.display().to_string();
        read(&path).map(|text| (name, text))
    }
}

/// `path` as seen from the file `from`.
pub(crate) fn beside(from: &str, path: &str) -> PathBuf {
    Path::new(from).parent().unwrap_or_else(|| Path::new("")).join(path)
}

fn read(path: &Path) -> Result<String, String> {
    let fail = |why: std::io::Error| format!("cannot read `{}`: {why}", path.display());
    let length = std::fs::metadata(path).map_err(fail)?.len();
    if length > FILE_BYTES_MAX {
        return Err(format!("`{}` is longer than {FILE_BYTES_MAX} bytes", path.display()));
    }
    std::fs::read_to_string(path).map_err(fail)
}

/// Reads and parses a program.
pub(crate) fn parse(path: &Path) -> Result<Unit, Failure> {
    let text = read(path).map_err(Failure::usage)?;
    Ok(Unit::parse(&path.display().to_string(), &text, &DiskFiles))
}

/// The options that the flags ask for.
pub(crate) fn options(args: &ProgramArgs) -> Result<Options, Failure> {
    let set =
        args.set.iter().map(|text| split(text, "--set PARAM=VALUE")).collect::<Result<_, _>>()?;
    Ok(Options { subject: args.network.clone(), set, ..Options::default() })
}

/// `name=value`
pub(crate) fn split(text: &str, form: &str) -> Result<(String, String), Failure> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.into(), value.into())),
        _ => Err(Failure::usage(format!("`{text}` does not have the form {form}"))),
    }
}

/// Reads, parses and checks a program; prints its messages. Fails if it was rejected.
pub(crate) fn load(args: &ProgramArgs) -> Result<(Unit, Program), Failure> {
    let mut unit = parse(&args.file)?;
    let checked = unit.check(&options(args)?, &DiskFiles);
    diagnostics::print(&unit.sources, &checked.diagnostics);
    match checked.program {
        Some(program) => Ok((unit, program)),
        None => Err(Failure::rejected(checked.errors())),
    }
}

/// The programs among `paths`: files themselves, and all `.trama` files under folders, sorted.
pub(crate) fn programs(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    for path in paths {
        let kind = std::fs::metadata(path)
            .map_err(|why| Failure::usage(format!("cannot read `{}`: {why}", path.display())))?;
        if kind.is_dir() {
            let before = found.len();
            collect(path, &mut found)?;
            if found.len() == before {
                let message = format!("there is no .trama file under `{}`", path.display());
                return Err(Failure::usage(message));
            }
        } else {
            found.push(path.clone());
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let fail = |why| Failure::usage(format!("cannot read `{}`: {why}", folder.display()));
    for entry in std::fs::read_dir(folder).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let kind = entry.file_type().map_err(fail)?;
        let path = entry.path();
        // Links are not followed: a folder may hold a link to itself.
        if kind.is_dir() {
            collect(&path, found)?;
        } else if kind.is_file() && path.extension().is_some_and(|e| e == "trama") {
            found.push(path);
        }
    }
    Ok(())
}
