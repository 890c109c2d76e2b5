//! What a class permits.

use super::class::Class;

/// What may be done with state whose updates are of a class, but which decides about packets or
/// other state while packets come.
pub const fn licence_if_observed(class: Class) -> &'static [&'static str] {
    match class {
        Class::Idempotent | Class::Commutative => &[
            "cores: by key; handlers read it, so a copy must have seen all packets of its keys",
            "cache: an entry may be given up, and its backing store must answer for it",
            "replicas: updates may arrive in any order, but an answer waits for all of them",
            "device and host: the side that reads it takes all packets of a key",
        ],
        other => licence(other),
    }
}

/// What may be done with state whose updates are of a class: one line each.
pub const fn licence(class: Class) -> &'static [&'static str] {
    match class {
        Class::Unchanged => &["read anywhere: nothing changes it"],
        Class::Idempotent => &[
            "cores: a copy on each, merged when read",
            "cache: an entry may be given up at any time and merged with its backing store",
            "replicas: updates may be repeated and may arrive in any order",
            "device and host: each takes the packets it sees",
        ],
        Class::Commutative => &[
            "cores: a copy on each, merged when read",
            "cache: an entry may be given up at any time and merged with its backing store",
            "replicas: updates may arrive in any order, each once",
            "device and host: each takes the packets it sees",
        ],
        Class::History(_) => &[
            "cores: by key; the last packets of a key decide",
            "cache: an entry may be given up; its first packets are kept for the merge",
            "replicas: the last packets make a new one",
            "device and host: the device keeps the last packets only",
        ],
        Class::Linear(_) => &[
            "cores: by key; runs over parts of a stream merge in the order of time",
            "cache: an entry carries the product of its matrices, and merges exactly with its \
             backing store",
            "replicas: a part of the stream is shipped as one matrix",
            "device and host: the device sends matrix and sum when it gives an entry up",
        ],
        Class::Mixed(_) => &[
            "cores: by key; runs over parts of a stream merge in the order of time",
            "cache: an entry may be given up; each part of it merges in its own way",
            "replicas: a part of the stream is shipped as its first packets, a matrix and sums",
            "device and host: as for the dearest of its parts",
        ],
        Class::General => &[
            "cores: by key, each packet of a key in order on one core",
            "cache: none that merges; a copy that was given up is a value for its epoch only",
            "replicas: the packets themselves, in order",
        ],
    }
}
