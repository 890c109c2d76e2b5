//! What can go wrong at an endpoint, told so that a user knows what to do.

use crate::sys::SysError;
use trama_wire::capture::CaptureError;

/// Why an endpoint cannot be opened or used any longer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IoError {
    /// There is no interface with this name.
    #[error("interface `{name}` does not exist in this network namespace{}", choices(.existing))]
    NoSuchInterface {
        /// The name that was asked for.
        name: String,
        /// The interfaces that there are.
        existing: Vec<String>,
    },
    /// The interface was removed, or moved to another namespace, during the run.
    #[error("interface `{name}` disappeared ({source})")]
    InterfaceGone {
        /// Its name when it was opened.
        name: String,
        /// The call that noticed.
        source: SysError,
    },
    /// The kernel wants a privilege that this process lacks.
    #[error("{source}; this needs {capability}: run as root or grant it to the binary by `setcap`")]
    NotPermitted {
        /// The capability that the operation needs.
        capability: &'static str,
        /// The operation.
        source: SysError,
    },
    /// Another program holds what is needed.
    #[error("interface `{name}` is in use: {source}; end the program that holds it")]
    Busy {
        /// The interface.
        name: String,
        /// The operation.
        source: SysError,
    },
    /// Any other refusal of the kernel.
    #[error("`{endpoint}`: {source}")]
    System {
        /// The interface or path.
        endpoint: String,
        /// The operation.
        source: SysError,
    },
    /// A file cannot be opened.
    #[error("cannot open `{path}`: {source}")]
    Open {
        /// The path.
        path: String,
        /// The reason.
        source: std::io::Error,
    },
    /// A file cannot be written, for example because the disk is full.
    #[error("cannot write `{path}` after {frames} frames: {source}")]
    Write {
        /// The path.
        path: String,
        /// Frames written before, of which the last may be incomplete.
        frames: u64,
        /// The reason.
        source: std::io::Error,
    },
    /// A capture is broken, or ends in the middle of a packet.
    #[error("capture `{path}`: {source}")]
    Capture {
        /// The path.
        path: String,
        /// What is wrong, and where.
        source: CaptureError,
    },
    /// A capture was not taken from an Ethernet.
    #[error("capture `{path}` holds {link_type} frames; only Ethernet can be replayed")]
    LinkType {
        /// The path.
        path: String,
        /// The name of the link type.
        link_type: String,
    },
    /// A pcapng file has no interface with this name.
    #[error("capture `{path}` has no interface `{interface}`{}", choices(.existing))]
    NoCaptureInterface {
        /// The path.
        path: String,
        /// The name that was asked for.
        interface: String,
        /// Those that it has.
        existing: Vec<String>,
    },
    /// A capture to be looped in memory is larger than the limit.
    #[error("capture `{path}` holds more than {limit_bytes} bytes of frames, the limit of `mem:`")]
    TooLarge {
        /// The path.
        path: String,
        /// The limit.
        limit_bytes: u64,
    },
    /// The endpoint gives packets only, or takes them only.
    #[error("`{endpoint}` cannot be used as an {direction}")]
    Direction {
        /// As the user wrote it.
        endpoint: String,
        /// `input` or `output`.
        direction: &'static str,
    },
}

impl IoError {
    /// A failed call on the interface `name`, by what the errno means there. `capability` is what
    /// the kernel asks for when it answers `EPERM`.
    pub(crate) fn on_interface(name: &str, source: SysError, capability: &'static str) -> Self {
        let name = name.to_owned();
        match source.errno {
            libc::ENODEV | libc::ENXIO => Self::InterfaceGone { name, source },
            libc::EPERM | libc::EACCES => Self::NotPermitted { capability, source },
            libc::EBUSY | libc::EEXIST => Self::Busy { name, source },
            _ => Self::System { endpoint: name, source },
        }
    }
}

fn choices(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!("; there are: {}", names.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_say_what_to_do() {
        let error = IoError::on_interface(
            "eth0",
            SysError::new("socket(AF_PACKET)", libc::EPERM),
            "CAP_NET_RAW",
        );
        assert_eq!(
            error.to_string(),
            "socket(AF_PACKET): EPERM (operation not permitted); this needs CAP_NET_RAW: \
             run as root or grant it to the binary by `setcap`"
        );
        let error = IoError::NoSuchInterface {
            name: "eth9".into(),
            existing: vec!["lo".into(), "eth0".into()],
        };
        assert!(error.to_string().ends_with("; there are: lo, eth0"), "{error}");
    }
}
