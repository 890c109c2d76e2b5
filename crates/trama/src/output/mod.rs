//! How results look on a terminal and to machines.

pub(crate) mod diagnostics;
pub(crate) mod live;
pub(crate) mod markdown;
pub(crate) mod records;
pub(crate) mod summary;
pub(crate) mod table;
