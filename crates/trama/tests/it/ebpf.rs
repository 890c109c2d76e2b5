//! `trama ebpf`: text to object, object to text, runs on captures.

use crate::captures::project;
use std::path::PathBuf;
use std::process::{Command, Output};

/// The program of the book's page.
fn text() -> String {
    let page = std::fs::read_to_string(project("docs/book/src/ebpf/assembly.md"));
    let page = page.expect("the book has the page");
    let (_, text) = page.split_once("```text\n").expect("the page has a program");
    text.split_once("```").expect("the program ends").0.to_owned()
}

/// A folder of this test's own.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("trama-ebpf-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a temporary folder");
        Self(path)
    }

    fn file(&self, name: &str, content: &[u8]) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, content).expect("a temporary file");
        path.to_str().expect("the path is text").to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn trama(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trama"));
    command.arg("ebpf").args(args).current_dir(project(".")).output().expect("trama runs")
}

fn out(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).expect("it prints text")
}

#[test]
fn the_program_of_the_book_is_assembled_shown_and_run() {
    let folder = Folder::new("book");
    let source = folder.file("count.s", text().as_bytes());
    let object = folder.0.join("count.o").to_str().unwrap().to_owned();
    out(&trama(&["asm", &source, "-o", &object]));
    let shown = out(&trama(&["disasm", &object]));
    assert!(shown.contains(".map counts hash key 4 value 8 entries 1024"), "{shown}");
    assert!(shown.contains("call map_update_elem"), "{shown}");
    let again = folder.file("again.s", shown.as_bytes());
    out(&trama(&["asm", &again, "-o", &object]));
    assert_eq!(out(&trama(&["disasm", &object])), shown);
    let capture = "examples/captures/office-lan.pcap";
    let ran = out(&trama(&["run", &object, "--in", capture, "--json"]));
    let summary: serde_json::Value = serde_json::from_str(&ran).unwrap();
    assert!(summary["verdicts"]["pass"].as_u64().unwrap() > 100, "{ran}");
    assert!(summary["entries"].as_array().unwrap().len() > 5, "{ran}");
    let blocks = out(&trama(&["disasm", &object, "--blocks", "--program", "count"]));
    assert!(blocks.contains("exit"), "{blocks}");
}

#[test]
fn the_kernel_ends_with_the_same_maps() {
    if let Err(why) = trama_lab::require_root() {
        println!("skipped: {why}");
        return;
    }
    let folder = Folder::new("kernel");
    let source = folder.file("count.s", text().as_bytes());
    let object = folder.0.join("count.o").to_str().unwrap().to_owned();
    out(&trama(&["asm", &source, "-o", &object]));
    let run = |more: &[&str]| {
        let capture = "examples/captures/office-lan.pcap";
        let json = out(&trama(&[&["run", &object, "--in", capture, "--json"], more].concat()));
        let mut summary: serde_json::Value = serde_json::from_str(&json).unwrap();
        summary.as_object_mut().unwrap().remove("instructions");
        summary
    };
    assert_eq!(run(&[]), run(&["--kernel"]));
    let loaded = out(&trama(&["load", &object]));
    assert!(loaded.contains("count") && loaded.contains("instructions"), "{loaded}");
    out(&trama(&["list"]));
}

/// Other loaders take our objects: bpftool, which is libbpf's.
#[test]
fn bpftool_loads_what_we_write() {
    if let Err(why) = trama_lab::require_root() {
        println!("skipped: {why}");
        return;
    }
    if Command::new("bpftool").arg("version").output().is_err() {
        println!("skipped: there is no bpftool");
        return;
    }
    let folder = Folder::new("bpftool");
    let source = folder.file("count.s", text().as_bytes());
    let object = folder.0.join("count.o").to_str().unwrap().to_owned();
    out(&trama(&["asm", &source, "-o", &object]));
    let pin = format!("/sys/fs/bpf/trama-test-{}", std::process::id());
    let output = Command::new("bpftool").args(["prog", "load", &object, &pin]).output().unwrap();
    let was_pinned = std::fs::remove_file(&pin).is_ok();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(was_pinned);
}

#[test]
fn what_is_wrong_is_said() {
    let folder = Folder::new("wrong");
    let bad = folder.file("bad.s", b".program p xdp\n r1 = r11\n");
    let garbage = folder.file("bad.o", b"\x7fELF not an object");
    let error = |args: &[&str]| {
        let output = trama(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let said = error(&["asm", &bad, "-o", "/nowhere"]);
    assert!(said.contains("line 2: `r1 = r11` is no instruction"), "{said}");
    assert!(error(&["disasm", &garbage]).contains("not an eBPF object"));
    assert!(error(&["disasm", "nowhere.o"]).contains("cannot read `nowhere.o`"));
}
