//! Plans that run as users run them: to their ends, into a signal, through a crash, and beside the server.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::Value;

use super::support::{Ran, Running, Store, finish};
use super::wire::{JSON, Up};

const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../plans/demo.toml");

/// A store, a plan beside it, and a workspace with a program that counts its calls.
struct Stage {
    store: Store,
}

impl Stage {
    fn new(plan: &str) -> Self {
        let stage = Self { store: Store::new() };
        let workspace = stage.store.beside("workspace");
        fs::create_dir(&workspace).unwrap();
        // The second word, if there is one, makes it wait until somebody lets it go.
        let script =
            "#!/bin/sh\necho \"$1\" >> calls\nwhile [ -n \"$2\" ] && [ ! -e go ]; do sleep 0.05; done\necho counted\n";
        let program = stage.store.beside("workspace/count");
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        stage.plan(plan);
        stage
    }

    fn plan_path(&self) -> PathBuf {
        self.store.beside("plan.toml")
    }

    /// Writes the plan; `COUNT` stands for the program.
    fn plan(&self, plan: &str) {
        let program = self.store.beside("workspace/count");
        fs::write(self.plan_path(), plan.replace("COUNT", program.to_str().unwrap())).unwrap();
    }

    fn command(&self, options: &[&str]) -> Command {
        let plan = self.plan_path();
        let mut command = self.store.command(["run", plan.to_str().unwrap()].iter().chain(options));
        command.env_remove("FLIGHTREC_PRICES");
        command
    }

    fn run(&self, options: &[&str]) -> Ran {
        finish(self.command(options), b"")
    }

    fn start(&self, options: &[&str]) -> Running {
        let mut command = self.command(options);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Running(command.spawn().unwrap())
    }

    /// The words that the counting program was called with, in order.
    fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.store.beside("workspace/calls")).unwrap_or_default();
        calls.lines().map(str::to_owned).collect()
    }

    fn let_go(&self) {
        fs::write(self.store.beside("workspace/go"), "").unwrap();
    }

    /// The sessions on record; none while there is no store yet.
    fn sessions(&self) -> Vec<Value> {
        let ran = self.store.run(["sessions", "--format", "json"]);
        if ran.code == 0 { ran.list() } else { Vec::new() }
    }
}

/// Whatever happens, a counting program that waits ends.
impl Drop for Stage {
    fn drop(&mut self) {
        let _written = fs::write(self.store.beside("workspace/go"), "").is_ok();
    }
}

