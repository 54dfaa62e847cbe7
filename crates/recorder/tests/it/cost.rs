//! Facts, tokens, cost, roll-ups and rate.

use flightrec_recorder::events::{Backend, Label, MAX_COUNT, State};
use flightrec_recorder::query::{SessionFilter, SessionOrder};
use flightrec_recorder::view::{CostRow, RowCost, SessionCost, Tokens};
use flightrec_recorder::{CostKey, Recorder};

use crate::memory::Memory;
use crate::sample::{
    Usage, at, change, created, creation, event, id, inference, message, open, read, session, span_closed, span_opened,
    take, tool_call, verify,
};

fn usage(input: u64, output: u64, nanos: Option<u64>) -> Usage {
    Usage { input, output, nanos, ..Usage::default() }
}

#[test]
fn a_session_shows_its_facts_and_counts() {
    let memory = Memory::default();
    let recorder = open(&memory);
    let mut facts = creation("s-1", Some("s-0"));
    facts.mt_id = Some(id("mt-1"));
    facts.label = Some(Label::new("first").unwrap());
    facts.spawn_depth = 2_u32.into();
    take(
        &recorder,
        vec![
            event(1, "s-1", facts).check().unwrap(),
            change(2, "s-1", State::Created, State::Active),
            message(3, "s-1"),
            tool_call(4, "s-1", 1, 2),
            tool_call(5, "s-1", 2, 2),
            inference(6, "s-1", &usage(100, 20, Some(3_000_000_001))),
            inference(7, "s-1", &usage(10, 2, None)),
            span_opened(8, "s-1", 1, 1),
            span_opened(9, "s-1", 2, 1),
            span_closed(10, "s-1", 2, 500),
            change(11, "s-1", State::Active, State::Blocked),
        ],
    );
    let view = session(recorder.reader(), "s-1");
    assert_eq!(view.parent_session_id.as_deref(), Some("s-0"));
    assert_eq!((view.role.as_deref(), view.model_id.as_deref()), (Some("coder"), Some("m-1")));
    assert_eq!((view.provider.as_deref(), view.backend), (Some("acme"), Some(Backend::Cloud)));
    assert_eq!((view.wp_id.as_deref(), view.mt_id.as_deref()), (Some("wp-1"), Some("mt-1")));
    assert_eq!((view.label.as_deref(), view.spawn_depth, &*view.source), (Some("first"), Some(2), "native"));
    assert_eq!((view.state, view.created_at, view.ended_at), (State::Blocked, Some(at(1)), None));
    assert_eq!(view.updated_at, Some(at(11)), "the span that closed at 500 does not count");
    assert_eq!((view.messages, view.model_runs, view.tool_calls, view.spans, view.open_spans), (1, 2, 2, 2, 1));
    let tokens = Tokens { input: 110, output: 22, cached: 55, cache_write: 0, reasoning: 11, total: 132 };
    assert_eq!(view.tokens, tokens);
    let cost = SessionCost { own_nanos: 3_000_000_001, inclusive_nanos: 3_000_000_001, unpriced_runs: 1 };
    assert_eq!(view.cost, cost, "what has no price adds none, and is counted");
    take(&recorder, vec![change(12, "s-1", State::Blocked, State::Completed), message(13, "s-1")]);
    let view = session(recorder.reader(), "s-1");
    assert_eq!((view.state, view.ended_at, view.messages), (State::Completed, Some(at(12)), 2));
    let states: Vec<_> = recorder.reader().session("s-1").unwrap().states.iter().map(|step| step.to_state).collect();
    assert_eq!(states, [State::Active, State::Blocked, State::Completed]);
    recorder.close().unwrap();
}

