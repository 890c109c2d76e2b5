//! Networks: instances, parameters and wires, flattened into one [`Program`].
//!
//! Every port of every instance has two *pins*: packets go in at one and come out at the other. A
//! wire leads from an outgoing pin to an ingoing one. The border of a nested network is a pair of
//! pins that only pass on; flattening follows wires through them until it meets an element, the
//! outside, or nothing.

use super::element::{lower_element, ports as element_ports};
use super::items::Items;
use super::sink::Sink;
use super::types::resolve;
use super::value::{Tables, Value, eval_const};
use crate::diagnostic::Diagnostic;
use crate::ir::{Dest, Handler, Node, Program, Stmt, StmtKind, Trigger};
use crate::source::Span;
use crate::syntax::ast::{self, Arrow, Ident, NetworkMemberKind as MemberKind};
use crate::syntax::nearest;
use std::collections::BTreeMap;

/// Most element instances of a program.
pub const NODES_MAX: usize = 4096;

/// Most levels of networks within networks.
pub const NESTING_MAX: usize = 16;

/// Most ports of a network, arrays expanded.
pub const PORTS_MAX: u32 = 1024;

/// Values of parameters, by name.
pub type Args = BTreeMap<String, Value>;

/// What is to be instantiated.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// A network.
    Network(&'a ast::Network),
    /// An element by itself: its ports become the external ports.
    Element(&'a ast::Element),
}

impl<'a> Subject<'a> {
    /// The network or element of that name.
    pub fn find(items: &Items<'a>, name: &str) -> Option<Self> {
        let network = items.networks.get(name).map(|&n| Self::Network(n));
        network.or_else(|| items.elements.get(name).map(|&e| Self::Element(e)))
    }

    /// What runs by that name: as [`Self::find`], but a query in a network of its own, which gives
    /// up what the query has looked at.
    pub fn to_run(items: &Items<'a>, name: &str) -> Option<Self> {
        let tap = items.taps.get(name).map(|&n| Self::Network(n));
        tap.or_else(|| Self::find(items, name))
    }

    /// Its name.
    pub const fn name(self) -> &'a Ident {
        match self {
            Self::Network(n) => &n.name,
            Self::Element(e) => &e.name,
        }
    }

    /// Its parameters.
    pub fn params(self) -> &'a [ast::Param] {
        match self {
            Self::Network(n) => &n.params,
            Self::Element(e) => &e.params,
        }
    }
}

/// Instantiates `subject` with `args`, which must hold a value for every parameter.
pub fn instantiate(
    items: &Items<'_>,
    tables: &dyn Tables,
    subject: Subject<'_>,
    args: &Args,
    sink: &mut Sink,
) -> Option<Program> {
    let errors = sink.error_count();
    let mut builder = Builder { items, tables, sink, pins: Vec::new(), nodes: Vec::new() };
    let outer = match subject {
        Subject::Network(network) => builder.network(network, args, "", 0)?,
        Subject::Element(element) => {
            let name = snake_case(&element.name.text);
            builder.element(element, args, name)?
        }
    };
    let program = builder.finish(subject.name().text.clone(), &outer);
    (sink.error_count() == errors).then_some(program)
}

/// The values of a subject's parameters: `given`, else the defaults. Reports what is missing,
/// unknown or of the wrong type.
pub fn bind_args(
    items: &Items<'_>,
    tables: &dyn Tables,
    subject: Subject<'_>,
    instance: &ast::Instance,
    env: &Args,
    sink: &mut Sink,
) -> Option<Args> {
    let mut sound = true;
    for (name, _) in &instance.args {
        if subject.params().iter().all(|p| p.name.text != name.text) {
            sound = false;
            sink.report(unknown_parameter(subject, name));
        }
    }
    let mut bound = Args::new();
    for param in subject.params() {
        let ty = resolve(items, &param.ty, sink);
        let given = instance.args.iter().find(|(name, _)| name.text == param.name.text);
        let value = match (given, &param.default) {
            (Some((_, expr)), _) => eval_const(items, env, expr, Some(&ty), tables, sink),
            (None, Some(expr)) => eval_const(items, &bound, expr, Some(&ty), tables, sink),
            (None, None) => {
                let message = format!("`{}` needs a value", param.name.text);
                let label = format!("`{}` has no default", param.name.text);
                sink.report(
                    Diagnostic::error("E0502", message, instance.span, label)
                        .other(param.name.span, "the parameter")
                        .note(format!("write `{}({}: …)`", subject.name().text, param.name.text)),
                );
                None
            }
        };
        match value {
            Some(value) => drop(bound.insert(param.name.text.clone(), value)),
            None => sound = false,
        }
    }
    sound.then_some(bound)
}

