//! What is wrong with an event: one rule, one field, one sentence for the caller.

use std::fmt;

/// The stable error code of a shape or rule violation.
pub const INVALID_EVENT: &str = "HSK-400-INVALID-EVENT";

macro_rules! rules {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// The rule that an event broke. The names are stable and part of every interface.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Rule { $($(#[doc = $doc])+ $variant,)+ }

        impl Rule {
            /// Every rule, in the order in which they are listed for users.
            pub const ALL: &'static [Rule] = &[$(Rule::$variant,)+];

            /// The stable name, such as `missing_field`.
            pub const fn name(self) -> &'static str {
                match self { $(Rule::$variant => $name,)+ }
            }

            /// What the rule demands, in one sentence.
            pub const fn doc(self) -> &'static str {
                match self { $(Rule::$variant => concat!($($doc),+),)+ }
            }
        }
    };
}

rules! {
    /// The line is JSON, in UTF-8, without repeated keys.
    MalformedJson = "malformed_json",
    /// `code` names a registered family.
    UnknownCode = "unknown_code",
    /// `type` names a registered family.
    UnknownType = "unknown_type",
    /// `code` and `type` belong to the same family.
    CodeTypeMismatch = "code_type_mismatch",
    /// A required field is present.
    MissingField = "missing_field",
    /// No field stands outside the family's table.
    UnknownField = "unknown_field",
    /// A field has the JSON type of its table row.
    WrongType = "wrong_type",
    /// A field's value is one that its table row allows.
    BadValue = "bad_value",
    /// Lengths, counts and amounts keep within their bounds.
    OutOfBounds = "out_of_bounds",
    /// `seq` and `recorded_at` are the recorder's to give.
    AssignedByRecorder = "assigned_by_recorder",
    /// `model_session_id` is there wherever the correlation rule asks for it.
    MissingModelSessionId = "missing_model_session_id",
    /// `model_session_id` equals the session that the payload names.
    CorrelationMismatch = "correlation_mismatch",
    /// Content is an artifact and stands in no payload.
    InlineContent = "inline_content",
    /// The session was created before anything happens in it.
    UnknownSession = "unknown_session",
    /// A state change starts at the present state and takes a legal step.
    IllegalTransition = "illegal_transition",
    /// Nothing new starts once a session has reached a terminal state.
    AfterTerminal = "after_terminal",
    /// An `event_id` stands for one content, for ever.
    EventIdConflict = "event_id_conflict",
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One broken rule: the first that an event breaks in the order JSON, shape, correlation,
/// identity, state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{INVALID_EVENT}: {rule}{}: {message}", .field.as_deref().map(|f| format!(" at {f}")).unwrap_or_default())]
pub struct Violation {
    /// The rule that was broken.
    pub rule: Rule,
    /// The field, as a path such as `payload.token_usage.prompt_tokens`; `None` if it is the whole event.
    /// The name of an unknown field comes from the event: cut at 64 characters, control characters
    /// replaced, but otherwise as it came, so that it passes the redactor before it is kept or logged.
    pub field: Option<String>,
    /// What was expected. It never repeats a value of the event, which might be a secret.
    pub message: String,
}

impl Violation {
    /// A violation of the whole event.
    pub fn new(rule: Rule, message: impl Into<String>) -> Self {
        Self { rule, field: None, message: message.into() }
    }

    /// A violation at one field.
    pub fn at(rule: Rule, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { rule, field: Some(field.into()), message: message.into() }
    }

    /// The same violation, seen from the object that holds `parent`.
    #[must_use]
    pub fn within(mut self, parent: &str) -> Self {
        self.field = Some(match self.field {
            None => parent.to_owned(),
            Some(field) if field.starts_with('[') => format!("{parent}{field}"),
            Some(field) => format!("{parent}.{field}"),
        });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_grows_from_the_inside_out() {
        let v = Violation::new(Rule::WrongType, "expected a string").within("[3]").within("to_roles").within("payload");
        assert_eq!(v.field.as_deref(), Some("payload.to_roles[3]"));
        assert_eq!(v.to_string(), "HSK-400-INVALID-EVENT: wrong_type at payload.to_roles[3]: expected a string");
    }
}
