//! A thousand sessions at once, and what the record alone says of them.

use std::collections::BTreeMap;
use std::time::Duration;

use flightrec_recorder::events::{FinalState, Id, Lane, Payload, State, Timestamp};
use flightrec_sessions::{Limits, Rates, ScriptedFailure, ScriptedFailureKind, SessionSpec, Step};
use serde_json::json;

use crate::hands::Work;
use crate::world::{Told, World, id, spec};

const SESSIONS: usize = 1_000;
const LANES: [Lane; 4] = [Lane::Primary, Lane::Subagent, Lane::Validation, Lane::Background];

fn crowd(sessions_at_once: usize) -> (World, Told) {
    let mut limits = Limits::default();
    limits.rates.insert(id("acme"), Rates { requests_per_minute: Some(200), tokens_per_minute: Some(60_000) });
    let second = Duration::from_secs(1);
    let flaky = ScriptedFailure::new(ScriptedFailureKind::Unavailable).for_attempts(1);
    let busy = ScriptedFailure::new(ScriptedFailureKind::RateLimited).for_attempts(1).retry_after(3 * second);
    let world = World::new().limits(limits);
    let work = Work::new("work", &world.time, second);
    let world = world
        .tool(work)
        .script("plain", [Step::say("Yes.")])
        .script("tool", [Step::call("work", json!({"text": "x"})), Step::say("Done.")])
        .script("flaky", [Step::say("Second time.").failing(flaky)])
        .script("busy", [Step::say("After a while.").failing(busy)]);
    let endings = world.play(async |runtime| {
        let mut sessions = Vec::new();
        for n in 0..sessions_at_once {
            let role = ["plain", "tool", "plain", "flaky", "plain", "plain", "busy"][n % 7];
            let model = ["small", "large", "free"][n % 3];
            let mut spec = SessionSpec { model: id(model), lane: LANES[n % 4], ..spec(role) };
            spec.tools = vec![id("work")];
            spec.capabilities = [id("work")].into();
            sessions.push(runtime.session(spec).await.unwrap());
        }
        let mut endings = Vec::new();
        for session in sessions {
            endings.push(session.ended().await.unwrap());
        }
        endings
    });
    assert!(endings.iter().all(|ending| ending.state == FinalState::Completed));
    let told = world.told();
    (world, told)
}

/// The most sessions that were ACTIVE at once, by what they are counted by.
fn most_active(told: &Told, key: impl Fn(&str, &str) -> String) -> BTreeMap<String, usize> {
    let mut keys: BTreeMap<Id, String> = BTreeMap::new();
    let (mut now, mut most) = (BTreeMap::<String, usize>::new(), BTreeMap::<String, usize>::new());
    for event in &told.events {
        let Some(session) = &event.model_session_id else { continue };
        if let Payload::SessionCreated(created) = &event.payload {
            let provider = created.provider.as_ref().unwrap();
            keys.insert(session.clone(), key(provider.as_str(), created.model_id.as_str()));
        }
        let Payload::SessionStateChange(change) = &event.payload else { continue };
        let key = &keys[session];
        let count = now.entry(key.clone()).or_default();
        if change.to_state == State::Active {
            *count += 1;
        } else if change.from_state == State::Active {
            *count -= 1;
        }
        let top = most.entry(key.clone()).or_default();
        *top = (*top).max(*count);
    }
    most
}

#[test]
fn a_thousand_sessions_keep_to_every_limit_and_every_wait_is_explained() {
    let (_world, told) = crowd(SESSIONS);
    told.check();
    let limits = Limits::default();

    assert_eq!(most_active(&told, |_, _| "all".to_owned())["all"], 6, "acme's 4 and the 2 of the one other model");
    let by_provider = most_active(&told, |provider, _| provider.to_owned());
    assert_eq!(by_provider["acme"], limits.per_provider);
    let by_model = most_active(&told, |_, model| model.to_owned());
    assert!(by_model.values().all(|most| *most == limits.per_model), "{by_model:?}");

    explain_waits(&told);
    no_lane_starves(&told);
    rates_hold(&told);
}

/// Each wait is the time from its enqueue to its dispatch, and from the first moment on something on record holds it.
fn explain_waits(told: &Told) {
    let mut queued: BTreeMap<(Id, Id), Timestamp> = BTreeMap::new();
    let mut held: BTreeMap<(Id, Id), Timestamp> = BTreeMap::new();
    let mut dispatched = 0;
    for event in &told.events {
        let Some(session) = event.model_session_id.clone() else { continue };
        match &event.payload {
            Payload::SchedulerEnqueue(enqueue) => {
                let old = queued.insert((session, enqueue.job_id.clone()), event.timestamp);
                assert_eq!(old, None, "queued twice at once");
            }
            Payload::SchedulerRateLimited(limited) => {
                held.entry((session, limited.job_id.clone())).or_insert(event.timestamp);
            }
            Payload::SchedulerDispatch(dispatch) => {
                let job = (session, dispatch.job_id.clone());
                let since = queued.remove(&job).expect("dispatched without being queued");
                let waited_us = event.timestamp.micros_since(since);
                assert_eq!(dispatch.queue_wait_ms.get(), waited_us as u64 / 1_000);
                let since_hold = held.remove(&job);
                if waited_us > 0 {
                    assert_eq!(since_hold, Some(since), "it waited {waited_us} us and nothing says why from the start");
                }
                dispatched += 1;
            }
            _ => {}
        }
    }
    assert!(queued.is_empty() && held.is_empty(), "{} left in the queue", queued.len());
    assert!(dispatched > SESSIONS, "{dispatched}");
}

/// While all lanes have work, each gets its share, and the lightest gets some from the start.
fn no_lane_starves(told: &Told) {
    let mut first: BTreeMap<Lane, usize> = BTreeMap::new();
    for event in &told.events {
        if let Payload::SchedulerDispatch(dispatch) = &event.payload {
            *first.entry(dispatch.lane).or_default() += 1;
            if first.values().sum::<usize>() == 300 {
                break;
            }
        }
    }
    let of = |lane| first.get(&lane).copied().unwrap_or(0);
    assert!(of(Lane::Primary) > of(Lane::Subagent) && of(Lane::Subagent) > of(Lane::Validation), "{first:?}");
    assert!(of(Lane::Validation) > of(Lane::Background) && of(Lane::Background) >= 10, "{first:?}");
}

/// In no minute are there more requests to the provider than the burst and the refill allow.
fn rates_hold(told: &Told) {
    let mut at: Vec<i64> = Vec::new();
    let mut providers: BTreeMap<Id, String> = BTreeMap::new();
    for event in &told.events {
        let Some(session) = &event.model_session_id else { continue };
        match &event.payload {
            Payload::SessionCreated(created) => {
                providers.insert(session.clone(), created.provider.as_ref().unwrap().to_string());
            }
            Payload::SchedulerDispatch(_) if providers[session] == "acme" => at.push(event.timestamp.as_micros()),
            _ => {}
        }
    }
    for (n, start) in at.iter().enumerate() {
        let within = at[n..].iter().take_while(|other| **other - start < 60_000_000).count();
        assert!(within <= 400, "{within} requests within a minute");
    }
}

#[test]
fn a_crowd_repeats_to_the_byte() {
    let hash = || {
        let (world, _) = crowd(SESSIONS / 10);
        world.chain_head()
    };
    assert_eq!(hash(), hash());
}
