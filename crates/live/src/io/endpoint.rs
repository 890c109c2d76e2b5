//! From the text of `--in PORT=SRC` and `--out PORT=DST` to an open source or sink.

use super::af_packet::{PacketSink, PacketSource};
use super::af_xdp::{self, Attach};
use super::capture::{CaptureSink, CaptureSource};
use super::discard::Discard;
use super::memory::MemorySource;
use super::tap::Tap;
use super::{IoError, Sink, Source};
use crate::interface::{self, Inspector};
use crate::signal::StopFlag;
use crate::sys::SysError;
use std::fmt;
use std::os::fd::AsRawFd;

/// The forms of endpoints, for error messages and help.
pub const FORMS: &str = "\
FILE.pcap, FILE.pcapng[@INTERFACE], `-` (a pipe), if:NAME[,af_xdp|,af_xdp_generic|,af_packet], \
tap:NAME, mem:FILE, discard";

/// Where packets come from or go to, as a user wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A capture file, or `-` for the standard input or output.
    Capture {
        /// The path.
        path: String,
        /// Of a pcapng file, only the packets of the interface with this name.
        interface: Option<String>,
    },
    /// A capture held in memory and looped; input only.
    Memory {
        /// The path.
        path: String,
        /// As for [`Endpoint::Capture`].
        interface: Option<String>,
    },
    /// A network interface.
    Interface {
        /// Its name.
        name: String,
        /// How to reach it.
        mode: Mode,
    },
    /// A TAP interface that exists as long as the run.
    Tap {
        /// Its name.
        name: String,
    },
    /// Nowhere; output only.
    Discard,
}

/// How to reach an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// AF_XDP in the driver, or generic, or AF_PACKET: the first that works.
    Auto,
    /// AF_XDP in the driver or nothing.
    Xdp,
    /// AF_XDP behind the driver (generic XDP) or nothing.
    XdpGeneric,
    /// AF_PACKET.
    Packet,
}

/// Why a text is not an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Nothing was written.
    #[error("an endpoint is missing; the forms are: {FORMS}")]
    Empty,
    /// The part before the colon is not known.
    #[error(
        "`{prefix}:` is no kind of endpoint; the forms are: {FORMS}; \
         write `./{text}` for a file of that name"
    )]
    UnknownPrefix {
        /// What stands before the colon.
        prefix: String,
        /// The whole text.
        text: String,
    },
    /// What follows the comma is not a mechanism.
    #[error(
        "`{option}` is no way to reach an interface; there are: af_xdp, af_xdp_generic, af_packet"
    )]
    UnknownMode {
        /// What follows the comma.
        option: String,
    },
    /// No interface can have this name.
    #[error(
        "`{name}` cannot be the name of an interface: 1 to 15 bytes without `/`, `:` and spaces"
    )]
    InterfaceName {
        /// The name.
        name: String,
    },
}

/// Reads an endpoint.
pub fn parse_endpoint(text: &str) -> Result<Endpoint, EndpointError> {
    if text.is_empty() {
        return Err(EndpointError::Empty);
    }
    if text == "discard" {
        return Ok(Endpoint::Discard);
    }
    let prefix = text.split_once(':').filter(|(prefix, _)| {
        !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_alphanumeric())
    });
    match prefix {
        Some(("mem", "")) => Err(EndpointError::Empty),
        Some(("mem", file)) => {
            let (path, interface) = split_interface(file);
            Ok(Endpoint::Memory { path, interface })
        }
        Some(("if", rest)) => {
            let (name, mode) = match rest.split_once(',') {
                None => (rest, Mode::Auto),
                Some((name, "af_xdp")) => (name, Mode::Xdp),
                Some((name, "af_xdp_generic")) => (name, Mode::XdpGeneric),
                Some((name, "af_packet")) => (name, Mode::Packet),
                Some((_, option)) => {
                    return Err(EndpointError::UnknownMode { option: option.into() });
                }
            };
            Ok(Endpoint::Interface { name: interface_name(name)?, mode })
        }
        Some(("tap", name)) => Ok(Endpoint::Tap { name: interface_name(name)? }),
        Some((prefix, _)) => {
            Err(EndpointError::UnknownPrefix { prefix: prefix.into(), text: text.into() })
        }
        None => {
            let (path, interface) = split_interface(text);
            Ok(Endpoint::Capture { path, interface })
        }
    }
}

fn split_interface(text: &str) -> (String, Option<String>) {
    match text.rsplit_once('@') {
        Some((path, name)) if !path.is_empty() && !name.is_empty() && !name.contains('/') => {
            (path.into(), Some(name.into()))
        }
        _ => (text.into(), None),
    }
}

