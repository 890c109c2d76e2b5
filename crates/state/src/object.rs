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
            Sketch(Sketch),
            Bloom(Bloom),
            Ring(Ring),
            Streams(Streams),
            Histogram(Histogram),
            Patterns(Patterns),
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
                    StateKind::Sketch { .. } => Self::Sketch(Sketch::new($spec)),
                    StateKind::Bloom { .. } => Self::Bloom(Bloom::new($spec)),
                    StateKind::Ring { .. } => Self::Ring(Ring::new($spec)),
                    StateKind::Streams { .. } => Self::Streams(Streams::new($($argument),*)),
                    StateKind::Histogram { .. } => Self::Histogram(Histogram::new($($argument),*)),
                    StateKind::Patterns(_) => Self::Patterns(Patterns::new($spec)),
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
                    Self::Sketch(sketch) => sketch,
                    Self::Bloom(bloom) => bloom,
                    Self::Ring(ring) => ring,
                    Self::Streams(streams) => streams,
                    Self::Histogram(histogram) => histogram,
                    Self::Patterns(patterns) => patterns,
                }
            }

            /// Carries out an operation that the kind has ([`crate::Method::is_of`]), with packed
            /// operands and room for packed results as its signature says. Tells yes or no; true
            /// for an operation that does not answer. After a no the results are untouched.
            ///
            /// # Panics
            /// On an operation of another kind.
            pub fn call(
                &mut self,
                method: crate::Method,
                with: crate::Operands<'_>,
                results: &mut [u8],
            ) -> bool {
                use crate::method;
                match self {
                    Self::Sketch(sketch) => method::sketch(sketch, method, with, results),
                    Self::Bloom(bloom) => method::bloom(bloom, method, with),
                    Self::Ring(ring) => method::ring(ring, method, with, results),
                    Self::Streams(streams) => method::streams(streams, method, with, results),
                    Self::Histogram(kept) => method::histogram(kept, method, with, results),
                    Self::Patterns(set) => method::patterns(set, method, with, results),
                    _ => unreachable!("no object of this kind has `{}`", method.name()),
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

            /// The sketch, if it is one.
            pub fn as_sketch_mut(&mut self) -> Option<&mut Sketch> {
                if let Self::Sketch(sketch) = self { Some(sketch) } else { None }
            }

            /// The Bloom filter, if it is one.
            pub fn as_bloom_mut(&mut self) -> Option<&mut Bloom> {
                if let Self::Bloom(bloom) = self { Some(bloom) } else { None }
            }

            /// The ring, if it is one.
            pub fn as_ring_mut(&mut self) -> Option<&mut Ring> {
                if let Self::Ring(ring) = self { Some(ring) } else { None }
            }

            /// The stream buffers, if it is them.
            pub fn as_streams_mut(&mut self) -> Option<&mut Streams> {
                if let Self::Streams(streams) = self { Some(streams) } else { None }
            }

            /// The histograms, if it is them.
            pub fn as_histogram_mut(&mut self) -> Option<&mut Histogram> {
                if let Self::Histogram(histogram) = self { Some(histogram) } else { None }
            }

            /// The pattern set, if it is one.
            pub fn as_patterns_mut(&mut self) -> Option<&mut Patterns> {
                if let Self::Patterns(patterns) = self { Some(patterns) } else { None }
            }
        }
    };
}

pub(crate) use object_of_kinds;
