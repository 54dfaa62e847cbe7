//! Log records.

use flightrec_events::Timestamp;
use flightrec_events::telemetry::UNKNOWN;

use super::emitter::{Emitter, Witness};
use crate::conventions::logs::LogFacts;
use crate::facts::Work;
use crate::ids::{self};
use crate::otlp::model::LogRecord;
use crate::place::{self};

impl Emitter<'_> {
    /// Writes the events of one log record.
    pub(crate) fn log(&mut self, record: &LogRecord, log: &LogFacts<'_>) {
        let Some(at) = place::timestamp(log.at_unix_nano) else {
            self.mapped.refuse(format!("the time of log record {:?} is no date", log.event));
            return;
        };
        let facts = &log.facts;
        let trace = place::trace_id(&record.trace_id);
        let span = place::span_id(&record.span_id);
        let own = facts.session.as_deref().and_then(ids::named_session);
        let session = match (&own, trace, span) {
            (Some(own), _, _) => own.clone(),
            (None, Some(trace), Some(span)) => match self.memory.spans.get(&(trace, span)) {
                Some(session) => session.clone(),
                None => ids::session_of_span(trace, span),
            },
            (None, Some(trace), None) => ids::session_of_trace(trace),
            (None, None, _) => {
                self.mapped.left_out += 1;
                return;
            }
        };
        // Not where it is placed: that depends on what came before, and a second delivery is to be known again.
        let named = own.clone().or_else(|| trace.map(ids::session_of_trace)).unwrap_or_else(|| session.clone());
        let witness = Witness {
            source: facts.source,
            actor: self.memory.name(facts.source.as_str()),
            trace: trace.unwrap_or_else(|| ids::trace_of_session(&session)),
            span: span.filter(|_| log.anchored && trace.is_some()),
            key: ids::key_of_log(record, log, &named),
            session,
        };
        if let (None, Some(trace), Some(span)) = (&own, trace, span)
            && self.memory.spans.get(&(trace, span)).is_none()
        {
            self.miss(&witness, at, trace, span);
        }
        self.introduce_by_log(&witness, at, own.is_some(), facts);
        let took_us = facts.duration_ms.unwrap_or(0).min(u64::from(u32::MAX)) as i64 * 1_000;
        let start = Timestamp::from_micros(at.as_micros() - took_us).unwrap_or(at);
        self.messages(&witness, &facts.messages, at, Some(at));
        if let (Work::ToolCall, Some(tool)) = (facts.work, &facts.tool) {
            self.tool_call(&witness, facts, tool, facts.failure.is_some(), (start, at), UNKNOWN);
        }
        if let (Work::ModelCall, Some(usage)) = (facts.work, &facts.usage) {
            self.inference(&witness, facts, usage, (start, at));
        }
        self.spawned(&witness, facts, at);
        self.mapped.taken += 1;
        self.end_group();
    }
}
