//! What the live tests share: an engine that connects two ports, and a runner on a thread inside a
//! box.
#![allow(unreachable_pub, dead_code, reason = "each test crate uses its part")]

use std::thread::JoinHandle;
use trama_base::Nanos;
use trama_lab::Lab;
use trama_lang::engine::{Engine, Entry, LogLine, Report};
use trama_lang::records::{Record, RecordSink};
use trama_live::io::endpoint::{self, Endpoint, Opened, Want, parse_endpoint};
use trama_live::run::{RunOptions, RunSummary, Runner};
use trama_live::signal::StopFlag;
use trama_wire::{Packet, Pool};

/// Port 0 to port 1 and back.
pub struct Crossed;

impl Engine for Crossed {
    fn process(
        &mut self,
        input: &mut Vec<Box<Packet>>,
        output: &mut Vec<Box<Packet>>,
        _: &mut Pool,
    ) {
        output.extend(input.drain(..).map(|mut packet| {
            packet.port ^= 1;
            packet
        }));
    }

    fn advance(&mut self, _: Nanos, _: &mut Vec<Box<Packet>>, _: &mut Pool) {}

    fn finish(&mut self, _: Nanos, _: &mut Vec<Box<Packet>>, _: &mut Pool) {}

    fn next_timeout(&self) -> Option<Nanos> {
        None
    }

    fn set_records(&mut self, _: Box<dyn RecordSink>) {}

    fn take_records(&mut self) -> Vec<Record> {
        Vec::new()
    }

    fn report(&mut self) -> Report {
        Report::default()
    }

    fn state(&mut self, _: usize, _: usize) -> Vec<Entry> {
        Vec::new()
    }

    fn take_logs(&mut self) -> Vec<LogLine> {
        Vec::new()
    }
}

/// A relay that runs in a box until it is stopped.
pub struct Relay {
    stop: StopFlag,
    thread: JoinHandle<RunSummary>,
    pub mechanisms: Vec<String>,
    pub notices: Vec<String>,
}

impl Relay {
    /// Connects two endpoints, opened inside `node`.
    pub fn start(lab: &Lab, node: &str, ends: [&str; 2]) -> Self {
        let stop = StopFlag::new();
        let (flag, namespace) = (stop.clone(), lab.namespace(node).expect("the node is there"));
        let (sender, receiver) = std::sync::mpsc::channel();
        let ends = ends.map(|end| parse_endpoint(end).expect("an endpoint"));
        let thread = std::thread::spawn(move || {
            namespace.enter().expect("root may enter a namespace");
            let mut runner = Runner::new(Box::new(Crossed));
            let (mut mechanisms, mut notices) = (Vec::new(), Vec::new());
            for (port, end) in ends.iter().enumerate() {
                let want = Want {
                    input: true,
                    output: true,
                    port: format!("port{port}"),
                    stop: flag.clone(),
                };
                let opened = endpoint::open(end, &want).unwrap_or_else(|e| panic!("{end}: {e}"));
                runner.add_input(port as u32, opened.source.expect("an input was wanted"));
                runner.add_output(port as u32, opened.sink.expect("an output was wanted"));
                mechanisms.push(opened.mechanism);
                notices.extend(opened.notices);
            }
            sender.send((mechanisms, notices)).expect("the test waits");
            // A run that should have ended fails its test instead of hanging it.
            let duration = Some(Nanos::from_secs(120));
            let options = RunOptions { stop: flag, duration, ..RunOptions::default() };
            runner.run(&options, &mut |_, _| {})
        });
        let (mechanisms, notices) = receiver.recv().expect("the relay starts");
        Self { stop, thread, mechanisms, notices }
    }

    /// Ends the run.
    pub fn finish(self) -> RunSummary {
        self.stop.raise();
        self.join()
    }

    /// Waits until the run ends by itself.
    pub fn join(self) -> RunSummary {
        self.thread.join().expect("the relay does not panic")
    }
}

/// Opens an endpoint inside a node.
pub fn open(lab: &Lab, node: &str, end: &str) -> Opened {
    let endpoint = parse_endpoint(end).expect("an endpoint");
    let input = endpoint != Endpoint::Discard;
    let want = Want { input, output: true, port: node.into(), stop: StopFlag::new() };
    let opened = lab.within(node, || endpoint::open(&endpoint, &want));
    opened.expect("the node is there").unwrap_or_else(|error| panic!("{end}: {error}"))
}

/// Whether labs can be used; prints why not.
pub fn live() -> bool {
    match trama_lab::require_root() {
        Ok(()) => true,
        Err(reason) => {
            println!("skipped: {reason}");
            false
        }
    }
}
