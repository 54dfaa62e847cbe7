//! What can be typed: global options, commands, filters.
//!
//! - `commands`: the list of commands, and the options that all of them have
//! - `giving`, `bringing`, `running`, `asking`, `watching`, `keeping`, `sending`, `care`: the commands' own options and examples
//! - `filters`: what several commands share

mod asking;
mod bringing;
mod care;
mod commands;
mod filters;
mod giving;
mod keeping;
mod running;
mod sending;
mod watching;

pub(crate) use asking::{
    CostArgs, CostBy, EventsArgs, ExportArgs, FindingsArgs, GroupBy, MessagesArgs, RateArgs, SessionsArgs, ShowArgs,
    SpansArgs, SqlArgs, TreeArgs,
};
pub(crate) use bringing::{ImportCommand, ImportOtlpArgs, PriceArgs, SignalWord, TranscriptArgs, UpArgs};
pub(crate) use care::{CompletionsArgs, SchemaArgs, VerifyArgs};
pub(crate) use commands::{Cli, ColorWhen, Command, Format};
pub(crate) use filters::SessionFilters;
pub(crate) use giving::{ArtifactCommand, ArtifactGetArgs, ArtifactPutArgs, RecordArgs, ValidateArgs};
pub(crate) use keeping::{HoldArgs, RetainArgs};
pub(crate) use running::RunArgs;
pub(crate) use sending::PushArgs;
pub(crate) use watching::{TopArgs, TopSort};
