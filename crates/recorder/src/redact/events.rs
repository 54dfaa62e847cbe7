//! Whole events: every text of an event passes the detectors of its class.

use std::borrow::Cow;

use flightrec_events::{CheckedEvent, TextClass};

use super::{Context, Redactor};

impl Redactor {
    /// Takes secrets out of every text of an event. Equal texts get equal answers, so that what
    /// belonged together still does.
    pub fn redact_event(&self, event: &mut CheckedEvent) {
        event.map_text(&mut |class, text| {
            let context = match class {
                TextClass::Token => Context::Token,
                TextClass::FreeText => Context::FreeText,
            };
            match self.redact(text, context) {
                Cow::Borrowed(_) => None,
                Cow::Owned(clean) => Some(clean),
            }
        });
    }
}
