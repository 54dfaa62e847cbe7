//! Commands about the store, the vocabulary and the program itself.

use clap::Args;
use clap_complete::Shell;

/// `verify`
#[derive(Debug, Args)]
#[command(after_help = "Nothing is changed. Exit code 4 says that something is damaged; each damaged place is listed.

Examples:
  $ flightrec verify
  $ flightrec verify --format json | jq '.damage[0]'
  $ flightrec verify -q || echo 'do not trust this store'
  $ flightrec verify --against checkpoints.txt")]
pub(crate) struct VerifyArgs {
    /// Check that the log is still the one that the checkpoints in this file were taken of; - is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) against: Option<std::path::PathBuf>,
}

/// `checkpoint`
#[derive(Debug, Args)]
#[command(
    after_help = "Keep the line where nobody who can write to the store's disk can write. `flightrec verify --against`
finds any change before it, and that the log was cut off or an older copy put in its place. What was recorded after the
newest checkpoint that you keep can be cut off unnoticed.

Examples:
  $ flightrec checkpoint
  $ flightrec checkpoint > /mnt/elsewhere/checkpoint.txt
  $ flightrec checkpoint --format json | jq -r .chain"
)]
pub(crate) struct CheckpointArgs {}

/// `schema`
#[derive(Debug, Args)]
#[command(
    after_help = "JSON is JSON Schema (2020-12). Families that the store was written with, or that --families declares,
are listed too.

Examples:
  $ flightrec schema
  $ flightrec schema FR-EVT-SESS-001
  $ flightrec schema session.created --format json
  $ flightrec schema --format markdown > events.md"
)]
pub(crate) struct SchemaArgs {
    /// One family, by its code or its type
    pub(crate) code: Option<String>,
}

/// `doctor`
#[derive(Debug, Args)]
#[command(
    after_help = "Exit code 1 says that something needs attention, 4 that the store is damaged. For a check of every
byte run `flightrec verify`.

Examples:
  $ flightrec doctor
  $ flightrec doctor --data /var/lib/flightrec
  $ flightrec doctor --format json | jq '.checks[] | select(.status != \"ok\")'"
)]
pub(crate) struct DoctorArgs {}

/// `completions`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  $ flightrec completions bash > ~/.local/share/bash-completion/completions/flightrec
  $ flightrec completions zsh > ~/.zfunc/_flightrec
  $ flightrec completions fish > ~/.config/fish/completions/flightrec.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: Shell,
}
