//! Messages from files, in the form of HPCC's artifact (SIGCOMM 2019).
//!
//! The first line has the number of messages; each line that follows a message: source,
//! destination, class, port, bytes, and when it is sent, in seconds. Class and port are not used.

use super::{Flow, MESSAGES_MAX, Traffic, Workload};
use crate::network::Network;
use crate::scenario::{Load, Wrong};
use trama_base::{Picos, parameters};
use trama_transport::HostId;

parameters! {
    /// Messages as a file lists them.
    pub struct FromFile {
        /// The file, relative to the scenario.
        path: String = String::new(),
        /// What is taken off the times of the file.
        start: Picos = Picos::ZERO,
    }
}

impl Workload for FromFile {
    fn messages(&self, _: u32) -> u64 {
        0
    }

    fn traffic(&self, network: &Network, _: u64, load: &Load<'_>) -> Result<Traffic, Wrong> {
        if self.path.is_empty() {
            return Err(("path", "it must be said".into()));
        }
        let text = load(&self.path).map_err(|why| ("path", why))?;
        let flows = self.parse(&text, network.hosts());
        flows.map(Traffic::from).map_err(|why| ("path", format!("{}: {why}", self.path)))
    }
}

impl FromFile {
    fn parse(&self, text: &str, hosts: u32) -> Result<Vec<Flow>, String> {
        let mut lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
        let Some((_, first)) = lines.next() else { return Err("it is empty".into()) };
        let count: usize = first
            .trim()
            .parse()
            .map_err(|_| format!("line 1: not the number of messages: `{first}`"))?;
        if count > MESSAGES_MAX {
            return Err(format!("{count} messages; there may be {MESSAGES_MAX}"));
        }
        let read = |(line, text): (usize, &str)| {
            self.read(text, hosts).map_err(|why| format!("line {line}: {why}: `{text}`"))
        };
        let flows = lines.take(count).map(read).collect::<Result<Vec<_>, _>>()?;
        if flows.len() < count {
            return Err(format!("it has {} messages of {count}", flows.len()));
        }
        Ok(flows)
    }

    fn read(&self, text: &str, hosts: u32) -> Result<Flow, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let [source, destination, _, _, bytes, at] = words[..] else {
            return Err("not source, destination, class, port, bytes and time".into());
        };
        let host = |word: &str| word.parse().ok().filter(|host| *host < hosts).map(HostId);
        let (Some(source), Some(destination)) = (host(source), host(destination)) else {
            return Err(format!("there are hosts 0 to {}", hosts - 1));
        };
        if source == destination {
            return Err("a host does not send to itself".into());
        }
        let at_s: f64 = at.parse().ok().filter(|at| (0.0..1e6).contains(at)).ok_or("no time")?;
        Ok(Flow {
            at: Picos::from_secs_f64(at_s) - self.start,
            source,
            destination,
            bytes: bytes.parse().map_err(|_| "no number of bytes".to_owned())?,
            ..Flow::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_is_read_and_what_is_wrong_is_said_with_its_line() {
        let file = FromFile { start: Picos::from_millis(2000), ..FromFile::default() };
        let flows = file.parse("2\n1 0 3 100 5000 2.001\n0 3 3 100 7 2.000001\n", 4);
        let flows = flows.expect("it is sound");
        assert_eq!((flows[0].at, flows[0].bytes), (Picos::from_millis(1), 5000));
        assert_eq!((flows[1].at, flows[1].destination), (Picos::from_micros(1), HostId(3)));
        let wrong = |text: &str| file.parse(text, 4).expect_err("it is wrong");
        assert_eq!(wrong("x\n"), "line 1: not the number of messages: `x`");
        assert_eq!(wrong("1\n1 4 3 1 5 2.0\n"), "line 2: there are hosts 0 to 3: `1 4 3 1 5 2.0`");
        assert_eq!(
            wrong("1\n1 1 3 1 5 2.0\n"),
            "line 2: a host does not send to itself: `1 1 3 1 5 2.0`"
        );
        assert_eq!(wrong("1\n1 0 3 1 5 nan\n"), "line 2: no time: `1 0 3 1 5 nan`");
        assert_eq!(wrong("3\n1 0 3 1 5 1\n"), "it has 1 messages of 3");
        assert_eq!(wrong(""), "it is empty");
    }
}
