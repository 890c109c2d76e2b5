//! Packets as things that are held, sent, dropped and copied.

use super::{Bound, Lowerer, PacketVar};
use crate::check::facts::Facts;
use crate::check::flow::{How, Own, PacketState};
use crate::diagnostic::Diagnostic;
use crate::ir::{PacketId, StmtKind};
use crate::source::Span;
use crate::syntax::ast;

impl Lowerer<'_> {
    /// Declares a packet variable that is held from here on.
    pub(super) fn declare_packet(
        &mut self,
        name: &ast::Ident,
        facts: Facts,
        pattern: Option<ast::Pattern>,
    ) -> PacketId {
        let register = self.fresh_register();
        let var = PacketVar { name: name.text.clone(), register, span: name.span, pattern };
        self.packets.push(var);
        self.flow.packets.push(PacketState { own: Own::Held, facts });
        self.bind(name, Bound::Packet(self.packets.len() - 1));
        register
    }

    /// `let q = copy p`
    pub(super) fn let_copy(&mut self, name: &ast::Ident, from: &ast::Ident, span: Span) {
        let Some(index) = self.require_packet(from) else {
            self.declare_reported(name);
            return;
        };
        if !self.require_held(index, from.span) {
            self.declare_reported(name);
            return;
        }
        let source = self.packets[index].register;
        let facts = self.flow.packets[index].facts.clone();
        let register = self.declare_packet(name, facts, None);
        self.emit_at(StmtKind::Copy(register, source), span);
    }

    /// Declares a packet about which nothing more is to be said.
    pub(super) fn declare_reported(&mut self, name: &ast::Ident) {
        self.declare_packet(name, Facts::any(), None);
        if let Some(state) = self.flow.packets.last_mut() {
            state.own = Own::Reported;
        }
    }

    /// True if the packet is certainly held; else reports how it went.
    pub(super) fn require_held(&mut self, index: usize, span: Span) -> bool {
        if !self.flow.reachable {
            return true;
        }
        let name = self.packets[index].name.clone();
        let own = self.flow.packets[index].own;
        let diagnostic = match own {
            Own::Held => return true,
            Own::Reported => return false,
            Own::Gone(at, how) => {
                let message = format!("`{name}` was {} before", how.participle());
                let label = "a packet is gone once it is sent or dropped";
                Diagnostic::error("E0402", message, span, label)
                    .other(at, format!("{} here", how.participle()))
                    .note(match how {
                        How::Sent => format!("to keep it, `send copy {name} to …` there"),
                        How::Dropped => format!("to keep a copy, `let q = copy {name}` before"),
                    })
            }
            Own::MaybeGone { gone: (at, how), held } => {
                let message = format!("`{name}` may have been {} before", how.participle());
                let label = "it is not here on every way that leads here";
                Diagnostic::error("E0403", message, span, label)
                    .other(at, format!("{} here", how.participle()))
                    .other(held, "but not on the way that ends here")
            }
        };
        self.sink.report(diagnostic);
        self.flow.packets[index].own = Own::Reported;
        false
    }

    /// Takes note that a packet is gone.
    pub(super) fn consume(&mut self, index: usize, span: Span, how: How) {
        let state = &mut self.flow.packets[index];
        if state.own != Own::Reported {
            state.own = Own::Gone(span, how);
        }
    }

    /// Forgets what is known of the headers of a packet, which may have changed.
    pub(super) fn headers_changed(&mut self, index: usize, facts: Facts) {
        self.flow.epoch += 1;
        self.flow.packets[index].facts = facts;
    }

    /// Reports each packet declared from `first` on that a way which ends at `span` still holds.
    pub(super) fn require_gone(&mut self, first: usize, span: Span, label: &str) {
        if !self.flow.reachable {
            return;
        }
        for index in first..self.packets.len() {
            let var = &self.packets[index];
            let name = &var.name;
            let note =
                format!("end each way with `send {name} to …` or `drop {name} because \"…\"`");
            let diagnostic = match self.flow.packets[index].own {
                Own::Gone(..) | Own::Reported => continue,
                Own::Held => {
                    let message = format!("`{name}` is neither sent nor dropped");
                    let label = format!("{label} and `{name}` is still held");
                    Diagnostic::error("E0401", message, span, label).other(var.span, "this packet")
                }
                Own::MaybeGone { gone: (at, how), held } => {
                    let message = format!("`{name}` is not sent or dropped on every way");
                    let label = format!("on the way that ends here `{name}` is still held");
                    Diagnostic::error("E0401", message, held, label)
                        .other(at, format!("{} here, on another way", how.participle()))
                }
            };
            self.sink.report(diagnostic.note(note));
            self.flow.packets[index].own = Own::Reported;
        }
    }

    /// `drop p because "reason"`
    pub(super) fn drop_packet(&mut self, packet: &ast::Ident, reason: &str, span: Span) {
        let Some(index) = self.require_packet(packet) else { return };
        if self.require_held(index, packet.span) {
            let reason = self.reason(reason);
            let register = self.packets[index].register;
            self.emit_at(StmtKind::Drop(register, reason), span);
        }
        self.consume(index, span, How::Dropped);
    }

    /// Index of a drop reason of this element.
    fn reason(&mut self, text: &str) -> u32 {
        let known = self.node.reasons.iter().position(|r| r == text);
        let index = known.unwrap_or_else(|| {
            self.node.reasons.push(text.to_owned());
            self.node.reasons.len() - 1
        });
        index as u32
    }
}
