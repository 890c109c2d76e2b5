//! What each operation of each kind of object means to everyone who is not running it.
use crate::StateSpec;
impl StateSpec {
    pub(crate) fn bytes_at_capacity(&self) -> u64 {
        0
    }
}
