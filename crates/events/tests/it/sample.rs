//! Events made from the tables themselves: one full sample of each kind, and arbitrary ones.

use flightrec_events::{
    Actor, CheckedEvent, EventId, FieldSpec, Kind, MAX_COUNT, Presence, Registry, Shape, SpanId, Timestamp, TraceId,
    schema,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};

pub(crate) const SESSION: &str = "01999a7b-0000-7000-8000-000000000001";

/// A value of this shape, every optional field present.
pub(crate) fn full(shape: Shape) -> Value {
    match shape {
        Shape::Id => json!("some-id"),
        Shape::Text { .. } => json!("a \"reason\"\n"),
        Shape::Uuid => json!("01999a7b-1c2d-7e3f-8a4b-5c6d7e8f9a0b"),
        Shape::Hex { digits } => json!("0a1b2c3d4e5f6789".repeat(4)[..digits]),
        Shape::ArtifactId => json!(format!("sha256:{}", "0a1b2c3d4e5f6789".repeat(4))),
        Shape::Timestamp => json!("2026-03-01T12:00:00.003151Z"),
        Shape::Count => json!(12),
        Shape::Number => json!(0.25),
        Shape::Usd => json!(0.000_000_125),
        Shape::Bool => json!(true),
        Shape::OneOf(words) => json!(words[0]),
        Shape::List(item) => json!([full(*item), full(*item)]),
        Shape::Object(rows) => rows.iter().map(|row| (row.name.to_owned(), full(row.shape))).collect(),
        Shape::Attributes => {
            json!({ "flag": true, "depth": -3, "share": 0.5, "name": "x", "mixed": [1, "two", false] })
        }
    }
}

/// A valid event of this kind with every field present.
pub(crate) fn full_event(kind: Kind) -> Value {
    let envelope = schema::envelope().iter().map(|row| (row.name.to_owned(), full(row.shape))).collect();
    completed(kind, envelope, full(Shape::Object(kind.fields())))
}

/// Makes the rows of an envelope agree with each other and with the payload.
fn completed(kind: Kind, mut envelope: Map<String, Value>, mut payload: Value) -> Value {
    envelope.insert("code".to_owned(), json!(kind.code()));
    envelope.insert("type".to_owned(), json!(kind.type_name()));
    let there = |envelope: &Map<String, Value>, name: &str| envelope.get(name).is_some_and(|value| !value.is_null());
    if kind.needs_trace() && !there(&envelope, "trace_id") {
        envelope.insert("trace_id".to_owned(), full(TRACE_SHAPE));
    }
    if matches!(kind, Kind::SpanOpened | Kind::SpanClosed) && !there(&envelope, "session_span_id") {
        envelope.insert("activity_span_id".to_owned(), full(Shape::Hex { digits: 16 }));
    }
    if kind == Kind::WorkflowRecovery {
        envelope.insert("actor".to_owned(), json!(Actor::System.as_str()));
    }
    let spans = there(&envelope, "activity_span_id") || there(&envelope, "session_span_id");
    if (spans || kind.session_field().is_some()) && !there(&envelope, "model_session_id") {
        envelope.insert("model_session_id".to_owned(), json!(SESSION));
    }
    if let Some(field) = kind.session_field() {
        payload[field] = envelope["model_session_id"].clone();
    }
    envelope.insert("payload".to_owned(), payload);
    Value::Object(envelope)
}

const TRACE_SHAPE: Shape = Shape::Hex { digits: 32 };

pub(crate) fn parse(event: &Value) -> CheckedEvent {
    Registry::new().parse(event.to_string().as_bytes()).unwrap_or_else(|rejection| panic!("{rejection}: {event}"))
}

pub(crate) fn printed(event: &CheckedEvent) -> String {
    let mut out = Vec::new();
    event.write_json(&mut out, None);
    String::from_utf8(out).unwrap()
}

pub(crate) fn stored(event: &CheckedEvent) -> Vec<u8> {
    let mut out = Vec::new();
    event.encode(&mut out);
    out
}

/// Runs a property on arbitrary events of every kind.
pub(crate) fn for_events_of_every_kind(cases: u32, property: impl Fn(Kind, &Value)) {
    for &kind in Kind::ALL {
        let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
        let outcome = runner.run(&event(kind), |event| {
            property(kind, &event);
            Ok(())
        });
        outcome.unwrap_or_else(|failure| panic!("{kind:?}: {failure}"));
    }
}

/// One arbitrary event of each kind, the same in every run.
pub(crate) fn one_of_each() -> Vec<Value> {
    let mut runner = TestRunner::deterministic();
    Kind::ALL.iter().map(|&kind| event(kind).new_tree(&mut runner).unwrap().current()).collect()
}