#[test]
fn the_largest_amounts_add_up_and_nothing_overflows() {
    let memory = Memory::default();
    let recorder = open(&memory);
    // A million dollars and the largest counts, so often that 64 bits would not hold the sums.
    let most = Usage { span: Some(3), ..usage(MAX_COUNT, MAX_COUNT, Some(1_000_000_000_000_000)) };
    for first in [0, 1_000, 2_000, 3_000] {
        let events = (0..1_000).map(|n| {
            let usage = Usage { request: Some(format!("r-{}", first + n)), ..most.clone() };
            let mut event = inference(first + n, "s-1", &usage).into_event();
            event.timestamp = at(0);
            event.check().unwrap()
        });
        take(&recorder, events.collect());
    }
    let view = session(recorder.reader(), "s-1");
    assert_eq!((view.model_runs, view.cost.own_nanos), (4_000, 4_000_000_000_000_000_000));
    assert_eq!(view.tokens.input, u64::MAX, "shown as the most that there is");
    assert_eq!(recorder.reader().rate(at(0), 60).tokens_per_minute, u64::MAX);
    take(&recorder, vec![span_opened(9_000, "s-1", 3, 1)]);
    let spans = recorder.reader().session("s-1").unwrap().spans;
    assert_eq!((spans[0].tokens_in, spans[0].cost_nanos), (Some(u64::MAX), Some(4_000_000_000_000_000_000)));
    // A stronger report takes the weaker one back, exactly.
    let first = Usage { request: Some("r-0".to_owned()), nanos: Some(5), ..most };
    let mut again = inference(10_000, "s-1", &first).into_event();
    again.timestamp = at(-1);
    take(&recorder, vec![again.check().unwrap()]);
    assert_eq!(session(recorder.reader(), "s-1").cost.own_nanos, 3_999_000_000_000_000_005);
    recorder.close().unwrap();
    assert!(verify(&read(&memory)).ok);
}

/// Three sessions: two of one work packet with different models, one without facts.
fn rows() -> Recorder {
    let recorder = open(&Memory::default());
    let mut other = creation("s-2", None);
    (other.role, other.model_id, other.provider) = (id("validator"), id("m-2"), None);
    let mut none = creation("s-4", None);
    (none.wp_id, none.model_id) = (None, id("m-9"));
    let on = |model, nanos| Usage { model: Some(model), ..usage(10, 1, nanos) };
    take(
        &recorder,
        vec![
            created(1, "s-1"),
            event(2, "s-2", other).check().unwrap(),
            event(3, "s-4", none).check().unwrap(),
            inference(4, "s-1", &on("m-1", Some(500))),
            inference(5, "s-1", &on("m-2", Some(50))),
            inference(6, "s-2", &on("m-2", Some(7))),
            inference(7, "s-2", &on("m-2", None)),
            inference(8, "s-3", &on("m-1", Some(1))),
        ],
    );
    recorder
}

fn row(key: Option<&str>, sessions: u64, runs: u64, nanos: u128, unpriced_runs: u64) -> CostRow {
    let tokens = Tokens { input: 10 * runs, output: runs, cached: 5 * runs, total: 11 * runs, ..Tokens::default() };
    CostRow { key: key.map(Into::into), sessions, tokens, cost: RowCost { nanos, unpriced_runs } }
}

#[test]
fn cost_rolls_up_by_every_key() {
    let recorder = rows();
    let by = |key| recorder.reader().cost(key, &SessionFilter::default());
    let sessions = [
        row(Some("s-1"), 1, 2, 550, 0),
        row(Some("s-2"), 1, 2, 7, 1),
        row(Some("s-3"), 1, 1, 1, 0),
        row(Some("s-4"), 1, 0, 0, 0),
    ];
    assert_eq!(by(CostKey::Session), sessions);
    assert_eq!(by(CostKey::WorkPacket), [row(Some("wp-1"), 2, 4, 557, 1), row(None, 2, 1, 1, 0)]);
    let roles = [row(Some("coder"), 2, 2, 550, 0), row(Some("validator"), 1, 2, 7, 1), row(None, 1, 1, 1, 0)];
    assert_eq!(by(CostKey::Role), roles);
    let models = [row(Some("m-1"), 2, 2, 501, 0), row(Some("m-2"), 2, 3, 57, 1), row(Some("m-9"), 1, 0, 0, 0)];
    assert_eq!(by(CostKey::Model), models);
    assert_eq!(by(CostKey::Provider), [row(Some("acme"), 4, 5, 558, 1)]);
    for key in [CostKey::Session, CostKey::WorkPacket, CostKey::Role, CostKey::Model, CostKey::Provider] {
        let sum: u128 = by(key).iter().map(|row| row.cost.nanos).sum();
        assert_eq!(sum, 558, "every view adds up to the same");
    }
    let coders = SessionFilter { role: Some("coder".to_owned()), ..SessionFilter::default() };
    assert_eq!(recorder.reader().cost(CostKey::Model, &coders).len(), 3);
    assert_eq!(recorder.reader().cost(CostKey::Session, &coders).len(), 2);
    recorder.close().unwrap();
}

