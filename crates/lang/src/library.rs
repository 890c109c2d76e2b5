//! The library of elements that every program can use without importing it.

/// Name and text of each library file, in alphabetical order.
pub const FILES: &[(&str, &str)] = &[
    ("ArpResponder", include_str!("../library/ArpResponder.trama")),
    ("Classifier", include_str!("../library/Classifier.trama")),
    ("ConnectionLimiter", include_str!("../library/ConnectionLimiter.trama")),
    ("Counter", include_str!("../library/Counter.trama")),
    ("DhcpGuard", include_str!("../library/DhcpGuard.trama")),
    ("DnsMonitor", include_str!("../library/DnsMonitor.trama")),
    ("Entropy", include_str!("../library/Entropy.trama")),
    ("Firewall", include_str!("../library/Firewall.trama")),
    ("Firewall6", include_str!("../library/Firewall6.trama")),
    ("FlowExporter", include_str!("../library/FlowExporter.trama")),
    ("GreTunnel", include_str!("../library/GreTunnel.trama")),
    ("HeavyHitters", include_str!("../library/HeavyHitters.trama")),
    ("IcmpResponder", include_str!("../library/IcmpResponder.trama")),
    ("Ids", include_str!("../library/Ids.trama")),
    ("Interface", include_str!("../library/Interface.trama")),
    ("LearningBridge", include_str!("../library/LearningBridge.trama")),
    ("LpmRouter", include_str!("../library/LpmRouter.trama")),
    ("Maglev", include_str!("../library/Maglev.trama")),
    ("Nat", include_str!("../library/Nat.trama")),
    ("Nat64", include_str!("../library/Nat64.trama")),
    ("Policer", include_str!("../library/Policer.trama")),
    ("PortScanDetector", include_str!("../library/PortScanDetector.trama")),
    ("RateLimiter", include_str!("../library/RateLimiter.trama")),
    ("Sampler", include_str!("../library/Sampler.trama")),
    ("StaticBridge", include_str!("../library/StaticBridge.trama")),
    ("SuperSpreader", include_str!("../library/SuperSpreader.trama")),
    ("SynProxy", include_str!("../library/SynProxy.trama")),
    ("TopTalkers", include_str!("../library/TopTalkers.trama")),
    ("TrafficMirror", include_str!("../library/TrafficMirror.trama")),
    ("VlanPop", include_str!("../library/VlanPop.trama")),
    ("VlanPush", include_str!("../library/VlanPush.trama")),
    ("VxlanDecap", include_str!("../library/VxlanDecap.trama")),
    ("VxlanEncap", include_str!("../library/VxlanEncap.trama")),
];

/// Name of a library file in messages.
pub fn file_name(name: &str) -> String {
    format!("<library>/{name}.trama")
}
