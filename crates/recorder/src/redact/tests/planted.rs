//! Every secret of the corpus, in every dress: nothing of it is left.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::redactor;
use crate::redact::Context;
use crate::redact::corpus::{self, Planted};

/// A way to write a text that holds a secret.
type Dress = fn(&Planted) -> String;

fn json(text: &str) -> String {
    text.chars().fold(String::new(), |mut out, one| {
        match one {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            other => out.push(other),
        }
        out
    })
}

fn unicode_escaped(text: &str) -> String {
    text.chars().enumerate().fold(String::new(), |mut out, (at, one)| {
        if one.is_ascii_alphanumeric() && at % 5 != 0 {
            out.push(one);
        } else {
            write!(out, "\\u{:04x}", one as u32).unwrap();
        }
        out
    })
}

fn percent(text: &str, all: bool) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() && !all {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").unwrap();
        }
        out
    })
}

fn hex(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        write!(out, "{byte:02x}").unwrap();
        out
    })
}

fn entities(text: &str) -> String {
    text.chars().fold(String::new(), |mut out, one| {
        match one {
            '"' => out.push_str("&quot;"),
            '&' => out.push_str("&amp;"),
            '-' => out.push_str("&#45;"),
            '_' => out.push_str("&#x5f;"),
            'a' => out.push_str("&#97;"),
            other => out.push(other),
        }
        out
    })
}

/// The text with `by` in the middle of the secret.
fn split(planted: &Planted, by: &str) -> String {
    let secret = &planted.secret;
    let middle = (secret.len() / 2..secret.len())
        .find(|&at| secret.as_bytes()[at - 1].is_ascii_alphanumeric() && secret.as_bytes()[at].is_ascii_alphanumeric())
        .unwrap_or(secret.len() / 2);
    planted.text.replace(secret.as_str(), &format!("{}{by}{}", &secret[..middle], &secret[middle..]))
}

const DRESSES: &[(&str, Dress)] = &[
    ("plain", |p| p.text.clone()),
    ("quoted", |p| format!("he said '{}' twice", p.text)),
    ("backticks", |p| format!("run `{}`!", p.text)),
    ("brackets", |p| format!("[({})]", p.text)),
    ("json", |p| format!("{{\"note\":\"{}\",\"n\":1}}", json(&p.text))),
    ("json in json", |p| format!("{{\"body\":\"{}\"}}", json(&format!("{{\"note\":\"{}\"}}", json(&p.text))))),
    ("key", |p| format!("{{\"{}\":true}}", json(&p.text))),
    ("unicode escapes", |p| format!("{{\"note\":\"{}\"}}", unicode_escaped(&p.text))),
    ("percent", |p| format!("GET /x?q={}&y=1", percent(&p.text, false))),
    ("percent, every byte", |p| format!("GET /x?q={}&y=1", percent(&p.text, true))),
    ("percent twice", |p| format!("GET /x?q={}&y=1", percent(&percent(&p.text, false), false))),
    ("base64", |p| format!("blob {} end", corpus::base64(format!("note: {} \n", p.text).as_bytes(), true))),
    ("base64 url-safe", |p| format!("blob={}", corpus::base64(format!("{{\"n\": 1}} {} ,", p.text).as_bytes(), false))),
    ("base64 twice", |p| {
        let once = corpus::base64(format!("note: {} \n", p.text).as_bytes(), true);
        corpus::base64(format!("<{once}>").as_bytes(), true)
    }),
    ("base64 after a path", |p| format!("/etc/x/{}", corpus::base64(format!("note: {} \n", p.text).as_bytes(), true))),
    ("hex", |p| format!("dump {}.", hex(&format!("note: {} \n", p.text)))),
    ("hex, upper case", |p| hex(&format!("note: {} \n", p.text)).to_uppercase()),
    ("entities", |p| format!("<p>{}</p>", entities(&p.text))),
    ("error sentence", |p| format!("request to upstream failed: 401 for {}, giving up after 3 tries", p.text)),
    ("twice", |p| format!("{} and {}", p.text, p.text)),
    ("own line", |p| format!("first line\n{}\nlast line", p.text)),
    ("zero width", |p| split(p, "\u{200b}")),
    ("soft hyphen", |p| split(p, "\u{ad}")),
    ("line break", |p| split(p, "\n")),
    ("line break and indentation", |p| split(p, "\r\n    ")),
    ("escaped line break", |p| format!("{{\"note\":\"{}\"}}", json(&split(p, "\n  ")))),
    ("wrapped base64", |p| {
        let blob = corpus::base64(format!("note: {} \n{}", p.text, "filler ".repeat(12)).as_bytes(), true);
        let lines: Vec<String> =
            blob.as_bytes().chunks(76).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
        lines.join("\n")
    }),
];

