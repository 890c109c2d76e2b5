//! All transports by name.
//!
//! To add one: write its module, with a [`trama_base::parameters!`] struct for its settings that
//! implements [`Transport`] (or [`crate::stream::Algorithm`], if it is a congestion controller of
//! streams), and add a line to [`TRANSPORTS`]. Scenarios, comparisons, the command line and the
//! book take it from there.

use crate::endpoint::Endpoint;
use crate::fabric::{Balance, Fabric, Queueing};
use crate::packet::HostId;
use crate::stream::Reliable;
use crate::{congestion, expresspass, homa, ndp, r2p2};
use trama_base::{Bytes, Parameters};

/// A transport with its settings, before it is on a host.
pub trait Transport: Parameters {
    /// What is wrong with the settings taken together: the name of one, and what it may be.
    fn check(&self) -> Result<(), (&'static str, String)>;

    /// Length of a full packet on the wire, in bytes.
    fn packet_bytes(&self) -> u16;

    /// How many of them are headers.
    fn header_bytes(&self) -> u16;

    /// What it asks of the ports of switches.
    fn queueing(&self, fabric: &Fabric) -> Queueing;

    /// How it wants switches to choose among equal ports.
    fn balance(&self) -> Balance;

    /// Whether answers must take the way of what they answer, so that switches have to choose by
    /// [`Balance::Flow`].
    fn needs_way_back(&self) -> bool {
        false
    }

    /// The endpoint of a host; `seed` fixes what it leaves to chance.
    fn endpoint(&self, fabric: &Fabric, host: HostId, seed: u64) -> Box<dyn Endpoint>;
}

/// A transport of the registry.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name in scenarios.
    pub name: &'static str,
    /// What it is.
    pub summary: &'static str,
    /// Where it was published.
    pub source: &'static str,
    /// It with its default settings.
    pub make: fn() -> Box<dyn Transport>,
}

/// All transports.
pub const TRANSPORTS: &[Entry] = &[
    Entry {
        name: "new-reno",
        summary: "TCP: slow start, congestion avoidance and halving at a loss",
        source: "RFC 5681, RFC 6675",
        make: || Box::new(Reliable::<congestion::new_reno::Config>::default()),
    },
    Entry {
        name: "cubic",
        summary: "TCP with a window that is a cubic function of the time since the last loss",
        source: "RFC 9438",
        make: || Box::new(Reliable::<congestion::cubic::Config>::default()),
    },
    Entry {
        name: "dctcp",
        summary: "TCP that shrinks its window by the share of packets that were marked",
        source: "Data Center TCP, SIGCOMM 2010; RFC 8257",
        make: || Box::new(Reliable::<congestion::dctcp::Config>::default()),
    },
    Entry {
        name: "pfabric",
        summary: "full speed at once; switches keep and send what has the fewest bytes left",
        source: "pFabric, SIGCOMM 2013",
        make: || Box::new(Reliable::<congestion::pfabric::Config>::default()),
    },
    Entry {
        name: "dcqcn",
        summary: "rate, cut when the receiver tells of marks, raised by a timer and by bytes",
        source: "Congestion Control for Large-Scale RDMA Deployments, SIGCOMM 2015",
        make: || Box::new(Reliable::<congestion::dcqcn::Config>::default()),
    },
    Entry {
        name: "timely",
        summary: "rate from the gradient of the round trip",
        source: "TIMELY: RTT-based Congestion Control for the Datacenter, SIGCOMM 2015",
        make: || Box::new(Reliable::<congestion::timely::Config>::default()),
    },
    Entry {
        name: "swift",
        summary: "window from the delays of fabric and hosts, each with its target",
        source: "Swift: Delay is Simple and Effective for Congestion Control in the Datacenter, \
                 SIGCOMM 2020",
        make: || Box::new(Reliable::<congestion::swift::Config>::default()),
    },
    Entry {
        name: "hpcc",
        summary: "window from what switches tell of queues and rates in each packet",
        source: "HPCC: High Precision Congestion Control, SIGCOMM 2019",
        make: || Box::new(Reliable::<congestion::hpcc::Config>::default()),
    },
    Entry {
        name: "powertcp",
        summary: "window from the power of the busiest port: what arrives times what is in flight",
        source: "PowerTCP: Pushing the Performance Limits of Datacenter Networks, NSDI 2022",
        make: || Box::new(Reliable::<congestion::powertcp::Config>::default()),
    },
    Entry {
        name: "theta-powertcp",
        summary: "the same from the round trip and its gradient, without help of switches",
        source: "PowerTCP: Pushing the Performance Limits of Datacenter Networks, NSDI 2022",
        make: || Box::new(Reliable::<congestion::powertcp::ThetaConfig>::default()),
    },
    Entry {
        name: "ndp",
        summary: "full speed at once, trimmed packets, paced pulls by the receiver",
        source: "NDP, SIGCOMM 2017",
        make: || Box::new(ndp::Config::default()),
    },
    Entry {
        name: "homa",
        summary: "grants by receivers to the shortest messages, priorities by what remains",
        source: "Homa, SIGCOMM 2018",
        make: || Box::new(homa::Config::default()),
    },
    Entry {
        name: "expresspass",
        summary: "a credit for each packet; switches hold credits to what data may take",
        source: "ExpressPass, SIGCOMM 2017",
        make: || Box::new(expresspass::Config::default()),
    },
    Entry {
        name: "aeolus",
        summary: "ExpressPass that sends the first round trip at once, dropped before all else",
        source: "Aeolus, SIGCOMM 2020",
        make: || Box::new(expresspass::Config::aeolus()),
    },
    Entry {
        name: "r2p2",
        summary: "requests and answers through a router that bounds what each server has",
        source: "R2P2, USENIX ATC 2019",
        make: || Box::new(r2p2::Config::default()),
    },
];

