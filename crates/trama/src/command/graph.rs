//! `trama graph`: the network as SVG.

use crate::args::GraphArgs;
use crate::exit::{Exit, Failure, Outcome};
use crate::files::load;

pub(crate) fn graph(args: &GraphArgs) -> Outcome {
    let (_, program) = load(&args.program)?;
    let svg = trama_lang::graph::render_svg(&program);
    match &args.output {
        None => print!("{svg}"),
        Some(path) => std::fs::write(path, svg).map_err(|why| {
            Failure::environment(format!("cannot write `{}`: {why}", path.display()))
        })?,
    }
    Ok(Exit::Ok)
}
