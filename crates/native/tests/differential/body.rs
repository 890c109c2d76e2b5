//! Random bodies of handlers.

use crate::expr::{constant, expr};
use trama_base::Rng;
use trama_lang::ir::{
    Expr, ExprKind, Extract, Extractor, Label, LocalId, Node, PacketId, StateId, StateOp, Stmt,
    StmtKind, TcpOption, Update, UpdateOp,
};
use trama_lang::source::Span;
use trama_state::{Method, Shape, StateKind, StateSpec};
use trama_wire::header::{FieldRef, HeaderId, HeaderSet};

/// What of its node a body may use.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) node: &'a Node,
    /// It is of an event that the program generates itself.
    pub(crate) in_event: bool,
}

/// A body that is being made up.
pub(crate) struct Body<'a> {
    pub(crate) rng: &'a mut Rng,
    pub(crate) place: Place<'a>,
    pub(crate) registers: u32,
    /// Widths of the locals.
    pub(crate) locals: Vec<u8>,
    /// Headers that each register's packet is known to have here.
    pub(crate) present: Vec<HeaderSet>,
    copies: bool,
    /// Variables of the loops around this place.
    pub(super) loop_vars: Vec<LocalId>,
    /// Labels around this place.
    pub(super) labels: Vec<Label>,
    next_label: u32,
    /// The loops over maps around this place, with the locals of their keys.
    pub(super) rounds: Vec<(StateId, Vec<LocalId>)>,
}

/// Stacks that are put in and taken out: most make sense on some packet.
const STACKS: [&[HeaderId]; 12] = [
    &[HeaderId::ETH],
    &[HeaderId::VLAN],
    &[HeaderId::VLAN, HeaderId::VLAN2],
    &[HeaderId::IP],
    &[HeaderId::IP, HeaderId::UDP],
    &[HeaderId::IP6],
    &[HeaderId::IP6, HeaderId::UDP],
    &[HeaderId::ETH, HeaderId::IP, HeaderId::ICMP],
    &[HeaderId::TCP],
    &[HeaderId::ARP],
    &[HeaderId::ETH, HeaderId::IP, HeaderId::UDP, HeaderId::VXLAN],
    &[HeaderId::IP, HeaderId::GRE, HeaderId::GRE_KEY],
];

/// Network headers and what takes their place.
const EXCHANGES: [(HeaderId, &[HeaderId]); 6] = [
    (HeaderId::IP, &[HeaderId::IP6]),
    (HeaderId::IP6, &[HeaderId::IP]),
    (HeaderId::IP, &[HeaderId::IP6, HeaderId::FRAG6]),
    (HeaderId::IP, &[HeaderId::IP]),
    (HeaderId::INNER, &[HeaderId::INNER6]),
    (HeaderId::INNER6, &[HeaderId::INNER]),
];

impl<'a> Body<'a> {
    pub(crate) fn new(rng: &'a mut Rng, place: Place<'a>, registers: u32, copies: bool) -> Self {
        let locals = vec![1, 8, 16, 32, 64, 64, 128, 48];
        let present = vec![HeaderSet::EMPTY; registers as usize];
        Self {
            rng,
            place,
            registers,
            locals,
            present,
            copies,
            loop_vars: Vec::new(),
            labels: Vec::new(),
            next_label: 0,
            rounds: Vec::new(),
        }
    }

    /// Up to `most` statements, nested at most `depth` deep.
    pub(crate) fn statements(&mut self, depth: u32, most: u64) -> Vec<Stmt> {
        (0..=self.rng.below(most)).map(|_| self.statement(depth)).map(stmt).collect()
    }

    /// What usually becomes of the input.
    pub(crate) fn ending(&mut self, p: PacketId) -> Option<Stmt> {
        (!self.rng.one_in(10)).then(|| stmt(self.send(p)))
    }

