//! Sessions that telemetry told of: spans under stand-ins find their session whatever comes first.

use std::collections::BTreeMap;

use flightrec_recorder::Mode;
use flightrec_recorder::SteppedRecorder;
use flightrec_recorder::events::families::session::SessionLinked;
use flightrec_recorder::events::{CheckedEvent, LinkEvidence, LinkRelation, State, TraceId};
use flightrec_recorder::query::{EventFilter, SessionFilter};
use flightrec_recorder::view::{FindingKind, SessionView};
use proptest::prelude::{Just, ProptestConfig, Strategy, prop_assert_eq, proptest};

use crate::memory::Memory;
use crate::sample::{
    Usage, change, created_by, event, id, inference, message, open, options, session, span, span_closed, span_opened,
    take, tool_call, verify,
};

/// The event as one that was mapped from telemetry.
fn told(event: CheckedEvent) -> CheckedEvent {
    let mut event = event.into_event();
    event.actor_id = Some(id("otlp:gen_ai"));
    event.trace_id = event.trace_id.or(TraceId::from_bytes([7; 16]));
    event.check().unwrap()
}

fn link(n: u64, from: &str, relation: LinkRelation, to: &str, evidence: LinkEvidence) -> CheckedEvent {
    let linked =
        SessionLinked { session_id: id(from), relation, target_session_id: id(to), evidence, span_id: Some(span(n)) };
    told(event(n, from, linked).check().unwrap())
}

fn part_of(n: u64, stand_in: &str, whole: &str, evidence: LinkEvidence) -> CheckedEvent {
    link(n, stand_in, LinkRelation::PartOf, whole, evidence)
}

fn usage(input: u64, request: Option<&str>, span: Option<u64>) -> Usage {
    Usage { input, output: 1, nanos: Some(input), request: request.map(str::to_owned), span, model: None }
}

/// A session with a delegate, its spans recorded under stand-ins; a trace with nothing but a plain span.
fn delivery() -> Vec<CheckedEvent> {
    [
        // The delegate's model call came before anything above it.
        span_opened(1, "t/tool", 1, 3),
        inference(2, "t/tool", &usage(10, Some("r-1"), Some(1))),
        inference(3, "t/tool", &usage(10, Some("r-1"), Some(2))),
        message(4, "t/tool"),
        span_closed(5, "t/tool", 1, 4),
        part_of(6, "t/tool", "t", LinkEvidence::Trace),
        // The delegate itself, named; it lies in a span that is not there yet.
        created_by(7, "delegate", None),
        part_of(8, "t/tool", "delegate", LinkEvidence::ParentSpan),
        link(9, "delegate", LinkRelation::ChildOf, "t/root", LinkEvidence::ParentSpan),
        part_of(10, "t/root", "t", LinkEvidence::Trace),
        change(11, "delegate", State::Active, State::Completed),
        // The root, and what it used itself.
        part_of(12, "t/root", "main", LinkEvidence::ParentSpan),
        part_of(13, "t", "main", LinkEvidence::Attribute),
        created_by(14, "main", None),
        span_opened(15, "main", 15, 1),
        inference(16, "t/root", &usage(100, None, Some(16))),
        tool_call(17, "t/root", 2, 3),
        message(4, "t/root"),
        span_closed(19, "main", 15, 30),
        change(20, "main", State::Active, State::Failed),
        span_opened(21, "elsewhere", 21, 1),
    ]
    .into_iter()
    .enumerate()
    .map(|(n, event)| {
        let mut event = event.into_event();
        event.event_id = crate::sample::v7(100 + n as u64);
        told(event.check().unwrap())
    })
    .collect()
}

/// What is answered, without the positions that differ from order to order.
fn answers(events: Vec<CheckedEvent>) -> BTreeMap<String, SessionView> {
    let mut recorder = SteppedRecorder::open(Memory::default().shared(), &options()).unwrap();
    recorder.commit(events.into_iter().map(|event| (vec![event], Mode::Lenient)).collect()).unwrap();
    let views = recorder.reader().sessions(&SessionFilter::default());
    let clean = |mut view: SessionView| {
        view.findings.iter_mut().for_each(|finding| finding.seq = None);
        (view.session_id.to_string(), view)
    };
    views.into_iter().map(clean).collect()
}