fn unknown_parameter(subject: Subject<'_>, name: &Ident) -> Diagnostic {
    let of = &subject.name().text;
    let message = format!("`{of}` has no parameter `{}`", name.text);
    let diagnostic = Diagnostic::error("E0503", message, name.span, "not a parameter");
    let names = subject.params().iter().map(|p| p.name.text.as_str());
    match nearest(&name.text, names.clone()) {
        Some(near) => diagnostic.note(format!("did you mean `{near}`?")).patch(name.span, near),
        None if subject.params().is_empty() => diagnostic.note(format!("`{of}` takes none")),
        None => diagnostic.note(format!("it has {}", names.collect::<Vec<_>>().join(", "))),
    }
}

/// Index into [`Builder::pins`].
type PinId = usize;

/// One direction of one port.
struct Pin {
    kind: PinKind,
    /// Where packets go from here, with the wire's place; for pins that packets come out of.
    next: Option<(PinId, Span)>,
}

#[derive(Clone, Copy)]
enum PinKind {
    /// Into a port of a node.
    Enter(u32, u32),
    /// Out of a port of a node.
    Leave,
    /// Through the border of a network, or out into the open at the outermost one.
    Border,
    /// Given up on purpose.
    Discard,
}

/// A declared port of an instance: its pins, one pair for each index of an array.
struct PortPins {
    name: String,
    is_array: bool,
    /// (where packets go into the instance, where they come out)
    pins: Vec<(PinId, PinId)>,
}

/// An instance as seen from the network that holds it.
struct Placed {
    name: String,
    ports: Vec<PortPins>,
    /// The node, if it is an element.
    node: Option<u32>,
    span: Span,
}

/// A pin pair that a chain attaches to: (into, out of).
type Joint = (Option<PinId>, Option<PinId>);

struct Builder<'b, 'a> {
    items: &'b Items<'a>,
    tables: &'b dyn Tables,
    sink: &'b mut Sink,
    pins: Vec<Pin>,
    nodes: Vec<Node>,
}

/// The names within one network while it is wired.
struct Scope<'n> {
    network: &'n ast::Network,
    args: &'n Args,
    prefix: &'n str,
    depth: usize,
    border: Vec<PortPins>,
    placed: Vec<Placed>,
}

