//! `trama new`: a program to start from.

use crate::args::NewArgs;
use crate::exit::{Exit, Failure, Outcome};
use std::io::Write;

/// What a new program contains; `NAME` is replaced.
const TEMPLATE: &str = include_str!("template.trama");

pub(crate) fn new(args: &NewArgs) -> Outcome {
    let name = args.name.trim_end_matches(".trama");
    let mut letters = name.chars();
    let sound = letters.next().is_some_and(|c| c.is_ascii_lowercase())
        && letters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !sound {
        return Err(Failure::usage(format!("`{name}` cannot be the name of a network"))
            .hint("use lower-case letters, digits and _, for example `office_edge`"));
    }
    let path = format!("{name}.trama");
    let file = std::fs::File::create_new(&path);
    let write = |mut file: std::fs::File| file.write_all(TEMPLATE.replace("NAME", name).as_bytes());
    match file.and_then(write) {
        Ok(()) => {
            println!("wrote {path}");
            println!("try: trama test {path}");
            println!("     trama check {path}");
            Ok(Exit::Ok)
        }
        Err(why) if why.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(Failure::usage(format!("`{path}` exists already")).hint("choose another name"))
        }
        Err(why) => Err(Failure::environment(format!("cannot write `{path}`: {why}"))),
    }
}
