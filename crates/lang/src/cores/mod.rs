//! How a program can run on several cores without its cores sharing state.
//!
//! Packets are *steered*: a hash of header fields chooses the core, as receive-side scaling does in
//! a network card. [`divide`] finds the fields for each external port, such that two packets that
//! may meet in an entry of a state object come to the same core. (The same question is asked by
//! Maestro, Pereira et al., NSDI 2024, of C programs with a solver; here the effects of handlers
//! answer it.) Each object then has a [`Placement`]:
//!
//! - *same*: nobody writes it while the program runs, so each core has its own copy;
//! - *divided*: each core has the entries of its packets;
//! - *merged*: it is only updated, in ways that commute, and no handler reads it, so each core
//!   counts for itself and copies are combined when somebody looks ([`combine`]);
//! - *replicated*: only packets that are neither IPv4 nor IPv6 write it (ARP, say); those go to
//!   all cores, so every copy is the same, and only the first core's output is kept.
//!
//! Where no fields do, [`divide`] says which object prevents it, where, and what could be done.
//!
//! # How the fields are found
//!
//! Packets are sorted into [classes](classes) by the headers that the program asks for. For each
//! external port and class the network is run abstractly (`uses`): the result is, for every state
//! operation, which leaves of its key are header fields of the packet *as it entered*. The unknowns
//! are the leaves to steer by, for each object, and the fields to steer by, for each port and
//! class; each use demands that the one maps onto the other. The greatest solution is found by
//! striking out what cannot be part of any (`solve`).
//!
//! # What is the same as on one core, and what is not
//!
//! Per flow the packets that leave, their order, and the state of divided objects are those of one
//! core, as long as no table is full: each core has the declared capacity for its part. Log limits
//! hold for each core. Timers fire on every core at the same times; see [`Firing`].

mod classes;
mod merge;
mod reasons;
mod solve;
mod steer;
#[cfg(test)]
mod tests;
mod uses;

pub use merge::combine;
pub use reasons::Blocker;
pub use steer::{Part, Rule, Steering, Target};

use crate::effects::{self, AccessKind};
use crate::ir::{Node, Program, Stmt, StmtKind, Trigger};
use trama_state::StateKind;

/// Most cores that packets are spread over.
pub const CORES_MAX: usize = 64;

/// Where the entries of a state object are when a program runs on several cores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Each core has a copy, and nobody changes it.
    Same,
    /// Each core has the entries of its own packets.
    Divided,
    /// Each core has a copy; together they are the object.
    Merged,
    /// Each core has a copy that takes all writes.
    Replicated,
    /// Each core has a bucket with a share of the rate.
    Share,
}

impl Placement {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Same => "same on each core",
            Self::Divided => "divided",
            Self::Merged => "merged when read",
            Self::Replicated => "replicated",
            Self::Share => "a share of the rate for each core",
        }
    }
}

/// On which cores a handler without a packet runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Firing {
    /// On each core, at the same times; what it logs comes from the first.
    Everywhere,
    /// On the first core: what it does concerns merged objects or nothing but the log.
    Once,
}

/// What a user asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Single token buckets are cut in equal parts, one for each core: together they never let
    /// through more than the one, but a core may refuse what another would have had left.
    pub split_limits: bool,
}

/// A program cut up for several cores.
#[derive(Clone, Debug)]
pub struct Division {
    /// By node and state object.
    pub placements: Vec<Vec<Placement>>,
    /// By node and handler; those that are no timers are [`Firing::Everywhere`].
    pub firings: Vec<Vec<Firing>>,
    /// How packets find their core, by external port.
    pub steering: Vec<steer::PortSteering>,
    /// Whether two directions meet, so that the hash must not depend on the order of fields.
    pub symmetric: bool,
    /// Some packets go to all cores.
    pub has_broadcast: bool,
}

/// Finds how packets must be steered so that no state is shared, or says what prevents it.
pub fn divide(program: &Program, options: Options) -> Result<Division, Vec<Blocker>> {
    let classes = classes::Classes::of(program);
    let uses = uses::Uses::of(program, &classes);
    let fixed = fixed_placements(program, &uses, options);
    let solution = solve::solve(program, &classes, &uses, &fixed)?;
    let firings = firings(program, &uses, &solution)?;
    Ok(steer::division(program, &classes, solution, firings))
}