/// What a reader could still read: the output without invisible characters, line breaks and
/// escapes of them.
fn readable(output: &str) -> String {
    let unescaped = output.replace("\\r", "").replace("\\n", "\n");
    let mut readable = String::new();
    for line in unescaped.split('\n') {
        readable.push_str(line.trim());
    }
    readable.replace(['\u{200b}', '\u{ad}', '\r'], "")
}

/// Whether a part of `secret` that is worth something stands in `output`.
fn leaks(output: &str, secret: &str) -> bool {
    let readable = readable(output);
    let window = secret.len().min(10);
    let parts = (0..=secret.len() - window).map(|at| &secret[at..at + window]);
    parts.into_iter().any(|part| output.contains(part) || readable.contains(part))
}

fn is_split(name: &str) -> bool {
    matches!(name, "zero width" | "soft hyphen" | "line break" | "line break and indentation" | "escaped line break")
}

#[test]
fn no_planted_secret_is_left() {
    let redactor = redactor();
    let mut cases = 0;
    let mut failed: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    for planted in corpus::planted() {
        let context = if planted.category.is_always_on() { Context::Token } else { Context::FreeText };
        for (name, dress) in DRESSES {
            if is_split(name) && !planted.category.is_always_on() {
                continue;
            }
            let dressed = dress(&planted);
            let output = redactor.redact(&dressed, context);
            cases += 1;
            let again = redactor.redact(&output, context);
            let encodings = [
                corpus::base64(planted.secret.as_bytes(), true),
                hex(&planted.secret),
                percent(&planted.secret, true),
                percent(&planted.secret, false),
            ];
            let encoded = encodings.iter().any(|encoded| output.contains(encoded.as_str()));
            if leaks(&output, &planted.secret) || encoded || output == dressed || again != output {
                let note = format!("{dressed:?}\n      -> {output:?}");
                failed.entry((planted.detector_id, name)).or_default().push(note);
            }
        }
    }
    for ((detector, dress), notes) in &failed {
        println!("{detector} / {dress}: {}\n      {}", notes.len(), notes[0]);
    }
    assert!(failed.is_empty(), "{} kinds of {cases} cases left a secret", failed.len());
    assert!(cases >= 20_000, "only {cases} cases");
}

#[test]
fn every_detector_has_its_secrets_and_finds_them() {
    let redactor = redactor();
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    let mut strange = Vec::new();
    for planted in corpus::planted() {
        let output = redactor.redact(&planted.text, Context::FreeText);
        let label = format!("[REDACTED:{}:{}]", planted.category.as_str(), planted.detector_id);
        if output.contains(&label) {
            *found.entry(planted.detector_id).or_default() += 1;
        } else {
            strange.push(format!("{}: {} -> {output}", planted.detector_id, planted.text));
        }
    }
    let missing: Vec<_> = redactor
        .detectors()
        .filter(|detector| found.get(detector.id()).copied().unwrap_or(0) < corpus::PER_DETECTOR)
        .map(crate::redact::Detector::id)
        .collect();
    assert!(missing.is_empty(), "fewer than ten hits under their own name: {missing:?}\n{strange:#?}");
}

