//! No planted secret is at rest in any byte of a store: not in a file as it lies, not in what it unpacks to.

use std::collections::BTreeSet;

use aho_corasick::AhoCorasick;
use flightrec_recorder::events::families::parts::{ResourcesTouched, ToolError};
use flightrec_recorder::events::families::session::SchedulerRateLimited;
use flightrec_recorder::events::{
    Attributes, CheckedEvent, Event, Id, Label, Payload, Reason, Registry, Scalar, Sha256Hex, State,
};
use flightrec_recorder::query::EventFilter;
use flightrec_recorder::redact::corpus::{Planted, planted};
use flightrec_recorder::redact::{Category, Redactor};
use flightrec_recorder::{Options, Reader, Recorder};
use serde_json::json;

use crate::memory::Memory;
use crate::sample::{change, creation, event, id, message, options, read, span_opened, take, tool_call, verify};

const TERMINAL: &[u8] = include_bytes!("../../../../test-data/families/terminal.json");

/// Personal data is looked for in free text alone; everything else everywhere.
fn is_everywhere(secret: &Planted) -> bool {
    match secret.category {
        Category::Email | Category::Phone | Category::Path | Category::Environment => false,
        Category::ApiKey
        | Category::CloudKey
        | Category::DatabaseUrl
        | Category::PrivateKey
        | Category::Password
        | Category::Token => true,
    }
}

/// The planted secrets that a field of `most` bytes without control characters can hold.
fn fitting(most: usize) -> Vec<Planted> {
    let fits = |planted: &Planted| planted.text.len() <= most && !planted.text.contains(char::is_control);
    planted().into_iter().filter(fits).collect()
}

/// Every place of an event that holds text from outside, with one secret in it.
fn events_with(secret: &Planted, first: u64, registry: &Registry) -> Vec<CheckedEvent> {
    let text = secret.text.as_str();
    let mut events: Vec<Event> = Vec::new();
    let mut n = first;
    let mut next = || {
        n += 1;
        n
    };
    if text.len() <= 1_000 {
        let mut change = change(next(), "s-1", State::Created, State::Active).into_event();
        if let Payload::SessionStateChange(payload) = &mut change.payload {
            payload.reason = Reason::new(format!("it said {text} and left")).unwrap();
        }
        let mut call = tool_call(next(), "s-1", 1, 2).into_event();
        if let Payload::ToolCall(payload) = &mut call.payload {
            payload.error =
                Some(ToolError { code: None, kind: None, message: Some(Reason::new(text).unwrap()), retryable: None });
        }
        events.extend([change, call]);
        let line = format!("run {text} now");
        if line.len() <= 1_024 && is_everywhere(secret) {
            let declared = json!({
                "event_id": crate::sample::v7(next()).to_string(), "code": "FR-EVT-TERM-002", "type": "terminal.command",
                "timestamp": "2026-03-01T12:00:00Z", "actor": "agent", "model_session_id": "s-1",
                "payload": { "session_id": "s-1", "terminal_id": "t", "command_line": line, "started_at": "2026-03-01T12:00:00Z" },
            });
            events.push(registry.parse(declared.to_string().as_bytes()).unwrap().into_event());
        }
    }
    if text.len() <= 240 {
        let mut labelled = creation("s-1", None);
        labelled.label = Some(Label::new(text).unwrap());
        events.push(event(next(), "s-1", labelled));
    }
    if text.len() <= 240 && is_everywhere(secret) {
        events.extend(in_tokens(text, &mut next));
    }
    events.into_iter().map(|event| event.check().unwrap()).collect()
}

/// Ids, tags, names and values of attributes, lists.
fn in_tokens(text: &str, next: &mut dyn FnMut() -> u64) -> Vec<Event> {
    let token = || id(text);
    let mut span = span_opened(next(), "s-1", 1, 1).into_event();
    if let Payload::SpanOpened(payload) = &mut span.payload {
        payload.name = Label::new(text).unwrap();
        payload.tags = Some(vec![id("plain"), token()]);
        let mut attributes = Attributes::default();
        attributes.insert(id("value"), Scalar::Str(text.into())).unwrap();
        attributes.insert(id("list"), Scalar::List(vec![Scalar::Str(text.into()), Scalar::Bool(true)])).unwrap();
        // A name under which content travels is refused, whatever follows.
        let _refused = attributes.insert(token(), Scalar::Int(1)).is_err();
        payload.attributes = Some(attributes);
    }
    let mut budgeted = creation("s-1", None);
    let mut budget = Attributes::default();
    budget.insert(id("note"), Scalar::Str(text.into())).unwrap();
    (budgeted.budget, budgeted.capability_grants) = (Some(budget), Some(vec![token()]));
    let mut created = event(next(), "s-1", budgeted);
    created.actor_id = Some(token());
    created.job_id = Some(token());
    created.workflow_id = Some(token());
    created.model_id = Some(token());
    created.capability_id = Some(token());
    created.policy_decision_id = Some(token());
    created.wsids = Some(vec![token(), id("ws")]);
    let mut call = tool_call(next(), "s-1", 1, 2).into_event();
    if let Payload::ToolCall(payload) = &mut call.payload {
        let list = || Some(vec![token()]);
        payload.args_ref = Some(token());
        payload.resources_touched =
            Some(ResourcesTouched { workspace_ids: list(), artifacts: list(), files: list(), urls: list() });
    }
    let limited = SchedulerRateLimited {
        session_id: id("s-1"),
        job_id: token(),
        provider: token(),
        backoff_ms: 1_u32.into(),
        attempt: 0_u32.into(),
        reason: Some(Reason::new(text).unwrap()),
        limit: Some(token()),
    };
    // The secret as the session's own id: found by its replacement, and never kept.
    let mut own: Event = message(next(), "s-1").into_event();
    own.model_session_id = Some(token());
    if let Payload::SessionMessage(payload) = &mut own.payload {
        payload.session_id = token();
        payload.message_id = token();
        payload.content_hash = Sha256Hex::from_bytes([1; 32]);
    }
    vec![span, created, call, event(next(), "s-1", limited), own]
}