/// The end of a process that was asked to end.
fn end(mut running: Running, signal: &str) -> (Option<i32>, String, String) {
    let sent = Command::new("kill").args([signal, &running.0.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let (mut stdout, mut stderr) = (String::new(), String::new());
    running.0.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    running.0.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    (running.0.wait().unwrap().code(), stdout, stderr)
}

/// Waits until something of a running process is to be seen.
fn wait_for(running: &mut Running, mut seen: impl FnMut() -> bool) {
    while !seen() {
        assert!(running.0.try_wait().unwrap().is_none(), "it ended before");
    }
}

/// Every event passes every rule again, the log is whole, nothing that ended has left a span open.
#[track_caller]
fn check_record(store: &Store) {
    let replay = store.run(["export", "--replay"]).code(0).stdout;
    let verdicts = store.feed(["validate", "-", "--strict", "--format", "ndjson"], replay.as_bytes()).code(0).lines();
    assert!(verdicts.len() > 10 && verdicts.iter().all(|verdict| verdict["verdict"] == "accepted"), "{verdicts:?}");
    let verified = store.run(["verify", "--format", "json"]).code(0).json();
    assert_eq!((&verified["ok"], &verified["projections"]), (&true.into(), &"match".into()), "{verified:#}");
    for session in store.list(&["sessions"]) {
        let has_ended = ["COMPLETED", "FAILED", "CANCELLED"].contains(&session["state"].as_str().unwrap());
        // What has not ended has its own span open, and no other.
        assert_eq!(session["open_spans"], u64::from(!has_ended), "{session:#}");
        let mut findings = session["findings"].as_array().unwrap().iter();
        assert!(findings.all(|finding| finding["kind"] == "unpriced"), "{session:#}");
    }
}

/// Every session's label and state.
fn states(sessions: &[Value]) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    sessions.iter().map(|session| (text(&session["label"]), text(&session["state"]))).collect()
}

fn has(sessions: &[Value], label: &str, state: &str) -> bool {
    states(sessions).contains(&(label.to_owned(), state.to_owned()))
}

/// A team: a lead that spawns a hand, and another session that waits for the lead. One model run at a time.
const TEAM: &str = r#"
[plan]
name = "team"
[limits]
per_model = 1
[providers.stage]
kind = "scripted"
[models.large]
provider = "stage"
price = { input = 3, output = 15 }
[models.free]
provider = "stage"
[roles.lead]
model = "large"
spawns = ["hand"]
[roles.hand]
model = "large"
[roles.clerk]
model = "free"
[[sessions]]
name = "lead"
role = "lead"
prompt = "Have it done."
[[sessions]]
name = "report"
role = "clerk"
input_from = ["lead"]
prompt = "Report."
[[scripts.lead.steps]]
tools = [{ name = "spawn_session", arguments = { role = "hand", task = "Do it." } }]
usage = { prompt = 1_000, completion = 100 }
first_token_ms = 1
duration_ms = 20
[[scripts.lead.steps]]
text = "It is done."
usage = { prompt = 2_000, completion = 10 }
first_token_ms = 1
duration_ms = 20
[[scripts.hand.steps]]
text = "Done."
usage = { prompt = 500, completion = 50 }
first_token_ms = 1
duration_ms = HAND
[[scripts.clerk.steps]]
text = "All is well."
first_token_ms = 1
duration_ms = 20
"#;

fn team(hand_ms: u32) -> String {
    TEAM.replace("HAND", &hand_ms.to_string())
}

#[test]
fn a_plan_runs_to_its_end_and_tells_tree_waits_and_cost() {
    let stage = Stage::new(&team(30));
    let ran = stage.run(&[]).code(0);
    let tree: Vec<&str> = ran.stdout.lines().take(4).collect();
    assert!(tree[0].starts_with("SESSION") && tree[2].starts_with("└─ "), "{}", ran.stdout);
    assert!(ran.stdout.contains("QUEUED") && ran.stdout.contains("model "), "{}", ran.stdout);
    // 3,500 tokens in at $3 and 160 out at $15 a million, and the clerk's run, which nobody priced.
    assert!(ran.stdout.contains("3 sessions, ") && ran.stdout.ends_with("$0.0129 + 1 unpriced\n"), "{}", ran.stdout);
    // Without a terminal each change of state is a line.
    assert!(ran.stderr.contains("lead  CREATED to ACTIVE: dispatched"), "{}", ran.stderr);
    assert!(ran.stderr.contains("clerk report  ACTIVE to COMPLETED"), "{}", ran.stderr);
    let changes = stage.store.list(&["events", "--kind", "session.state_change"]).len();
    assert_eq!(ran.stderr.lines().count(), changes, "{}", ran.stderr);
    check_record(&stage.store);

    let ran = stage.run(&["--format", "json", "-q"]).code(0);
    assert_eq!(ran.stderr, "");
    let summary = ran.json();
    assert_eq!(
        (&summary["plan"], &summary["ok"], &summary["interrupted"]),
        (&"team".into(), &true.into(), &false.into())
    );
    let names: Vec<&str> =
        summary["sessions"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["lead", "report"]);
    assert_eq!(summary["cost"]["nanos"], 12_900_000);
    assert_eq!(summary["trees"][0]["children"][0]["session"]["role"], "hand");
    assert_eq!(summary["trees"].as_array().unwrap().len(), 2, "only this run's sessions are told");
    // The hand waited for the lead's place, or the lead for the hand's; the record says how long.
    let waits = summary["waits"].as_array().unwrap();
    let held = waits.iter().flat_map(|waited| waited["held"].as_array().unwrap());
    assert!(held.clone().any(|held| held["limit"] == "model"), "{waits:?}");
    let dispatches = stage.store.list(&["events", "--kind", "session_scheduler.dispatch"]);
    for waited in waits {
        let of_session = dispatches.iter().filter(|event| event["model_session_id"] == waited["session_id"]);
        let told: u64 = of_session.map(|event| event["payload"]["queue_wait_ms"].as_u64().unwrap()).sum();
        let queued = waited["queued_ms"].as_u64().unwrap();
        assert!((told..=told + 3).contains(&queued), "{waited} and {told} ms in the dispatches");
    }
    check_record(&stage.store);
}

#[test]
fn a_bad_plan_is_rejected_with_its_lines_before_anything_starts() {
    let stage =
        Stage::new(&team(30).replace("role = \"clerk\"", "role = \"clark\"").replace("per_model = 1", "per_model = 0"));
    for options in [&[][..], &["--check"], &["--resume"]] {
        let ran = stage.run(options).code(3);
        assert_eq!(ran.stdout, "");
        let path = stage.plan_path();
        let path = path.to_str().unwrap();
        assert!(ran.stderr.starts_with(&format!("{path}:5:13: ")), "{}", ran.stderr);
        assert!(ran.stderr.contains("unknown role `clark`; did you mean `clerk`?"), "{}", ran.stderr);
        assert!(ran.stderr.ends_with(&format!("2 errors in {path}\n")), "{}", ran.stderr);
    }
    fs::write(stage.plan_path(), b"[plan]\nname = \"\xff\"\n").unwrap();
    assert!(stage.run(&[]).code(3).stderr.contains("plan.toml:2: this is no text in UTF-8"));
    fs::write(stage.plan_path(), "a = ").unwrap();
    stage.run(&[]).code(3);
    fs::remove_file(stage.plan_path()).unwrap();
    assert!(stage.run(&[]).code(1).stderr.contains("cannot read the plan"));
    assert!(!stage.store.path().exists(), "nothing was opened");
}

#[test]
fn what_a_plan_needs_of_the_machine_is_told_at_once() {
    let stage = Stage::new(
        r#"
[plan]
name = "remote"
[providers.far]
kind = "openai"
base_url = "http://127.0.0.1:9/v1"
api_key_env = "FLIGHTREC_TEST_KEY"
[models.m]
provider = "far"
[workspace]
directory = "nowhere"
[roles.r]
model = "m"
tools = ["read_file"]
[[sessions]]
name = "s"
role = "r"
prompt_file = "no-prompt.md"
"#,
    );
    let checked = |command: &mut Command| {
        command.env_remove("FLIGHTREC_TEST_KEY");
        finish(std::mem::replace(command, Command::new("true")), b"")
    };
    let ran = checked(&mut stage.command(&["--check"])).code(1);
    let lines: Vec<&str> = ran.stderr.lines().collect();
    assert_eq!(lines.len(), 3, "{}", ran.stderr);
    assert!(lines[0].contains("`far`") && lines[0].contains("FLIGHTREC_TEST_KEY"), "{}", lines[0]);
    assert!(lines[1].contains("nowhere"), "{}", lines[1]);
    assert!(lines[2].contains("plan.toml:15: ") && lines[2].contains("no-prompt.md"), "{}", lines[2]);
    fs::create_dir(stage.store.beside("nowhere")).unwrap();
    fs::write(stage.store.beside("no-prompt.md"), "Do it.").unwrap();
    let mut command = stage.command(&["--check"]);
    command.env("FLIGHTREC_TEST_KEY", "key");
    let ran = finish(command, b"").code(0);
    assert!(ran.stdout.contains("plan remote is sound: 1 session would start"), "{}", ran.stdout);
    assert!(!stage.store.path().exists());
}

#[test]
fn the_plans_that_come_along_are_sound() {
    for (plan, name) in [("demo", "demo"), ("local", "local")] {
        let store = Store::new();
        let path = format!("{}/../../plans/{plan}.toml", env!("CARGO_MANIFEST_DIR"));
        let checked = store.run(["run", &path, "--dry-run", "--format", "json"]).code(0).json();
        assert_eq!((&checked["plan"], &checked["ok"]), (&name.into(), &true.into()));
    }
    // A plan may come through a pipe.
    let store = Store::new();
    let demo = fs::read(DEMO).unwrap();
    assert!(store.feed(["run", "-", "--check"], &demo).code(0).stdout.contains("plan demo is sound"));
}

#[test]
fn an_interrupt_cancels_everything_and_leaves_nothing_open() {
    for signal in ["-INT", "-TERM"] {
        let stage = Stage::new(&team(600_000));
        let mut running = stage.start(&["--format", "json"]);
        wait_for(&mut running, || has(&stage.sessions(), "-", "ACTIVE"));
        let (code, stdout, stderr) = end(running, signal);
        assert_eq!(code, Some(1), "{stderr}");
        assert!(stderr.contains("cancelling all sessions"), "{stderr}");
        let summary: Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!((&summary["ok"], &summary["interrupted"]), (&false.into(), &true.into()));
        let sessions = stage.sessions();
        assert_eq!(sessions.len(), 3);
        assert!(sessions.iter().all(|session| session["state"] == "CANCELLED"), "{:?}", states(&sessions));
        let cascades = stage.store.list(&["events", "--kind", "FR-EVT-SESS-SPAWN-005"]);
        let child = sessions.iter().find(|session| session["role"] == "hand").unwrap();
        assert_eq!(cascades.len(), 1);
        assert_eq!(cascades[0]["payload"]["cancelled_session_ids"], serde_json::json!([child["session_id"]]));
        check_record(&stage.store);
    }
}

/// One session that counts twice and then answers. The second call, or the last reply, takes until it is let go.
fn counting(second_call_waits: bool, answer_ms: u32) -> String {
    let second = if second_call_waits { "[\"two\", \"wait\"]" } else { "[\"two\"]" };
    format!(
        r#"
[plan]
name = "counting"
[providers.stage]
kind = "scripted"
[models.m]
provider = "stage"
[workspace]
directory = "workspace"
commands = ["COUNT"]
[roles.counter]
model = "m"
tools = ["run_command"]
[roles.idle]
model = "m"
[[sessions]]
name = "count"
role = "counter"
prompt = "Count."
[[sessions]]
name = "then"
role = "idle"
input_from = ["count"]
prompt = "Go on."
[[scripts.counter.steps]]
tools = [{{ name = "run_command", arguments = {{ program = "COUNT", args = ["one"] }} }}]
first_token_ms = 1
duration_ms = 5
[[scripts.counter.steps]]
tools = [{{ name = "run_command", arguments = {{ program = "COUNT", args = {second} }} }}]
first_token_ms = 1
duration_ms = 5
[[scripts.counter.steps]]
text = "Counted."
first_token_ms = 1
duration_ms = {answer_ms}
[[scripts.idle.steps]]
text = "Gone on."
first_token_ms = 1
duration_ms = 5
"#
    )
}

#[test]
fn a_killed_run_goes_on_and_calls_no_tool_twice() {
    // Dead while the model answers, and dead while a tool runs.
    for (second_call_waits, answer_ms) in [(false, 600_000), (true, 5)] {
        let stage = Stage::new(&counting(second_call_waits, answer_ms));
        let mut running = stage.start(&[]);
        wait_for(&mut running, || {
            let is_answering = || {
                let sessions = stage.sessions();
                sessions[0]["tool_calls"] == 2 && has(&sessions, "count", "ACTIVE")
            };
            stage.calls() == ["one", "two"] && (second_call_waits || is_answering())
        });
        let (code, _, _) = end(running, "-KILL");
        assert_eq!(code, None);
        stage.let_go();

        // The same plan with a quicker model: what a script says is not part of the record.
        stage.plan(&counting(second_call_waits, 5));
        let ran = stage.run(&["--resume", "--format", "json"]).code(0);
        assert!(ran.stderr.contains("1 session was cut off by a crash and PAUSED (crash_recovery)"), "{}", ran.stderr);
        let summary = ran.json();
        let sessions = stage.sessions();
        assert!(sessions.len() == 2 && sessions.iter().all(|session| session["state"] == "COMPLETED"), "{sessions:?}");
        assert_eq!(summary["recovered"], serde_json::json!([sessions[0]["session_id"]]));
        assert_eq!(summary["sessions"].as_array().unwrap().len(), 2, "{summary:#}");
        assert_eq!(stage.calls(), ["one", "two"], "no call ran twice");
        let calls = stage.store.list(&["events", "--kind", "tool_call"]);
        let ok: Vec<bool> = calls.iter().map(|call| call["payload"]["ok"].as_bool().unwrap()).collect();
        assert_eq!(ok, [true, !second_call_waits]);
        assert_eq!(stage.store.list(&["events", "--kind", "FR-EVT-WF-RECOVERY"]).len(), 1);
        check_record(&stage.store);
        let again = stage.run(&["--resume"]).code(0);
        assert!(again.stderr.contains("no session of this store is paused"), "{}", again.stderr);
    }
}

#[test]
fn sessions_are_resumed_by_name_and_only_by_a_plan_that_has_their_models() {
    let stage = Stage::new(&team(600_000));
    let mut running = stage.start(&[]);
    wait_for(&mut running, || has(&stage.sessions(), "-", "ACTIVE"));
    end(running, "-KILL");
    let hand = stage.sessions().into_iter().find(|session| session["role"] == "hand").unwrap();
    let hand = hand["session_id"].as_str().unwrap();

    // Another plan has another model of another name.
    stage.plan(&team(30).replace("large", "huge"));
    let ran = stage.run(&["--resume"]).code(0);
    assert!(ran.stderr.contains("stays paused: the plan has no model `large`"), "{}", ran.stderr);
    let ran = stage.run(&["--resume", hand]).code(1);
    assert!(ran.stderr.contains("the plan has no model `large`"), "{}", ran.stderr);
    assert!(stage.run(&["--resume", "nobody"]).code(1).stderr.contains("nobody"));

    stage.plan(&team(30));
    let id = |label: &str| {
        let sessions = stage.sessions();
        let found = sessions.iter().find(|session| session["label"] == label).unwrap();
        found["session_id"].as_str().unwrap().to_owned()
    };
    let ran = stage.run(&["--resume", &id("report")]).code(1);
    assert!(ran.stderr.contains("is BLOCKED, and only a paused one can be resumed"), "{}", ran.stderr);
    // The hand ends, and what waits for it goes on when it is resumed itself; the report waits for the lead alone.
    let ran = stage.run(&["--resume", &hand[..20], "--format", "json"]).code(0).json();
    assert_eq!((&ran["ok"], ran["sessions"].as_array().unwrap().len()), (&true.into(), 1), "{ran:#}");
    assert!(has(&stage.sessions(), "-", "COMPLETED") && has(&stage.sessions(), "lead", "PAUSED"));
    let ran = stage.run(&["--resume", &id("lead"), "--format", "json"]).code(0).json();
    assert_eq!((&ran["ok"], ran["sessions"].as_array().unwrap().len()), (&true.into(), 2), "{ran:#}");
    assert!(stage.sessions().iter().all(|session| session["state"] == "COMPLETED"), "{:?}", stage.sessions());
    assert!(stage.run(&["--resume", hand]).code(1).stderr.contains("has ended"));
    check_record(&stage.store);
}

#[test]
fn a_failed_session_is_named_and_what_waits_for_it_is_cancelled() {
    let failing = "fail = { kind = \"refused\", message = \"not in this \\u001b[31mhouse\" }\nfirst_token_ms = 1\nduration_ms = 5\n";
    let plan = team(30).replacen(
        "[[scripts.lead.steps]]\n",
        &format!("[[scripts.lead.steps]]\n{failing}\n[[scripts.lead.steps]]\n"),
        1,
    );
    let stage = Stage::new(&plan);
    let ran = stage.run(&[]).code(1);
    let told: Vec<&str> = ran.stderr.lines().filter(|line| line.starts_with("flightrec: ")).collect();
    assert_eq!(told.len(), 2, "{}", ran.stderr);
    assert!(told[0].contains("session lead (") && told[0].contains("is FAILED: refused: not in this"), "{}", told[0]);
    assert!(!ran.stderr.contains('\u{1b}'), "{}", ran.stderr);
    // It was cancelled, or, where the failure was quicker, never started.
    assert!(told[1].contains("session report"), "{}", told[1]);
    check_record(&stage.store);
}

#[test]
fn a_session_that_its_budget_pauses_ends_the_run_and_can_go_on() {
    let plan = team(30).replace("[roles.clerk]", "budget = { tokens = 600, action = \"PAUSE\" }\n[roles.clerk]");
    let plan = plan.replace("spawns = [\"hand\"]", "spawns = [\"hand\"]\nbudget = { tokens = 100_000 }");
    let stage = Stage::new(&plan.replace("completion = 50 }", "completion = 150 }\ntools = [{ name = \"nothing\" }]"));
    let ran = stage.run(&[]).code(1);
    assert!(ran.stderr.contains("flightrec: session lead"), "{}", ran.stderr);
    let hand = stage.sessions().into_iter().find(|session| session["role"] == "hand").unwrap();
    assert_eq!(hand["state"], "PAUSED", "{hand:#}");
    check_record(&stage.store);
    stage.plan(&plan);
    stage.run(&["--resume"]).code(0);
    assert!(stage.sessions().iter().all(|session| session["state"] == "COMPLETED"));
}

fn asking() -> String {
    counting(false, 5).replace("tools = [\"run_command\"]", "tools = [\"run_command\"]\napprovals = [\"run_command\"]")
}

#[test]
fn without_a_terminal_only_what_was_approved_beforehand_is_allowed() {
    let stage = Stage::new(&asking());
    let ran = stage.run(&[]).code(0);
    assert!(ran.stderr.contains("--approve run_command allows it"), "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("--approve run_command").count(), 1, "it is said once: {}", ran.stderr);
    assert!(stage.calls().is_empty());
    for approve in ["run_command", "all"] {
        stage.run(&["--approve", approve]).code(0);
    }
    assert_eq!(stage.calls(), ["one", "two", "one", "two"]);
    assert!(stage.run(&["--approve", "run_comand"]).code(2).stderr.contains("run_command"));
    check_record(&stage.store);
}

/// Both ends of a terminal that nobody sits at.
fn terminal() -> (File, PathBuf) {
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let name = ptsname(&controller, Vec::new()).unwrap();
    (File::from(controller), Path::new(name.to_str().unwrap()).to_owned())
}

#[test]
fn at_a_terminal_progress_renews_itself_and_a_person_is_asked() {
    let mut plan = asking().replace("args = [\"two\"]", "args = [\"two\\u001b[2J\"]");
    plan = plan.replace("duration_ms = 5\n", "duration_ms = 300\n");
    let stage = Stage::new(&plan);
    let (mut controller, name) = terminal();
    let open = || Stdio::from(OpenOptions::new().read(true).write(true).open(&name).unwrap());
    // Whoever runs the tests may sit at none, or at one that draws nothing.
    let mut command = stage.command(&[]);
    command.env("TERM", "xterm").stdin(open()).stderr(open()).stdout(Stdio::piped());
    let mut running = Running(command.spawn().unwrap());
    // It holds the other end open as well.
    drop(command);
    let mut screen = String::new();
    let mut bytes = [0; 4096];
    for answer in ["y\n", "\n"] {
        let asked = screen.len();
        while !screen[asked..].contains("[y/N] ") {
            let read = controller.read(&mut bytes).unwrap();
            screen.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
        controller.write_all(answer.as_bytes()).unwrap();
    }
    // The other end is closed when it has ended, which reads as an error.
    while let Ok(read @ 1..) = controller.read(&mut bytes) {
        screen.push_str(&String::from_utf8_lossy(&bytes[..read]));
    }
    assert_eq!(running.0.wait().unwrap().code(), Some(0), "{screen}");
    assert_eq!(stage.calls(), ["one"], "the second call was not approved");
    assert!(screen.contains("asks to call run_command with"), "{screen}");
    assert!(screen.contains("two\\\\u001b[2J") || screen.contains("two\\u001b[2J"), "{screen}");
    assert!(screen.contains("at work") && screen.contains("counter count") && screen.contains("calling "), "{screen}");
    check_record(&stage.store);
}

#[test]
fn a_server_with_the_demo_shows_sessions_live_takes_telemetry_and_stops_at_once() {
    let store = Store::new();
    let mut command_line = vec!["--demo"];
    let up = Up::start_with(&store, &command_line);
    let live = |state: &str| up.list("/api/v1/sessions").iter().any(|session| session["state"] == state);
    while !(live("ACTIVE") && live("BLOCKED")) {}
    // Telemetry is taken meanwhile.
    let span = serde_json::json!({"resourceSpans": [{"scopeSpans": [{"spans": [{
        "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": "work",
        "startTimeUnixNano": "1772366400000000000", "endTimeUnixNano": "1772366401000000000",
    }]}]}]});
    assert_eq!(up.post("/v1/traces", &[JSON], span.to_string().as_bytes()).status, 200);
    let (code, said) = up.end("-TERM");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("the demo plan runs: 13 sessions"), "{said}");
    let sessions = store.list(&["sessions"]);
    let native: Vec<Value> = sessions.into_iter().filter(|session| session["source"] == "native").collect();
    assert!(native.len() >= 2);
    for session in &native {
        assert_ne!(session["state"], "ACTIVE", "{session:#}");
    }
    let verified = store.run(["verify", "--format", "json"]).code(0).json();
    assert_eq!((&verified["ok"], &verified["projections"]), (&true.into(), &"match".into()), "{verified:#}");

    // What was shut down was not cut off. What is killed is.
    let up = Up::start_with(&store, &command_line);
    while up.list("/api/v1/sessions").iter().filter(|session| session["state"] == "ACTIVE").count() < 2 {}
    up.kill();
    command_line.clear();
    let (code, said) = Up::start_with(&store, &command_line).end("-TERM");
    assert_eq!(code, Some(0));
    assert!(said.contains("cut off by a crash and PAUSED (crash_recovery)"), "{said}");
    assert!(store.list(&["sessions", "--state", "active"]).is_empty());
    let (_, said) = Up::start_with(&store, &[]).end("-TERM");
    assert!(!said.contains("cut off"), "{said}");
}
