//! `import claude-code` and `import codex`: sessions out of the files that coding agents keep.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::support::{Ran, Store, finish, keys};

fn folder(kind: &str, name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../test-data").join(kind).join(name)
}

fn word(name: &str) -> &'static str {
    if name == "codex-cli" { "codex" } else { "claude-code" }
}

/// Imports a directory; gives what the command says.
#[track_caller]
fn import(store: &Store, agent: &str, directory: &Path) -> Ran {
    let mut command = store.command(["import", agent, "--format", "json"]);
    command.env_remove("FLIGHTREC_PRICES").arg(directory);
    finish(command, b"")
}

#[track_caller]
fn import_telemetry(store: &Store, name: &str) {
    let entries = fs::read_dir(folder("captures", name)).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.filter(|path| path.extension().is_some_and(|end| end == "bin"));
    let mut command = store.command(["import", "otlp"]);
    command.env_remove("FLIGHTREC_PRICES").args(files);
    finish(command, b"").code(0);
}

/// Everything that is asked of a store, without the positions in its log.
#[track_caller]
fn answers(store: &Store) -> Vec<Value> {
    let without = |mut answer: Value| {
        let object = answer.as_object_mut().unwrap();
        object.remove("seq");
        if let Some(findings) = object.get_mut("findings") {
            findings.as_array_mut().unwrap().iter_mut().for_each(|finding| finding["seq"] = Value::Null);
        }
        answer
    };
    let lists = ["sessions", "messages", "spans"].iter().flat_map(|list| store.list(&[list]));
    let mut all: Vec<Value> = lists.map(without).collect();
    all.sort_by_cached_key(Value::to_string);
    all
}

/// What sessions used and did, by session.
#[track_caller]
fn sums(store: &Store) -> Vec<Value> {
    let fields =
        ["session_id", "parent_session_id", "tokens", "cost", "model_runs", "tool_calls", "messages", "findings"];
    let facts = |session: Value| fields.iter().map(|field| session[*field].clone()).collect::<Value>();
    let mut sums: Vec<Value> = store.list(&["sessions"]).into_iter().map(facts).collect();
    sums.sort_by_cached_key(Value::to_string);
    sums
}

#[track_caller]
fn total(store: &Store, field: &str) -> i64 {
    store.list(&["sessions"]).iter().map(|session| session.pointer(field).unwrap().as_i64().unwrap()).sum()
}

#[test]
fn what_the_models_answered_is_what_the_sessions_used() {
    for (name, sessions, calls) in [("claude-code-std", 8, 17), ("claude-code-traces", 8, 17), ("codex-cli", 6, 13)] {
        let store = Store::new();
        let said = import(&store, word(name), &folder("transcripts", name)).code(0).json();
        assert_eq!(
            (&said["files"], &said["sessions"], &said["skipped"]),
            (&json!(sessions), &json!(sessions), &json!(0))
        );
        let truth = fs::read_to_string(folder("captures", name).join("truth.jsonl")).unwrap();
        let answered = truth.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let answered: Vec<Value> = answered
            .filter(|call| call["error"].is_null() && call["hang"].is_null() && (name == "codex-cli" || call["n"] != 1))
            .collect();
        let sum = |key: &str| answered.iter().map(|call| call[key].as_i64().unwrap()).sum::<i64>();
        assert_eq!((answered.len(), total(&store, "/model_runs")), (calls, calls as i64), "{name}");
        for (field, key) in
            [("/tokens/input", "input_tokens"), ("/tokens/output", "output_tokens"), ("/tokens/cached", "cached")]
        {
            assert_eq!(total(&store, field), sum(key), "{name} {field}");
        }
        assert_eq!((total(&store, "/cost/unpriced_runs"), total(&store, "/open_spans") > 1), (0, name != "codex-cli"));
        store.run(["verify"]).code(0);
    }
}

