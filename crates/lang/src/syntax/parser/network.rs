//! Networks: instances and the wires between them.

use super::{Parse, Parser, Reported};
use crate::syntax::ast::{Arrow, Network, NetworkMember, NetworkMemberKind, Stop};

impl Parser<'_> {
    pub(super) fn network(&mut self) -> Parse<Network> {
        self.bump();
        let name = self.name("a network")?;
        let params = self.params()?;
        let opened = self.span();
        self.expect("{")?;
        let faults = self.diagnostics.len();
        let mut members = Vec::new();
        while self.has_more(opened, faults) {
            let start = self.at;
            let docs = self.docs();
            match self.network_member() {
                Ok(kind) => {
                    self.recovering = false;
                    members.push(NetworkMember { docs, kind, span: self.since(start) });
                }
                Err(Reported) => self.skip_member(start, true),
            }
        }
        Ok(Network { name, params, members })
    }

    fn network_member(&mut self) -> Parse<NetworkMemberKind> {
        match self.word() {
            "port" if self.heads() => self.ports().map(NetworkMemberKind::Ports),
            "let" => {
                self.bump();
                let name = self.name("an instance")?;
                self.expect("=")?;
                let instance = self.instance()?;
                self.member_end()?;
                Ok(NetworkMemberKind::Instance(name, instance))
            }
            _ if self.at_name() => self.chain(),
            _ => {
                Err(self.unexpected("`port`, `let` or a chain such as `lan <-> Firewall <-> wan`"))
            }
        }
    }

    fn chain(&mut self) -> Parse<NetworkMemberKind> {
        let first = self.stop()?;
        let mut rest = Vec::new();
        loop {
            let arrow = if self.at_symbol("->") {
                Arrow::Forward
            } else if self.at_symbol("<->") {
                Arrow::Both
            } else if rest.is_empty() || self.at_symbol("<-") {
                return Err(self.unexpected("`->` or `<->`"));
            } else {
                self.member_end()?;
                return Ok(NetworkMemberKind::Chain(first, rest));
            };
            self.bump();
            rest.push((arrow, self.stop()?));
        }
    }

    fn stop(&mut self) -> Parse<Stop> {
        let start = self.at;
        let instance = self.instance()?;
        let port = if self.eat(".") { Some(self.field_name("a port")?) } else { None };
        let index = self.index()?;
        Ok(Stop { instance, port, index, span: self.since(start) })
    }
}
