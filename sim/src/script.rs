//! Workloads.

use std::sync::Arc;

use flightrec_journal::{Compression, Prepare, Reader, Seq, Storage, WriteError, Writer, WriterOptions, remove_before};

use crate::disk::SimStorage;
use crate::history::{History, STORE};
use crate::rng::Rng;

/// One thing that a workload does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Appends a batch.
    Append {
        /// Its records.
        records: u64,
        /// The most bytes that a record has, about.
        most_bytes: u64,
    },
    /// Makes all durable.
    Sync,
    /// Closes in order, and opens again.
    Reopen,
    /// Ends like a process that is killed, and opens again.
    Kill,
    /// Ends the active segment, and removes all but the last of those that are sealed.
    Trim,
}

/// A workload: the same for the same seed.
#[derive(Clone, Debug)]
pub struct Script {
    /// What it does.
    pub steps: Vec<Step>,
    /// How the log is written.
    pub options: WriterOptions,
    /// Decides the records.
    pub seed: u64,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Run {
    /// All was done, and the log closed.
    Complete,
    /// A call failed; the text says which.
    Stopped(String),
}

/// Small segments, and everything on one thread.
pub(crate) fn small_options(compression: Compression) -> WriterOptions {
    WriterOptions {
        first_segment_bytes: 16 << 10,
        max_segment_bytes: 32 << 10,
        grow_bytes: 8 << 10,
        compression,
        prepare: Prepare::Inline,
    }
}

impl Script {
    /// Single small records, each synced, with orderly and other ends in between.
    pub fn careful(seed: u64) -> Self {
        let append = Step::Append { records: 1, most_bytes: 300 };
        let mut steps = Vec::new();
        for round in 0..3 {
            for _ in 0..3 {
                steps.extend([append, Step::Sync]);
            }
            steps.extend([append, append]);
            steps.push(if round == 1 { Step::Kill } else { Step::Reopen });
        }
        Self { steps, options: small_options(Compression::Zstd(1)), seed }
    }

    /// Large batches that fill several segments, synced now and then.
    pub fn rolling(seed: u64) -> Self {
        let append = Step::Append { records: 4, most_bytes: 1_800 };
        let mut steps = Vec::new();
        for _ in 0..4 {
            steps.extend([append, append, append, Step::Sync, append]);
        }
        steps.insert(9, Step::Kill);
        Self { steps, options: small_options(Compression::Off), seed }
    }

    /// Segments that are ended early and removed, with orderly and other ends in between.
    pub fn trimming(seed: u64) -> Self {
        let append = Step::Append { records: 2, most_bytes: 700 };
        let mut steps = vec![append, append, Step::Trim, Step::Trim, append, Step::Trim, append];
        steps.extend([Step::Kill, append, Step::Trim, Step::Kill, append, Step::Sync, Step::Reopen, Step::Trim]);
        steps.extend([Step::Reopen, append, append, Step::Trim, append]);
        Self { steps, options: small_options(Compression::Zstd(1)), seed }
    }

    /// Anything.
    pub fn random(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let mut steps = Vec::new();
        for _ in 0..8 + rng.below(12) {
            steps.push(match rng.below(11) {
                0..=4 => Step::Append { records: 1 + rng.below(5), most_bytes: 16 << rng.below(9) },
                5..=7 => Step::Sync,
                8 => Step::Kill,
                9 => Step::Trim,
                _ => Step::Reopen,
            });
        }
        let compression = if rng.once_in(2) { Compression::Off } else { Compression::Zstd(1) };
        Self { steps, options: small_options(compression), seed }
    }

