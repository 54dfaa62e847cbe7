//! Options of the command that watches a store live.

use std::time::Duration;

use clap::{Args, ValueEnum};
use flightrec_server::times::age_us;

use super::filters::{SessionFilters, TimeRange};

/// `top`
#[derive(Debug, Args)]
#[command(
    after_help = "It reads the store beside whoever writes it: a server, a run, a recording. Live sessions come first, each with
what it does or what it waits for. `?` shows the keys, `q` ends. Where no terminal is, `--once` prints a frame.

Examples:
  $ flightrec top
  $ flightrec top --live --sort cost
  $ flightrec top --role coder --since 2h --every 500ms
  $ flightrec top --once --flat"
)]
pub(crate) struct TopArgs {
    /// How often to look for what is new, such as 500ms or 2s
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = every)]
    pub(crate) every: Duration,
    /// Print one frame as text, and end
    #[arg(long)]
    pub(crate) once: bool,
    /// A flat list, not children below their parents
    #[arg(long)]
    pub(crate) flat: bool,
    /// Leave out sessions that have ended
    #[arg(long)]
    pub(crate) live: bool,
    /// The order
    #[arg(long, value_name = "ORDER", default_value = "state")]
    pub(crate) sort: TopSort,
    /// Which.
    #[command(flatten)]
    pub(crate) filters: SessionFilters,
    /// When: sessions that were alive in that time.
    #[command(flatten)]
    pub(crate) time: TimeRange,
}

/// What the rows are sorted by: a column of the table each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TopSort {
    /// At work, waiting, paused, new, ended; the latest first
    State,
    /// By id
    Session,
    /// By role
    Role,
    /// By model
    Model,
    /// By work packet
    Wp,
    /// Longest first
    Age,
    /// Most tokens first
    Tokens,
    /// Largest own cost first
    Cost,
    /// Largest cost with descendants first
    Inclusive,
    /// Longest at what it does, or waiting for it, first
    Doing,
}

impl TopSort {
    /// All of them, in the order of the columns.
    pub(crate) const ALL: [Self; 10] = [
        Self::State,
        Self::Session,
        Self::Role,
        Self::Model,
        Self::Wp,
        Self::Age,
        Self::Tokens,
        Self::Cost,
        Self::Inclusive,
        Self::Doing,
    ];
}

/// The shortest time between two looks: a store is read in less.
const SHORTEST_MS: u64 = 100;

fn every(text: &str) -> Result<Duration, String> {
    let us = age_us(text).ok().filter(|us| (SHORTEST_MS * 1_000..=86_400_000_000).contains(us));
    us.map(Duration::from_micros).ok_or_else(|| "expected a duration of 100ms to 24h, such as 500ms or 2s".to_owned())
}
