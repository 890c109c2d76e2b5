mod control;
mod events;
mod exprs;
mod objects;
mod packets;

use super::Interpreter;
use crate::engine::Engine;
use crate::ir::Program;
use crate::ir_sample::{alone, node, on, send, tcp};
use trama_base::Nanos;
use trama_wire::packet::Packet;
use trama_wire::pool::Pool;

/// An interpreter with the odds and ends of a host.
struct Host {
    engine: Interpreter,
    output: Vec<Box<Packet>>,
    pool: Pool,
}

impl Host {
    fn new(program: Program) -> Self {
        let engine = Interpreter::new(program, Nanos::ZERO, 1).unwrap();
        Self { engine, output: Vec::new(), pool: Pool::default() }
    }

    /// What one packet at a time and port causes to leave.
    fn feed(&mut self, ms: u64, port: u32, mut packet: Box<Packet>) -> Vec<Box<Packet>> {
        packet.time = Nanos::from_millis(ms);
        packet.port = port;
        self.engine.process(&mut vec![packet], &mut self.output, &mut self.pool);
        std::mem::take(&mut self.output)
    }

    fn advance(&mut self, now: Nanos) {
        self.engine.advance(now, &mut self.output, &mut self.pool);
    }

    /// The mark of the one packet that leaves.
    fn mark(&mut self, ms: u64, packet: Box<Packet>) -> u32 {
        let out = self.feed(ms, 0, packet);
        assert_eq!(out.len(), 1, "one packet leaves");
        out[0].mark
    }
}

/// A program of one handler for TCP at port 0 of two ports, that sends its packet to port 1.
fn through(locals: &[u8], mut body: Vec<crate::ir::StmtKind>) -> Program {
    body.push(send(crate::ir_sample::P, 1));
    alone(node("n", 2, vec![on(0, tcp(), locals, body)]))
}
