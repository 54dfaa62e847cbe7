//! Spans by their beginnings and ends, which come in any order.

use flightrec_events::SpanId;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

/// The spans of one session that were seen.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct SpanTally {
    pub(crate) count: u64,
    /// Spans that began and did not end, with the time they began.
    pub(crate) open: FxHashMap<[u8; 8], i64>,
    /// Spans that ended before their beginning arrived, with the time they ended.
    pub(crate) headless: FxHashMap<[u8; 8], i64>,
}

impl SpanTally {
    /// A span began. Gives its end, if that came earlier.
    pub(super) fn open(&mut self, span: SpanId, at_us: i64) -> Option<i64> {
        let ended_us = self.headless.remove(span.as_bytes());
        if ended_us.is_none() && self.open.insert(*span.as_bytes(), at_us).is_none() {
            self.count += 1;
        }
        ended_us
    }

    /// A span ended. Gives its beginning, if that has come.
    pub(super) fn close(&mut self, span: SpanId, at_us: i64) -> Option<i64> {
        let started_us = self.open.remove(span.as_bytes());
        if started_us.is_none() && self.headless.insert(*span.as_bytes(), at_us).is_none() {
            self.count += 1;
        }
        started_us
    }

    /// Takes in the spans that were seen under another id of the same session.
    pub(super) fn merge(&mut self, other: &Self) {
        self.count += other.count;
        for (span, ended_us) in &other.headless {
            if self.open.remove(span).is_some() {
                self.count -= 1;
            } else {
                self.headless.insert(*span, *ended_us);
            }
        }
        for (span, started_us) in &other.open {
            if self.headless.remove(span).is_some() {
                self.count -= 1;
            } else {
                self.open.insert(*span, *started_us);
            }
        }
    }
}
