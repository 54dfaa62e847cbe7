//! Commands about what stays and what goes.

use clap::Args;

/// `hold`
#[derive(Debug, Args)]
#[command(
    after_help = "A held session, and the whole spawn tree it stands in, is forgotten by no policy. Without a session
all holds are listed. Placing a hold works while another process writes to the store.

Examples:
  $ flightrec hold 0199a7b1 --reason 'incident 42'
  $ flightrec hold
  $ flightrec hold 0199a7b1 --release"
)]
pub(crate) struct HoldArgs {
    /// The sessions, each by a unique beginning of its id
    #[arg(value_name = "SESSION")]
    pub(crate) sessions: Vec<String>,
    /// Why they are held
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true, conflicts_with = "release")]
    pub(crate) reason: String,
    /// Release the holds instead
    #[arg(long, requires = "sessions")]
    pub(crate) release: bool,
}

/// `seal`
#[derive(Debug, Args)]
#[command(
    after_help = "A store seals by itself once there is enough for a segment; this does it at once, for all that was
recorded so far. The archive is plain Parquet in `archive/events`, which other engines read as it lies.

Examples:
  $ flightrec seal
  $ flightrec seal --format json | jq .archive_bytes"
)]
pub(crate) struct SealArgs {}
