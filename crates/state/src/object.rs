//! The sum of all kinds, written once for the models and once for the backends.

/// Defines `Object`, an enum over the kinds in scope, with the given arguments to their `new`.
macro_rules! object_of_kinds {
    ($(#[$doc:meta])* ($spec:ident, $seed:ident) => ($($argument:expr),*)) => {
        $(#[$doc])*
        #[derive(Debug)]
        #[allow(missing_docs, reason = "each variant is documented at its type")]
        pub enum Object {
            Map(Map),
            Array(Array),
            Counter(Counter),
            Pool(Pool),
            Lpm(Lpm),
            Bucket(Bucket),
            Maglev(Maglev),
        }

        impl Object {
            /// The object of a specification, empty, once that is found valid. Results do not
            /// depend on `seed`; it should be secret where keys come from strangers.
            pub fn new($spec: &crate::StateSpec, $seed: u64) -> Result<Self, crate::SpecError> {
                use crate::StateKind;
                $spec.validate()?;
                Ok(match $spec.kind {
                    StateKind::Map { .. } => Self::Map(Map::new($($argument),*)),
                    StateKind::Array { .. } => Self::Array(Array::new($spec)),
                    StateKind::Counter { .. } => Self::Counter(Counter::new($spec)),
                    StateKind::Pool { .. } => Self::Pool(Pool::new($spec)),
                    StateKind::Lpm { .. } => Self::Lpm(Lpm::new($($argument),*)),
                    StateKind::Bucket { .. } => Self::Bucket(Bucket::new($($argument),*)),
                    StateKind::Maglev { .. } => Self::Maglev(Maglev::new($spec)),
                })
            }

            /// Counters since it was made: [`crate::ops::ObjectOps::stats`].
            pub fn stats(&mut self, now: trama_base::Nanos) -> crate::StateStats {
                self.any().stats(now)
            }

            /// What it holds, sorted: [`crate::ops::ObjectOps::entries`].
            pub fn entries(&mut self, now: trama_base::Nanos) -> Vec<crate::ops::Entry> {
                self.any().entries(now)
            }

            /// Puts these entries in the place of all that it holds:
            /// [`crate::ops::ObjectOps::refill`].
            pub fn refill(
                &mut self,
                entries: &[crate::ops::Entry],
                now: trama_base::Nanos,
            ) -> bool {
                self.any().refill(entries, now)
            }

            fn any(&mut self) -> &mut dyn crate::ops::ObjectOps {
                match self {
                    Self::Map(map) => map,
                    Self::Array(array) => array,
                    Self::Counter(counter) => counter,
                    Self::Pool(pool) => pool,
                    Self::Lpm(lpm) => lpm,
                    Self::Bucket(bucket) => bucket,
                    Self::Maglev(maglev) => maglev,
                }
            }

            /// The map, if it is one.
            pub fn as_map_mut(&mut self) -> Option<&mut Map> {
                if let Self::Map(map) = self { Some(map) } else { None }
            }

            /// The array, if it is one.
            pub fn as_array_mut(&mut self) -> Option<&mut Array> {
                if let Self::Array(array) = self { Some(array) } else { None }
            }

            /// The counters, if it is them.
            pub fn as_counter_mut(&mut self) -> Option<&mut Counter> {
                if let Self::Counter(counter) = self { Some(counter) } else { None }
            }

            /// The index pool, if it is one.
            pub fn as_pool_mut(&mut self) -> Option<&mut Pool> {
                if let Self::Pool(pool) = self { Some(pool) } else { None }
            }

            /// The longest-prefix-match table, if it is one.
            pub fn as_lpm_mut(&mut self) -> Option<&mut Lpm> {
                if let Self::Lpm(lpm) = self { Some(lpm) } else { None }
            }

            /// The buckets, if it is them.
            pub fn as_bucket_mut(&mut self) -> Option<&mut Bucket> {
                if let Self::Bucket(bucket) = self { Some(bucket) } else { None }
            }

            /// The Maglev table, if it is one.
            pub fn as_maglev_mut(&mut self) -> Option<&mut Maglev> {
                if let Self::Maglev(maglev) = self { Some(maglev) } else { None }
            }
        }
    };
}

pub(crate) use object_of_kinds;
