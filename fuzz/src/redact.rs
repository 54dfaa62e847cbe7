//! Targets of the redactor: any text, and any bytes.

use std::sync::OnceLock;

use flightrec_recorder::redact::{Context, Policy, Redactor, corpus};

/// Every detector, everywhere.
fn redactor() -> &'static Redactor {
    static REDACTOR: OnceLock<Redactor> = OnceLock::new();
    REDACTOR.get_or_init(|| Redactor::with_policy(Policy { in_artifacts: true, ..Policy::default() }))
}

/// A text, in each context: redacting twice is redacting once.
pub(crate) fn text(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for context in [Context::Token, Context::FreeText, Context::Artifact] {
        let once = redactor().redact(&text, context);
        let twice = redactor().redact(&once, context);
        assert_eq!(once, twice, "redacting again as {context:?} changes the text");
    }
}

/// The content of an artifact: redacting twice is redacting once, and the answer says whether there was a hit.
pub(crate) fn bytes(data: &[u8]) {
    let (once, hit) = redactor().redact_bytes(data);
    assert_eq!(hit, *once != *data, "the answer is at odds with the content");
    let (twice, again) = redactor().redact_bytes(&once);
    assert!(!again && twice == once, "redacting again changes the content");
    if std::str::from_utf8(data).is_ok() {
        assert!(std::str::from_utf8(&once).is_ok(), "text became something that is no text");
    }
}

/// A planted secret for every detector, and texts around it.
pub(crate) fn text_seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![
        b"nothing to hide: 42 tests passed in 3.1 s".to_vec(),
        b"[REDACTED:token:bearer_token] and [REDACTED:unknown:redactor_failed]".to_vec(),
    ];
    for (index, planted) in corpus::planted().iter().enumerate() {
        let text = &planted.text;
        seeds.push(match index % 4 {
            0 => text.clone().into_bytes(),
            1 => format!("before {text} after").into_bytes(),
            2 => serde_json::json!({ "a": text, "b": { "c": [text] } }).to_string().into_bytes(),
            _ => text.replace('=', "%3D").replace('/', "\\u002f").into_bytes(),
        });
    }
    seeds
}

/// The seeds of [`text`], every third of them as UTF-16, every fifth between bytes that are no text.
pub(crate) fn bytes_seeds() -> Vec<Vec<u8>> {
    let mut seeds = text_seeds();
    for (index, seed) in seeds.iter_mut().enumerate() {
        if index % 3 == 0 {
            let text = String::from_utf8_lossy(seed);
            *seed = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        } else if index % 5 == 0 {
            *seed = [b"\xff\xfe\0\x80", seed.as_slice(), b"\xc3\0\xf0"].concat();
        }
    }
    seeds
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    #[test]
    fn most_seeds_hold_something_to_find() {
        let seeds = text_seeds();
        let hits = seeds
            .iter()
            .filter(|seed| {
                let text = String::from_utf8_lossy(seed);
                matches!(redactor().redact(&text, Context::FreeText), Cow::Owned(_))
            })
            .count();
        assert!(hits * 10 > seeds.len() * 8, "{hits} of {}", seeds.len());
    }
}
