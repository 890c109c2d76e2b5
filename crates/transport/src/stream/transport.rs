//! Streams with a congestion controller as a transport of the registry.

use super::{Config, Needs, Streams};
use crate::congestion::{CongestionControl, Setting};
use crate::endpoint::Endpoint;
use crate::fabric::{Balance, Fabric, Queueing};
use crate::packet::HostId;
use crate::registry::{self, Transport};
use trama_base::parameter::{Parameter, ParameterError};
use trama_base::{Bytes, Parameters};

/// A congestion controller with its settings.
pub trait Algorithm: Parameters + Clone + Default + 'static {
    /// The controller of a message.
    fn control(&self, setting: &Setting) -> Box<dyn CongestionControl>;

    /// What it needs of the streams.
    fn needs(&self) -> Needs {
        Needs::default()
    }

    /// How its streams work if nothing else is said.
    fn stream() -> Config {
        Config::default()
    }

    /// What it asks of the ports of switches: a queue of 250 packets if nothing else is said.
    fn queueing(&self, stream: &Config, fabric: &Fabric) -> Queueing {
        let _ = fabric;
        Queueing::drop_tail(250 * stream.mtu.0 as u32)
    }

    /// What is wrong with the settings taken together.
    fn check(&self) -> Result<(), (&'static str, String)> {
        Ok(())
    }
}

/// Streams that an algorithm controls.
#[derive(Clone, Debug)]
pub struct Reliable<A> {
    stream: Config,
    algorithm: A,
}

impl<A: Algorithm> Default for Reliable<A> {
    fn default() -> Self {
        Self { stream: A::stream(), algorithm: A::default() }
    }
}

impl<A: Algorithm> Parameters for Reliable<A> {
    fn set(&mut self, name: &str, text: &str) -> Result<(), ParameterError> {
        match self.algorithm.set(name, text) {
            Err(ParameterError::Unknown) => self.stream.set(name, text),
            result => result,
        }
    }

    fn parameters(&self) -> Vec<Parameter> {
        let mut all = self.algorithm.parameters();
        all.extend(self.stream.parameters());
        all
    }
}

impl<A: Algorithm> Transport for Reliable<A> {
    fn check(&self) -> Result<(), (&'static str, String)> {
        registry::check_range("header", self.stream.header.0, 20, 256)?;
        registry::check_packet("mtu", self.stream.mtu, self.header_bytes())?;
        registry::check_range("initial_window", self.stream.initial_window, 1, 1 << 20)?;
        registry::check_range("packets_per_ack", self.stream.packets_per_ack, 1, 1 << 10)?;
        if self.stream.window_max < self.stream.mtu {
            return Err(("window_max", format!("it is at least a packet, {}", self.stream.mtu)));
        }
        if self.stream.timeout_min.0 == 0 || self.stream.timeout_initial.0 == 0 {
            return Err(("timeout_min", "a timeout is longer than nothing".into()));
        }
        self.algorithm.check()
    }

    fn packet_bytes(&self) -> u16 {
        self.stream.mtu.0 as u16
    }

    fn header_bytes(&self) -> u16 {
        self.stream.header.0 as u16
    }

    fn queueing(&self, fabric: &Fabric) -> Queueing {
        self.algorithm.queueing(&self.stream, fabric)
    }

    fn balance(&self) -> Balance {
        Balance::Flow
    }

    fn endpoint(&self, fabric: &Fabric, host: HostId, _: u64) -> Box<dyn Endpoint> {
        let Bytes(mtu) = self.stream.mtu;
        let segment_bytes = mtu - self.stream.header.0;
        let setting = Setting {
            segment_bytes,
            initial_window_bytes: u64::from(self.stream.initial_window) * segment_bytes,
            window_bytes_max: self.stream.window_max.0,
            link: fabric.link,
            base_rtt: fabric.base_rtt,
        };
        let algorithm = self.algorithm.clone();
        let make = move |_: &_| algorithm.control(&setting);
        Box::new(Streams::new(self.stream.clone(), self.algorithm.needs(), host, make))
    }
}
