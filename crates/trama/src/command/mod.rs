//! One module for each verb.

pub(crate) mod atlas;
pub(crate) mod bench;
pub(crate) mod check;
pub(crate) mod doctor;
pub(crate) mod endpoints;
pub(crate) mod fmt;
pub(crate) mod graph;
pub(crate) mod lab;
pub(crate) mod new;
pub(crate) mod parallel;
pub(crate) mod prove;
pub(crate) mod run;
pub(crate) mod test;
pub(crate) mod trace;
