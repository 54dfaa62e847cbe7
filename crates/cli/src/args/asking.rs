//! Commands that ask the record.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::filters::{SessionFilters, SortBy, TimeRange};
use flightrec_server::times::{TimeSpan, When, window_s};

/// What sessions are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GroupBy {
    /// Work packet
    Wp,
    /// Role
    Role,
    /// Model
    Model,
}

/// What a roll-up of cost is by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CostBy {
    /// Session
    Session,
    /// Work packet
    Wp,
    /// Role of the session
    Role,
    /// Model that answered
    Model,
    /// Provider of the model
    Provider,
}

/// `sessions`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  $ flightrec sessions --state active,blocked
  $ flightrec sessions --wp WP-017 --sort cost --limit 10
  $ flightrec sessions --group-by role --since 2h
  $ flightrec sessions --format csv > sessions.csv")]
pub(crate) struct SessionsArgs {
    /// Which.
    #[command(flatten)]
    pub(crate) filters: SessionFilters,
    /// When: sessions that were alive in that time.
    #[command(flatten)]
    pub(crate) time: TimeRange,
    /// The order
    #[arg(long, value_name = "ORDER", default_value = "created")]
    pub(crate) sort: SortBy,
    /// At most so many sessions; all without it
    #[arg(long, value_name = "COUNT")]
    pub(crate) limit: Option<usize>,
    /// Groups with subtotals; in formats for programs the order alone
    #[arg(long, value_name = "KEY")]
    pub(crate) group_by: Option<GroupBy>,
}

/// `show`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  $ flightrec show 0199a7b1
  $ flightrec show 0199a7b1 --format json
  $ flightrec show 0199a7b1 --format json | jq '.spans[] | select(.status == \"error\")'")]
pub(crate) struct ShowArgs {
    /// The session's id, or a unique beginning of it
    pub(crate) session: String,
}

/// `events`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  $ flightrec events --session 0199a7b1
  $ flightrec events --follow --kind session.state_change
  $ flightrec events --kind 'session_scheduler.*' --since 15m
  $ flightrec events --from-seq 120000 --limit 50 --format ndjson")]
pub(crate) struct EventsArgs {
    /// Of this session, named by its id or a unique beginning of it
    #[arg(long)]
    pub(crate) session: Option<String>,
    /// With this code or type; `*` at the end takes all that begin so; may be repeated
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    pub(crate) kind: Vec<String>,
    /// From this position of the record on
    #[arg(long, value_name = "SEQ")]
    pub(crate) from_seq: Option<u64>,
    /// At most so many events; all without it
    #[arg(long, value_name = "COUNT")]
    pub(crate) limit: Option<usize>,
    /// Go on with new events as they are recorded, until interrupted
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// When: the events' own time.
    #[command(flatten)]
    pub(crate) time: TimeRange,
    /// Of which sessions.
    #[command(flatten)]
    pub(crate) filters: SessionFilters,
}

/// `spans`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  $ flightrec spans --session 0199a7b1
  $ flightrec spans --overlaps 2026-03-01T12:00:00Z..2026-03-01T12:05:00Z
  $ flightrec spans --role coder --overlaps 15m..now --format json")]
pub(crate) struct SpansArgs {
    /// Of this session, named by its id or a unique beginning of it
    #[arg(long)]
    pub(crate) session: Option<String>,
    /// That were under way at some time in this range; either end may be left out
    #[arg(long, value_name = "FROM..TO", value_parser = TimeSpan::parse)]
    pub(crate) overlaps: Option<TimeSpan>,
    /// At most so many spans; all without it
    #[arg(long, value_name = "COUNT")]
    pub(crate) limit: Option<usize>,
    /// When: spans that began in that time.
    #[command(flatten)]
    pub(crate) time: TimeRange,
    /// Of which sessions.
    #[command(flatten)]
    pub(crate) filters: SessionFilters,
}

/// `messages`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  $ flightrec messages --session 0199a7b1
  $ flightrec messages --role coder --since 1h
  $ flightrec messages --session 0199a7b1 --format ndjson | jq -r .artifact_id")]
pub(crate) struct MessagesArgs {
    /// Of this session, named by its id or a unique beginning of it
    #[arg(long)]
    pub(crate) session: Option<String>,
    /// At most so many messages; all without it
    #[arg(long, value_name = "COUNT")]
    pub(crate) limit: Option<usize>,
    /// When they were said.
    #[command(flatten)]
    pub(crate) time: TimeRange,
    /// Of which sessions.
    #[command(flatten)]
    pub(crate) filters: SessionFilters,
}

/// `tree`
#[derive(Debug, Args)]
#[command(after_help = "Without SESSION it shows every tree in which some session passes the filters.

Examples:
  $ flightrec tree
  $ flightrec tree 0199a7b1
  $ flightrec tree --state active --sort cost --limit 5")]
pub(crate) struct TreeArgs {
    /// The root: its id, or a unique beginning of it
    #[arg(value_name = "SESSION")]
    root: Option<String>,
    /// The root, as the other commands name it
    #[arg(long, value_name = "SESSION", conflicts_with = "root")]
    session: Option<String>,
    /// Which.
    #[command(flatten)]
    pub(crate) filters: SessionFilters,
    /// When: sessions that were alive in that time.
    #[command(flatten)]
    pub(crate) time: TimeRange,
    /// The order of the roots
    #[arg(long, value_name = "ORDER", default_value = "created")]
    pub(crate) sort: SortBy,
    /// At most so many trees; all without it
    #[arg(long, value_name = "COUNT")]
    pub(crate) limit: Option<usize>,
}

