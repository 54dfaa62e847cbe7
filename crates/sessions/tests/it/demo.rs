//! The bundled plan, played whole: what its first comment promises is on record afterwards.

use std::collections::BTreeSet;
use std::sync::Arc;

use flightrec_recorder::events::{BudgetAction, Event, FinalState, Id, Lane, Payload, RejectionReason, Timestamp};
use flightrec_recorder::journal::DiskStorage;
use flightrec_recorder::query::EventFilter;
use flightrec_recorder::{Options, Reader, SteppedRecorder};
use flightrec_sessions::plan::Plan;
use flightrec_sessions::{Ending, Launch, SeededIds, SimulatedTime, SteppedRecord, Surroundings};
use futures_util::future::join;

use crate::world::{NOON_US, Told};

const DEMO: &str = include_str!("../../../../plans/demo.toml");

/// Plays the plan in an empty directory, which is the barest place that a user may start it in.
fn played() -> (Told, Vec<(Id, Ending)>) {
    let plan = Plan::parse(DEMO).unwrap_or_else(|errors| panic!("{}", errors.in_file("plans/demo.toml")));
    let time = SimulatedTime::new(Timestamp::from_micros(NOON_US).unwrap());
    let (workspace, store) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let surroundings = Surroundings {
        directory: workspace.path().to_owned(),
        time: Arc::new(time.clone()),
        variable: &|_| None,
        read: &|_| Err(std::io::ErrorKind::NotFound.into()),
    };
    let launch = Launch::prepare(&plan, &surroundings).unwrap();
    let options = Options { clock: Arc::new(time.clone()), ids: Arc::new(SeededIds::new(1)), ..Options::default() };
    let record = SteppedRecord::new(SteppedRecorder::open(Arc::new(DiskStorage::new(store.path())), &options).unwrap());
    let builder = launch.builder().unwrap().ids(Arc::new(SeededIds::new(plan.seed.unwrap_or_default())));
    let (runtime, driver) = builder.drive(Box::new(record), Arc::new(time.clone())).unwrap();
    let whole = join(driver.run(), async {
        let mut endings = Vec::new();
        for started in launch.start(&runtime).await.unwrap() {
            endings.push((started.name, started.session.unwrap().ended().await.unwrap()));
        }
        runtime.shutdown().await.unwrap();
        endings
    });
    let (ended, endings) = time.run(whole).expect("something waits for ever");
    ended.unwrap();
    let reader = Reader::open(store.path()).unwrap();
    let events = reader.events(&EventFilter::default()).map(|event| Event::clone(&event.unwrap().event)).collect();
    (Told { reader, events }, endings)
}

/// What happened to the session of a name.
fn of<'t, T>(told: &'t Told, label: &str, pick: impl Fn(&'t Payload) -> Option<T>) -> Vec<T> {
    let is_called = |event: &&Event| {
        let Payload::SessionCreated(created) = &event.payload else { return false };
        created.label.as_ref().is_some_and(|called| called.as_str() == label)
    };
    let session = told.events.iter().find(is_called).and_then(|event| event.model_session_id.clone()).unwrap();
    told.of(&session).into_iter().filter_map(|event| pick(&event.payload)).collect()
}

fn failed_tools(told: &Told, label: &str) -> Vec<String> {
    of(told, label, |payload| {
        let Payload::ToolCall(call) = payload else { return None };
        call.error.as_ref()?.code.as_ref().map(Id::to_string)
    })
}

/// The reasons of the states that the session of a name was in.
fn reasons(told: &Told, label: &str) -> String {
    let reasons = of(told, label, |payload| {
        let Payload::SessionStateChange(change) = payload else { return None };
        Some(change.reason.as_str().to_owned())
    });
    reasons.join("\n")
}

#[test]
fn the_demo_does_what_its_first_comment_says() {
    let (told, endings) = played();
    told.check();

    let last = told.events.last().unwrap().timestamp.as_micros();
    let seconds = (last - NOON_US) / 1_000_000;
    assert!((60..=90).contains(&seconds), "it took {seconds} s");
    for (name, ending) in &endings {
        let wanted = if name.as_str() == "probe-old-servers" { FinalState::Failed } else { FinalState::Completed };
        assert_eq!(ending.state, wanted, "{name}: {}", ending.reason);
    }

    assert!(reasons(&told, "fix-upload-retry").contains("after rate_limited"));
    assert_eq!(failed_tools(&told, "fix-upload-retry"), ["malformed_arguments", "not_found"]);
    let warned = of(&told, "fix-resume-offset", |payload| {
        let Payload::BudgetWarning(warning) = payload else { return None };
        warning.action
    });
    assert_eq!(warned, [BudgetAction::Warn]);
    assert!(reasons(&told, "validate-retry").contains("after stream_broken"));
    assert_eq!(failed_tools(&told, "validate-retry").len(), 1);
    assert!(reasons(&told, "validate-resume").contains("after timeout"));
    assert!(reasons(&told, "probe-old-servers").contains("attempt 3 of 3"));
    for digest in ["digest-1", "digest-2", "digest-3"] {
        let waits = of(&told, digest, |payload| {
            let Payload::SchedulerDispatch(dispatch) = payload else { return None };
            Some(dispatch.queue_wait_ms.get())
        });
        assert!(waits.iter().any(|wait_ms| *wait_ms > 0), "{digest} waited {waits:?}");
    }
}

#[test]
fn the_demo_has_something_to_see_in_every_view() {
    let (told, endings) = played();
    let mut lanes = BTreeSet::new();
    let mut limits = BTreeSet::new();
    let mut refused = Vec::new();
    let mut depths = BTreeSet::new();
    for payload in told.events.iter().map(|event| &event.payload) {
        if let Payload::SchedulerEnqueue(enqueue) = payload {
            lanes.insert(enqueue.lane);
        } else if let Payload::SchedulerRateLimited(hold) = payload {
            limits.extend(hold.limit.clone());
        } else if let Payload::SpawnRejected(rejected) = payload {
            refused.push(rejected.rejection_reason);
        } else if let Payload::SessionCreated(created) = payload {
            depths.insert(created.spawn_depth.get());
        }
    }
    assert_eq!(lanes.len(), Lane::ALL.len());
    let limits: Vec<&str> = limits.iter().map(Id::as_str).collect();
    assert_eq!(limits, ["active_sessions", "backoff", "group", "model", "provider_pause", "request_rate"]);
    assert_eq!(refused, [RejectionReason::DepthLimitExceeded]);
    assert_eq!(depths.into_iter().collect::<Vec<_>>(), [0, 1, 2]);
    let priced = endings.iter().filter(|(_, ending)| ending.cost_nanos.is_some_and(|nanos| nanos > 0)).count();
    let unpriced = endings.iter().filter(|(_, ending)| ending.cost_nanos.is_none()).count();
    assert!(priced >= 6 && unpriced == 4, "{priced} priced, {unpriced} without a price");
    let lead = &endings.iter().find(|(name, _)| name.as_str() == "plan-the-work").unwrap().1;
    assert!(lead.output.starts_with("Decision for 1.8.0"), "{}", lead.output);
}
