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
//! - *merged*: packets only update it, in ways that commute, so each core counts for itself, and
//!   copies are combined when somebody looks: the user ([`combine`]), or a handler that no packet
//!   leads to, such as the end of a window ([`gather`]);
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
//! core, as long as no table is full: each core has the declared capacity for its part, and for its
//! part of the pending events. Limits of log lines hold for each core. What runs without a packet,
//! and where, says [`firing`]. Events that packets generate fire on the core of the packet.

mod classes;
mod firing;
mod merge;
mod reasons;
mod rounds;
mod solve;
mod steer;
#[cfg(test)]
mod tests;
mod uses;

pub use merge::{combine, gather};
pub use reasons::Blocker;
pub use steer::{Part, Rule, Steering, Target};

use crate::effects::AccessKind;
use crate::ir::{Node, Program, StateId, Stmt, StmtKind, Trigger, UpdateOp};
use std::collections::{BTreeMap, BTreeSet};
use trama_base::Nanos;
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
    /// No packet uses it.
    Alone,
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
            Self::Alone => "used by timers and events only",
        }
    }
}

/// Where a handler runs that no packet leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Firing {
    /// On each core, at the same times; what it says outside of [rounds](rounds) is said once.
    Everywhere,
    /// On the keeper, which has all that the cores have counted.
    Once,
}

/// For whom a program is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seat {
    /// The core of that number.
    Core(usize),
    /// The engine beside the cores on which [`Firing::Once`] happens. It gets the packets that all
    /// cores get.
    Keeper,
    /// What is the same everywhere, to be taken out of sums.
    Shadow,
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
    /// By node and handler; those of packets are [`Firing::Everywhere`].
    pub firings: Vec<Vec<Firing>>,
    /// How packets find their core, by external port.
    pub steering: Vec<steer::PortSteering>,
    /// Whether two directions meet, so that the hash must not depend on the order of fields.
    pub symmetric: bool,
    /// Some packets go to all cores.
    pub has_broadcast: bool,
    /// There are handlers that no packet leads to, so there is a [`Seat::Keeper`], and cores must
    /// be told of the time.
    pub has_keeper: bool,
    /// Those handlers, by node and index.
    alone: BTreeSet<(usize, usize)>,
    /// How the leaves of merged objects are put together.
    operators: BTreeMap<(usize, usize), Vec<UpdateOp>>,
    /// The merged objects that handlers on the keeper use, by node and index.
    pub gathered: BTreeSet<(usize, usize)>,
    /// The shortest time after which an event fires that a packet generated with a delay; none if
    /// there are no such events.
    pub lookahead: Option<Nanos>,
}

/// Finds how packets must be steered so that no state is shared, or says what prevents it.
pub fn divide(program: &Program, options: Options) -> Result<Division, Vec<Blocker>> {
    let classes = classes::Classes::of(program);
    let uses = uses::Uses::of(program, &classes);
    // Objects that could be merged, but not where their readers run.
    let mut unmerged = BTreeSet::new();
    loop {
        let fixed = fixed_placements(program, &uses, options, &unmerged);
        let solution = solve::solve(program, &classes, &uses, &fixed)?;
        match firing::firings(program, &uses, &solution) {
            Ok(firings) => {
                return Ok(steer::division(program, &classes, &uses, solution, firings));
            }
            Err(firing::Misfit::Merged(objects)) => unmerged.extend(objects),
            Err(firing::Misfit::Blocked(blockers)) => return Err(blockers),
        }
    }
}

/// Placements that need no steering; `None` for objects whose entries must be divided.
fn fixed_placements(
    program: &Program,
    uses: &uses::Uses,
    options: Options,
    unmerged: &BTreeSet<(usize, usize)>,
) -> Vec<Vec<Option<Placement>>> {
    let of = |(n, node): (usize, &Node)| {
        let object = |(s, spec): (usize, &trama_state::StateSpec)| {
            let all = || uses.of_state(n, s);
            if all().all(|u| u.kind == AccessKind::Read) {
                return Some(Placement::Same);
            }
            if all().all(|u| u.who == uses::Who::Alone) {
                return Some(Placement::Alone);
            }
            let single = matches!(spec.kind, StateKind::Bucket { .. }) && spec.key.0.is_empty();
            if single && options.split_limits {
                return Some(Placement::Share);
            }
            let merges = !unmerged.contains(&(n, s)) && uses.operators(program, n, s).is_some();
            merges.then_some(Placement::Merged)
        };
        node.states.iter().enumerate().map(object).collect()
    };
    program.nodes.iter().enumerate().map(of).collect()
}

impl Division {
    /// The program for one seat: what is to happen elsewhere is taken out, and buckets have their
    /// share.
    pub fn program(&self, program: &Program, seat: Seat, cores: usize) -> Program {
        let mut own = program.clone();
        let speaks = match seat {
            Seat::Core(core) => core == 0 && !self.has_keeper,
            Seat::Keeper => true,
            Seat::Shadow => false,
        };
        for (n, node) in own.nodes.iter_mut().enumerate() {
            for (s, spec) in node.states.iter_mut().enumerate() {
                if let StateKind::Bucket { rate_per_s, burst, .. } = &mut spec.kind
                    && self.placements[n][s] == Placement::Share
                    && let Seat::Core(core) = seat
                {
                    *rate_per_s = share(*rate_per_s, core, cores);
                    *burst = share(*burst, core, cores);
                }
            }
            for (h, handler) in node.handlers.iter_mut().enumerate() {
                let is_init = handler.trigger == Trigger::Init;
                if speaks || !(is_init || self.alone.contains(&(n, h))) {
                    continue;
                }
                match self.firings[n][h] {
                    Firing::Once if !is_init => handler.body.clear(),
                    _ => silence(&mut handler.body, &|id| {
                        self.placements[n][id.0 as usize] == Placement::Divided
                    }),
                }
            }
        }
        own
    }
}

/// A core's part of a whole; the parts add up to it, but each is at least 1.
fn share(whole: u64, core: usize, cores: usize) -> u64 {
    let (core, cores) = (core as u64, cores as u64);
    (whole / cores + u64::from(core < whole % cores)).max(1)
}

/// Takes out what is said, but for rounds over divided maps: each core speaks for its entries.
fn silence(body: &mut Vec<Stmt>, is_divided: &dyn Fn(StateId) -> bool) {
    body.retain(|stmt| !matches!(stmt.kind, StmtKind::Log(..) | StmtKind::Emit(..)));
    for stmt in body {
        if matches!(stmt.kind, StmtKind::ForEach { state, .. } if is_divided(state)) {
            continue;
        }
        stmt.kind.bodies_mut().into_iter().for_each(|nested| silence(nested, is_divided));
    }
}
