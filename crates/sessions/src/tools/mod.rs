//! Tools that every plan may name: they read files and run programs, in one directory and nowhere else.
//!
//! A [`Workspace`] is that directory with the programs that are allowed in it; [`Workspace::tools`] gives the tools:
//!
//! | tool | does | capability |
//! |---|---|---|
//! | `read_file` | reads a text file, at most 1 MiB of it | `fs.read` |
//! | `list_directory` | lists a directory, at most 1,000 entries of it | `fs.list` |
//! | `run_command` | runs an allowed program, without a shell | `process.run` |
//!
//! Files are opened through a handle on the directory, component by component in the kernel where it can
//! (`openat2`) and in user space where it cannot, both by `cap-std`: an absolute path, a `..` and a symbolic link
//! that leads out are refused, and nothing that is renamed meanwhile changes that. Only regular files are read: a
//! device, a FIFO or a socket is refused, since reading it may wait for ever or do something. Nothing writes to a
//! file, and nothing fetches from a network.
//!
//! What this is not: a sandbox for programs. An allowed program runs with the rights of the host and may do whatever
//! they permit; allow what you would run there by hand. Hard links and mounts inside the directory are part of it.

pub(crate) mod arguments;

mod allowed;
mod confined;
mod list_directory;
mod output;
mod process;
mod read_file;
mod run_command;
mod workspace;

pub use allowed::CommandProblem;
pub use arguments::SchemaError;
pub use workspace::{WORKSPACE_TOOLS, Workspace, WorkspaceError};
