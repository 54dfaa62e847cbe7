//! The command that runs sessions.

use std::path::PathBuf;

use clap::Args;

use super::bringing::PriceArgs;

/// `run`
#[derive(Debug, Args)]
#[command(
    after_help = "The plan is a TOML file: docs/plans.md is its reference, plans/demo.toml an example that needs no model, and
plans/local.toml one against a server on this machine. It is checked whole before anything starts. Keys of
providers come from the environment variables that it names.

Ctrl-C cancels every session and waits for their clean end; a second one leaves at once. What a crash or a kill
cut off is PAUSED by the next run, and goes on with --resume: no tool call is run twice.

Exit code 0 says that every planned session completed, 1 that one did not, 3 that the plan has errors.

Examples:
  $ flightrec run plans/demo.toml
  $ flightrec run --check plans/local.toml
  $ flightrec run plan.toml --approve run_command --approve read_file
  $ flightrec run plan.toml --resume
  $ flightrec run plan.toml --resume 0199a7b1 0199a7b4
  $ flightrec run plan.toml --format json | jq '.sessions[] | select(.state != \"COMPLETED\")'"
)]
pub(crate) struct RunArgs {
    /// The plan; `-` is standard input
    #[arg(value_name = "PLAN")]
    pub(crate) plan: PathBuf,
    /// Check the plan and what it needs of this machine, and start nothing
    #[arg(long, visible_alias = "dry-run", conflicts_with = "resume")]
    pub(crate) check: bool,
    /// Approve every call of this tool, or of `all`; may be repeated. Others are asked about on a terminal, else refused
    #[arg(long, value_name = "TOOL")]
    pub(crate) approve: Vec<String>,
    /// Start nothing new: go on with sessions that are paused, all or those whose ids begin so
    #[arg(long, value_name = "SESSION", num_args = 0..)]
    pub(crate) resume: Option<Vec<String>>,
    /// Prices of your own; they win over the bundled list prices
    #[command(flatten)]
    pub(crate) prices: PriceArgs,
}