    fn statement(&mut self, depth: u32) -> StmtKind {
        match self.rng.below(23) {
            0..=3 => {
                let width = crate::program::width(self.rng);
                let to = self.assignable(width, &[]);
                StmtKind::Assign(to, self.expr(width, 3))
            }
            4..=5 if depth > 0 => self.branch(depth - 1),
            6 if depth > 0 => self.repeat(depth - 1),
            7 if depth > 0 => {
                let label = self.label();
                self.labels.push(label);
                let body = self.nested(depth - 1);
                self.labels.pop();
                StmtKind::Block(label, body)
            }
            8 if self.rng.one_in(4) => match self.labels.as_slice() {
                [] if self.rng.one_in(3) => StmtKind::Return,
                [] => self.assignment_of_constant(),
                labels => StmtKind::Break(*self.rng.pick(labels)),
            },
            9..=13 if !self.place.node.states.is_empty() => self.state(),
            14 if self.rng.one_in(2) => self.extract(),
            14 if !self.place.node.log_sites.is_empty() => {
                let site = self.rng.below(self.place.node.log_sites.len() as u64) as u32;
                let count = self.place.node.log_sites[site as usize].views.len();
                let args = (0..count).map(|_| {
                    let width = crate::program::width(self.rng);
                    self.expr(width, 2)
                });
                StmtKind::Log(site, args.collect())
            }
            20 if !self.place.node.events.is_empty() => self.generate(),
            21 if !self.place.node.streams.is_empty() => self.emit(),
            22 if depth > 0 => self.for_each(depth - 1),
            _ if self.registers > 0 => self.packet_statement(),
            _ => self.assignment_of_constant(),
        }
    }

    /// Something of bytes; where there is a packet, its mark shows all of the result.
    fn extract(&mut self) -> StmtKind {
        let payload = self.registers > 0 && self.rng.one_in(3);
        let any = *self.rng.pick(Extractor::ALL);
        let what = if payload { Extractor::Payload } else { any };
        let packet = match (what.reads_packet(), self.registers) {
            (true, 0) => return self.assignment_of_constant(),
            (true, _) => Some(self.register()),
            (false, _) => None,
        };
        let extract = Extract { what, max: *self.rng.pick(&[1, 3, 16, 17, 40, 255]) };
        let args = extract.argument_widths().into_iter().map(|width| match width {
            32 => self.index_of_byte(),
            16 => expr(ExprKind::Const(self.rng.below(20).into()), 16),
            _ => self.expr(width, 0),
        });
        let args = args.collect();
        let results = self.results(&Shape(extract.result_widths()));
        let leaves = results.iter().map(|l| expr(ExprKind::Local(*l), self.locals[l.0 as usize]));
        let hash = expr(ExprKind::Hash(leaves.collect()), 64);
        let extract = StmtKind::Extract { packet, extract, args, results };
        if self.registers == 0 {
            return extract;
        }
        let shown = StmtKind::SetMark(self.register(), expr(ExprKind::Cast(Box::new(hash)), 32));
        StmtKind::Block(self.label(), vec![stmt(extract), stmt(shown)])
    }

    /// An offset that is mostly small.
    fn index_of_byte(&mut self) -> Expr {
        if self.rng.one_in(6) {
            return self.expr(32, 1);
        }
        expr(ExprKind::Const(self.rng.below(24).into()), 32)
    }

    fn assignment_of_constant(&mut self) -> StmtKind {
        let width = crate::program::width(self.rng);
        let to = self.assignable(width, &[]);
        StmtKind::Assign(to, expr(ExprKind::Const(constant(self.rng, width)), width))
    }

    fn branch(&mut self, depth: u32) -> StmtKind {
        if self.registers > 0 && self.rng.one_in(2) {
            let p = self.register();
            let headers = self.headers();
            let condition = expr(ExprKind::Has(p, headers), 1);
            let before = self.present.clone();
            self.present[p.0 as usize] = before[p.0 as usize].union(headers);
            let then = self.statements(depth, 4);
            let after_then = std::mem::replace(&mut self.present, before);
            let or = self.nested(depth);
            self.meet(&after_then);
            return StmtKind::If(condition, then, or);
        }
        let condition = self.expr(1, 3);
        let then = self.nested(depth);
        let or = if self.rng.one_in(2) { self.nested(depth) } else { Vec::new() };
        StmtKind::If(condition, then, or)
    }

    /// Statements that may or may not run: afterwards only what holds both ways is known.
    fn nested(&mut self, depth: u32) -> Vec<Stmt> {
        let before = self.present.clone();
        let body = self.statements(depth, 4);
        self.meet(&before);
        body
    }

    fn meet(&mut self, other: &[HeaderSet]) {
        for (own, other) in self.present.iter_mut().zip(other) {
            *own = own.intersection(*other);
        }
    }

