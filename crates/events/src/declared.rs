//! Families that a user declares in a JSON Schema file, so that they cost no code.
//!
//! A declaration file is a JSON Schema (2020-12) document whose `$defs` hold one schema per family,
//! keyed by its code. Three keywords are ours: `x-type` (required) is the type name,
//! `x-session-field` names the payload field that `model_session_id` must equal, and
//! `x-needs-session: true` asks for `model_session_id` without one, as every code that begins with
//! `FR-EVT-SESS` does.
//!
//! The rules of all events hold in declared payloads too: no field is named like content, arrays
//! have at most 1,024 items, and a string at most 256 bytes, or as many as its schema's `maxLength`
//! says, up to 1,024. Formats such as `date-time` are checked.
//!
//! ```json
//! { "$schema": "https://json-schema.org/draft/2020-12/schema",
//!   "title": "Terminal",
//!   "$defs": { "FR-EVT-TERM-001": {
//!     "x-type": "terminal.opened", "description": "A terminal was opened.",
//!     "type": "object", "required": ["terminal_id"], "additionalProperties": false,
//!     "properties": { "terminal_id": { "type": "string" } } } } }
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Document;

use crate::codec::{DecodeError, Decoder, Encoder};
use crate::json::Json;
use crate::text::{Id, MAX_ID_BYTES, fitting};
use crate::value::{TextClass, TextMap, Value, check_items, is_content_name, printable};
use crate::violation::{Rule, Violation};

/// The most bytes of a string in a declared payload, whatever its schema says.
const MAX_STRING_BYTES: usize = 1024;

/// Codes with this prefix belong to a session.
const SESSION_CODES: &str = "FR-EVT-SESS";

