//! Standard output and standard error, also when nobody reads them any more.
//!
//! The macros here take the place of those of the standard library, which panic when a pipe was
//! closed (`trama check FILE | head -1`) or a disk is full. A closed pipe is no mistake: what is
//! printed from then on is lost, and the command ends as it would have. Any other failure of
//! standard output makes the command fail at its end.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write};
use std::sync::Mutex;

/// The first failure of standard output that its reader did not cause.
static FAILURE: Mutex<Option<io::Error>> = Mutex::new(None);

/// Writes to standard output.
pub(crate) fn out(text: Arguments<'_>) {
    let Err(error) = io::stdout().lock().write_fmt(text) else { return };
    if error.kind() != ErrorKind::BrokenPipe
        && let Ok(mut failure) = FAILURE.lock()
    {
        failure.get_or_insert(error);
    }
}

/// Writes to standard error. There is nowhere to tell of a failure.
pub(crate) fn err(text: Arguments<'_>) {
    let _ = io::stderr().lock().write_fmt(text);
}

/// Writes out what is left, and says why not everything could be.
pub(crate) fn finish() -> Result<(), io::Error> {
    match io::stdout().flush() {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => return Err(error),
        _ => {}
    }
    match FAILURE.lock().ok().and_then(|mut failure| failure.take()) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

macro_rules! print {
    ($($text:tt)*) => { $crate::terminal::out(format_args!($($text)*)) };
}

macro_rules! println {
    () => { $crate::terminal::out(format_args!("\n")) };
    ($($text:tt)*) => { $crate::terminal::out(format_args!("{}\n", format_args!($($text)*))) };
}

macro_rules! eprint {
    ($($text:tt)*) => { $crate::terminal::err(format_args!($($text)*)) };
}

macro_rules! eprintln {
    () => { $crate::terminal::err(format_args!("\n")) };
    ($($text:tt)*) => { $crate::terminal::err(format_args!("{}\n", format_args!($($text)*))) };
}
