//! Sessions that were left alone are packed; nothing that anybody asks is answered otherwise.

use flightrec_events::{CheckedEvent, State};
use flightrec_recorder::query::{SessionFilter, SessionOrder};
use flightrec_recorder::view::{CostRow, ProjectionCheck};
use flightrec_recorder::{CostKey, Options, Packing, Reader, Recorder};
use proptest::prelude::*;

use crate::memory::Memory;
use crate::sample::{
    Usage, at, change, created_by, inference, message, open, options, read, span_closed, span_opened, take, tool_call,
    verify, workload,
};

const NEVER: Packing = Packing { sessions: usize::MAX, events: 0 };

/// One thing that happens in one of a few sessions.
#[derive(Debug, Clone)]
enum Happening {
    Created { parent: Option<u8> },
    Said,
    Changed(State, State),
    Used { input: u64, nanos: Option<u64>, request: Option<u8>, span: Option<u8>, model: bool },
    Opened(u8),
    Closed(u8),
    Called,
}

fn happening() -> impl Strategy<Value = Happening> {
    let few = || prop::option::of(0_u8..6);
    prop_oneof![
        3 => few().prop_map(|parent| Happening::Created { parent }),
        2 => Just(Happening::Said),
        2 => prop_oneof![
            Just(Happening::Changed(State::Created, State::Active)),
            Just(Happening::Changed(State::Active, State::Completed)),
            Just(Happening::Changed(State::Active, State::Failed)),
        ],
        5 => (0_u64..4, prop::option::of(0_u64..3), few(), few(), any::<bool>())
            .prop_map(|(input, nanos, request, span, model)| Happening::Used { input, nanos, request, span, model }),
        1 => (0_u8..6).prop_map(Happening::Opened),
        1 => (0_u8..6).prop_map(Happening::Closed),
        1 => Just(Happening::Called),
    ]
}

fn event(n: u64, session: u8, happening: &Happening) -> CheckedEvent {
    let id = format!("s-{session}");
    match happening {
        Happening::Created { parent } => created_by(n, &id, parent.map(|parent| format!("s-{parent}")).as_deref()),
        Happening::Said => message(n, &id),
        Happening::Changed(from, to) => change(n, &id, *from, *to),
        Happening::Used { input, nanos, request, span, model } => {
            let usage = Usage {
                input: *input,
                output: 1,
                nanos: *nanos,
                request: request.map(|request| format!("r-{request}")),
                span: span.map(u64::from),
                model: model.then_some("m-2"),
            };
            inference(n, &id, &usage)
        }
        Happening::Opened(span) => span_opened(n, &id, u64::from(*span), n as i64),
        Happening::Closed(span) => span_closed(n, &id, u64::from(*span), n as i64),
        Happening::Called => tool_call(n, &id, 2, 1),
    }
}

fn packed_by(packing: Packing) -> Options {
    Options { packing, ..options() }
}

/// What can be asked of all sessions at once.
fn filters() -> Vec<SessionFilter> {
    let orders = [
        SessionOrder::Created,
        SessionOrder::Updated,
        SessionOrder::Cost,
        SessionOrder::Tokens,
        SessionOrder::Elapsed,
        SessionOrder::Role,
        SessionOrder::State,
    ];
    let mut filters: Vec<SessionFilter> = orders
        .into_iter()
        .flat_map(|order| {
            [None, Some(0), Some(1), Some(4)].map(|limit| SessionFilter { order, limit, ..SessionFilter::default() })
        })
        .collect();
    filters.push(SessionFilter { states: vec![State::Completed, State::Active], ..SessionFilter::default() });
    filters.push(SessionFilter { role: Some("coder".to_owned()), limit: Some(3), ..SessionFilter::default() });
    filters.push(SessionFilter {
        model: Some("m-1".to_owned()),
        wp: Some("wp-1".to_owned()),
        ..SessionFilter::default()
    });
    filters.push(SessionFilter { since: Some(at(20)), until: Some(at(60)), ..SessionFilter::default() });
    filters
}

fn costs(reader: &Reader, filter: &SessionFilter) -> Vec<Vec<CostRow>> {
    let keys = [CostKey::Session, CostKey::WorkPacket, CostKey::Role, CostKey::Model, CostKey::Provider];
    keys.map(|key| reader.cost(key, filter)).into()
}

