//! A packet's whole event as one function: from an external port through one handler after the
//! other to where the packet ends, without the queue and with one counter for the whole way.
//!
//! The queue of an event matters only where a handler has more than one packet, or does something
//! after it has sent one. Where each handler sends or drops its packet as the last thing it does,
//! what it sends is the next thing to be delivered. Such handlers are built one behind the other,
//! the choice of the next by headers between them. At any other handler the function ends and tells
//! the engine to go on from there in the general way ([`crate::network`]); the same holds where the
//! function would become too large.
//!
//! Which counters a packet moves on is known where its way ends ([`Ways`]): the function adds one
//! packet and its bytes to a pair of that way, and reports distribute them. A handler that may
//! change the length of a packet ends one such way and begins another.

use super::function::{Lowering, Memory, Source, restructures};
use super::registers::Known;
use crate::error::NativeError;
use crate::image::NodeImage;
use crate::probe::{INPUT, exclude, listens};
use crate::ways::{Count, Outcome, Ways};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value};
use std::collections::BTreeMap;
use std::mem::{offset_of, take};
use trama_lang::ir::{Dest, Expr, Handler, Program, Stmt, StmtKind, Trigger, reason};
use trama_lang::ir_parts::walk_stmts;
use trama_wire::header::HeaderSet;
use trama_wire::layout::Layout;

/// Most handlers that one function has.
const HANDLERS_MAX: usize = 32;

/// Most handlers that a packet passes in one function.
const DEPTH_MAX: u32 = 16;

/// Most statements of all handlers of one function.
const STATEMENTS_MAX: usize = 1500;

/// Where the building of an event's function is.
pub(super) struct Event<'a> {
    program: &'a Program,
    images: &'a [NodeImage],
    ways: &'a Ways,
    /// The node whose handler is built.
    node: u32,
    /// Handlers that the packet has passed or entered.
    hops: u32,
    /// Counters that the packet moves on when its way ends.
    counts: Vec<Count>,
    /// Patterns that the packet does not have, as long as its headers are those it came with.
    refused: Vec<HeaderSet>,
    handlers_left: usize,
    statements_left: usize,
}

impl<'a> Event<'a> {
    /// The start of an event.
    pub(super) fn new(program: &'a Program, images: &'a [NodeImage], ways: &'a Ways) -> Self {
        Self {
            program,
            images,
            ways,
            node: 0,
            hops: 0,
            counts: Vec::new(),
            refused: Vec::new(),
            handlers_left: HANDLERS_MAX,
            statements_left: STATEMENTS_MAX,
        }
    }

    /// Where a packet ends that a node's port sends, and what else it moves on then.
    fn end_of_wire(&self, port: u32) -> (Vec<Count>, Outcome) {
        let node = self.node;
        let sent = Count::Sent(node, port);
        match self.program.nodes[node as usize].wires[port as usize] {
            Dest::Unconnected => (vec![Count::Dropped(node, reason::NOT_CONNECTED)], Outcome::Give),
            Dest::Discard => (vec![sent, Count::Discarded(node)], Outcome::Give),
            Dest::Out(out) => (vec![sent, Count::Left(out)], Outcome::Leave(out)),
            Dest::Node(node, port) => (vec![sent], Outcome::Enter { node, port, hops: self.hops }),
        }
    }
}

/// What of an event is different on one way than on another.
struct Place<'a> {
    source: Source<'a>,
    node: u32,
    hops: u32,
    counts: Vec<Count>,
    refused: Vec<HeaderSet>,
    sure: HeaderSet,
}

/// True if a handler can be one of many in a function: it has one packet, and sending or dropping
/// it is the last thing that it does.
fn is_direct(handler: &Handler) -> bool {
    handler.packets == 1 && ends_with_packet(&handler.body, true, &mut BTreeMap::new())
}

/// True if a packet that has the headers must meet a condition as well.
fn has_guard(handler: &Handler) -> bool {
    matches!(handler.trigger, Trigger::Packet { guard: Some(_), .. })
}

