//! Lanes: what a timeline draws is what the lists say, with what sessions waited for.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::served::{Served, created, created_as, event, message, small_world, span_closed, span_opened};

fn lanes(served: &Served, query: &str) -> Vec<Value> {
    served.list(&format!("/api/v1/timeline{query}"))
}

fn ids(lanes: &[Value]) -> BTreeSet<&str> {
    lanes.iter().map(|lane| lane["session"]["session_id"].as_str().unwrap()).collect()
}

#[track_caller]
fn lane<'l>(lanes: &'l [Value], session: &str) -> &'l Value {
    lanes.iter().find(|lane| lane["session"]["session_id"] == session).unwrap()
}

fn micros(text: &Value) -> Option<i64> {
    let at: flightrec_events::Timestamp = flightrec_events::Timestamp::parse_text(text.as_str()?).unwrap();
    Some(at.as_micros())
}

fn state_change(session: &str, at_s: u32, from: &str, to: &str) -> Value {
    let payload = json!({"session_id": session, "from_state": from, "to_state": to, "reason": "because"});
    event("FR-EVT-SESS-002", "session.state_change", session, at_s, &payload)
}

fn enqueued(session: &str, at_s: u32, job: &str) -> Value {
    let payload =
        json!({"session_id": session, "job_id": job, "lane": "PRIMARY", "priority": 50, "concurrency_group": null});
    event("FR-EVT-SESS-SCHED-001", "session_scheduler.enqueue", session, at_s, &payload)
}

fn held(session: &str, at_s: u32, job: &str, limit: &str) -> Value {
    let payload = json!({
        "session_id": session, "job_id": job, "provider": "p-1", "backoff_ms": 250, "attempt": 0, "limit": limit,
        "reason": "2 of 2 are active",
    });
    event("FR-EVT-SESS-SCHED-003", "session_scheduler.rate_limited", session, at_s, &payload)
}

fn dispatched(session: &str, at_s: u32, job: &str, wait_ms: u64) -> Value {
    let payload = json!({"session_id": session, "job_id": job, "lane": "PRIMARY", "queue_wait_ms": wait_ms});
    event("FR-EVT-SESS-SCHED-002", "session_scheduler.dispatch", session, at_s, &payload)
}

/// The waits of a lane as `kind limit start..end`, in seconds after noon.
fn waits(lane: &Value) -> Vec<String> {
    let second = |time: &Value| {
        time.as_str().map_or_else(|| "now".to_owned(), |text| text[17..19].trim_start_matches('0').to_owned())
    };
    let of = |wait: &Value| {
        let limit = wait["limit"].as_str().unwrap_or("-");
        format!("{} {limit} {}..{}", wait["kind"].as_str().unwrap(), second(&wait["start"]), second(&wait["end"]))
    };
    lane["waits"].as_array().unwrap().iter().map(of).collect()
}

#[test]
fn the_columns_of_a_lane_are_the_spans_of_its_session() {
    let served = Served::new();
    served.record(&small_world(7));
    let answer = served.get("/api/v1/timeline").status(200).json();
    let origin = micros(&answer["origin"]).unwrap();
    let lanes = answer["items"].as_array().unwrap();
    assert_eq!(lanes.len(), 7);
    for lane in lanes {
        let session = lane["session"]["session_id"].as_str().unwrap();
        let columns = &lane["spans"];
        let spans = served.list(&format!("/api/v1/sessions/{session}/spans"));
        assert!(spans.len() > 1);
        for (n, span) in spans.iter().enumerate() {
            let word = columns["name"][n].as_u64().unwrap() as usize;
            assert_eq!(columns["id"][n], span["span_id"]);
            assert_eq!(answer["words"][word], span["name"]);
            assert_eq!(columns["start_us"][n].as_i64().map(|us| us + origin), micros(&span["start"]));
            assert_eq!(columns["end_us"][n].as_i64().map(|us| us + origin), micros(&span["end"]));
            assert_eq!((&columns["kind"][n], &columns["status"][n]), (&span["kind"], &span["status"]));
            assert_eq!(columns["nanos"][n], span["cost_nanos"]);
        }
        for column in columns.as_object().unwrap().values() {
            assert_eq!(column.as_array().unwrap().len(), spans.len());
        }
    }
}

