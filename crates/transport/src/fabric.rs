//! What transports know of a network, and what they ask of its switches.

use trama_base::{Picos, Rate};

/// What a transport knows of the network that it is used on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fabric {
    /// Number of hosts.
    pub hosts: u32,
    /// Rate of the hosts' interfaces.
    pub link: Rate,
    /// The round trip of a small packet between hosts that are as far from each other as any,
    /// without waiting or sending times.
    pub delay: Picos,
    /// The same with a full packet on the way there: the round trip that a transport sees when
    /// nothing waits.
    pub base_rtt: Picos,
    /// Links of that way.
    pub links: u8,
    /// Equal paths between such hosts.
    pub paths: u16,
}

impl Fabric {
    /// Bytes that the interface sends in a round trip without waiting.
    pub const fn bandwidth_delay_bytes(&self) -> u64 {
        self.link.bytes_in(self.base_rtt)
    }
}

/// Most classes of a port.
pub const CLASSES_MAX: usize = 8;

/// How ports queue packets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Queueing {
    /// Number of classes, 1 to [`CLASSES_MAX`]; a packet's priority chooses, the last class takes
    /// what is beyond.
    pub classes: u8,
    /// Who is served first.
    pub service: Service,
    /// Bytes that all classes of a port together hold; of a switch if its ports share them.
    pub capacity_bytes: u32,
    /// Whether ports share the buffer of their switch, and how.
    pub sharing: Sharing,
    /// Which packets are marked on arrival.
    pub marking: Option<Marking>,
    /// What happens to a packet that finds no room.
    pub overflow: Overflow,
    /// Unscheduled packets that find more than so many bytes are dropped (Aeolus, SIGCOMM 2020).
    pub drop_unscheduled_above_bytes: Option<u32>,
    /// Whether class 0 is for credits, which are held to a share of the link.
    pub credits: Option<Credits>,
}

/// Who may use the buffer of a switch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sharing {
    /// Each port has its own.
    Ports,
    /// A queue may grow up to so many times what is free of the buffer that all ports share
    /// (dynamic thresholds, Choudhury and Hahne, ToN 1998).
    Dynamic {
        /// The factor.
        alpha: f64,
    },
    /// Nothing is dropped: the sender at the other end of a link is paused when what came over the
    /// link, in one class, exceeds so many times what is free of the shared buffer (priority flow
    /// control, IEEE 802.1Qbb). Room for what is on its way meanwhile is set aside for each link.
    Lossless {
        /// The factor.
        alpha: f64,
    },
}

/// Credits in switches (ExpressPass, SIGCOMM 2017, 3.1).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Credits {
    /// Their share of the link's rate.
    pub share: f64,
    /// Packets that wait at most.
    pub packets: u32,
    /// Packets that may go at once after a pause.
    pub burst: u32,
}

/// In which order classes are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// The first class that has a packet.
    Strict,
    /// Class 0 gets so many packets for each one of the others while both wait.
    FirstFavoured(u32),
    /// Each class in turn sends so many times 1500 bytes (deficit round robin, Shreedhar and
    /// Varghese, SIGCOMM 1995); class 0 goes before all others if its weight is 0.
    Weighted([u8; CLASSES_MAX]),
}

/// Which arriving packets are marked (RFC 3168), by the bytes that wait in their class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Marking {
    /// Up to so many none are.
    pub from_bytes: u32,
    /// Above so many all are; between, a share that grows linearly (RED on the instantaneous
    /// queue, Floyd and Jacobson, 1993).
    pub to_bytes: u32,
    /// The share just below `to_bytes`.
    pub share_max: f64,
}

impl Marking {
    /// All packets that find more than so many bytes (DCTCP, SIGCOMM 2010, 3.1).
    pub const fn above(bytes: u32) -> Self {
        Self { from_bytes: bytes, to_bytes: bytes, share_max: 1.0 }
    }

    /// The share of packets that are marked at so many bytes.
    pub fn share(&self, bytes: u32) -> f64 {
        if bytes <= self.from_bytes {
            return 0.0;
        }
        if bytes > self.to_bytes {
            return 1.0;
        }
        let place = f64::from(bytes - self.from_bytes) / f64::from(self.to_bytes - self.from_bytes);
        place * self.share_max
    }
}

/// What happens to a packet that finds no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// It is dropped.
    Drop,
    /// Data packets beyond so many in the last class lose their payload and go to class 0; half of
    /// the time it is the packet at the end of the queue instead (NDP, SIGCOMM 2017, 3.1).
    Trim {
        /// Data packets that wait at most.
        packets: u32,
        /// Length of what remains.
        header_bytes: u16,
    },
    /// The packet with the most bytes remaining is dropped, and the first packet of the flow with
    /// the fewest is sent (pFabric, SIGCOMM 2013, 4.1). Needs one class.
    WorstRemaining,
}

impl Queueing {
    /// One queue that drops what does not fit.
    pub const fn drop_tail(capacity_bytes: u32) -> Self {
        Self {
            classes: 1,
            service: Service::Strict,
            capacity_bytes,
            sharing: Sharing::Ports,
            marking: None,
            overflow: Overflow::Drop,
            drop_unscheduled_above_bytes: None,
            credits: None,
        }
    }

    /// A switch that pauses senders instead of dropping, with a buffer for all its ports.
    pub const fn lossless(capacity_bytes: u32) -> Self {
        let mut queueing = Self::drop_tail(capacity_bytes);
        queueing.sharing = Sharing::Lossless { alpha: 0.125 };
        queueing
    }

    /// One queue that marks above a threshold.
    pub const fn marking(capacity_bytes: u32, mark_above_bytes: u32) -> Self {
        let mut queueing = Self::drop_tail(capacity_bytes);
        queueing.marking = Some(Marking::above(mark_above_bytes));
        queueing
    }

    /// A short queue that trims, and one for headers that is served ten times as often.
    pub const fn trimming(packets: u32, header_bytes: u16, capacity_bytes: u32) -> Self {
        let mut queueing = Self::drop_tail(capacity_bytes);
        queueing.classes = 2;
        queueing.service = Service::FirstFavoured(10);
        queueing.overflow = Overflow::Trim { packets, header_bytes };
        queueing
    }

    /// Strict priorities that share a buffer.
    pub const fn priorities(classes: u8, capacity_bytes: u32) -> Self {
        let mut queueing = Self::drop_tail(capacity_bytes);
        queueing.classes = classes;
        queueing
    }

    /// The class of a packet with this priority.
    pub fn class_of(&self, priority: u8) -> usize {
        usize::from(priority.min(self.classes - 1))
    }
}

/// How a switch chooses among equal ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Balance {
    /// By a hash of the flow: equal-cost multipath (RFC 2992).
    Flow,
    /// By chance, for each packet.
    Spray,
    /// By the path that the sender wrote into the packet.
    Source,
}

trama_base::choices!(Balance { Flow = "flow", Spray = "spray", Source = "source" });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_that_is_marked_grows_between_the_thresholds() {
        let red = Marking { from_bytes: 1000, to_bytes: 3000, share_max: 0.2 };
        let shares = [999, 1000, 2000, 3000, 3001].map(|bytes| red.share(bytes));
        assert_eq!(shares, [0.0, 0.0, 0.1, 0.2, 1.0]);
        let step = Marking::above(1000);
        assert_eq!([1000, 1001].map(|bytes| step.share(bytes)), [0.0, 1.0]);
    }
}
