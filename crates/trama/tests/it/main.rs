//! Tests of the whole product: real captures, real kernels, the command line.

mod approximate;
mod captures;
mod cli;
mod edge;
mod elements;
mod facts;
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
