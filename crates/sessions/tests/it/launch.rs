//! From a plan to its sessions: what is missing is told at once, and what starts is on record in its order.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use flightrec_recorder::events::{FinalState, Payload, Timestamp};
use flightrec_recorder::journal::DiskStorage;
use flightrec_recorder::{Options, SteppedRecorder};
use flightrec_sessions::events::Id;
use flightrec_sessions::{
    Ending, Launch, LaunchErrors, MAX_PROMPT_BYTES, Plan, SeededIds, SimulatedTime, StartError, SteppedRecord,
    Surroundings,
};
use futures_util::future::join;

use crate::world::{NOON_US, Told};

/// What became of each planned session.
type Ended = Vec<(Id, Result<Ending, StartError>)>;

/// A machine: its variables, its files, its clock.
struct Machine {
    variables: BTreeMap<&'static str, &'static str>,
    files: BTreeMap<&'static str, Vec<u8>>,
    time: SimulatedTime,
    dir: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        let time = SimulatedTime::new(Timestamp::from_micros(NOON_US).unwrap());
        Self { variables: BTreeMap::new(), files: BTreeMap::new(), time, dir: tempfile::tempdir().unwrap() }
    }

    fn prepare(&self, plan: &str) -> Result<Launch, LaunchErrors> {
        let plan = Plan::parse(plan).unwrap();
        let read = |path: &Path| {
            let name = path.strip_prefix(self.dir.path()).unwrap().to_str().unwrap();
            self.files.get(name).cloned().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
        };
        let surroundings = Surroundings {
            time: Arc::new(self.time.clone()),
            directory: self.dir.path().to_owned(),
            variable: &|name| self.variables.get(name).map(|value| (*value).to_owned()),
            read: &read,
        };
        Launch::prepare(&plan, &surroundings)
    }

    /// Runs the plan to its end: what became of each planned session, and the record.
    fn run(&self, plan: &str) -> (Ended, Told) {
        let launch = self.prepare(plan).unwrap();
        let store = self.dir.path().join("store");
        let options =
            Options { clock: Arc::new(self.time.clone()), ids: Arc::new(SeededIds::new(7)), ..Options::default() };
        let recorder = SteppedRecorder::open(Arc::new(DiskStorage::new(&store)), &options).unwrap();
        let builder = launch.builder().unwrap().ids(Arc::new(SeededIds::new(8)));
        let (runtime, driver) =
            builder.drive(Box::new(SteppedRecord::new(recorder)), Arc::new(self.time.clone())).unwrap();
        let whole = join(driver.run(), async {
            let mut ended = Vec::new();
            for started in launch.start(&runtime).await.unwrap() {
                let ending = match started.session {
                    Ok(session) => Ok(session.ended().await.unwrap()),
                    Err(error) => Err(error),
                };
                ended.push((started.name, ending));
            }
            drop(runtime);
            ended
        });
        let (driver, ended) = self.time.run(whole).expect("something waits for ever");
        driver.unwrap();
        (ended, Told::read(&store))
    }
}

fn problems(prepared: Result<Launch, LaunchErrors>) -> Vec<String> {
    let errors = prepared.map(drop).unwrap_err();
    errors.in_file("p.toml").to_string().lines().map(str::to_owned).collect()
}

const CHAIN: &str = r#"
plan = { name = "chain" }
providers.stage.kind = "scripted"
models.m = { provider = "stage", price = { input = 1, output = 1 } }
workspace.directory = "."
[roles.worker]
model = "m"
tools = ["list_directory"]
[[sessions]]
name = "first"
role = "worker"
prompt_file = "task.md"
[[sessions]]
name = "second"
role = "worker"
input_from = ["first"]
after = ["first"]
[[sessions]]
name = "third"
role = "worker"
after = ["second"]
prompt = "Now you."
[[scripts.first.steps]]
text = "forty-two"
[[scripts.worker.steps]]
text = "seen"
"#;