#[test]
fn stand_ins_are_their_sessions() {
    let recorder = open(&Memory::default());
    take(&recorder, delivery());
    let reader = recorder.reader();
    let ids: Vec<String> = reader.session_ids().iter().map(ToString::to_string).collect();
    assert_eq!(ids, ["delegate", "main"], "a trace of plain spans is no session");
    let (main, delegate) = (session(reader, "main"), session(reader, "delegate"));
    assert_eq!((main.parent_session_id.as_deref(), delegate.parent_session_id.as_deref()), (None, Some("main")));
    assert_eq!((main.spawn_depth, delegate.spawn_depth), (Some(0), Some(1)));
    assert_eq!((main.tokens.input, main.model_runs, main.tool_calls, main.messages), (100, 1, 1, 1));
    assert_eq!((delegate.tokens.input, delegate.model_runs, delegate.messages), (10, 1, 1), "r-1 was told twice");
    assert_eq!((main.cost.own_nanos, main.cost.inclusive_nanos), (100, 110));
    assert_eq!((main.state, delegate.state), (State::Failed, State::Completed));
    assert_eq!((&*main.source, main.findings.len(), delegate.findings.len()), ("otlp:gen_ai", 0, 0));
    // Any of its ids finds the session, and it finds all that was recorded under them.
    for name in ["main", "t", "t/root"] {
        assert_eq!(&*reader.resolve(name).unwrap(), "main");
        assert_eq!(&*reader.session(name).unwrap().session.session_id, "main");
    }
    let of = |id: &str| reader.events(&EventFilter::of_session(id.into())).flatten().count();
    assert_eq!((of("main"), of("t"), of("delegate")), (10, 10, 10));
    let spans = reader.session("delegate").unwrap().spans;
    assert_eq!(spans.iter().map(|span| span.session_id.as_deref()).collect::<Vec<_>>(), [Some("delegate")]);
    assert_eq!(&*reader.messages(Some("delegate".into())).unwrap()[0].session_id, "delegate");
    let tree = reader.tree("main").unwrap();
    assert_eq!(tree.children.iter().map(|child| &*child.session.session_id).collect::<Vec<_>>(), ["delegate"]);
    assert!(verify(reader).ok);
    recorder.close().unwrap();
}

#[test]
fn the_answers_are_the_same_after_an_open() {
    let memory = Memory::default();
    let recorder = open(&memory);
    take(&recorder, delivery());
    let before = recorder.reader().sessions(&SessionFilter::default());
    recorder.close().unwrap();
    let recorder = open(&memory);
    assert_eq!(recorder.reader().sessions(&SessionFilter::default()), before);
    assert!(verify(recorder.reader()).ok);
}

#[test]
fn spans_whose_parent_never_comes_lie_in_the_session_of_their_trace_with_a_finding() {
    let recorder = open(&Memory::default());
    let events = delivery().into_iter().filter(|event| {
        // The delegate and the root never arrive.
        event.model_session_id.as_ref().is_some_and(|id| id.as_str().starts_with("t/"))
            && !format!("{:?}", event.payload).contains("ParentSpan")
    });
    take(&recorder, events.chain([told(created_by(50, "t", None))]).collect());
    let whole = session(recorder.reader(), "t");
    assert_eq!((whole.model_runs, whole.tool_calls, whole.state), (2, 1, State::Active));
    assert_eq!(whole.findings.iter().filter(|found| found.kind == FindingKind::OrphanParent).count(), 2);
    assert_eq!(recorder.reader().session_ids().len(), 1);
    recorder.close().unwrap();
}

#[test]
fn usage_that_spans_and_log_records_tell_without_any_id_counts_once() {
    let unnamed = |n, span| told(inference(n, "s", &usage(7, None, span)));
    for (spans, logs, runs) in [(2, 0, 2), (0, 2, 2), (2, 2, 2), (1, 3, 3), (3, 1, 3)] {
        let recorder = open(&Memory::default());
        let from_spans = (0..spans).map(|n| unnamed(n, Some(n)));
        let from_logs = (0..logs).map(|n| unnamed(10 + n, None));
        take(&recorder, [told(created_by(90, "s", None))].into_iter().chain(from_spans).chain(from_logs).collect());
        let view = session(recorder.reader(), "s");
        assert_eq!((view.model_runs, view.tokens.input, view.cost.own_nanos), (runs, 7 * runs, 7 * u128::from(runs)));
        recorder.close().unwrap();
    }
}

