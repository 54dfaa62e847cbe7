//! The registry of families: the way from a line of JSON to a [`CheckedEvent`].

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::checked::{CheckedEvent, check_actor, check_size, check_span};
use crate::declared::{DeclareError, DeclaredFamily};
use crate::event::{ENVELOPE, Event};
use crate::families::{Kind, Payload};
use crate::ids::EventId;
use crate::json::Json;
use crate::value::{Slots, missing, object, optional, printable, required};
use crate::violation::{Rule, Violation};

/// All families that a store knows: the built-in ones and those that its user declared. It is
/// closed: an unknown code or type is rejected, always.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    by_code: BTreeMap<Arc<str>, Arc<DeclaredFamily>>,
    by_type: BTreeMap<Arc<str>, Arc<DeclaredFamily>>,
}

/// An event that was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{violation}")]
pub struct Rejection {
    /// Its id, if it had a readable one.
    pub event_id: Option<EventId>,
    /// The first rule that it broke.
    pub violation: Violation,
}

/// The family of an event.
enum Family<'a> {
    Builtin(Kind),
    Declared(&'a Arc<DeclaredFamily>),
}

impl Family<'_> {
    const fn kind(&self) -> Option<Kind> {
        match self {
            Family::Builtin(kind) => Some(*kind),
            Family::Declared(_) => None,
        }
    }
}

impl Registry {
    /// The built-in families alone.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the families of one declaration file.
    ///
    /// # Errors
    /// [`DeclareError`] if the file is no JSON Schema of families, or names a code or type that
    /// another family has. Declaring the same file twice changes nothing.
    pub fn declare(&mut self, file: &[u8]) -> Result<(), DeclareError> {
        let families = DeclaredFamily::read_all(file)?;
        for (i, family) in families.iter().enumerate() {
            let taken = Kind::from_code(family.code()).is_some()
                || Kind::from_type_name(family.type_name()).is_some()
                || families[..i].iter().any(|other| other.type_name() == family.type_name())
                || self.by_code.get(family.code()).is_some_and(|other| !other.same_as(family))
                || self.by_type.get(family.type_name()).is_some_and(|other| !other.same_as(family));
            if taken {
                return Err(DeclareError::Taken {
                    code: family.code().to_owned(),
                    type_name: family.type_name().to_owned(),
                });
            }
        }
        for family in families {
            let family = Arc::new(family);
            self.by_code.insert(family.code().into(), Arc::clone(&family));
            self.by_type.insert(family.type_name().into(), family);
        }
        Ok(())
    }

    /// The declared families, by code.
    pub fn declared(&self) -> impl Iterator<Item = &Arc<DeclaredFamily>> {
        self.by_code.values()
    }

