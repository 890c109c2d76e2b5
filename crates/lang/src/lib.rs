//! The language: source text to syntax, types, effects and IR; the reference interpreter; the
//! library of elements.
#![forbid(unsafe_code)]

pub mod agenda;
pub mod algebra;
pub mod check;
pub mod compile;
pub mod cores;
pub mod diagnostic;
pub mod doc;
pub mod effects;
pub mod engine;
mod expand;
pub mod files;
pub mod filter;
pub mod graph;
pub mod ide;
pub mod interp;
pub mod ir;
pub mod ir_check;
pub mod ir_parts;
#[cfg(test)]
mod ir_sample;
pub mod library;
pub mod logs;
pub mod records;
pub mod snapshot;
pub mod source;
pub mod syntax;
pub mod testing;
pub mod trace;
pub mod values;