    /// Runs on `storage` until the end or the first failure. What was submitted and promised goes into `history`, and
    /// every opening is held to it.
    pub fn run(&self, storage: &SimStorage, history: &mut History) -> Run {
        let mut writer = match open(storage, history, self.options) {
            Ok(writer) => writer,
            Err(error) => return Run::Stopped(error),
        };
        for step in &self.steps {
            let result = match *step {
                Step::Append { records, most_bytes } => {
                    let batch = history.submit(records, most_bytes);
                    let result = writer.append(&batch).map(|_| ());
                    acknowledge(history, writer.durable_seq(), result.is_ok());
                    result
                }
                Step::Sync => writer.sync().map(|durable| acknowledge(history, durable, true)),
                Step::Reopen => {
                    let all = writer.next_seq();
                    if let Err(error) = writer.close() {
                        return Run::Stopped(error.to_string());
                    }
                    history.acknowledge(all.get() - 1);
                    writer = match open(storage, history, self.options) {
                        Ok(writer) => writer,
                        Err(error) => return Run::Stopped(error),
                    };
                    Ok(())
                }
                Step::Trim => match trim(storage, history, &mut writer) {
                    Ok(()) => Ok(()),
                    Err(TrimError::Write(error)) => Err(error),
                    Err(TrimError::Other(error)) => return Run::Stopped(error),
                },
                Step::Kill => {
                    drop(writer);
                    writer = match open(storage, history, self.options) {
                        Ok(writer) => writer,
                        Err(error) => return Run::Stopped(error),
                    };
                    Ok(())
                }
            };
            if let Err(error) = result {
                check_poisoned(&mut writer, history);
                return Run::Stopped(error.to_string());
            }
        }
        let all = writer.next_seq();
        match writer.close() {
            Ok(()) => {
                history.acknowledge(all.get() - 1);
                Run::Complete
            }
            Err(error) => Run::Stopped(error.to_string()),
        }
    }
}

fn acknowledge(history: &mut History, durable: Option<Seq>, trusted: bool) {
    if trusted {
        history.acknowledge(durable.map_or(0, Seq::get));
    }
}

/// After a failure nothing more is accepted, and nothing is promised.
fn check_poisoned(writer: &mut Writer, history: &History) {
    let before = writer.durable_seq();
    let batch = history.clone().submit(1, 10);
    for _ in 0..2 {
        let append = writer.append(&batch).map(|_| ());
        assert!(matches!(append, Err(WriteError::Poisoned { .. })), "append after a failure: {append:?}");
        let sync = writer.sync();
        assert!(matches!(sync, Err(WriteError::Poisoned { .. })), "sync after a failure: {sync:?}");
    }
    assert_eq!(writer.durable_seq(), before, "no promise after a failure");
}

/// Why a log was not shortened.
#[derive(Debug)]
pub(crate) enum TrimError {
    /// The writer failed.
    Write(WriteError),
    /// Reading or removing failed; the writer is not harmed.
    Other(String),
}

/// Ends the active segment and removes all sealed ones but the last, as if their records were kept elsewhere.
pub(crate) fn trim(storage: &SimStorage, history: &mut History, writer: &mut Writer) -> Result<(), TrimError> {
    let other = |error: &dyn std::fmt::Display| TrimError::Other(error.to_string());
    let all = writer.roll_now().map_err(TrimError::Write)?;
    assert_eq!(writer.durable_seq(), all.seq.before(), "what is behind a roll is durable");
    acknowledge(history, writer.durable_seq(), true);
    let shared: Arc<dyn Storage> = Arc::new(storage.clone());
    let reader = Reader::open(shared, STORE, history.origin()).map_err(|error| other(&error))?;
    let origins = reader.origins().map_err(|error| other(&error))?;
    assert!(origins.last().is_none_or(|(_, last)| *last == all), "the last origin is the writer's place");
    if let [.., (_, origin), _] = origins[..] {
        history.trim(origin);
        remove_before(storage, origin.segment).map_err(|error| other(&error))?;
    }
    Ok(())
}

/// Opens the log and holds what it recovered to the history.
pub(crate) fn open(storage: &SimStorage, history: &mut History, options: WriterOptions) -> Result<Writer, String> {
    let shared: Arc<dyn Storage> = Arc::new(storage.clone());
    let (writer, recovery) =
        Writer::open(shared, STORE, history.origin(), options).map_err(|error| error.to_string())?;
    assert_eq!(recovery.damage, Vec::new(), "no damage was done");
    let last = recovery.last_seq.map_or(0, Seq::get);
    assert_eq!(writer.next_seq().get(), last + 1);
    assert_eq!(writer.durable_seq(), recovery.last_seq);
    history.recovered(last);
    Ok(writer)
}
