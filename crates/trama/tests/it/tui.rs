//! The live view on a real terminal: a pseudo-terminal made by `script`.
#![allow(clippy::disallowed_methods, reason = "a terminal is watched in real time")]

use crate::captures::project;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use trama_live::signal::{Kind, send};

/// Longest wait for something to appear.
const PATIENCE: Duration = Duration::from_secs(60);

/// A terminal with a run on it.
struct Screen {
    script: Child,
    pieces: Receiver<Vec<u8>>,
    shown: String,
}

impl Screen {
    /// Runs `trama ARGS --tui`, and asks for the settings of the terminal afterwards; none if there
    /// is no `script` here.
    fn start(args: &str) -> Option<Self> {
        let trama = env!("CARGO_BIN_EXE_trama");
        let line = format!(
            "stty rows 24 cols 110; sh -c 'echo PID=$$.; exec {trama} {args} --tui'; \
             echo CODE=$?.; stty -a"
        );
        let spawned = Command::new("script")
            .args(["-q", "-e", "-c", &line, "/dev/null"])
            .current_dir(project("."))
            .env("TERM", "xterm-256color")
            .env("SHELL", "/bin/sh")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut script) = spawned else {
            assert!(std::env::var_os("TRAMA_REQUIRE_LIVE").is_none(), "`script` is missing");
            eprintln!("skipped: `script` of util-linux is not installed");
            return None;
        };
        let mut output = script.stdout.take().expect("it is piped");
        let (sender, pieces) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = output.read(&mut buffer) {
                if sender.send(buffer[..n].to_vec()).is_err() {
                    return;
                }
            }
        });
        Some(Self { script, pieces, shown: String::new() })
    }

    /// Waits until a text appears, and gives all that was shown so far.
    fn wait_for(&mut self, text: &str) -> &str {
        let start = Instant::now();
        while !self.shown.contains(text) {
            assert!(start.elapsed() < PATIENCE, "no `{text}` in {:?}", self.shown);
            if let Ok(piece) = self.pieces.recv_timeout(Duration::from_millis(100)) {
                self.shown.push_str(&String::from_utf8_lossy(&piece));
            }
        }
        &self.shown
    }

    fn press(&mut self, keys: &str) {
        let input = self.script.stdin.as_mut().expect("it is piped");
        input.write_all(keys.as_bytes()).and_then(|()| input.flush()).expect("script listens");
    }

    /// The number of the process.
    fn pid(&mut self) -> u32 {
        let shown = self.wait_for("PID=").to_owned();
        let digits = shown.split("PID=").nth(1).and_then(|rest| rest.split('.').next());
        digits.and_then(|digits| digits.parse().ok()).expect("a number")
    }

    /// The run has ended with this code, and the terminal is as it was.
    fn ended(&mut self, code: i32) {
        self.wait_for(&format!("CODE={code}."));
        let shown = self.wait_for(" iexten").to_owned();
        let (view, after) = shown.rsplit_once("\x1b[?1049l").expect("the first screen is back");
        assert!(view.contains("\x1b[?1049h"), "the view had a screen of its own");
        assert!(after.contains("end of") || after.contains("stopped"), "the summary follows");
        // A raw terminal has a minus before each of these.
        assert!(after.contains("isig icanon iexten echo "), "settings are lost: {after}");
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A test that failed is not to leave its run behind.
        let _ = self.script.kill();
        let _ = self.script.wait();
    }
}

const SLOW: &str = "run examples/edge.trama --pace 0.01";

#[test]
fn keys_change_pages_and_end_the_run() {
    let Some(mut screen) = Screen::start(SLOW) else { return };
    screen.wait_for("dropped by");
    screen.press("2");
    screen.wait_for("wires");
    screen.press("\t");
    screen.wait_for("refused");
    screen.press("p");
    screen.wait_for("paused");
    screen.press("q");
    screen.ended(0);
}

#[test]
fn the_end_of_the_input_is_shown_until_it_was_seen() {
    let Some(mut screen) = Screen::start("run examples/edge.trama") else { return };
    screen.wait_for("end of input");
    screen.press("\x03");
    screen.ended(0);
}

#[test]
fn a_signal_gives_the_terminal_back() {
    let Some(mut screen) = Screen::start(SLOW) else { return };
    let pid = screen.pid();
    screen.wait_for("dropped by");
    assert!(send(pid, Kind::Terminate), "it runs");
    screen.ended(0);
}
