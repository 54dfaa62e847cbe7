//! Input of every kind: what is skipped, what is refused, and what is never lost.

use serde_json::{Value, json};

use super::support::{Store, created, message, ndjson, state};

fn rules(store: &Store, input: &[u8]) -> Vec<(u64, String)> {
    let ran = store.feed(["record", "--format", "ndjson"], input);
    assert!(ran.code == 0 || ran.code == 3, "{}", ran.stderr);
    ran.lines()
        .iter()
        .map(|verdict| {
            let rule = verdict["error"]["rule"].as_str().or(verdict["verdict"].as_str()).unwrap();
            (verdict["line"].as_u64().unwrap(), rule.to_owned())
        })
        .collect()
}

fn line(event: &Value) -> Vec<u8> {
    let mut bytes = ndjson(std::slice::from_ref(event));
    bytes.pop();
    bytes
}

#[test]
fn line_ends_marks_and_blank_lines() {
    let (a, b, c) = (line(&created("s-1", 0)), line(&created("s-2", 0)), line(&created("s-3", 0)));
    let input = [b"\xef\xbb\xbf", a.as_slice(), b"\r\n\r\n  \t\n\n", &b, b"\r\n", &c].concat();
    let accepted = |line| (line, "accepted".to_owned());
    assert_eq!(rules(&Store::new(), &input), [accepted(1), accepted(5), accepted(6)]);
}

#[test]
fn nothing_at_all_is_fine() {
    for input in [&b""[..], b"\n", b"\xef\xbb\xbf", b"  \r\n\t"] {
        let store = Store::new();
        assert_eq!(rules(&store, input), []);
        let table = store.feed(["record"], input).code(0);
        assert!(table.stdout.starts_with("0 accepted, 0 duplicate, 0 rejected in "), "{}", table.stdout);
    }
}

#[test]
fn junk_is_refused_line_by_line_and_the_rest_is_recorded() {
    let good = line(&created("s-1", 0));
    let mut deep = b"[".repeat(30_000);
    deep.extend(b"]".repeat(30_000));
    let long = [b"{\"a\":\"", vec![b'x'; 1_000_000].as_slice(), b"\"}"].concat();
    let fits = [b"{\"a\":\"", vec![b'x'; 65_000].as_slice(), b"\"}"].concat();
    let junk: Vec<(&[u8], &str)> = vec![
        (b"{", "malformed_json"),
        (b"nonsense", "malformed_json"),
        (b"\xff\xfe\x00", "malformed_json"),
        (b"{\"a\":\"\xc3\x28\"}", "malformed_json"),
        (b"{\"a\":1,\"a\":2}", "malformed_json"),
        (b"{} {}", "malformed_json"),
        (b"\x00", "malformed_json"),
        (b"\xef\xbb\xbf{}", "malformed_json"),
        (b"[]", "wrong_type"),
        (b"null", "wrong_type"),
        (b"3", "wrong_type"),
        (b"\"text\"", "wrong_type"),
        (b"{}", "missing_field"),
        (&deep, "malformed_json"),
        (&long, "out_of_bounds"),
        (&fits, "missing_field"),
    ];
    let mut input = good.clone();
    for (junk, _) in &junk {
        input.extend_from_slice(b"\n");
        input.extend_from_slice(junk);
    }
    input.extend_from_slice(b"\n");
    input.extend_from_slice(&line(&message("s-1", 1, 1)));
    let store = Store::new();
    let found = rules(&store, &input);
    assert_eq!(found[0].1, "accepted");
    for ((junk, rule), (number, found)) in junk.iter().zip(&found[1..]) {
        assert_eq!(found, rule, "line {number}: {}", String::from_utf8_lossy(&junk[..junk.len().min(40)]));
    }
    assert_eq!(found.last().unwrap(), &(junk.len() as u64 + 2, "accepted".to_owned()));
    assert_eq!(store.list(&["events"]).len(), 2);
}

#[test]
fn a_megabyte_in_one_line_without_an_end() {
    let found = rules(&Store::new(), &vec![b'x'; 1 << 20]);
    assert_eq!(found, [(1, "out_of_bounds".to_owned())]);
}