#[test]
fn a_response_of_telemetry_is_one_within_its_trace() {
    let recorder = open(&Memory::default());
    let other_trace = |event: CheckedEvent| {
        let mut event = event.into_event();
        event.trace_id = TraceId::from_bytes([8; 16]);
        event.check().unwrap()
    };
    let mut without_provider = inference(3, "s", &usage(7, Some("r"), Some(3))).into_event();
    if let flightrec_recorder::events::Payload::LlmInference(inference) = &mut without_provider.payload {
        inference.provider = None;
    }
    let events = vec![
        told(created_by(1, "s", None)),
        told(inference(2, "s", &usage(7, Some("r"), Some(2)))),
        told(without_provider.check().unwrap()),
        other_trace(told(inference(4, "s", &usage(7, Some("r"), Some(4))))),
    ];
    take(&recorder, events);
    assert_eq!(session(recorder.reader(), "s").model_runs, 2);
    recorder.close().unwrap();
}

#[test]
fn a_cost_that_the_emitter_states_is_better_than_one_from_any_price_table() {
    for source in ["table:2026-11-22 acme/m-1", "user-table:2026-11-01 acme/m-1"] {
        let mut priced = inference(2, "s", &Usage { nanos: Some(5), ..usage(7, Some("r"), Some(2)) }).into_event();
        if let flightrec_recorder::events::Payload::LlmInference(inference) = &mut priced.payload {
            inference.price_source = Some(id(source));
        }
        let stated = inference(3, "s", &Usage { nanos: Some(9), ..usage(7, Some("r"), Some(3)) });
        let recorder = open(&Memory::default());
        take(&recorder, vec![told(created_by(1, "s", None)), told(priced.check().unwrap()), told(stated)]);
        assert_eq!(session(recorder.reader(), "s").cost.own_nanos, 9, "{source}");
        recorder.close().unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn no_order_changes_an_answer(events in Just(delivery()).prop_shuffle()) {
        prop_assert_eq!(answers(events), answers(delivery()));
    }
}

/// The event as one that was read in a transcript.
fn transcribed(event: CheckedEvent, source: &str, at_s: i64) -> CheckedEvent {
    let mut event = event.into_event();
    event.actor_id = Some(id(source));
    event.trace_id = TraceId::from_bytes([9; 16]);
    event.timestamp = crate::sample::at(at_s);
    event.check().unwrap()
}

fn from(event: CheckedEvent, source: &str, trace: u8, at_s: i64) -> CheckedEvent {
    let mut event = transcribed(event, source, at_s).into_event();
    event.trace_id = TraceId::from_bytes([trace; 16]);
    event.check().unwrap()
}

/// A session with an agent that telemetry does not tell apart, the transcripts of both, and a session that went on
/// with it in a file of its own.
fn transcripts_and_telemetry() -> Vec<CheckedEvent> {
    let told = "otlp:claude_code";
    let own = "transcript:claude_code";
    let used = |n, session, tokens, request: &str, span| inference(n, session, &usage(tokens, Some(request), span));
    let mut link = link(1, "a@s", LinkRelation::ChildOf, "s", LinkEvidence::Attribute).into_event();
    link.actor_id = Some(id(own));
    [
        // Telemetry: a span and a log record of each call, all under the one session id.
        from(created_by(1, "s", None), told, 1, 1),
        from(used(2, "s", 100, "r-main", Some(2)), told, 1, 2),
        from(used(3, "s", 100, "r-main", None), told, 2, 2),
        from(used(4, "s", 10, "r-agent", Some(4)), told, 1, 3),
        from(tool_call(5, "s", 3, 4), told, 1, 3),
        from(tool_call(6, "s", 3, 4), told, 1, 3),
        from(message(7, "s"), told, 1, 1),
        from(message(8, "s"), told, 1, 3),
        from(span_opened(9, "s", 2, 1), told, 1, 1),
        // The transcripts; the first line of a response often tells fewer tokens.
        transcribed(created_by(1, "s", None), own, 1),
        transcribed(used(2, "s", 100, "r-main", Some(20)), own, 2),
        transcribed(tool_call(5, "s", 3, 4), own, 3),
        transcribed(message(7, "s"), own, 1),
        transcribed(message(9, "s"), own, 2),
        transcribed(span_opened(9, "s", 20, 1), own, 1),
        transcribed(created_by(1, "a@s", None), own, 3),
        link.check().unwrap(),
        transcribed(used(4, "a@s", 3, "r-agent", None), own, 3),
        transcribed(used(4, "a@s", 10, "r-agent", None), own, 4),
        transcribed(tool_call(6, "a@s", 3, 4), own, 3),
        transcribed(message(8, "a@s"), own, 3),
        // Another file repeats a response under its own session, later.
        transcribed(created_by(1, "later", None), own, 1),
        transcribed(used(2, "later", 100, "r-main", None), own, 50),
        transcribed(used(11, "later", 7, "r-new", None), own, 51),
    ]
    .into_iter()
    .enumerate()
    .map(|(n, event)| {
        let mut event = event.into_event();
        event.event_id = crate::sample::v7(100 + n as u64);
        event.check().unwrap()
    })
    .collect()
}

#[test]
fn what_transcripts_and_telemetry_both_tell_counts_once_where_the_transcript_places_it() {
    let recorder = open(&Memory::default());
    take(&recorder, transcripts_and_telemetry());
    let reader = recorder.reader();
    let facts = |name: &str| {
        let view = session(reader, name);
        let messages = reader.messages(Some(name.into())).unwrap().len();
        (view.model_runs, view.tokens.input, view.tool_calls, view.messages, messages, view.cost.own_nanos)
    };
    assert_eq!(facts("s"), (1, 100, 1, 2, 2, 100));
    assert_eq!(facts("a@s"), (1, 10, 1, 1, 1, 10));
    assert_eq!(facts("later"), (1, 7, 0, 0, 0, 7), "it repeats what another session used");
    assert_eq!(session(reader, "s").cost.inclusive_nanos, 110);
    assert_eq!(session(reader, "a@s").parent_session_id.as_deref(), Some("s"));
    assert_eq!(reader.messages(None).unwrap().len(), 3);
    // Spans that were made of a transcript stand in only where there are no others.
    assert_eq!(session(reader, "s").spans, 1);
    let ids: Vec<_> = reader.session("s").unwrap().spans.iter().map(|found| found.span_id).collect();
    assert_eq!(ids, [span(2)]);
    assert!(verify(reader).ok);
    recorder.close().unwrap();

    let alone: Vec<CheckedEvent> = transcripts_and_telemetry().into_iter().skip(9).collect();
    let answers = answers(alone);
    assert_eq!(
        (answers["s"].model_runs, answers["s"].tool_calls, answers["s"].messages, answers["s"].spans),
        (1, 1, 2, 1)
    );
    assert_eq!((&*answers["s"].source, answers["a@s"].tokens.input), ("transcript:claude_code", 10));
}

#[test]
fn usage_that_three_kinds_of_witnesses_tell_without_a_common_id_counts_once() {
    let cases = [(0, 0, 2), (2, 0, 2), (0, 2, 2), (2, 2, 2), (3, 1, 2), (1, 3, 2), (1, 1, 3), (3, 2, 0), (0, 1, 0)];
    for (spans, logs, transcripts) in cases {
        let told = |n, span| from(inference(n, "s", &usage(7, None, span)), "otlp:codex", 1, n as i64);
        let read = |n: u64| {
            let used = usage(7, Some(&format!("r-{n}")), Some(99));
            transcribed(inference(n, "s", &used), "transcript:codex", n as i64)
        };
        let events: Vec<CheckedEvent> = [from(created_by(90, "s", None), "otlp:codex", 1, 0)]
            .into_iter()
            .chain((1..=spans).map(|n| told(n, Some(n))))
            .chain((1..=logs).map(|n| told(10 + n, None)))
            .chain((1..=transcripts).map(|n| read(20 + n)))
            .collect();
        let runs = spans.max(logs).max(transcripts);
        for events in [events.clone(), events.into_iter().rev().collect()] {
            let view = &answers(events)["s"];
            let found = (view.model_runs, view.tokens.input, view.cost.own_nanos);
            assert_eq!(found, (runs, 7 * runs, 7 * u128::from(runs)), "{spans} {logs} {transcripts}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn no_order_of_transcripts_and_telemetry_changes_an_answer(events in Just(transcripts_and_telemetry()).prop_shuffle()) {
        prop_assert_eq!(answers(events), answers(transcripts_and_telemetry()));
    }
}
