//! What holds for every text: no panic, no change the second time, valid UTF-8, bounded work.

use proptest::prelude::*;

use super::redactor;
use crate::redact::corpus::{self, Dice};
use crate::redact::{Category, Context, Policy, Redactor};

/// Pieces that wake matchers and views.
fn piece() -> impl Strategy<Value = String> {
    let secrets = corpus::planted();
    let count = secrets.len();
    prop_oneof![
        4 => any::<String>(),
        3 => "[ -~]{0,40}",
        3 => (0..count).prop_map(move |at| secrets[at].text.clone()),
        2 => prop::sample::select(vec![
            "password", "=", ": ", "\"", "'", "\\", "\\n", "\\u002d", "%2D", "%25", "&#45;", "&amp;", "\n", "\r\n  ",
            "\u{200b}", "\u{ad}", "\u{1b}[31m", "\0", "sk-", "eyJ", "://", "@", "-----BEGIN PRIVATE KEY-----", "token",
            "bearer ", "authorization: ", "cookie: a=", "[REDACTED:", "[REDACTED:token:jwt]", "QUFB", "616263", "+1 ",
            "C:\\", "\\\\", "/home/", "\u{e9}", "\u{1f600}", "AKIA", "<password>", "AccountKey=", "://u:p@h",
        ]).prop_map(str::to_owned),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..8).prop_map(|pieces| pieces.concat())
}

fn context() -> impl Strategy<Value = Context> {
    prop::sample::select(vec![Context::Token, Context::FreeText, Context::Artifact])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn redacting_twice_is_redacting_once(text in text(), context in context()) {
        let redactor = redactor();
        let once = redactor.redact(&text, context).into_owned();
        prop_assert_eq!(redactor.redact(&once, context), once.as_str());
    }

    #[test]
    fn bytes_and_text_agree(text in text()) {
        let redactor = redactor();
        let (content, redacted) = redactor.redact_bytes(text.as_bytes());
        let as_text = redactor.redact(&text, Context::Artifact);
        prop_assert_eq!(redacted, as_text != text);
        if let Ok(content) = std::str::from_utf8(&content) {
            prop_assert_eq!(content, as_text);
        }
    }

    #[test]
    fn any_bytes_are_judged(content in prop::collection::vec(any::<u8>(), 0..400), text in text(), at in 0_usize..400) {
        let redactor = redactor();
        let mut mixed = content;
        let at = at.min(mixed.len());
        mixed.splice(at..at, text.bytes());
        let (once, _) = redactor.redact_bytes(&mixed);
        let (twice, again) = redactor.redact_bytes(&once);
        prop_assert!(!again);
        prop_assert_eq!(&twice, &once);
    }

    #[test]
    fn words_pass_unchanged(words in prop::collection::vec("[a-z]{1,12}", 0..60)) {
        let redactor = redactor();
        let text = words.join(" ");
        prop_assert_eq!(redactor.redact(&text, Context::FreeText), text.as_str());
    }

    #[test]
    fn ids_and_hashes_pass_unchanged(raw in prop::collection::vec(any::<u8>(), 32)) {
        use std::fmt::Write as _;
        let redactor = redactor();
        let hex = raw.iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        });
        let uuid = format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..32]);
        for id in [&hex[..16], &hex[..32], &hex[..40], &hex, &uuid, &hex.to_uppercase()] {
            prop_assert_eq!(redactor.redact(id, Context::FreeText), id);
        }
        let image = corpus::base64(&raw.repeat(8), true);
        let data_url = format!("data:image/png;base64,{image}");
        prop_assert_eq!(redactor.redact(&data_url, Context::Artifact), data_url.as_str());
    }

    #[test]
    fn damaged_replacements_do_not_hide_a_secret(at in 0_usize..40, with in any::<char>()) {
        let redactor = redactor();
        let mut chars: Vec<char> = "[REDACTED:password:password_assignment]".chars().collect();
        let at = at % chars.len();
        chars[at] = with;
        let mark: String = chars.into_iter().collect();
        let mut dice = Dice::new(7);
        let secret = format!("hunter{}", dice.chars("0123456789", 8));
        let text = format!("{mark} password={secret} {mark}");
        let output = redactor.redact(&text, Context::Token).into_owned();
        prop_assert!(!output.contains(&secret));
    }
}

