//! Tests of the whole product: real captures, real kernels, the command line.

mod captures;
mod cli;
mod edge;
mod facts;
mod library;
mod live;
mod pages;
mod patterns;
