//! How results look on a terminal and to machines.

pub(crate) mod diagnostics;
pub(crate) mod table;