#[test]
fn planned_sessions_start_in_order_and_hand_their_answers_on() {
    let mut machine = Machine::new();
    machine.files.insert("task.md", "Find the answer.".into());
    let (ended, told) = machine.run(CHAIN);
    told.check();
    let outputs: Vec<(&str, &str)> =
        ended.iter().map(|(name, ending)| (name.as_str(), &*ending.as_ref().unwrap().output)).collect();
    assert_eq!(outputs, [("first", "forty-two"), ("second", "seen"), ("third", "seen")]);
    let texts = |place: usize| -> Vec<String> {
        let id = &ended[place].1.as_ref().unwrap().session_id;
        let messages = told.reader.messages(Some(id.shared())).unwrap();
        let text = |hash| String::from_utf8(told.reader.artifacts().get(hash).unwrap()).unwrap();
        messages.iter().map(|message| text(message.content_hash)).collect()
    };
    assert_eq!(texts(0), ["Find the answer.", "forty-two"]);
    assert!(texts(1)[0].ends_with("\nforty-two"), "{:?}", texts(1));
    assert_eq!(texts(2), ["Now you.", "seen"]);
    for (_, ending) in &ended {
        let id = &ending.as_ref().unwrap().session_id;
        let triggers: Vec<String> = told
            .of(id)
            .iter()
            .filter_map(|event| {
                let Payload::SessionCreated(created) = &event.payload else { return None };
                created.trigger_source.clone()?.external_ref
            })
            .map(|reference| reference.to_string())
            .collect();
        assert_eq!(triggers, ["plan:chain"]);
    }
}

#[test]
fn what_waits_for_a_session_that_failed_is_cancelled_whenever_that_was() {
    for wait_ms in [0, 1_000] {
        let mut machine = Machine::new();
        machine.files.insert("task.md", "Find the answer.".into());
        let failing = format!("fail = {{ kind = \"refused\" }}\nfirst_token_ms = {wait_ms}\nduration_ms = {wait_ms}\n");
        let (ended, told) = machine.run(&CHAIN.replace("text = \"forty-two\"\n", &failing));
        told.check();
        assert_eq!(ended[0].1.as_ref().unwrap().state, FinalState::Failed);
        for (name, ending) in &ended[1..] {
            assert_eq!(ending.as_ref().unwrap().state, FinalState::Cancelled, "{name}");
        }
    }
}

#[test]
fn prompts_that_cannot_be_used_are_told_with_their_lines() {
    let mut machine = Machine::new();
    assert_eq!(problems(machine.prepare(CHAIN)).len(), 1);
    let told = problems(machine.prepare(CHAIN)).remove(0);
    assert!(told.starts_with("p.toml:9: session `first`: cannot read its prompt_file "), "{told}");
    let too_large = vec![b'a'; MAX_PROMPT_BYTES as usize + 1];
    for (content, part) in [(b" \n".to_vec(), "is empty"), (vec![0xff], "UTF-8"), (too_large, "1 MiB")] {
        machine.files.insert("task.md", content);
        let told = problems(machine.prepare(CHAIN)).remove(0);
        assert!(told.contains(part) && told.starts_with("p.toml:9: "), "{told}");
    }
    // Sessions of one count share their file.
    machine.files.clear();
    let counted = CHAIN.replace("prompt_file", "count = 5\nprompt_file");
    assert_eq!(problems(machine.prepare(&counted)).len(), 1);
}

#[test]
fn a_workspace_that_is_not_there_is_told() {
    let mut machine = Machine::new();
    machine.files.insert("task.md", "Find the answer.".into());
    let told = problems(machine.prepare(&CHAIN.replace("directory = \".\"", "directory = \"none\"")));
    assert!(told.len() == 1 && told[0].contains("none") && told[0].contains("[workspace]"), "{told:?}");
}

const REMOTE: &str = r#"
plan = { name = "remote" }
providers.far = { kind = "openai", base_url = "http://127.0.0.1:9/v1", api_key_env = "FAR_KEY" }
providers.unused = { kind = "anthropic", api_key_env = "UNUSED_KEY" }
models.m.provider = "far"
roles.r.model = "m"
sessions = [{ name = "s", role = "r", prompt = "Go." }]
"#;

#[cfg(feature = "providers")]
#[test]
fn a_key_comes_from_the_environment_and_only_where_a_model_needs_it() {
    let mut machine = Machine::new();
    for value in [None, Some(""), Some(" \n")] {
        machine.variables.clear();
        machine.variables.extend(value.map(|value| ("FAR_KEY", value)));
        let told = problems(machine.prepare(REMOTE));
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("`far`") && told[0].contains("FAR_KEY"), "{told:?}");
    }
    machine.variables.insert("FAR_KEY", "s3cret-of-mine");
    let launch = machine.prepare(REMOTE).unwrap();
    assert!(!format!("{launch:?}").contains("s3cret"));
    machine.variables.insert("FAR_KEY", "s3cret\u{1}of-mine");
    let told = problems(machine.prepare(REMOTE));
    assert!(told[0].contains("`far`") && !told[0].contains("s3cret"), "{told:?}");
}

#[cfg(not(feature = "providers"))]
#[test]
fn without_the_feature_a_remote_provider_is_refused() {
    let told = problems(Machine::new().prepare(REMOTE));
    assert!(told.len() == 1 && told[0].contains("feature `providers`"), "{told:?}");
}
