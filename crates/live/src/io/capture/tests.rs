use super::*;
use std::path::PathBuf;

/// A file that is removed with the handle.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, content: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("trama-{}-{name}", std::process::id()));
        std::fs::write(&path, content).expect("the temporary directory is writable");
        Self(path)
    }

    fn text(&self) -> &str {
        self.0.to_str().expect("a name in ASCII")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn two_interfaces() -> Vec<u8> {
    let mut writer = Writer::pcapng(Vec::new(), &["lan", "wan"]).expect("memory is writable");
    for (time, interface) in [(5, 0), (7, 1), (6, 0)] {
        let data = [interface as u8; 60];
        let record = Record { time: Nanos(time), wire_len: 60, interface, data: &data };
        writer.write(&record).expect("memory is writable");
    }
    writer.finish().expect("memory is writable")
}

/// Reads to the end: times, and what ended it.
fn read(path: &str, interface: Option<&str>) -> (Vec<u64>, Option<IoError>) {
    let (mut out, mut pool) = (Vec::new(), Pool::default());
    let mut source = match CaptureSource::open(path, interface, &StopFlag::new()) {
        Ok(source) => source,
        Err(error) => return (Vec::new(), Some(error)),
    };
    let end = loop {
        match source.receive(2, &mut out, &mut pool) {
            Ok(Received::End) => break None,
            Ok(_) => {}
            Err(error) => break Some(error),
        }
    };
    assert_eq!(source.counters().frames, out.len() as u64);
    (out.iter().map(|packet| packet.time.0).collect(), end)
}

#[test]
fn packets_come_in_order_with_times_that_do_not_go_back() {
    let file = Scratch::new("order.pcapng", &two_interfaces());
    let (times, error) = read(file.text(), None);
    assert!(error.is_none());
    assert_eq!(times, [5, 7, 7]);
}

#[test]
fn one_interface_of_several_is_selected_by_name() {
    let file = Scratch::new("select.pcapng", &two_interfaces());
    assert_eq!(read(file.text(), Some("lan")).0, [5, 6]);
    assert_eq!(read(file.text(), Some("wan")).0, [7]);
    let (times, error) = read(file.text(), Some("dmz"));
    assert!(times.is_empty());
    let text = error.expect("there is none of that name").to_string();
    assert!(text.ends_with("has no interface `dmz`; there are: lan, wan"), "{text}");
}

#[test]
fn a_capture_that_ends_within_a_packet_gives_all_before_it() {
    let whole = two_interfaces();
    let file = Scratch::new("cut.pcapng", &whole[..whole.len() - 30]);
    let (times, error) = read(file.text(), None);
    assert_eq!(times, [5, 7]);
    let text = error.expect("the last packet is cut").to_string();
    assert!(text.contains("after 2 whole ones"), "{text}");
}

#[test]
fn what_is_no_ethernet_capture_is_refused() {
    let garbage = Scratch::new("garbage", b"this is a text, not a capture");
    assert!(matches!(read(garbage.text(), None).1, Some(IoError::Capture { .. })));
    let mut pcap = Vec::new();
    Writer::pcap(&mut pcap).expect("memory is writable");
    // Link type 113, and a packet.
    pcap[20] = 113;
    pcap.extend([0; 8]);
    pcap.extend([4, 0, 0, 0, 4, 0, 0, 0, 1, 2, 3, 4]);
    let cooked = Scratch::new("cooked.pcap", &pcap);
    let text = read(cooked.text(), None).1.expect("only Ethernet is replayed").to_string();
    assert!(text.contains("LINUX_SLL"), "{text}");
    assert!(matches!(read("/nonexistent/file", None).1, Some(IoError::Open { .. })));
}

#[test]
fn what_is_written_is_read_back_in_both_formats() {
    for name in ["written.pcap", "written.pcapng"] {
        let file = Scratch::new(name, &[]);
        let mut sink = CaptureSink::create(file.text(), "lan").expect("it is writable");
        let mut pool = Pool::default();
        let mut packet = Box::new(Packet::new(&[7; 60]));
        packet.time = Nanos(1_234_567_890_123_456_789);
        sink.send(&mut vec![packet], &mut pool).expect("there is room");
        sink.flush().expect("there is room");
        assert_eq!(sink.counters().frames, 1);
        assert_eq!(read(file.text(), None).0, [1_234_567_890_123_456_789]);
    }
}

#[test]
fn a_full_disk_is_an_error_and_everything_after_it_is_counted() {
    let mut sink = CaptureSink::create("/dev/full", "lan").expect("the device opens");
    let mut pool = Pool::default();
    let mut burst: Vec<_> = (0..3).map(|_| Box::new(Packet::new(&[7; 60]))).collect();
    sink.send(&mut burst, &mut pool).expect("it is buffered");
    let text = sink.flush().expect_err("the device is full").to_string();
    assert!(text.starts_with("cannot write `/dev/full`"), "{text}");
    let mut late = vec![Box::new(Packet::new(&[7; 60]))];
    sink.send(&mut late, &mut pool).expect("the error is told once");
    assert_eq!(sink.counters().dropped(DropReason::SinkFailed), 1);
    assert!(late.is_empty() && pool.idle() == 4);
}

#[test]
fn a_raised_flag_ends_the_wait_for_a_silent_pipe() {
    let path = std::env::temp_dir().join(format!("trama-{}-fifo", std::process::id()));
    let name = std::ffi::CString::new(path.to_str().expect("ASCII")).expect("no zeros");
    // SAFETY: the path is a C string.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    let _scratch = Scratch(path.clone());
    // Opened for both, so that neither end waits for the other.
    let keeper = File::options().read(true).write(true).open(&path).expect("it was just made");
    let stop = StopFlag::new();
    let raiser = stop.clone();
    let reader = std::thread::spawn(move || {
        let file = File::open(&path)?;
        let mut waiter = Waiter::default();
        waiter.add(file.as_raw_fd());
        StoppableFile { file, waiter, stop }.read(&mut [0; 16])
    });
    raiser.raise();
    assert_eq!(reader.join().expect("no panic").expect("no error"), 0);
    drop(keeper);
}
