//! The edges: sizes, lengths, depth, and text that is hardly JSON.

use flightrec_events::families::session::{CascadeCancel, SessionCreated};
use flightrec_events::{
    Actor, Attributes, Backend, Count, Event, EventId, Id, Kind, MAX_EVENT_BYTES, MemoryPolicy, Reason, Registry, Rule,
    Scalar, Timestamp,
};
use serde_json::{Value, json};

use crate::sample::{SESSION, full_event, parse, printed, stored};

fn first(line: &[u8]) -> (Rule, Option<String>) {
    let violation = Registry::new().parse(line).unwrap_err().violation;
    (violation.rule, violation.field)
}

fn accepts(event: &Value) -> bool {
    Registry::new().parse(event.to_string().as_bytes()).is_ok()
}

#[test]
fn sixty_four_kibibytes_and_not_one_more() {
    let mut event = full_event(Kind::CascadeCancel);
    let mut ids: Vec<String> = (0..250).map(|i| format!("{i:0>253}")).collect();
    event["payload"]["cancelled_session_ids"] = json!(ids);
    let open = MAX_EVENT_BYTES - printed(&parse(&event)).len();
    ids.extend(vec!["y".repeat(200); 4]);
    ids.push("x".repeat(open - 4 * 203 - 3));
    event["payload"]["cancelled_session_ids"] = json!(ids);
    let line = printed(&parse(&event));
    assert_eq!(line.len(), MAX_EVENT_BYTES);
    ids.last_mut().unwrap().push('x');
    event["payload"]["cancelled_session_ids"] = json!(ids);
    assert_eq!(first(event.to_string().as_bytes()), (Rule::OutOfBounds, None));
    assert_eq!(first(format!("{line} ").as_bytes()), (Rule::OutOfBounds, None));
}

#[test]
fn escapes_count_when_an_event_is_built_by_hand() {
    let mut budget = Attributes::default();
    for i in 0..60 {
        budget.insert(Id::new(format!("k{i}")).unwrap(), Scalar::Str("\u{1}".repeat(200).into())).unwrap();
    }
    let id = || Id::new(SESSION).unwrap();
    let created = SessionCreated {
        session_id: id(),
        model_id: id(),
        backend: Backend::Local,
        role: id(),
        wp_id: None,
        mt_id: None,
        memory_policy: MemoryPolicy::Ephemeral,
        spawn_depth: Count::default(),
        parent_session_id: None,
        provider: None,
        label: None,
        capability_grants: None,
        trigger_source: None,
        budget: Some(budget),
    };
    let event = Event::new(EventId::v7(1, 2), Timestamp::default(), Actor::System, created).in_session(id());
    let mut line = Vec::new();
    event.write_json(&mut line, None);
    assert!(line.len() > MAX_EVENT_BYTES);
    assert_eq!(event.check().unwrap_err().rule, Rule::OutOfBounds);
}

#[test]
fn a_list_built_by_hand_keeps_its_bound() {
    let cancel = |len: usize| {
        let root = Id::new("s").unwrap();
        let payload = CascadeCancel {
            root_session_id: root.clone(),
            cancelled_session_ids: vec![root.clone(); len],
            reason: Reason::new("r").unwrap(),
        };
        Event::new(EventId::v7(1, 2), Timestamp::default(), Actor::System, payload).in_session(root).check()
    };
    assert!(cancel(1024).is_ok());
    let violation = cancel(1025).unwrap_err();
    assert_eq!(violation.rule, Rule::OutOfBounds);
    assert_eq!(violation.field.as_deref(), Some("payload.cancelled_session_ids"));
}

#[test]
fn lists_hold_1024_items() {
    for (name, pointer) in [("wsids", "/wsids"), ("payload.cancelled_session_ids", "/payload/cancelled_session_ids")] {
        let mut event = full_event(Kind::CascadeCancel);
        *event.pointer_mut(pointer).unwrap() = json!(vec!["a"; 1024]);
        assert!(accepts(&event));
        *event.pointer_mut(pointer).unwrap() = json!(vec!["a"; 1025]);
        assert_eq!(first(event.to_string().as_bytes()), (Rule::OutOfBounds, Some(name.to_owned())));
    }
}

#[test]
fn ids_hold_256_bytes_and_no_controls() {
    let mut event = full_event(Kind::SessionMessage);
    for good in ["x".repeat(256), "é".repeat(128), "\u{a0}".into(), "日本 £".into()] {
        event["payload"]["message_id"] = json!(good);
        assert!(accepts(&event), "{good}");
    }
    for (bad, rule) in [
        ("x".repeat(257), Rule::OutOfBounds),
        ("é".repeat(128) + "x", Rule::OutOfBounds),
        ("\u{1b}[2J".into(), Rule::BadValue),
        ("a\tb".into(), Rule::BadValue),
        ("\u{85}".into(), Rule::BadValue),
    ] {
        event["payload"]["message_id"] = json!(bad);
        assert_eq!(first(event.to_string().as_bytes()), (rule, Some("payload.message_id".to_owned())));
    }
}

