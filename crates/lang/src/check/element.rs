//! Elements: their ports, and from an element with arguments to a node of the IR.

use super::items::Items;
use super::lower::{Lowerer, PortVar, Used};
use super::sink::Sink;
use super::types::{Type, resolve};
use super::value::{Tables, Value, eval_const};
use crate::diagnostic::Diagnostic;
use crate::ir::{Dest, Handler, Node, Trigger, reason};
use crate::source::Span;
use crate::syntax::ast::{self, MemberKind};
use std::collections::BTreeMap;
use trama_wire::header::HeaderSet;

/// Most ports of an element, arrays expanded.
pub const PORTS_MAX: u32 = 1024;

/// The declared ports of an element with these arguments, in order: name, and length of an array.
/// What is wrong with them is reported by [`lower_element`] in the same words.
pub fn ports(
    items: &Items<'_>,
    element: &ast::Element,
    args: &BTreeMap<String, Value>,
    tables: &dyn Tables,
    sink: &mut Sink,
) -> Vec<(String, Option<u32>)> {
    let env = element_consts(items, element, args.clone(), tables, sink).0;
    let declared = element.members.iter().filter_map(|member| match &member.kind {
        MemberKind::Ports(ports) => Some(ports),
        _ => None,
    });
    declared_ports(items, declared.flatten(), &env, tables, sink)
        .into_iter()
        .map(|(name, count)| (name.text.clone(), count))
        .collect()
}

/// Ports with the lengths of arrays evaluated; for elements and networks. Reports lengths that are
/// not constant, names that come twice, and too many ports, and leaves those ports out.
pub fn declared_ports<'p>(
    items: &Items<'_>,
    declared: impl IntoIterator<Item = &'p ast::Port>,
    env: &BTreeMap<String, Value>,
    tables: &dyn Tables,
    sink: &mut Sink,
) -> Vec<(&'p ast::Ident, Option<u32>)> {
    let mut ports: Vec<(&ast::Ident, Option<u32>)> = Vec::new();
    let mut total = 0;
    for port in declared {
        if let Some((before, _)) = ports.iter().find(|known| known.0.text == port.name.text) {
            let message = format!("`{}` is declared twice", port.name.text);
            sink.report(
                Diagnostic::error("E0104", message, port.name.span, "declared again")
                    .other(before.span, "declared here first"),
            );
            continue;
        }
        let count = match &port.count {
            None => None,
            Some(expr) => {
                let ty = Type::Uint(32);
                let value = eval_const(items, env, expr, Some(&ty), tables, sink);
                let Some(count) = value.and_then(|value| value.as_u64()) else { continue };
                let Ok(count @ 1..=PORTS_MAX) = u32::try_from(count) else {
                    let message = format!("an array has 1 to {PORTS_MAX} ports, not {count}");
                    sink.error("E0601", message, expr.span, "out of range");
                    continue;
                };
                Some(count)
            }
        };
        total += count.unwrap_or(1);
        if total > PORTS_MAX {
            let message = format!("more than {PORTS_MAX} ports");
            sink.error("E0601", message, port.name.span, "too many");
            break;
        }
        ports.push((&port.name, count));
    }
    ports
}

/// Lowers an element with these arguments, one for each parameter, to a node: unnamed, with all
/// wires unconnected. Reports everything that is wrong with the element, and gives `None` then.
pub fn lower_element(
    items: &Items<'_>,
    element: &ast::Element,
    args: &BTreeMap<String, Value>,
    tables: &dyn Tables,
    sink: &mut Sink,
) -> Option<Node> {
    let (errors, messages) = (sink.error_count(), sink.diagnostics.len());
    let (env, broken) = element_consts(items, element, args.clone(), tables, sink);
    let mut lowerer = Lowerer::new(items, &env, tables, sink);
    lowerer.broken = broken.into_iter().collect();
    lowerer.node.element = element.name.text.clone();
    lowerer.node.reasons = reason::BUILT_IN.iter().map(|&text| text.to_owned()).collect();
    declare(&mut lowerer, element);
    for member in &element.members {
        match &member.kind {
            MemberKind::On(on) => lowerer.packet_handler(on, member.span),
            MemberKind::Init(body) => lowerer.init_handler(body, member.span),
            MemberKind::Every(period, body) => lowerer.timer(period, body, member.span),
            MemberKind::OnEvent(on) => lowerer.event_handler(on, member.span),
            MemberKind::Close(body) => lowerer.close_handler(body, member.span),
            _ => {}
        }
    }
    warn_unreachable(&mut lowerer);
    lowerer.check_uncalled_fns(element);
    warn_unused(&mut lowerer, element);
    let node = lowerer.node;
    let sound = sink.error_count() == errors;
    if !sound {
        sink.drop_warnings(messages);
    }
    sound.then_some(node)
}

