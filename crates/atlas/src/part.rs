//! The parts of Trama that systems stand on: its crates, those to come included.

/// A crate of Trama that published systems stand on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Headers, checksums, packets, captures.
    Wire,
    /// The language and its reference interpreter.
    Lang,
    /// State objects and their contracts.
    State,
    /// The path table and its views.
    Check,
    /// Chains and networks as a whole.
    Plan,
    /// Machine code over batches.
    Native,
    /// Kernel programs.
    Ebpf,
    /// Models of switches, cards and memories.
    Device,
    /// TCP as elements and as sockets.
    Tcp,
    /// Congestion control and message transports.
    Transport,
    /// Messages, deadlines, channels.
    Rpc,
    /// State beyond one process.
    Cluster,
    /// Where requests are processed.
    Mesh,
    /// The application model.
    App,
    /// Spans, metrics, root causes.
    Observe,
    /// Admission, balancing, scaling, allocation.
    Control,
    /// The small learning kit.
    Learn,
    /// Self-certifying names.
    Naming,
    /// What protocols need of cryptography.
    Crypto,
    /// The discrete-event world.
    Sim,
    /// The Linux world.
    Live,
    /// Containers and images.
    LiveBox,
    /// Namespaces, peers, faults.
    Lab,
}

impl Part {
    /// All parts, in the order of rows.
    pub const ALL: [Self; 23] = [
        Self::Wire,
        Self::Lang,
        Self::State,
        Self::Check,
        Self::Plan,
        Self::Native,
        Self::Ebpf,
        Self::Device,
        Self::Tcp,
        Self::Transport,
        Self::Rpc,
        Self::Cluster,
        Self::Mesh,
        Self::App,
        Self::Observe,
        Self::Control,
        Self::Learn,
        Self::Naming,
        Self::Crypto,
        Self::Sim,
        Self::Live,
        Self::LiveBox,
        Self::Lab,
    ];

    /// Name of the crate's folder.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Wire => "wire",
            Self::Lang => "lang",
            Self::State => "state",
            Self::Check => "check",
            Self::Plan => "plan",
            Self::Native => "native",
            Self::Ebpf => "ebpf",
            Self::Device => "device",
            Self::Tcp => "tcp",
            Self::Transport => "transport",
            Self::Rpc => "rpc",
            Self::Cluster => "cluster",
            Self::Mesh => "mesh",
            Self::App => "app",
            Self::Observe => "observe",
            Self::Control => "control",
            Self::Learn => "learn",
            Self::Naming => "naming",
            Self::Crypto => "crypto",
            Self::Sim => "sim",
            Self::Live => "live",
            Self::LiveBox => "live-box",
            Self::Lab => "lab",
        }
    }

    /// The part of that [`id`](Self::id).
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.id() == id)
    }
}
