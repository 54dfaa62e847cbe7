//! Telemetry and transcripts into a store: decoded, mapped, recorded, and answered for once it is durable.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flightrec_events::{CheckedEvent, Rule};
use flightrec_ingest::contents::{Contents, Kept, KeptContents, KeptLately};
use flightrec_ingest::mapper::{Logs, Mapped, Mapper, Spans};
use flightrec_ingest::otlp;
use flightrec_ingest::prices::PriceTable;
use flightrec_ingest::transcripts::{self, Told};
use flightrec_recorder::query::EventFilter;
use flightrec_recorder::redact::{Context, Redactor};
use flightrec_recorder::view::{ArtifactView, Outcome};
use flightrec_recorder::{
    ArtifactError, BatchTicket, MAX_BATCH_EVENTS, Mode, ReadError, Recorder, RecorderError, SinkFailure,
};

use crate::intake::{Encoding, Intake, Refusal, Signal, Taken};

/// How many of the last events of a store are remembered at an open: spans whose parents are among them find
/// their sessions at once.
const RECALLED_EVENTS: u64 = 262_144;

/// Requests above this size are taken one at a time, so that what they grow to in memory does not add up. JSON
/// grows more: an empty object of three bytes becomes a whole span.
const LARGE_JSON_BYTES: usize = 256 * 1024;
const LARGE_PROTOBUF_BYTES: usize = 2 * 1024 * 1024;

/// How long a sender is to wait before it tries again, in seconds.
const RETRY_AFTER_S: u64 = 5;

/// Takes telemetry into the store of a recorder.
#[derive(Debug)]
pub struct Telemetry {
    recorder: Arc<Recorder>,
    mapper: Mutex<Mapper>,
    kept_lately: Mutex<KeptLately>,
    /// Held while a large request is taken.
    large: Mutex<()>,
}

/// What became of the events that something was mapped to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recorded {
    /// Events that are new in the record.
    pub added: u64,
    /// Events that it held already.
    pub duplicates: u64,
    /// Events that could not be made or were refused, and would be again.
    pub refused: u64,
    /// Why the first of those was.
    pub why: Option<String>,
}

