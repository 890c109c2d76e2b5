//! The life of one message: what happened to each of its packets, and when.

mod frame;

use crate::network::Network;
use crate::simulation::{Observer, Seen};
use std::io::{Result, Write};
use trama_base::{Nanos, Picos, units};
use trama_transport::{Flags, FlowId, Kind, Packet};
use trama_wire::capture::{Record, Writer};

/// Steps that are kept; what is beyond is counted.
const STEPS_MAX: usize = 2_000_000;

/// Something that happened to a message or to one of its packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// When.
    pub at: Picos,
    /// What.
    pub what: What,
    /// The packet, as it was then.
    pub packet: Option<Packet>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The message was given to its transport.
    Submitted,
    /// All of it has arrived.
    Received,
    /// Its sender knows.
    Acknowledged,
    /// A port begins to send the packet.
    Sent {
        /// The port.
        port: u32,
    },
    /// The packet came to a port that was busy.
    Queued {
        /// The port.
        port: u32,
        /// Bytes that wait there now, with it.
        queue_bytes: u32,
    },
    /// The port had no room.
    Dropped {
        /// The port.
        port: u32,
    },
    /// No port leads to the destination.
    Unroutable,
    /// The packet was lost on a link.
    Lost {
        /// The port at its beginning.
        port: u32,
    },
    /// The packet was given to the transport of its host.
    Delivered,
}

/// Someone who follows a message.
#[derive(Clone, Debug)]
pub struct Follower {
    flow: FlowId,
    steps: Vec<Step>,
    left_out: u64,
}

impl Follower {
    /// Follows a message.
    pub fn new(flow: FlowId) -> Self {
        Self { flow, steps: Vec::new(), left_out: 0 }
    }

    /// What happened, in order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Steps that were too many to keep.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    fn keep(&mut self, at: Picos, what: What, packet: Option<Packet>) {
        if self.steps.len() < STEPS_MAX {
            self.steps.push(Step { at, what, packet });
        } else {
            self.left_out += 1;
        }
    }

    /// Writes a line for each step.
    pub fn write_text(&self, network: &Network, out: &mut impl Write) -> Result<()> {
        for step in &self.steps {
            let place = |port: u32| network.port_name(port);
            let text = match step.what {
                What::Submitted => "submitted".into(),
                What::Received => "all of it has arrived".into(),
                What::Acknowledged => "the sender knows".into(),
                What::Sent { port } => format!("sent      {}", place(port)),
                What::Queued { port, queue_bytes } => {
                    format!("waits     {}, {queue_bytes} B in the queue", place(port))
                }
                What::Dropped { port } => format!("dropped   {}", place(port)),
                What::Unroutable => "dropped   no port leads to its destination".into(),
                What::Lost { port } => format!("lost      {}", place(port)),
                What::Delivered => "delivered".into(),
            };
            let packet = step.packet.as_ref().map_or(String::new(), describe);
            let at = units::write_duration(Picos(step.at.0 / 1000 * 1000));
            writeln!(out, "{at:>14}  {packet:<34}  {text}")?;
        }
        if self.left_out > 0 {
            writeln!(out, "{} more steps", self.left_out)?;
        }
        Ok(())
    }

    /// Writes a capture with an interface for each port that sent a packet of the message.
    pub fn write_capture<W: Write>(&self, network: &Network, out: W) -> Result<W> {
        let mut ports = Vec::new();
        for step in &self.steps {
            if let What::Sent { port } = step.what
                && !ports.contains(&port)
            {
                ports.push(port);
            }
        }
        let names: Vec<&str> = ports.iter().map(|&port| network.port_name(port)).collect();
        let mut writer = Writer::pcapng(out, &names)?;
        for step in &self.steps {
            let (What::Sent { port }, Some(packet)) = (step.what, &step.packet) else { continue };
            let interface = ports.iter().position(|it| *it == port).unwrap_or_default() as u32;
            let data = frame::of(packet);
            let wire_len = u32::from(packet.wire_bytes).max(data.len() as u32);
            let time = Nanos::from(step.at);
            writer.write(&Record { time, wire_len, interface, data: &data })?;
        }
        writer.finish()
    }
}