/// Placements that need no steering; `None` for objects whose entries must be divided.
fn fixed_placements(
    program: &Program,
    uses: &uses::Uses,
    options: Options,
) -> Vec<Vec<Option<Placement>>> {
    let of = |(n, node): (usize, &Node)| {
        let object = |(s, spec): (usize, &trama_state::StateSpec)| {
            let mut all = uses.of_state(n, s);
            if all.all(|u| u.kind == AccessKind::Read) {
                return Some(Placement::Same);
            }
            let single = matches!(spec.kind, StateKind::Bucket { .. }) && spec.key.0.is_empty();
            if single && options.split_limits {
                return Some(Placement::Share);
            }
            merge::operators(node, s).map(|_| Placement::Merged)
        };
        node.states.iter().enumerate().map(object).collect()
    };
    program.nodes.iter().enumerate().map(of).collect()
}

/// Where handlers without packets run.
fn firings(
    program: &Program,
    uses: &uses::Uses,
    solution: &solve::Solution,
) -> Result<Vec<Vec<Firing>>, Vec<Blocker>> {
    let mut all = Vec::new();
    for (n, node) in program.nodes.iter().enumerate() {
        let mut row = Vec::new();
        for (h, handler) in node.handlers.iter().enumerate() {
            if !matches!(handler.trigger, Trigger::Timer { .. }) {
                row.push(Firing::Everywhere);
                continue;
            }
            let touches = |wanted: Placement| {
                let mut own = uses.of_handler(n, h).filter(|u| u.kind != AccessKind::Read);
                own.find(|u| solution.placements[u.node][u.state] == wanted)
            };
            let (merged, replicated) = (touches(Placement::Merged), touches(Placement::Replicated));
            match (merged, replicated.or(touches(Placement::Share))) {
                (Some(counted), Some(_)) => {
                    let head = effects::handler_head(node, &handler.trigger);
                    return Err(vec![reasons::once_and_everywhere(program, counted, &head)]);
                }
                (None, Some(_)) => row.push(Firing::Everywhere),
                _ => row.push(Firing::Once),
            }
        }
        all.push(row);
    }
    Ok(all)
}

impl Division {
    /// The program for a core: on all but the first, what is to happen once is taken out, and
    /// buckets have their share.
    pub fn program(&self, program: &Program, core: usize, cores: usize) -> Program {
        let mut own = program.clone();
        for (n, node) in own.nodes.iter_mut().enumerate() {
            for (s, spec) in node.states.iter_mut().enumerate() {
                if let StateKind::Bucket { rate_per_s, burst, .. } = &mut spec.kind
                    && self.placements[n][s] == Placement::Share
                {
                    *rate_per_s = share(*rate_per_s, core, cores);
                    *burst = share(*burst, core, cores);
                }
            }
            for (h, handler) in node.handlers.iter_mut().enumerate() {
                if core == 0 || !matches!(handler.trigger, Trigger::Timer { .. }) {
                    continue;
                }
                match self.firings[n][h] {
                    Firing::Once => handler.body.clear(),
                    Firing::Everywhere => without_logs(&mut handler.body),
                }
            }
        }
        own
    }

    /// True if the program has handlers that wait for a time: cores must then be told of it.
    pub fn has_timers(program: &Program) -> bool {
        let mut handlers = program.nodes.iter().flat_map(|node| &node.handlers);
        handlers.any(|handler| !matches!(handler.trigger, Trigger::Packet { .. } | Trigger::Init))
    }
}

/// A core's part of a whole; the parts add up to it, but each is at least 1.
fn share(whole: u64, core: usize, cores: usize) -> u64 {
    let (core, cores) = (core as u64, cores as u64);
    (whole / cores + u64::from(core < whole % cores)).max(1)
}

fn without_logs(body: &mut Vec<Stmt>) {
    body.retain(|stmt| !matches!(stmt.kind, StmtKind::Log(..)));
    for stmt in body {
        match &mut stmt.kind {
            StmtKind::If(_, then, or) => {
                without_logs(then);
                without_logs(or);
            }
            StmtKind::Loop { body, .. } | StmtKind::Block(_, body) => without_logs(body),
            _ => {}
        }
    }
}
