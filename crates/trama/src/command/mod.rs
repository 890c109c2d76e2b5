//! One module for each verb.

pub(crate) mod atlas;
pub(crate) mod bench;
mod bench_cores;
mod bench_live;
mod bench_sim;
pub(crate) mod check;
pub(crate) mod doc;
pub(crate) mod doctor;
pub(crate) mod ebpf;
mod ebpf_run;
pub(crate) mod endpoints;
pub(crate) mod explain;
pub(crate) mod fmt;
pub(crate) mod graph;
pub(crate) mod lab;
pub(crate) mod lsp;
pub(crate) mod new;
pub(crate) mod parallel;
pub(crate) mod prove;
pub(crate) mod run;
pub(crate) mod sim;
pub(crate) mod test;
pub(crate) mod trace;
