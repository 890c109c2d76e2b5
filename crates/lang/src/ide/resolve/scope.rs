//! What is in scope.

use super::Target;
use crate::source::Span;
use crate::syntax::ast::{self, Ident, MemberKind, NetworkMemberKind};

/// A name that a handler or function binds.
#[derive(Clone, Debug)]
pub(super) struct Local {
    /// Its name.
    pub(super) name: String,
    /// Where it is bound.
    pub(super) span: Span,
    /// It names a packet.
    pub(super) is_packet: bool,
}

/// What an element or a network declares within itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Members<'a> {
    /// Ports.
    pub(super) ports: Vec<(&'a str, Span)>,
    /// Parameters and constants.
    values: Vec<(&'a str, Span)>,
    /// State objects.
    states: Vec<&'a ast::State>,
    /// Pattern sets.
    pattern_sets: Vec<&'a Ident>,
    /// Events.
    events: Vec<&'a Ident>,
    /// Streams of records.
    streams: Vec<&'a Ident>,
    /// Functions.
    fns: Vec<&'a Ident>,
    /// Instances, with what they are instances of.
    instances: Vec<(&'a str, Span, &'a str)>,
}

impl<'a> Members<'a> {
    /// Those of an element.
    pub(super) fn of_element(element: &'a ast::Element) -> Self {
        let mut members = Self::default();
        members.add_params(&element.params);
        for member in &element.members {
            match &member.kind {
                MemberKind::Ports(ports) => members.add_ports(ports),
                MemberKind::State(state) => members.states.push(state),
                MemberKind::Patterns(set) => members.pattern_sets.push(&set.name),
                MemberKind::Const(c) => members.values.push((&c.name.text, c.name.span)),
                MemberKind::Fn(f) => members.fns.push(&f.name),
                MemberKind::Event(event) => members.events.push(&event.name),
                MemberKind::Stream(name, _) => members.streams.push(name),
                MemberKind::On(_)
                | MemberKind::Init(_)
                | MemberKind::Every(..)
                | MemberKind::OnEvent(_)
                | MemberKind::Close(_) => {}
            }
        }
        members
    }

    /// Those of a network.
    pub(super) fn of_network(network: &'a ast::Network) -> Self {
        let mut members = Self::default();
        members.add_params(&network.params);
        for member in &network.members {
            match &member.kind {
                NetworkMemberKind::Ports(ports) => members.add_ports(ports),
                NetworkMemberKind::Instance(name, instance) => {
                    members.instances.push((&name.text, name.span, &instance.name.text));
                }
                NetworkMemberKind::Chain(..) => {}
            }
        }
        members
    }

    fn add_params(&mut self, params: &'a [ast::Param]) {
        self.values.extend(params.iter().map(|p| (p.name.text.as_str(), p.name.span)));
    }

    fn add_ports(&mut self, ports: &'a [ast::Port]) {
        self.ports.extend(ports.iter().map(|p| (p.name.text.as_str(), p.name.span)));
    }

    /// The port of that name.
    pub(super) fn port(&self, name: &str) -> Option<Target> {
        self.ports.iter().find(|p| p.0 == name).map(|p| Target::Declared(p.1))
    }

    /// The state object of that name.
    pub(super) fn state(&self, name: &str) -> Option<&'a ast::State> {
        self.states.iter().find(|s| s.name.text == name).copied()
    }

    /// The pattern set of that name.
    pub(super) fn pattern_set(&self, name: &str) -> Option<&'a Ident> {
        self.pattern_sets.iter().find(|set| set.text == name).copied()
    }

    /// The parameter, constant, state object or pattern set of that name.
    pub(super) fn value(&self, name: &str) -> Option<Target> {
        let value = self.values.iter().find(|v| v.0 == name).map(|v| v.1);
        let object = || self.state(name).map(|s| &s.name).or_else(|| self.pattern_set(name));
        value.or_else(|| object().map(|name| name.span)).map(Target::Declared)
    }

    /// The event of that name.
    pub(super) fn event(&self, name: &str) -> Option<Target> {
        self.events.iter().find(|e| e.text == name).map(|e| Target::Declared(e.span))
    }

    /// The stream of that name.
    pub(super) fn stream(&self, name: &str) -> Option<Target> {
        self.streams.iter().find(|s| s.text == name).map(|s| Target::Declared(s.span))
    }

    /// The function of that name.
    pub(super) fn function(&self, name: &str) -> Option<Target> {
        self.fns.iter().find(|f| f.text == name).map(|f| Target::Declared(f.span))
    }

    /// What an instance is an instance of.
    pub(super) fn instance(&self, name: &str) -> Option<&'a str> {
        self.instances.iter().find(|i| i.0 == name).map(|i| i.2)
    }

    /// The port or instance that a stop of a chain names.
    pub(super) fn stop(&self, name: &str) -> Option<Target> {
        let instance = self.instances.iter().find(|i| i.0 == name);
        self.port(name).or_else(|| instance.map(|i| Target::Declared(i.1)))
    }
}