    fn repeat(&mut self, depth: u32) -> StmtKind {
        let (label, continue_label) = (self.label(), self.label());
        self.locals.push(64);
        let var = LocalId(self.locals.len() as u32 - 1);
        let small = |body: &mut Self| expr(ExprKind::Const(body.rng.below(5).into()), 64);
        let from = if self.rng.one_in(3) { self.expr(64, 2) } else { small(self) };
        let to = if self.rng.one_in(3) { self.expr(64, 2) } else { small(self) };
        // A later round sees what an earlier one did to the packets.
        self.present.fill(HeaderSet::EMPTY);
        self.loop_vars.push(var);
        self.labels.extend([label, continue_label]);
        let body = self.statements(depth, 4);
        self.labels.truncate(self.labels.len() - 2);
        self.loop_vars.pop();
        self.present.fill(HeaderSet::EMPTY);
        let bound = self.rng.below(5) as u32;
        StmtKind::Loop { label, continue_label, var, from, to, bound, body }
    }

    pub(super) fn label(&mut self) -> Label {
        self.next_label += 1;
        Label(self.next_label)
    }

    fn packet_statement(&mut self) -> StmtKind {
        let p = self.register();
        match self.rng.below(16) {
            0..=5 => match self.known_field(p) {
                Some(field) => StmtKind::SetField(p, field, self.expr(field.def().width, 2)),
                None => StmtKind::SetMark(p, self.expr(32, 2)),
            },
            6 => StmtKind::SetMark(p, self.expr(32, 2)),
            7 => {
                let (offset, width) = (*self.rng.pick(&[3, 5, 8, 64]), 8 << self.rng.below(4));
                StmtKind::SetPayload(p, self.expr(offset, 2), self.expr(width, 2))
            }
            8 => {
                if self.rng.one_in(4) {
                    return StmtKind::ShiftSack(p, self.expr(32, 1));
                }
                if self.rng.one_in(3) {
                    let options = TcpOption::ALL.map(|_| (self.expr(1, 1), self.expr(32, 1)));
                    return StmtKind::SetTcpOptions(p, Box::new(options));
                }
                let option = *self.rng.pick(&[TcpOption::Mss, TcpOption::TsVal, TcpOption::TsEcr]);
                StmtKind::SetTcpOption(p, option, self.expr(32, 2))
            }
            // In a loop that many copies pass, frames would grow beyond all memory.
            9 | 10 if self.loop_vars.is_empty() => {
                self.present[p.0 as usize] = HeaderSet::EMPTY;
                let ok = self.assignable(1, &[]);
                let headers = *self.rng.pick(&STACKS);
                if self.rng.one_in(2) {
                    return StmtKind::Remove(p, headers.to_vec(), ok);
                }
                let exchange = self.rng.pick(&EXCHANGES);
                let exchange = self.rng.one_in(3).then_some(*exchange);
                let headers = exchange.map_or(headers, |(_, new)| new);
                let stack = headers.iter().map(|&id| (id, self.given_fields(id))).collect();
                match exchange {
                    Some((old, _)) => StmtKind::Replace(p, old, stack, ok),
                    None => StmtKind::Insert(p, stack, ok),
                }
            }
            11 => {
                self.present[p.0 as usize] = HeaderSet::EMPTY;
                let len = self.rng.below(100).into();
                StmtKind::Truncate(p, expr(ExprKind::Const(len), 32))
            }
            12 | 13 if self.copies => {
                let from = self.register();
                self.present[p.0 as usize] = self.present[from.0 as usize];
                StmtKind::Copy(p, from)
            }
            14 if self.rng.one_in(2) => {
                self.present[p.0 as usize] = HeaderSet::EMPTY;
                StmtKind::Drop(p, self.rng.below(7) as u32)
            }
            15 if self.rng.one_in(2) => self.send(p),
            _ => StmtKind::SetMark(p, self.expr(32, 2)),
        }
    }

    fn given_fields(&mut self, header: HeaderId) -> Vec<(FieldRef, Expr)> {
        let count = header.def().fields.len() as u64;
        (0..self.rng.below(3))
            .map(|_| {
                let field = FieldRef { header, field: self.rng.below(count) as u8 };
                (field, self.expr(field.def().width, 1))
            })
            .collect()
    }

    fn send(&mut self, packet: PacketId) -> StmtKind {
        self.present[packet.0 as usize] = HeaderSet::EMPTY;
        let first_port = self.rng.below(4) as u32;
        let count = self.rng.below(4 - u64::from(first_port)) as u32 + 1;
        let index = self.rng.one_in(2).then(|| match self.rng.below(3) {
            0 => self.expr(64, 2),
            _ => expr(ExprKind::Const(self.rng.below(u64::from(count) + 1).into()), 64),
        });
        StmtKind::Send { packet, first_port, index, count }
    }

