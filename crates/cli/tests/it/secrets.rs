//! Secrets that slipped into an event or into content are in no byte of the store, and in no answer.

use serde_json::json;

use super::support::{Store, created, created_as, ndjson, state, tool_call};

/// Each with the text it stands in. They are put together here so that no scanner finds them in this file.
fn planted() -> Vec<(String, String)> {
    let secrets = [
        ("AKIA", "QYLPMN5HFIQR7XYA", "the key is "),
        ("ghp_", "16C7e42F292c6912E7710c838347Ae178B4a", "token "),
        (
            "sk-ant-api03-",
            "abcDEF0123456789abcDEF0123456789abcDEF0123456789abcDEF0123456789abcDEF0123456789abcDEF012345-AbCdEfAA",
            "",
        ),
        ("hunter2", "-correct-horse", "password="),
        (
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
            ".eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
            "bearer ",
        ),
        ("s3cr3t", "Passw0rd", "postgres://admin:"),
    ];
    secrets
        .into_iter()
        .map(|(head, tail, before)| {
            let after = if before.starts_with("postgres") { "@db.internal:5432/main" } else { "" };
            let secret = format!("{head}{tail}");
            (secret.clone(), format!("{before}{secret}{after}"))
        })
        .collect()
}

#[test]
fn no_secret_is_at_rest_or_in_an_answer() {
    let store = Store::new();
    let mut artifacts = Vec::new();
    for (i, (_, text)) in planted().iter().enumerate() {
        let id = format!("s-{i}");
        let i = u32::try_from(i).unwrap();
        store
            .record(&[
                created_as(&id, i, &json!({"label": text})),
                state(&id, i, "CREATED", "ACTIVE", &format!("because {text} was there")),
                tool_call(&id, i, "00000000000000a1", Some(text)),
            ])
            .code(0);
        let put = store
            .feed(["artifact", "put", "--format", "json"], format!("{{\"log\": \"{text}\"}}\n").as_bytes())
            .code(0)
            .json();
        assert_eq!(put["redacted"], true, "{text}");
        artifacts.push(store.run(["artifact", "get", put["artifact_id"].as_str().unwrap()]).code(0).stdout);
    }
    let answers = [
        store.run(["export"]).code(0).stdout,
        store.run(["events"]).code(0).stdout,
        store.run(["sessions", "--format", "json"]).code(0).stdout,
        artifacts.concat(),
    ];
    for (secret, _) in planted() {
        for (path, bytes) in store.files() {
            assert!(!contains(&bytes, secret.as_bytes()), "{secret} in {}", path.display());
        }
        for answer in &answers {
            assert!(!answer.contains(&secret), "{secret}");
        }
    }
    assert!(answers[0].matches("[REDACTED:").count() >= 3 * planted().len());
    assert!(answers[3].matches("[REDACTED:").count() >= planted().len());
}

#[test]
fn a_secret_in_a_name_is_not_repeated_in_the_verdict() {
    let (secret, _) = planted().remove(1);
    let mut event = created("s-1", 0);
    event["payload"][&secret] = json!(1);
    for args in [&["record"][..], &["record", "--format", "ndjson"], &["validate", "-"]] {
        let ran = Store::new().feed(args, &ndjson(std::slice::from_ref(&event))).code(3);
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert!(said.contains("unknown_field") && !said.contains(&secret), "{said}");
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
