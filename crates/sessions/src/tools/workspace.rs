//! One directory in which sessions may read and run programs.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::allowed::{AllowedCommand, CommandProblem, search_path};
use super::confined::Confined;
use super::list_directory::{self, ListDirectory};
use super::read_file::{self, ReadFile};
use super::run_command::{self, RunCommand};
use crate::tool::Tool;

/// The tools that a [`Workspace`] can give, by name, each with the capability that it needs.
pub const WORKSPACE_TOOLS: [(&str, &str); 3] = [
    (read_file::NAME, read_file::CAPABILITY),
    (list_directory::NAME, list_directory::CAPABILITY),
    (run_command::NAME, run_command::CAPABILITY),
];

/// A directory, and the programs that may run in it.
///
/// ```
/// use flightrec_sessions::{Tool, Workspace};
/// let directory = tempfile::tempdir()?;
/// let workspace = Workspace::open(directory.path(), ["ls"])?;
/// let names: Vec<String> = workspace.tools().iter().map(|tool| tool.spec().name.to_string()).collect();
/// assert_eq!(names, ["read_file", "list_directory", "run_command"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Workspace {
    directory: Arc<Confined>,
    commands: Vec<AllowedCommand>,
    environment: Environment,
}

/// The variables that programs get.
#[derive(Clone)]
pub(super) struct Environment(pub(super) BTreeMap<OsString, OsString>);

impl fmt::Debug for Environment {
    /// The names alone: a value may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Why a workspace cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// There is no such directory, or it may not be read.
    #[error("the workspace `{}` cannot be opened: {source}", path.display())]
    Directory {
        /// Its path.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A command cannot be allowed.
    #[error("the command `{command}` cannot be allowed: {problem}")]
    Command {
        /// The entry.
        command: String,
        /// What is wrong with it.
        #[source]
        problem: CommandProblem,
    },
}

impl Workspace {
    /// Opens a directory. `commands` are the programs that `run_command` may run, each with the arguments that a call
    /// has to begin with, separated by spaces: `ls` allows every use of it, `git status` only that one. A program is
    /// an absolute path, or a name that is looked up in PATH once, here; one inside the directory has to be named by
    /// its path.
    ///
    /// # Errors
    /// [`WorkspaceError`], if the directory cannot be opened or a program is not found.
    pub fn open<C: AsRef<str>>(
        directory: impl AsRef<Path>,
        commands: impl IntoIterator<Item = C>,
    ) -> Result<Self, WorkspaceError> {
        let path = directory.as_ref();
        let directory =
            Confined::open(path).map_err(|source| WorkspaceError::Directory { path: path.to_owned(), source })?;
        let search = search_path(std::env::var_os("PATH").as_deref(), directory.path());
        let commands = commands
            .into_iter()
            .map(|entry| {
                let entry = entry.as_ref();
                AllowedCommand::find(entry, &search, directory.path())
                    .map_err(|problem| WorkspaceError::Command { command: entry.to_owned(), problem })
            })
            .collect::<Result<_, _>>()?;
        let path = std::env::join_paths(search).expect("the directories come out of such a list");
        let environment = Environment(BTreeMap::from([("PATH".into(), path)]));
        Ok(Self { directory: Arc::new(directory), commands, environment })
    }

    /// Adds a variable to the environment of programs, which else holds PATH alone: of that, the directories that
    /// are absolute and outside of the workspace. Whatever a variable holds, programs can write into their output.
    #[must_use]
    pub fn with_variable(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.0.insert(name.into(), value.into());
        self
    }

    /// The directory, without symbolic links.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The tools; `run_command` only if a program is allowed.
    pub fn tools(&self) -> Vec<Arc<dyn Tool>> {
        let mut tools: Vec<Arc<dyn Tool>> = vec![
            Arc::new(ReadFile::new(Arc::clone(&self.directory))),
            Arc::new(ListDirectory::new(Arc::clone(&self.directory))),
        ];
        if !self.commands.is_empty() {
            let directory = Arc::clone(&self.directory);
            tools.push(Arc::new(RunCommand::new(directory, self.commands.clone(), self.environment.clone())));
        }
        tools
    }
}