/// Everything that the store unpacks to: events as JSON, content, answers.
fn unpacked(reader: &Reader, given: &[Sha256Hex]) -> Vec<u8> {
    let mut all = Vec::new();
    for recorded in reader.events(&EventFilter::default()) {
        recorded.unwrap().write_json(&mut all);
        all.push(b'\n');
    }
    for sha256 in given {
        all.extend(reader.artifacts().get(*sha256).unwrap());
    }
    let answers = (reader.trees(), reader.findings(), reader.messages(None).unwrap());
    all.extend(serde_json::to_vec(&answers).unwrap());
    all
}

#[test]
fn no_planted_secret_is_at_rest_anywhere() {
    let memory = Memory::default();
    let options = Options { declarations: vec![TERMINAL.to_vec()], ..options() };
    let recorder = Recorder::open_storage(memory.shared(), options).unwrap();
    let registry = std::sync::Arc::clone(recorder.registry());
    let all = planted();
    let in_events: BTreeSet<String> = fitting(1_000).into_iter().map(|planted| planted.text).collect();
    let (mut places, mut sizes, mut given) = (0, 0, Vec::new());
    for (number, secret) in (0..).zip(&all) {
        if in_events.contains(&secret.text) {
            let events = events_with(secret, number * 100, &registry);
            places += events.len();
            take(&recorder, events);
        }
        if is_everywhere(secret) {
            let content = format!("first line\n{}\nlast line\n", secret.text);
            given.push(recorder.artifacts().put(content.as_bytes()).unwrap().sha256);
            sizes += content.len();
        }
    }
    recorder.close().unwrap();
    let detectors: BTreeSet<_> = all.iter().map(|planted| planted.detector_id).collect();
    assert_eq!(detectors.len(), Redactor::new().detectors().count(), "every detector is tried");
    assert!(all.len() >= 10 * detectors.len() && places > 2_000 && sizes > 10_000, "{} {places}", all.len());

    let reader = read(&memory);
    let unpacked = unpacked(&reader, &given);
    let mut raw = Vec::new();
    for path in memory.names() {
        raw.extend(path.as_bytes());
        raw.extend(memory.get(&path));
    }
    let search = AhoCorasick::new(all.iter().map(|planted| &planted.secret)).unwrap();
    for (place, bytes) in [("what it unpacks to", &unpacked), ("the bytes as they lie", &raw)] {
        let found: BTreeSet<_> =
            search.find_iter(bytes).map(|found| all[found.pattern().as_usize()].detector_id).collect();
        assert!(found.is_empty(), "secrets of {found:?} in {place}");
    }
    assert!(unpacked.windows(10).any(|bytes| bytes == b"[REDACTED:"), "what was there is marked");
    assert!(verify(&reader).ok);
}

#[test]
fn what_is_correlated_stays_correlated() {
    let memory = Memory::default();
    let recorder = Recorder::open_storage(memory.shared(), options()).unwrap();
    let secret = fitting(200).into_iter().find(is_everywhere).unwrap();
    let named = |n: u64| {
        let mut event = message(n, "s-1").into_event();
        event.model_session_id = Some(Id::new(secret.text.as_str()).unwrap());
        if let Payload::SessionMessage(payload) = &mut event.payload {
            payload.session_id = Id::new(secret.text.as_str()).unwrap();
        }
        event.check().unwrap()
    };
    take(&recorder, (0..5).map(named).collect());
    let reader = recorder.reader();
    let [only] = reader.sessions(&flightrec_recorder::query::SessionFilter::default()).try_into().unwrap();
    assert_eq!(only.messages, 5, "one secret, one replacement, one session");
    assert!(only.session_id.starts_with("[REDACTED:"), "{}", only.session_id);
    assert_eq!(take(&recorder, vec![named(3)]), [flightrec_recorder::view::Outcome::Duplicate]);
    recorder.close().unwrap();
}

#[test]
fn errors_do_not_repeat_a_secret() {
    let registry = Registry::new();
    for secret in fitting(200).iter().filter(|secret| is_everywhere(secret)) {
        let text = &secret.text;
        let line = json!({
            "event_id": crate::sample::v7(1).to_string(), "code": "FR-EVT-SESS-001", "type": "session.created",
            "timestamp": text, "actor": "agent", "model_session_id": "s-1", "payload": {},
        });
        let rejection = registry.parse(line.to_string().as_bytes()).unwrap_err();
        assert!(!rejection.to_string().contains(&secret.secret), "{rejection}");
    }
}
