//! Tests of the whole product: real captures, real kernels, the command line.

mod apart;
mod captures;
mod cli;
mod cores;
mod ebpf;
mod edge;
mod elements;
mod facts;
mod flows;
mod library;
mod live;
mod lsp;
mod names;
mod nat64;
mod pages;
mod patterns;
mod queries;
mod sim;
#[cfg(feature = "tui")]
mod tui;
mod tunnel;
