//! Packets that wait for the interface, with the records that they take along.

use crate::endpoint::{HOPS_MAX, Hop, Outlet};
use crate::packet::Packet;
use std::collections::VecDeque;

/// Answers in the order in which they go.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    packets: VecDeque<(Packet, u8)>,
    /// The records of all of them, in the same order.
    records: VecDeque<Hop>,
}

impl Answers {
    pub(crate) fn push(&mut self, packet: Packet, telemetry: &[Hop]) {
        let records = &telemetry[..telemetry.len().min(HOPS_MAX)];
        self.packets.push_back((packet, records.len() as u8));
        self.records.extend(records);
    }

    /// The next one, if its priority may go.
    pub(crate) fn pop(&mut self, outlet: &mut Outlet<'_>) -> Option<Packet> {
        if !outlet.takes(self.packets.front()?.0.priority) {
            return None;
        }
        let (packet, records) = self.packets.pop_front()?;
        outlet.telemetry.extend(self.records.drain(..usize::from(records)));
        Some(packet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_takes_its_own_records() {
        let hop = |queue_bytes| Hop { queue_bytes, ..Hop::default() };
        let mut answers = Answers::default();
        answers.push(Packet { sequence: 1, ..Packet::default() }, &[hop(1), hop(2)]);
        answers.push(Packet { sequence: 2, priority: 3, ..Packet::default() }, &[]);
        answers.push(Packet { sequence: 3, ..Packet::default() }, &[hop(3); 20]);
        let mut take = |paused| {
            let mut telemetry = Vec::new();
            let packet = answers.pop(&mut Outlet { paused, telemetry: &mut telemetry })?;
            Some((packet.sequence, telemetry.iter().map(|hop| hop.queue_bytes).collect()))
        };
        assert_eq!(take(0b1), None);
        assert_eq!(take(0), Some((1, vec![1, 2])));
        assert_eq!(take(0b1000), None, "its priority is paused");
        assert_eq!(take(0b0001), Some((2, vec![])));
        assert_eq!(take(0), Some((3, vec![3; HOPS_MAX])));
    }
}
