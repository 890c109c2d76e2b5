//! Exit codes, and the failures that end a command.

use std::process::ExitCode;

/// How a command ended. The codes are part of the interface; docs/book/src/exit-codes.md lists
/// them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Ok = 0,
    /// A test failed, a file is not formatted, or a claim was not met.
    NotMet = 1,
    /// The command line makes no sense, or names a file that cannot be read.
    Usage = 2,
    /// The program was rejected by the checker.
    Rejected = 3,
    /// This machine lacks something: a privilege, a device, a kernel feature, space on a disk.
    Environment = 4,
    /// A bug in Trama.
    Internal = 70,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// What ended a command early.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// A mistake on the command line.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, message: message.into(), hint: None }
    }

    /// Something that this machine lacks.
    pub(crate) fn environment(message: impl Into<String>) -> Self {
        Self { exit: Exit::Environment, message: message.into(), hint: None }
    }

    /// A bug.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Internal,
            message: message.into(),
            hint: Some("this is a bug in Trama; please report it with the program".into()),
        }
    }

    /// The program was rejected; its messages have been printed.
    pub(crate) fn rejected(count: usize) -> Self {
        let errors = if count == 1 { "1 error".into() } else { format!("{count} errors") };
        Self {
            exit: Exit::Rejected,
            message: format!("the program was not run: {errors}"),
            hint: None,
        }
    }

    /// The program cannot run in the way that was asked for; why has been printed.
    pub(crate) fn unfit(message: impl Into<String>) -> Self {
        Self { exit: Exit::Rejected, message: message.into(), hint: None }
    }

    /// Adds what to do.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Prints it to standard error.
    pub(crate) fn report(self) -> Exit {
        eprintln!("error: {}", self.message);
        if let Some(hint) = self.hint {
            eprintln!("  help: {hint}");
        }
        self.exit
    }
}

/// What a command returns.
pub(crate) type Outcome = Result<Exit, Failure>;
