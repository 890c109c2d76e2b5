//! Things taken out of bytes: a call with arrays of numbers on the stack.

use super::function::{Lowering, Memory};
use crate::error::NativeError;
use crate::runtime::Routine;
use trama_lang::ir::{Expr, Extract, LocalId, PacketId};

impl Lowering<'_, '_> {
    pub(super) fn extract(
        &mut self,
        packet: Option<PacketId>,
        extract: Extract,
        args: &[Expr],
        results: &[LocalId],
    ) -> Result<(), NativeError> {
        let counts = (results.len() as u64) << 32 | args.len() as u64;
        let args = self.wide_values(&args.iter().collect::<Vec<_>>())?;
        let out = self.stack(results.len() * 16);
        let packet = match packet {
            Some(p) => self.packet(p),
            None => self.word(0),
        };
        let extract = self.address(self.source.image.extracts().keep(extract));
        let counts = self.word(counts);
        self.call(Routine::Extract, &[packet, extract, args, out, counts]);
        for (index, local) in results.iter().enumerate() {
            let width = self.source.handler.locals[local.0 as usize];
            let bytes = if width > 64 { 16 } else { 8 };
            let value = self.load(Memory::Stack, bytes, out, index * 16);
            self.assign(*local, value, width);
        }
        Ok(())
    }
}
