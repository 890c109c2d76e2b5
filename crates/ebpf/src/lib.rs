//! eBPF: one table of instructions, and what follows from it.
//!
//! [`isa`] is the table: encoding, text and meaning of every instruction. From it derive the
//! assembler and disassembler ([`text`]), the control-flow graph ([`graph`]) and the interpreter
//! ([`vm`]). [`elf`] and [`btf`] read and write object files; an [`object`] is what they hold,
//! linked and ready for the kernel or the interpreter.
//!
//! **Invariants:** no system calls, no clock, no chance but a seeded one; no bytes make anything
//! here panic; little endian only, as all machines are that Trama runs on.
#![forbid(unsafe_code)]

pub mod btf;
pub mod elf;
pub mod graph;
pub mod helper;
pub mod insn;
pub mod isa;
pub mod object;
pub mod random;
pub mod text;
pub mod told;
pub mod vm;
