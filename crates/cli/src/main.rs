//! `flightrec`: the command line of Flight Recorder.
//!
//! | module | role |
//! |---|---|
//! | `args` | what can be typed, and its help |
//! | `commands` | one module for each command |
//! | `record` | lines in, verdicts out: what `record` and `validate` share |
//! | `output` | tables, JSON, NDJSON, CSV; everything that reaches standard output |
//! | `console` | what is known of the terminal and of the user's wishes |
//! | `store` | the directory of the store, and what to say when it does not open |
//! | `escape` | text from a store made harmless for terminals |
//! | `exit` | exit codes and the one error line |
//!
//! Standard output carries data alone; messages, progress and errors go to standard error.

use std::process::ExitCode;

mod args;
mod commands;
mod console;
mod escape;
mod exit;
mod output;
mod record;
mod store;

/// Telemetry is taken apart into many small texts on one thread and freed on another: see docs/adr/0010.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    exit::end(commands::run())
}
