//! Who forwards, and how each is set up in the box of a lab.

use super::{LivePlan, has};
use crate::{Child, Lab, LabError, Lifetime, Topology, UpOptions};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Longest that something may take to start.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a contender has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Filter statefully and translate addresses.
    Edge,
    /// Bridge two hosts.
    Bridge,
}

/// Who forwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contender {
    /// nftables: conntrack, a stateful filter, masquerading.
    Nftables,
    /// Trama's Firewall and Nat on AF_XDP.
    EdgeXdp,
    /// The same on AF_PACKET.
    EdgePacket,
    /// The kernel's bridge.
    KernelBridge,
    /// Open vSwitch with its user-space datapath.
    OpenVswitch,
    /// Trama's LearningBridge on AF_XDP.
    BridgeXdp,
    /// The same on AF_PACKET.
    BridgePacket,
}

impl Contender {
    /// All of them, task by task.
    pub const ALL: [Self; 7] = [
        Self::Nftables,
        Self::EdgeXdp,
        Self::EdgePacket,
        Self::KernelBridge,
        Self::OpenVswitch,
        Self::BridgeXdp,
        Self::BridgePacket,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nftables => "nftables",
            Self::EdgeXdp => "trama edge, AF_XDP",
            Self::EdgePacket => "trama edge, AF_PACKET",
            Self::KernelBridge => "kernel bridge",
            Self::OpenVswitch => "Open vSwitch, netdev",
            Self::BridgeXdp => "trama bridge, AF_XDP",
            Self::BridgePacket => "trama bridge, AF_PACKET",
        }
    }

    /// What it does.
    pub fn task(self) -> Task {
        match self {
            Self::Nftables | Self::EdgeXdp | Self::EdgePacket => Task::Edge,
            _ => Task::Bridge,
        }
    }
}

/// A contender at work.
pub(super) struct Running {
    pub(super) contender: Contender,
    pub(super) lab: Lab,
    /// Node and address of the client and of the server.
    pub(super) client: &'static str,
    pub(super) server: (&'static str, &'static str),
    /// The process that forwards.
    pub(super) forwarder: Option<u32>,
    children: Vec<Child>,
}

impl Running {
    /// Ends it and removes its lab.
    pub(super) fn stop(self) {
        drop(self.children);
        // What could not be removed is found by the next lab.
        let _ = self.lab.down();
    }
}

/// The edge, as Trama does it.
const EDGE: &str = "network edge { port lan, wan
    let inner = Interface(address: 10.0.0.1, subnet: 10.0.0.0/24, mac: 02:00:0a:00:00:01)
    let outer = Interface(address: 203.0.113.7, subnet: 203.0.113.0/24, mac: 02:00:cb:00:71:07,
        gateway: 203.0.113.1)
    lan <-> inner <-> Firewall <-> Nat(public: 203.0.113.7) <-> outer.up <-> wan
}";

/// The bridge, as Trama does it.
const BRIDGE: &str = "network bridge { port left, right
    let b = LearningBridge(ports: 2)
    left <-> b.lan[0]
    right <-> b.lan[1]
}";

/// The edge, as nftables does it.
const RULES: &str = "table ip edge {
    chain forward {
        type filter hook forward priority filter; policy drop;
        ct state established,related accept
        iifname lan accept
    }
    chain out {
        type nat hook postrouting priority srcnat;
        oifname wan masquerade
    }
}
";

/// Brings a lab up and sets the contender to work in its box.
pub(super) fn start(
    contender: Contender,
    number: usize,
    plan: &LivePlan,
) -> Result<Running, LabError> {
    let missing = match contender {
        Contender::Nftables => !has("nft"),
        Contender::OpenVswitch => !has("ovs-vswitchd"),
        _ => false,
    };
    if missing {
        let program = if contender == Contender::Nftables { "nft" } else { "ovs-vswitchd" };
        let source = std::io::Error::from(std::io::ErrorKind::NotFound);
        return Err(LabError::Spawn { program: program.into(), source });
    }
    let bare = contender != Contender::Nftables;
    let (topology, client, server) = match contender.task() {
        Task::Edge => (Topology::office(), "client1", ("internet", "198.51.100.10")),
        Task::Bridge => (Topology::wire(), "a", ("b", "10.0.0.2")),
    };
    let options = UpOptions { bare, lifetime: Lifetime::Handle };
    let lab = Lab::up(&format!("bench{number}"), &topology, options)?;
    let (forwarder, children) = (None, Vec::new());
    let mut running = Running { contender, lab, client, server, forwarder, children };
    match contender {
        Contender::Nftables => {
            let rules = file(&plan.scratch, "edge.nft", RULES)?;
            running.set_up(&["nft", "-f", &rules])?;
        }
        Contender::KernelBridge => running.kernel_bridge()?,
        Contender::OpenVswitch => running.open_vswitch(&plan.scratch)?,
        Contender::EdgeXdp => running.trama(plan, EDGE, ["lan", "wan"], "af_xdp")?,
        Contender::EdgePacket => running.trama(plan, EDGE, ["lan", "wan"], "af_packet")?,
        Contender::BridgeXdp => running.trama(plan, BRIDGE, ["left", "right"], "af_xdp")?,
        Contender::BridgePacket => running.trama(plan, BRIDGE, ["left", "right"], "af_packet")?,
    }
    running.servers(&plan.scratch, number)?;
    Ok(running)
}

