//! Commands about other places.

use clap::Args;
use flightrec_server::times::window_s;

/// `push`
#[derive(Debug, Args)]
#[command(
    after_help = "What is sealed is pushed; what came since is in the journal, and --seal seals it first. A push that was
interrupted goes on where it stopped, and nothing local is changed. Each machine has its own part of the prefix, named by
the id of its store, so that many machines push to one:

  PREFIX/events/node=ID/date=DAY/FIRST-LAST.parquet   for Spark, Trino, ClickHouse, DuckDB, Polars
  PREFIX/artifacts/node=ID/ab/abcd...                 contents by their hash
  PREFIX/manifests/node=ID/MANIFEST                   put last: what it names is there

Credentials and the like come from the environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN,
AWS_REGION; for other stores than Amazon's AWS_ENDPOINT_URL. Plain http is for this machine, or with AWS_ALLOW_HTTP=true.

Examples:
  $ flightrec push s3://bucket/flightrec
  $ flightrec push s3://bucket/flightrec --seal --verify
  $ flightrec push s3://bucket/flightrec --watch
  $ flightrec push file:///mnt/nfs/flightrec --dry-run --format json"
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own that is typed")]
pub(crate) struct PushArgs {
    /// Where to: s3://BUCKET/PREFIX or file:///DIRECTORY
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// Seal what was recorded so far first; no other process may be writing
    #[arg(long, conflicts_with_all = ["watch", "dry_run"])]
    pub(crate) seal: bool,
    /// Go on until stopped, and push whenever something was sealed or removed
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) watch: bool,
    /// How often --watch looks
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = window_s, requires = "watch")]
    pub(crate) every: u64,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Read everything back and compare it; what differs is put again
    #[arg(long)]
    pub(crate) verify: bool,
    /// Leave out the artifacts; those at the target stay as they are
    #[arg(long)]
    pub(crate) no_artifacts: bool,
    /// How long the target may be silent while a request is under way
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = window_s)]
    pub(crate) timeout: u64,
    /// How often a request is tried again, after growing waits
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(..=100))]
    pub(crate) retries: u16,
}