#[test]
fn agents_are_children_and_cost_what_they_cost() {
    let store = Store::new();
    import(&store, "claude-code", &folder("transcripts", "claude-code-std")).code(0);
    let tree = store.run(["tree", "bade80da", "--format", "json"]).code(0).json();
    let tree = tree.as_array().map_or(&tree, |trees| &trees[0]);
    let cost = |node: &Value, field: &str| node["session"]["cost"][field].as_u64().unwrap();
    let children = tree["children"].as_array().unwrap();
    assert_eq!((cost(tree, "own_nanos"), cost(tree, "inclusive_nanos"), children.len()), (15_625_000, 37_725_000, 2));
    for child in children {
        let session = &child["session"];
        assert_eq!(
            (&session["role"], &session["state"], cost(child, "own_nanos")),
            (&json!("general-purpose"), &json!("COMPLETED"), 11_050_000)
        );
        assert!(session["session_id"].as_str().unwrap().ends_with("@bade80da-31cb-40a6-ad52-ba97cb37e403"));
    }
    let states = |id: &str| store.run(["show", id, "--format", "json"]).code(0).json()["session"]["state"].clone();
    assert_eq!((states("088df46f"), states("10a251d6")), (json!("FAILED"), json!("ACTIVE")));

    let store = Store::new();
    import(&store, "codex", &folder("transcripts", "codex-cli")).code(0);
    let state = |id: &str| store.run(["show", id, "--format", "json"]).code(0).json()["session"].clone();
    assert_eq!(state("01a20220-864d")["parent_session_id"], "01a20220-8585-75f3-af4d-acacb7b99ce4");
    assert_eq!(
        (&state("01a20220-89a5")["state"], &state("01a20220-89e6")["state"]),
        (&json!("CANCELLED"), &json!("FAILED"))
    );
}

#[test]
fn an_import_that_is_done_again_adds_nothing() {
    for name in ["claude-code-std", "codex-cli"] {
        let store = Store::new();
        let first = import(&store, word(name), &folder("transcripts", name)).code(0).json();
        let before = answers(&store);
        let second = import(&store, word(name), &folder("transcripts", name)).code(0).json();
        assert_eq!((&first["events_duplicate"], &second["events_added"]), (&json!(0), &json!(0)), "{name}");
        assert_eq!(second["events_duplicate"], first["events_added"], "{name}");
        assert_eq!(answers(&store), before, "{name}");
    }
}

#[test]
fn beside_telemetry_of_the_same_sessions_nothing_counts_twice() {
    for name in ["claude-code-std", "claude-code-traces", "codex-cli"] {
        let alone = Store::new();
        import(&alone, word(name), &folder("transcripts", name)).code(0);
        let (before, after) = (Store::new(), Store::new());
        import_telemetry(&before, name);
        import(&before, word(name), &folder("transcripts", name)).code(0);
        import(&after, word(name), &folder("transcripts", name)).code(0);
        import_telemetry(&after, name);
        assert_eq!(answers(&before), answers(&after), "{name}: the order of imports");
        let without_findings = |store: &Store| {
            let mut sums = sums(store);
            // A span that telemetry lost is its own finding, and no transcript makes up for it.
            for sum in &mut sums {
                sum.as_array_mut().unwrap().truncate(7);
            }
            sums
        };
        assert_eq!(without_findings(&before), without_findings(&alone), "{name}");
        before.run(["verify"]).code(0);
    }
}

#[test]
fn the_order_of_files_does_not_matter() {
    for name in ["claude-code-std", "codex-cli"] {
        let whole = Store::new();
        import(&whole, word(name), &folder("transcripts", name)).code(0);
        let mut files = transcripts(&folder("transcripts", name));
        for turn in 0..3 {
            files.rotate_left(turn);
            files.reverse();
            let store = Store::new();
            for file in files.iter().chain(&files[..2]) {
                import(&store, word(name), file).code(0);
            }
            assert_eq!(answers(&store), answers(&whole), "{name} {turn}");
        }
    }
}

