//! Terms: what instructions compute, as data; and their evaluation over any domain of values.
//!
//! A term is over 64-bit values. Over [`Numbers`] it is executed; over a domain of bit vectors it
//! becomes a formula, over one of intervals a bound. So no consumer of the table says a second time
//! what an instruction does.

use Term::{Apply, Const, Dst, Imm, Old, R0, Select, SignExtend, Src, Swap, ZeroExtend};

/// An operator on two 64-bit values; total.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Wrapping sum.
    Add,
    /// Wrapping difference.
    Sub,
    /// Wrapping product.
    Mul,
    /// Unsigned quotient; 0 for a divisor of 0.
    DivU,
    /// Unsigned remainder; the dividend for a divisor of 0.
    RemU,
    /// Signed quotient towards zero, wrapping; 0 for a divisor of 0.
    DivS,
    /// Signed remainder with the sign of the dividend; the dividend for a divisor of 0.
    RemS,
    /// Bitwise and.
    And,
    /// Bitwise or.
    Or,
    /// Bitwise exclusive or.
    Xor,
    /// Left shift by less than 64.
    Shl,
    /// Logical right shift by less than 64.
    ShrU,
    /// Arithmetic right shift by less than 64.
    ShrS,
    /// 1 if equal, else 0.
    Eq,
    /// 1 if less without signs, else 0.
    LtU,
    /// 1 if less with signs, else 0.
    LtS,
}

/// A 64-bit value in terms of what an instruction finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Term {
    /// The destination register.
    Dst,
    /// The source register.
    Src,
    /// Register r0.
    R0,
    /// The immediate, with its sign extended.
    Imm,
    /// What an atomic operation found in memory, zero-extended.
    Old,
    /// A constant.
    Const(u64),
    /// An operator on two terms.
    Apply(Op, Box<Self>, Box<Self>),
    /// The low bits, with zeros above.
    ZeroExtend(u8, Box<Self>),
    /// The low bits, with copies of their highest above.
    SignExtend(u8, Box<Self>),
    /// The low bits with their bytes reversed, with zeros above.
    Swap(u8, Box<Self>),
    /// The second if the first is not 0, else the third.
    Select(Box<Self>, Box<Self>, Box<Self>),
}

/// Values on which terms can be computed.
pub trait Domain {
    /// A value of 64 bits.
    type Value: Clone;

    /// A known value.
    fn constant(&mut self, value: u64) -> Self::Value;

    /// An operator on two values; shifts are by less than 64.
    fn apply(&mut self, op: Op, a: Self::Value, b: Self::Value) -> Self::Value;

    /// The low `bits` bits with zeros above.
    fn zero_extend(&mut self, bits: u8, a: Self::Value) -> Self::Value;

    /// The low `bits` bits with copies of their highest above.
    fn sign_extend(&mut self, bits: u8, a: Self::Value) -> Self::Value;

    /// The low `bits` bits with their bytes reversed, zeros above.
    fn swap(&mut self, bits: u8, a: Self::Value) -> Self::Value;

    /// `a` if `condition` is not 0, else `b`.
    fn select(&mut self, condition: Self::Value, a: Self::Value, b: Self::Value) -> Self::Value;
}

/// What the leaves of a term stand for.
#[derive(Clone, Debug)]
pub struct Inputs<V> {
    /// The destination register.
    pub dst: V,
    /// The source register.
    pub src: V,
    /// Register r0.
    pub r0: V,
    /// The immediate, sign-extended.
    pub imm: V,
    /// What memory held.
    pub old: V,
}

impl Term {
    /// The value of the term over a domain.
    pub fn eval<D: Domain>(&self, domain: &mut D, inputs: &Inputs<D::Value>) -> D::Value {
        match self {
            Dst => inputs.dst.clone(),
            Src => inputs.src.clone(),
            R0 => inputs.r0.clone(),
            Imm => inputs.imm.clone(),
            Old => inputs.old.clone(),
            Const(value) => domain.constant(*value),
            Apply(op, a, b) => {
                let (a, b) = (a.eval(domain, inputs), b.eval(domain, inputs));
                domain.apply(*op, a, b)
            }
            ZeroExtend(bits, a) => {
                let a = a.eval(domain, inputs);
                domain.zero_extend(*bits, a)
            }
            SignExtend(bits, a) => {
                let a = a.eval(domain, inputs);
                domain.sign_extend(*bits, a)
            }
            Swap(bits, a) => {
                let a = a.eval(domain, inputs);
                domain.swap(*bits, a)
            }
            Select(condition, a, b) => {
                let condition = condition.eval(domain, inputs);
                let (a, b) = (a.eval(domain, inputs), b.eval(domain, inputs));
                domain.select(condition, a, b)
            }
        }
    }

