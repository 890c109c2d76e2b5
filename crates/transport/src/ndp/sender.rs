//! The sending side of a message.

use super::paths::Paths;
use super::{Config, HEADER_BYTES, payload_bytes};
use crate::endpoint::Message;
use crate::packet::{Flags, HostId, Kind, Packet};
use crate::ranges::Ranges;
use std::collections::VecDeque;
use trama_base::{Picos, Rng};

/// A message that is being sent.
#[derive(Debug)]
pub(super) struct Sender {
    host: HostId,
    message: Message,
    /// First byte never sent.
    next: u64,
    /// Packets that were trimmed and wait to be pulled, by their first byte.
    lost: VecDeque<u64>,
    acknowledged: Ranges,
    acknowledged_bytes: u64,
    /// Packets that may be sent.
    credit: u32,
    /// The highest pull number heard of.
    pulled: u64,
    paths: Paths,
    is_queued: bool,
    /// When something last came from the receiver, or was sent again.
    heard: Picos,
}

impl Sender {
    pub(super) fn new(
        host: HostId,
        mut message: Message,
        config: &Config,
        paths: u16,
        now: Picos,
    ) -> Self {
        message.bytes = message.bytes.max(1);
        Self {
            host,
            message,
            next: 0,
            lost: VecDeque::new(),
            acknowledged: Ranges::default(),
            acknowledged_bytes: 0,
            credit: config.initial_window,
            pulled: 0,
            paths: Paths::new(paths),
            is_queued: false,
            heard: now,
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.acknowledged_bytes == self.message.bytes
    }

    /// Takes an acknowledgement, the notice of a trimmed packet, or a pull.
    pub(super) fn hear(&mut self, now: Picos, packet: &Packet, config: &Config) {
        self.heard = now;
        let start = packet.sequence;
        match packet.kind {
            Kind::Ack => {
                let end = start.saturating_add(payload_bytes(config)).min(self.message.bytes);
                self.acknowledged_bytes += self.acknowledged.add(start, end);
                if packet.extent == u64::MAX {
                    self.acknowledged_bytes = self.message.bytes;
                }
            }
            Kind::Nack => {
                self.paths.punish(packet.path);
                if start < self.next && self.acknowledged.first_gap(start) == start {
                    self.lost.push_back(start);
                }
            }
            // Pulls are numbered, so that a later one makes up for those that were lost.
            Kind::Pull => {
                let new = packet.sequence.saturating_sub(self.pulled);
                self.pulled = self.pulled.max(packet.sequence);
                let limit = u64::from(config.initial_window);
                self.credit = self.credit.saturating_add(new.min(limit) as u32);
            }
            _ => {}
        }
    }

    /// True once, when it gets something to send.
    pub(super) fn join_queue(&mut self) -> bool {
        let has_data = !self.lost.is_empty() || self.next < self.message.bytes;
        let joins = !self.is_queued && self.credit > 0 && has_data;
        self.is_queued |= joins;
        joins
    }

    /// The next packet: what was lost first.
    pub(super) fn send(&mut self, now: Picos, config: &Config, rng: &mut Rng) -> Option<Packet> {
        self.is_queued = false;
        if self.credit == 0 {
            return None;
        }
        let mut flags = Flags::default();
        let start = loop {
            match self.lost.pop_front() {
                // It may have been acknowledged since: a timeout was too early.
                Some(start) if self.acknowledged.first_gap(start) != start => {}
                Some(start) => {
                    flags = flags.with(Flags::RETRANSMISSION);
                    break start;
                }
                None if self.next < self.message.bytes => break self.next,
                None => return None,
            }
        };
        let end = (start + payload_bytes(config)).min(self.message.bytes);
        self.next = self.next.max(end);
        self.credit -= 1;
        let is_first_window = self.pulled == 0;
        Some(Packet {
            flow: self.message.flow,
            source: self.host,
            destination: self.message.destination,
            wire_bytes: (end - start) as u16 + HEADER_BYTES,
            payload_bytes: (end - start) as u16,
            kind: Kind::Data,
            priority: 1,
            flags: flags
                .with_if(Flags::LAST, end == self.message.bytes)
                .with_if(Flags::UNSCHEDULED, is_first_window),
            path: self.paths.take(config, rng),
            sequence: start,
            sent: now,
            extent: self.message.bytes,
            detail: self.message.bytes - self.acknowledged_bytes,
            ..Packet::default()
        })
    }

    /// Looks at the time without news: when to look again, and whether a packet has to be sent
    /// again.
    pub(super) fn check_timeout(&mut self, now: Picos, config: &Config) -> (Picos, bool) {
        let deadline = self.heard + config.timeout;
        if now < deadline {
            return (deadline, false);
        }
        self.heard = now;
        let first = self.acknowledged.first_gap(0);
        let fires = first < self.next && !self.lost.contains(&first);
        if fires {
            self.lost.push_front(first);
        }
        // Whoever has lost all pulls may send one packet.
        self.credit = self.credit.max(1);
        (now + config.timeout, fires)
    }
}