/// A declaration file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum DeclareError {
    /// The file is no JSON.
    #[error("the declaration is not valid JSON: {0}; write one JSON Schema document")]
    Json(#[source] serde_json::Error),
    /// The file declares nothing, or a family lacks something.
    #[error("the declaration of {family} cannot be used: {problem}")]
    Incomplete {
        /// The family, or the whole file.
        family: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// Another family has this code or type.
    #[error("{code} ({type_name}) is declared already with another meaning; choose another code and type")]
    Taken {
        /// The code.
        code: String,
        /// The type name.
        type_name: String,
    },
}

/// One family that a user declared.
#[derive(Debug)]
pub struct DeclaredFamily {
    code: Arc<str>,
    type_name: Arc<str>,
    session_field: Option<Arc<str>>,
    needs_session: bool,
    schema: Document,
    validator: jsonschema::Validator,
}

impl DeclaredFamily {
    /// The schema id.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The type name.
    pub fn type_name(&self) -> &str {
        &self.type_name
    }

    /// Its payload as JSON Schema.
    pub const fn schema(&self) -> &Document {
        &self.schema
    }

    /// The payload field that `model_session_id` must equal, if the declaration names one.
    pub fn session_field(&self) -> Option<&str> {
        self.session_field.as_deref()
    }

    /// Whether its events must carry a `model_session_id`.
    pub const fn needs_session(&self) -> bool {
        self.needs_session
    }

    pub(crate) fn same_as(&self, other: &Self) -> bool {
        self.code == other.code && self.schema == other.schema
    }

    pub(crate) fn read_all(file: &[u8]) -> Result<Vec<Self>, DeclareError> {
        let document: Document = serde_json::from_slice(file).map_err(DeclareError::Json)?;
        let families = document.get("$defs").and_then(Document::as_object).filter(|families| !families.is_empty());
        let families = families
            .ok_or_else(|| incomplete("the file", "give it `$defs` with one schema per family, keyed by its code"))?;
        families.iter().map(|(code, schema)| Self::read(code, schema)).collect()
    }

    fn read(code: &str, schema: &Document) -> Result<Self, DeclareError> {
        Id::new(code).map_err(|v| incomplete("a family", &format!("its code: {}", v.message)))?;
        let text = |key: &str| schema.get(key).and_then(Document::as_str);
        let type_name = text("x-type").ok_or_else(|| incomplete(code, "give it `x-type`, the type name"))?;
        Id::new(type_name).map_err(|v| incomplete(code, &format!("`x-type`: {}", v.message)))?;
        let session_field = match schema.get("x-session-field") {
            None => None,
            Some(Document::String(name)) if !name.is_empty() => Some(Arc::from(name.as_str())),
            Some(_) => return Err(incomplete(code, "`x-session-field` is the name of a payload field")),
        };
        let needs_session = match schema.get("x-needs-session") {
            None => session_field.is_some() || code.starts_with(SESSION_CODES),
            Some(Document::Bool(needs)) => *needs || session_field.is_some() || code.starts_with(SESSION_CODES),
            Some(_) => return Err(incomplete(code, "`x-needs-session` is true or false")),
        };
        let validator = jsonschema::options()
            .with_draft(jsonschema::Draft::Draft202012)
            .should_validate_formats(true)
            .build(schema)
            .map_err(|error| incomplete(code, &format!("it is no valid JSON Schema 2020-12: {error}")))?;
        Ok(Self {
            code: code.into(),
            type_name: type_name.into(),
            session_field,
            needs_session,
            schema: schema.clone(),
            validator,
        })
    }

    pub(crate) fn parse(family: &Arc<Self>, payload: &Json<'_>) -> Result<DeclaredPayload, Violation> {
        check_bounds(payload, Some(&family.schema))?;
        let document = payload.to_value();
        let violations = family.validator.iter_errors(&document).map(|error| violation(&error, &document));
        let first = violations.min_by_key(|v| (rank(v.rule), v.field.clone()));
        if let Some(violation) = first {
            return Err(violation);
        }
        let session = match &family.session_field {
            None => None,
            Some(name) => match document.get(&**name) {
                Some(Document::String(text)) => Some(Id::new(text.as_str()).map_err(|v| v.within(name))?),
                Some(_) => return Err(Violation::at(Rule::WrongType, name.to_string(), "expected a string")),
                None => return Err(crate::value::missing(name)),
            },
        };
        Ok(DeclaredPayload {
            code: Arc::clone(&family.code),
            type_name: Arc::clone(&family.type_name),
            session_field: family.session_field.clone(),
            needs_session: family.needs_session,
            session,
            json: sorted(payload),
        })
    }
}

fn incomplete(family: &str, problem: &str) -> DeclareError {
    DeclareError::Incomplete { family: printable(family), problem: problem.to_owned() }
}

/// The text of a value, keys sorted.
fn sorted(json: &Json<'_>) -> Arc<str> {
    let mut text = Vec::new();
    json.write_sorted(&mut text);
    String::from_utf8(text).expect("JSON is written as UTF-8").into()
}

/// Content names and bounds hold in declared payloads as in all others. `schema` is what the
/// declaration says of this place, as far as `properties` and `items` lead to it.
fn check_bounds(json: &Json<'_>, schema: Option<&Document>) -> Result<(), Violation> {
    match json {
        Json::Null | Json::Bool(_) | Json::Unsigned(_) | Json::Negative(_) | Json::Float(_) => Ok(()),
        Json::Str(text) => {
            let declared = schema.and_then(|schema| schema.get("maxLength")).and_then(Document::as_u64);
            let max = declared.map_or(MAX_ID_BYTES, |_| MAX_STRING_BYTES);
            if text.len() > max {
                return Err(Violation::new(Rule::OutOfBounds, format!("at most {max} bytes, found {}", text.len())));
            }
            Ok(())
        }
        Json::Array(items) => {
            check_items(items.len())?;
            let schema = schema.and_then(|schema| schema.get("items"));
            items
                .iter()
                .enumerate()
                .try_for_each(|(i, item)| check_bounds(item, schema).map_err(|v| v.within(&format!("[{i}]"))))
        }
        Json::Object(fields) => {
            let properties = schema.and_then(|schema| schema.get("properties"));
            fields.iter().try_for_each(|(name, value)| {
                if is_content_name(name) {
                    return Err(crate::value::unexpected(name));
                }
                let schema = properties.and_then(|properties| properties.get(&**name));
                check_bounds(value, schema).map_err(|v| v.within(&printable(name)))
            })
        }
    }
}

/// The rule that a schema error breaks, with its place.
fn violation(error: &jsonschema::ValidationError<'_>, payload: &Document) -> Violation {
    use jsonschema::error::ValidationErrorKind as K;
    let place = path(error.instance_path().as_str(), payload);
    let at = |rule, extra: Option<String>, message: &str| {
        let mut violation = Violation::new(rule, message);
        violation.field = extra;
        place.iter().rev().fold(violation, |v, segment| v.within(segment))
    };
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the library's list of keywords grows; any other is a bad value"
    )]
    match error.kind() {
        K::Required { property } => at(Rule::MissingField, property.as_str().map(str::to_owned), "required"),
        K::AdditionalProperties { unexpected } | K::UnevaluatedProperties { unexpected } => {
            at(Rule::UnknownField, unexpected.first().map(|name| printable(name)), "no such field in this family")
        }
        K::Type { .. } => at(Rule::WrongType, None, "not of the declared type"),
        K::Minimum { .. }
        | K::Maximum { .. }
        | K::ExclusiveMinimum { .. }
        | K::ExclusiveMaximum { .. }
        | K::MinLength { .. }
        | K::MaxLength { .. }
        | K::MinItems { .. }
        | K::MaxItems { .. }
        | K::MinProperties { .. }
        | K::MaxProperties { .. } => at(Rule::OutOfBounds, None, "outside the declared bounds"),
        _ => at(Rule::BadValue, None, "not a value that the declaration allows"),
    }
}

