//! What the owner of a store may choose about redaction, and what no one may.

/// Where a text comes from, which decides the detectors that look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Context {
    /// Ids, names and other short fields: only the detectors that are always on.
    Token,
    /// Sentences such as reasons and error messages: also the detectors that the policy turns on.
    FreeText,
    /// Content given to the artifact store: the policy decides by [`Policy::in_artifacts`].
    Artifact,
}

/// Which of the optional detectors look at free text.
///
/// Keys, tokens, passwords, private keys and database URLs are no part of it: they are always
/// looked for, everywhere.
///
/// ```
/// use flightrec_recorder::redact::Policy;
///
/// let policy = Policy { emails: false, ..Policy::default() };
/// assert!(policy.phones);
/// ```
#[expect(clippy::struct_excessive_bools, reason = "each is an independent switch that a user sets by its name")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Policy {
    /// E-mail addresses.
    pub emails: bool,
    /// Telephone numbers.
    pub phones: bool,
    /// Absolute paths of the local machine.
    pub absolute_paths: bool,
    /// Values of environment variables.
    pub environment: bool,
    /// Whether the switches above also hold for content given to the artifact store.
    pub in_artifacts: bool,
}

impl Default for Policy {
    /// Everything on in free text, nothing optional in artifacts: prompts and tool results are
    /// about paths and variables, and stay readable.
    fn default() -> Self {
        Self { emails: true, phones: true, absolute_paths: true, environment: true, in_artifacts: false }
    }
}

/// The optional detectors that are on for one text.
#[expect(clippy::struct_excessive_bools, reason = "the switches of the policy, for one context")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Enabled {
    pub(super) emails: bool,
    pub(super) phones: bool,
    pub(super) absolute_paths: bool,
    pub(super) environment: bool,
}

impl Policy {
    /// What is on for a text of this context.
    pub(super) fn enabled(self, context: Context) -> Enabled {
        let on = match context {
            Context::Token => false,
            Context::FreeText => true,
            Context::Artifact => self.in_artifacts,
        };
        Enabled {
            emails: on && self.emails,
            phones: on && self.phones,
            absolute_paths: on && self.absolute_paths,
            environment: on && self.environment,
        }
    }
}

impl Enabled {
    /// Whether any optional detector is on.
    pub(super) fn any(self) -> bool {
        self.emails || self.phones || self.absolute_paths || self.environment
    }
}
