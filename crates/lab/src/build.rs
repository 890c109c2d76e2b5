//! From a topology to namespaces, interfaces, addresses and routes.

use crate::LabError;
use crate::topology::{Leg, Node, Role, Segment, Topology, Wire};
use std::collections::BTreeMap;
use std::os::fd::AsFd as _;
use trama_live::interface::{Inspector, Offload};
use trama_live::namespace::NetNamespace;
use trama_live::netlink::Netlink;
use trama_live::netlink::links::{LinkEnd, LinkSpec};
use trama_live::sys::SysError;

/// Name of a box's far end inside a segment.
const SEGMENT_PORT: &str = "uplink";
const IFLA_MACVLAN_MODE: u16 = 1;
const MACVLAN_MODE_BRIDGE: u32 = 4;

/// A namespace with a socket that configures it.
pub(crate) struct Place {
    pub(crate) namespace: NetNamespace,
    netlink: Netlink,
    inspector: Inspector,
}

/// All namespaces of a lab by the names of the nodes.
pub(crate) type Places = BTreeMap<&'static str, Place>;

/// Makes the namespaces and binds them under the names that `bound` gives.
pub(crate) fn namespaces(
    topology: &Topology,
    bound: impl Fn(&str) -> String,
) -> Result<Places, LabError> {
    let mut places = Places::new();
    for name in topology.namespaces() {
        let namespace = NetNamespace::new()?;
        namespace.bind(&bound(name))?;
        let (netlink, inspector) =
            namespace.run(|| Ok::<_, SysError>((Netlink::route()?, Inspector::open()?)))??;
        places.insert(name, Place { namespace, netlink, inspector });
    }
    Ok(places)
}

/// Wires the namespaces and configures them.
pub(crate) fn connect(
    topology: &Topology,
    places: &mut Places,
    bare: bool,
) -> Result<(), LabError> {
    for node in &topology.nodes {
        let settings = settings(node, bare);
        place(places, node.name)?.namespace.run(|| apply(&settings))??;
    }
    for segment in &topology.segments {
        let network = &place(places, segment.name)?.namespace;
        network.run(|| apply(&[("net/ipv6/conf/all/disable_ipv6", "1")]))??;
    }
    for (number, Wire(near, far)) in topology.wires.iter().enumerate() {
        veth(topology, places, number, *near, *far)?;
    }
    for (number, segment) in topology.segments.iter().enumerate() {
        share(topology, places, topology.wires.len() + number, segment)?;
    }
    for node in &topology.nodes {
        configure(node, places, bare)?;
    }
    Ok(())
}

fn place<'a>(places: &'a mut Places, name: &str) -> Result<&'a mut Place, LabError> {
    places.get_mut(name).ok_or_else(|| LabError::NoNode {
        lab: String::new(),
        node: name.into(),
        nodes: Vec::new(),
    })
}

/// Locally administered addresses that a reader of a capture recognises.
fn hardware_address(wire: usize, end: u8) -> [u8; 6] {
    [0x02, 0, 0, 0, wire as u8, end]
}

fn veth(
    topology: &Topology,
    places: &mut Places,
    number: usize,
    near: Leg,
    far: Leg,
) -> Result<(), LabError> {
    let other = place(places, far.node)?.namespace.try_clone()?;
    let here = place(places, near.node)?;
    let end = |leg: Leg, end| LinkEnd {
        name: leg.interface,
        address: Some(hardware_address(number, end)),
        namespace: None,
    };
    let far_end = LinkEnd { namespace: Some(other.as_fd()), ..end(far, 2) };
    here.netlink.create_veth(&end(near, 1), &far_end)?;
    for leg in [near, far] {
        let place = place(places, leg.node)?;
        let is_box = topology.node(leg.node).is_some_and(|node| node.role == Role::Box);
        plain_frames(&place.inspector, leg.interface, is_box)?;
        place.inspector.set_up(leg.interface, true)?;
    }
    Ok(())
}

