//! What a plan needs of the machine and does not find there.

use std::fmt;
use std::io;
use std::path::PathBuf;

use flightrec_events::Id;

#[cfg(feature = "providers")]
use crate::providers::ProviderError;
use crate::tools::WorkspaceError;

/// One thing that is missing.
#[derive(Debug, thiserror::Error)]
pub enum LaunchProblem {
    /// A key is not in the environment.
    #[error(
        "provider `{provider}` takes its key from the environment variable {variable}, which is not set: export it first"
    )]
    NoKey {
        /// The provider.
        provider: Id,
        /// The variable.
        variable: String,
    },
    /// The client of a provider cannot be made.
    #[cfg(feature = "providers")]
    #[error("provider `{provider}`: {source}")]
    Provider {
        /// The provider.
        provider: Id,
        /// Why.
        source: ProviderError,
    },
    /// The program was built without the clients of providers.
    #[cfg(not(feature = "providers"))]
    #[error(
        "provider `{provider}` is of the kind `{kind}`, and this program was built without the feature `providers`, which has it: build it with that, or use `scripted`"
    )]
    NotBuiltIn {
        /// The provider.
        provider: Id,
        /// What it speaks.
        kind: &'static str,
    },
    /// The workspace cannot be used.
    #[error("{0}; see [workspace] in the plan")]
    Workspace(#[from] WorkspaceError),
    /// A prompt cannot be read.
    #[error("session `{session}`: cannot read its prompt_file {}: {source}", path.display())]
    PromptFile {
        /// The session.
        session: Id,
        /// Its line in the plan.
        line: usize,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A prompt is none.
    #[error("session `{session}`: its prompt_file {} {problem}", path.display())]
    Prompt {
        /// The session.
        session: Id,
        /// Its line in the plan.
        line: usize,
        /// The file.
        path: PathBuf,
        /// What is wrong with its content, and what to do.
        problem: &'static str,
    },
}

impl LaunchProblem {
    /// The line of the plan that it is about, from 1, where it is about one.
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::PromptFile { line, .. } | Self::Prompt { line, .. } => Some(*line),
            Self::NoKey { .. } | Self::Workspace(_) => None,
            #[cfg(feature = "providers")]
            Self::Provider { .. } => None,
            #[cfg(not(feature = "providers"))]
            Self::NotBuiltIn { .. } => None,
        }
    }
}

/// Everything that is missing, at least one thing.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.in_file("plan"))]
pub struct LaunchErrors(pub Vec<LaunchProblem>);

impl LaunchErrors {
    /// The problems as text, a line each, with the name of the plan's file before each.
    pub fn in_file<'a>(&'a self, file: &'a str) -> impl fmt::Display + 'a {
        InFile { problems: &self.0, file }
    }
}

struct InFile<'a> {
    problems: &'a [LaunchProblem],
    file: &'a str,
}

impl fmt::Display for InFile<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.problems.iter().enumerate() {
            if at > 0 {
                writeln!(f)?;
            }
            match problem.line() {
                Some(line) => write!(f, "{}:{line}: {problem}", self.file)?,
                None => write!(f, "{}: {problem}", self.file)?,
            }
        }
        Ok(())
    }
}
