//! From facts to events: each span and log record is placed in a session and told as events.
//!
//! What an event says follows from its span alone; only the session that it is recorded under may depend
//! on what has arrived, and a later link sets that right. So no order of arrival changes an answer, and what
//! is delivered again has the same event ids.

use std::sync::Arc;

use flightrec_events::{CheckedEvent, Event, Registry, Rejection};

use crate::attributes::Attributes;
use crate::contents::{Contents, KeptContents};
use crate::conventions;
use crate::conventions::logs::LogFacts;
use crate::emit::Emitter;
use crate::export;
use crate::memory::Memory;
use crate::otlp::model::{LogRecord, LogsRequest, Resource, Scope, Span, TracesRequest};
use crate::place::{self, Placed};
use crate::prices::PriceTable;
use crate::transcripts::Told;

/// What a request became.
#[derive(Debug, Default)]
pub struct Mapped {
    /// Events by the span or log record that they come from: recorded in this order, each group whole.
    pub groups: Vec<Vec<CheckedEvent>>,
    /// Spans, log records or things told by a transcript that were understood.
    pub taken: u64,
    /// Spans that cannot be recorded at all, such as those without an id.
    pub refused: u64,
    /// Log records that no convention describes: they are left out.
    pub left_out: u64,
    /// Why the first of the refused ones was refused.
    pub why: Option<String>,
}

/// A request with spans, read: what each of them tells.
#[derive(Debug)]
pub struct Spans<'a> {
    placed: Vec<Placed<'a>>,
    exported: Vec<&'a Span>,
    mapped: Mapped,
}

impl<'a> Spans<'a> {
    /// Reads the spans of a request.
    pub fn read(request: &'a TracesRequest) -> Self {
        let mut spans = Self { placed: Vec::new(), exported: Vec::new(), mapped: Mapped::default() };
        for of_resource in &request.resource_spans {
            let resource = resource_attributes(of_resource.resource.as_ref());
            for of_scope in &of_resource.scope_spans {
                let scope = scope_name(of_scope.scope.as_ref());
                for span in &of_scope.spans {
                    if scope == export::SCOPE {
                        spans.exported.push(span);
                        continue;
                    }
                    match Placed::new(span, conventions::span(span, scope, resource)) {
                        Ok(placed) => spans.placed.push(placed),
                        Err(why) => spans.mapped.refuse(why),
                    }
                }
            }
        }
        spans
    }

    /// The content of their messages, arguments and results: to be kept before they are mapped.
    pub fn contents(&self) -> Contents<'_> {
        let mut contents = Contents::default();
        self.placed.iter().for_each(|span| contents.collect(&span.facts));
        contents
    }
}

/// A request with log records, read: what each of them tells.
#[derive(Debug)]
pub struct Logs<'a> {
    records: Vec<(&'a LogRecord, LogFacts<'a>)>,
    mapped: Mapped,
}

impl<'a> Logs<'a> {
    /// Reads the log records of a request.
    pub fn read(request: &'a LogsRequest) -> Self {
        let mut logs = Self { records: Vec::new(), mapped: Mapped::default() };
        for of_resource in &request.resource_logs {
            let resource = resource_attributes(of_resource.resource.as_ref());
            for of_scope in &of_resource.scope_logs {
                let scope = scope_name(of_scope.scope.as_ref());
                for record in &of_scope.log_records {
                    match conventions::logs::log(record, scope, resource) {
                        Some(facts) => logs.records.push((record, facts)),
                        None => logs.mapped.left_out += 1,
                    }
                }
            }
        }
        logs
    }

    /// The content of their messages, arguments and results: to be kept before they are mapped.
    pub fn contents(&self) -> Contents<'_> {
        let mut contents = Contents::default();
        self.records.iter().for_each(|(_, log)| contents.collect(&log.facts));
        contents
    }
}

/// Maps telemetry to events.
///
/// It remembers what came lately, so as not to say things twice. After a request whose events could not be
/// recorded it must be told to [`forget`](Mapper::forget).
#[derive(Debug)]
pub struct Mapper {
    prices: PriceTable,
    registry: Arc<Registry>,
    memory: Memory,
}

impl Mapper {
    /// A mapper that prices model calls by a table, and takes exported events of these families.
    pub fn new(prices: PriceTable, registry: Arc<Registry>) -> Self {
        Self { prices, registry, memory: Memory::default() }
    }

    /// Remembers an event of the record, as if it had been mapped lately: at an open, the last ones before it.
    pub fn recall(&mut self, event: &Event) {
        self.memory.recall(event);
    }

    /// Forgets everything: what is said again is known again by its ids.
    pub fn forget(&mut self) {
        self.memory = Memory::default();
    }

    /// Maps the spans of a request, whose content is kept. Content that is not is left out of the events.
    pub fn spans(&mut self, spans: Spans<'_>, contents: &KeptContents) -> Mapped {
        let Spans { mut placed, exported, mut mapped } = spans;
        place::spans(&mut placed, &self.memory);
        Emitter::new(&mut self.memory, &self.prices, contents, &mut mapped).spans(&placed);
        mapped.take_exported(&exported, &self.registry);
        mapped
    }

    /// Maps the log records of a request, whose content is kept.
    pub fn logs(&mut self, logs: Logs<'_>, contents: &KeptContents) -> Mapped {
        let Logs { records, mut mapped } = logs;
        let mut emitter = Emitter::new(&mut self.memory, &self.prices, contents, &mut mapped);
        for (record, log) in &records {
            emitter.log(record, log);
        }
        mapped
    }

    /// Maps what a transcript tells, whose content is kept. Nothing that came before changes what it becomes.
    pub fn transcript(&mut self, told: &[Told], contents: &KeptContents) -> Mapped {
        let mut mapped = Mapped::default();
        let mut emitter = Emitter::new(&mut self.memory, &self.prices, contents, &mut mapped);
        for one in told {
            emitter.transcript(one);
        }
        mapped
    }
}

impl Mapped {
    /// Takes events that an export carried, in the order of the record that they come from.
    fn take_exported(&mut self, spans: &[&Span], registry: &Registry) {
        self.taken += spans.len() as u64;
        let carried = spans.iter().flat_map(|span| export::carried(span, registry));
        let mut events: Vec<(u64, Result<CheckedEvent, Rejection>)> = carried.collect();
        events.sort_by_key(|(seq, _)| *seq);
        for (_, event) in events {
            match event {
                Ok(event) => self.groups.push(vec![event]),
                Err(rejection) => self.refuse(format!("an exported event: {}", rejection.violation)),
            }
        }
    }

    pub(crate) fn refuse(&mut self, why: String) {
        self.refused += 1;
        self.why.get_or_insert(why);
    }
}

fn resource_attributes(resource: Option<&Resource>) -> Attributes<'_> {
    resource.map_or_else(Attributes::none, |resource| Attributes::new(&resource.attributes))
}

fn scope_name(scope: Option<&Scope>) -> &str {
    scope.map_or("", |scope| scope.name.as_str())
}
