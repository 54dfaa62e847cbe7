//! What messages say: content by its hash, with secrets looked for once more before it leaves the store.

use std::borrow::Cow;

use flightrec_events::ArtifactId;
use flightrec_recorder::redact::{Context, Redactor};
use flightrec_recorder::{ArtifactError, Reader};

/// The most bytes of one content that are shown.
pub(super) const SHOWN_BYTES: usize = 64 * 1024;

/// Content as it is shown.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Text, and how many bytes of it are left out.
    Text(String, usize),
    /// Why it is not shown.
    Absent(String),
}

/// The content behind an id. What is kept was redacted when it was given; a page is sent to others, so that names of
/// people, machines and files go as well.
pub(super) fn content(reader: &Reader, redactor: &Redactor, id: Option<ArtifactId>) -> Content {
    let Some(id) = id else { return Content::Absent("its content was not kept".to_owned()) };
    match reader.artifacts().get(id.sha256()) {
        Ok(bytes) => shown(&bytes, redactor),
        Err(ArtifactError::NotFound(_)) => Content::Absent("its content was never given to this store".to_owned()),
        Err(error) => Content::Absent(format!("its content cannot be read: {error}")),
    }
}

fn shown(bytes: &[u8], redactor: &Redactor) -> Content {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Content::Absent(format!("{} bytes that are no text", bytes.len()));
    };
    // All of it is looked at before any is cut off: half a secret has no shape.
    let clean: Cow<'_, str> = redactor.redact(text, Context::FreeText);
    let end = clean.floor_char_boundary(SHOWN_BYTES);
    Content::Text(clean[..end].to_owned(), clean.len() - end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_names_go_and_long_texts_are_cut() {
        let redactor = Redactor::new();
        let of = |text: &str| shown(text.as_bytes(), &redactor);
        assert_eq!(of("plain"), Content::Text("plain".to_owned(), 0));
        let Content::Text(text, 0) = of("password=correct-horse-7, ask jane.doe@example.com") else { panic!() };
        assert!(!text.contains("correct-horse") && !text.contains("jane.doe"), "{text}");
        // A secret across the cut is found, too.
        let across = format!("{} password=correct-horse-7", "x ".repeat(SHOWN_BYTES / 2 - 8));
        let Content::Text(text, left) = of(&across) else { panic!() };
        assert!(!text.contains("correct") && text.len() <= SHOWN_BYTES && left > 0, "{left}");
        assert_eq!(shown(&[0xff, 0xfe, 0x00], &redactor), Content::Absent("3 bytes that are no text".to_owned()));
    }
}
