//! Commands about the store, the vocabulary and the program itself.

use clap::Args;
use clap_complete::Shell;

/// `verify`
#[derive(Debug, Args)]
#[command(after_help = "Nothing is changed. Exit code 4 says that something is damaged; each damaged place is listed.

Examples:
  $ flightrec verify
  $ flightrec verify --format json | jq '.damage[0]'
  $ flightrec verify -q || echo 'do not trust this store'")]
pub(crate) struct VerifyArgs {}

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