#[test]
fn the_table_names_each_rejection_and_sums_up() {
    let store = Store::new();
    let mut refused = created("s-2", 0);
    refused["payload"]["foo"] = json!(1);
    let input = ndjson(&[created("s-1", 0), refused, message("s-9", 1, 1)]);
    let ran = store.feed(["record"], &input).code(3);
    assert!(ran.stdout.starts_with("1 accepted, 0 duplicate, 2 rejected in "), "{}", ran.stdout);
    let lines: Vec<&str> = ran.stderr.lines().collect();
    assert!(lines[0].starts_with("line 2: unknown_field at payload.foo: "), "{lines:?}");
    assert!(lines[1].starts_with("line 3: unknown_session at model_session_id: "), "{lines:?}");
    assert_eq!(lines.len(), 2);
}

#[test]
fn recording_twice_adds_nothing() {
    let events = [created("s-1", 0), state("s-1", 1, "CREATED", "ACTIVE", "go"), message("s-1", 2, 1)];
    let store = Store::with(&events);
    let before = store.list(&["events"]);
    let again = store.record(&events).code(0);
    assert!(again.lines().iter().all(|verdict| verdict["verdict"] == "duplicate"), "{}", again.stdout);
    assert_eq!(store.list(&["events"]), before);
}

#[test]
fn strict_is_the_default_and_lenient_is_a_choice() {
    let late = [message("s-1", 1, 1), created("s-1", 0)];
    let strict = Store::new();
    strict.record(&late).code(3);
    let lenient = Store::new();
    lenient.feed(["record", "--lenient"], &ndjson(&late)).code(0);
    let kinds: Vec<Value> = lenient.list(&["findings"]).into_iter().map(|finding| finding["kind"].clone()).collect();
    assert!(kinds.contains(&json!("late_event")), "{kinds:?}");
    // The last one wins, so that a wrapper's default can be overridden.
    Store::new().feed(["record", "--lenient", "--strict"], &ndjson(&late)).code(3);
    Store::new().feed(["validate", "-", "--strict", "--lenient"], &ndjson(&late)).code(0);
}

#[test]
fn a_file_a_pipe_and_a_dash_are_the_same() {
    let events = [created("s-1", 0), message("s-1", 1, 1)];
    let store = Store::new();
    let file = store.beside("events.ndjson");
    std::fs::write(&file, ndjson(&events)).unwrap();
    let from_file = store.run(["record", "--format", "ndjson", file.to_str().unwrap()]).code(0).stdout;
    let other = Store::new();
    assert_eq!(other.feed(["record", "--format", "ndjson", "-"], &ndjson(&events)).code(0).stdout, from_file);
    let as_list = Store::new().feed(["record", "--format", "json"], &ndjson(&events)).code(0).list();
    assert_eq!(as_list.len(), 2);
    let as_csv = Store::new().feed(["record", "--format", "csv"], b"x\n").code(3).stdout;
    assert!(as_csv.starts_with("line,event_id,verdict,error.code,error.rule,error.field,error.message\n1,,rejected,HSK-400-INVALID-EVENT,malformed_json,,"), "{as_csv}");
}

#[test]
fn an_export_can_be_recorded_elsewhere() {
    let events =
        [created("s-1", 0), state("s-1", 1, "CREATED", "ACTIVE", "go"), message("s-1", 2, 1), created("s-2", 3)];
    let store = Store::with(&events);
    let plain = store.run(["export"]).code(0).lines();
    assert_eq!(plain, store.list(&["events"]));
    let replay = store.run(["export", "--replay"]).code(0).stdout;
    let copy = Store::new();
    copy.feed(["record"], replay.as_bytes()).code(0);
    assert_eq!(copy.run(["export", "--events-only"]).code(0).stdout, replay);
    // What the recorder assigned is refused on the way in, so that a plain export cannot be taken for a recording.
    let refused = Store::new().feed(["record", "--format", "ndjson"], store.run(["export"]).stdout.as_bytes()).code(3);
    assert!(refused.lines().iter().all(|verdict| verdict["error"]["rule"] == "assigned_by_recorder"));
    let file = store.beside("one.ndjson");
    store.run(["export", "--session", "s-2", "--format", "ndjson", "--output", file.to_str().unwrap()]).code(0);
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 1);
    store.run(["export", "--format", "csv"]).code(2);
}
