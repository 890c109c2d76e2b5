//! Probes: what a packet will be looked up by, without any effect but on caches.

use super::function::Lowering;
use crate::error::NativeError;
use crate::image::NodeImage;
use crate::probe::{Load, Probe};
use crate::runtime::Routine;
use cranelift_codegen::ir::{InstBuilder, Value};
use trama_lang::ir::Expr;
use trama_state::{Shape, StateKind, mem};

impl Lowering<'_, '_> {
    /// Asks for the first line of an entry. For a map this is the line in its index, and the value
    /// is the hash of the key; else the value is 0.
    pub(super) fn probe(&mut self, probe: &Probe) -> Result<Value, NativeError> {
        let spec = &self.source.node.states[probe.state.0 as usize];
        let (routine, object) = match spec.kind {
            StateKind::Map { .. } => {
                let map = self.backend(probe.state, mem::Object::as_map_mut)?;
                let key = self.packed(&probe.key, &spec.key)?;
                return Ok(self.call_word(Routine::MapProbe, &[map, key.0, key.1]));
            }
            StateKind::Array { .. } => {
                (Routine::ArrayProbe, self.backend(probe.state, mem::Object::as_array_mut)?)
            }
            StateKind::Pool { .. } => {
                (Routine::PoolProbe, self.backend(probe.state, mem::Object::as_pool_mut)?)
            }
            _ => return Err(self.wrong_kind(probe.state)),
        };
        let [index] = &probe.key[..] else { return Err(self.wrong_kind(probe.state)) };
        let index = self.expr(index)?;
        self.call(routine, &[object, index]);
        Ok(self.word(0))
    }

    /// Reads a value of an array, which may be another node's, into the locals that stand for it.
    pub(super) fn load_value(&mut self, image: &NodeImage, load: &Load) -> Result<(), NativeError> {
        let array = image.backend(load.state.0 as usize, mem::Object::as_array_mut);
        let Some(array) = array else { return Err(self.wrong_kind(load.state)) };
        let (array, index) = (self.address(array), self.expr(&load.index)?);
        let at = self.call_word(Routine::ArrayGet, &[array, index]);
        self.found_value(at, &Shape(load.widths.clone()), None, &load.locals());
        Ok(())
    }

    /// Returns 0 unless all conditions hold.
    pub(super) fn return_unless(&mut self, conditions: &[Expr]) -> Result<(), NativeError> {
        for condition in conditions {
            let condition = self.expr(condition)?;
            let (leave, go_on) = (self.b.create_block(), self.b.create_block());
            self.b.ins().brif(condition, go_on, &[], leave, &[]);
            self.b.switch_to_block(leave);
            let nothing = self.word(0);
            self.b.ins().return_(&[nothing]);
            self.b.switch_to_block(go_on);
        }
        Ok(())
    }
}
