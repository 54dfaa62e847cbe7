//! Requests as canonical JSON: ids in lower-case hexadecimal, 64-bit integers as text, choices by number,
//! names in camel case, and nothing for what is absent, zero or empty.

use std::fmt;

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::otlp::base64;
use crate::otlp::model::{
    Any, AnyValue, ArrayValue, KeyValue, KeyValueList, LogRecord, LogsRequest, Resource, ResourceLogs, ResourceSpans,
    Scope, ScopeLogs, ScopeSpans, Span, SpanEvent, SpanLink, Status, TracesRequest,
};

/// Bytes in hexadecimal.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

/// What is written as its text.
struct AsText<T>(T);

impl<T: fmt::Display> Serialize for AsText<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// An object that is being written, without members that say nothing.
struct Members<M>(M);

impl<M: SerializeMap> Members<M> {
    fn text(&mut self, name: &'static str, value: &str) -> Result<(), M::Error> {
        if value.is_empty() { Ok(()) } else { self.0.serialize_entry(name, value) }
    }

    fn id(&mut self, name: &'static str, value: &[u8]) -> Result<(), M::Error> {
        if value.is_empty() { Ok(()) } else { self.0.serialize_entry(name, &AsText(Hex(value))) }
    }

    fn time(&mut self, name: &'static str, value: u64) -> Result<(), M::Error> {
        if value == 0 { Ok(()) } else { self.0.serialize_entry(name, &AsText(value)) }
    }

    fn choice(&mut self, name: &'static str, value: i32) -> Result<(), M::Error> {
        if value == 0 { Ok(()) } else { self.0.serialize_entry(name, &value) }
    }

    fn message<T: Serialize>(&mut self, name: &'static str, value: Option<&T>) -> Result<(), M::Error> {
        value.map_or(Ok(()), |value| self.0.serialize_entry(name, value))
    }

    fn list<T: Serialize>(&mut self, name: &'static str, value: &[T]) -> Result<(), M::Error> {
        if value.is_empty() { Ok(()) } else { self.0.serialize_entry(name, value) }
    }
}

/// Writes down which member comes from where, in the order of the protocol.
macro_rules! members {
    ($($message:ty { $($method:ident $name:literal $value:expr;)* } in $self:ident)*) => {
        $(impl Serialize for $message {
            fn serialize<S: Serializer>(&$self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut members = Members(serializer.serialize_map(None)?);
                $(members.$method($name, $value)?;)*
                members.0.end()
            }
        })*
    };
}

members! {
    TracesRequest { list "resourceSpans" &self.resource_spans; } in self
    LogsRequest { list "resourceLogs" &self.resource_logs; } in self
    Resource { list "attributes" &self.attributes; } in self
    Scope {
        text "name" &self.name;
        text "version" &self.version;
    } in self
    ResourceSpans {
        message "resource" self.resource.as_ref();
        list "scopeSpans" &self.scope_spans;
    } in self
    ScopeSpans {
        message "scope" self.scope.as_ref();
        list "spans" &self.spans;
    } in self
    Span {
        id "traceId" &self.trace_id;
        id "spanId" &self.span_id;
        id "parentSpanId" &self.parent_span_id;
        text "name" &self.name;
        choice "kind" self.kind;
        time "startTimeUnixNano" self.start_time_unix_nano;
        time "endTimeUnixNano" self.end_time_unix_nano;
        list "attributes" &self.attributes;
        list "events" &self.events;
        list "links" &self.links;
        message "status" self.status.as_ref();
    } in self
    SpanEvent {
        time "timeUnixNano" self.time_unix_nano;
        text "name" &self.name;
        list "attributes" &self.attributes;
    } in self
    SpanLink {
        id "traceId" &self.trace_id;
        id "spanId" &self.span_id;
        list "attributes" &self.attributes;
    } in self
    Status {
        text "message" &self.message;
        choice "code" self.code;
    } in self
    ResourceLogs {
        message "resource" self.resource.as_ref();
        list "scopeLogs" &self.scope_logs;
    } in self
    ScopeLogs {
        message "scope" self.scope.as_ref();
        list "logRecords" &self.log_records;
    } in self
    LogRecord {
        time "timeUnixNano" self.time_unix_nano;
        message "body" self.body.as_ref();
        list "attributes" &self.attributes;
        id "traceId" &self.trace_id;
        id "spanId" &self.span_id;
        time "observedTimeUnixNano" self.observed_time_unix_nano;
        text "eventName" &self.event_name;
    } in self
    KeyValue {
        text "key" &self.key;
        message "value" self.value.as_ref();
    } in self
    ArrayValue { list "values" &self.values; } in self
    KeyValueList { list "values" &self.values; } in self
}

impl Serialize for AnyValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        match &self.value {
            None => {}
            Some(Any::Str(value)) => members.serialize_entry("stringValue", value)?,
            Some(Any::Bool(value)) => members.serialize_entry("boolValue", value)?,
            Some(Any::Int(value)) => members.serialize_entry("intValue", &AsText(value))?,
            Some(Any::Double(value)) if value.is_finite() => members.serialize_entry("doubleValue", value)?,
            Some(Any::Double(value)) => members.serialize_entry("doubleValue", name_of(*value))?,
            Some(Any::Array(value)) => members.serialize_entry("arrayValue", value)?,
            Some(Any::Map(value)) => members.serialize_entry("kvlistValue", value)?,
            Some(Any::Bytes(value)) => members.serialize_entry("bytesValue", &base64::encode(value))?,
        }
        members.end()
    }
}

/// What a number is called that JSON has no digits for.
fn name_of(value: f64) -> &'static str {
    match value {
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        _ => "NaN",
    }
}
