//! Commands that give something to the store: events and content.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use flightrec_events::{ArtifactId, Sha256Hex};

/// How rules that depend on the session's life are applied.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Strictness {
    /// Reject what breaks the life of a session, such as events after its end (the default)
    #[arg(long, overrides_with = "lenient")]
    strict: bool,
    /// Record it all the same and raise a finding: for telemetry that comes late and out of order
    #[arg(long, overrides_with = "strict")]
    lenient: bool,
}

impl Strictness {
    /// The mode of the recording.
    pub(crate) const fn mode(self) -> flightrec_recorder::Mode {
        if self.lenient { flightrec_recorder::Mode::Lenient } else { flightrec_recorder::Mode::Strict }
    }
}

/// `record`
#[derive(Debug, Args)]
#[command(after_help = "An event is reported as accepted only once it is durable. Recording the same input again adds
nothing: events that the store holds already are duplicates. Rejected lines are reported, the
others are recorded, and the exit code is 3.

Examples:
  $ flightrec record events.ndjson
  $ my-agent --emit-events | flightrec record
  $ flightrec record --lenient --format ndjson telemetry.ndjson > verdicts.ndjson
  $ flightrec record --families terminal.json events.ndjson")]
pub(crate) struct RecordArgs {
    /// The file to read; `-` is standard input
    #[arg(value_name = "FILE", default_value = "-", hide_default_value = true)]
    pub(crate) file: PathBuf,
    /// How strictly.
    #[command(flatten)]
    pub(crate) strictness: Strictness,
}

/// `validate`
#[derive(Debug, Args)]
#[command(
    after_help = "The verdicts are those of `record` into an empty store. Ids are remembered to find duplicates, which
takes about 40 bytes of memory an event.

Examples:
  $ flightrec validate events.ndjson
  $ my-agent --emit-events | flightrec validate -
  $ flightrec validate --format ndjson events.ndjson | grep rejected"
)]
pub(crate) struct ValidateArgs {
    /// The file to read; `-` is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// How strictly.
    #[command(flatten)]
    pub(crate) strictness: Strictness,
}

/// `artifact`
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  $ flightrec artifact put prompt.txt
  $ echo 'some content' | flightrec artifact put --format json
  $ flightrec artifact get sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
pub(crate) enum ArtifactCommand {
    /// Give content to the store: redacted, then hashed; the answer names the id to put into events
    #[command(after_help = "Examples:
  $ flightrec artifact put prompt.txt
  $ git diff | flightrec artifact put -
  $ flightrec artifact put notes.md --format json | jq -r .artifact_id")]
    Put(ArtifactPutArgs),
    /// Take content out of the store, verified against its id
    #[command(after_help = "Examples:
  $ flightrec artifact get sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
  $ flightrec artifact get 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --output prompt.txt")]
    Get(ArtifactGetArgs),
}

/// `artifact put`
#[derive(Debug, Args)]
pub(crate) struct ArtifactPutArgs {
    /// The file to read; `-` is standard input
    #[arg(value_name = "FILE", default_value = "-", hide_default_value = true)]
    pub(crate) file: PathBuf,
}

/// `artifact get`
#[derive(Debug, Args)]
pub(crate) struct ArtifactGetArgs {
    /// The artifact's id: 64 hex digits, with or without `sha256:`
    #[arg(value_name = "ID", value_parser = artifact)]
    pub(crate) id: Sha256Hex,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

fn artifact(text: &str) -> Result<Sha256Hex, String> {
    let id = if text.starts_with("sha256:") { text.to_owned() } else { format!("sha256:{text}") };
    ArtifactId::parse_text(&id.to_ascii_lowercase())
        .map(|id| id.sha256())
        .map_err(|_| "not the id of an artifact; expected sha256: and 64 hex digits".to_owned())
}