#[test]
fn text_that_is_no_json_is_malformed() {
    let mut good = full_event(Kind::SessionCreated);
    good.sort_all_objects();
    let good = good.to_string();
    let (deep_lists, deep_objects) = ("[".repeat(30_000), "{\"a\":".repeat(10_000));
    let nested =
        good.replacen("\"mt_id\":\"some-id\"", &format!("\"mt_id\":{}{}", "[".repeat(1000), "]".repeat(1000)), 1);
    assert_ne!(nested, good);
    let lines: Vec<Vec<u8>> = vec![
        Vec::new(),
        b" ".to_vec(),
        b"{".to_vec(),
        b"NaN".to_vec(),
        b"{'a':1}".to_vec(),
        b"{\"a\":01}".to_vec(),
        b"{\"a\":1e999}".to_vec(),
        b"{\"a\":-1e999}".to_vec(),
        b"{\"a\":Infinity}".to_vec(),
        b"{\"a\":\"\\ud800\"}".to_vec(),
        b"{\"a\":\"\\udc00\\ud800\"}".to_vec(),
        b"{\"a\":\"\xff\"}".to_vec(),
        b"{\"a\":\"\xc3\"}".to_vec(),
        b"{\"a\":\"\xed\xa0\x80\"}".to_vec(),
        b"{\"a\":1,\"\\u0061\":2}".to_vec(),
        b"{\"a\":\"\n\"}".to_vec(),
        deep_lists.into_bytes(),
        deep_objects.into_bytes(),
        nested.into_bytes(),
        format!("\u{feff}{good}").into_bytes(),
        format!("{good}{good}").into_bytes(),
        format!("{good},").into_bytes(),
        good.replacen("{\"activity", "{\"actor\":\"human\",\"activity", 1).into_bytes(),
    ];
    for line in lines {
        assert_eq!(first(&line), (Rule::MalformedJson, None), "{}", String::from_utf8_lossy(&line));
    }
}

#[test]
fn json_that_is_no_object_has_the_wrong_type() {
    for line in ["null", "[]", "\"x\"", "1", "true"] {
        assert_eq!(first(line.as_bytes()), (Rule::WrongType, None), "{line}");
    }
}

#[test]
fn large_numbers_are_refused_or_kept() {
    let mut event = full_event(Kind::BudgetWarning);
    for (number, kept) in
        [("18446744073709551615", 18_446_744_073_709_551_615_f64), ("1e300", 1e300), ("-0.0", 0.0), ("1E2", 100.0)]
    {
        event["payload"]["current_value"] = serde_json::from_str(number).unwrap();
        let back: Value = serde_json::from_str(&printed(&parse(&event))).unwrap();
        assert_eq!(back["payload"]["current_value"].as_f64(), Some(kept));
    }
    let mut event = full_event(Kind::SchedulerDispatch);
    for number in ["9007199254740992", "18446744073709551616", "1e16", "-1", "-9223372036854775809"] {
        event["payload"]["queue_wait_ms"] = serde_json::from_str(number).unwrap();
        assert_eq!(
            first(event.to_string().as_bytes()),
            (Rule::OutOfBounds, Some("payload.queue_wait_ms".into())),
            "{number}"
        );
    }
    event["payload"]["queue_wait_ms"] = json!(3.0);
    let same = parse(&event);
    event["payload"]["queue_wait_ms"] = json!(3);
    assert_eq!(stored(&same), stored(&parse(&event)));
}

#[test]
fn the_names_in_a_rejection_are_short_and_harmless() {
    let mut event = full_event(Kind::SessionCreated);
    event["payload"][format!("\u{1b}[2J{}", "x".repeat(500))] = json!(1);
    let (rule, field) = first(event.to_string().as_bytes());
    let field = field.unwrap();
    assert_eq!(rule, Rule::UnknownField);
    assert!(field.len() < 100 && !field.contains(char::is_control), "{field}");
    event["payload"]["budget"] = json!({ format!("\u{1b}{}.prompt", "x".repeat(5)): "y" });
    let (rule, field) = first(event.to_string().as_bytes());
    assert_eq!((rule, field.as_deref()), (Rule::InlineContent, Some("payload.budget.\u{fffd}xxxxx.prompt")));
}