    /// A local of a width that may be assigned to, other than `taken`; made if there is none.
    pub(super) fn assignable(&mut self, width: u8, taken: &[LocalId]) -> LocalId {
        for _ in 0..3 {
            let found = self.local(width);
            if let Some(l) = found.filter(|l| !self.loop_vars.contains(l) && !taken.contains(l)) {
                return l;
            }
        }
        self.locals.push(width);
        LocalId(self.locals.len() as u32 - 1)
    }

    pub(crate) fn results(&mut self, shape: &Shape) -> Vec<LocalId> {
        shape.0.iter().fold(Vec::new(), |mut taken, &width| {
            taken.push(self.assignable(width, &taken));
            taken
        })
    }

    fn answer(&mut self, taken: &[LocalId]) -> LocalId {
        self.assignable(1, taken)
    }

    /// Leaves of a key or value: from a small set, so that keys meet again.
    pub(super) fn leaves(&mut self, shape: &Shape) -> Vec<Expr> {
        shape
            .0
            .iter()
            .map(|&width| match self.rng.below(3) {
                0 => self.expr(width, 2),
                1 => expr(ExprKind::Const(u128::from(self.rng.below(4)) & ones(width)), width),
                _ => self.expr(width, 0),
            })
            .collect()
    }

    /// An index that is mostly in range.
    fn index(&mut self) -> Expr {
        if self.rng.one_in(3) {
            return self.expr(64, 2);
        }
        expr(ExprKind::Const(self.rng.below(7).into()), 64)
    }

    fn updates(&mut self, shape: &Shape) -> Vec<Update> {
        const OPS: [UpdateOp; 7] = [
            UpdateOp::Set,
            UpdateOp::Add,
            UpdateOp::Max,
            UpdateOp::Min,
            UpdateOp::Or,
            UpdateOp::And,
            UpdateOp::Xor,
        ];
        if shape.0.is_empty() {
            return Vec::new();
        }
        (0..self.rng.below(4))
            .map(|_| {
                let leaf = self.rng.below(shape.0.len() as u64) as u32;
                let op = *self.rng.pick(&OPS);
                Update { leaf, op, operand: self.expr(shape.0[leaf as usize], 2) }
            })
            .collect()
    }

    /// An operation that a loop over the map may do in a round, if any is around this place.
    fn permitted(&self, id: StateId, mut op: StateOp) -> StateOp {
        let Some((_, own)) = self.rounds.iter().find(|(state, _)| *state == id) else { return op };
        let nested = self.rounds.iter().filter(|(state, _)| *state == id).count() > 1;
        let own_key: Vec<Expr> =
            own.iter().map(|l| expr(ExprKind::Local(*l), self.locals[l.0 as usize])).collect();
        match &mut op {
            StateOp::MapGet { .. } | StateOp::Len(_) => {}
            StateOp::MapPut { key, .. }
            | StateOp::MapUpdate { key, .. }
            | StateOp::MapTouch { key, .. }
            | StateOp::MapRemove { key, .. }
                if !nested =>
            {
                *key = own_key;
            }
            _ => op = StateOp::Len(LocalId(4)),
        }
        op
    }

    fn state(&mut self) -> StmtKind {
        let id = self.rng.below(self.place.node.states.len() as u64) as u32;
        let spec = &self.place.node.states[id as usize];
        let op = match spec.kind {
            StateKind::Map { .. } => self.map_op(spec),
            StateKind::Array { .. } => {
                let index = self.index();
                if self.rng.one_in(2) {
                    StateOp::ArrayGet { index, value: self.results(&spec.value) }
                } else {
                    StateOp::ArrayUpdate { index, updates: self.updates(&spec.value) }
                }
            }
            StateKind::Counter { .. } => {
                let index = self.index();
                if self.rng.one_in(2) {
                    let pair = self.results(&Shape(vec![64, 64]));
                    StateOp::CounterGet { index, packets: pair[0], bytes: pair[1] }
                } else {
                    StateOp::Count { index, bytes: self.expr(64, 2) }
                }
            }
            StateKind::Pool { .. } => self.pool_op(),
            StateKind::Lpm { address_bits, .. } => self.lpm_op(spec, address_bits),
            StateKind::Bucket { .. } if self.rng.one_in(5) => self.len_op(),
            StateKind::Bucket { .. } => {
                let (key, ok) = (self.leaves(&spec.key), self.answer(&[]));
                let amount = match self.rng.below(3) {
                    0 => self.expr(64, 2),
                    _ => expr(ExprKind::Const(self.rng.below(30).into()), 64),
                };
                StateOp::BucketTake { key, amount, ok }
            }
            StateKind::Maglev { .. } => match self.rng.below(5) {
                0 => self.len_op(),
                1 | 2 => {
                    let (member, ok) = (self.leaves(&spec.key), self.answer(&[]));
                    let weight = expr(ExprKind::Const(self.rng.below(4).into()), 32);
                    StateOp::MaglevSet { member, weight, ok }
                }
                _ => {
                    let member = self.results(&spec.key);
                    let found = self.answer(&member);
                    StateOp::MaglevPick { hash: self.expr(64, 2), found, member }
                }
            },
            _ => self.method_op(spec),
        };
        StmtKind::State(StateId(id), self.permitted(StateId(id), op))
    }