/// The types of all names that are bound in an element's handlers, which is checked as
/// [`check_element`] does.
pub(crate) fn probe(
    items: &Items<'_>,
    element: &ast::Element,
    tables: &dyn Tables,
    sink: &mut Sink,
) -> Vec<(String, Type)> {
    let args = placeholders(items, element, tables, sink);
    let (env, broken) = element_consts(items, element, args, tables, sink);
    let mut lowerer = Lowerer::new(items, &env, tables, sink);
    lowerer.broken = broken.into_iter().collect();
    lowerer.bound = Some(Vec::new());
    declare(&mut lowerer, element);
    for member in &element.members {
        if let MemberKind::On(on) = &member.kind {
            lowerer.packet_handler(on, member.span);
        }
    }
    lowerer.bound.take().unwrap_or_default()
}

/// Checks an element that nobody instantiates, with its defaults or, where there are none,
/// stand-ins for arguments.
pub fn check_element(
    items: &Items<'_>,
    element: &ast::Element,
    tables: &dyn Tables,
    sink: &mut Sink,
) {
    let args = placeholders(items, element, tables, sink);
    lower_element(items, element, &args, tables, sink);
}

/// Values for all parameters: the defaults, else stand-ins.
fn placeholders(
    items: &Items<'_>,
    element: &ast::Element,
    tables: &dyn Tables,
    sink: &mut Sink,
) -> BTreeMap<String, Value> {
    let mut args = BTreeMap::new();
    for param in &element.params {
        let ty = resolve(items, &param.ty, sink);
        let default = param.default.as_ref();
        let value = default
            .and_then(|expr| eval_const(items, &args, expr, Some(&ty), tables, sink))
            .or_else(|| Value::placeholder(&ty));
        if let Some(value) = value {
            args.insert(param.name.text.clone(), value);
        }
    }
    args
}

/// Checks the items of the user that no element uses: types, constants, functions. To be called
/// when all elements were lowered.
pub fn check_items(items: &Items<'_>, files: &[ast::File], tables: &dyn Tables, sink: &mut Sink) {
    let nothing = BTreeMap::new();
    for item in files.iter().flat_map(|file| &file.items) {
        match &item.kind {
            ast::ItemKind::Record(record) => {
                items.named_type(&record.name.text, record.name.span, sink);
            }
            ast::ItemKind::Enum(def) => {
                items.named_type(&def.name.text, def.name.span, sink);
            }
            ast::ItemKind::Const(constant) => {
                let name = &constant.name;
                super::value::global(items, &name.text, name.span, tables, sink);
            }
            ast::ItemKind::Fn(function) => {
                let is_current = |known: &&ast::Fn| known.name.span == function.name.span;
                if let Some(known) = items.fns.get(function.name.text.as_str())
                    && is_current(known)
                    && !items.is_called(&function.name.text)
                {
                    Lowerer::new(items, &nothing, tables, sink).check_uncalled(known, true);
                }
            }
            _ => {}
        }
    }
}

/// Arguments and the element's own constants, and the names of those that are broken.
fn element_consts(
    items: &Items<'_>,
    element: &ast::Element,
    mut env: BTreeMap<String, Value>,
    tables: &dyn Tables,
    sink: &mut Sink,
) -> (BTreeMap<String, Value>, Vec<String>) {
    let mut broken = Vec::new();
    for param in &element.params {
        if !env.contains_key(&param.name.text) {
            broken.push(param.name.text.clone());
        }
    }
    for member in &element.members {
        let MemberKind::Const(constant) = &member.kind else { continue };
        let name = &constant.name.text;
        if env.contains_key(name) || broken.contains(name) {
            let message = format!("`{name}` is declared twice");
            sink.error("E0104", message, constant.name.span, "declared again");
            continue;
        }
        let ty = resolve(items, &constant.ty, sink);
        match eval_const(items, &env, &constant.value, Some(&ty), tables, sink) {
            Some(value) => drop(env.insert(name.clone(), value)),
            None => broken.push(name.clone()),
        }
    }
    (env, broken)
}

/// Declares ports, functions and state.
fn declare<'a>(lowerer: &mut Lowerer<'a>, element: &'a ast::Element) {
    let ports = element.members.iter().filter_map(|member| match &member.kind {
        MemberKind::Ports(ports) => Some(ports),
        _ => None,
    });
    let ports: Vec<&ast::Port> = ports.flatten().collect();
    let (items, tables) = (lowerer.items, lowerer.tables);
    let sound = declared_ports(items, ports.iter().copied(), lowerer.env, tables, lowerer.sink);
    for port in ports {
        if let Some(count) = &port.count {
            lowerer.mark_names(count);
        }
        if !sound.iter().any(|known| known.0.text == port.name.text) {
            lowerer.broken.insert(port.name.text.clone());
        }
    }
    for (name, count) in sound {
        let first = lowerer.node.ports.len() as u32;
        match count {
            None => lowerer.node.ports.push(name.text.clone()),
            Some(count) => {
                lowerer.node.ports.extend((0..count).map(|i| format!("{}[{i}]", name.text)));
            }
        }
        let port = PortVar { first, count, span: name.span };
        lowerer.ports.insert(name.text.clone(), port);
    }
    lowerer.node.wires = vec![Dest::Unconnected; lowerer.node.ports.len()];
    for member in &element.members {
        match &member.kind {
            MemberKind::Fn(function) => lowerer.declare_fn(function),
            MemberKind::State(state) => lowerer.declare_state(state),
            MemberKind::Event(event) => lowerer.declare_event(event),
            MemberKind::Stream(name, ty) => lowerer.declare_stream(name, ty),
            MemberKind::Patterns(patterns) => lowerer.declare_patterns(patterns),
            _ => {}
        }
    }
}