fn file(folder: &Path, name: &str, text: &str) -> Result<String, LabError> {
    let path = folder.join(name);
    match std::fs::write(&path, text) {
        Ok(()) => Ok(path.display().to_string()),
        Err(source) => Err(LabError::File { path, source }),
    }
}

fn quiet(words: &[&str]) -> Command {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

impl Running {
    /// Runs a command in the box to its end.
    fn set_up(&self, words: &[&str]) -> Result<(), LabError> {
        let failed = |source| LabError::Spawn { program: words.join(" "), source };
        let status = self.lab.spawn("box", &mut quiet(words))?.wait().map_err(failed)?;
        if status.success() {
            return Ok(());
        }
        Err(failed(std::io::Error::other(format!("it ended with {status}"))))
    }

    /// Starts a command in a node that goes on.
    fn go_on(&mut self, node: &str, words: &[&str]) -> Result<u32, LabError> {
        let child = self.lab.spawn(node, &mut quiet(words))?;
        let id = child.id();
        self.children.push(child);
        Ok(id)
    }

    fn kernel_bridge(&self) -> Result<(), LabError> {
        for words in [
            &["ip", "link", "add", "br0", "type", "bridge"][..],
            &["ip", "link", "set", "left", "master", "br0"],
            &["ip", "link", "set", "right", "master", "br0"],
            &["ip", "link", "set", "br0", "up"],
        ] {
            self.set_up(words)?;
        }
        Ok(())
    }

    /// A database and a switch of our own, which know nothing of any other on this machine.
    fn open_vswitch(&mut self, scratch: &Path) -> Result<(), LabError> {
        let folder = scratch.display();
        let at = |name: &str| format!("{folder}/{name}");
        let (database, socket) = (at("ovs.db"), format!("unix:{folder}/ovs.sock"));
        let schema = "/usr/share/openvswitch/vswitch.ovsschema";
        self.set_up(&["ovsdb-tool", "create", &database, schema])?;
        let remote = format!("--remote=p{socket}");
        let (pid, control) = (at("ovsdb.pid"), at("ovsdb.ctl"));
        let (pid, control) = (format!("--pidfile={pid}"), format!("--unixctl={control}"));
        self.go_on("box", &["ovsdb-server", &database, &remote, &pid, &control])?;
        self.wait_for_file(&at("ovs.sock"))?;
        let client = format!("--db={socket}");
        self.set_up(&["ovs-vsctl", &client, "--no-wait", "init"])?;
        let (pid, control) = (at("vswitchd.pid"), at("vswitchd.ctl"));
        let (pid, control) = (format!("--pidfile={pid}"), format!("--unixctl={control}"));
        let switch = self.go_on("box", &["ovs-vswitchd", &socket, &pid, &control])?;
        self.forwarder = Some(switch);
        self.set_up(&[
            "ovs-vsctl",
            &client,
            "--timeout=10",
            "add-br",
            "br0",
            "--",
            "set",
            "bridge",
            "br0",
            "datapath_type=netdev",
            "--",
            "add-port",
            "br0",
            "left",
            "--",
            "add-port",
            "br0",
            "right",
        ])
    }

    fn wait_for_file(&self, path: &str) -> Result<(), LabError> {
        let start = std::time::Instant::now();
        while !Path::new(path).exists() {
            if start.elapsed() > PATIENCE {
                let source = std::io::Error::from(std::io::ErrorKind::TimedOut);
                return Err(LabError::File { path: path.into(), source });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn trama(
        &mut self,
        plan: &LivePlan,
        text: &str,
        ports: [&str; 2],
        mode: &str,
    ) -> Result<(), LabError> {
        let program = file(&plan.scratch, &format!("{}.trama", ports[0]), text)?;
        let trama = plan.trama.display().to_string();
        let ends = ports.map(|port| format!("{port}=if:{port},{mode}"));
        let mut words = vec![trama.as_str(), "run", &program, "--json"];
        for end in &ends {
            words.extend(["--in", end, "--out", end]);
        }
        self.forwarder = Some(self.go_on("box", &words)?);
        Ok(())
    }

    /// The servers that clients measure against.
    fn servers(&mut self, scratch: &Path, number: usize) -> Result<(), LabError> {
        let node = self.server.0;
        if has("iperf3") {
            // From the address that it is asked at: it may not be the one of the route back.
            self.go_on(node, &["iperf3", "-s", "-B", self.server.1])?;
            self.lab.wait_for_listener(node, 5201, PATIENCE)?;
        }
        if has("nginx") {
            let conf = file(scratch, &format!("nginx{number}.conf"), &nginx(scratch, number))?;
            self.go_on(node, &["nginx", "-c", &conf])?;
            self.lab.wait_for_listener(node, 80, PATIENCE)?;
        }
        Ok(())
    }
}

/// A web server with an answer of a few bytes.
fn nginx(scratch: &Path, number: usize) -> String {
    let base = scratch.join(format!("nginx{number}"));
    let base = base.display();
    format!(
        "daemon off; worker_processes 1; pid {base}.pid; error_log {base}.err;\n\
         events {{ worker_connections 512; }}\n\
         http {{ access_log off; client_body_temp_path {base}-b; proxy_temp_path {base}-p;\n\
         fastcgi_temp_path {base}-f; uwsgi_temp_path {base}-u; scgi_temp_path {base}-s;\n\
         server {{ listen 80; location / {{ return 200 \"ok\\n\"; }} }} }}\n"
    )
}