/// Arbitrary valid events of one kind.
pub(crate) fn event(kind: Kind) -> BoxedStrategy<Value> {
    (object(schema::envelope()), object(kind.fields()))
        .prop_map(move |(envelope, payload)| completed(kind, envelope, Value::Object(payload)))
        .boxed()
}

fn object(rows: &'static [FieldSpec]) -> BoxedStrategy<Map<String, Value>> {
    let values: Vec<_> = rows.iter().map(field).collect();
    values
        .prop_map(|values| {
            let named = rows.iter().zip(values);
            named.filter_map(|(row, value)| Some((row.name.to_owned(), value?))).collect()
        })
        .boxed()
}

/// A field's value; `None` to leave it out.
fn field(row: &FieldSpec) -> BoxedStrategy<Option<Value>> {
    let value = arbitrary(row.shape).prop_map(Some);
    match row.presence {
        Presence::Required => value.boxed(),
        Presence::Nullable => prop_oneof![1 => Just(Some(Value::Null)), 3 => value].boxed(),
        Presence::Optional => prop_oneof![2 => Just(None), 1 => Just(Some(Value::Null)), 3 => value].boxed(),
    }
}

fn arbitrary(shape: Shape) -> BoxedStrategy<Value> {
    let text = |text: String| Value::String(text);
    match shape {
        Shape::Id => prop_oneof![id(), Just(json!(SESSION)), Just(json!("x".repeat(256)))].boxed(),
        Shape::Text { max_bytes } => {
            prop_oneof![".{0,40}".prop_map(text), Just(json!("\u{0}\"\\\n")), Just(json!("y".repeat(max_bytes)))]
                .boxed()
        }
        Shape::Uuid => any::<[u8; 16]>().prop_map(|bytes| json!(EventId::from_bytes(bytes).to_string())).boxed(),
        Shape::Hex { digits: 16 } => {
            any::<[u8; 8]>().prop_filter_map("zero", |b| Some(json!(SpanId::from_bytes(b)?.to_string()))).boxed()
        }
        Shape::Hex { digits: 32 } => {
            any::<[u8; 16]>().prop_filter_map("zero", |b| Some(json!(TraceId::from_bytes(b)?.to_string()))).boxed()
        }
        Shape::Hex { digits } => {
            proptest::collection::vec(proptest::sample::select(b"0123456789abcdef".to_vec()), digits)
                .prop_map(|digits| json!(String::from_utf8(digits).unwrap()))
                .boxed()
        }
        Shape::ArtifactId => arbitrary(Shape::Hex { digits: 64 })
            .prop_map(|hex| json!(format!("sha256:{}", hex.as_str().unwrap())))
            .boxed(),
        Shape::Timestamp => {
            let us = prop_oneof![-62_135_596_800_000_000..253_402_207_200_999_999_i64, 0..4_000_000_000_000_000_i64];
            us.prop_map(|us| json!(Timestamp::from_micros(us).unwrap().to_string())).boxed()
        }
        Shape::Count => prop_oneof![0..200_u64, 0..=MAX_COUNT].prop_map(Value::from).boxed(),
        Shape::Number => {
            prop_oneof![(0..=u64::MAX).prop_map(Value::from), any::<f64>().prop_filter_map("sign", amount)].boxed()
        }
        Shape::Usd => {
            let nanos = (0..1_000_000_000_000_000_000_u64).prop_map(|nanos| json!(nanos as f64 / 1e9));
            prop_oneof![nanos, (0.0..=1e9_f64).prop_map(Value::from), (0..1000_u64).prop_map(Value::from)].boxed()
        }
        Shape::Bool => any::<bool>().prop_map(Value::from).boxed(),
        Shape::OneOf(words) => proptest::sample::select(words).prop_map(Value::from).boxed(),
        Shape::List(item) => proptest::collection::vec(arbitrary(*item), 0..4).prop_map(Value::Array).boxed(),
        Shape::Object(rows) => object(rows).prop_map(Value::Object).boxed(),
        Shape::Attributes => proptest::collection::btree_map("x[a-z.]{0,12}y", attribute(), 0..5)
            .prop_map(|attributes| attributes.into_iter().collect())
            .boxed(),
    }
}

fn amount(number: f64) -> Option<Value> {
    number.is_finite().then(|| json!(number.abs()))
}

fn id() -> BoxedStrategy<Value> {
    prop_oneof!["[a-zA-Z0-9._ é日-]{1,20}", "[0-9a-f]{8,40}"].prop_map(Value::String).boxed()
}

fn attribute() -> BoxedStrategy<Value> {
    let scalar = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter_map("finite", |n| n.is_finite().then(|| json!(n))),
        ".{0,40}".prop_map(Value::String),
    ];
    prop_oneof![3 => scalar.clone(), 1 => proptest::collection::vec(scalar, 0..4).prop_map(Value::Array)].boxed()
}
