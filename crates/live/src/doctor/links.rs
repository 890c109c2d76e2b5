//! Probes of packet I/O, interfaces, queueing disciplines and the firewall.

use super::site::{NEAR, Site};
use super::{Group, Probe, Refusal};
use crate::io::af_packet::PacketSource;
use crate::io::af_xdp::{self, Attach};
use crate::io::endpoint::Device;
use crate::io::tap::Tap;
use crate::namespace::NetNamespace;
use crate::netlink::links::{LinkEnd, LinkSpec};
use crate::netlink::{Message, Netlink};
use crate::sys::SysError;

const fn probe(
    group: Group,
    id: &'static str,
    what: &'static str,
    enables: &'static str,
    check: fn() -> Result<String, Refusal>,
) -> Probe {
    let needs = "CAP_SYS_ADMIN, CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF";
    Probe { id, group, what, enables, needs, check }
}

use Group::{Network, PacketIo};

pub(super) const PACKET_IO: &[Probe] = &[
    probe(PacketIo, "af-packet", "packet socket with a receive ring", "if:NAME,af_packet", || {
        on_device(|device| PacketSource::open(device).map(drop))?;
        Ok("TPACKET_V2 ring, PACKET_VNET_HDR".into())
    }),
    probe(
        PacketIo,
        "af-xdp-native",
        "AF_XDP in copy mode, program in the driver",
        "if:NAME on veth and many cards",
        || {
            on_device(|device| af_xdp::open(device, Attach::Native).map(drop))?;
            Ok("on veth".into())
        },
    ),
    probe(
        PacketIo,
        "af-xdp-generic",
        "AF_XDP in copy mode, program behind the driver",
        "if:NAME on any interface",
        || {
            on_device(|device| af_xdp::open(device, Attach::Generic).map(drop))?;
            Ok("on veth".into())
        },
    ),
    probe(
        PacketIo,
        "af-xdp-zero-copy",
        "AF_XDP in zero-copy mode",
        "the card writes into our memory",
        || {
            on_device(af_xdp::try_zero_copy)?;
            Ok("on veth".into())
        },
    ),
    probe(PacketIo, "tap", "a TAP interface", "tap:NAME", || {
        let site = Site::new()?;
        site.namespace.run(|| Tap::open("tap0").map(drop))??;
        Ok("made and removed".into())
    }),
];

pub(super) const NETWORK: &[Probe] = &[
    probe(Network, "netns", "a network namespace", "trama lab", || {
        NetNamespace::new()?;
        Ok("made and removed".into())
    }),
    probe(Network, "veth", "a veth pair", "trama lab", || {
        Site::new()?;
        Ok("made and removed".into())
    }),
    probe(Network, "macvlan", "a MACVLAN interface", "shared segments in labs", || {
        const MODE: u16 = 1;
        link("macvlan", true, |data| {
            data.attribute(MODE, &4u32.to_ne_bytes());
        })
    }),
    probe(Network, "vlan", "a VLAN interface", "VLAN hosts in labs", || {
        const ID: u16 = 1;
        link("vlan", true, |data| {
            data.attribute(ID, &7u16.to_ne_bytes());
        })
    }),
    probe(Network, "vxlan", "a VXLAN interface", "overlays in labs", || {
        const ID: u16 = 1;
        const PORT: u16 = 15;
        link("vxlan", false, |data| {
            data.attribute(ID, &7u32.to_ne_bytes()).attribute(PORT, &4789u16.to_be_bytes());
        })
    }),
    probe(Network, "bridge", "a bridge", "a baseline for switches", || {
        link("bridge", false, |_| {})
    }),
    probe(Network, "ifb", "an intermediate functional block", "shaping of what arrives", || {
        link("ifb", false, |_| {})
    }),
    probe(Network, "clsact", "the clsact hook", "programs in TC", || qdisc("clsact", |_| {})),
    probe(Network, "netem", "emulated delay and loss", "impaired links by the kernel", || {
        qdisc("netem", |options| {
            // Latency in ticks, limit in packets, loss, gap, duplication, jitter.
            for word in [1000u32, 100, 0, 0, 0, 0] {
                options.put(&word.to_ne_bytes());
            }
        })
    }),
    probe(Network, "fq", "fair queueing with pacing", "earliest departure times", || {
        qdisc("fq", |_| {})
    }),
    probe(
        Network,
        "fq-codel",
        "fair queueing with CoDel",
        "a baseline for queue management",
        || qdisc("fq_codel", |_| {}),
    ),
    probe(Network, "htb", "hierarchical token buckets", "a baseline for shapers", || {
        qdisc("htb", |options| {
            const INIT: u16 = 2;
            let glob: Vec<u8> =
                [3u32, 10, 0, 0, 0].into_iter().flat_map(u32::to_ne_bytes).collect();
            options.attribute(INIT, &glob);
        })
    }),
    probe(Network, "tbf", "a token bucket", "a baseline for policers", || {
        qdisc("tbf", |options| {
            const PARAMETERS: u16 = 1;
            const ETHERNET: u32 = 1 << 8;
            // Two rates of three words, of which the first is 1 Mbit/s; limit, burst in ticks, MTU.
            let words = [ETHERNET, 0, 125_000, 0, 0, 0, 10_000, 200_000, 0];
            let bytes: Vec<u8> = words.into_iter().flat_map(u32::to_ne_bytes).collect();
            options.attribute(PARAMETERS, &bytes);
        })
    }),
    probe(Network, "nftables", "the nf_tables firewall", "a baseline for firewalls", || {
        const GET_GENERATION: u16 = 10 << 8 | 16;
        netfilter(GET_GENERATION, 0, "NFT_MSG_GETGEN")
    }),
    probe(Network, "conntrack", "connection tracking", "a baseline for NAT", || {
        const GET: u16 = 1 << 8 | 1;
        netfilter(GET, libc::NLM_F_DUMP, "IPCTNL_MSG_CT_GET")
    }),
];

fn on_device<E: Into<Refusal> + Send>(
    f: impl FnOnce(&Device) -> Result<(), E> + Send,
) -> Result<(), Refusal> {
    let site = Site::new()?;
    site.namespace.run(|| {
        let device = Device::find(NEAR).map_err(Refusal::from)?;
        f(&device).map_err(Into::into)
    })?
}

fn link(kind: &str, upon: bool, data: impl FnOnce(&mut Message)) -> Result<String, Refusal> {
    let mut site = Site::new()?;
    let lower = upon.then_some(site.near);
    let spec = LinkSpec { kind, lower, end: LinkEnd::here("probe") };
    site.netlink.create_link(&spec, data).map_err(explain)?;
    let index = site.netlink.link_index("probe")?;
    site.netlink.delete_link(index)?;
    Ok("made and removed".into())
}

fn qdisc(kind: &str, options: impl FnOnce(&mut Message)) -> Result<String, Refusal> {
    let mut site = Site::new()?;
    site.netlink.add_qdisc(site.near, kind, options).map_err(explain)?;
    Ok("set on a veth".into())
}

/// What the kernel answers when it lacks a module.
fn explain(error: SysError) -> Refusal {
    match error.errno {
        libc::ENOENT | libc::EOPNOTSUPP => format!("{error}: the kernel has no such module").into(),
        _ => error.into(),
    }
}

fn netfilter(kind: u16, flags: i32, operation: &str) -> Result<String, Refusal> {
    let namespace = NetNamespace::new()?;
    let mut netlink = namespace.run(Netlink::netfilter)??;
    let mut message = Message::new(kind, flags);
    message.put(&[0; 4]);
    netlink.request(&mut message, operation)?;
    Ok("answers over netlink".into())
}
