//! Sending packets to ports.

use super::{Lowerer, PortVar};
use crate::check::flow::How;
use crate::diagnostic::Diagnostic;
use crate::ir::StmtKind;
use crate::source::Span;
use crate::syntax::ast;
use crate::syntax::nearest;

/// `send [copy] packet to port[index]`
#[derive(Clone, Copy, Debug)]
pub(super) struct Send<'s> {
    /// Keep the packet.
    pub(super) copy: bool,
    /// What.
    pub(super) packet: &'s ast::Ident,
    /// Where to.
    pub(super) port: &'s ast::Ident,
    /// Which of an array.
    pub(super) index: Option<&'s ast::Expr>,
}

impl Lowerer<'_> {
    /// The declared port of that name; reports if there is none.
    pub(super) fn require_port(&mut self, name: &ast::Ident) -> Option<PortVar> {
        if let Some(port) = self.ports.get(&name.text)
            && !self.in_global_fn
        {
            self.used.ports.insert(name.text.clone());
            return Some(port.clone());
        }
        if self.in_global_fn {
            let message = "a function outside of an element has no ports";
            self.sink.report(
                Diagnostic::error("E0106", message, name.span, "no ports here")
                    .note("move the function into the element"),
            );
            return None;
        }
        if self.broken.contains(&name.text) {
            return None;
        }
        let message = format!("there is no port `{}`", name.text);
        let mut diagnostic = Diagnostic::error("E0106", message, name.span, "not a port");
        if let Some(near) = nearest(&name.text, self.ports.keys().map(String::as_str)) {
            diagnostic = diagnostic.note(format!("did you mean `{near}`?")).patch(name.span, near);
        } else if self.ports.is_empty() {
            diagnostic = diagnostic.note("declare ports first: `port lan, wan`");
        } else {
            let names: Vec<_> = self.ports.keys().map(String::as_str).collect();
            diagnostic = diagnostic.note(format!("the ports are {}", names.join(", ")));
        }
        self.sink.report(diagnostic);
        None
    }

    pub(super) fn send(&mut self, send: Send<'_>, span: Span) {
        let packet = self.require_packet(send.packet);
        let port = self.require_port(send.port);
        let index = send.index.map(|index| self.number64(index));
        let Some(packet) = packet else { return };
        let is_held = self.require_held(packet, send.packet.span);
        if let Some(port) = port {
            let fits = self.port_index_fits(&port, send.port, send.index);
            if is_held && fits {
                self.emit_send(packet, &port, index, (send.copy, span));
            }
        }
        if !send.copy {
            self.consume(packet, span, How::Sent);
        }
    }

    fn port_index_fits(
        &mut self,
        port: &PortVar,
        name: &ast::Ident,
        index: Option<&ast::Expr>,
    ) -> bool {
        let (message, label) = match (port.count, index) {
            (Some(_), None) => {
                (format!("`{}` is an array of ports", name.text), "which one? add `[index]`")
            }
            (None, Some(_)) => {
                (format!("`{}` is a single port", name.text), "there is nothing to index")
            }
            _ => return true,
        };
        self.sink.report(
            Diagnostic::error("E0106", message, name.span, label).other(port.span, "declared here"),
        );
        false
    }

    fn emit_send(
        &mut self,
        packet: usize,
        port: &PortVar,
        index: Option<crate::ir::Expr>,
        (copy, span): (bool, Span),
    ) {
        let mut register = self.packets[packet].register;
        if copy {
            let twin = self.fresh_register();
            self.emit_at(StmtKind::Copy(twin, register), span);
            register = twin;
        }
        let kind = StmtKind::Send {
            packet: register,
            first_port: port.first,
            index,
            count: port.count.unwrap_or(1),
        };
        self.emit_at(kind, span);
    }
}