fn interface_name(name: &str) -> Result<String, EndpointError> {
    let allowed = |byte: u8| byte.is_ascii_graphic() && byte != b'/' && byte != b':';
    if (1..=15).contains(&name.len()) && name.bytes().all(allowed) && name != "." && name != ".." {
        Ok(name.into())
    } else {
        Err(EndpointError::InterfaceName { name: name.into() })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = |f: &mut fmt::Formatter<'_>, prefix, path, interface: &Option<String>| {
            write!(f, "{prefix}{path}")?;
            interface.as_ref().map_or(Ok(()), |interface| write!(f, "@{interface}"))
        };
        match self {
            Self::Capture { path, interface } => file(f, "", path, interface),
            Self::Memory { path, interface } => file(f, "mem:", path, interface),
            Self::Interface { name, mode } => {
                let mode = match mode {
                    Mode::Auto => "",
                    Mode::Xdp => ",af_xdp",
                    Mode::XdpGeneric => ",af_xdp_generic",
                    Mode::Packet => ",af_packet",
                };
                write!(f, "if:{name}{mode}")
            }
            Self::Tap { name } => write!(f, "tap:{name}"),
            Self::Discard => f.write_str("discard"),
        }
    }
}

/// Which halves of an endpoint are wanted, and for whom.
#[derive(Clone, Debug)]
pub struct Want {
    /// Packets are to come from it.
    pub input: bool,
    /// Packets are to go to it.
    pub output: bool,
    /// Name of the program's port, which a capture records as its interface.
    pub port: String,
    /// Ends the wait for a pipe that is silent.
    pub stop: StopFlag,
}

/// An open endpoint.
pub struct Opened {
    /// The input half, if it was wanted.
    pub source: Option<Box<dyn Source>>,
    /// The output half, if it was wanted.
    pub sink: Option<Box<dyn Sink>>,
    /// What moves the packets, in a few words: `AF_XDP (native, copy)`.
    pub mechanism: String,
    /// What a user should know: why another mechanism was not used, what to watch out for.
    pub notices: Vec<String>,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let halves = (self.source.is_some(), self.sink.is_some());
        f.debug_tuple("Opened").field(&self.mechanism).field(&halves).finish()
    }
}

/// Opens an endpoint. An interface that is both an input and an output must be opened once.
pub fn open(endpoint: &Endpoint, want: &Want) -> Result<Opened, IoError> {
    let refuse = |direction| Err(IoError::Direction { endpoint: endpoint.to_string(), direction });
    match endpoint {
        Endpoint::Discard if want.input => refuse("input"),
        Endpoint::Discard => Ok(Opened::output("discard", Discard::default())),
        Endpoint::Memory { .. } if want.output => refuse("output"),
        Endpoint::Memory { path, interface } => {
            let source = MemorySource::open(path, interface.as_deref(), &want.stop)?;
            Ok(Opened::input("memory", source))
        }
        Endpoint::Capture { path, interface } => open_capture(path, interface.as_deref(), want),
        Endpoint::Interface { name, mode } => open_interface(name, *mode, want),
        Endpoint::Tap { name } => {
            let tap = Tap::open(name)?;
            Ok(Opened {
                source: want.input.then(|| Box::new(tap.source()) as _),
                sink: want.output.then(|| Box::new(tap.sink()) as _),
                mechanism: "TAP".into(),
                notices: Vec::new(),
            })
        }
    }
}

impl Opened {
    fn input(mechanism: &str, source: impl Source + 'static) -> Self {
        Self {
            source: Some(Box::new(source)),
            sink: None,
            mechanism: mechanism.into(),
            notices: Vec::new(),
        }
    }

    fn output(mechanism: &str, sink: impl Sink + 'static) -> Self {
        Self {
            source: None,
            sink: Some(Box::new(sink)),
            mechanism: mechanism.into(),
            notices: Vec::new(),
        }
    }
}

fn open_capture(path: &str, interface: Option<&str>, want: &Want) -> Result<Opened, IoError> {
    let source = match want.input {
        true => Some(CaptureSource::open(path, interface, &want.stop)?),
        false => None,
    };
    let sink = match want.output {
        true => Some(CaptureSink::create(path, &want.port)?),
        false => None,
    };
    Ok(Opened {
        source: source.map(|source| Box::new(source) as _),
        sink: sink.map(|sink| Box::new(sink) as _),
        mechanism: "capture".into(),
        notices: Vec::new(),
    })
}

