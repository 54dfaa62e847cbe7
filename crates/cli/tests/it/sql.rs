//! `sql`, in the build with the query engine and in the one without; and Parquet for engines elsewhere.

use super::support::{Store, created};

#[cfg(not(feature = "sql"))]
#[test]
fn a_build_without_the_engine_says_how_to_get_it() {
    let store = Store::with(&[created("s-1", 0)]);
    let ran = store.run(["sql", "SELECT 1"]).code(1);
    assert_eq!(ran.stdout, "");
    for said in ["--features sql", "archive/events/*.parquet", "flightrec seal"] {
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
    }
}

#[test]
fn events_become_a_parquet_file() {
    let store = Store::with(&[created("s-1", 0), created("s-2", 1)]);
    let path = store.beside("all.parquet");
    let ran = store.run(["export", "--format", "parquet", "--out", path.to_str().unwrap()]).code(0);
    assert!(ran.stderr.contains("2 events written"), "{}", ran.stderr);
    let all = std::fs::read(&path).unwrap();
    assert!(all.starts_with(b"PAR1") && all.ends_with(b"PAR1"));
    let directory = store.beside("directory");
    std::fs::create_dir(&directory).unwrap();
    let args = ["export", "--format", "parquet", "--session", "s-2", "--out", directory.to_str().unwrap()];
    let ran = store.run(args).code(0);
    assert!(ran.stderr.contains("1 event written"), "{}", ran.stderr);
    assert!(std::fs::read(directory.join("events.parquet")).unwrap().len() < all.len());
    for args in [&["events", "--format", "parquet"][..], &["sessions", "--format", "parquet"]] {
        assert!(store.run(args).code(2).stderr.contains("`export`"));
    }
}

#[cfg(feature = "sql")]
mod answering {
    use std::collections::BTreeMap;
    use std::path::{Path, PathBuf};

    use serde_json::{Value, json};

    use super::*;
    use crate::support::{finish, ndjson};
    use crate::workload::Generator;

    const EVENTS: usize = 3_000;

    #[test]
    fn the_truth_of_a_workload_wherever_its_events_lie() {
        let workload = Generator::new(21).run(EVENTS);
        let store = Store::new();
        let (first, second) = workload.events.split_at(EVENTS / 2);
        store.feed(["record"], &ndjson(first)).code(0);
        store.run(["seal"]).code(0);
        store.feed(["record"], &ndjson(second)).code(0);
        let query = "SELECT session_id, state, role, wp_id, tokens_total, cost_own_nanos, cost_unpriced_runs, messages, \
                     model_runs, tool_calls, spans FROM sessions";
        let rows = store.list(&["sql", query]);
        let found: BTreeMap<&str, &Value> = rows.iter().map(|row| (row["session_id"].as_str().unwrap(), row)).collect();
        assert_eq!(found.len(), workload.sessions.len());
        for truth in &workload.sessions {
            let expected = json!({
                "session_id": truth.id, "state": truth.state, "role": truth.role, "wp_id": truth.wp,
                "tokens_total": truth.input + truth.output, "cost_own_nanos": truth.nanos,
                "cost_unpriced_runs": truth.unpriced_runs, "messages": truth.messages, "model_runs": truth.runs,
                "tool_calls": truth.tool_calls, "spans": truth.spans,
            });
            assert_eq!(found[truth.id.as_str()], &expected);
        }
        let by_role = store.list(&["sql", "SELECT role, sum(cost_nanos) AS nanos FROM costs GROUP BY role"]);
        let told: BTreeMap<String, u64> = by_role
            .iter()
            .map(|row| (row["role"].as_str().unwrap().to_owned(), row["nanos"].as_u64().unwrap_or(0)))
            .collect();
        for row in store.list(&["cost", "--by", "role"]) {
            assert_eq!(
                Some(&row["cost"]["nanos"]),
                told.get(row["key"].as_str().unwrap()).map(|nanos| json!(nanos)).as_ref()
            );
        }
    }

    /// A store with all captures of telemetry, and the transcripts of some of the same sessions.
    fn told() -> Store {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../test-data");
        let inside = |path: &Path| -> Vec<PathBuf> {
            std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect()
        };
        let store = Store::new();
        for capture in inside(&data.join("captures")) {
            let files = inside(&capture).into_iter().filter(|path| path.extension().is_some_and(|end| end == "bin"));
            let mut command = store.command(["import", "otlp"]);
            command.env_remove("FLIGHTREC_PRICES").args(files);
            finish(command, b"").code(0);
        }
        for transcripts in inside(&data.join("transcripts")) {
            let agent = if transcripts.ends_with("codex-cli") { "codex" } else { "claude-code" };
            let mut command = store.command(["import", agent]);
            command.env_remove("FLIGHTREC_PRICES").arg(&transcripts);
            finish(command, b"").code(0);
        }
        store
    }

    fn sorted(mut rows: Vec<Value>) -> Vec<Value> {
        rows.sort_by_cached_key(Value::to_string);
        rows
    }

