//! Checks what a model wrote as the arguments of a tool against the schema that the tool gave.

use jsonschema::{Draft, PatternOptions, Retrieve, Uri, Validator};
use serde_json::Value;

use crate::tool::{ToolFailure, ToolSpec};

/// The most bytes that the arguments of one call may have.
pub(crate) const MAX_ARGUMENT_BYTES: usize = 256 * 1024;

/// The most problems that one answer names.
const MAX_PROBLEMS: usize = 8;

/// The most bytes of one named problem; a schema may quote long values.
const MAX_PROBLEM_BYTES: usize = 400;

/// The compiled schema of one tool's arguments.
#[derive(Debug)]
pub(crate) struct Schema {
    validator: Validator,
    /// The arguments in a sentence, for a model that got them wrong.
    expected: String,
}

/// A tool gave a schema that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the parameters of tool `{tool}` are no usable JSON Schema: {problem}")]
pub struct SchemaError {
    /// The tool.
    pub tool: String,
    /// What is wrong with its schema.
    pub problem: String,
}

/// Finds nothing: a schema stands for itself, and checking it reaches no network and no file.
struct NothingElsewhere;

impl Retrieve for NothingElsewhere {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        Err(format!("`{uri}` lies outside of the schema; put it into `$defs`").into())
    }
}

impl Schema {
    /// Compiles the schema of a tool.
    ///
    /// # Errors
    /// [`SchemaError`] if it is no JSON Schema 2020-12, refers to another document, has a pattern that needs
    /// back-tracking, or describes anything but an object: models can give nothing else.
    pub(crate) fn compile(spec: &ToolSpec) -> Result<Self, SchemaError> {
        let unusable = |problem: String| SchemaError { tool: spec.name.to_string(), problem };
        if spec.parameters.get("type").and_then(Value::as_str) != Some("object") {
            return Err(unusable("its `type` has to be \"object\"".to_owned()));
        }
        let validator = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .with_retriever(NothingElsewhere)
            .with_pattern_options(PatternOptions::regex())
            .build(&spec.parameters)
            .map_err(|error| unusable(error.to_string()))?;
        Ok(Self { validator, expected: expected(&spec.parameters) })
    }

    /// Reads and checks arguments as a model wrote them; none at all count as `{}`.
    ///
    /// # Errors
    /// [`ToolFailure`] `malformed_arguments`, which names each place and what belongs there, up to eight of them.
    pub(crate) fn check(&self, arguments: &str) -> Result<Value, ToolFailure> {
        if arguments.len() > MAX_ARGUMENT_BYTES {
            let found = arguments.len();
            return Err(self.malformed(&format!("at most {MAX_ARGUMENT_BYTES} bytes, found {found}")));
        }
        let text = if arguments.trim().is_empty() { "{}" } else { arguments };
        let value: Value = serde_json::from_str(text).map_err(|error| self.malformed(&format!("not JSON: {error}")))?;
        let mut errors = self.validator.iter_errors(&value);
        let mut problems: Vec<String> = errors.by_ref().take(MAX_PROBLEMS).map(|error| problem(&error)).collect();
        if problems.is_empty() {
            drop(errors);
            return Ok(value);
        }
        let further = errors.count();
        if further > 0 {
            problems.push(format!("and {further} more"));
        }
        Err(self.malformed(&problems.join("; ")))
    }

    fn malformed(&self, problem: &str) -> ToolFailure {
        ToolFailure { code: "malformed_arguments", message: format!("{problem}. {}", self.expected), retryable: false }
    }
}

/// One problem: where, and what was expected. The value itself is left out: the model knows it, and it may be long.
fn problem(error: &jsonschema::ValidationError<'_>) -> String {
    let place = error.instance_path().as_str();
    let place = if place.is_empty() { "the arguments" } else { place };
    let text = format!("{place}: {}", error.masked());
    match text.floor_char_boundary(MAX_PROBLEM_BYTES) {
        end if end < text.len() => format!("{}…", &text[..end]),
        _ => text,
    }
}

