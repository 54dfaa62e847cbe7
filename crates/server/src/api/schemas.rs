//! The shapes of answers, for the description of the API.
//!
//! Each shape is a table of fields. Types are written as: `string`, `integer`, `boolean`, `time`, `object`, `any`,
//! the name of another shape, `[x]` for a list of `x`, and `x?` where the value may be null. Every field is
//! always there.

use serde_json::{Map, Value, json};

type Fields = &'static [(&'static str, &'static str)];

/// Objects.
const OBJECTS: &[(&str, Fields)] = &[
    (
        "tokens",
        &[
            ("input", "integer"),
            ("output", "integer"),
            ("cached", "integer"),
            ("cache_write", "integer"),
            ("reasoning", "integer"),
            ("total", "integer"),
        ],
    ),
    ("session_cost", &[("own_nanos", "integer"), ("inclusive_nanos", "integer"), ("unpriced_runs", "integer")]),
    (
        "session",
        &[
            ("session_id", "string"),
            ("parent_session_id", "string?"),
            ("state", "string"),
            ("role", "string?"),
            ("model_id", "string?"),
            ("provider", "string?"),
            ("backend", "string?"),
            ("wp_id", "string?"),
            ("mt_id", "string?"),
            ("spawn_depth", "integer?"),
            ("label", "string?"),
            ("source", "string"),
            ("created_at", "time?"),
            ("updated_at", "time?"),
            ("ended_at", "time?"),
            ("tokens", "tokens"),
            ("cost", "session_cost"),
            ("messages", "integer"),
            ("model_runs", "integer"),
            ("tool_calls", "integer"),
            ("spans", "integer"),
            ("open_spans", "integer"),
            ("findings", "[finding]"),
        ],
    ),
    (
        "finding",
        &[
            ("kind", "string"),
            ("severity", "string"),
            ("session_id", "string?"),
            ("span_id", "string?"),
            ("seq", "integer?"),
            ("detail", "string"),
        ],
    ),
    ("link", &[("trace_id", "string"), ("span_id", "string"), ("relation", "string?")]),
    (
        "span",
        &[
            ("trace_id", "string?"),
            ("span_id", "string"),
            ("parent_span_id", "string?"),
            ("session_id", "string?"),
            ("session_span_id", "string?"),
            ("kind", "string?"),
            ("name", "string?"),
            ("job_id", "string?"),
            ("model_id", "string?"),
            ("start", "time?"),
            ("end", "time?"),
            ("status", "string?"),
            ("tokens_in", "integer?"),
            ("tokens_out", "integer?"),
            ("cost_nanos", "integer?"),
            ("error_code", "string?"),
            ("tags", "[string]"),
            ("links", "[link]"),
        ],
    ),
    (
        "message",
        &[
            ("message_id", "string"),
            ("session_id", "string"),
            ("role", "string"),
            ("content_hash", "string"),
            ("artifact_id", "string?"),
            ("token_count", "integer?"),
            ("timestamp", "time"),
            ("tool_call_id", "string?"),
            ("redacted", "boolean?"),
            ("span_id", "string?"),
            ("seq", "integer"),
        ],
    ),
    (
        "state_change",
        &[
            ("timestamp", "time"),
            ("from_state", "string"),
            ("to_state", "string"),
            ("reason", "string"),
            ("seq", "integer"),
        ],
    ),
    (
        "event",
        &[
            ("event_id", "string"),
            ("code", "string"),
            ("type", "string"),
            ("timestamp", "time"),
            ("actor", "string"),
            ("actor_id", "string?"),
            ("trace_id", "string?"),
            ("job_id", "string?"),
            ("workflow_id", "string?"),
            ("model_id", "string?"),
            ("model_session_id", "string?"),
            ("activity_span_id", "string?"),
            ("session_span_id", "string?"),
            ("wsids", "[string]?"),
            ("capability_id", "string?"),
            ("policy_decision_id", "string?"),
            ("payload", "object"),
            ("seq", "integer"),
            ("recorded_at", "time"),
        ],
    ),
    ("tree", &[("session", "session"), ("children", "[tree]")]),
    (
        "session_detail",
        &[("session", "session"), ("states", "[state_change]"), ("spans", "[span]"), ("children", "[tree]")],
    ),
    ("row_cost", &[("nanos", "integer"), ("unpriced_runs", "integer")]),
    ("cost_row", &[("key", "string?"), ("sessions", "integer"), ("tokens", "tokens"), ("cost", "row_cost")]),
    (
        "cost_with_descendants",
        &[("nanos", "integer"), ("own_nanos", "integer"), ("inclusive_nanos", "integer"), ("unpriced_runs", "integer")],
    ),
    (
        "cost_of_session",
        &[("key", "string"), ("sessions", "integer"), ("tokens", "tokens"), ("cost", "cost_with_descendants")],
    ),
    (
        "rate",
        &[
            ("window_s", "integer"),
            ("active_sessions", "integer"),
            ("tokens_per_minute", "integer"),
            ("nanos_per_minute", "integer"),
            ("unpriced_runs", "integer"),
        ],
    ),
    (
        "wait",
        &[
            ("kind", "string"),
            ("job_id", "string"),
            ("start", "time"),
            ("end", "time?"),
            ("limit", "string?"),
            ("provider", "string?"),
            ("reason", "string?"),
            ("backoff_ms", "integer?"),
            ("seq", "integer"),
        ],
    ),
    (
        "handover",
        &[
            ("kind", "string"),
            ("from_session_id", "string"),
            ("to_session_id", "string"),
            ("at", "time"),
            ("seq", "integer"),
        ],
    ),
    (
        "span_columns",
        &[
            ("id", "[string]"),
            ("parent", "[integer]"),
            ("kind", "[string?]"),
            ("name", "[integer]"),
            ("start_us", "[integer]"),
            ("end_us", "[integer?]"),
            ("status", "[string?]"),
            ("nanos", "[integer?]"),
            ("tokens", "[integer?]"),
        ],
    ),
    (
        "lane",
        &[
            ("session", "session"),
            ("states", "[state_change]"),
            ("waits", "[wait]"),
            ("handovers", "[handover]"),
            ("spans", "span_columns"),
        ],
    ),
    (
        "timeline",
        &[
            ("seq", "integer"),
            ("now", "time"),
            ("origin", "time"),
            ("words", "[string]"),
            ("items", "[lane]"),
            ("next_cursor", "string?"),
            ("damage", "[string]"),
        ],
    ),
    (
        "budget",
        &[
            ("budget_type", "string"),
            ("session_id", "string?"),
            ("wp_id", "string?"),
            ("unit", "string"),
            ("used", "integer"),
            ("mark", "integer"),
            ("limit", "integer?"),
            ("status", "string"),
            ("action", "string?"),
            ("told_at", "time?"),
            ("seq", "integer"),
        ],
    ),
    ("rejection", &[("code", "string"), ("rule", "string"), ("field", "string?"), ("message", "string")]),
    ("verdict", &[("line", "integer"), ("event_id", "string?"), ("verdict", "string"), ("error", "rejection?")]),
    (
        "verdicts",
        &[
            ("accepted", "integer"),
            ("duplicate", "integer"),
            ("rejected", "integer"),
            ("items", "[verdict]"),
            ("next_cursor", "string?"),
        ],
    ),
    ("artifact", &[("artifact_id", "string"), ("sha256", "string"), ("bytes", "integer"), ("redacted", "boolean")]),
    ("sql_column", &[("name", "string"), ("type", "string")]),
    ("sql", &[("columns", "[sql_column]"), ("rows", "[[any]]"), ("truncated", "boolean")]),
    ("health", &[("status", "string")]),
    ("problem", &[("code", "string"), ("message", "string")]),
    ("error", &[("error", "problem")]),
];