    fn method_op(&mut self, spec: &StateSpec) -> StateOp {
        let has_len = !matches!(spec.kind, StateKind::Sketch { .. } | StateKind::Patterns(_));
        if has_len && self.rng.one_in(8) {
            return self.len_op();
        }
        let possible = Method::ALL.into_iter().filter(|method| {
            let takes_payload = method.is_of(&spec.kind) && method.signature(spec).takes_payload;
            method.is_of(&spec.kind) && (self.registers > 0 || !takes_payload)
        });
        let possible: Vec<Method> = possible.collect();
        let method = *self.rng.pick(&possible);
        let signature = method.signature(spec);
        let key = self.leaves(&signature.key);
        let operands = self.leaves(&signature.operands);
        let packet = signature.takes_payload.then(|| self.register());
        let results = self.results(&signature.results);
        let answer = signature.answers.then(|| self.answer(&results));
        StateOp::Call { method, packet, key, operands, results, answer }
    }

    fn len_op(&mut self) -> StateOp {
        StateOp::Len(self.assignable(64, &[]))
    }

    fn map_op(&mut self, spec: &StateSpec) -> StateOp {
        if self.rng.one_in(8) {
            return self.len_op();
        }
        if self.rng.one_in(12) {
            return StateOp::MapClear;
        }
        let key = self.leaves(&spec.key);
        match self.rng.below(8) {
            0..=2 => {
                let value = self.results(&spec.value);
                StateOp::MapGet { key, found: self.answer(&value), value }
            }
            3 | 4 => StateOp::MapPut { key, value: self.leaves(&spec.value), ok: self.answer(&[]) },
            5 => {
                let updates = self.updates(&spec.value);
                StateOp::MapUpdate { key, updates, ok: self.answer(&[]) }
            }
            6 => StateOp::MapTouch { key, found: self.answer(&[]) },
            _ => StateOp::MapRemove { key, found: self.answer(&[]) },
        }
    }

    fn pool_op(&mut self) -> StateOp {
        let kind = self.rng.below(7);
        let index = self.index();
        let ok = self.answer(&[]);
        match kind {
            0 | 1 => {
                let index = self.assignable(32, &[]);
                StateOp::PoolAlloc { found: ok, index }
            }
            2 => StateOp::PoolTake { index, ok },
            3 => StateOp::PoolTouch { index, ok },
            4 => StateOp::PoolFree { index, ok },
            5 => StateOp::PoolUsed { index, used: ok },
            _ => self.len_op(),
        }
    }

    fn lpm_op(&mut self, spec: &StateSpec, bits: u8) -> StateOp {
        let address = match self.rng.below(2) {
            0 => self.expr(bits, 2),
            _ => expr(ExprKind::Const(0x0a00_0000 + u128::from(self.rng.below(6))), bits),
        };
        let prefix_len = expr(ExprKind::Const(self.rng.below(u64::from(bits) + 2).into()), 8);
        match self.rng.below(6) {
            0 => self.len_op(),
            1 | 2 => {
                let (value, ok) = (self.leaves(&spec.value), self.answer(&[]));
                StateOp::LpmPut { address, prefix_len, value, ok }
            }
            3 => StateOp::LpmRemove { address, prefix_len, found: self.answer(&[]) },
            _ => {
                let value = self.results(&spec.value);
                StateOp::LpmGet { address, found: self.answer(&value), value }
            }
        }
    }
}

fn ones(width: u8) -> u128 {
    if width == 128 { u128::MAX } else { (1 << width) - 1 }
}

pub(super) fn stmt(kind: StmtKind) -> Stmt {
    Stmt { kind, span: Span::default() }
}