/// Texts of one mebibyte, made to be slow: the work is bounded by the length alone. Most of them
/// would not end in an hour if it were not.
#[test]
fn hostile_texts_end() {
    let redactor = redactor();
    let pieces = [
        "sk-",
        "sk-a1\n",
        "password=",
        "password=\"",
        "password={",
        "://",
        "redis://a",
        "-eyJ",
        "-eyJaaaaaaaaaaaa.",
        "-----BEGIN RSA PRIVATE KEY-----\n",
        "-----END RSA PRIVATE KEY-----",
        "cookie: a=",
        "authorization:",
        "bearer:",
        "%25",
        "\\",
        "\\u005cu005c",
        "&amp;amp;",
        "a\n",
        "QUFBQUFB",
        "41",
        "[REDACTED:",
        "AAA=",
        "a@a.",
        "1-",
        "\0",
        "\u{200b}a",
        "[REDACTED:token:jwt]",
        "passwordvaluevalue",
        "token: ",
        "\u{1b}[",
    ];
    for piece in pieces {
        let text = piece.repeat((1 << 20) / piece.len());
        let output = redactor.redact(&text, Context::FreeText);
        assert!(output == text || output.contains("[REDACTED:"), "{piece:?}");
    }
}

#[test]
fn encodings_nested_too_deep_are_masked_whole() {
    let redactor = redactor();
    let mut text = "password=hunter2222 and more text here".to_owned();
    for depth in 1..=12 {
        text = corpus::base64(text.as_bytes(), true);
        let output = redactor.redact(&text, Context::Token);
        let expected =
            if depth <= 6 { "[REDACTED:password:password_assignment]" } else { "[REDACTED:unknown:redactor_failed]" };
        assert_eq!(output, expected, "depth {depth}");
        assert_eq!(redactor.redact(&output, Context::Token), expected);
    }
}

#[test]
fn a_secret_at_the_end_of_a_mebibyte_is_found() {
    let redactor = redactor();
    let planted = corpus::planted();
    let filler = "The worker read the file before it wrote its answer.\n".repeat(20_000);
    for planted in planted.iter().filter(|planted| planted.category.is_always_on()).step_by(211) {
        let text = format!("{filler}{}", planted.text);
        let output = redactor.redact(&text, Context::Artifact);
        assert!(output.starts_with(&filler), "{planted:?}");
        assert!(!output.contains(&planted.secret), "{planted:?}");
    }
}

#[test]
fn a_policy_turns_off_what_it_names_and_nothing_else() {
    let off = Policy { emails: false, phones: false, absolute_paths: false, environment: false, in_artifacts: false };
    let strict = Redactor::with_policy(off);
    let broad = Redactor::with_policy(Policy { in_artifacts: true, ..Policy::default() });
    for planted in corpus::planted() {
        let is_always_on = planted.category.is_always_on();
        let output = strict.redact(&planted.text, Context::FreeText);
        assert_eq!(output != planted.text, is_always_on, "{planted:?} -> {output}");
        let token = broad.redact(&planted.text, Context::Token);
        assert_eq!(token != planted.text, is_always_on, "{planted:?} -> {token}");
        let artifact = broad.redact(&planted.text, Context::Artifact);
        assert!(!artifact.contains(&planted.secret), "{planted:?} -> {artifact}");
    }
    let only_mail = Redactor::with_policy(Policy { emails: true, ..off });
    let text = "mail ann@example.com or call +49 30 12345678";
    assert_eq!(
        only_mail.redact(text, Context::FreeText),
        "mail [REDACTED:email:email_address] or call +49 30 12345678"
    );
}

#[test]
fn detectors_have_unique_ids_and_say_what_they_find() {
    let redactor = redactor();
    let mut ids: Vec<_> = redactor.detectors().map(crate::redact::Detector::id).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
    for detector in redactor.detectors() {
        assert!(!detector.finds().is_empty() && !detector.finds().ends_with('.'), "{detector:?}");
        assert!(detector.id().bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'));
    }
    for category in Category::ALL {
        assert!(redactor.detectors().any(|detector| detector.category() == category), "{category:?}");
    }
}

#[test]
fn a_redactor_is_shared_between_threads() {
    fn is_shared<T: Send + Sync + Clone + 'static>() {}
    is_shared::<Redactor>();
    let redactor = redactor();
    let text = format!("password={}", Dice::new(3).chars("abcdefgh12345678", 16));
    let outputs: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..4).map(|_| scope.spawn(|| redactor.redact(&text, Context::Token).into_owned())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(outputs.iter().all(|output| output == "password=[REDACTED:password:password_assignment]"));
}
