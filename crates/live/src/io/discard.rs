//! A sink that counts and forgets.

use super::{Counters, IoError, Sink};
use trama_wire::{Packet, Pool};

/// Takes everything and keeps the counts.
#[derive(Debug, Default)]
pub struct Discard {
    counters: Counters,
}

impl Sink for Discard {
    fn send(&mut self, packets: &mut Vec<Box<Packet>>, pool: &mut Pool) -> Result<(), IoError> {
        for packet in packets.drain(..) {
            self.counters.add(packet.bytes().len());
            pool.give(packet);
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), IoError> {
        Ok(())
    }

    fn counters(&mut self) -> Counters {
        self.counters
    }
}