/// Lists, and what is in them.
const LISTS: &[(&str, &str)] = &[
    ("events", "event"),
    ("sessions", "session"),
    ("spans", "span"),
    ("messages", "message"),
    ("costs", "cost_row"),
    ("findings", "finding"),
    ("budgets", "budget"),
];

/// Answers that have a media type of their own.
const CONTENTS: &[(&str, &str)] = &[
    ("content", "application/octet-stream"),
    ("stream", "text/event-stream"),
    ("metrics", "text/plain"),
    ("page", "text/html"),
];

/// All shapes, as the components of an OpenAPI document.
pub(crate) fn components() -> Map<String, Value> {
    let mut components = Map::new();
    for (name, fields) in OBJECTS {
        components.insert((*name).to_owned(), object(fields));
    }
    for (name, item) in LISTS {
        let mut list = object(&[("next_cursor", "string?")]);
        list["properties"]["items"] = json!({"type": "array", "items": reference(item)});
        list["required"] = json!(["items", "next_cursor"]);
        components.insert((*name).to_owned(), list);
    }
    components
}

/// What an answer of a shape looks like: its media type and its schema.
pub(crate) fn answer_of(shape: &str) -> (&'static str, Value) {
    if let Some((_, media_type)) = CONTENTS.iter().find(|(name, _)| *name == shape) {
        return (*media_type, json!({"type": "string"}));
    }
    match shape {
        "telemetry" | "openapi" => ("application/json", json!({"type": "object"})),
        _ => ("application/json", reference(shape)),
    }
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn object(fields: &[(&str, &str)]) -> Value {
    let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    let properties: Map<String, Value> = fields.iter().map(|(name, kind)| ((*name).to_owned(), schema(kind))).collect();
    json!({"type": "object", "required": names, "properties": properties})
}

fn schema(kind: &str) -> Value {
    if let Some(inner) = kind.strip_suffix('?') {
        return json!({"anyOf": [schema(inner), {"type": "null"}]});
    }
    if let Some(item) = kind.strip_prefix('[').and_then(|kind| kind.strip_suffix(']')) {
        return json!({"type": "array", "items": schema(item)});
    }
    match kind {
        "string" | "integer" | "boolean" | "object" => json!({"type": kind}),
        "any" => json!({}),
        "time" => json!({"type": "string", "format": "date-time"}),
        other => reference(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::ROUTES;

    #[test]
    fn every_shape_that_is_named_is_drawn() {
        let components = components();
        let mut named: Vec<String> = Vec::new();
        for route in ROUTES {
            collect(&answer_of(route.shape).1, &mut named);
        }
        for schema in components.values() {
            collect(schema, &mut named);
        }
        assert!(named.len() > 30);
        for name in named {
            assert!(components.contains_key(&name), "{name}");
        }
    }

    fn collect(value: &Value, names: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(reference)) = fields.get("$ref") {
                    names.push(reference.rsplit('/').next().unwrap().to_owned());
                }
                fields.values().for_each(|value| collect(value, names));
            }
            Value::Array(values) => values.iter().for_each(|value| collect(value, names)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}
