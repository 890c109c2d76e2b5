//! Quantities in scenarios: strings with units.

use serde::{Deserialize, Deserializer, de::Error};
use trama_base::{Picos, Rate, units};

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident($inner:ty) by $parse:path) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name(pub $inner);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                $parse(&text).map(Self).map_err(D::Error::custom)
            }
        }
    };
}

quantity! {
    /// A length of time: `"10us"`.
    Duration(Picos) by units::duration
}
quantity! {
    /// A size: `"9kB"`.
    Bytes(u64) by units::bytes
}
quantity! {
    /// A rate: `"100Gbps"`.
    Speed(Rate) by units::rate
}

impl Duration {
    /// So many milliseconds.
    pub const fn from_millis(ms: u64) -> Self {
        Self(Picos::from_millis(ms))
    }
}
