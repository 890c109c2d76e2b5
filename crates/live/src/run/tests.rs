use super::*;
use crate::io::discard::Discard;
use crate::io::memory::MemorySource;
use crate::io::{Counters, DropReason, IoError, Received};
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex};
use trama_lang::engine::{Entry, LogLine, Report};
use trama_lang::records::{Record, RecordSink};
use trama_wire::{Packet, Pool};

/// Notes what it gets and sends it to the port after the one where it came in.
#[derive(Default)]
struct Notebook {
    seen: Seen,
    largest_batch: usize,
}

impl Engine for Notebook {
    fn process(
        &mut self,
        input: &mut Vec<Box<Packet>>,
        output: &mut Vec<Box<Packet>>,
        _: &mut Pool,
    ) {
        self.largest_batch = self.largest_batch.max(input.len());
        for mut packet in input.drain(..) {
            self.seen.lock().expect("one thread").push((packet.time.0, packet.port));
            packet.port += 1;
            output.push(packet);
        }
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

/// Times and ports.
type Seen = Arc<Mutex<Vec<(u64, u32)>>>;

const FRAME: &[u8] = &[0; 60];

fn memory(times: &[u64]) -> Box<MemorySource> {
    Box::new(MemorySource::of_frames(times.iter().map(|time| (Nanos(*time), FRAME))))
}

fn runner() -> (Runner, Seen) {
    let engine = Notebook::default();
    let seen = Arc::clone(&engine.seen);
    (Runner::new(Box::new(engine)), seen)
}

fn run(runner: &mut Runner, options: &RunOptions) -> RunSummary {
    runner.run(options, &mut |_, _| {})
}

#[test]
fn recorded_inputs_are_merged_by_time() {
    let (mut runner, seen) = runner();
    runner.add_input(0, memory(&[1, 4, 4, 9]));
    runner.add_input(1, memory(&[2, 4, 10, 11, 12]));
    runner.add_output(1, Box::new(Discard::default()));
    let summary = run(&mut runner, &RunOptions { batch: 3, ..RunOptions::default() });
    let expected = [(1, 0), (2, 1), (4, 0), (4, 0), (4, 1), (9, 0), (10, 1), (11, 1), (12, 1)];
    assert_eq!(*seen.lock().expect("one thread"), expected);
    assert_eq!(summary.stop, StopReason::EndOfInput);
    let progress = &summary.progress;
    assert_eq!((progress.packets, progress.bytes), (9, 540));
    assert_eq!(progress.outputs[0].counters.frames, 4);
    assert_eq!(progress.unrouted, 5, "port 2 has no sink");
    assert_eq!((progress.first_event, progress.last_event), (Some(Nanos(1)), Some(Nanos(12))));
    assert!(progress.ns_per_packet().is_some());
}

#[test]
fn memory_is_looped_as_often_as_asked() {
    let (mut runner, seen) = runner();
    runner.add_input(0, memory(&[10, 1_010]));
    run(&mut runner, &RunOptions { loops: 3, ..RunOptions::default() });
    let times: Vec<u64> = seen.lock().expect("one thread").iter().map(|(time, _)| *time).collect();
    assert_eq!(times, [10, 1_010, 2_010, 3_010, 4_010, 5_010]);
}

#[test]
fn an_endless_loop_ends_with_its_duration_and_is_observed() {
    let (mut runner, _) = runner();
    runner.add_input(0, memory(&[1, 2]));
    let options = RunOptions {
        loops: 0,
        duration: Some(Nanos::from_millis(20)),
        interval: Some(Nanos::from_millis(1)),
        ..RunOptions::default()
    };
    let mut observed = Vec::new();
    let summary = runner.run(&options, &mut |progress, _| observed.push(progress.packets));
    assert_eq!(summary.stop, StopReason::Duration);
    assert!(!observed.is_empty() && observed.is_sorted());
    assert!(summary.progress.elapsed >= Nanos::from_millis(20));
    assert!(summary.progress.busy <= summary.progress.elapsed);
}

#[test]
fn a_paced_replay_takes_its_time_and_can_be_watched_and_stopped() {
    let (mut runner, seen) = runner();
    runner.add_input(0, memory(&[1_000_000, 61_000_000]));
    let options = RunOptions {
        pace: Some(2.0),
        interval: Some(Nanos::from_millis(5)),
        ..RunOptions::default()
    };
    let mut observed = Vec::new();
    let summary = runner.run(&options, &mut |progress, _| observed.push(progress.packets));
    assert_eq!(summary.stop, StopReason::EndOfInput);
    assert!(summary.progress.elapsed >= Nanos::from_millis(30));
    assert!(observed.contains(&1), "it is watched while it waits");
    assert_eq!(seen.lock().expect("one thread").len(), 2);
    let (mut runner, _) = self::runner();
    runner.add_input(0, memory(&[0, Nanos::from_secs(3600).0]));
    let stop = options.stop.clone();
    let summary = runner.run(&options, &mut |_, _| stop.raise());
    assert_eq!(summary.stop, StopReason::Asked);
}

#[test]
fn a_raised_flag_ends_the_run_before_the_next_batch() {
    let (mut runner, seen) = runner();
    runner.add_input(0, memory(&[1]));
    let options = RunOptions::default();
    options.stop.raise();
    assert_eq!(run(&mut runner, &options).stop, StopReason::Asked);
    assert!(seen.lock().expect("one thread").is_empty());
}

/// Gives one packet per call, out of order, and then fails.
struct Failing(u32, Timing);

impl Source for Failing {
    fn receive(
        &mut self,
        _: usize,
        out: &mut Vec<Box<Packet>>,
        _: &mut Pool,
    ) -> Result<Received, IoError> {
        self.0 += 1;
        if self.0 > 3 {
            let source = crate::sys::SysError::new("interface event", libc::ENETDOWN);
            return Err(IoError::InterfaceGone { name: "eth9".into(), source });
        }
        let mut packet = Box::new(Packet::new(FRAME));
        packet.time = Nanos(u64::from(10 - self.0));
        out.push(packet);
        Ok(Received::Some(1))
    }

    fn fds(&self) -> &[RawFd] {
        &[]
    }

    fn timing(&self) -> Timing {
        self.1
    }

    fn counters(&mut self) -> Counters {
        Counters::default()
    }
}

#[test]
fn a_source_that_fails_is_told_and_the_others_go_on() {
    let (mut runner, seen) = runner();
    runner.add_input(0, Box::new(Failing(0, Timing::Recorded)));
    runner.add_input(5, memory(&[20]));
    let summary = run(&mut runner, &RunOptions::default());
    assert_eq!(*seen.lock().expect("one thread"), [(9, 0), (9, 0), (9, 0), (20, 5)]);
    assert_eq!(summary.failures.len(), 1);
    assert!(summary.failures[0].input && summary.failures[0].port == 0);
}

#[test]
fn a_live_run_stamps_arrivals_and_ends_when_its_sources_are_gone() {
    let (mut runner, seen) = runner();
    runner.add_input(0, Box::new(Failing(0, Timing::Live)));
    let before = clock::realtime().0;
    let summary = run(&mut runner, &RunOptions::default());
    assert_eq!(summary.stop, StopReason::SourcesGone);
    let seen = seen.lock().expect("one thread");
    assert_eq!(seen.len(), 3);
    assert!(seen.is_sorted() && seen[0].0 >= before);
}

#[test]
fn a_full_disk_ends_the_run_and_no_packet_is_lost_uncounted() {
    let (mut runner, _) = runner();
    runner.add_input(0, memory(&[1, 2, 3]));
    let sink = crate::io::capture::CaptureSink::create("/dev/full", "out");
    runner.add_output(1, Box::new(sink.expect("the device opens")));
    let options =
        RunOptions { loops: 0, duration: Some(Nanos::from_secs(60)), ..RunOptions::default() };
    let summary = run(&mut runner, &options);
    assert_eq!(summary.stop, StopReason::OutputFailed);
    assert!(matches!(summary.failures[0].error, IoError::Write { .. }));
    let counters = summary.progress.outputs[0].counters;
    let lost = counters.dropped(DropReason::SinkFailed);
    assert_eq!(counters.frames + lost, summary.progress.packets);
    assert!(lost > 0);
}

#[test]
fn batches_are_as_large_as_allowed() {
    let mut engine = Notebook::default();
    let mut batch = Batch::default();
    let mut inputs = Inputs::default();
    inputs.add(3, memory(&[1, 2, 3, 4, 5]));
    inputs.set_loops(1);
    inputs.merge(4, &mut batch);
    assert!(batch.packets.iter().all(|packet| packet.port == 3));
    engine.process(&mut batch.packets, &mut batch.output, &mut batch.pool);
    assert_eq!(engine.largest_batch, 4);
    inputs.merge(4, &mut batch);
    assert_eq!(batch.packets.len(), 1);
}