/// The transport of a name.
pub fn find(name: &str) -> Option<&'static Entry> {
    TRANSPORTS.iter().find(|entry| entry.name == name)
}

/// A packet must have room for its headers and some payload, and be one of IP.
pub(crate) fn check_packet(
    name: &'static str,
    bytes: Bytes,
    header_bytes: u16,
) -> Result<(), (&'static str, String)> {
    let least = u64::from(header_bytes) + 64;
    if (least..=65_535).contains(&bytes.0) {
        return Ok(());
    }
    Err((name, format!("a packet has {least} to 65535 bytes")))
}

/// A number must be within limits.
pub(crate) fn check_range<T: PartialOrd + std::fmt::Display>(
    name: &'static str,
    value: T,
    least: T,
    most: T,
) -> Result<(), (&'static str, String)> {
    if (&least..=&most).contains(&&value) {
        return Ok(());
    }
    Err((name, format!("it is from {least} to {most}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use trama_base::{Picos, Rate};

    #[test]
    fn every_transport_can_be_made_and_set() {
        let fabric = Fabric {
            hosts: 2,
            link: Rate::from_gbps(100),
            delay: Picos::from_micros(8),
            base_rtt: Picos::from_micros(10),
            links: 4,
            paths: 4,
        };
        for entry in TRANSPORTS {
            let mut transport = (entry.make)();
            let settings = transport.parameters();
            for it in &settings {
                assert_eq!(transport.set(it.name, &it.value), Ok(()), "{}: {it:?}", entry.name);
                let same = settings.iter().filter(|other| other.name == it.name).count();
                assert_eq!(same, 1, "{}: {} has one meaning", entry.name, it.name);
            }
            assert_eq!(transport.check(), Ok(()), "{}", entry.name);
            assert!(transport.packet_bytes() > transport.header_bytes());
            assert!(transport.queueing(&fabric).capacity_bytes > 0);
            drop(transport.endpoint(&fabric, HostId(0), 1));
        }
        assert!(find("dctcp").is_some() && find("carrier-pigeon").is_none());
    }
}