impl<'a> Builder<'_, 'a> {
    fn pin(&mut self, kind: PinKind) -> PinId {
        self.pins.push(Pin { kind, next: None });
        self.pins.len() - 1
    }

    /// Lowers an element and makes the pins of its ports.
    fn element(&mut self, element: &ast::Element, args: &Args, name: String) -> Option<Placed> {
        if self.nodes.len() == NODES_MAX {
            let message = format!("the program has more than {NODES_MAX} element instances");
            self.sink.error("E0504", message, element.name.span, "one of this element is too many");
            return None;
        }
        let declared = element_ports(self.items, element, args, self.tables, self.sink);
        let mut node = lower_element(self.items, element, args, self.tables, self.sink)?;
        node.name.clone_from(&name);
        let index = self.nodes.len() as u32;
        self.nodes.push(node);
        let mut flat = 0;
        let mut ports = Vec::with_capacity(declared.len());
        for (name, count) in declared {
            let pins = (0..count.unwrap_or(1))
                .map(|_| {
                    let enter = self.pin(PinKind::Enter(index, flat));
                    flat += 1;
                    (enter, self.pin(PinKind::Leave))
                })
                .collect();
            ports.push(PortPins { name, is_array: count.is_some(), pins });
        }
        Some(Placed { name, ports, node: Some(index), span: element.name.span })
    }

    /// Instantiates the contents of a network; the result's ports are its border seen from outside.
    fn network(
        &mut self,
        network: &ast::Network,
        args: &Args,
        prefix: &str,
        depth: usize,
    ) -> Option<Placed> {
        if depth > NESTING_MAX {
            let message = format!("`{}` is nested more than {NESTING_MAX} deep", network.name.text);
            self.sink.report(
                Diagnostic::error("E0504", message, network.name.span, "this network")
                    .note("a network cannot contain itself"),
            );
            return None;
        }
        let border = self.border(network, args)?;
        let mut scope = Scope { network, args, prefix, depth, border, placed: Vec::new() };
        let errors = self.sink.error_count();
        for member in &network.members {
            if let MemberKind::Instance(name, instance) = &member.kind {
                self.declare(&mut scope, name, instance);
            }
        }
        for member in &network.members {
            if let MemberKind::Chain(first, rest) = &member.kind {
                self.chain(&mut scope, first, rest);
            }
        }
        if self.sink.error_count() > errors {
            return None;
        }
        self.end_queries(&scope);
        self.warn_unused(&scope);
        Some(Placed {
            name: network.name.text.clone(),
            ports: scope.border,
            node: None,
            span: network.name.span,
        })
    }

    fn border(&mut self, network: &ast::Network, args: &Args) -> Option<Vec<PortPins>> {
        let mut border: Vec<PortPins> = Vec::new();
        let mut total = 0;
        for member in &network.members {
            let MemberKind::Ports(ports) = &member.kind else { continue };
            for port in ports {
                if border.iter().any(|b| b.name == port.name.text) {
                    let message = format!("the port `{}` is declared twice", port.name.text);
                    self.sink.error("E0104", message, port.name.span, "declared again");
                    continue;
                }
                let count = match &port.count {
                    None => 1,
                    Some(expr) => {
                        let ty = super::types::Type::Uint(32);
                        let value =
                            eval_const(self.items, args, expr, Some(&ty), self.tables, self.sink)?;
                        value.as_u64().unwrap_or(0) as u32
                    }
                };
                total += count.min(PORTS_MAX + 1);
                if count == 0 || total > PORTS_MAX {
                    let message = format!("a network has 1 to {PORTS_MAX} ports");
                    self.sink.error("E0504", message, port.name.span, "too many or none");
                    return None;
                }
                let pins = (0..count)
                    .map(|_| (self.pin(PinKind::Border), self.pin(PinKind::Border)))
                    .collect();
                let is_array = port.count.is_some();
                border.push(PortPins { name: port.name.text.clone(), is_array, pins });
            }
        }
        Some(border)
    }

    /// `let name = Element(args)`
    fn declare(&mut self, scope: &mut Scope<'_>, name: &Ident, instance: &ast::Instance) {
        let known = scope.placed.iter().find(|p| p.name == name.text).map(|p| p.span);
        let known = known.or_else(|| {
            scope.border.iter().any(|b| b.name == name.text).then_some(scope.network.name.span)
        });
        if let Some(before) = known {
            let message = format!("`{}` is declared twice", name.text);
            self.sink.report(
                Diagnostic::error("E0104", message, name.span, "declared again")
                    .other(before, "declared here first"),
            );
            return;
        }
        if let Some(mut placed) = self.place(scope, &name.text, instance) {
            placed.span = name.span;
            scope.placed.push(placed);
        }
    }

    /// Makes an instance called `name` within the scope.
    fn place(&mut self, scope: &Scope<'_>, name: &str, instance: &ast::Instance) -> Option<Placed> {
        let Some(subject) = Subject::find(self.items, &instance.name.text) else {
            self.unknown(scope, &instance.name);
            return None;
        };
        let args = bind_args(self.items, self.tables, subject, instance, scope.args, self.sink)?;
        let path = format!("{}{name}", scope.prefix);
        match subject {
            Subject::Element(element) => {
                let mut placed = self.element(element, &args, path)?;
                name.clone_into(&mut placed.name);
                Some(placed)
            }
            Subject::Network(network) => {
                let prefix = format!("{path}.");
                let mut placed = self.network(network, &args, &prefix, scope.depth + 1)?;
                name.clone_into(&mut placed.name);
                Some(placed)
            }
        }
    }

    fn unknown(&mut self, scope: &Scope<'_>, name: &Ident) {
        let message = format!("there is no port, instance, element or network `{}`", name.text);
        let known = (scope.border.iter().map(|b| b.name.as_str()))
            .chain(scope.placed.iter().map(|p| p.name.as_str()))
            .chain(self.items.elements.keys().copied())
            .chain(self.items.networks.keys().copied());
        let mut diagnostic = Diagnostic::error("E0501", message, name.span, "not known here");
        if let Some(near) = nearest(&name.text, known) {
            diagnostic = diagnostic.note(format!("did you mean `{near}`?")).patch(name.span, near);
        }
        self.sink.report(diagnostic);
    }

    // === Chains ===

    fn chain(&mut self, scope: &mut Scope<'_>, first: &ast::Stop, rest: &[(Arrow, ast::Stop)]) {
        let Some((_, mut left)) = self.stop(scope, first, rest.is_empty(), true) else { return };
        for (index, (arrow, stop)) in rest.iter().enumerate() {
            let last = index + 1 == rest.len();
            let Some((entry, exit)) = self.stop(scope, stop, last, false) else { return };
            let span = stop.span;
            self.wire(left.1, entry.0, span);
            if *arrow == Arrow::Both {
                self.wire(entry.1, left.0, span);
            }
            left = exit;
        }
    }

    fn wire(&mut self, from: Option<PinId>, to: Option<PinId>, span: Span) {
        let (Some(from), Some(to)) = (from, to) else {
            let message = "nothing comes back from `discard`";
            self.sink.report(
                Diagnostic::error("E0505", message, span, "a wire in both directions ends here")
                    .note("use `->`"),
            );
            return;
        };
        match self.pins[from].next {
            None => self.pins[from].next = Some((to, span)),
            Some((old, _)) if old == to => {}
            Some((_, before)) => self.sink.report(
                Diagnostic::error(
                    "E0506",
                    "one output cannot feed two wires",
                    span,
                    "a second wire from the same output",
                )
                .other(before, "the first one")
                .note("an element that sends a copy to each of two ports does that"),
            ),
        }
    }

    /// The joints of a stop towards its left and its right neighbour.
    fn stop(
        &mut self,
        scope: &mut Scope<'_>,
        stop: &ast::Stop,
        is_last: bool,
        is_first: bool,
    ) -> Option<(Joint, Joint)> {
        let name = &stop.instance.name;
        if name.text == "discard" && stop.instance.args.is_empty() {
            let pin = self.pin(PinKind::Discard);
            return Some(((Some(pin), None), (None, None)));
        }
        let is_end = is_first || is_last;
        let bare = stop.instance.args.is_empty();
        if bare && let Some(port) = scope.border.iter().position(|b| b.name == name.text) {
            if !is_end {
                let message = format!("the port `{}` stands in the middle of a chain", name.text);
                self.sink.report(
                    Diagnostic::error("E0507", message, stop.span, "a port of the network")
                        .note("end one chain here and begin another"),
                );
                return None;
            }
            let index = self.index(scope, stop)?;
            let (enter, leave) = self.array_pin(&scope.border[port], index, stop)?;
            // Seen from inside, the border is the other way round.
            let joint = (Some(leave), Some(enter));
            return Some((joint, joint));
        }
        let placed = match scope.placed.iter().position(|p| bare && p.name == name.text) {
            Some(index) => index,
            None => self.anonymous(scope, &stop.instance)?,
        };
        let index = self.index(scope, stop)?;
        self.joints(&scope.placed[placed], stop, index, is_end)
    }

    fn anonymous(&mut self, scope: &mut Scope<'_>, instance: &ast::Instance) -> Option<usize> {
        let base = snake_case(&instance.name.text);
        let taken = |name: &str| {
            scope.placed.iter().any(|p| p.name == name)
                || scope.border.iter().any(|b| b.name == name)
        };
        let mut name = base.clone();
        let mut number = 2;
        while taken(&name) {
            name = format!("{base}{number}");
            number += 1;
        }
        let mut placed = self.place(scope, &name, instance)?;
        placed.span = instance.span;
        scope.placed.push(placed);
        Some(scope.placed.len() - 1)
    }

    /// The value of a stop's `[index]`. The outer `None` was reported.
    fn index(&mut self, scope: &Scope<'_>, stop: &ast::Stop) -> Option<Option<u64>> {
        let Some(expr) = &stop.index else { return Some(None) };
        let ty = super::types::Type::Uint(32);
        let value = eval_const(self.items, scope.args, expr, Some(&ty), self.tables, self.sink)?;
        Some(value.as_u64())
    }

    fn array_pin(
        &mut self,
        port: &PortPins,
        index: Option<u64>,
        stop: &ast::Stop,
    ) -> Option<(PinId, PinId)> {
        let name = &port.name;
        let problem = match index {
            None if port.is_array => format!("`{name}` is an array of ports: say which one"),
            Some(_) if !port.is_array => format!("`{name}` is a single port, not an array"),
            _ => match port.pins.get(index.unwrap_or(0) as usize) {
                Some(&pins) => return Some(pins),
                None => format!("`{name}` has the indices 0 to {}", port.pins.len() - 1),
            },
        };
        self.sink.error("E0508", problem, stop.span, "this stop of the chain");
        None
    }

    fn joints(
        &mut self,
        placed: &Placed,
        stop: &ast::Stop,
        index: Option<u64>,
        is_end: bool,
    ) -> Option<(Joint, Joint)> {
        let both = |(enter, leave)| (Some(enter), Some(leave));
        let of = &stop.instance.name.text;
        let Some(port) = &stop.port else {
            let needed = if is_end { 1 } else { 2 };
            if placed.ports.len() < needed {
                let message = format!("`{of}` has no second port to go on from");
                self.sink.error("E0509", message, stop.span, "in the middle of a chain");
                return None;
            }
            let left = self.array_pin(&placed.ports[0], index, stop)?;
            if is_end {
                return Some((both(left), both(left)));
            }
            let right = self.array_pin(&placed.ports[1], None, stop)?;
            return Some((both(left), both(right)));
        };
        let Some(at) = placed.ports.iter().position(|p| p.name == port.text) else {
            let message = format!("`{of}` has no port `{}`", port.text);
            let names: Vec<_> = placed.ports.iter().map(|p| p.name.as_str()).collect();
            let mut diagnostic = Diagnostic::error("E0508", message, port.span, "not a port")
                .note(format!("its ports are {}", names.join(", ")));
            if let Some(near) = nearest(&port.text, names.iter().copied()) {
                diagnostic = diagnostic.patch(port.span, near);
            }
            self.sink.report(diagnostic);
            return None;
        };
        let left = self.array_pin(&placed.ports[at], index, stop)?;
        if is_end {
            return Some((both(left), both(left)));
        }
        if placed.ports.len() != 2 {
            let message = format!("it is not clear at which port of `{of}` the chain goes on");
            self.sink.report(
                Diagnostic::error("E0509", message, stop.span, "in the middle of a chain")
                    .note("end one chain here and begin another at the port that is meant"),
            );
            return None;
        }
        let right = self.array_pin(&placed.ports[1 - at], None, stop)?;
        Some((both(left), both(right)))
    }

    // === Flattening ===

    fn finish(self, name: String, outer: &Placed) -> Program {
        let mut program = Program { name, nodes: self.nodes, ..Program::default() };
        let mut external = BTreeMap::new();
        for port in &outer.ports {
            for (index, &(_, leave)) in port.pins.iter().enumerate() {
                external.insert(leave, program.ports.len() as u32);
                program.ports.push(if port.is_array {
                    format!("{}[{index}]", port.name)
                } else {
                    port.name.clone()
                });
            }
        }
        if let Some(node) = outer.node {
            let node_ports = 0..program.nodes[node as usize].ports.len() as u32;
            program.ingress = node_ports.clone().map(|port| Dest::Node(node, port)).collect();
            program.nodes[node as usize].wires = node_ports.map(Dest::Out).collect();
            return program;
        }
        let resolve = |from: PinId| destination(&self.pins, &external, from);
        let borders = outer.ports.iter().flat_map(|p| &p.pins);
        program.ingress = borders.map(|&(enter, _)| resolve(enter)).collect();
        // Pins of a node's ports were made in order: enter, leave, enter, leave …
        for (pin, entry) in self.pins.iter().enumerate() {
            if let PinKind::Enter(node, port) = entry.kind {
                let wires = &mut program.nodes[node as usize].wires;
                if wires.len() <= port as usize {
                    wires.resize(port as usize + 1, Dest::Unconnected);
                }
                wires[port as usize] = resolve(pin + 1);
            }
        }
        program
    }

    /// What a query lets through where nothing is behind it is given up: it has been looked at.
    fn end_queries(&mut self, scope: &Scope<'_>) {
        for placed in &scope.placed {
            let Some(node) = placed.node else { continue };
            let element = &self.nodes[node as usize].element;
            if !self.items.queries.contains_key(element.as_str()) {
                continue;
            }
            for &(_, leave) in placed.ports.iter().flat_map(|port| &port.pins) {
                if self.pins[leave].next.is_none() {
                    let discard = self.pin(PinKind::Discard);
                    self.pins[leave].next = Some((discard, placed.span));
                }
            }
        }
    }

    /// Warns about instances that no packet reaches and outputs that are used but not wired.
    fn warn_unused(&mut self, scope: &Scope<'_>) {
        for placed in &scope.placed {
            let Some(node) = placed.node else { continue };
            let is_entered =
                |enter: PinId| self.pins.iter().any(|p| p.next.is_some_and(|(to, _)| to == enter));
            let entered = placed.ports.iter().flat_map(|p| p.pins.iter().map(|pin| pin.0));
            let entered: Vec<bool> = entered.map(is_entered).collect();
            if !entered.contains(&true) {
                let message = format!("no packet reaches `{}`", placed.name);
                self.sink.warning("W0501", message, placed.span, "wired to nothing");
                continue;
            }
            let mut first_port = 0;
            for port in &placed.ports {
                let wired = port.pins.iter().any(|&(_, leave)| self.pins[leave].next.is_some());
                if !wired && sends_to(&self.nodes[node as usize], first_port, &entered) {
                    let message =
                        format!("what `{}` sends to `{}` is lost", placed.name, port.name);
                    self.sink.report(
                        Diagnostic::warning("W0502", message, placed.span, "not wired").note(
                            format!(
                                "write `{}.{} -> discard` if that is meant",
                                placed.name, port.name
                            ),
                        ),
                    );
                }
                first_port += port.pins.len() as u32;
            }
        }
    }
}

