//! Words of the record that this crate writes.

use flightrec_events::{Id, Label, Reason};

/// A word of ours as an id.
pub(crate) fn id(word: &str) -> Id {
    Id::new(word).expect("the words of this crate are short and printable")
}

/// A sentence as a reason; what is too long loses its end.
pub(crate) fn reason(text: &str) -> Reason {
    Reason::new(fitting(text, 1024)).unwrap_or_else(|_| unreachable!("it was made to fit"))
}

/// A name as a label; what is too long loses its end.
pub(crate) fn label(text: &str) -> Label {
    Label::new(fitting(text, 256)).unwrap_or_else(|_| unreachable!("it was made to fit"))
}

fn fitting(text: &str, limit_bytes: usize) -> &str {
    &text[..text.floor_char_boundary(limit_bytes)]
}
