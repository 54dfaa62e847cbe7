//! Exit codes, and the one line that says why a command did not do what it was asked.
// tidy: no-wildcard

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::escape::{escape, escape_lines};

/// How a command ended. The numbers are a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did what it was asked.
    Done,
    /// It could not.
    Failed,
    /// It was called in a way that makes no sense.
    Usage,
    /// Some of the input was refused; the rest was taken.
    Rejected,
    /// The store is damaged.
    Damaged,
}

impl Exit {
    const fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Rejected => 3,
            Exit::Damaged => 4,
        }
    }
}

/// Why a command stopped.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Whoever read the output has gone, as `head` does. Nobody is left to be told.
    OutputClosed,
    /// Something to tell the user.
    Told {
        /// The exit code.
        exit: Exit,
        /// One line: what happened, and what to do.
        message: String,
    },
    /// Something to tell the user in lines of their own, such as the errors in a file.
    Listed {
        /// The exit code.
        exit: Exit,
        /// Lines: where, what happened, and what to do.
        lines: String,
    },
    /// What the parser of arguments has to say, help and version included.
    Arguments(clap::Error),
}

impl Failure {
    /// The command could not be carried out.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Failure::Told { exit: Exit::Failed, message: message.into() }
    }

    /// The command makes no sense as it was given.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Failure::Told { exit: Exit::Usage, message: message.into() }
    }

    /// A file that the user named cannot be used.
    pub(crate) fn file(doing: &str, path: &std::path::Path, source: &io::Error) -> Self {
        Failure::failed(format!("cannot {doing} {}: {source}", path.display()))
    }
}

/// Errors of standard output. Those of other files are made with [`Failure::file`].
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Failure::OutputClosed
        } else {
            Failure::failed(format!("cannot write the output: {error}"))
        }
    }
}

/// What every command answers with.
pub(crate) type Outcome = Result<Exit, Failure>;

/// An error with its causes, in one line, without repeating what the error says already.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let part = error.to_string();
        if !text.contains(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        cause = error.source();
    }
    text
}

/// Writes one line to standard error. If nobody reads that either, there is nobody to tell.
pub(crate) fn tell(message: &str) {
    let mut line = String::with_capacity(message.len() + 12);
    line.push_str("flightrec: ");
    line.push_str(&escape(message));
    line.push('\n');
    let _nobody_listens = io::stderr().write_all(line.as_bytes()).is_ok();
}

/// Tells the user how it ended, and answers with the exit code.
pub(crate) fn end(outcome: Outcome) -> ExitCode {
    let exit = match outcome {
        Ok(exit) => exit,
        Err(Failure::OutputClosed) => Exit::Done,
        Err(Failure::Told { exit, message }) => {
            tell(&message);
            exit
        }
        Err(Failure::Listed { exit, lines }) => {
            let text = escape_lines(&lines);
            let _nobody_listens = writeln!(io::stderr(), "{}", text.trim_end()).is_ok();
            exit
        }
        Err(Failure::Arguments(error)) => {
            // Help that nobody reads is no failure.
            let _nobody_listens = error.print().is_ok();
            if error.use_stderr() { Exit::Usage } else { Exit::Done }
        }
    };
    ExitCode::from(exit.code())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_names_each_cause_once() {
        #[derive(Debug)]
        struct Outer(io::Error);
        impl std::fmt::Display for Outer {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("cannot open x")
            }
        }
        impl Error for Outer {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                Some(&self.0)
            }
        }
        assert_eq!(chain(&Outer(io::Error::other("disk on fire"))), "cannot open x: disk on fire");
        assert_eq!(chain(&Outer(io::Error::other("cannot open x"))), "cannot open x");
    }

    #[test]
    fn a_closed_output_is_no_failure() {
        assert!(matches!(Failure::from(io::Error::from(io::ErrorKind::BrokenPipe)), Failure::OutputClosed));
        assert!(matches!(
            Failure::from(io::Error::from(io::ErrorKind::StorageFull)),
            Failure::Told { exit: Exit::Failed, .. }
        ));
    }
}