fn open_interface(name: &str, mode: Mode, want: &Want) -> Result<Opened, IoError> {
    let device = Device::find(name)?;
    let mut notices = Vec::new();
    if !device.is_up() {
        notices.push(format!("`{name}` is down; nothing moves until it is brought up"));
    }
    let attempts: &[Attach] = match mode {
        Mode::Auto => &[Attach::Native, Attach::Generic],
        Mode::Xdp => &[Attach::Native],
        Mode::XdpGeneric => &[Attach::Generic],
        Mode::Packet => &[],
    };
    for attach in attempts {
        // Behind a virtual driver generic XDP would get frames of any size and lose them.
        if mode == Mode::Auto && *attach == Attach::Generic && device.is_virtual() {
            continue;
        }
        match af_xdp::open(&device, *attach) {
            Ok((source, sink)) => {
                return Ok(Opened {
                    source: want.input.then(|| Box::new(source) as _),
                    sink: want.output.then(|| Box::new(sink) as _),
                    mechanism: format!("AF_XDP ({}, copy)", attach.text()),
                    notices,
                });
            }
            Err(error) if mode == Mode::Auto => {
                notices.push(format!("no {} AF_XDP on `{name}`: {error}", attach.text()));
            }
            Err(error) => return Err(error),
        }
    }
    if want.input && device.inspector.has_ipv4(name) {
        notices.push(format!(
            "`{name}` has an address: the kernel, too, answers what the program receives"
        ));
    }
    let source = if want.input { Some(PacketSource::open(&device)?) } else { None };
    let sink = if want.output { Some(PacketSink::open(&device)?) } else { None };
    Ok(Opened {
        source: source.map(|source| Box::new(source) as _),
        sink: sink.map(|sink| Box::new(sink) as _),
        mechanism: "AF_PACKET (ring)".into(),
        notices,
    })
}

/// An interface of this thread's namespace, as it was found.
#[derive(Debug)]
pub struct Device {
    /// Its name.
    pub name: String,
    /// Its index.
    pub index: u32,
    /// The largest datagram that it carries, in bytes.
    pub mtu: u32,
    /// Its receive queues.
    pub queues: u32,
    /// Its driver.
    pub driver: String,
    inspector: Inspector,
    /// What a socket was told when the interface went down; none once it is up again.
    went_down: Option<SysError>,
}

impl Device {
    /// Looks the interface up.
    pub fn find(name: &str) -> Result<Self, IoError> {
        let on_error = |source: SysError| match source.errno {
            libc::ENODEV => {
                IoError::NoSuchInterface { name: name.to_owned(), existing: interface::names() }
            }
            _ => IoError::on_interface(name, source, "CAP_NET_ADMIN"),
        };
        let inspector = Inspector::open().map_err(on_error)?;
        Ok(Self {
            name: name.to_owned(),
            index: inspector.index(name).map_err(on_error)?,
            mtu: inspector.mtu(name).map_err(on_error)?,
            queues: inspector.receive_queues(name),
            driver: inspector.driver(name).unwrap_or_default(),
            inspector,
            went_down: None,
        })
    }

    /// Whether the other end may be a kernel that leaves checksums and segments unfinished.
    pub fn is_virtual(&self) -> bool {
        matches!(self.driver.as_str(), "veth" | "tun" | "virtio_net" | "bridge" | "macvlan")
    }

    /// Whether it is still there: the same interface under the same name.
    pub(crate) fn exists(&self) -> bool {
        self.inspector.index(&self.name) == Ok(self.index)
    }

    fn is_up(&self) -> bool {
        self.inspector.is_up(&self.name).unwrap_or(false)
    }

    /// Looks whether something happened to the interface that `socket` is bound to. That it went
    /// down is no error, since it may come back.
    ///
    /// The kernel tells a socket once that its interface goes down, and nothing more if that is
    /// then removed; so one that went down is looked for until it is up again.
    pub(crate) fn check_socket(&mut self, socket: &impl AsRawFd) -> Result<(), IoError> {
        if let Some(error) = super::af_packet::pending_error(socket) {
            self.went_down = Some(error);
        }
        let Some(source) = &self.went_down else { return Ok(()) };
        if !self.exists() {
            let (name, source) = (self.name.clone(), source.clone());
            return Err(IoError::InterfaceGone { name, source });
        }
        if self.is_up() {
            self.went_down = None;
        }
        Ok(())
    }

    pub(crate) fn try_clone(&self) -> Result<Self, SysError> {
        Ok(Self {
            name: self.name.clone(),
            index: self.index,
            mtu: self.mtu,
            queues: self.queues,
            driver: self.driver.clone(),
            inspector: self.inspector.try_clone()?,
            went_down: None,
        })
    }
}

#[cfg(test)]
mod tests;