fn assert_same(found: &Reader, wanted: &Reader) {
    for filter in filters() {
        assert_eq!(found.sessions(&filter), wanted.sessions(&filter), "{filter:?}");
        assert_eq!(costs(found, &filter), costs(wanted, &filter), "{filter:?}");
    }
    assert_eq!(found.trees(), wanted.trees());
    assert_eq!(found.findings(), wanted.findings());
    assert_eq!(found.ids_with_traces(), wanted.ids_with_traces());
    assert_eq!(found.model_runs(None).unwrap(), wanted.model_runs(None).unwrap());
    for id in wanted.session_ids() {
        assert_eq!(format!("{:?}", found.resolve(&id[..3])), format!("{:?}", wanted.resolve(&id[..3])));
        assert_eq!(found.session(&id).unwrap(), wanted.session(&id).unwrap());
        assert_eq!(found.model_runs(Some(&id)).unwrap(), wanted.model_runs(Some(&id)).unwrap());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_packing_changes_an_answer(
        happenings in proptest::collection::vec((0_u8..12, happening()), 1..120),
        packing in (0_usize..6, 0_u64..20).prop_map(|(sessions, events)| Packing { sessions, events }),
        batch in 1_usize..9,
        reopened in 1_usize..120,
    ) {
        let events: Vec<CheckedEvent> =
            happenings.iter().zip(1..).map(|((session, happening), n)| event(n, *session, happening)).collect();
        let (packed, plain) = (Memory::default(), Memory::default());
        let wanted = Recorder::open_storage(plain.shared(), packed_by(NEVER)).unwrap();
        let mut recorder = Recorder::open_storage(packed.shared(), packed_by(packing)).unwrap();
        for (done, events) in events.chunks(batch).enumerate() {
            take(&wanted, events.to_vec());
            take(&recorder, events.to_vec());
            if done % reopened == reopened - 1 {
                recorder.close().unwrap();
                recorder = Recorder::open_storage(packed.shared(), packed_by(packing)).unwrap();
            }
        }
        assert_same(recorder.reader(), wanted.reader());
        prop_assert_eq!(verify(recorder.reader()).projections, ProjectionCheck::Match);
        recorder.close().unwrap();
        assert_same(&read(&packed), wanted.reader());
        prop_assert!(verify(&read(&packed)).ok);
    }
}

fn page_files(memory: &Memory) -> Vec<String> {
    let names = memory.names().into_iter();
    names.filter(|name| name.starts_with("derived/sessions-")).collect()
}

/// A store that was closed so often, every time with other sessions.
fn closed(times: u64) -> Memory {
    let memory = Memory::default();
    for round in 0..times {
        let recorder = open(&memory);
        take(&recorder, workload(round * 100));
        take(&recorder, workload(50_000 + round * 100));
        recorder.close().unwrap();
    }
    memory
}

#[test]
fn small_files_of_packed_sessions_become_one() {
    let memory = closed(40);
    let files = page_files(&memory);
    assert!((1..=7).contains(&files.len()), "{files:?}");
    memory.set("derived/sessions-00000900.frp", b"of an interrupted writing".to_vec());
    memory.set("derived/sessions-00000901.frp.tmp", b"of another".to_vec());
    open(&memory).close().unwrap();
    assert!(page_files(&memory).len() <= 8, "what no snapshot names goes: {:?}", page_files(&memory));
    assert!(verify(&read(&memory)).ok);
}

#[test]
fn every_damaged_file_of_packed_sessions_is_found_and_gives_no_wrong_answer() {
    let memory = closed(6);
    let plain = memory.copy();
    plain.delete_dir("derived/");
    let wanted = read(&plain);
    let all = SessionFilter::default();
    let (sessions, runs) = (wanted.sessions(&all), wanted.model_runs(None).unwrap());
    for file in page_files(&memory) {
        let len = memory.get(&file).len();
        for at in (0..len).step_by(31) {
            let copy = memory.copy();
            copy.flip(&file, at, at as u32 % 8);
            let found = read(&copy);
            assert_eq!(found.sessions(&all), sessions, "{file}, byte {at}");
            assert!(found.model_runs(None).is_err() || found.model_runs(None).unwrap() == runs, "{file}, byte {at}");
            assert!(!verify(&found).ok, "{file}, byte {at}");
        }
        let copy = memory.copy();
        copy.delete(&file);
        assert_eq!(read(&copy).sessions(&all), sessions);
        open(&copy).close().unwrap();
        assert!(verify(&read(&copy)).ok, "the next writer makes it again");
    }
}

#[test]
fn a_writer_that_meets_damage_folds_the_log_again_and_goes_on() {
    let memory = closed(6);
    for file in page_files(&memory) {
        // What no open reads comes last.
        let whole = memory.get(&file);
        let kept = whole.len() - 64;
        memory.set(&file, whole[..kept].iter().copied().chain([0; 64]).collect());
    }
    assert!(!verify(&read(&memory)).ok);
    let plain = memory.copy();
    plain.delete_dir("derived/");
    let (recorder, wanted) = (open(&memory), open(&plain));
    for round in 0..6 {
        // A report of usage that repeats one of a packed session.
        let usage = Usage { input: 10, output: 5, request: Some(format!("r-1-{}", round * 100)), ..Usage::default() };
        let repeated = inference(90_000 + round, "s-late", &usage);
        take(&wanted, vec![repeated.clone()]);
        take(&recorder, vec![repeated]);
    }
    assert_same(recorder.reader(), wanted.reader());
    recorder.close().unwrap();
    assert!(verify(&read(&memory)).ok);
}
