//! Operations that have one form: a call, with packed operands and room for packed results.

use super::function::Lowering;
use crate::error::NativeError;
use crate::runtime::Routine;
use crate::runtime::method::CallPlan;
use trama_lang::ir::{StateId, StateOp};

impl Lowering<'_, '_> {
    pub(super) fn method(&mut self, state: StateId, op: &StateOp) -> Result<(), NativeError> {
        let StateOp::Call { method, packet, key, operands, results, answer } = op else {
            return Err(self.wrong_kind(state));
        };
        let spec = &self.source.node.states[state.0 as usize];
        let signature = method.signature(spec);
        let plan = CallPlan {
            method: *method,
            key_bytes: signature.key.bytes(),
            operand_bytes: signature.operands.bytes(),
            result_bytes: signature.results.bytes(),
        };
        let plan = self.source.image.calls().keep(plan);
        let object = self.source.image.state_address(state.0 as usize);
        let (object, plan) = (self.address(object), self.address(plan));
        let key = self.pack(key, &signature.key)?;
        let operands = self.pack(operands, &signature.operands)?;
        let found = self.stack(signature.results.bytes());
        let packet = match packet {
            Some(p) => self.packet(*p),
            None => self.word(0),
        };
        let now = self.now();
        let args = [object, plan, key, operands, found, packet, now];
        let yes = self.call_word(Routine::Call, &args);
        let none = self.word(0);
        let found = if signature.answers { self.select(yes, found, none) } else { found };
        self.found_value(found, &signature.results, *answer, results);
        Ok(())
    }
}