fn transcripts(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(transcripts(&path));
        } else if path.extension().is_some_and(|end| end == "jsonl") {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn a_transcript_may_grow_between_imports() {
    for name in ["claude-code-std", "codex-cli"] {
        let file = transcripts(&folder("transcripts", name))
            .into_iter()
            .max_by_key(|path| fs::metadata(path).unwrap().len())
            .unwrap();
        let whole = Store::new();
        import(&whole, word(name), &file).code(0);
        let (store, text) = (Store::new(), fs::read_to_string(&file).unwrap());
        let growing = store.beside(&file.file_name().unwrap().to_string_lossy());
        for end in [text.len() / 5, text.len() / 3, text.len() / 2, text.len() * 4 / 5, text.len()] {
            let end = (0..=end).rev().find(|end| text.is_char_boundary(*end)).unwrap();
            fs::write(&growing, &text[..end]).unwrap();
            let said = import(&store, word(name), &growing).code(0).json();
            assert_eq!(said["unfinished"], json!(u8::from(end < text.len())), "{said}");
        }
        assert_eq!(answers(&store), answers(&whole), "{name}");
    }
}

/// A line of Claude Code's.
fn line(kind: &str, session: &str, at_s: u32, message: &Value) -> Value {
    json!({
        "type": kind, "sessionId": session, "uuid": format!("{session}-{kind}-{at_s}"),
        "timestamp": format!("2026-03-01T12:00:{at_s:02}.000Z"), "message": message,
    })
}

fn answer(session: &str, at_s: u32, id: &str, output: u64, text: &str) -> Value {
    let usage = json!({"input_tokens": 10, "output_tokens": output});
    let message = json!({
        "id": format!("msg-{id}"), "model": "claude-opus-4-8", "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn", "usage": usage,
    });
    let mut line = line("assistant", session, at_s, &message);
    line["requestId"] = json!(format!("req-{id}"));
    line
}

fn write(path: &Path, lines: &[Value]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let text: Vec<String> = lines.iter().map(|line| format!("{line}\n")).collect();
    fs::write(path, text.concat()).unwrap();
}

#[test]
fn a_turn_that_goes_on_after_it_seemed_over_ends_once() {
    let store = Store::new();
    let file = store.beside("s.jsonl");
    let mut more = answer("s", 9, "a", 5, "And more.");
    more["uuid"] = json!("another line of the same response");
    let lines = [line("user", "s", 0, &json!({"content": "Hi"})), answer("s", 1, "a", 5, "Yes?"), more];
    for end in [2, 3] {
        write(&file, &lines[..end]);
        let said = import(&store, "claude-code", &file).code(0).json();
        assert_eq!(said["refused"], 0, "{said}");
    }
    let session = &store.list(&["sessions"])[0];
    assert_eq!(
        (&session["spans"], &session["open_spans"], &session["state"]),
        (&json!(1), &json!(0), &json!("COMPLETED"))
    );
    assert_eq!(
        (&session["findings"], &session["model_runs"], &session["messages"]),
        (&json!([]), &json!(1), &json!(3))
    );
    assert_eq!(store.list(&["events", "--kind", "span.closed"]).len(), 1);
    store.run(["verify"]).code(0);
}

#[test]
fn sessions_that_were_resumed_or_forked_do_not_count_what_they_repeat() {
    let store = Store::new();
    let dir = store.beside("projects");
    let first = |session: &str| {
        vec![
            line("user", session, 0, &json!({"content": "Hi"})),
            answer(session, 1, "a", 5, "Yes?"),
            answer(session, 2, "b", 7, "Well."),
        ]
    };
    write(&dir.join("p/one.jsonl"), &first("one"));
    // Older versions copy the lines under the new session's id.
    write(&dir.join("p/two.jsonl"), &[first("two"), vec![answer("two", 30, "c", 11, "More.")]].concat());
    // Newer ones say where they come from.
    let mut forked = first("three");
    for line in &mut forked {
        line["forkedFrom"] = json!({"sessionId": "one", "messageUuid": "x"});
    }
    write(&dir.join("p/three.jsonl"), &[forked, vec![answer("three", 40, "d", 13, "Else.")]].concat());
    import(&store, "claude-code", &dir).code(0);
    assert_eq!((total(&store, "/model_runs"), total(&store, "/tokens/output")), (4, 36));
    let three = store.list(&["messages", "--session", "three"]);
    assert_eq!(three.len(), 1, "the rest was said elsewhere");

    let store = Store::new();
    let dir = store.beside("sessions");
    let meta = |id: &str, from: Option<&str>| {
        json!({"timestamp": "2026-03-01T12:00:00Z", "type": "session_meta",
        "payload": {"id": id, "forked_from_id": from, "model_provider": "openai"}})
    };
    let count = |at_s: u32, total: u64, last: u64| {
        let tokens = |input: u64| json!({"input_tokens": input, "cached_input_tokens": 0, "output_tokens": 1, "reasoning_output_tokens": 0});
        json!({"timestamp": format!("2026-03-01T12:00:{at_s:02}Z"), "type": "event_msg",
            "payload": {"type": "token_count", "info": {"total_token_usage": tokens(total), "last_token_usage": tokens(last)}}})
    };
    write(&dir.join("rollout-parent.jsonl"), &[meta("parent", None), count(1, 10, 10), count(2, 30, 20)]);
    // The times of what is repeated may be kept, or be those of the fork.
    write(
        &dir.join("rollout-kept.jsonl"),
        &[meta("kept", Some("parent")), meta("parent", None), count(1, 10, 10), count(2, 30, 20), count(30, 70, 40)],
    );
    write(
        &dir.join("rollout-anew.jsonl"),
        &[meta("anew", Some("parent")), meta("parent", None), count(50, 10, 10), count(50, 30, 20), count(55, 110, 80)],
    );
    import(&store, "codex", &dir).code(0);
    let input =
        |id: &str| store.run(["show", id, "--format", "json"]).code(0).json()["session"]["tokens"]["input"].clone();
    assert_eq!((input("parent"), input("kept"), input("anew")), (json!(30), json!(40), json!(80)));
}

#[test]
fn lines_that_cannot_be_understood_are_named_and_the_rest_is_taken() {
    let store = Store::new();
    let file = store.beside("projects/p/s.jsonl");
    write(&file, &[line("user", "s", 0, &json!({"content": "Hi"}))]);
    let mut text = fs::read(&file).unwrap();
    text.extend_from_slice(
        b"{\"type\":\n\n\xff\xfe\n{\"type\":\"user\",\"message\":{}}\n{\"type\":\"never-heard-of\"}\n",
    );
    text.extend_from_slice(format!("{}\n", answer("s", 1, "a", 5, "Yes?")).as_bytes());
    fs::write(&file, text).unwrap();
    let ran = import(&store, "claude-code", &store.beside("projects")).code(3);
    let said = ran.json();
    assert_eq!((&said["lines"], &said["skipped"], &said["left_out"]), (&json!(6), &json!(3), &json!(1)));
    assert_eq!(said["skipped_because"], json!({"not_json": 2, "no_time": 1}));
    assert_eq!(said["unknown"], json!({"never-heard-of": 1}));
    for (number, why) in [(2, "it is not JSON"), (4, "it is not JSON"), (5, "its `timestamp` is missing")] {
        let named = format!("s.jsonl:{number}: {why}");
        assert!(ran.stderr.contains(&named), "{named}: {}", ran.stderr);
    }
    assert_eq!((total(&store, "/messages"), total(&store, "/model_runs")), (2, 1));

    let junk = "junk\n".repeat(50);
    fs::write(store.beside("junk.jsonl"), junk).unwrap();
    let ran = import(&store, "codex", &store.beside("junk.jsonl")).code(3);
    assert_eq!(ran.stderr.lines().count(), 11, "{}", ran.stderr);
    assert!(ran.stderr.contains("40 more lines cannot be understood"));
    let table = store.run(["import", "codex", store.beside("junk.jsonl").to_str().unwrap()]).code(3);
    assert!(table.stdout.contains("50 of 50 lines cannot be understood: 50 not_json"), "{}", table.stdout);
}

#[test]
fn what_the_command_says_has_these_fields() {
    let store = Store::new();
    let said = import(&store, "codex", &folder("transcripts", "codex-cli")).code(0).json();
    let expected = [
        "events_added",
        "events_duplicate",
        "files",
        "left_out",
        "lines",
        "refused",
        "sessions",
        "skipped",
        "skipped_because",
        "unfinished",
        "unknown",
    ];
    assert_eq!(keys(&said), expected);
    let table = store.run(["import", "codex", folder("transcripts", "codex-cli").to_str().unwrap()]).code(0);
    assert_eq!(
        table.stdout,
        format!("6 sessions in 6 files; 0 events added, {} were there already\n", said["events_added"])
    );
    let csv =
        store.run(["import", "codex", "--format", "csv", folder("transcripts", "codex-cli").to_str().unwrap()]).code(0);
    assert!(csv.stdout.starts_with("files,lines,sessions,events_added,"), "{}", csv.stdout);
}

#[test]
fn secrets_and_control_characters_of_a_transcript_are_nowhere() {
    let store = Store::new();
    let secret = format!("{}{}", "AKIA", "QYLPMN5HFIQR7XYA");
    let hostile = format!("the key is {secret} \u{1b}[31m\u{7}");
    let call = json!({"type": "tool_use", "id": "call\u{1b}[2J", "name": format!("Bash\u{1b}]0;x\u{7} {secret}"), "input": {"command": hostile}});
    let mut asks = answer("s\u{1b}[31m", 1, "a", 5, &hostile);
    asks["message"]["content"].as_array_mut().unwrap().push(call);
    asks["message"]["model"] = json!("claude-opus-4-8\u{1b}[0m");
    let result = json!({"content": [{"type": "tool_result", "tool_use_id": "call\u{1b}[2J", "content": hostile, "is_error": true}]});
    let lines =
        [line("user", "s\u{1b}[31m", 0, &json!({"content": hostile})), asks, line("user", "s\u{1b}[31m", 2, &result)];
    write(&store.beside("projects/p/s.jsonl"), &lines);
    fs::write(
        store.beside("projects/p/bad\u{1b}[31m.jsonl"),
        format!("{secret}\u{1b}[31m\n{{\"type\":\"{secret}\u{7f}\"}}\n"),
    )
    .unwrap();
    let mut said = String::new();
    for format in ["json", "table"] {
        let ran = store
            .run(["import", "claude-code", "--format", format, store.beside("projects").to_str().unwrap()])
            .code(3);
        said.push_str(&ran.stdout);
        said.push_str(&ran.stderr);
    }
    for list in ["sessions", "events", "messages", "spans"] {
        said.push_str(&store.run([list]).code(0).stdout);
    }
    assert!(!said.contains('\u{1b}') && !said.contains('\u{7}'), "{said}");
    assert!(!said.contains(&secret), "{said}");
    for (path, bytes) in store.files() {
        assert!(!bytes.windows(secret.len()).any(|found| found == secret.as_bytes()), "{}", path.display());
    }
    assert_eq!((total(&store, "/messages"), total(&store, "/tool_calls")), (4, 1));
    let redacted = store.list(&["messages"]);
    assert!(redacted.iter().all(|message| message["redacted"] == true));
}

#[test]
fn compressed_rollouts_are_read_and_damaged_ones_named() {
    let store = Store::new();
    let file = transcripts(&folder("transcripts", "codex-cli")).swap_remove(0);
    let packed = zstd::encode_all(fs::read(&file).unwrap().as_slice(), 3).unwrap();
    let name = format!("{}.zst", file.file_name().unwrap().to_string_lossy());
    let path = store.beside("sessions").join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, &packed).unwrap();
    import(&store, "codex", &store.beside("sessions")).code(0);
    let plain = Store::new();
    import(&plain, "codex", &file).code(0);
    assert_eq!(answers(&store), answers(&plain));
    fs::write(&path, &packed[..packed.len() / 2]).unwrap();
    let ran = import(&store, "codex", &store.beside("sessions")).code(3);
    assert!(ran.stderr.contains("cannot read"), "{}", ran.stderr);
    assert_eq!(answers(&store), answers(&plain));
}

