//! The library of elements that every program can use without importing it.

/// Name and text of each library file, in alphabetical order.
pub const FILES: &[(&str, &str)] = &[
    ("ArpResponder", include_str!("../library/ArpResponder.trama")),
    ("Classifier", include_str!("../library/Classifier.trama")),
    ("ConnectionLimiter", include_str!("../library/ConnectionLimiter.trama")),
    ("Counter", include_str!("../library/Counter.trama")),
    ("Firewall", include_str!("../library/Firewall.trama")),
    ("IcmpResponder", include_str!("../library/IcmpResponder.trama")),
    ("Ids", include_str!("../library/Ids.trama")),
    ("Interface", include_str!("../library/Interface.trama")),
    ("LearningBridge", include_str!("../library/LearningBridge.trama")),
    ("LpmRouter", include_str!("../library/LpmRouter.trama")),
    ("Maglev", include_str!("../library/Maglev.trama")),
    ("Nat", include_str!("../library/Nat.trama")),
    ("Policer", include_str!("../library/Policer.trama")),
    ("PortScanDetector", include_str!("../library/PortScanDetector.trama")),
    ("RateLimiter", include_str!("../library/RateLimiter.trama")),
];

/// Name of a library file in messages.
pub fn file_name(name: &str) -> String {
    format!("<library>/{name}.trama")
}