impl Observer for Follower {
    fn see(&mut self, now: Picos, seen: &Seen<'_>) {
        let (what, packet) = match *seen {
            Seen::Submitted { flow } if flow == self.flow => (What::Submitted, None),
            Seen::Received { flow } if flow == self.flow => (What::Received, None),
            Seen::Acknowledged { flow } if flow == self.flow => (What::Acknowledged, None),
            Seen::Submitted { .. } | Seen::Received { .. } | Seen::Acknowledged { .. } => return,
            Seen::Sent { packet, port } => (What::Sent { port }, Some(packet)),
            Seen::Queued { packet, port, queue_bytes } => {
                (What::Queued { port, queue_bytes }, Some(packet))
            }
            Seen::Dropped { packet, port } => (What::Dropped { port }, Some(packet)),
            Seen::Unroutable { packet, .. } => (What::Unroutable, Some(packet)),
            Seen::Lost { packet, link } => (What::Lost { port: link }, Some(packet)),
            Seen::Delivered { packet, .. } => (What::Delivered, Some(packet)),
        };
        if packet.is_none_or(|packet| packet.flow == self.flow) {
            self.keep(now, what, packet.copied());
        }
    }
}

/// A packet in words.
fn describe(packet: &Packet) -> String {
    let mut text = match packet.kind {
        Kind::Data => {
            let end = packet.sequence + u64::from(packet.payload_bytes);
            format!("data {}..{end}", packet.sequence)
        }
        Kind::Ack if packet.extent == u64::MAX => "ack of all".into(),
        Kind::Ack if packet.detail > packet.extent => {
            format!("ack {}, {}..{}", packet.extent, packet.sequence, packet.detail)
        }
        Kind::Ack => format!("ack {}", packet.extent),
        other => format!("{other:?} {}", packet.sequence).to_lowercase(),
    };
    let marks = [
        (Flags::RETRANSMISSION, " again"),
        (Flags::TRIMMED, " trimmed"),
        (Flags::CONGESTION, " marked"),
        (Flags::ECHO, " echo"),
    ];
    for (flag, word) in marks {
        if packet.flags.has(flag) {
            text += word;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use crate::scenario::Scenario;
    use crate::trace::Follower;
    use trama_base::Picos;
    use trama_transport::FlowId;
    use trama_wire::capture::Reader;

    const TEXT: &str = r#"
[topology]
kind = "star"
hosts = 3
rate = "10Gbps"
delay = "1us"
[transport]
name = "dctcp"
[switch]
mark_above = "1kB"
[workload]
kind = "incast"
senders = 2
bytes = "2896B"
"#;

    fn follow(flow: u32) -> (String, Vec<u8>) {
        let scenario = Scenario::parse(TEXT).expect("it is sound");
        let load = |_: &str| Err(String::new());
        let follower = Follower::new(FlowId(flow));
        let (mut run, _) = scenario.build_observed(&load, follower).expect("it is sound");
        run.run(Picos::from_millis(1000));
        let mut text = Vec::new();
        let follower = run.observer().clone();
        follower.write_text(run.network(), &mut text).expect("memory takes it");
        let capture = follower.write_capture(run.network(), Vec::new()).expect("memory takes it");
        (String::from_utf8(text).expect("it is text"), capture)
    }

    #[test]
    fn a_life_is_told_in_order() {
        let (text, _) = follow(1);
        let lines: Vec<String> = text
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        // Hosts 1 and 2 begin at once; the packets of host 2 wait at the switch behind those of
        // host 1.
        assert_eq!(
            lines,
            [
                "0ps submitted",
                "0ps data 0..1448 sent host 2",
                "1.2us data 1448..2896 sent host 2",
                "2.2us data 0..1448 waits switch to host 0, 1500 B in the queue",
                // At one time, what was decided first comes first: the arrival.
                "3.4us data 1448..2896 marked waits switch to host 0, 4500 B in the queue",
                "3.4us data 0..1448 sent switch to host 0",
                "5.6us data 0..1448 delivered",
                "5.8us data 1448..2896 marked sent switch to host 0",
                "8us data 1448..2896 marked delivered",
                "8us all of it has arrived",
                "8us ack 1448 sent host 0",
                "8.041us ack 2896 echo sent host 0",
                "9.041us ack 1448 sent switch to host 2",
                "9.083us ack 2896 echo sent switch to host 2",
                "10.083us ack 1448 delivered",
                "10.124us ack 2896 echo delivered",
                "10.124us the sender knows",
            ]
        );
    }

    #[test]
    fn a_capture_has_the_frames_of_each_port() {
        let (_, capture) = follow(1);
        let mut reader = Reader::new(&capture[..]).expect("it is a capture");
        let mut records = 0;
        while let Some(record) = reader.next().expect("it is whole") {
            assert!(record.wire_len == 1500 || record.wire_len >= 52);
            assert_eq!(record.data[12..14], [0x08, 0x00]);
            records += 1;
        }
        assert_eq!(records, 8);
        let names: Vec<&str> = reader.interfaces().iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["host 2", "switch to host 0", "host 0", "switch to host 2"]);
    }
}