/// The segments of a JSON pointer into `payload`, array indices in brackets.
fn path(pointer: &str, payload: &Document) -> Vec<String> {
    let mut place = Some(payload);
    let mut segments = Vec::new();
    for segment in pointer.split('/').skip(1) {
        let name = segment.replace("~1", "/").replace("~0", "~");
        if let Some(Document::Array(items)) = place {
            place = name.parse().ok().and_then(|index: usize| items.get(index));
            segments.push(format!("[{name}]"));
        } else {
            place = place.and_then(|place| place.get(&name));
            segments.push(printable(&name));
        }
    }
    segments
}

/// The order in which the rules of one payload are named.
fn rank(rule: Rule) -> usize {
    Rule::ALL.iter().position(|&r| r == rule).unwrap_or(usize::MAX)
}

const HAS_SESSION: u8 = 1;
const NEEDS_SESSION: u8 = 2;

/// The payload of a declared family.
#[derive(Debug, Clone, PartialEq)]
pub struct DeclaredPayload {
    code: Arc<str>,
    type_name: Arc<str>,
    session_field: Option<Arc<str>>,
    needs_session: bool,
    session: Option<Id>,
    json: Arc<str>,
}

impl DeclaredPayload {
    /// The schema id.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The type name.
    pub fn type_name(&self) -> &str {
        &self.type_name
    }

    /// The payload as JSON text, keys sorted.
    pub fn json(&self) -> &str {
        &self.json
    }

    pub(crate) const fn session(&self) -> Option<&Id> {
        self.session.as_ref()
    }

    pub(crate) fn session_field(&self) -> Option<&str> {
        self.session_field.as_deref()
    }

    pub(crate) const fn needs_session(&self) -> bool {
        self.needs_session
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.json.as_bytes());
    }

    /// Code, type name, name of the session field or nothing, flags, the session if there is one, JSON.
    pub(crate) fn encode(&self, out: &mut Encoder<'_>) {
        out.str(&self.code);
        out.str(&self.type_name);
        out.str(self.session_field.as_deref().unwrap_or_default());
        let flag = |there, flag| if there { flag } else { 0 };
        out.byte(flag(self.session.is_some(), HAS_SESSION) | flag(self.needs_session, NEEDS_SESSION));
        if let Some(session) = &self.session {
            session.encode(out);
        }
        out.str(&self.json);
    }

    pub(crate) fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let (code, type_name) = (input.str()?, input.str()?);
        let session_field = Some(input.str()?).filter(|name| !name.is_empty());
        let flags = input.byte()?;
        if flags & !(HAS_SESSION | NEEDS_SESSION) != 0 {
            return Err(DecodeError("a declared payload has an unknown flag"));
        }
        let session = if flags & HAS_SESSION == 0 { None } else { Some(Id::decode(input)?) };
        let json = input.str()?;
        // It is printed as it is, so that anything else would break the line it stands in.
        if !matches!(Json::parse(json.as_bytes()), Ok(Json::Object(_))) {
            return Err(DecodeError("a declared payload is no JSON object"));
        }
        let needs_session = flags & NEEDS_SESSION != 0;
        Ok(Self { code, type_name, session_field, needs_session, session, json })
    }

    pub(crate) fn map_text(&mut self, map: &mut TextMap<'_>) {
        if let Some(session) = &mut self.session {
            session.map_text(map);
        }
        let text = Arc::clone(&self.json);
        let Ok(mut json) = Json::parse(text.as_bytes()) else { return };
        map_json(&mut json, map, self.session_field.as_deref());
        if let (Some(name), Some(session), Json::Object(fields)) = (&self.session_field, &self.session, &mut json) {
            for (_, value) in fields.iter_mut().filter(|(key, _)| **key == **name) {
                *value = Json::Str(session.as_str().to_owned().into());
            }
        }
        self.json = sorted(&json);
    }

    pub(crate) fn bulk_bytes(&self) -> usize {
        self.json.len()
    }
}

/// Replaces texts and names of fields; the field named `keep` is the caller's. Two names that
/// become equal keep the later value, so that the result has no name twice.
fn map_json(json: &mut Json<'_>, map: &mut TextMap<'_>, keep: Option<&str>) {
    match json {
        Json::Null | Json::Bool(_) | Json::Unsigned(_) | Json::Negative(_) | Json::Float(_) => {}
        Json::Str(text) => {
            if let Some(replacement) = map(TextClass::FreeText, text) {
                *text = fitting(replacement, MAX_STRING_BYTES).into();
            }
        }
        Json::Array(items) => items.iter_mut().for_each(|item| map_json(item, map, None)),
        Json::Object(fields) => {
            let mut renamed = BTreeMap::new();
            for (name, mut value) in std::mem::take(fields) {
                if keep == Some(&*name) {
                    renamed.insert(name, value);
                    continue;
                }
                map_json(&mut value, map, None);
                let name = map(TextClass::FreeText, &name).map_or(name, Into::into);
                renamed.insert(name, value);
            }
            fields.extend(renamed);
        }
    }
}
