//! Answers have the shapes that the description of the API promises, and say what the reader says.

use serde_json::{Value, json};

use super::served::{JSON, Served, small_world};

/// A schema of the description, with everything that it refers to.
fn schema(document: &Value, path: &str, method: &str) -> Value {
    let content = &document["paths"][path][method]["responses"]["200"]["content"]["application/json"]["schema"];
    assert!(content.is_object(), "{method} {path}");
    let mut schema = content.clone();
    schema["components"] = document["components"].clone();
    schema
}

#[track_caller]
fn assert_valid(schema: &Value, answer: &Value, what: &str) {
    let validator = jsonschema::validator_for(schema).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(answer).map(|error| format!("{error} at {}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{what}: {errors:?}");
}

/// Every field that an answer has is in the description.
#[track_caller]
fn assert_described(schema: &Value, components: &Value, answer: &Value, what: &str) {
    let schema = match schema["$ref"].as_str() {
        Some(reference) => &components["schemas"][reference.rsplit('/').next().unwrap()],
        None => schema,
    };
    if let Some(choices) = schema["anyOf"].as_array() {
        if !answer.is_null() {
            assert_described(&choices[0], components, answer, what);
        }
        return;
    }
    match answer {
        Value::Array(items) => items.iter().for_each(|item| assert_described(&schema["items"], components, item, what)),
        Value::Object(fields) if schema["properties"].is_object() => {
            for (name, value) in fields {
                let described = &schema["properties"][name];
                assert!(described.is_object(), "{what}: `{name}` is not described");
                assert_described(described, components, value, what);
            }
        }
        Value::Object(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_answer_has_the_shape_that_is_promised() {
    let served = Served::new();
    served.record(&small_world(4));
    let document = served.get("/openapi.json").status(200).json();
    assert_eq!(document["openapi"], "3.1.0");
    let mut checked = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        let json = &operations["get"]["responses"]["200"]["content"]["application/json"];
        if !json.is_object() {
            continue;
        }
        let answer = served.get(&path.replace("{id}", "s-1")).status(200).json();
        let schema = schema(&document, path, "get");
        assert_valid(&schema, &answer, path);
        if path != "/openapi.json" {
            assert_described(&schema, &document["components"], &answer, path);
        }
        if let Some(items) = answer["items"].as_array() {
            assert!(!items.is_empty(), "{path}: an empty list proves nothing");
        }
        checked += 1;
    }
    assert!(checked >= 15, "{checked}");
    for (path, body) in [("/api/v1/events", &b"[{}]"[..]), ("/api/v1/artifacts", b"x")] {
        let answer = served.post(path, &[JSON], body).status(200).json();
        let schema = schema(&document, path, "post");
        assert_valid(&schema, &answer, path);
        assert_described(&schema, &document["components"], &answer, path);
    }
    let error = served.get("/api/v1/sessions/nobody").status(404).json();
    let mut schema = json!({"$ref": "#/components/schemas/error"});
    schema["components"] = document["components"].clone();
    assert_valid(&schema, &error, "error");
}

#[test]
fn one_session_from_every_side() {
    let served = Served::new();
    served.record(&small_world(3));
    let reader = served.recorder.reader();
    let detail = served.get("/api/v1/sessions/s-1").status(200).json();
    assert_eq!(detail, serde_json::to_value(reader.session("s-1").unwrap()).unwrap());
    let tree = served.get("/api/v1/sessions/s-1/tree").status(200).json();
    assert_eq!(tree, serde_json::to_value(reader.tree("s-1").unwrap()).unwrap());
    assert_eq!(tree["children"].as_array().unwrap().len(), 2);
    let cost = served.get("/api/v1/sessions/s-1/cost").status(200).json();
    let session = &detail["session"];
    assert_eq!(cost["key"], "s-1");
    assert_eq!(cost["tokens"], session["tokens"]);
    assert_eq!(cost["cost"]["nanos"], 250_000_000);
    for field in ["own_nanos", "inclusive_nanos", "unpriced_runs"] {
        assert_eq!(cost["cost"][field], session["cost"][field], "{field}");
    }
    assert_eq!(served.list("/api/v1/sessions/s-1/spans"), *detail["spans"].as_array().unwrap());
    let events = served.list("/api/v1/sessions/s-1/events");
    assert!(events.len() == 7 && events.iter().all(|event| event["model_session_id"] == "s-1"));
}

#[test]
fn the_page_is_served_and_needs_nothing_else() {
    let served = Served::new();
    let page = served.get("/").status(200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    for (path, media_type) in [
        ("/app.js", "text/javascript; charset=utf-8"),
        ("/app.css", "text/css; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
    ] {
        assert_eq!(served.get(path).status(200).header("content-type"), Some(media_type));
        assert!(page.text().contains(&path[1..]), "{path}");
    }
    let mut connection = super::client::Connection::open(served.http);
    connection.request("HEAD", "/", &[], b"");
    let head = connection.head().unwrap();
    assert_eq!((head.status, head.header("content-length").unwrap()), (200, page.body.len().to_string().as_str()));
}

#[test]
fn health_and_numbers() {
    let served = Served::new();
    served.record(&small_world(2));
    assert_eq!(served.get("/healthz").status(200).json(), json!({"status": "ok"}));
    assert_eq!(served.get("/readyz").status(200).json(), json!({"status": "ok"}));
    served.get("/nowhere").status(404);
    let text = served.get("/metrics").status(200).text();
    let last_seq = served.recorder.reader().last_seq().unwrap();
    for line in [
        "flightrec_http_requests_total{method=\"POST\",route=\"/api/v1/events\",status=\"200\"} 1".to_owned(),
        "flightrec_http_requests_total{method=\"other\",route=\"(none)\",status=\"404\"} 1".to_owned(),
        "flightrec_http_request_duration_seconds_count{method=\"GET\",route=\"/healthz\"} 1".to_owned(),
        "flightrec_http_request_duration_seconds_bucket{method=\"GET\",route=\"/healthz\",le=\"+Inf\"} 1".to_owned(),
        format!("flightrec_last_seq {last_seq}"),
        format!("flightrec_events {last_seq}"),
        "flightrec_ready 1".to_owned(),
        "flightrec_dropped_events_total 0".to_owned(),
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    let connections = text.lines().find_map(|line| line.strip_prefix("flightrec_open_connections{port=\"http\"} "));
    assert!(connections.unwrap().parse::<u32>().unwrap() >= 1);
    // Each sample belongs to a family that was announced before.
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        assert!(text.contains(&format!("# TYPE {family} ")) || text.contains(&format!("# TYPE {name} ")), "{line}");
    }
}