#[test]
fn many_lanes_are_the_same_as_few() {
    let served = Served::new();
    let mut events = small_world(40);
    for n in 1..=40 {
        let session = format!("s-{n}");
        events.push(enqueued(&session, n + 16, "j"));
        events.push(dispatched(&session, n + 18, "j", 2_000));
    }
    served.record(&events);
    let bare = |answer: &Value| {
        let origin = micros(&answer["origin"]).unwrap();
        let mut lanes = answer["items"].as_array().unwrap().clone();
        for lane in &mut lanes {
            for column in ["start_us", "end_us"] {
                for time in lane["spans"][column].as_array_mut().unwrap() {
                    *time = json!(time.as_i64().map(|us| us + origin));
                }
            }
            for name in lane["spans"]["name"].as_array_mut().unwrap() {
                *name = answer["words"][name.as_u64().unwrap() as usize].clone();
            }
        }
        lanes
    };
    let whole = bare(&served.get("/api/v1/timeline").status(200).json());
    assert_eq!(whole.len(), 40);
    let mut paged = Vec::new();
    let mut query = "?limit=7".to_owned();
    loop {
        let answer = served.get(&format!("/api/v1/timeline{query}")).status(200).json();
        paged.extend(bare(&answer));
        let Some(cursor) = answer["next_cursor"].as_str() else { break };
        query = format!("?limit=7&cursor={cursor}");
    }
    assert_eq!(paged, whole);
    assert_eq!(whole[0]["session"]["session_id"], "s-40", "the latest comes first");
}

#[test]
fn a_parent_is_the_place_of_another_span_of_the_lane() {
    let served = Served::new();
    let inner = |session: &str, span: &str, parent: &str| {
        let mut opened = span_opened(session, 5, span);
        opened["payload"]["parent_span_id"] = json!(parent);
        opened
    };
    served.record(&[
        created("s-1", 0),
        span_opened("s-1", 1, "00000000000000aa"),
        inner("s-1", "00000000000000bb", "00000000000000aa"),
        inner("s-1", "00000000000000cc", "00000000000000ff"),
        inner("s-1", "00000000000000dd", "00000000000000dd"),
    ]);
    let lanes = lanes(&served, "");
    assert_eq!(lanes[0]["spans"]["parent"], json!([-1, 0, -1, -1]));
    assert_eq!(lanes[0]["spans"]["end_us"], json!([null, null, null, null]));
}

#[test]
fn what_a_session_waited_for_is_time() {
    let served = Served::new();
    let cancelled = json!({"session_id": "s-3", "job_id": "j", "reason": "no", "cancelled_by": "human:me"});
    served.record(&[
        created("s-1", 0),
        enqueued("s-1", 1, "j"),
        held("s-1", 3, "j", "model"),
        held("s-1", 6, "j", "request_rate"),
        dispatched("s-1", 9, "j", 8_000),
        // Nobody said when it was queued; nobody waited; and one that waits still.
        dispatched("s-1", 20, "k", 5_000),
        enqueued("s-1", 30, "l"),
        dispatched("s-1", 30, "l", 0),
        enqueued("s-1", 40, "m"),
        created("s-2", 0),
        enqueued("s-2", 2, "j"),
        state_change("s-2", 7, "CREATED", "FAILED"),
        created("s-3", 0),
        enqueued("s-3", 2, "j"),
        event("FR-EVT-SESS-SCHED-004", "session_scheduler.cancelled", "s-3", 4, &cancelled),
    ]);
    let lanes = lanes(&served, "");
    assert_eq!(
        waits(lane(&lanes, "s-1")),
        ["queue - 1..3", "hold model 3..6", "hold request_rate 6..9", "queue - 15..20", "queue - 40..now"]
    );
    assert_eq!(waits(lane(&lanes, "s-2")), ["queue - 2..7"], "an end ends its waits");
    assert_eq!(waits(lane(&lanes, "s-3")), ["queue - 2..4"]);
    let hold = &lane(&lanes, "s-1")["waits"][1];
    assert_eq!((&hold["reason"], &hold["provider"]), (&json!("2 of 2 are active"), &json!("p-1")));
    assert_eq!(lane(&lanes, "s-2")["states"][0]["to_state"], "FAILED");
}

#[test]
fn work_that_is_handed_over_is_told_by_the_one_who_gave_it() {
    let served = Served::new();
    let accepted =
        json!({"requester_session_id": "s-1", "child_session_id": "s-2", "child_role": "coder", "spawn_depth": 1});
    let hash = format!("sha256:{:064x}", 7);
    let back = json!({
        "child_session_id": "s-2", "requester_session_id": "s-1", "status": "COMPLETED",
        "summary_artifact_id": hash, "mailbox_message_id": "mail-1",
    });
    served.record(&[
        created("s-1", 0),
        created_as("s-2", 1, &json!({"parent_session_id": "s-1", "spawn_depth": 1})),
        event("FR-EVT-SESS-SPAWN-002", "session.spawn_accepted", "s-1", 1, &accepted),
        state_change("s-2", 5, "CREATED", "COMPLETED"),
        event("FR-EVT-SESS-SPAWN-004", "session.announce_back", "s-2", 6, &back),
    ]);
    let lanes = lanes(&served, "");
    let of = |session: &str| {
        let handover = &lane(&lanes, session)["handovers"][0];
        ["kind", "from_session_id", "to_session_id"].map(|name| handover[name].as_str().unwrap().to_owned())
    };
    assert_eq!(of("s-1"), ["spawn", "s-1", "s-2"]);
    assert_eq!(of("s-2"), ["announce_back", "s-2", "s-1"]);
}

