//! The commands, and the options that all of them have.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::asking::{
    CostArgs, EventsArgs, ExportArgs, FindingsArgs, MessagesArgs, RateArgs, SessionsArgs, ShowArgs, SpansArgs, SqlArgs,
    TreeArgs,
};
use super::bringing::{ImportCommand, UpArgs};
use super::care::{CheckpointArgs, CompletionsArgs, DoctorArgs, SchemaArgs, VerifyArgs};
use super::giving::{ArtifactCommand, RecordArgs, ValidateArgs};
use super::keeping::{HoldArgs, RetainArgs, SealArgs};
use super::running::RunArgs;
use super::sending::PushArgs;
use super::watching::TopArgs;

/// A flight recorder for AI agent sessions: every event durable, every question answered from the record.
#[derive(Debug, Parser)]
#[command(name = "flightrec", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "Examples:
  $ flightrec up                          take OTLP from agents and show their sessions
  $ flightrec run plans/demo.toml         run many sessions at once, as a plan says
  $ flightrec record events.ndjson        append events, one JSON object a line
  $ flightrec sessions --state active     what is running now
  $ flightrec top                         the same, live
  $ flightrec show 0199a7b1               one session, by a unique beginning of its id
  $ flightrec cost --by wp --since 30d    what each work packet cost this month
  $ flightrec verify                      re-read everything and check it

Exit codes: 0 done, 1 failed, 2 bad usage, 3 rejected input, 4 store damaged.")]
pub(crate) struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub(crate) global: Global,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// The directory of the store [default: the platform's data directory]
    #[arg(long, global = true, value_name = "DIR", env = "FLIGHTREC_DATA", hide_env_values = true)]
    pub(crate) data: Option<PathBuf>,
    /// How to print: a table for people, the others for programs
    #[arg(long, global = true, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
    /// A JSON Schema file that declares more event families; may be repeated
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) families: Vec<PathBuf>,
    /// When to use colours; NO_COLOR is respected
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_default_value = true)]
    pub(crate) color: ColorWhen,
    /// No notes, no summaries and no progress on standard error
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
}

/// The shape of what is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns
    #[default]
    Table,
    /// One JSON array, or one object
    Json,
    /// One JSON object a line
    Ndjson,
    /// A header and comma-separated values
    Csv,
    /// The reference page of `schema`
    #[value(hide = true)]
    Markdown,
    /// Spans for any OpenTelemetry backend, of `export`
    #[value(hide = true)]
    Otlp,
    /// The archive's columns, of `export`
    #[value(hide = true)]
    Parquet,
    /// A trace for the Perfetto UI, of `export`
    #[value(hide = true)]
    Perfetto,
    /// A page that needs nothing else, of `export`
    #[value(hide = true)]
    Html,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorWhen {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Take telemetry and show it: OTLP endpoints, API and page over the store
    Up(UpArgs),
    /// Run the sessions of a plan, every step of them on record
    Run(RunArgs),
    /// Append events from NDJSON, one JSON object a line
    Record(RecordArgs),
    /// Take in what others recorded
    #[command(subcommand)]
    Import(ImportCommand),
    /// Check events as `record` would, without recording anything
    Validate(ValidateArgs),
    /// List sessions
    #[command(visible_alias = "ls")]
    Sessions(SessionsArgs),
    /// Watch sessions live: who is at work, who waits and for what, what it costs
    Top(TopArgs),
    /// Show one session: facts, states, spans, tree, cost, findings
    Show(ShowArgs),
    /// List events in the order of the record, or follow it live
    Events(EventsArgs),
    /// List activity spans by start
    Spans(SpansArgs),
    /// List messages; their content is in artifacts
    Messages(MessagesArgs),
    /// Show who spawned whom, with own and inclusive cost
    Tree(TreeArgs),
    /// Sum up tokens and cost
    Cost(CostArgs),
    /// Show the rate of use over a sliding window
    Rate(RateArgs),
    /// List what is wrong or incomplete in the record
    Findings(FindingsArgs),
    /// Ask in SQL
    Sql(SqlArgs),
    /// Give content to the store, or take it out
    #[command(subcommand)]
    Artifact(ArtifactCommand),
    /// Write events out, so that they can be kept or recorded elsewhere
    Export(ExportArgs),
    /// Move what was recorded so far into the Parquet archive
    Seal(SealArgs),
    /// Forget old sessions by policy; the record tells of it
    Retain(RetainArgs),
    /// Copy the archive and the artifacts to an object store, for engines that read many machines at once
    Push(PushArgs),
    /// Keep sessions whatever a retention policy says, or release them
    Hold(HoldArgs),
    /// Re-read everything: checksums, chain, order, artifacts, roll-ups
    Verify(VerifyArgs),
    /// Print a line that proves later what the log held; keep it elsewhere
    Checkpoint(CheckpointArgs),
    /// Show the event families: as a table, JSON Schema, or Markdown
    Schema(SchemaArgs),
    /// Check the environment and the health of the store
    Doctor(DoctorArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    /// The words of a line as a shell would split them: quotes group, a pipe or redirection ends the command.
    fn words(line: &str) -> Vec<String> {
        let mut words = vec![String::new()];
        let mut quote = None;
        for c in line.chars() {
            let last = words.last_mut().expect("it begins with one word");
            match (c, quote) {
                ('\'' | '"', None) => quote = Some(c),
                (c, Some(open)) if c == open => quote = None,
                (' ', None) => words.push(String::new()),
                (c, _) => last.push(c),
            }
        }
        words.retain(|word| !word.is_empty());
        let end = words.iter().position(|word| ["|", "||", ">"].contains(&word.as_str())).unwrap_or(words.len());
        words.truncate(end);
        words
    }

    fn check(command: &clap::Command, examples: &mut usize) {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        for example in help.lines().filter_map(|line| line.trim().strip_prefix("$ ")) {
            let parts = example.split(" | ").filter(|part| part.starts_with("flightrec "));
            for part in parts {
                let part = part.split("   ").next().unwrap_or(part);
                if let Err(error) = Cli::try_parse_from(words(part)) {
                    panic!("{part}: {error}");
                }
                *examples += 1;
            }
        }
        for inner in command.get_subcommands() {
            check(inner, examples);
        }
    }

    #[test]
    fn every_example_can_be_typed() {
        let mut command = Cli::command();
        command.build();
        let mut examples = 0;
        check(&command, &mut examples);
        assert!(examples > 40, "{examples}");
    }

    #[test]
    fn options_may_stand_on_either_side() {
        let cli = Cli::try_parse_from(["flightrec", "--format", "json", "--data", "x", "sessions"]).unwrap();
        assert_eq!((cli.global.format, cli.global.data), (Some(Format::Json), Some("x".into())));
        let cli = Cli::try_parse_from(["flightrec", "sessions", "--format", "json", "--data", "x"]).unwrap();
        assert_eq!((cli.global.format, cli.global.data), (Some(Format::Json), Some("x".into())));
    }
}
