//! The language: source text to syntax, types, effects and IR; the reference interpreter; the
//! library of elements.
#![forbid(unsafe_code)]

pub mod diagnostic;
pub mod engine;
pub mod ir;
pub mod source;
pub mod syntax;
pub mod values;