#[test]
fn sessions_are_filtered_and_sorted() {
    let recorder = rows();
    take(
        &recorder,
        vec![change(20, "s-2", State::Created, State::Active), change(900, "s-4", State::Created, State::Failed)],
    );
    let ids = |filter: &SessionFilter| -> Vec<String> {
        recorder.reader().sessions(filter).iter().map(|view| view.session_id.to_string()).collect()
    };
    let open = SessionFilter::default;
    assert_eq!(ids(&open()), ["s-3", "s-1", "s-2", "s-4"], "by creation, unknown first");
    assert_eq!(ids(&SessionFilter { states: vec![State::Active, State::Failed], ..open() }), ["s-2", "s-4"]);
    assert_eq!(ids(&SessionFilter { model: Some("m-9".to_owned()), ..open() }), ["s-4"]);
    assert_eq!(ids(&SessionFilter { wp: Some("wp-1".to_owned()), ..open() }), ["s-1", "s-2"]);
    assert_eq!(ids(&SessionFilter { backend: Some(Backend::Local), ..open() }), [""; 0]);
    assert_eq!(ids(&SessionFilter { since: Some(at(20)), ..open() }), ["s-2", "s-4"], "at or after");
    assert_eq!(ids(&SessionFilter { until: Some(at(2)), ..open() }), ["s-1"], "before");
    assert_eq!(ids(&SessionFilter { order: SessionOrder::Cost, limit: Some(2), ..open() }), ["s-1", "s-2"]);
    assert_eq!(ids(&SessionFilter { order: SessionOrder::Updated, limit: Some(1), ..open() }), ["s-4"]);
    assert_eq!(ids(&SessionFilter { order: SessionOrder::Elapsed, limit: Some(2), ..open() }), ["s-4", "s-2"]);
    assert_eq!(ids(&SessionFilter { order: SessionOrder::Tokens, limit: Some(1), ..open() }), ["s-1"]);
    assert_eq!(ids(&SessionFilter { order: SessionOrder::Role, ..open() }), ["s-3", "s-1", "s-4", "s-2"]);
    assert_eq!(ids(&SessionFilter { order: SessionOrder::State, ..open() }), ["s-3", "s-1", "s-2", "s-4"]);
    recorder.close().unwrap();
}

#[test]
fn the_rate_looks_at_whole_seconds_of_its_window() {
    let recorder = open(&Memory::default());
    let mut events = vec![created(1, "s-1"), change(2, "s-1", State::Created, State::Active), created(3, "s-2")];
    for (n, seconds) in [(10, 0), (11, 59), (12, 60), (13, 61)] {
        let mut event = inference(n, "s-1", &usage(50, 10, (n != 12).then_some(1_000))).into_event();
        event.timestamp = at(seconds);
        events.push(event.check().unwrap());
    }
    take(&recorder, events);
    let rate = |now, window| {
        let rate = recorder.reader().rate(at(now), window);
        assert_eq!((rate.window_s, rate.active_sessions), (window.max(1), 1));
        (rate.tokens_per_minute, rate.nanos_per_minute, rate.unpriced_runs)
    };
    assert_eq!(rate(60, 60), (120, 1_000, 1), "seconds 1 to 60");
    assert_eq!(rate(61, 60), (180, 2_000, 1));
    assert_eq!(rate(61, 30), (360, 4_000, 1));
    assert_eq!(rate(0, 1), (3_600, 60_000, 0));
    assert_eq!(rate(61, 0), (3_600, 60_000, 0), "an empty window counts as one second");
    assert_eq!(rate(1_000, 60), (0, 0, 0));
    assert_eq!(rate(61, u64::MAX), (0, 0, 1), "any window can be asked for");
    recorder.close().unwrap();
}
