//! The router: which server gets a request.

use super::Policy;
use crate::packet::{FlowId, HostId, Packet};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use trama_base::{Picos, Rng};

/// What the router says to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Servers are told, or it waits.
    Taken,
    /// There is no room for it.
    Refused,
}

/// A request under way.
#[derive(Clone, Copy, Debug)]
struct Outstanding {
    server: u32,
    since: Picos,
}

/// The state of the router.
#[derive(Debug)]
pub(super) struct Router {
    policy: Policy,
    /// Requests that a server has at most, with JBSQ.
    bound: u32,
    queue_max: usize,
    /// By server: requests sent to it that have not ended.
    loads: Vec<u32>,
    outstanding: BTreeMap<FlowId, Outstanding>,
    /// The same, oldest first; some may have ended.
    oldest: VecDeque<(Picos, FlowId)>,
    /// Requests that wait for a server, in the order of their arrival.
    waiting: VecDeque<Packet>,
    /// Their names.
    names: BTreeSet<FlowId>,
    /// After this time without an end a request is taken for lost.
    forget_after: Picos,
    /// The server after the last one that was chosen.
    turn: usize,
    rng: Rng,
}

impl Router {
    pub(super) fn new(policy: Policy, bound: u32, queue_max: u32, servers: u32, rng: Rng) -> Self {
        Self {
            policy,
            bound,
            queue_max: queue_max as usize,
            loads: vec![0; servers as usize],
            outstanding: BTreeMap::new(),
            oldest: VecDeque::new(),
            waiting: VecDeque::new(),
            names: BTreeSet::new(),
            forget_after: Picos::MAX,
            turn: 0,
            rng,
        }
    }

    /// Forgets requests whose end was not heard of for so long.
    pub(super) fn forget_after(self, time: Picos) -> Self {
        Self { forget_after: time, ..self }
    }

    /// Takes a request. One that is under way goes to its server again, as the client tries again.
    pub(super) fn take(&mut self, now: Picos, request: Packet, out: &mut Vec<Packet>) -> Verdict {
        if let Some(known) = self.outstanding.get(&request.flow) {
            out.push(Packet { destination: host_of(known.server), ..request });
            return Verdict::Taken;
        }
        if !self.names.insert(request.flow) {
            return Verdict::Taken;
        }
        self.waiting.push_back(request);
        self.dispatch(now, out);
        if self.waiting.len() > self.queue_max {
            self.waiting.pop_back();
            self.names.remove(&request.flow);
            return Verdict::Refused;
        }
        Verdict::Taken
    }

    /// A server has ended a request.
    pub(super) fn end(&mut self, now: Picos, flow: FlowId, out: &mut Vec<Packet>) {
        if let Some(it) = self.outstanding.remove(&flow) {
            self.loads[it.server as usize] -= 1;
        }
        self.dispatch(now, out);
    }

    /// When it has to be looked at: a request may have to be forgotten.
    pub(super) fn next_timeout(&self) -> Option<Picos> {
        self.oldest.front().map(|&(since, _)| since + self.forget_after)
    }

    /// Forgets requests that were lost, or whose end was.
    pub(super) fn timeout(&mut self, now: Picos, out: &mut Vec<Packet>) {
        while let Some(&(since, flow)) = self.oldest.front() {
            let is_over = self.outstanding.get(&flow).is_none_or(|it| it.since != since);
            if !is_over && since + self.forget_after > now {
                break;
            }
            self.oldest.pop_front();
            if !is_over {
                self.end(now, flow, out);
            }
        }
    }

    /// Sends requests to servers while there is one that may have more.
    fn dispatch(&mut self, now: Picos, out: &mut Vec<Packet>) {
        while !self.waiting.is_empty()
            && let Some(server) = self.choose()
            && let Some(request) = self.waiting.pop_front()
        {
            self.names.remove(&request.flow);
            self.turn = (server + 1) % self.loads.len();
            self.loads[server] += 1;
            let it = Outstanding { server: server as u32, since: now };
            self.outstanding.insert(request.flow, it);
            self.oldest.push_back((now, request.flow));
            out.push(Packet { destination: host_of(it.server), ..request });
        }
    }

    fn choose(&mut self) -> Option<usize> {
        let servers = self.loads.len();
        let shortest = || {
            let in_turn = (0..servers).map(|step| (self.turn + step) % servers);
            in_turn.min_by_key(|&server| self.loads[server])
        };
        match self.policy {
            Policy::Random => Some(self.rng.below(servers as u64) as usize),
            Policy::RoundRobin => Some(self.turn),
            Policy::Jsq => shortest(),
            Policy::Jbsq => shortest().filter(|&server| self.loads[server] < self.bound),
        }
    }
}

/// Servers are the hosts behind the router, which is host 0.
fn host_of(server: u32) -> HostId {
    HostId(server + 1)
}