/// Puts several hosts on the far end of a box's wire.
fn share(
    topology: &Topology,
    places: &mut Places,
    number: usize,
    segment: &Segment,
) -> Result<(), LabError> {
    let port = Leg { node: segment.name, interface: SEGMENT_PORT };
    veth(topology, places, number, segment.uplink, port)?;
    for (index, member) in segment.members.iter().enumerate() {
        let host = place(places, member.node)?.namespace.try_clone()?;
        let inside = place(places, segment.name)?;
        let spec = LinkSpec {
            kind: "macvlan",
            lower: Some(inside.inspector.index(SEGMENT_PORT)?),
            end: LinkEnd {
                name: member.interface,
                address: Some(hardware_address(number, 11 + index as u8)),
                namespace: Some(host.as_fd()),
            },
        };
        inside.netlink.create_link(&spec, |data| {
            data.attribute(IFLA_MACVLAN_MODE, &MACVLAN_MODE_BRIDGE.to_ne_bytes());
        })?;
        let place = place(places, member.node)?;
        plain_frames(&place.inspector, member.interface, false)?;
        place.inspector.set_up(member.interface, true)?;
    }
    Ok(())
}

/// Switches off what makes frames on a virtual link differ from those on a wire. Receivers may
/// merge segments (GRO), as network cards do, and on veth that also lets the kernel redirect frames
/// to them; a box sees each frame as it was sent.
fn plain_frames(inspector: &Inspector, name: &str, is_box: bool) -> Result<(), LabError> {
    for offload in Offload::ALL {
        let on = offload == Offload::Gro && !is_box;
        match inspector.set_offload(name, offload, on) {
            Ok(()) => {}
            // Not all kinds of interfaces have all offloads.
            Err(error) if matches!(error.errno, EOPNOTSUPP | EINVAL) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

const EINVAL: i32 = 22;
const EOPNOTSUPP: i32 = 95;

fn settings(node: &Node, bare: bool) -> Vec<(&'static str, &'static str)> {
    let mut settings = Vec::new();
    let silent = node.role == Role::Box && bare;
    if silent || !node.has_ipv6() {
        settings.push(("net/ipv6/conf/all/disable_ipv6", "1"));
    }
    match node.role {
        Role::Box => settings.push(("net/ipv4/ip_forward", if bare { "0" } else { "1" })),
        Role::Host => {
            // An address of the loopback interface is not announced on the wire.
            settings.push(("net/ipv4/conf/all/arp_ignore", "1"));
            settings.push(("net/ipv4/conf/all/arp_announce", "2"));
        }
    }
    settings
}

/// Writes settings of the thread's network namespace.
fn apply(settings: &[(&str, &str)]) -> Result<(), LabError> {
    for (name, value) in settings {
        let path = std::path::Path::new("/proc/sys").join(name);
        match std::fs::write(&path, value) {
            // A kernel without IPv6 has nothing to switch off.
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(LabError::File { path, source }),
            Ok(()) => {}
        }
    }
    Ok(())
}

fn configure(node: &Node, places: &mut Places, bare: bool) -> Result<(), LabError> {
    let place = place(places, node.name)?;
    place.inspector.set_up("lo", true)?;
    if node.role == Role::Box && bare {
        return Ok(());
    }
    for (interface, prefix) in &node.addresses {
        let index = place.inspector.index(interface)?;
        place.netlink.add_address(index, *prefix)?;
    }
    for (interface, destination, gateway) in &node.routes {
        let index = place.inspector.index(interface)?;
        place.netlink.add_route(*destination, *gateway, index)?;
    }
    Ok(())
}

/// Removes all interfaces of the namespaces, so that nothing waits for the kernel's own cleaning.
pub(crate) fn remove_links(namespace: &NetNamespace) -> Result<(), SysError> {
    namespace.run(|| {
        let mut netlink = Netlink::route()?;
        for link in netlink.list_links()? {
            if link.name != "lo" {
                // It may have gone with its peer, or be one that cannot be removed.
                let _ = netlink.delete_link(link.index);
            }
        }
        Ok(())
    })?
}
