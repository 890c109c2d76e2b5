//! Tests of the whole product: real captures, real kernels, the command line.

mod apart;
mod captures;
mod cli;
mod cores;
mod edge;
mod facts;
mod library;
mod live;
mod pages;
