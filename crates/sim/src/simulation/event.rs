//! What happens, in a word.

use crate::arena::Handle;

/// What happens, with the two numbers that say where: 4, 28 and 32 bits of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Event(u64);

/// What an [`Event`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happening {
    /// A packet has crossed the link of a port.
    Arrival { port: u32, packet: Handle },
    /// The link of a port is free, or may be used again.
    Free { port: u32 },
    /// A host wanted to be called.
    Timeout { host: u32 },
    /// The next messages are due.
    Submission,
    /// A message is due that waited for others.
    Due { flow: u32 },
    /// A host has the next packet of those that arrived ready for its endpoint.
    Ready { host: u32 },
    /// A port is told to pause a class, or to go on.
    Pause { port: u32, class: u8, is_paused: bool },
    /// The next change of the network is due.
    Change,
}

impl Event {
    pub(super) fn new(happening: Happening) -> Self {
        let word = |kind: u64, place: u32, more: u32| {
            Self(kind << 60 | u64::from(place) << 32 | u64::from(more))
        };
        match happening {
            Happening::Arrival { port, packet } => word(0, port, packet.0),
            Happening::Free { port } => word(1, port, 0),
            Happening::Timeout { host } => word(2, host, 0),
            Happening::Submission => word(3, 0, 0),
            Happening::Due { flow } => word(4, 0, flow),
            Happening::Ready { host } => word(5, host, 0),
            Happening::Pause { port, class, is_paused } => {
                word(6, port, u32::from(class) << 1 | u32::from(is_paused))
            }
            Happening::Change => word(7, 0, 0),
        }
    }

    pub(super) fn happening(self) -> Happening {
        let place = (self.0 >> 32) as u32 & 0x0fff_ffff;
        let more = self.0 as u32;
        match self.0 >> 60 {
            0 => Happening::Arrival { port: place, packet: Handle(more) },
            1 => Happening::Free { port: place },
            2 => Happening::Timeout { host: place },
            3 => Happening::Submission,
            4 => Happening::Due { flow: more },
            5 => Happening::Ready { host: place },
            6 => {
                Happening::Pause { port: place, class: (more >> 1) as u8, is_paused: more & 1 == 1 }
            }
            _ => Happening::Change,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_say_what_was_put_in() {
        for happening in [
            Happening::Arrival { port: 0x0fff_ffff, packet: Handle(u32::MAX) },
            Happening::Free { port: 7 },
            Happening::Timeout { host: 1 << 27 },
            Happening::Submission,
            Happening::Due { flow: 50_000_000 },
            Happening::Ready { host: 3 },
            Happening::Pause { port: 9, class: 7, is_paused: true },
            Happening::Pause { port: 9, class: 0, is_paused: false },
            Happening::Change,
        ] {
            assert_eq!(Event::new(happening).happening(), happening);
        }
    }
}
