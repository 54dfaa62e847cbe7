//! What can go wrong in a chore, said so that the reader knows what to do next.

use std::io;
use std::path::PathBuf;

/// Why a chore ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The command line makes no sense.
    #[error("{0}")]
    Usage(String),
    /// A program could not be started at all.
    #[error("cannot start `{command}`; is it installed and on the PATH?")]
    Start {
        /// The command line as a person would type it.
        command: String,
        /// What the system said.
        source: io::Error,
    },
    /// A program ran and reported failure.
    #[error("`{command}` failed ({status})")]
    Child {
        /// The command line as a person would type it.
        command: String,
        /// Exit status in words.
        status: String,
    },
    /// A file or directory could not be used.
    #[error("cannot {action} {}", path.display())]
    File {
        /// A verb: read, write, create.
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A check found something; its findings were already printed.
    #[error("{0}")]
    Check(String),
    /// A step of `cargo xtask test` failed.
    #[error("step `{step}` failed after {seconds:.1} s\n  run it alone: {alone}")]
    Step {
        /// The step's name.
        step: &'static str,
        /// How long it ran.
        seconds: f64,
        /// The one command that repeats it.
        alone: String,
        /// What the step said.
        source: Box<Error>,
    },
}

impl Error {
    /// The status to leave with: 2 for bad usage, 1 for all else.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Start { .. } | Self::Child { .. } | Self::File { .. } | Self::Check(_) | Self::Step { .. } => 1,
        }
    }
}
