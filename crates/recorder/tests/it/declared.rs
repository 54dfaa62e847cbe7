//! Families that a file declares: the store keeps them, readers and later writers know them.

use flightrec_recorder::events::{CheckedEvent, Registry};
use flightrec_recorder::query::EventFilter;
use flightrec_recorder::{OpenError, Options, Recorder};
use serde_json::json;

use crate::memory::Memory;
use crate::sample::{created, open, options, read, recorded, take, take_strictly, verify};

const TERMINAL: &[u8] = include_bytes!("../../../../test-data/families/terminal.json");

fn declaring(memory: &Memory, declaration: &[u8]) -> Result<Recorder, OpenError> {
    Recorder::open_storage(memory.shared(), Options { declarations: vec![declaration.to_vec()], ..options() })
}

fn families(memory: &Memory) -> usize {
    memory.names().iter().filter(|name| name.starts_with("families/")).count()
}

fn command(registry: &Registry, n: u64, line: &str) -> CheckedEvent {
    let event = json!({
        "event_id": format!("01999a7b-1c2d-7e3f-8a4b-{n:012x}"), "code": "FR-EVT-TERM-002", "type": "terminal.command",
        "timestamp": "2026-03-01T12:00:00Z", "actor": "agent", "model_session_id": "s-1",
        "payload": { "session_id": "s-1", "terminal_id": "t", "command_line": line, "started_at": "2026-03-01T12:00:00Z" },
    });
    registry.parse(event.to_string().as_bytes()).unwrap()
}

#[test]
fn a_declaration_is_kept_with_the_store() {
    let memory = Memory::default();
    let recorder = declaring(&memory, TERMINAL).unwrap();
    let event = command(recorder.registry(), 1, "ls -l");
    assert_eq!(recorded(&take_strictly(&recorder, vec![created(1, "s-1"), event.clone()])), 2);
    recorder.close().unwrap();
    assert_eq!(families(&memory), 1);

    let reader = read(&memory);
    assert_eq!(reader.registry().unwrap().declared().count(), 3);
    let filter = EventFilter { kinds: vec!["terminal.command".to_owned()], ..EventFilter::of_session("s-1".into()) };
    let kept: Vec<_> = reader.events(&filter).map(|event| event.unwrap().event).collect();
    assert_eq!(kept, [event]);

    // Later writers know it without being told, and may be told again.
    let recorder = open(&memory);
    assert_eq!(recorder.registry().declared().count(), 3);
    assert_eq!(recorded(&take(&recorder, vec![command(recorder.registry(), 2, "pwd")])), 1);
    recorder.close().unwrap();
    declaring(&memory, TERMINAL).unwrap().close().unwrap();
    assert_eq!(families(&memory), 1);
    assert!(verify(&read(&memory)).ok);
}

#[test]
fn a_declaration_that_contradicts_the_store_is_refused_and_not_kept() {
    let memory = Memory::default();
    declaring(&memory, TERMINAL).unwrap().close().unwrap();
    let other = String::from_utf8(TERMINAL.to_vec()).unwrap().replace("\"maxLength\": 64", "\"maxLength\": 65");
    for bad in [other.as_bytes(), b"{", b"[]"] {
        assert!(matches!(declaring(&memory, bad), Err(OpenError::Declaration { .. })));
    }
    assert_eq!(families(&memory), 1);
    open(&memory).close().unwrap();
}

#[test]
fn a_changed_declaration_is_noticed() {
    let memory = Memory::default();
    declaring(&memory, TERMINAL).unwrap().close().unwrap();
    let path = memory.names().into_iter().find(|name| name.starts_with("families/")).unwrap();
    memory.flip(&path, 100, 1);
    assert!(matches!(Recorder::open_storage(memory.shared(), options()), Err(OpenError::Damaged(_))));
    assert!(read(&memory).registry().is_err());
    assert!(read(&memory).verify(&mut |_| ()).is_err());
}