/// Follows wires from a pin to where packets arrive.
fn destination(pins: &[Pin], external: &BTreeMap<PinId, u32>, from: PinId) -> Dest {
    let mut at = from;
    // A chain of borders is no longer than there are pins; a longer one runs in a circle.
    for _ in 0..pins.len() {
        let Some((next, _)) = pins[at].next else { return Dest::Unconnected };
        match pins[next].kind {
            PinKind::Enter(node, port) => return Dest::Node(node, port),
            PinKind::Discard => return Dest::Discard,
            PinKind::Border | PinKind::Leave => {}
        }
        if let Some(&port) = external.get(&next) {
            return Dest::Out(port);
        }
        at = next;
    }
    Dest::Unconnected
}

/// Whether a handler that may run sends to a port, where packets enter at some of the ports.
fn sends_to(node: &Node, port: u32, entered: &[bool]) -> bool {
    fn any(stmts: &[Stmt], port: u32) -> bool {
        stmts.iter().any(|stmt| match &stmt.kind {
            StmtKind::Send { first_port, .. } => *first_port == port,
            StmtKind::If(_, yes, no) => any(yes, port) || any(no, port),
            StmtKind::Loop { body, .. } | StmtKind::Block(_, body) => any(body, port),
            _ => false,
        })
    }
    let runs = |handler: &Handler| match handler.trigger {
        Trigger::Packet { first_port, port_count, .. } => (first_port..first_port + port_count)
            .any(|port| entered.get(port as usize).is_some_and(|entered| *entered)),
        _ => true,
    };
    node.handlers.iter().any(|h| runs(h) && any(&h.body, port))
}

/// `LpmRouter` → `lpm_router`: the name of an anonymous instance.
fn snake_case(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for (index, c) in name.char_indices() {
        if c.is_ascii_uppercase() && index > 0 {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}
