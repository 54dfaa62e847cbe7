//! Each kind of finding, raised by what it is about.

use std::collections::BTreeSet;

use flightrec_recorder::events::{CheckedEvent, State};
use flightrec_recorder::view::{Finding, FindingKind, Severity};
use flightrec_recorder::{Options, Overflow, Recorder};

use crate::memory::Memory;
use crate::sample::{
    Usage, change, created, created_by, inference, message, open, options, read, session, span, span_closed,
    span_opened, take, tool_call, workload,
};

fn of(kind: FindingKind, events: Vec<CheckedEvent>) -> Vec<Finding> {
    let recorder = open(&Memory::default());
    take(&recorder, events);
    let all = recorder.reader().findings();
    assert_eq!(session(recorder.reader(), "s-1").findings, all, "they stand with their session");
    recorder.close().unwrap();
    let found: Vec<_> = all.into_iter().filter(|finding| finding.kind == kind).collect();
    for finding in &found {
        assert_eq!((finding.session_id.as_deref(), finding.severity), (Some("s-1"), kind.severity()));
        assert!(!finding.detail.is_empty());
    }
    found
}

fn one(kind: FindingKind, events: Vec<CheckedEvent>) -> Finding {
    let found = of(kind, events);
    assert_eq!(found.len(), 1, "{found:?}");
    found.into_iter().next().unwrap()
}

#[test]
fn a_clean_session_has_none() {
    let recorder = open(&Memory::default());
    let end = change(5, "s-1", State::Active, State::Completed);
    take(
        &recorder,
        vec![
            created(1, "s-1"),
            span_opened(2, "s-1", 1, 1),
            change(3, "s-1", State::Created, State::Active),
            inference(4, "s-1", &Usage { nanos: Some(0), ..Usage::default() }),
            span_closed(6, "s-1", 1, 2),
            end,
            message(7, "s-1"),
        ],
    );
    assert_eq!(recorder.reader().findings(), []);
    recorder.close().unwrap();
}

#[test]
fn what_is_missing() {
    let found = one(FindingKind::OrphanParent, vec![created_by(1, "s-1", Some("s-0"))]);
    assert!(found.detail.contains("s-0"), "{}", found.detail);
    assert_eq!(
        of(FindingKind::OrphanParent, vec![created_by(1, "s-1", Some("s-1"))]).len(),
        0,
        "its own parent is there"
    );
    assert_eq!(one(FindingKind::MissingStart, vec![message(1, "s-1")]).span_id, None);
    let headless = vec![created(1, "s-1"), span_closed(2, "s-1", 9, 5)];
    assert_eq!(one(FindingKind::MissingStart, headless.clone()).span_id, Some(span(9)));
    let arrived = [headless, vec![span_opened(3, "s-1", 9, 1)]].concat();
    assert_eq!(of(FindingKind::MissingStart, arrived), [], "the start arrived late");
    let open = vec![created(1, "s-1"), span_opened(2, "s-1", 4, 1), change(3, "s-1", State::Created, State::Failed)];
    assert_eq!(of(FindingKind::MissingEnd, open[..2].to_vec()), [], "the session goes on");
    assert_eq!(one(FindingKind::MissingEnd, open).span_id, Some(span(4)));
}

#[test]
fn what_breaks_the_life_of_a_session() {
    let wrong = change(2, "s-1", State::Paused, State::Active);
    assert_eq!(one(FindingKind::IllegalTransition, vec![created(1, "s-1"), wrong]).seq, Some(2));
    assert_eq!(one(FindingKind::IllegalTransition, vec![created(1, "s-1"), created(2, "s-1")]).seq, Some(2));
    let after = vec![
        created(1, "s-1"),
        change(2, "s-1", State::Created, State::Cancelled),
        message(3, "s-1"),
        span_opened(4, "s-1", 1, 1),
    ];
    assert_eq!(one(FindingKind::AfterTerminal, after).seq, Some(4));
    assert_eq!(one(FindingKind::LateEvent, vec![message(1, "s-1"), created(2, "s-1")]).seq, Some(2));
}

