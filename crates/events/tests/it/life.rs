//! A session's life: every kind of event in every state, strictly and leniently.

use flightrec_events::lifecycle::{Life, force, step};
use flightrec_events::{CheckedEvent, Kind, Rule, State};
use serde_json::json;

use crate::sample::{full_event, parse};

/// What begins something, and so cannot come after the end.
const STARTS: [&str; 10] = [
    "FR-EVT-SESS-002",
    "FR-EVT-SESS-005",
    "FR-EVT-SESS-SCHED-001",
    "FR-EVT-SESS-SCHED-002",
    "FR-EVT-SESS-SCHED-003",
    "FR-EVT-SESS-SPAWN-001",
    "FR-EVT-SESS-SPAWN-002",
    "FR-EVT-SESS-SPAWN-003",
    "FR-EVT-SESS-CKPT-001",
    "FR-EVT-SPAN-001",
];

fn event(kind: Kind) -> CheckedEvent {
    parse(&full_event(kind))
}

fn change(from: State, to: State) -> CheckedEvent {
    let mut json = full_event(Kind::SessionStateChange);
    json["payload"]["from_state"] = json!(from.as_str());
    json["payload"]["to_state"] = json!(to.as_str());
    parse(&json)
}

fn in_state(state: State) -> Life {
    Life { state, created: true, completed: false }
}

fn rule(life: Option<Life>, event: &CheckedEvent) -> Result<Life, Rule> {
    step(life, event).map_err(|violation| violation.rule)
}

#[test]
fn nothing_happens_before_a_session_is_created() {
    for &kind in Kind::ALL {
        for life in [None, Some(Life::UNKNOWN), Some(Life { completed: true, ..Life::UNKNOWN })] {
            let expected = if kind == Kind::SessionCreated {
                Ok(Life { created: true, ..life.unwrap_or(Life::UNKNOWN) })
            } else {
                Err(Rule::UnknownSession)
            };
            assert_eq!(rule(life, &event(kind)), expected, "{kind:?}");
        }
        let violation = step(None, &event(kind)).err();
        let field = violation.and_then(|violation| violation.field);
        assert_eq!(field.as_deref(), (kind != Kind::SessionCreated).then_some("model_session_id"));
    }
}

#[test]
fn every_kind_in_every_state() {
    for &state in State::ALL {
        let life = in_state(state);
        for &kind in Kind::ALL.iter().filter(|&&kind| kind != Kind::SessionStateChange) {
            let expected = if kind == Kind::SessionCreated {
                Err(Rule::IllegalTransition)
            } else if state.is_terminal() && STARTS.contains(&kind.code()) {
                Err(Rule::AfterTerminal)
            } else {
                Ok(Life { completed: kind == Kind::SessionCompleted, ..life })
            };
            assert_eq!(rule(Some(life), &event(kind)), expected, "{kind:?} in {state}");
        }
    }
}

#[test]
fn every_state_change_in_every_state() {
    for &state in State::ALL {
        for &from in State::ALL {
            for &to in State::ALL {
                let expected = if state.is_terminal() {
                    Err(Rule::AfterTerminal)
                } else if from != state || to == State::Created || to == from {
                    Err(Rule::IllegalTransition)
                } else {
                    Ok(in_state(to))
                };
                assert_eq!(rule(Some(in_state(state)), &change(from, to)), expected, "in {state}: {from} to {to}");
            }
        }
    }
}

#[test]
fn a_session_is_created_once_and_completed_once() {
    let created = rule(None, &event(Kind::SessionCreated)).unwrap();
    assert_eq!(created, in_state(State::Created));
    assert_eq!(rule(Some(created), &event(Kind::SessionCreated)), Err(Rule::IllegalTransition));
    for end in [State::Completed, State::Failed, State::Cancelled] {
        let ended = rule(Some(created), &change(State::Created, end)).unwrap();
        let completed = rule(Some(ended), &event(Kind::SessionCompleted)).unwrap();
        assert_eq!(completed, Life { state: end, created: true, completed: true });
        assert_eq!(rule(Some(completed), &event(Kind::SessionCompleted)), Err(Rule::AfterTerminal));
        assert_eq!(rule(Some(ended), &event(Kind::SessionCreated)), Err(Rule::IllegalTransition));
    }
}

#[test]
fn a_wrong_state_names_the_field() {
    let at = |violation: flightrec_events::Violation| violation.field.unwrap_or_default();
    let active = Some(in_state(State::Active));
    assert_eq!(at(step(active, &change(State::Paused, State::Active)).unwrap_err()), "payload.from_state");
    assert_eq!(at(step(active, &change(State::Active, State::Created)).unwrap_err()), "payload.to_state");
    assert_eq!(at(step(active, &change(State::Active, State::Active)).unwrap_err()), "payload.to_state");
}

#[test]
fn a_lenient_recording_follows_the_emitter_but_an_end_stays() {
    for &state in State::ALL {
        for &from in State::ALL {
            for &to in State::ALL {
                let forced = force(Some(in_state(state)), &change(from, to));
                assert_eq!(forced, in_state(if state.is_terminal() { state } else { to }));
            }
        }
    }
    assert_eq!(force(None, &change(State::Active, State::Paused)), Life { state: State::Paused, ..Life::UNKNOWN });
    for &kind in Kind::ALL.iter().filter(|&&kind| kind != Kind::SessionStateChange) {
        let forced = force(None, &event(kind));
        assert_eq!(forced.state, State::Created);
        assert_eq!((forced.created, forced.completed), (kind == Kind::SessionCreated, kind == Kind::SessionCompleted));
    }
}
