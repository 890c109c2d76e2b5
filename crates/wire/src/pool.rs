//! Buffers to reuse, so that the packet path does not allocate.

use crate::packet::Packet;

/// Idle packets, at most a fixed number of them.
#[derive(Debug)]
pub struct Pool {
    #[expect(clippy::vec_box, reason = "a packet moves between queues as one pointer")]
    free: Vec<Box<Packet>>,
    limit: usize,
}

impl Default for Pool {
    /// Room for 4,096 idle packets.
    fn default() -> Self {
        Self::new(4096)
    }
}

impl Pool {
    /// A pool that keeps at most `limit` idle packets; it allocates none before it must.
    pub fn new(limit: usize) -> Self {
        Self { free: Vec::new(), limit }
    }

    /// A packet to be refilled or copied to: an idle one, else a new one. Its content is stale.
    #[inline]
    pub fn take(&mut self) -> Box<Packet> {
        self.free.pop().unwrap_or_default()
    }

    /// Takes a packet back; beyond the limit it is freed.
    #[inline]
    pub fn give(&mut self, packet: Box<Packet>) {
        if self.free.len() < self.limit {
            self.free.push(packet);
        }
    }

    /// Number of idle packets.
    pub fn idle(&self) -> usize {
        self.free.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_reuses_and_is_bounded() {
        let mut pool = Pool::new(2);
        let mut first = pool.take();
        first.refill(&[7; 60]);
        let address = first.bytes().as_ptr();
        pool.give(first);
        let mut again = pool.take();
        again.refill(&[8; 60]);
        assert_eq!(again.bytes().as_ptr(), address, "the buffer is reused");
        for _ in 0..5 {
            pool.give(Box::default());
        }
        assert_eq!(pool.idle(), 2);
    }
}