impl TreeArgs {
    /// The root that was asked for, either way.
    pub(crate) fn root(&self) -> Option<&str> {
        self.root.as_deref().or(self.session.as_deref())
    }
}

/// `cost`
#[derive(Debug, Args)]
#[command(after_help = "Model runs without a price are counted apart and never as zero.

Examples:
  $ flightrec cost --by wp
  $ flightrec cost --by model --since 30d
  $ flightrec cost --by session --role coder --limit 10 --format csv")]
pub(crate) struct CostArgs {
    /// What to sum up by
    #[arg(long, value_name = "KEY", default_value = "session")]
    pub(crate) by: CostBy,
    /// Which.
    #[command(flatten)]
    pub(crate) filters: SessionFilters,
    /// When: sessions that were alive in that time.
    #[command(flatten)]
    pub(crate) time: TimeRange,
    /// At most so many rows, the largest; all without it
    #[arg(long, value_name = "COUNT")]
    pub(crate) limit: Option<usize>,
}

/// `rate`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  $ flightrec rate
  $ flightrec rate --window 5m
  $ flightrec rate --window 1h --at 2026-03-01T12:00:00Z --format json")]
pub(crate) struct RateArgs {
    /// The length of the window, up to 24h
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = window_s)]
    pub(crate) window: u64,
    /// Where the window ends
    #[arg(long, value_name = "TIME", default_value = "now", value_parser = When::parse)]
    pub(crate) at: When,
}

/// `findings`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  $ flightrec findings
  $ flightrec findings --session 0199a7b1
  $ flightrec findings --kind unpriced,missing_end --format json")]
pub(crate) struct FindingsArgs {
    /// Of this session, named by its id or a unique beginning of it
    #[arg(long)]
    pub(crate) session: Option<String>,
    /// Of this kind, such as orphan_parent; may be repeated
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = crate::commands::finding_kind)]
    pub(crate) kind: Vec<flightrec_recorder::view::FindingKind>,
    /// At most so many findings; all without it
    #[arg(long, value_name = "COUNT")]
    pub(crate) limit: Option<usize>,
}

/// `sql`
#[derive(Debug, Args)]
#[command(
    after_help = "Tables: events, sessions, spans, messages, tool_calls, inferences, costs. The record is only read:
SELECT, WITH, VALUES, EXPLAIN, DESCRIBE and SHOW. Money is whole nano-dollars, times are UTC. docs/sql.md lists the
columns, and says how other engines read the archive's files as they lie. With --lake every table has a column `node`;
credentials come from the environment, as for `flightrec push`.

Examples:
  $ flightrec sql 'SELECT role, sum(cost_nanos) / 1e9 AS usd FROM costs GROUP BY role ORDER BY usd DESC'
  $ flightrec sql \"SELECT tool_id, count(*) FROM tool_calls WHERE NOT ok GROUP BY tool_id\" --format csv
  $ flightrec sql 'DESCRIBE sessions'
  $ cat report.sql | flightrec sql - --format ndjson
  $ flightrec sql --lake s3://bucket/flightrec 'SELECT node, count(*) FROM sessions GROUP BY node'"
)]
pub(crate) struct SqlArgs {
    /// Ask what many nodes have pushed there instead of a store: `s3://BUCKET/PREFIX` or `file:///DIRECTORY`
    #[arg(long, value_name = "URL")]
    pub(crate) lake: Option<String>,
    /// The query; `-` reads it from standard input
    #[arg(value_name = "QUERY")]
    pub(crate) query: String,
    /// The most memory that the query may use, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 512)]
    pub(crate) memory_mib: u32,
}

/// `export`
#[derive(Debug, Args)]
#[command(
    after_help = "NDJSON is written without --format. With --replay the fields that a recorder assigns are left out, so
that `flightrec record` takes the lines into another store. With --format otlp sessions are written as
spans for any OpenTelemetry backend, one request a line; `flightrec import otlp` takes them back whole.
With --format parquet they are one file of the archive's columns, which most engines read (docs/sql.md).
With --format perfetto sessions are tracks of a trace for https://ui.perfetto.dev, which opens it without
sending it anywhere. With --format html one session is a page to send to somebody: one file, no script.

Examples:
  $ flightrec export > all.ndjson
  $ flightrec export --session 0199a7b1 --output session.ndjson
  $ flightrec export --replay | flightrec --data /tmp/copy record
  $ flightrec export --session 0199a7b1 --format otlp --output traces.json
  $ flightrec export --format parquet --since 7d --output week.parquet
  $ flightrec export --format perfetto --since 1h --output sessions.pftrace
  $ flightrec export --format html --session 0199a7b1 --tree --output report.html"
)]
pub(crate) struct ExportArgs {
    /// Of this session, named by its id or a unique beginning of it
    #[arg(long)]
    pub(crate) session: Option<String>,
    /// With this code or type; `*` at the end takes all that begin so; may be repeated
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    pub(crate) kind: Vec<String>,
    /// Leave out `seq`, `recorded_at` and absent fields, so that the lines can be recorded again
    #[arg(long, visible_alias = "events-only")]
    pub(crate) replay: bool,
    /// With the sessions that it spawned, and those that they did: of `--format perfetto` and `html`
    #[arg(long, requires = "session")]
    pub(crate) tree: bool,
    /// Write to this file instead of standard output
    #[arg(short, long, visible_alias = "out", value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// When: the events' own time.
    #[command(flatten)]
    pub(crate) time: TimeRange,
    /// Of which sessions.
    #[command(flatten)]
    pub(crate) filters: SessionFilters,
}