/// Warns about handlers that never get a packet because those before them take all.
fn warn_unreachable(lowerer: &mut Lowerer<'_>) {
    let handlers = std::mem::take(&mut lowerer.node.handlers);
    for (i, handler) in handlers.iter().enumerate() {
        let Some((ports, patterns)) = packet_trigger(handler) else { continue };
        let earlier = handlers[..i].iter().filter(|before| {
            packet_trigger(before).is_some_and(|(others, _)| covers(others, ports))
        });
        let earlier: Vec<&Handler> = earlier.collect();
        let is_taken = |pattern: &HeaderSet| {
            earlier.iter().any(|before| {
                packet_trigger(before)
                    .is_some_and(|(_, others)| others.iter().any(|o| pattern.contains(*o)))
            })
        };
        if !patterns.iter().all(is_taken) {
            continue;
        }
        let head = handler_head(handler.span);
        let mut diagnostic =
            Diagnostic::warning("W0105", "this handler never gets a packet", head, "unreachable");
        if let Some(first) = earlier.first() {
            diagnostic = diagnostic.other(handler_head(first.span), "this one takes them before");
        }
        lowerer.sink.report(diagnostic);
    }
    lowerer.node.handlers = handlers;
}

/// The word `on` at the start of a handler.
fn handler_head(span: Span) -> Span {
    Span { end: (span.start + 2).min(span.end), ..span }
}

type Ports = (u32, u32);

fn packet_trigger(handler: &Handler) -> Option<(Ports, &[HeaderSet])> {
    match &handler.trigger {
        // One with a guard leaves packets to those behind it, and is never reached for sure.
        Trigger::Packet { guard: Some(_), .. } => None,
        Trigger::Packet { first_port, port_count, patterns, .. } => {
            Some(((*first_port, *port_count), patterns))
        }
        _ => None,
    }
}

const fn covers(outer: Ports, inner: Ports) -> bool {
    outer.0 <= inner.0 && inner.0 + inner.1 <= outer.0 + outer.1
}

/// Warns about members and parameters that nothing uses.
fn warn_unused(lowerer: &mut Lowerer<'_>, element: &ast::Element) {
    let used = std::mem::take(&mut lowerer.used);
    let warn = |sink: &mut Sink, code, what: &str, name: &ast::Ident| {
        if !name.text.starts_with('_') {
            let message = format!("the {what} `{}` is never used", name.text);
            sink.warning(code, message, name.span, "unused");
        }
    };
    for param in &element.params {
        if !used.names.contains(&param.name.text) {
            warn(lowerer.sink, "W0103", "parameter", &param.name);
        }
    }
    for member in &element.members {
        match &member.kind {
            MemberKind::State(state) if !used.names.contains(&state.name.text) => {
                warn(lowerer.sink, "W0102", "state object", &state.name);
            }
            MemberKind::Event(event) => warn_event(lowerer.sink, element, &event.name, &used),
            MemberKind::Stream(name, _) if !used.emitted.contains(&name.text) => {
                warn(lowerer.sink, "W0110", "stream", name);
            }
            MemberKind::Patterns(set) if !used.names.contains(&set.name.text) => {
                warn(lowerer.sink, "W0102", "pattern set", &set.name);
            }
            MemberKind::Fn(function) if !used.fns.contains(&function.name.text) => {
                warn(lowerer.sink, "W0104", "function", &function.name);
            }
            MemberKind::Ports(ports) => {
                for port in ports.iter().filter(|port| !used.ports.contains(&port.name.text)) {
                    warn(lowerer.sink, "W0107", "port", &port.name);
                }
            }
            _ => {}
        }
    }
}

/// Warns about an event that is generated for nothing, or waited for in vain.
fn warn_event(sink: &mut Sink, element: &ast::Element, name: &ast::Ident, used: &Used) {
    let is_handled = element
        .members
        .iter()
        .any(|member| matches!(&member.kind, MemberKind::OnEvent(on) if on.name.text == name.text));
    let what = match (used.generated.contains(&name.text), is_handled) {
        (true, true) => return,
        (true, false) => "has no handler",
        (false, _) => "is never generated",
    };
    if !name.text.starts_with('_') {
        let message = format!("the event `{}` {what}", name.text);
        sink.warning("W0110", message, name.span, "without effect");
    }
}
