//! `trama lsp`: the language server, over standard input and output.

use crate::exit::{Exit, Failure, Outcome};
use crate::lsp::{End, serve};

pub(crate) fn lsp() -> Outcome {
    match serve(std::io::stdin().lock(), std::io::stdout().lock()) {
        End::Proper => Ok(Exit::Ok),
        End::Gone => Ok(Exit::NotMet),
        End::Foreign(why) => Err(Failure::usage(format!("not a language client: {why}"))
            .hint("an editor starts this command and speaks the Language Server Protocol with it")),
    }
}
