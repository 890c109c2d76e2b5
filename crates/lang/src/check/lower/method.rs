//! Calls of the operations that have one form: of sketches, Bloom filters, rings, stream buffers,
//! histograms and pattern sets.

use super::{Lowerer, StateVar, Val};
use crate::check::declare::StateType;
use crate::check::fold;
use crate::check::types::Type;
use crate::ir::{Expr, LocalId, PacketId, StateOp, StmtKind};
use crate::source::Span;
use crate::syntax::ast;
use trama_state::{Method, Signature};

/// The operations that an object of some type has in the language, by name.
pub(super) const fn methods(ty: &StateType) -> &'static [(&'static str, Method)] {
    match ty {
        StateType::Sketch(_) => &[
            ("add", Method::SketchAdd),
            ("estimate", Method::SketchEstimate),
            ("clear", Method::SketchClear),
        ],
        StateType::Bloom(_) => &[("insert", Method::BloomInsert), ("clear", Method::BloomClear)],
        StateType::Ring(_) => &[
            ("push", Method::RingPush),
            ("pop", Method::RingPop),
            ("peek", Method::RingPeek),
            ("clear", Method::RingClear),
        ],
        StateType::Streams(_) => &[
            ("open", Method::StreamOpen),
            ("insert", Method::StreamInsert),
            ("available", Method::StreamAvailable),
            ("waiting", Method::StreamWaiting),
            ("offset", Method::StreamOffset),
            ("u8", Method::StreamRead),
            ("u16", Method::StreamRead),
            ("u32", Method::StreamRead),
            ("u64", Method::StreamRead),
            ("advance", Method::StreamAdvance),
            ("touch", Method::StreamTouch),
            ("remove", Method::StreamRemove),
            ("clear", Method::StreamClear),
        ],
        StateType::Histogram(_) => &[
            ("add", Method::HistogramAdd),
            ("count", Method::HistogramCount),
            ("quantile", Method::HistogramQuantile),
            ("remove", Method::HistogramRemove),
            ("clear", Method::HistogramClear),
        ],
        StateType::Patterns => &[("first", Method::PatternsFirst)],
        _ => &[],
    }
}

/// A call of a method, for lowering.
#[derive(Clone, Copy)]
pub(super) struct MethodCall<'o> {
    pub(super) state: &'o StateVar,
    pub(super) method: Method,
    pub(super) name: &'o ast::Ident,
    pub(super) args: &'o [ast::Expr],
    pub(super) span: Span,
}

/// The operands of a call once they are lowered.
#[derive(Default)]
struct Lowered {
    key: Vec<Expr>,
    operands: Vec<Expr>,
    packet: Option<PacketId>,
}