/// The top level of a schema as a sentence.
fn expected(schema: &Value) -> String {
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let mut names: Vec<String> = schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, of)| {
            let kind = of.get("type").and_then(Value::as_str).unwrap_or("any");
            let need = if required.contains(&name.as_str()) { "required" } else { "optional" };
            format!("`{name}` ({kind}, {need})")
        })
        .collect();
    names.sort();
    if names.is_empty() {
        "Expected is a JSON object".to_owned()
    } else {
        format!("Expected is a JSON object with {}", names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use flightrec_events::{Idempotency, SideEffect, Transport};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::words::id;

    fn spec(parameters: Value) -> ToolSpec {
        ToolSpec {
            name: id("search"),
            version: id("1"),
            description: "Searches.".into(),
            parameters: Arc::new(parameters),
            side_effect: SideEffect::Read,
            idempotency: Idempotency::Idempotent,
            transport: Transport::Local,
            capability: id("search"),
        }
    }

    fn search() -> Schema {
        Schema::compile(&spec(json!({
            "type": "object",
            "properties": {
                "query": {"type": "string", "minLength": 1},
                "limit": {"type": "integer", "minimum": 1, "maximum": 50},
                "tags": {"type": "array", "items": {"type": "string", "pattern": "^[a-z]+$"}},
            },
            "required": ["query"],
            "additionalProperties": false,
        })))
        .unwrap()
    }

    #[test]
    fn arguments_that_fit_come_back_as_they_are() {
        let cases = [
            (r#"{"query":"a"}"#, json!({"query": "a"})),
            (" {\"query\":\"a\",\n\"limit\":50} ", json!({"query": "a", "limit": 50})),
            (r#"{"query":"a","tags":["b","c"]}"#, json!({"query": "a", "tags": ["b", "c"]})),
        ];
        for (text, value) in cases {
            assert_eq!(search().check(text), Ok(value), "{text}");
        }
    }

    #[test]
    fn no_arguments_count_as_an_empty_object() {
        let free = Schema::compile(&spec(json!({"type": "object"}))).unwrap();
        for empty in ["", "  \n", "{}"] {
            assert_eq!(free.check(empty), Ok(json!({})), "{empty:?}");
        }
    }

    #[test]
    fn each_problem_is_named_with_its_place_and_what_belongs_there() {
        let cases: &[(&str, &[&str])] = &[
            ("", &["the arguments: \"query\" is a required property"]),
            ("{\"query\": ", &["not JSON: EOF while parsing a value at line 1 column 10"]),
            ("query=a", &["not JSON: expected value at line 1 column 1"]),
            ("{\"query\":\"a\"} {}", &["not JSON: trailing characters at line 1 column 15"]),
            ("[]", &["the arguments: value is not of type \"object\""]),
            ("null", &["the arguments: value is not of type \"object\""]),
            (r#"{"query":7}"#, &["/query: value is not of type \"string\""]),
            (r#"{"query":""}"#, &["/query: value is shorter than 1 character"]),
            (r#"{"query":"a","limit":0}"#, &["/limit: value is less than the minimum of 1"]),
            (r#"{"query":"a","limit":1.5}"#, &["/limit: value is not of type \"integer\""]),
            (r#"{"query":"a","tags":["b","C"]}"#, &["/tags/1: value does not match \"^[a-z]+$\""]),
            (r#"{"query":"a","lmit":1}"#, &["the arguments: Additional properties are not allowed"]),
            (r#"{"query":7,"limit":"x"}"#, &["/query: ", "/limit: ", "; "]),
        ];
        let hint = ". Expected is a JSON object with `limit` (integer, optional), `query` (string, required), \
                    `tags` (array, optional)";
        for (text, parts) in cases {
            let failure = search().check(text).unwrap_err();
            assert_eq!((failure.code, failure.retryable), ("malformed_arguments", false), "{text}");
            for part in *parts {
                assert!(failure.message.contains(part), "{text}: {}", failure.message);
            }
            assert!(failure.message.ends_with(hint), "{text}: {}", failure.message);
        }
    }

    #[test]
    fn what_is_too_large_or_too_deep_is_refused() {
        let long = format!("{{\"query\":\"{}\"}}", "a".repeat(MAX_ARGUMENT_BYTES));
        assert!(search().check(&long).unwrap_err().message.starts_with("at most 262144 bytes, found 262156"));
        let deep = "[".repeat(10_000);
        assert!(search().check(&deep).unwrap_err().message.contains("recursion limit exceeded"));
        let many = format!("{{\"query\":\"a\",\"tags\":[{}]}}", vec!["1"; 30].join(","));
        let message = search().check(&many).unwrap_err().message;
        assert_eq!(message.matches("is not of type").count(), MAX_PROBLEMS, "{message}");
        assert!(message.contains("; and 22 more. "), "{message}");
    }

    #[test]
    fn a_value_that_is_wrong_is_not_repeated() {
        let failure = search().check(r#"{"query":"a","limit":"hunter2-hunter2"}"#).unwrap_err();
        assert!(!failure.message.contains("hunter2"), "{}", failure.message);
    }

    #[test]
    fn a_schema_that_cannot_be_used_is_told_when_the_tool_is_registered() {
        let cases = [
            (json!({}), "its `type` has to be \"object\""),
            (json!({"type": "string"}), "its `type` has to be \"object\""),
            (json!({"type": "object", "required": "query"}), "is not of type \"array\""),
            (json!({"type": "object", "properties": {"a": {"type": "strnig"}}}), "strnig"),
            (json!({"type": "object", "properties": {"a": {"pattern": "("}}}), "regex"),
            (json!({"type": "object", "properties": {"a": {"pattern": "(a)\\1"}}}), "regex"),
            (json!({"type": "object", "$ref": "https://example.org/s.json"}), "outside of the schema"),
            (json!({"type": "object", "$ref": "file:///etc/passwd"}), "outside of the schema"),
            (json!({"type": "object", "$ref": "#/$defs/none"}), "none"),
        ];
        for (schema, part) in cases {
            let error = Schema::compile(&spec(schema.clone())).unwrap_err();
            assert_eq!(error.tool, "search");
            assert!(error.to_string().contains(part), "{schema}: {error}");
        }
    }

    #[test]
    fn references_within_the_schema_are_followed() {
        let schema =
            json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/n"}}, "$defs": {"n": {"type": "null"}}});
        let schema = Schema::compile(&spec(schema)).unwrap();
        assert_eq!(schema.check(r#"{"a":null}"#), Ok(json!({"a": null})));
        assert!(schema.check(r#"{"a":1}"#).is_err());
    }

    proptest! {
        #[test]
        fn whatever_a_model_writes_is_answered(text in "[\\[\\]{}\",:a-c0-9 \\\\e.-]{0,40}") {
            match search().check(&text) {
                Ok(value) => prop_assert!(value["query"].is_string()),
                Err(failure) => prop_assert_eq!(failure.code, "malformed_arguments"),
            }
        }
    }
}
