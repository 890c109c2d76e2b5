//! A place of its own for a probe: a namespace with a veth pair, gone when dropped.

use crate::namespace::NetNamespace;
use crate::netlink::Netlink;
use crate::netlink::links::LinkEnd;
use crate::sys::SysError;

/// Name of one end of the pair.
pub(super) const NEAR: &str = "near";
/// Name of the other.
pub(super) const FAR: &str = "far";

/// A namespace with a veth pair, both ends up. It has no name and no other process, so it cannot
/// outlive this handle.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) namespace: NetNamespace,
    pub(super) netlink: Netlink,
    /// Index of [`NEAR`].
    pub(super) near: u32,
}

impl Site {
    pub(super) fn new() -> Result<Self, SysError> {
        let namespace = NetNamespace::new()?;
        let mut netlink = namespace.run(Netlink::route)??;
        netlink.create_veth(&LinkEnd::here(NEAR), &LinkEnd::here(FAR))?;
        let near = netlink.link_index(NEAR)?;
        let far = netlink.link_index(FAR)?;
        netlink.set_up(near, true)?;
        netlink.set_up(far, true)?;
        Ok(Self { namespace, netlink, near })
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // The kernel would remove the pair some time after the namespace; now is better.
        let _ = self.netlink.delete_link(self.near);
    }
}