/// True if each send and drop is the last thing that happens. `last` tells if nothing happens
/// behind these statements, `labels` if nothing happens behind those of each block.
fn ends_with_packet(stmts: &[Stmt], last: bool, labels: &mut BTreeMap<u32, bool>) -> bool {
    stmts.iter().enumerate().all(|(n, stmt)| {
        let is_last = match stmts.get(n + 1).map(|next| &next.kind) {
            None => last,
            Some(StmtKind::Return) => true,
            Some(StmtKind::Break(label)) => labels.get(&label.0).copied().unwrap_or(false),
            Some(_) => false,
        };
        match &stmt.kind {
            StmtKind::Send { .. } | StmtKind::Drop(..) => is_last,
            StmtKind::If(_, then, or) => {
                ends_with_packet(then, is_last, labels) && ends_with_packet(or, is_last, labels)
            }
            StmtKind::Block(label, body) => {
                labels.insert(label.0, is_last);
                ends_with_packet(body, is_last, labels)
            }
            StmtKind::Loop { body, .. } | StmtKind::ForEach { body, .. } => {
                ends_with_packet(body, false, labels)
            }
            StmtKind::Assign(..)
            | StmtKind::Break(_)
            | StmtKind::Return
            | StmtKind::SetField(..)
            | StmtKind::SetMark(..)
            | StmtKind::SetPayload(..)
            | StmtKind::SetTcpOption(..)
            | StmtKind::Insert(..)
            | StmtKind::Remove(..)
            | StmtKind::Truncate(..)
            | StmtKind::Log(..)
            | StmtKind::Extract { .. }
            | StmtKind::Generate { .. }
            | StmtKind::Emit(..)
            | StmtKind::State(..) => true,
            // A copy is a second packet; of what else there may be, nothing is known here.
            _ => false,
        }
    })
}