    /// True if `leaf` occurs in the term.
    pub fn names(&self, leaf: &Self) -> bool {
        self == leaf
            || match self {
                Apply(_, a, b) => a.names(leaf) || b.names(leaf),
                ZeroExtend(_, a) | SignExtend(_, a) | Swap(_, a) => a.names(leaf),
                Select(c, a, b) => c.names(leaf) || a.names(leaf) || b.names(leaf),
                _ => false,
            }
    }

    pub(super) fn apply(op: Op, a: Self, b: Self) -> Self {
        Apply(op, Box::new(a), Box::new(b))
    }

    pub(super) fn zero_extend(bits: u8, a: Self) -> Self {
        if bits == 64 { a } else { ZeroExtend(bits, Box::new(a)) }
    }

    pub(super) fn sign_extend(bits: u8, a: Self) -> Self {
        if bits == 64 { a } else { SignExtend(bits, Box::new(a)) }
    }

    pub(super) fn swap(bits: u8, a: Self) -> Self {
        Swap(bits, Box::new(a))
    }

    pub(super) fn select(condition: Self, a: Self, b: Self) -> Self {
        Select(Box::new(condition), Box::new(a), Box::new(b))
    }
}

impl std::fmt::Display for Term {
    /// Prints the term as the documentation shows it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Dst => f.write_str("dst"),
            Src => f.write_str("src"),
            R0 => f.write_str("r0"),
            Imm => f.write_str("imm"),
            Old => f.write_str("old"),
            Const(value) => write!(f, "{value}"),
            Apply(op, a, b) => write!(f, "({a} {} {b})", op.sign()),
            ZeroExtend(bits, a) => write!(f, "zext{bits}({a})"),
            SignExtend(bits, a) => write!(f, "sext{bits}({a})"),
            Swap(bits, a) => write!(f, "swap{bits}({a})"),
            Select(c, a, b) => write!(f, "({c} ? {a} : {b})"),
        }
    }
}

impl Op {
    /// How the operator prints.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::DivU => "/",
            Self::RemU => "%",
            Self::DivS => "s/",
            Self::RemS => "s%",
            Self::And => "&",
            Self::Or => "|",
            Self::Xor => "^",
            Self::Shl => "<<",
            Self::ShrU => ">>",
            Self::ShrS => "s>>",
            Self::Eq => "==",
            Self::LtU => "<",
            Self::LtS => "s<",
        }
    }
}

/// The domain of known numbers: evaluation over it is execution.
#[derive(Clone, Copy, Debug, Default)]
pub struct Numbers;

impl Domain for Numbers {
    type Value = u64;

    fn constant(&mut self, value: u64) -> u64 {
        value
    }

    fn apply(&mut self, op: Op, a: u64, b: u64) -> u64 {
        let (x, y) = (a.cast_signed(), b.cast_signed());
        match op {
            Op::Add => a.wrapping_add(b),
            Op::Sub => a.wrapping_sub(b),
            Op::Mul => a.wrapping_mul(b),
            Op::DivU => a.checked_div(b).unwrap_or(0),
            Op::RemU => a.checked_rem(b).unwrap_or(a),
            Op::DivS if y == 0 => 0,
            Op::DivS => x.wrapping_div(y).cast_unsigned(),
            Op::RemS if y == 0 => a,
            Op::RemS => x.wrapping_rem(y).cast_unsigned(),
            Op::And => a & b,
            Op::Or => a | b,
            Op::Xor => a ^ b,
            Op::Shl => a << (b & 63),
            Op::ShrU => a >> (b & 63),
            Op::ShrS => (x >> (b & 63)).cast_unsigned(),
            Op::Eq => (a == b).into(),
            Op::LtU => (a < b).into(),
            Op::LtS => (x < y).into(),
        }
    }

    fn zero_extend(&mut self, bits: u8, a: u64) -> u64 {
        let above = 64 - u32::from(bits);
        a << above >> above
    }

    fn sign_extend(&mut self, bits: u8, a: u64) -> u64 {
        let above = 64 - u32::from(bits);
        ((a << above).cast_signed() >> above).cast_unsigned()
    }

    fn swap(&mut self, bits: u8, a: u64) -> u64 {
        a.swap_bytes() >> (64 - u32::from(bits))
    }

    fn select(&mut self, condition: u64, a: u64, b: u64) -> u64 {
        if condition == 0 { b } else { a }
    }
}
