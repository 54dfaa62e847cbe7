//! The registry as JSON Schema, as a table, and as the reference page: one source, no drift.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json, json};

use crate::attributes::MAX_ATTRIBUTE_BYTES;
use crate::declared::DeclaredFamily;
use crate::event::{ENVELOPE, MAX_EVENT_BYTES};
use crate::families::Kind;
use crate::number::{MAX_COUNT, MAX_USD};
use crate::registry::Registry;
use crate::text::MAX_ID_BYTES;
use crate::value::{FieldSpec, MAX_ITEMS, Presence, Shape};
use crate::violation::{INVALID_EVENT, Rule};
use crate::vocabulary::Actor;

/// The JSON Schema dialect of all schemas.
pub const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The rows of the envelope, in the order of the contract.
pub const fn envelope() -> &'static [FieldSpec] {
    ENVELOPE
}

/// Events of one built-in family, envelope included, as JSON Schema.
///
/// It says what a schema can say. Bounds in bytes stand there as bounds in characters, and the rules
/// between fields (correlation, names of content, the size of the whole) are left to
/// [`Registry::parse`].
pub fn event_schema(kind: Kind) -> Json {
    let payload = described(object_schema(kind.fields()), kind.doc());
    let mut schema = envelope_schema(kind.code(), kind.type_name(), &payload, |name| match name {
        "trace_id" => kind.needs_trace(),
        "model_session_id" => kind.session_field().is_some(),
        _ => false,
    });
    schema["description"] = Json::from(kind.doc());
    if kind == Kind::WorkflowRecovery {
        schema["properties"]["actor"] = json!({ "const": Actor::System.as_str() });
    }
    schema
}

/// Events of one declared family, envelope included, as JSON Schema.
pub fn declared_schema(family: &DeclaredFamily) -> Json {
    let mut payload = family.schema().clone();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    if payload.get("$id").is_none() && family.code().bytes().all(plain) {
        // With an id of its own, its inner references keep pointing into the declaration.
        payload["$id"] = Json::from(format!("urn:flightrec:payload:{}", family.code()));
    }
    let needed = |name: &str| name == "model_session_id" && family.needs_session();
    envelope_schema(family.code(), family.type_name(), &payload, needed)
}

/// All families of a registry in one document, each with its envelope.
pub fn registry_schema(registry: &Registry) -> Json {
    let mut defs = Map::new();
    for &kind in Kind::ALL {
        defs.insert(kind.code().to_owned(), event_schema(kind));
    }
    for family in registry.declared() {
        defs.insert(family.code().to_owned(), declared_schema(family));
    }
    let pointer = |code: &String| code.replace('~', "~0").replace('/', "~1");
    let any: Vec<Json> = defs.keys().map(|code| json!({ "$ref": format!("#/$defs/{}", pointer(code)) })).collect();
    json!({ "$schema": DIALECT, "title": "Flight Recorder events", "$defs": defs, "oneOf": any })
}