    /// The codes and types that a word names: itself, or all that begin so if it ends with `*`. None if nothing
    /// is called so.
    ///
    /// ```
    /// let registry = flightrec_events::Registry::new();
    /// assert_eq!(registry.named("span.opened"), ["span.opened"]);
    /// assert_eq!(registry.named("span.*"), ["span.opened", "span.closed"]);
    /// assert!(registry.named("span").is_empty());
    /// ```
    pub fn named(&self, word: &str) -> Vec<String> {
        let declared = self.declared().flat_map(|family| [family.code(), family.type_name()]);
        let known = Kind::ALL.iter().flat_map(|kind| [kind.code(), kind.type_name()]).chain(declared);
        let is_meant = |name: &&str| match word.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => *name == word,
        };
        known.filter(is_meant).map(str::to_owned).collect()
    }

    /// Reads one event from one JSON object.
    ///
    /// # Errors
    /// [`Rejection`] with the first broken rule, in the order JSON, shape, correlation.
    pub fn parse(&self, line: &[u8]) -> Result<CheckedEvent, Rejection> {
        let reject = |event_id| move |violation| Rejection { event_id, violation };
        check_size(line.len()).map_err(reject(None))?;
        let json = Json::parse(line).map_err(reject(None))?;
        let Json::Object(fields) = &json else {
            let violation = Violation::new(Rule::WrongType, format!("expected an object, found {}", json.type_name()));
            return Err(reject(None)(violation));
        };
        let rows = Envelope::new(fields, ENVELOPE);
        let event_id = required::<EventId>(rows.row(1), "event_id").map_err(reject(None))?;
        self.parse_rows(event_id, &rows).map_err(reject(Some(event_id)))
    }

    /// Reads the rows of the envelope in their order, then what stands outside of the table, then the
    /// payload in the order of its own table.
    fn parse_rows(&self, event_id: EventId, rows: &Envelope<'_, '_>) -> Result<CheckedEvent, Violation> {
        let family = self.family(rows)?;
        let timestamp = required(rows.row(4), "timestamp")?;
        let actor = required(rows.row(5), "actor")?;
        check_actor(family.kind(), actor)?;
        let actor_id = optional(rows.row(6), "actor_id")?;
        let trace_id = optional(rows.row(7), "trace_id")?;
        if trace_id.is_none() && family.kind().is_some_and(Kind::needs_trace) {
            return Err(missing("trace_id"));
        }
        let job_id = optional(rows.row(8), "job_id")?;
        let workflow_id = optional(rows.row(9), "workflow_id")?;
        let model_id = optional(rows.row(10), "model_id")?;
        let model_session_id = optional(rows.row(11), "model_session_id")?;
        let activity_span_id = optional(rows.row(12), "activity_span_id")?;
        let session_span_id = optional(rows.row(13), "session_span_id")?;
        check_span(family.kind(), activity_span_id.or(session_span_id))?;
        let wsids = optional(rows.row(14), "wsids")?;
        let capability_id = optional(rows.row(15), "capability_id")?;
        let policy_decision_id = optional(rows.row(16), "policy_decision_id")?;
        let payload = rows.row(17).ok_or_else(|| missing("payload"))?;
        object(payload).map_err(|v| v.within("payload"))?;
        check_strangers(rows)?;
        let payload = match &family {
            Family::Builtin(kind) => kind.parse(payload),
            Family::Declared(family) => DeclaredFamily::parse(family, payload).map(Payload::Declared),
        }
        .map_err(|v| v.within("payload"))?;
        let event = Event {
            event_id,
            timestamp,
            actor,
            actor_id,
            trace_id,
            job_id,
            workflow_id,
            model_id,
            model_session_id,
            activity_span_id,
            session_span_id,
            wsids,
            capability_id,
            policy_decision_id,
            payload,
        };
        event.check()
    }

    fn family(&self, rows: &Envelope<'_, '_>) -> Result<Family<'_>, Violation> {
        let code = word(rows.row(2), "code")?;
        let by_code =
            Kind::from_code(code).map(Family::Builtin).or_else(|| self.by_code.get(code).map(Family::Declared));
        let family = by_code.ok_or_else(|| {
            Violation::at(
                Rule::UnknownCode,
                "code",
                "no such family; `flightrec schema` lists them, and a JSON Schema file declares more",
            )
        })?;
        let type_name = word(rows.row(3), "type")?;
        let expected = match &family {
            Family::Builtin(kind) => kind.type_name(),
            Family::Declared(family) => family.type_name(),
        };
        if type_name == expected {
            Ok(family)
        } else if Kind::from_type_name(type_name).is_some() || self.by_type.contains_key(type_name) {
            Err(Violation::at(Rule::CodeTypeMismatch, "type", format!("expected {expected} for this code")))
        } else {
            Err(Violation::at(Rule::UnknownType, "type", format!("no such type; expected {expected} for this code")))
        }
    }
}

/// The rows of the envelope, by their tags.
type Envelope<'j, 'a> = Slots<'j, 'a, { ENVELOPE.len() }>;

fn word<'j>(json: Option<&'j Json<'_>>, name: &'static str) -> Result<&'j str, Violation> {
    let json = json.ok_or_else(|| missing(name))?;
    if let Json::Str(text) = json { Ok(text) } else { Err(json.wrong_type("a string").within(name)) }
}

/// What stands outside of the envelope's table: the recorder's own fields first, then unknown ones.
fn check_strangers(rows: &Envelope<'_, '_>) -> Result<(), Violation> {
    let strangers = || rows.strangers(ENVELOPE);
    if let Some(name) = ["seq", "recorded_at"].into_iter().find(|name| strangers().any(|stranger| stranger == *name)) {
        return Err(Violation::at(Rule::AssignedByRecorder, name, "the recorder alone assigns it; leave it out"));
    }
    match strangers().next() {
        Some(name) => Err(Violation::at(Rule::UnknownField, printable(name), "no such field in the envelope")),
        None => Ok(()),
    }
}