impl Lowerer<'_> {
    /// `state.name(key, operands, packet)`: those that the operation takes, in this order.
    pub(super) fn method_call(&mut self, call: MethodCall<'_>) -> Val {
        let MethodCall { state, method, name, span, .. } = call;
        let signature = self.signature(state, method);
        let (mut types, value) = argument_types(&state.ty, &signature, method);
        let result = |leaves: &[u8]| value.clone().unwrap_or_else(|| Type::Uint(leaves[0]));
        let width = read_width(name);
        if width.is_some() && method == Method::StreamRead {
            types.pop();
        }
        let Some(lowered) = self.method_operands(call, &types, &signature) else {
            return Val::error();
        };
        let Lowered { key, mut operands, packet } = lowered;
        if let (Some(width), Method::StreamRead) = (width, method) {
            operands.push(fold::constant(u128::from(width / 8), 8));
        }
        let results: Vec<LocalId> = signature.results.0.iter().map(|&w| self.fresh(w)).collect();
        let answer = signature.answers.then(|| self.fresh(1));
        let op = StateOp::Call { method, packet, key, operands, results: results.clone(), answer };
        self.emit_at(StmtKind::State(state.id, op), span);
        match (answer, &results[..]) {
            (None, []) => Val::unit(),
            (Some(answer), []) => Val::truth(self.read(answer)),
            (None, [one]) if method == Method::StreamRead => {
                let width = width.unwrap_or(64);
                Val::scalar(Type::Uint(width), fold::cast(self.read(*one), width))
            }
            (None, _) => self.read_all(result(&signature.results.0), &results),
            (Some(answer), _) => self.option(&result(&signature.results.0), answer, &results),
        }
    }

    pub(super) fn signature(&self, state: &StateVar, method: Method) -> Signature {
        method.signature(&self.node.states[state.id.0 as usize])
    }

    fn method_operands(
        &mut self,
        call: MethodCall<'_>,
        types: &[Type],
        signature: &Signature,
    ) -> Option<Lowered> {
        let MethodCall { name, args, span, .. } = call;
        let count = types.len() + usize::from(signature.takes_payload);
        if args.len() != count {
            let mut takes: Vec<String> = types.iter().map(ToString::to_string).collect();
            takes.extend(signature.takes_payload.then(|| "packet".to_owned()));
            let message = format!("`{}` takes ({})", name.text, takes.join(", "));
            let plural = if args.len() == 1 { "" } else { "s" };
            self.sink.error(
                "E0204",
                message,
                span,
                format!("{} argument{plural} given", args.len()),
            );
            return None;
        }
        let values = self.operands(args.iter().zip(types.iter().cloned().map(Some)));
        let mut lowered = Lowered::default();
        if signature.takes_payload {
            lowered.packet = Some(self.packet_operand(&args[types.len()], name)?);
        }
        let mut leaves = values.into_iter().flat_map(|value| value.leaves);
        lowered.key = leaves.by_ref().take(signature.key.0.len()).collect();
        lowered.operands = leaves.collect();
        // After a wrong operand, which was reported, leaves are missing.
        let widths: Vec<u8> = lowered.key.iter().map(|leaf| leaf.width).collect();
        (widths == signature.key.0).then_some(lowered)
    }

    /// A packet whose payload an operation takes.
    pub(super) fn packet_operand(
        &mut self,
        arg: &ast::Expr,
        name: &ast::Ident,
    ) -> Option<PacketId> {
        let Some(packet) = self.packet_named(arg) else {
            let message = format!("`{}` takes a packet, and looks at its payload", name.text);
            self.sink.error("E0204", message, arg.span, "not a packet");
            return None;
        };
        self.require_held(packet, arg.span).then(|| self.packets[packet].register)
    }

    /// Starts a search for all patterns of a set in the payload of a packet; the number of those
    /// that occur.
    pub(super) fn scan(&mut self, state: &StateVar, packet: PacketId) -> LocalId {
        let count = self.fresh(32);
        let op = StateOp::Call {
            method: Method::PatternsScan,
            packet: Some(packet),
            key: Vec::new(),
            operands: Vec::new(),
            results: vec![count],
            answer: None,
        };
        self.emit(StmtKind::State(state.id, op));
        count
    }

    /// The next pattern that a search found, from the one whose number a local holds.
    pub(super) fn next_match(&mut self, state: &StateVar, from: LocalId) -> LocalId {
        let (found, number) = (self.fresh(1), self.fresh(32));
        let op = StateOp::Call {
            method: Method::PatternsNext,
            packet: None,
            key: Vec::new(),
            operands: vec![self.read(from)],
            results: vec![number],
            answer: Some(found),
        };
        self.emit(StmtKind::State(state.id, op));
        number
    }
}

/// Types of the arguments in front of a packet, and of the result if it is a value of the object.
fn argument_types(
    ty: &StateType,
    signature: &Signature,
    method: Method,
) -> (Vec<Type>, Option<Type>) {
    let (StateType::Sketch(of)
    | StateType::Bloom(of)
    | StateType::Ring(of)
    | StateType::Streams(of)
    | StateType::Histogram(of)) = ty
    else {
        return (Vec::new(), None);
    };
    match method {
        Method::RingPush => (vec![of.clone()], None),
        Method::RingPop | Method::RingPeek => (Vec::new(), Some(of.clone())),
        _ => {
            let key = (!signature.key.0.is_empty()).then(|| of.clone());
            let numbers = signature.operands.0.iter().map(|&width| Type::Uint(width));
            (key.into_iter().chain(numbers).collect(), None)
        }
    }
}

/// Bits that `u8`, `u16`, `u32` and `u64` read.
fn read_width(name: &ast::Ident) -> Option<u8> {
    name.text.strip_prefix('u')?.parse().ok()
}