/// Why a request was not taken.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// It cannot be read.
    #[error(transparent)]
    Malformed(#[from] otlp::DecodeError),
    /// Its content could not be kept.
    #[error("the content of a message cannot be kept")]
    Content(#[from] ArtifactError),
    /// Its events could not be recorded.
    #[error(transparent)]
    Record(#[from] RecorderError),
}

impl From<SinkFailure> for TelemetryError {
    fn from(failure: SinkFailure) -> Self {
        RecorderError::from(failure).into()
    }
}

impl Telemetry {
    /// Telemetry into this recorder's store, its model calls priced by `prices`.
    ///
    /// # Errors
    /// [`ReadError`] if the last events of the store cannot be read.
    pub fn open(recorder: Arc<Recorder>, prices: PriceTable) -> Result<Self, ReadError> {
        let mut mapper = Mapper::new(prices, Arc::clone(recorder.registry()));
        let last = recorder.reader().last_seq().unwrap_or(0);
        let from_seq = Some(last.saturating_sub(RECALLED_EVENTS) + 1);
        for event in recorder.reader().events(&EventFilter { from_seq, ..EventFilter::default() }) {
            match event {
                Ok(found) => mapper.recall(&found.event),
                // A damaged part is told by every command that reads; what came before it is not remembered.
                Err(ReadError::Journal(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self { recorder, mapper: Mutex::new(mapper), kept_lately: Mutex::default(), large: Mutex::default() })
    }

    /// Takes one request. When this returns, everything of it that was taken is durable.
    ///
    /// # Errors
    /// [`TelemetryError`] if nothing of it, or not all of it, could be made durable: it may be sent again.
    pub fn request(&self, signal: Signal, encoding: Encoding, body: &[u8]) -> Result<Taken, TelemetryError> {
        let large_bytes = match encoding {
            Encoding::Protobuf => LARGE_PROTOBUF_BYTES,
            Encoding::Json => LARGE_JSON_BYTES,
        };
        let _turn = (body.len() > large_bytes).then(|| self.large.lock().unwrap_or_else(PoisonError::into_inner));
        match signal {
            Signal::Traces => {
                let request = otlp::traces(body, encoding)?;
                let spans = Spans::read(&request);
                let kept = self.keep(&spans.contents())?;
                Ok(taken(self.record(|mapper| mapper.spans(spans, &kept))?))
            }
            Signal::Logs => {
                let request = otlp::logs(body, encoding)?;
                let logs = Logs::read(&request);
                let kept = self.keep(&logs.contents())?;
                Ok(taken(self.record(|mapper| mapper.logs(logs, &kept))?))
            }
            Signal::Metrics => {
                let points = otlp::metrics_count(body, encoding)?;
                let message = "metrics are not recorded: their sums repeat what spans and log records carry";
                Ok(Taken { taken: 0, refused: points, message: (points > 0).then(|| message.to_owned()) })
            }
        }
    }

    /// Takes what a transcript tells. When this returns, all of it that was taken is durable.
    ///
    /// # Errors
    /// [`TelemetryError`] if nothing of it, or not all of it, could be made durable: it may be told again.
    pub fn transcript(&self, told: &[Told]) -> Result<Recorded, TelemetryError> {
        let kept = self.keep(&transcripts::contents(told))?;
        let (mapped, mut recorded) = self.record(|mapper| mapper.transcript(told, &kept))?;
        recorded.refused = mapped.refused;
        recorded.why = mapped.why.as_deref().map(clean);
        Ok(recorded)
    }

    /// Makes the content of a request durable.
    fn keep(&self, contents: &Contents<'_>) -> Result<KeptContents, ArtifactError> {
        if contents.is_empty() {
            return Ok(KeptContents::default());
        }
        let (mut kept, missing) = contents.split(&self.kept_lately());
        let bytes: Vec<&[u8]> = missing.iter().map(|text| text.as_bytes()).collect();
        for (text, view) in missing.into_iter().zip(self.recorder.artifacts().put_all(&bytes)?) {
            let ArtifactView { artifact_id, sha256, redacted, .. } = view;
            kept.keep(text, Kept { sha256, artifact_id, redacted });
        }
        self.kept_lately().remember(&kept);
        Ok(kept)
    }

    fn kept_lately(&self) -> MutexGuard<'_, KeptLately> {
        self.kept_lately.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mapper(&self) -> MutexGuard<'_, Mapper> {
        self.mapper.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Maps and submits under one lock: what is remembered of a request is in the log before anything that
    /// relies on it. The wait for the disk is outside.
    fn record(&self, map: impl FnOnce(&mut Mapper) -> Mapped) -> Result<(Mapped, Recorded), TelemetryError> {
        let mut memory = self.mapper();
        let mut mapped = map(&mut memory);
        let tickets = self.submit(std::mem::take(&mut mapped.groups)).inspect_err(|_| memory.forget())?;
        drop(memory);
        let mut recorded = Recorded::default();
        for ticket in tickets {
            let outcomes = ticket.durable().inspect_err(|_| self.mapper().forget())?;
            for outcome in outcomes {
                match outcome {
                    Outcome::Recorded { .. } => recorded.added += 1,
                    Outcome::Duplicate => recorded.duplicates += 1,
                    // What was delivered before and placed differently then: the record holds it.
                    Outcome::Rejected(violation) if violation.rule == Rule::EventIdConflict => recorded.duplicates += 1,
                    Outcome::Rejected(violation) => {
                        mapped.refused += 1;
                        mapped.why.get_or_insert_with(|| violation.to_string());
                    }
                }
            }
        }
        Ok((mapped, recorded))
    }

    /// Submits groups of events, each whole in one batch as far as a batch can hold it.
    fn submit(&self, groups: Vec<Vec<CheckedEvent>>) -> Result<Vec<BatchTicket>, RecorderError> {
        let mut tickets = Vec::new();
        let mut batch: Vec<CheckedEvent> = Vec::new();
        for group in groups {
            if batch.len() + group.len() > MAX_BATCH_EVENTS {
                self.submit_batch(std::mem::take(&mut batch), &mut tickets)?;
            }
            if group.len() <= MAX_BATCH_EVENTS {
                batch.extend(group);
                continue;
            }
            let mut rest = group.into_iter().peekable();
            while rest.peek().is_some() {
                self.submit_batch(rest.by_ref().take(MAX_BATCH_EVENTS).collect(), &mut tickets)?;
            }
        }
        self.submit_batch(batch, &mut tickets)?;
        Ok(tickets)
    }

    fn submit_batch(&self, batch: Vec<CheckedEvent>, tickets: &mut Vec<BatchTicket>) -> Result<(), RecorderError> {
        if batch.is_empty() {
            return Ok(());
        }
        tickets.push(self.recorder.record_batch(batch, Mode::Lenient)?);
        Ok(())
    }
}

impl Intake for Telemetry {
    fn take(&self, signal: Signal, encoding: Encoding, body: &[u8]) -> Result<Taken, Refusal> {
        self.request(signal, encoding, body).map_err(|error| match error {
            TelemetryError::Malformed(otlp::DecodeError::TooLarge { .. })
            | TelemetryError::Content(ArtifactError::TooLarge { .. }) => Refusal::TooLarge,
            TelemetryError::Malformed(error) => Refusal::Malformed(error.to_string()),
            TelemetryError::Content(_) | TelemetryError::Record(_) => {
                Refusal::Unavailable { retry_after_s: RETRY_AFTER_S }
            }
        })
    }
}

/// What a sender of OTLP is answered.
fn taken((mapped, _): (Mapped, Recorded)) -> Taken {
    Taken { taken: mapped.taken, refused: mapped.refused, message: message(&mapped) }
}

/// What there is to say without secrets.
fn clean(why: &str) -> String {
    Redactor::new().redact(why, Context::FreeText).into_owned()
}

/// What there is to say. It may name a span, and names may hold secrets, which senders write to their logs.
fn message(mapped: &Mapped) -> Option<String> {
    match (&mapped.why, mapped.left_out) {
        (Some(why), _) => Some(clean(why)),
        (None, 0) => None,
        (None, left_out) => Some(format!("{left_out} log records tell nothing of sessions and are not recorded")),
    }
}