    #[test]
    fn what_telemetry_and_transcripts_tell_is_what_every_other_command_says() {
        let store = told();
        for (key, column) in [
            ("session", "session_id"),
            ("wp", "wp_id"),
            ("role", "role"),
            ("model", "model_id"),
            ("provider", "provider"),
        ] {
            let query = format!(
                "SELECT {column} AS key, sum(tokens_input) AS input, sum(tokens_output) AS output, sum(tokens_cached) AS \
                 cached, coalesce(sum(cost_nanos), 0) AS nanos, count(*) FILTER (WHERE cost_nanos IS NULL) AS unpriced \
                 FROM costs GROUP BY {column}"
            );
            let told = store.list(&["cost", "--by", key]).into_iter().filter(|row| row["tokens"]["total"] != 0);
            let told = told.map(|row| {
                let (tokens, cost) = (&row["tokens"], &row["cost"]);
                json!({
                    "key": row["key"], "input": tokens["input"], "output": tokens["output"], "cached": tokens["cached"],
                    "nanos": cost["nanos"], "unpriced": cost["unpriced_runs"],
                })
            });
            assert_eq!(sorted(store.list(&["sql", &query])), sorted(told.collect()), "{key}");
        }
        for (table, columns) in [
            ("spans", &["session_id", "span_id", "parent_span_id", "start", "end", "tokens_in", "cost_nanos"][..]),
            ("messages", &["session_id", "message_id", "timestamp", "seq"]),
            ("sessions", &["session_id", "state", "messages", "model_runs", "tool_calls", "spans", "ended_at"]),
        ] {
            let quoted: Vec<String> = columns.iter().map(|column| format!("\"{column}\"")).collect();
            let found = store.list(&["sql", &format!("SELECT {} FROM {table}", quoted.join(", "))]);
            let told = store.list(&[table]).into_iter().map(|row| {
                Value::Object(columns.iter().map(|column| ((*column).to_owned(), row[column].clone())).collect())
            });
            assert!(found.len() > 10, "{table}");
            assert_eq!(sorted(found), sorted(told.collect()), "{table}");
        }
        // Reports name the session that theirs turned out to be a part of.
        for table in ["tool_calls", "inferences"] {
            let query = format!(
                "SELECT count(*) AS reports, count(*) FILTER (WHERE s.session_id IS NULL) AS lost \
                 FROM {table} t LEFT JOIN sessions s ON s.session_id = t.session_id"
            );
            let found = &store.list(&["sql", &query])[0];
            assert!(found["reports"].as_u64() > Some(20) && found["lost"] == 0, "{table}: {found}");
        }
    }

    #[test]
    fn every_format_and_standard_input() {
        let store = Store::with(&[created("s-1", 0), created("s-2", 1)]);
        let query = "SELECT session_id AS id, spawn_depth AS depth, ended_at FROM sessions ORDER BY id";
        let table = store.run(["sql", query]).code(0).stdout;
        assert_eq!(table, "ID   DEPTH  ENDED_AT\ns-1      0  -\ns-2      0  -\n");
        let rows =
            [json!({"id": "s-1", "depth": 0, "ended_at": null}), json!({"id": "s-2", "depth": 0, "ended_at": null})];
        assert_eq!(store.run(["sql", query, "--format", "json"]).code(0).list(), rows);
        assert_eq!(store.feed(["sql", "-", "--format", "ndjson"], query.as_bytes()).code(0).lines(), rows);
        assert_eq!(store.run(["sql", query, "--format", "csv"]).code(0).stdout, "id,depth,ended_at\ns-1,0,\ns-2,0,\n");
        let none = store.run(["sql", "SELECT seq FROM events WHERE seq < 0", "--format", "json"]).code(0);
        assert_eq!(none.stdout, "[]\n");
        let control = store.run(["sql", "SELECT chr(27) || '[31m' AS \"a\u{9b}b\"", "--format", "table"]).code(0);
        assert!(!control.stdout.contains('\u{1b}') && !control.stdout.contains('\u{9b}'), "{:?}", control.stdout);
    }

    #[test]
    fn a_query_that_cannot_be_answered_has_its_code() {
        let store = Store::with(&[created("s-1", 0)]);
        for (query, code, said) in [
            ("SELEC 1", 2, "line 1, column 1"),
            ("SELECT * FROM sesions", 2, "did you mean `sessions`"),
            ("DELETE FROM events", 2, "DELETE is refused"),
            ("", 2, "no statement"),
            ("SELECT CAST('x' AS INT)", 1, "cast"),
        ] {
            let ran = store.run(["sql", query]).code(code);
            assert!(ran.stdout.is_empty() && ran.stderr.contains(said), "{query}: {}", ran.stderr);
        }
        let ran =
            store.run(["sql", "SELECT array_agg(value) FROM generate_series(1, 100000000)", "--memory-mib", "16"]);
        assert!(ran.code(1).stderr.contains("16777216 bytes of memory"));
    }