impl<'a> Lowering<'a, '_> {
    /// The event that is built; there must be one.
    fn event(&mut self) -> &mut Event<'a> {
        self.event.as_mut().expect("only called while an event is built")
    }

    /// Begins an event of a packet that enters at an external port, wired to a node's.
    pub(super) fn begin_event(&mut self, external: u32, to: (u32, u32)) -> Result<(), NativeError> {
        self.event().counts.push(Count::Entered(external));
        self.arrive(to)
    }

    /// Builds all that can happen to a packet from its arrival at a port on.
    fn arrive(&mut self, (node, port): (u32, u32)) -> Result<(), NativeError> {
        let event = self.event();
        event.node = node;
        let program = event.program;
        let handlers = &program.nodes[node as usize].handlers;
        // Guards are not compiled: the queue looks at them.
        if handlers.iter().any(|handler| listens(handler, port).is_some() && has_guard(handler)) {
            let hops = event.hops;
            self.end_way(&[], Outcome::Enter { node, port, hops });
            return Ok(());
        }
        for handler in handlers {
            let Some(patterns) = listens(handler, port) else { continue };
            let (sure, event) = (self.sure, self.event());
            let has_not =
                |p: &HeaderSet| exclude(sure, *p) || event.refused.iter().any(|r| p.contains(*r));
            if patterns.iter().all(has_not) {
                continue;
            }
            if patterns.iter().any(|p| sure.contains(*p)) {
                return self.run(handler, (node, port));
            }
            let (takes, passes) = (self.b.create_block(), self.b.create_block());
            for (n, &pattern) in patterns.iter().enumerate() {
                let has = self.has(INPUT, pattern);
                let other = if n + 1 == patterns.len() { passes } else { self.b.create_block() };
                self.b.ins().brif(has, takes, &[], other, &[]);
                self.enter(other);
            }
            self.b.seal_block(takes);
            let place = self.place();
            self.b.switch_to_block(takes);
            let common = patterns.iter().copied().reduce(HeaderSet::intersection);
            self.sure = sure.union(common.unwrap_or_default());
            self.run(handler, (node, port))?;
            self.go_back(place);
            self.b.switch_to_block(passes);
            self.event().refused.extend(patterns);
        }
        self.event().counts.push(Count::Received(node, port));
        self.end_way(&[Count::Dropped(node, reason::NO_HANDLER)], Outcome::Give);
        Ok(())
    }

    /// Builds a handler that takes the packet, and what comes behind it.
    fn run(&mut self, handler: &'a Handler, (node, port): (u32, u32)) -> Result<(), NativeError> {
        let event = self.event();
        let mut size = 0;
        walk_stmts(&handler.body, &mut |_| size += 1);
        let fits =
            event.hops < DEPTH_MAX && event.handlers_left > 0 && size <= event.statements_left;
        if !fits || !is_direct(handler) {
            let hops = event.hops;
            self.end_way(&[], Outcome::Enter { node, port, hops });
            return Ok(());
        }
        event.handlers_left -= 1;
        event.statements_left -= size;
        event.hops += 1;
        event.counts.push(Count::Received(node, port));
        let (program, images) = (event.program, event.images);
        let (node, image) = (&program.nodes[node as usize], &images[node as usize]);
        self.source = Source { node, image, handler, ..self.source };
        if restructures(handler) {
            let counts = take(&mut self.event().counts);
            self.count(counts);
            self.sure = HeaderSet::EMPTY;
            self.event().refused.clear();
        }
        let Trigger::Packet { first_port, .. } = handler.trigger else {
            return Err(self.ill_formed("a packet for a handler that takes none"));
        };
        let index = self.word(u64::from(port - first_port));
        let outer = (take(&mut self.locals), take(&mut self.labels));
        self.known = vec![Known::Full];
        self.define_locals(index);
        if self.list(&handler.body)? {
            self.end_handler();
        }
        (self.locals, self.labels) = outer;
        Ok(())
    }

    /// Ends a handler that still holds its packet.
    pub(super) fn end_handler(&mut self) {
        let Some(event) = &self.event else {
            self.b.ins().return_(&[]);
            return;
        };
        let consumed = Count::Consumed(event.node);
        self.end_way(&[consumed], Outcome::Give);
    }

    /// Drops the packet: the last thing that the handler does.
    pub(super) fn drop_last(&mut self, reason: u32) {
        let node = self.event().node;
        self.end_way(&[Count::Dropped(node, reason)], Outcome::Give);
    }

    /// Sends the packet: the last thing that the handler does.
    pub(super) fn send_last(
        &mut self,
        first_port: u32,
        index: Option<&Expr>,
        count: u32,
    ) -> Result<(), NativeError> {
        let Some(index) = index else {
            let event = self.event();
            let wire = event.program.nodes[event.node as usize].wires[first_port as usize];
            if let Dest::Node(node, port) = wire {
                let sent = Count::Sent(event.node, first_port);
                let place = self.place();
                self.event().counts.push(sent);
                self.arrive((node, port))?;
                self.go_back(place);
            } else {
                let (counts, outcome) = event.end_of_wire(first_port);
                self.end_way(&counts, outcome);
            }
            return Ok(());
        };
        let (value, width) = (self.expr(index)?, index.width);
        let limit = self.constant(width, count.into());
        let in_range = self.b.ins().icmp(IntCC::UnsignedLessThan, value, limit);
        let (inside, outside) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(outside);
        self.b.ins().brif(in_range, inside, &[], outside, &[]);
        self.enter(outside);
        self.drop_last(reason::NO_PORT);
        self.enter(inside);
        let value = self.resize(value, width, 64);
        self.end_one_of(first_port, count, value);
        Ok(())
    }

    /// Ends at the port of an array that an index selects.
    fn end_one_of(&mut self, first_port: u32, count: u32, index: Value) {
        let event = self.event();
        let ends = (first_port..first_port + count).map(|port| event.end_of_wire(port));
        let (more, outcomes): (Vec<_>, Vec<_>) = ends.unzip();
        let so_far = event.counts.clone();
        let counts = more.into_iter().map(|more| [so_far.clone(), more].concat()).collect();
        let ways = event.ways;
        let (pairs, words) = (ways.add(counts), ways.add_outcomes(&outcomes));
        let pairs = self.address(pairs);
        let offset = self.b.ins().ishl_imm_u(index, 4);
        let pair = self.b.ins().iadd(pairs, offset);
        self.count_at(pair);
        let words = self.address(words);
        let offset = self.b.ins().ishl_imm_u(index, 3);
        let at = self.b.ins().iadd(words, offset);
        let outcome = self.load(Memory::Constant, 8, at, 0);
        self.b.ins().return_(&[outcome]);
    }

    /// Ends the packet's way: counts it, and tells the engine what becomes of the packet.
    fn end_way(&mut self, more: &[Count], outcome: Outcome) {
        let event = self.event();
        let counts = [event.counts.as_slice(), more].concat();
        let word = event.ways.outcome(outcome);
        self.count(counts);
        let word = self.word(word);
        self.b.ins().return_(&[word]);
    }

    /// Counts the packet on a way.
    fn count(&mut self, counts: Vec<Count>) {
        if counts.is_empty() {
            return;
        }
        let pair = self.event().ways.add(vec![counts]);
        let pair = self.address(pair);
        self.count_at(pair);
    }

    fn count_at(&mut self, pair: Value) {
        let len = self.layout(INPUT, 4, offset_of!(Layout, len));
        let packets = self.load(Memory::Frame, 8, pair, 0);
        let packets = self.b.ins().iadd_imm_s(packets, 1);
        self.store(Memory::Frame, 8, packets, pair, 0);
        let bytes = self.load(Memory::Frame, 8, pair, 8);
        let bytes = self.b.ins().iadd(bytes, len);
        self.store(Memory::Frame, 8, bytes, pair, 8);
    }

    fn place(&mut self) -> Place<'a> {
        let (source, sure) = (self.source, self.sure);
        let event = self.event();
        let (node, hops) = (event.node, event.hops);
        let (counts, refused) = (event.counts.clone(), event.refused.clone());
        Place { source, node, hops, counts, refused, sure }
    }

    fn go_back(&mut self, place: Place<'a>) {
        (self.source, self.sure, self.known) = (place.source, place.sure, vec![Known::Full]);
        let event = self.event();
        (event.node, event.hops) = (place.node, place.hops);
        (event.counts, event.refused) = (place.counts, place.refused);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trama_lang::ir::{ExprKind, Label, PacketId};
    use trama_lang::source::Span;

    fn list(kinds: Vec<StmtKind>) -> Vec<Stmt> {
        kinds.into_iter().map(|kind| Stmt { kind, span: Span::default() }).collect()
    }

    fn send() -> StmtKind {
        StmtKind::Send { packet: INPUT, first_port: 0, index: None, count: 1 }
    }

    fn mark() -> StmtKind {
        StmtKind::SetMark(INPUT, Expr { kind: ExprKind::Const(1), width: 32 })
    }

    fn either(then: Vec<StmtKind>, or: Vec<StmtKind>) -> StmtKind {
        let condition = Expr { kind: ExprKind::Const(1), width: 1 };
        StmtKind::If(condition, list(then), list(or))
    }

    #[track_caller]
    fn check(body: Vec<StmtKind>, expected: bool) {
        assert_eq!(ends_with_packet(&list(body), true, &mut BTreeMap::new()), expected);
    }

    #[test]
    fn a_packet_that_goes_last_is_direct() {
        check(vec![mark(), send()], true);
        check(vec![either(vec![send()], vec![StmtKind::Drop(INPUT, 0)])], true);
        check(vec![either(vec![send(), StmtKind::Return], vec![]), mark(), send()], true);
        let label = Label(7);
        let inner = either(vec![send(), StmtKind::Break(label)], vec![mark()]);
        check(vec![StmtKind::Block(label, list(vec![inner, send()]))], true);
    }

    #[test]
    fn what_happens_behind_a_packet_needs_the_queue() {
        check(vec![send(), mark()], false);
        check(vec![either(vec![send()], vec![]), mark()], false);
        let label = Label(7);
        let inner = either(vec![send(), StmtKind::Break(label)], vec![mark()]);
        check(vec![StmtKind::Block(label, list(vec![inner])), mark()], false);
        check(vec![StmtKind::Copy(PacketId(1), INPUT), send()], false);
    }
}
