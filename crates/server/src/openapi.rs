//! The description of the API, made from the table of routes.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::answer::Answer;
use crate::api::{examples, schemas, sql};
use crate::app::App;
use crate::routes::{Action, Port, ROUTES, Route, Verb};

/// `GET /openapi.json`
pub(crate) fn answer(_: &Arc<App>) -> Answer {
    Answer::json(&document())
}

/// The description, as OpenAPI 3.1. gRPC is not HTTP in its sense, and is left out.
pub(crate) fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in ROUTES.iter().filter(|route| route.port == Port::Http) {
        let operations = paths.entry(route.path).or_insert_with(|| json!({}));
        operations[route.method.as_str().to_ascii_lowercase()] = operation(route);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Flight Recorder",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Events, sessions, spans, messages and cost of AI agents. Lists come in pages: `next_cursor` \
                leads to what follows. Money is integer nano-dollars. Absent facts are null.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas::components(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    })
}

fn operation(route: &Route) -> Value {
    let (media_type, schema) = schemas::answer_of(route.shape);
    let mut operation = json!({
        "operationId": operation_id(route),
        "summary": route.about,
        "parameters": parameters(route),
        "responses": {
            "200": {"description": "Done.", "content": {media_type: {"schema": schema}}},
            "default": {
                "description": "Not done; the error says why.",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/error"}}},
            },
        },
    });
    if matches!(route.action, Action::Ask(_)) {
        let about =
            "Stands for the answer as long as nothing is recorded; absent where the present time is part of it.";
        let tag = json!({"description": about, "schema": {"type": "string"}});
        operation["responses"]["200"]["headers"] = json!({"ETag": tag});
        operation["responses"]["304"] =
            json!({"description": "The client has this answer: `If-None-Match` names its tag."});
    }
    if let Some(example) = examples::of(&operation_id(route)) {
        operation["responses"]["200"]["content"][media_type]["example"] = example;
    }
    if let Some(body) = body(route) {
        operation["requestBody"] = body;
    }
    operation
}

/// `GET /api/v1/sessions/{id}/events` is `get_sessions_id_events`.
fn operation_id(route: &Route) -> String {
    let path = route.path.strip_prefix("/api/v1").unwrap_or(route.path);
    let words = path.split(['/', '.']).filter(|word| !word.is_empty()).map(|word| word.trim_matches(['{', '}']));
    let method = route.method.as_str().to_ascii_lowercase();
    std::iter::once(method.as_str()).chain(words).collect::<Vec<_>>().join("_")
}

fn parameters(route: &Route) -> Vec<Value> {
    let braced = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let of_path = braced.map(|name| {
        let about = if name == "id" {
            "The session, by its id or a unique beginning of it."
        } else {
            "64 hex digits, with or without `sha256:` before them."
        };
        json!({"name": name, "in": "path", "required": true, "description": about, "schema": {"type": "string"}})
    });
    let of_query = route.parameters().map(|parameter| {
        let schema = match (parameter.name, parameter.repeats) {
            ("limit" | "from_seq" | "changed_since", _) => json!({"type": "integer", "minimum": 1}),
            (_, true) => json!({"type": "array", "items": {"type": "string"}}),
            (_, false) => json!({"type": "string"}),
        };
        json!({"name": parameter.name, "in": "query", "description": parameter.about, "schema": schema})
    });
    of_path.chain(of_query).collect()
}

fn body(route: &Route) -> Option<Value> {
    let any = json!({"schema": {}});
    let content = match (route.action, route.path) {
        (Action::Take(_), _) => json!({"application/x-protobuf": any, "application/json": any}),
        (Action::Give(_), "/api/v1/events") => json!({
            "application/json": {"schema": {"type": "array", "items": {"type": "object"}}},
            "application/x-ndjson": any,
        }),
        (Action::Give(_), _) => json!({"application/octet-stream": any}),
        (Action::Query, _) => json!({"application/json": {"schema": {
            "type": "object",
            "required": ["query"],
            "additionalProperties": false,
            "properties": {
                "query": {"type": "string", "description": "One statement that only reads."},
                "max_rows": {"type": "integer", "minimum": 0, "default": sql::DEFAULT_MAX_ROWS},
                "timeout_ms": {"type": "integer", "minimum": 0, "default": sql::DEFAULT_TIMEOUT_MS},
            },
        }}}),
        (Action::Tell(_) | Action::Show(_) | Action::Ask(_) | Action::Follow | Action::Call(_), _) => return None,
    };
    debug_assert!(route.method == Verb::Post, "only what is posted has a body");
    Some(json!({"required": true, "content": content}))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_route_is_described_once() {
        let document = document();
        let mut ids = BTreeSet::new();
        for route in ROUTES.iter().filter(|route| route.port == Port::Http) {
            let method = route.method.as_str().to_ascii_lowercase();
            let operation = &document["paths"][route.path][&method];
            assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{route:?}");
            let described: BTreeSet<&str> =
                operation["parameters"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
            for parameter in route.parameters() {
                assert!(described.contains(parameter.name), "{route:?} {}", parameter.name);
            }
            assert_eq!(operation["requestBody"].is_object(), route.method == Verb::Post, "{route:?}");
        }
        let operations: usize =
            document["paths"].as_object().unwrap().values().map(|path| path.as_object().unwrap().len()).sum();
        assert_eq!(operations, ids.len());
        assert!(ids.contains("get_sessions_id_events"));
    }
}