/// The envelope around a payload; `needed` says which optional rows this family requires.
fn envelope_schema(code: &str, type_name: &str, payload: &Json, needed: impl Fn(&str) -> bool) -> Json {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for row in ENVELOPE {
        let row = FieldSpec { presence: if needed(row.name) { Presence::Required } else { row.presence }, ..*row };
        let schema = match row.name {
            "code" => json!({ "const": code, "description": row.doc }),
            "type" => json!({ "const": type_name, "description": row.doc }),
            "payload" => payload.clone(),
            _ => row_schema(&row),
        };
        if row.presence == Presence::Required {
            required.push(row.name);
        }
        properties.insert(row.name.to_owned(), schema);
    }
    json!({
        "$schema": DIALECT,
        "$id": format!("urn:flightrec:event:{code}"),
        "title": type_name,
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn object_schema(rows: &[FieldSpec]) -> Json {
    let properties: Map<String, Json> = rows.iter().map(|row| (row.name.to_owned(), row_schema(row))).collect();
    let required: Vec<&str> =
        rows.iter().filter(|row| row.presence != Presence::Optional).map(|row| row.name).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn row_schema(row: &FieldSpec) -> Json {
    let schema = shape_schema(row.shape);
    let schema = match row.presence {
        Presence::Required => schema,
        Presence::Nullable | Presence::Optional => json!({ "anyOf": [schema, { "type": "null" }] }),
    };
    described(schema, row.doc)
}

fn described(mut schema: Json, doc: &str) -> Json {
    schema["description"] = Json::from(doc);
    schema
}

fn shape_schema(shape: Shape) -> Json {
    match shape {
        Shape::Id => id_schema(),
        Shape::Text { max_bytes } => json!({ "type": "string", "maxLength": max_bytes }),
        Shape::Uuid => json!({ "type": "string", "format": "uuid" }),
        Shape::Hex { digits: digits @ 64.. } => json!({ "type": "string", "pattern": hex_pattern(digits) }),
        Shape::Hex { digits } => {
            json!({ "type": "string", "pattern": hex_pattern(digits), "not": { "const": "0".repeat(digits) } })
        }
        Shape::ArtifactId => json!({ "type": "string", "pattern": "^sha256:[0-9a-f]{64}$" }),
        Shape::Timestamp => json!({ "type": "string", "format": "date-time", "pattern": "(Z|z|[+-]00:00)$" }),
        Shape::Count => json!({ "type": "integer", "minimum": 0, "maximum": MAX_COUNT }),
        Shape::Number => json!({ "type": "number", "minimum": 0 }),
        Shape::Usd => json!({ "type": "number", "minimum": 0, "maximum": MAX_USD }),
        Shape::Bool => json!({ "type": "boolean" }),
        Shape::OneOf(words) => json!({ "enum": words }),
        Shape::List(item) => json!({ "type": "array", "items": shape_schema(*item), "maxItems": MAX_ITEMS }),
        Shape::Object(rows) => object_schema(rows),
        Shape::Attributes => json!({
            "type": "object",
            "maxProperties": MAX_ITEMS,
            "propertyNames": id_schema(),
            "additionalProperties": {
                "type": ["string", "number", "boolean", "array"],
                "maxLength": MAX_ATTRIBUTE_BYTES,
                "maxItems": MAX_ITEMS,
                "items": { "type": ["string", "number", "boolean"], "maxLength": MAX_ATTRIBUTE_BYTES },
            },
        }),
    }
}

fn id_schema() -> Json {
    let no_controls = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$";
    json!({ "type": "string", "minLength": 1, "maxLength": MAX_ID_BYTES, "pattern": no_controls })
}

fn hex_pattern(digits: usize) -> String {
    format!("^[0-9a-f]{{{digits}}}$")
}

/// A shape in words, for tables.
pub fn shape_name(shape: Shape) -> String {
    match shape {
        Shape::Id => "id".to_owned(),
        Shape::Text { max_bytes } => format!("text ≤ {max_bytes}"),
        Shape::Uuid => "UUID".to_owned(),
        Shape::Hex { digits } => format!("{digits} hex"),
        Shape::ArtifactId => "artifact id".to_owned(),
        Shape::Timestamp => "RFC 3339 UTC".to_owned(),
        Shape::Count => "count".to_owned(),
        Shape::Number => "number ≥ 0".to_owned(),
        Shape::Usd => "US dollars".to_owned(),
        Shape::Bool => "boolean".to_owned(),
        Shape::OneOf(words) => words.join(" · "),
        Shape::List(item) => format!("list of {}", shape_name(*item)),
        Shape::Object(rows) => {
            let rows: Vec<String> =
                rows.iter()
                    .map(|row| {
                        if row.presence == Presence::Optional { format!("{}?", row.name) } else { row.name.to_owned() }
                    })
                    .collect();
            format!("{{{}}}", rows.join(", "))
        }
        Shape::Attributes => "attributes".to_owned(),
    }
}

/// Whether a row must be there, in one word.
pub const fn presence_name(presence: Presence) -> &'static str {
    match presence {
        Presence::Required => "required",
        Presence::Nullable => "required, may be null",
        Presence::Optional => "optional",
    }
}

/// The reference page of all families, in Markdown.
pub fn reference_page() -> String {
    let mut page = String::from(
        "# Events\n\nGenerated from the registry by `flightrec schema --format markdown`; edit the tables in `crates/events`, not this page.\n\n",
    );
    page.push_str("## The envelope\n\n");
    rows(&mut page, ENVELOPE);
    page.push_str(
        "\nOn output, the recorder adds `seq`, the gap-free position in its store, and `recorded_at`, its own clock.\n",
    );
    let mut group = None;
    for &kind in Kind::ALL {
        if group != Some(kind.group()) {
            group = Some(kind.group());
            let _infallible = write!(page, "\n## {}\n", kind.group().title());
        }
        let session = kind
            .session_field()
            .map_or(String::new(), |field| format!(" `model_session_id` equals `payload.{field}`."));
        let _infallible = write!(page, "\n### `{}` `{}`\n\n{}{session}\n\n", kind.code(), kind.type_name(), kind.doc());
        rows(&mut page, kind.fields());
    }
    page.push_str("\n## Objects in payloads\n");
    let mut seen: Vec<&'static [FieldSpec]> = Vec::new();
    for row in Kind::ALL.iter().flat_map(|kind| kind.fields()) {
        let (Shape::Object(inner) | Shape::List(&Shape::Object(inner))) = row.shape else { continue };
        if !seen.contains(&inner) {
            seen.push(inner);
            let _infallible = write!(page, "\n### `{}`\n\n", row.name);
            rows(&mut page, inner);
        }
    }
    let _infallible = write!(
        page,
        "\n## Rules\n\nA rejection carries `{INVALID_EVENT}` and the first rule broken, in the order JSON, shape, correlation, identity, state.\nAn event is at most {MAX_EVENT_BYTES} bytes as JSON.\n\n| rule | demands |\n|---|---|\n"
    );
    for rule in Rule::ALL {
        let _infallible = writeln!(page, "| `{rule}` |{} |", rule.doc());
    }
    page
}

fn rows(page: &mut String, rows: &[FieldSpec]) {
    page.push_str("| field | | type | meaning |\n|---|---|---|---|\n");
    for row in rows {
        let _infallible = writeln!(
            page,
            "| `{}` | {} | {} | {} |",
            row.name,
            presence_name(row.presence),
            shape_name(row.shape),
            row.doc
        );
    }
}
