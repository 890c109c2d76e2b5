//! What each operation of each kind of object means to everyone who is not running it.
use crate::StateSpec;
impl StateSpec {
    /// Bytes that the in-memory backend of this object reserves when it is made; all of it is in
    /// use when the object is at capacity.
    pub fn bytes_at_capacity(&self) -> u64 {
        crate::mem::bytes(self)
    }
}
