//! Spans and log records made by hand, for tests.

use serde_json::Value;

use crate::otlp::model::{Any, AnyValue, ArrayValue, KeyValue, KeyValueList, LogRecord, Span, SpanEvent};

/// A structured value from JSON.
pub(super) fn any(value: &Value) -> AnyValue {
    let any = match value {
        Value::Null => return AnyValue::default(),
        Value::Bool(flag) => Any::Bool(*flag),
        Value::Number(number) => number.as_i64().map_or_else(|| Any::Double(number.as_f64().unwrap()), Any::Int),
        Value::String(text) => Any::Str(text.clone()),
        Value::Array(items) => Any::Array(ArrayValue { values: items.iter().map(any).collect() }),
        Value::Object(_) => Any::Map(KeyValueList { values: pairs(value) }),
    };
    AnyValue { value: Some(any) }
}

/// Attributes from a JSON object.
pub(super) fn pairs(object: &Value) -> Vec<KeyValue> {
    let pair = |(key, value): (&String, &Value)| KeyValue { key: key.clone(), value: Some(any(value)) };
    object.as_object().unwrap().iter().map(pair).collect()
}

/// A log record whose name stands in the attribute `event.name`.
pub(super) fn record(event: &str, attributes: &Value) -> LogRecord {
    let mut record = LogRecord { time_unix_nano: 1, attributes: pairs(attributes), ..LogRecord::default() };
    record.attributes.extend(pairs(&serde_json::json!({ "event.name": event })));
    record
}

/// A span with this name and these attributes.
pub(super) fn span(name: &str, attributes: &Value) -> Span {
    Span { name: name.to_owned(), attributes: pairs(attributes), ..Span::default() }
}

/// An event of a span with this name and these attributes.
pub(super) fn event(name: &str, attributes: &Value) -> SpanEvent {
    SpanEvent { time_unix_nano: 1, name: name.to_owned(), attributes: pairs(attributes) }
}