#[test]
fn symbolic_links_are_not_followed_and_nothing_to_read_is_said() {
    let store = Store::new();
    let outside = store.beside("outside");
    write(&outside.join("x.jsonl"), &[line("user", "x", 0, &json!({"content": "Hi"}))]);
    let dir = store.beside("projects");
    fs::create_dir_all(&dir).unwrap();
    let nothing = import(&store, "claude-code", &dir).code(1);
    assert!(nothing.stderr.contains("holds no transcripts"), "{}", nothing.stderr);
    assert!(!store.path().exists(), "no store was made");
    write(&dir.join("s.jsonl"), &[line("user", "s", 0, &json!({"content": "Hi"}))]);
    std::os::unix::fs::symlink(&outside, dir.join("linked")).unwrap();
    std::os::unix::fs::symlink(outside.join("x.jsonl"), dir.join("y.jsonl")).unwrap();
    std::os::unix::fs::symlink(&dir, dir.join("round")).unwrap();
    let ran = import(&store, "claude-code", &dir).code(0);
    assert_eq!((ran.json()["files"].clone(), total(&store, "/messages")), (json!(1), 1));
    assert!(ran.stderr.contains("3 symbolic links are not followed"), "{}", ran.stderr);
    import(&store, "claude-code", &store.beside("nowhere")).code(1);
    store.run(["import", "claude-code"]).code(2);
}

#[test]
fn ones_own_prices_go_before_the_list() {
    let store = Store::new();
    let prices = json!({"date": "2026-11-01", "prices": [{"models": ["claude-opus-4-8"], "input": 1_000_000, "output": 2_000_000, "source": "ours"}]});
    fs::write(store.beside("prices.json"), prices.to_string()).unwrap();
    write(&store.beside("p/s.jsonl"), &[answer("s", 1, "a", 5, "Yes?")]);
    let prices = store.beside("prices.json");
    store
        .run(["import", "claude-code", "--prices", prices.to_str().unwrap(), store.beside("p").to_str().unwrap()])
        .code(0);
    assert_eq!(total(&store, "/cost/own_nanos"), 20);
}