#[test]
fn what_is_doubtful_about_times_and_usage() {
    assert_eq!(one(FindingKind::ClockSkew, vec![created(1, "s-1"), tool_call(2, "s-1", 9, 8)]).seq, Some(2));
    let backwards = vec![created(1, "s-1"), span_opened(2, "s-1", 5, 9), span_closed(3, "s-1", 5, 8)];
    assert_eq!(one(FindingKind::ClockSkew, backwards).span_id, Some(span(5)));
    let late_start = vec![created(1, "s-1"), span_closed(3, "s-1", 5, 8), span_opened(2, "s-1", 5, 9)];
    assert_eq!(one(FindingKind::ClockSkew, late_start).span_id, Some(span(5)));
    let ahead = |seconds| vec![created(1, "s-1"), span_opened(2, "s-1", 5, seconds)];
    assert_eq!(of(FindingKind::ClockSkew, ahead(300)), []);
    assert_eq!(one(FindingKind::ClockSkew, ahead(301)).seq, Some(2));
    let unpriced = vec![created(1, "s-1"), inference(2, "s-1", &Usage::default())];
    assert!(one(FindingKind::Unpriced, unpriced).detail.contains("1 of 1"));
    let usage = Usage { nanos: Some(1), request: Some("r".to_owned()), ..Usage::default() };
    let twice = vec![created(1, "s-1"), inference(2, "s-1", &usage), inference(3, "s-1", &usage)];
    let found = one(FindingKind::DuplicateUsage, twice);
    assert_eq!((found.seq, found.severity), (Some(3), Severity::Info));
}

#[test]
fn what_was_lost_is_told_by_the_store() {
    let memory = Memory::default();
    let recorder = open(&memory);
    for first in [0, 100, 200] {
        take(&recorder, workload(first));
    }
    recorder.close().unwrap();
    memory.delete_dir("derived/");
    let journal = memory.names().into_iter().find(|name| name.starts_with("journal/")).unwrap();
    let middle = 4096 + (memory.get(&journal).len() - 4096) / 2;
    memory.flip(&journal, middle, 3);
    let recorder = open(&memory);
    let gaps: Vec<_> =
        recorder.reader().findings().into_iter().filter(|finding| finding.kind == FindingKind::Gap).collect();
    assert_eq!((gaps.len(), gaps[0].severity), (1, Severity::Error), "{gaps:?}");
    assert!(gaps[0].detail.contains("events 25 to 48"), "{}", gaps[0].detail);
    assert_eq!(recorder.reader().event_count(), 48, "what comes after the damage is there");
    take(&recorder, workload(300));
    recorder.close().unwrap();
    // The finding stays, once, whether the log is folded from its beginning or from what was put aside.
    for _ in 0..2 {
        let reader = read(&memory);
        assert_eq!(reader.findings().iter().filter(|finding| finding.kind == FindingKind::Gap).count(), 1);
        assert_eq!(reader.event_count(), 72);
        memory.delete_dir("derived/");
    }
}

#[test]
fn every_kind_is_raised_somewhere_here() {
    let dropped = {
        let memory = Memory::default();
        let options = Options { queue_cap: 1, overflow: Overflow::Drop, ..options() };
        let recorder = Recorder::open_storage(memory.shared(), options).unwrap();
        memory.hold_syncs();
        while recorder.record(message(1, "s-1")).is_ok() {}
        memory.release_syncs();
        recorder.close().unwrap();
        read(&memory).findings()
    };
    assert!(dropped.iter().any(|finding| finding.kind == FindingKind::DroppedEvents && finding.session_id.is_none()));
    let raised = include_str!("findings.rs");
    let kinds = [
        FindingKind::OrphanParent,
        FindingKind::MissingStart,
        FindingKind::MissingEnd,
        FindingKind::IllegalTransition,
        FindingKind::AfterTerminal,
        FindingKind::LateEvent,
        FindingKind::Unpriced,
        FindingKind::ClockSkew,
        FindingKind::DuplicateUsage,
        FindingKind::DroppedEvents,
        FindingKind::Gap,
    ];
    let names: BTreeSet<_> = kinds.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(names.len(), 11);
    for kind in kinds {
        assert!(raised.matches(&format!("FindingKind::{kind:?}")).count() >= 2, "{kind:?}");
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
    }
}

#[test]
fn findings_of_one_session_are_bounded() {
    let recorder = open(&Memory::default());
    let wrong = |n| change(n, "s-1", State::Paused, State::Active);
    take(&recorder, [vec![created(0, "s-1")], (1..1_000).map(wrong).collect()].concat());
    let findings = session(recorder.reader(), "s-1").findings;
    assert_eq!(findings.len(), 256);
    assert!(findings[255].detail.contains("more findings"), "{}", findings[255].detail);
    recorder.close().unwrap();
}