    #[test]
    fn damage_has_its_code_and_place() {
        let store = Store::with(&Generator::new(22).run(400).events);
        store.run(["seal"]).code(0);
        let directory = store.path().join("archive/events");
        let file = std::fs::read_dir(directory).unwrap().next().unwrap().unwrap().path();
        let mut bytes = std::fs::read(&file).unwrap();
        bytes[200] ^= 1;
        std::fs::write(&file, bytes).unwrap();
        let ran = store.run(["sql", "SELECT * FROM events"]).code(4);
        assert!(ran.stderr.contains(file.file_name().unwrap().to_str().unwrap()), "{}", ran.stderr);
    }

    /// The URL of a directory to which nodes push.
    fn url(lake: &Path) -> String {
        format!("file://{}", lake.display())
    }

    #[test]
    fn one_set_of_tables_over_what_two_nodes_have_pushed() {
        let lake = tempfile::tempdir().unwrap();
        let url = url(lake.path());
        let asker = Store::new();
        let ask = |query: &str| asker.list(&["sql", "--lake", &url, query]);
        assert_eq!(ask("SELECT count(*) AS events FROM events"), [json!({"events": 0})], "nobody has pushed yet");
        let workloads = [31, 32].map(|seed| {
            let workload = Generator::new(seed).run(EVENTS);
            let store = Store::new();
            let (most, rest) = workload.events.split_at(2 * EVENTS / 3);
            for part in [most, rest] {
                store.feed(["record"], &ndjson(part)).code(0);
                store.run(["push", &url, "--seal"]).code(0);
            }
            workload
        });
        let events =
            ask("SELECT node, count(*) AS events, min(seq) AS first, max(seq) AS last FROM events GROUP BY node");
        assert_eq!(events.len(), 2);
        for node in &events {
            assert_eq!((&node["events"], &node["first"], &node["last"]), (&json!(EVENTS), &json!(1), &json!(EVENTS)));
        }
        let query = "SELECT session_id, state, role, wp_id, messages, model_runs, tool_calls, cost_nanos, unpriced_runs \
                     FROM sessions";
        let rows = ask(query);
        let found: BTreeMap<&str, &Value> = rows.iter().map(|row| (row["session_id"].as_str().unwrap(), row)).collect();
        let truths: Vec<_> = workloads.iter().flat_map(|workload| &workload.sessions).collect();
        assert_eq!(found.len(), truths.len());
        for truth in truths {
            let expected = json!({
                "session_id": truth.id, "state": truth.state, "role": truth.role, "wp_id": truth.wp,
                "messages": truth.messages, "model_runs": truth.runs, "tool_calls": truth.tool_calls,
                "cost_nanos": truth.nanos, "unpriced_runs": truth.unpriced_runs,
            });
            assert_eq!(found[truth.id.as_str()], &expected);
        }
        // One session is read from its node alone, and each table says whose its rows are.
        let one = &workloads[1].sessions[0];
        let own = ask(&format!("SELECT DISTINCT node FROM messages WHERE session_id = '{}'", one.id));
        assert_eq!(own.len(), 1);
        for table in ["events", "sessions", "spans", "messages", "tool_calls", "inferences", "costs"] {
            assert_eq!(ask(&format!("SELECT DISTINCT node FROM {table}")).len(), 2, "{table}");
        }
        asker.run(["sql", "--lake", &url, "DELETE FROM events"]).code(2);
        asker.run(["sql", "--lake", "ftp://elsewhere", "SELECT 1"]).code(2);
    }

    #[test]
    fn what_was_changed_at_the_target_is_named_and_not_answered_from() {
        let lake = tempfile::tempdir().unwrap();
        let url = url(lake.path());
        let store = Store::with(&[created("s-1", 0), created("s-2", 1)]);
        store.run(["push", &url, "--seal"]).code(0);
        let ask = || store.run(["sql", "--lake", &url, "SELECT DISTINCT model_session_id FROM events"]);
        assert!(ask().code(0).stdout.contains("s-2"));
        let objects = files(lake.path());
        let object = |part: &str| objects.iter().find(|path| path.to_string_lossy().contains(part)).unwrap();
        for (path, at) in [(object(".parquet"), 10), (object(".parquet"), usize::MAX), (object("MANIFEST"), 20)] {
            let whole = std::fs::read(path).unwrap();
            let mut bytes = whole.clone();
            let at = at.min(whole.len() - 20);
            bytes[at] ^= 1;
            std::fs::write(path, &bytes).unwrap();
            let ran = store.run(["sql", "--lake", &url, "SELECT * FROM events"]).code(4);
            assert!(ran.stderr.contains("damaged") && !ran.stdout.contains("s-2"), "{} {}", ran.stdout, ran.stderr);
            std::fs::write(path, whole).unwrap();
        }
        std::fs::remove_file(object(".parquet")).unwrap();
        let ran = ask();
        assert!(ran.code != 0 && !ran.stdout.contains("s-2"), "{} {}", ran.stdout, ran.stderr);
    }

    fn files(dir: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
        entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
    }
}
