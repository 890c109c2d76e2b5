//! Assembly text: the syntax that the kernel's verifier and LLVM print, both ways.
//!
//! Both ways follow the text of the rows of [`crate::isa`]. A row's text is literal but for
//! placeholders:
//!
//! | placeholder | stands for |
//! |---|---|
//! | `{d}` `{s}` | destination and source register, `r0` to `r10` |
//! | `{wd}` `{ws}` | the same, as `w0` to `w10`: their low 32 bits |
//! | `{i}` | the immediate |
//! | `{m}` | the offset of a memory access: ` + 4`, ` - 4` |
//! | `{j}` `{J}` | the distance of a jump in the offset, in the immediate: `+3`, or a label |
//! | `{p}` | the distance to a function, in the immediate: `+3`, or its name |
//! | `{h}` | the immediate of the second slot |
//! | `{n}` | the number of 64 bits in both immediates |

mod file;
mod parse;
mod print;
mod template;
#[cfg(test)]
mod tests;

pub use file::{read_object, write_object, write_program};
pub use parse::{AsmError, Names, assemble};
pub(crate) use print::whole;
pub use print::{Line, disassemble, show};
