//! From the arguments to the command.

use clap::Parser;
use flightrec_events::Timestamp;
use flightrec_recorder::view::FindingKind;
use flightrec_recorder::{Clock, Reader, SystemClock};

use super::{
    artifact, checkpoint, completions, cost, doctor, events, export, findings, hold, import, intake, messages, push,
    rate, retain, running, schema, seal, sessions, show, spans, sql, top, tree, up, validate, verify,
};
use crate::args::{Cli, Command, Format};
use crate::console::Console;
use crate::exit::{Failure, Outcome, tell};
use crate::output::format_of_one_command;
use crate::store::Store;

/// What every command has at hand.
pub(crate) struct Run {
    /// How to talk to the user.
    pub(crate) console: Console,
    /// The store that was named.
    pub(crate) store: Store,
    clock: SystemClock,
}

impl Run {
    /// Opens the store to read. That a part of it is lost is said at once, so that no answer passes for whole.
    pub(crate) fn reader(&self) -> Result<Reader, Failure> {
        let reader = self.store.reader()?;
        if has_gaps(&reader) {
            tell(&format!(
                "{}: a part of this store is lost, and answers come from the rest: `flightrec verify` names the damage",
                self.store.path.display()
            ));
        }
        Ok(reader)
    }

    /// The present time.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// Whether the log has places that cannot be read.
pub(crate) fn has_gaps(reader: &Reader) -> bool {
    reader.store_findings().iter().any(|finding| finding.kind == FindingKind::Gap)
}

/// Runs what the arguments ask for.
pub(crate) fn run() -> Outcome {
    let Cli { global, command } = Cli::try_parse().map_err(Failure::Arguments)?;
    if let Command::Completions(args) = &command {
        return completions::run(args);
    }
    let misplaced = match global.format {
        Some(Format::Markdown) => !matches!(command, Command::Schema(_)),
        Some(Format::Otlp | Format::Parquet | Format::Perfetto | Format::Html) => {
            !matches!(command, Command::Export(_))
        }
        Some(Format::Table | Format::Json | Format::Ndjson | Format::Csv) | None => false,
    };
    if let (true, Some(format)) = (misplaced, global.format) {
        return Err(format_of_one_command(format));
    }
    let console = Console::new(global.format.unwrap_or_default(), global.quiet, global.color);
    let run = Run { console, store: Store::new(global.data, global.families)?, clock: SystemClock };
    match command {
        Command::Up(args) => up::run(&run, &args),
        Command::Run(args) => running::run(&run, &args),
        Command::Record(args) => intake::run(&run, &args),
        Command::Import(command) => import::run(&run, &command),
        Command::Validate(args) => validate::run(&run, &args),
        Command::Sessions(args) => sessions::run(&run, &args),
        Command::Top(args) => top::run(&run, &args),
        Command::Show(args) => show::run(&run, &args),
        Command::Events(args) => events::run(&run, &args),
        Command::Spans(args) => spans::run(&run, &args),
        Command::Messages(args) => messages::run(&run, &args),
        Command::Tree(args) => tree::run(&run, &args),
        Command::Cost(args) => cost::run(&run, &args),
        Command::Rate(args) => rate::run(&run, &args),
        Command::Findings(args) => findings::run(&run, &args),
        Command::Artifact(command) => artifact::run(&run, &command),
        Command::Sql(args) => sql::run(&run, &args),
        Command::Export(args) => export::run(&run, &args, global.format),
        Command::Seal(_) => seal::run(&run),
        Command::Retain(args) => retain::run(&run, &args),
        Command::Push(args) => push::run(&run, &args),
        Command::Hold(args) => hold::run(&run, &args),
        Command::Verify(args) => verify::run(&run, &args),
        Command::Checkpoint(_) => checkpoint::run(&run),
        Command::Schema(args) => schema::run(&run, &args),
        Command::Doctor(_) => doctor::run(&run),
        Command::Completions(args) => completions::run(&args),
    }
}
