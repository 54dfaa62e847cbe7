//! Filters that several commands share.

use clap::{Args, ValueEnum};
use flightrec_events::{Backend, State, Timestamp};
use flightrec_recorder::query::{SessionFilter, SessionOrder};

use crate::exit::Failure;
use flightrec_server::times::When;

/// Which sessions a command is about.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Session filters")]
pub(crate) struct SessionFilters {
    /// Only sessions in this state; repeat it, or separate states by commas
    #[arg(long, value_name = "STATE", value_delimiter = ',', value_parser = state)]
    pub(crate) state: Vec<State>,
    /// Only sessions with this role, such as coder
    #[arg(long)]
    pub(crate) role: Option<String>,
    /// Only sessions that talk to this model
    #[arg(long)]
    pub(crate) model: Option<String>,
    /// Only sessions of this work packet
    #[arg(long, value_name = "WORK_PACKET")]
    pub(crate) wp: Option<String>,
    /// Only sessions whose model runs there: local or cloud
    #[arg(long, value_parser = backend)]
    pub(crate) backend: Option<Backend>,
}

impl SessionFilters {
    /// Whether every session passes.
    pub(crate) fn is_open(&self) -> bool {
        self.state.is_empty()
            && self.role.is_none()
            && self.model.is_none()
            && self.wp.is_none()
            && self.backend.is_none()
    }

    /// The filter as the reader takes it.
    pub(crate) fn filter(&self) -> SessionFilter {
        SessionFilter {
            states: self.state.clone(),
            role: self.role.clone(),
            model: self.model.clone(),
            wp: self.wp.clone(),
            backend: self.backend,
            ..SessionFilter::default()
        }
    }
}

/// From when until when.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Time")]
pub(crate) struct TimeRange {
    /// At or after this time: RFC 3339, a date, or back from now such as 2h or 30d
    #[arg(long, value_name = "TIME", value_parser = When::parse)]
    pub(crate) since: Option<When>,
    /// Before this time, in the same forms
    #[arg(long, value_name = "TIME", value_parser = When::parse)]
    pub(crate) until: Option<When>,
}

impl TimeRange {
    /// Both ends as points in time.
    pub(crate) fn resolve(self, now: Timestamp) -> Result<(Option<Timestamp>, Option<Timestamp>), Failure> {
        let (since, until) = (self.since.map(|when| when.resolve(now)), self.until.map(|when| when.resolve(now)));
        if let (Some(since), Some(until)) = (since, until)
            && since >= until
        {
            return Err(Failure::usage(format!(
                "--since {since} is not before --until {until}: swap them, or widen the range"
            )));
        }
        Ok((since, until))
    }
}

/// What a list of sessions is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum SortBy {
    /// Oldest first
    #[default]
    Created,
    /// Latest event first
    Updated,
    /// Largest own cost first
    Cost,
    /// Most tokens first
    Tokens,
    /// Longest first
    Elapsed,
    /// By role
    Role,
    /// By state
    State,
}

impl From<SortBy> for SessionOrder {
    fn from(sort: SortBy) -> Self {
        match sort {
            SortBy::Created => SessionOrder::Created,
            SortBy::Updated => SessionOrder::Updated,
            SortBy::Cost => SessionOrder::Cost,
            SortBy::Tokens => SessionOrder::Tokens,
            SortBy::Elapsed => SessionOrder::Elapsed,
            SortBy::Role => SessionOrder::Role,
            SortBy::State => SessionOrder::State,
        }
    }
}

fn state(text: &str) -> Result<State, String> {
    State::from_word(&text.to_ascii_uppercase()).ok_or_else(|| {
        let words: Vec<&str> = State::ALL.iter().map(|state| state.as_str()).collect();
        format!("no such state; use one of {}", words.join(", "))
    })
}

fn backend(text: &str) -> Result<Backend, String> {
    Backend::from_word(&text.to_ascii_lowercase()).ok_or_else(|| "no such backend; use local or cloud".to_owned())
}
