//! What queries become, and where messages about them point.

use crate::compile::{Options, Unit};
use crate::files::NoFiles;

fn made(text: &str) -> String {
    let unit = Unit::parse("t.trama", text, &NoFiles);
    let made = unit.made().map(|file| unit.sources.files[file.file as usize].text.clone());
    made.collect()
}

#[test]
fn show() {
    let text = "
fold order(seq: u32, length: u32) { state expected: u32
    state late: u32 = 7
    if seq != expected { late += 1 }
    expected = seq + length }
query a(limit: u64 = 5) = packets(ip) |> where(len > 60) |> group(ip.src) window(1s) { bytes: sum(len), least: min(len) }
  |> where(bytes > limit) |> top(3) by bytes |> alert(\"{ip.src} {bytes}\") |> emit
query b = packets(ip/tcp) |> group(flow) [1k] evict oldest until(tcp.flags.fin) { o: order(tcp.seq, payload.len), n: count(), f: first(now) } |> emit on change
query c = packets(ip/udp) |> flat_map(x in [ip.src, ip.dst]) |> distinct(x) |> map(x, at: now) |> join(d) on(x) within(1s) |> emit
query d = packets(ip/tcp) |> map(x: ip.src, n: tcp.seq)
";
    println!("{}", made(text));
    let mut unit = Unit::parse("t.trama", text, &NoFiles);
    let checked = unit.check(&Options::default(), &NoFiles);
    for d in checked.diagnostics.iter().take(3) {
        println!("{} {} {:?} {}", d.code, d.message, unit.sources.line_column(d.label.0), unit.sources.text(d.label.0));
    }
}
