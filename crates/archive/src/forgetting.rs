//! What was forgotten, until the log tells of it.

use flightrec_journal::Seq;
use serde_json::{Value, json};

use crate::hex::{hex, unhex};

/// Events that were forgotten together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forgetting {
    /// The id of the event that is to tell of it: telling it twice tells it once.
    pub event_id: [u8; 16],
    /// When it was decided, in microseconds since 1970.
    pub decided_us: i64,
    /// The first position that is gone.
    pub first_seq: Seq,
    /// The last position that is gone.
    pub last_seq: Seq,
    /// How many events are gone.
    pub events: u64,
    /// How many artifacts go with them, because nothing else names them.
    pub artifacts: u64,
    /// The policy that demanded it, in its own words.
    pub policy: String,
}

impl Forgetting {
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "event_id": hex(&self.event_id),
            "decided_us": self.decided_us,
            "first_seq": self.first_seq.get(),
            "last_seq": self.last_seq.get(),
            "events": self.events,
            "artifacts": self.artifacts,
            "policy": self.policy,
        })
    }

    pub(crate) fn from_json(json: &Value) -> Option<Self> {
        let number = |name: &str| json[name].as_u64();
        Some(Self {
            event_id: unhex(json["event_id"].as_str()?)?,
            decided_us: json["decided_us"].as_i64()?,
            first_seq: Seq::new(number("first_seq")?),
            last_seq: Seq::new(number("last_seq")?),
            events: number("events")?,
            artifacts: number("artifacts")?,
            policy: json["policy"].as_str()?.to_owned(),
        })
    }
}
