//! The seam to whoever understands telemetry: bytes go in, and the answer comes once they are durable.

pub use flightrec_ingest::otlp::Encoding;

/// What kind of telemetry a request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Log records.
    Logs,
    /// Data points, which are counted and not recorded.
    Metrics,
}

impl Signal {
    /// Every signal.
    pub const ALL: [Signal; 3] = [Signal::Traces, Signal::Logs, Signal::Metrics];

    /// The word in paths and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Signal::Traces => "traces",
            Signal::Logs => "logs",
            Signal::Metrics => "metrics",
        }
    }
}

/// What became of a request that was understood.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Taken {
    /// Spans, log records or data points that are in the record now, new or from an earlier delivery.
    pub taken: u64,
    /// Those that are not, and will not be when they are sent again.
    pub refused: u64,
    /// Why some were refused, or what else the sender should know.
    pub message: Option<String>,
}

/// Why nothing of a request was taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The bytes are not what they should be. Sending them again is of no use.
    #[error("{0}")]
    Malformed(String),
    /// The request holds more than can be taken at once. Sending it again is of no use; in parts it is.
    #[error("the request holds more than can be taken at once: send it in parts")]
    TooLarge,
    /// The recorder cannot take anything now. What was sent may be sent again.
    #[error("nothing can be recorded at the moment; send it again in {retry_after_s} s")]
    Unavailable {
        /// How long to wait before that, in seconds.
        retry_after_s: u64,
    },
}

/// Takes telemetry.
///
/// [`take`](Intake::take) blocks, and returns only when everything that it answers for is durable. The
/// server calls it on threads of its own, several at once. The same bytes may come twice, from a sender
/// that missed the first answer: then nothing may be recorded twice.
pub trait Intake: Send + Sync {
    /// Takes one request.
    ///
    /// # Errors
    /// [`Refusal`] if nothing of it was taken; it says whether sending it again makes sense.
    fn take(&self, signal: Signal, encoding: Encoding, body: &[u8]) -> Result<Taken, Refusal>;
}
