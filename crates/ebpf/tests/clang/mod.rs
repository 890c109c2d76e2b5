//! The C programs of the tests, compiled on the spot.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the programs are.
const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../ebpf/tests/programs");

/// Compilers that are tried, the first that is there is taken.
const COMPILERS: [&str; 4] = ["clang-19", "clang", "clang-16", "clang-14"];

/// Bytes of the object that clang makes of `programs/NAME.c`, with flags. `None`, with the reason
/// printed, if there is no clang; with `TRAMA_REQUIRE_LIVE=1` there must be one.
pub(crate) fn compile(name: &str, flags: &[&str]) -> Option<Vec<u8>> {
    let compiler = COMPILERS.iter().find(|name| runs(name));
    let Some(compiler) = compiler else {
        println!("skipped: there is no clang");
        let required = std::env::var("TRAMA_REQUIRE_LIVE").is_ok_and(|value| value == "1");
        assert!(!required, "TRAMA_REQUIRE_LIVE=1, but there is no clang");
        return None;
    };
    let source = Path::new(SOURCES).join(format!("{name}.c"));
    let id = std::process::id();
    let thread = std::thread::current().id();
    let object = std::env::temp_dir().join(format!("trama-{name}-{id}-{thread:?}.o"));
    let _remove = Remove(object.clone());
    let status = Command::new(compiler)
        .args(["-O2", "-g", "-Wall", "-Wno-unused", "-target", "bpf", "-mcpu=v3"])
        .args(flags)
        .arg("-c")
        .arg(&source)
        .arg("-o")
        .arg(&object)
        .status()
        .expect("it ran before");
    assert!(status.success(), "clang refuses {}", source.display());
    Some(std::fs::read(&object).expect("clang wrote it"))
}

fn runs(program: &str) -> bool {
    let output = Command::new(program).arg("--version").output();
    output.is_ok_and(|output| output.status.success())
}

/// Removes a file at the end of its scope.
struct Remove(PathBuf);

impl Drop for Remove {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