#[test]
fn secrets_in_content_that_is_not_utf8_are_found() {
    let redactor = redactor();
    for planted in corpus::planted().into_iter().filter(|planted| planted.category.is_always_on()) {
        let mut content = vec![0xff, 0xfe, 0x80, b'\n'];
        content.extend_from_slice(planted.text.as_bytes());
        content.extend_from_slice(b"\n\xc3\x28\xa0");
        let (clean, redacted) = redactor.redact_bytes(&content);
        assert!(redacted, "{planted:?}");
        assert!(!leaks(&String::from_utf8_lossy(&clean), &planted.secret), "{planted:?}");
        assert!(clean.starts_with(b"\xff\xfe\x80") && clean.ends_with(b"\n\xc3\x28\xa0"), "{planted:?}");
    }
}

#[test]
fn secrets_in_utf16_are_found_and_the_rest_stays_readable() {
    let redactor = redactor();
    for planted in corpus::planted().into_iter().filter(|planted| planted.category.is_always_on()) {
        let text = format!("before {} after", planted.text);
        let content: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let (clean, redacted) = redactor.redact_bytes(&content);
        assert!(redacted, "{planted:?}");
        let units: Vec<u16> = clean.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        let read = String::from_utf16(&units).unwrap();
        assert!(read.starts_with("before ") && read.contains("[REDACTED:"), "{read}");
        assert!(!leaks(&read, &planted.secret), "{planted:?} -> {read}");
        let (again, _) = redactor.redact_bytes(&clean);
        assert_eq!(again, clean, "{planted:?}");
    }
}

/// Forms beside those of the corpus: the part in braces is the secret.
const FURTHER: &[&str] = &[
    "{\"x-api-key\": [\"{}\"]}",
    "{\"set-cookie\":[\"sid={}; Path=/\"]}",
    "machine example.net login deploy password {}",
    "curl -u deploy:{} https://example.net",
    "curl --user 'deploy:{}' https://example.net",
    "PGPASSWORD={} psql",
    "export MYSQL_PWD={}",
    "[\"--password\", \"{}\"]",
    "{\\\"password\\\": \\\"{}\\\"}",
    "password: |\n  {}\nuser: bob",
    "**password**: {}",
    "The Password: {}",
    "?api_key={}&x=1",
    "Password=\"{}\";Database=x",
    "password=b'{}'",
    "{\"password\":\n  \"{}\"}",
    "git clone https://{}@github.example.com/a/b",
    "AKIAABCDEFGHIJKLMNOP {}",
    "curl -H 'Authorization: token {}'",
    "Proxy-Authorization: Bearer {}",
    "Authorization: AWS4-HMAC-SHA256 Credential=abc, SignedHeaders=host, Signature={}",
    "mysql://root:pa/{}@localhost/shop",
    "PuTTY-User-Key-File-3: ssh-ed25519\nPrivate-Lines: 1\n{}\nPrivate-MAC: 0",
    "-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: 1\n\n{}\n=ab12\n-----END PGP PRIVATE KEY BLOCK-----",
    "> -----BEGIN EC PRIVATE KEY-----\n> {}\n> -----END EC PRIVATE KEY-----",
    "\u{1b}[31mpass\u{1b}[0mword=\u{1b}[1m{}\u{1b}[0m",
];

#[test]
fn further_forms_are_found() {
    let mut dice = corpus::Dice::new(99);
    for form in FURTHER {
        let secret = format!("Q7x{}", dice.chars("ABCDEFGHabcdefgh01234567", 37));
        let text = form.replacen("{}", &secret, 1);
        for context in [Context::Token, Context::FreeText, Context::Artifact] {
            let output = redactor().redact(&text, context);
            assert!(!leaks(&output, &secret), "{text} -> {output}");
        }
    }
}