#[test]
fn what_changed_is_told_with_all_above_it() {
    let served = Served::new();
    served.record(&[
        created("root", 0),
        created_as("child", 1, &json!({"parent_session_id": "root", "spawn_depth": 1})),
        created_as("grandchild", 2, &json!({"parent_session_id": "child", "spawn_depth": 2})),
        created("other", 3),
    ]);
    let seq = served.get("/api/v1/timeline").status(200).json()["seq"].as_u64().unwrap();
    assert!(lanes(&served, &format!("?changed_since={seq}")).is_empty());
    served.record(&[message("child", 9, 1)]);
    let changed = lanes(&served, &format!("?changed_since={seq}"));
    assert_eq!(ids(&changed), BTreeSet::from(["root", "child"]));
    assert_eq!(ids(&lanes(&served, "?session=child")), BTreeSet::from(["root", "child", "grandchild"]));
    assert_eq!(ids(&lanes(&served, "?session=oth")), BTreeSet::from(["other"]));
    served.get("/api/v1/timeline?session=nobody").status(404);
    assert_eq!(ids(&lanes(&served, "?role=validator")), BTreeSet::new());
}

#[test]
fn the_events_of_a_span_are_its_own() {
    let served = Served::new();
    served.record(&[
        created("s-1", 0),
        span_opened("s-1", 1, "00000000000000aa"),
        span_opened("s-1", 2, "00000000000000bb"),
        span_closed("s-1", 3, "00000000000000bb"),
        span_closed("s-1", 4, "00000000000000aa"),
    ]);
    let of = |span: &str| served.list(&format!("/api/v1/sessions/s-1/events?span={span}"));
    let types: Vec<Value> = of("00000000000000bb").iter().map(|event| event["type"].clone()).collect();
    assert_eq!(types, ["span.opened", "span.closed"]);
    assert!(of("00000000000000cc").is_empty());
    served.get("/api/v1/events?span=nonsense").status(400);
}

#[test]
fn lanes_that_were_asked_for_before_are_what_they_have_become() {
    let served = Served::new();
    served.record(&small_world(40));
    let fresh = |query: &str| {
        // Two pages, and so another reading of each lane than the whole answer's.
        let mut lanes = Vec::new();
        let mut next = format!("?limit=23{query}");
        loop {
            let answer = served.get(&format!("/api/v1/timeline{next}")).status(200).json();
            lanes.extend(answer["items"].as_array().unwrap().clone());
            let Some(cursor) = answer["next_cursor"].as_str() else { return lanes };
            next = format!("?limit=23{query}&cursor={cursor}");
        }
    };
    let spans_of = |lanes: &[Value]| -> usize {
        for lane in lanes {
            let session = lane["session"]["session_id"].as_str().unwrap();
            let spans = served.list(&format!("/api/v1/sessions/{session}/spans"));
            let ids: Vec<&Value> = spans.iter().map(|span| &span["span_id"]).collect();
            assert_eq!(lane["spans"]["id"].as_array().unwrap().iter().collect::<Vec<_>>(), ids, "{session}");
            let open = spans.iter().filter(|span| span["end"].is_null()).count();
            let ends = lane["spans"]["end_us"].as_array().unwrap();
            assert_eq!(ends.iter().filter(|end| end.is_null()).count(), open, "{session}");
        }
        lanes.iter().map(|lane| lane["spans"]["id"].as_array().unwrap().len()).sum()
    };
    let whole =
        |served: &Served| served.get("/api/v1/timeline").status(200).json()["items"].as_array().unwrap().clone();
    assert_eq!(spans_of(&whole(&served)), 80);
    served
        .record(&[span_opened("s-7", 60, "00000000000000aa"), span_closed("s-9", 61, &format!("{:016x}", 0x2000 + 9))]);
    assert_eq!(spans_of(&whole(&served)), 81);
    assert_eq!(spans_of(&fresh("")), 81);
    served.record(&[span_closed("s-7", 70, "00000000000000aa"), state_change("s-7", 71, "CREATED", "FAILED")]);
    let lanes = whole(&served);
    assert_eq!(spans_of(&lanes), 81);
    assert_eq!(lane(&lanes, "s-7")["states"][0]["to_state"], "FAILED");
}
