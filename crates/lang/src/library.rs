//! The library of elements that every program can use without importing it.

/// Name and text of each library file, in alphabetical order.
pub const FILES: &[(&str, &str)] = &[
    ("ArpResponder", include_str!("../library/ArpResponder.trama")),
    ("Classifier", include_str!("../library/Classifier.trama")),
    ("Counter", include_str!("../library/Counter.trama")),
    ("Entropy", include_str!("../library/Entropy.trama")),
    ("Firewall", include_str!("../library/Firewall.trama")),
    ("HeavyHitters", include_str!("../library/HeavyHitters.trama")),
    ("IcmpResponder", include_str!("../library/IcmpResponder.trama")),
    ("Interface", include_str!("../library/Interface.trama")),
    ("LearningBridge", include_str!("../library/LearningBridge.trama")),
    ("LpmRouter", include_str!("../library/LpmRouter.trama")),
    ("Maglev", include_str!("../library/Maglev.trama")),
    ("Nat", include_str!("../library/Nat.trama")),
    ("Policer", include_str!("../library/Policer.trama")),
    ("SuperSpreader", include_str!("../library/SuperSpreader.trama")),
    ("TopTalkers", include_str!("../library/TopTalkers.trama")),
];

/// Name of a library file in messages.
pub fn file_name(name: &str) -> String {
    format!("<library>/{name}.trama")
}
