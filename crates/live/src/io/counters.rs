//! What went through a source or a sink, and what did not, by reason.

/// Why a frame was lost at an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// The kernel had frames faster than the program took them.
    ReceiveRingFull,
    /// The kernel had no free buffer to receive into.
    ReceiveNoBuffer,
    /// A frame did not fit into a receive buffer.
    ReceiveTooLong,
    /// The kernel left a frame to be segmented in a way that is not understood.
    ReceiveUnsegmentable,
    /// The kernel did not take a frame to send: its queue was full.
    TransmitRingFull,
    /// A frame to send exceeds what the interface carries.
    TransmitTooLong,
    /// A frame to send is shorter than an Ethernet header.
    TransmitTooShort,
    /// The interface was down.
    InterfaceDown,
    /// The sink failed before.
    SinkFailed,
}

impl DropReason {
    /// Each reason, in the order in which tables list them.
    pub const ALL: [Self; 9] = [
        Self::ReceiveRingFull,
        Self::ReceiveNoBuffer,
        Self::ReceiveTooLong,
        Self::ReceiveUnsegmentable,
        Self::TransmitRingFull,
        Self::TransmitTooLong,
        Self::TransmitTooShort,
        Self::InterfaceDown,
        Self::SinkFailed,
    ];

    /// The reason in words.
    pub fn text(self) -> &'static str {
        match self {
            Self::ReceiveRingFull => "receive ring full",
            Self::ReceiveNoBuffer => "no receive buffer",
            Self::ReceiveTooLong => "received frame too long",
            Self::ReceiveUnsegmentable => "received frame cannot be segmented",
            Self::TransmitRingFull => "transmit queue full",
            Self::TransmitTooLong => "frame too long for the interface",
            Self::TransmitTooShort => "frame shorter than an Ethernet header",
            Self::InterfaceDown => "interface down",
            Self::SinkFailed => "output failed",
        }
    }
}

/// Counts since a source or sink was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames received or sent.
    pub frames: u64,
    /// Their bytes, without preamble and checksum.
    pub bytes: u64,
    /// Received frames whose transport checksum the sender's kernel had left unfilled.
    pub checksums_completed: u64,
    /// Frames larger than the MTU that were cut; `frames` counts the segments.
    pub frames_segmented: u64,
    dropped: [u64; DropReason::ALL.len()],
}

impl Counters {
    /// Counts a frame.
    pub fn add(&mut self, bytes: usize) {
        self.frames += 1;
        self.bytes += bytes as u64;
    }

    /// Counts lost frames.
    pub fn drop(&mut self, reason: DropReason, frames: u64) {
        self.dropped[reason as usize] += frames;
    }

    /// Frames lost for `reason`.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.dropped[reason as usize]
    }

    /// Frames lost for any reason.
    pub fn dropped_total(&self) -> u64 {
        self.dropped.iter().sum()
    }

    /// The reasons for which frames were lost, with their number.
    pub fn drops(&self) -> impl Iterator<Item = (DropReason, u64)> {
        let counts = DropReason::ALL.into_iter().zip(self.dropped);
        counts.filter(|(_, frames)| *frames > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_own_count() {
        let mut counters = Counters::default();
        for (i, reason) in DropReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, i);
            counters.drop(reason, i as u64);
        }
        assert_eq!(counters.dropped_total(), 36);
        assert_eq!(counters.drops().count(), 8);
        assert_eq!(counters.dropped(DropReason::TransmitTooLong), 5);
    }
}
