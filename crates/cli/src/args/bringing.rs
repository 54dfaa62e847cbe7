//! Commands that bring in what others record.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::keeping::ServedPolicyArgs;

/// `import`
#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    /// Take in saved OTLP requests: spans and log records of agents in any language
    Otlp(ImportOtlpArgs),
    /// Take in the sessions that Claude Code keeps as transcripts
    ClaudeCode(ImportClaudeCodeArgs),
    /// Take in the sessions that Codex keeps as transcripts
    Codex(ImportCodexArgs),
}

/// What kind of telemetry a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SignalWord {
    /// Spans
    Traces,
    /// Log records
    Logs,
    /// Data points: counted, not recorded
    Metrics,
}

/// `import otlp`
#[derive(Debug, Args)]
#[command(
    after_help = "Each file holds one request as it was sent over OTLP: protobuf or JSON, plain, gzip or zstd, told from its
content. JSON files may hold several requests one after the other, as the Collector's file exporter
writes them. Files may come in any order and again: what is in the record already is not taken twice.

Examples:
  $ flightrec import otlp 0001-traces.bin 0002-logs.bin
  $ flightrec import otlp --signal traces spans.json
  $ flightrec import otlp --prices our-prices.json spans.json.gz"
)]
pub(crate) struct ImportOtlpArgs {
    /// The kind of telemetry, for files whose names and contents do not tell
    #[arg(long, value_name = "SIGNAL")]
    pub(crate) signal: Option<SignalWord>,
    /// Prices of your own; they win over the bundled list prices
    #[command(flatten)]
    pub(crate) prices: PriceArgs,
    /// The files to read
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
}

/// `import claude-code`
#[derive(Debug, Args)]
#[command(
    after_help = "Every transcript below the directory is read, sub-agents' too: ~/.claude, its projects, one project, or one
file. Symbolic links are not followed. Sessions keep their ids; sub-agents become sessions below theirs.
What is in the record already is not taken twice: import again whenever there is more, also beside the
telemetry of the same sessions. Lines that cannot be understood are named, and make the exit code 3.

Examples:
  $ flightrec import claude-code ~/.claude
  $ flightrec import claude-code --prices our-prices.json ~/.claude/projects/-home-me-code
  $ flightrec --format json import claude-code ~/.claude"
)]
pub(crate) struct ImportClaudeCodeArgs {
    #[command(flatten)]
    pub(crate) from: TranscriptArgs,
}

/// `import codex`
#[derive(Debug, Args)]
#[command(
    after_help = "Every rollout-*.jsonl below the directory is read, compressed ones too: ~/.codex, its sessions, one day, or
one file. Symbolic links are not followed. Sessions keep their ids; what a forked session repeats counts once.
What is in the record already is not taken twice: import again whenever there is more, also beside the
telemetry of the same sessions. Lines that cannot be understood are named, and make the exit code 3.

Examples:
  $ flightrec import codex ~/.codex
  $ flightrec import codex --prices our-prices.json ~/.codex/sessions/2026/11
  $ flightrec --format json import codex ~/.codex"
)]
pub(crate) struct ImportCodexArgs {
    #[command(flatten)]
    pub(crate) from: TranscriptArgs,
}

/// Where transcripts are, and what their calls cost.
#[derive(Debug, Args)]
pub(crate) struct TranscriptArgs {
    /// Prices of your own; they win over the bundled list prices
    #[command(flatten)]
    pub(crate) prices: PriceArgs,
    /// The directory to look through
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
}

/// Where prices come from.
#[derive(Debug, Clone, Args)]
pub(crate) struct PriceArgs {
    /// A file of prices in the shape of the bundled one; its entries win
    #[arg(long, value_name = "FILE", env = "FLIGHTREC_PRICES", hide_env_values = true)]
    pub(crate) prices: Option<PathBuf>,
}

/// `up`
#[derive(Debug, Args)]
#[command(after_help = "Point any program with an OpenTelemetry exporter at it, in whatever language:
  OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318  OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf
  OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317  OTEL_EXPORTER_OTLP_PROTOCOL=grpc
Telemetry is answered once it is durable. The page is at http://127.0.0.1:4318/; other commands read the
same store meanwhile. Ctrl-C stops it; nothing that was answered is lost.

What a crash of `run`, or of another program with sessions of its own, left at work in the store is PAUSED first:
`flightrec run PLAN --resume` goes on with it. With --demo the plan plans/demo.toml is run meanwhile, with scripted
models: its sessions look at the directory that this is started in, and change nothing.

Examples:
  $ flightrec up
  $ flightrec up --demo
  $ flightrec --data ./record up --listen 127.0.0.1:8080 --grpc-listen 127.0.0.1:0
  $ flightrec up --listen 0.0.0.0:4318 --token s3cret-enough --allow-host recorder.example")]
pub(crate) struct UpArgs {
    /// Where OTLP/HTTP, the API and the page are; port 0 takes any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4318")]
    pub(crate) listen: SocketAddr,
    /// Where OTLP over gRPC is; port 0 takes any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4317")]
    pub(crate) grpc_listen: SocketAddr,
    /// What requests must show as a bearer token; needed for addresses that others can reach
    #[arg(long, value_name = "TOKEN", env = "FLIGHTREC_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// A name that the server answers to, beside localhost and its own addresses; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) allow_host: Vec<String>,
    /// The most bytes of one request, as sent and as decoded
    #[arg(long, value_name = "BYTES", default_value_t = flightrec_server::DEFAULT_MAX_BODY_BYTES)]
    pub(crate) max_body_bytes: usize,
    /// Also run the bundled plan: sessions to look at, without any model
    #[arg(long)]
    pub(crate) demo: bool,
    /// What is forgotten while it runs
    #[command(flatten)]
    pub(crate) retention: ServedPolicyArgs,
    /// Prices of your own; they win over the bundled list prices
    #[command(flatten)]
    pub(crate) prices: PriceArgs,
}
