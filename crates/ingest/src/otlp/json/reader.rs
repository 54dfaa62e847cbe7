//! Requests from JSON, one pass over the text, bounded by a budget of memory.

use std::fmt;
use std::marker::PhantomData;
use std::mem::size_of;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::scalars::Scalar;
use crate::otlp::bounds::Budget;
use crate::otlp::metrics::{Metric, MetricsRequest, Point, Points, ResourceMetrics, ScopeMetrics};
use crate::otlp::model::{
    Any, AnyValue, ArrayValue, KeyValue, KeyValueList, LogRecord, LogsRequest, Resource, ResourceLogs, ResourceSpans,
    Scope, ScopeLogs, ScopeSpans, Span, SpanEvent, SpanLink, Status, TracesRequest,
};

/// The names of a span's kinds, by number.
const SPAN_KINDS: [&str; 6] = [
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
];

/// The names of a status's codes, by number.
const STATUS_CODES: [&str; 3] = ["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"];

/// Reads a request; what its parts take is taken from the budget.
pub(crate) fn read<T: Fill>(text: &[u8], budget: &Budget) -> Result<T, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let request = Seed::new(budget).deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(request.unwrap_or_default())
}

/// A message that is filled member by member.
pub(crate) trait Fill: Default {
    /// Takes the value of a member that the message knows, or leaves it in the map.
    fn member<'de, A: MapAccess<'de>>(&mut self, name: Name, map: &mut Members<'_, A>) -> Result<bool, A::Error>;
}

/// A member's name: camel and snake case are one, and no known name is longer than this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Name {
    letters: [u8; Name::MAX_BYTES],
    length: usize,
}

impl Name {
    const MAX_BYTES: usize = 24;

    /// The name without underscores and in lower case. A name that is too long is none that is known.
    fn new(text: &str) -> Self {
        let mut name = Self { letters: [0; Self::MAX_BYTES], length: 0 };
        for letter in text.bytes().filter(|letter| *letter != b'_') {
            let Some(place) = name.letters.get_mut(name.length) else {
                return Self { letters: [0; Self::MAX_BYTES], length: 0 };
            };
            *place = letter.to_ascii_lowercase();
            name.length += 1;
        }
        name
    }

    fn as_bytes(&self) -> &[u8] {
        &self.letters[..self.length]
    }
}

struct NameSeed;

impl<'de> DeserializeSeed<'de> for NameSeed {
    type Value = Name;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Name, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NameSeed {
    type Value = Name;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a member's name")
    }

    fn visit_str<E>(self, value: &str) -> Result<Name, E> {
        Ok(Name::new(value))
    }
}

/// The members of an object that is being read.
pub(crate) struct Members<'b, A> {
    map: A,
    budget: &'b Budget,
}

impl<'de, A: MapAccess<'de>> Members<'_, A> {
    fn scalar(&mut self) -> Result<Scalar, A::Error> {
        self.map.next_value()
    }

    fn text(&mut self, into: &mut String) -> Result<bool, A::Error> {
        *into = self.scalar()?.into_text().unwrap_or_default();
        Ok(true)
    }

    fn time(&mut self, into: &mut u64) -> Result<bool, A::Error> {
        *into = self.scalar()?.to_u64().unwrap_or_default();
        Ok(true)
    }

    fn choice(&mut self, into: &mut i32, names: &[&str]) -> Result<bool, A::Error> {
        *into = self.scalar()?.to_choice(names).unwrap_or_default();
        Ok(true)
    }

    fn id(&mut self, into: &mut Vec<u8>, length_bytes: usize) -> Result<bool, A::Error> {
        *into = self.scalar()?.to_id(length_bytes).unwrap_or_default();
        Ok(true)
    }

    fn message<T: Fill>(&mut self, into: &mut Option<T>) -> Result<bool, A::Error> {
        *into = self.map.next_value_seed(Seed::new(self.budget))?;
        Ok(true)
    }

    /// Adds to what is there: a name that is given twice loses nothing.
    fn list<T: Fill>(&mut self, into: &mut Vec<T>) -> Result<bool, A::Error> {
        self.map.next_value_seed(ListSeed { into, keeps_nulls: false, budget: self.budget })?;
        Ok(true)
    }

    /// A list in which null is a value too.
    fn values(&mut self, into: &mut Vec<AnyValue>) -> Result<bool, A::Error> {
        self.map.next_value_seed(ListSeed { into, keeps_nulls: true, budget: self.budget })?;
        Ok(true)
    }
}

/// Answers a value of a type that is not wanted, without repeating the value.
macro_rules! refuse {
    ($($visit:ident($type:ty)),*) => {
        $(fn $visit<E: Error>(self, _: $type) -> Result<Self::Value, E> {
            Err(E::custom(self.expected()))
        })*
    };
}

struct Seed<'b, T> {
    budget: &'b Budget,
    message: PhantomData<T>,
}

impl<'b, T> Seed<'b, T> {
    const fn new(budget: &'b Budget) -> Self {
        Self { budget, message: PhantomData }
    }

    #[expect(clippy::unused_self, reason = "the refusals of lists and of objects are written alike")]
    const fn expected(&self) -> &'static str {
        "an object is expected here"
    }
}

impl<'de, T: Fill> DeserializeSeed<'de> for Seed<'_, T> {
    type Value = Option<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<T>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Fill> Visitor<'de> for Seed<'_, T> {
    type Value = Option<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    refuse!(visit_bool(bool), visit_i64(i64), visit_u64(u64), visit_f64(f64), visit_str(&str));

    fn visit_unit<E>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Option<T>, A::Error> {
        let mut message = T::default();
        let mut members = Members { map, budget: self.budget };
        while let Some(name) = members.map.next_key_seed(NameSeed)? {
            if !message.member(name, &mut members)? {
                members.map.next_value::<serde::de::IgnoredAny>()?;
            }
        }
        Ok(Some(message))
    }
}

struct ListSeed<'b, 'l, T> {
    into: &'l mut Vec<T>,
    keeps_nulls: bool,
    budget: &'b Budget,
}

impl<T> ListSeed<'_, '_, T> {
    #[expect(clippy::unused_self, reason = "the refusals of lists and of objects are written alike")]
    const fn expected(&self) -> &'static str {
        "a list is expected here"
    }
}

impl<'de, T: Fill> DeserializeSeed<'de> for ListSeed<'_, '_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Fill> Visitor<'de> for ListSeed<'_, '_, T> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list")
    }

    refuse!(visit_bool(bool), visit_i64(i64), visit_u64(u64), visit_f64(f64), visit_str(&str));

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(item) = list.next_element_seed(Seed::<T>::new(self.budget))? {
            let item = if self.keeps_nulls { Some(item.unwrap_or_default()) } else { item };
            if let Some(item) = item {
                self.budget.take(size_of::<T>()).map_err(|_| A::Error::custom("the request has too many parts"))?;
                self.into.push(item);
            }
        }
        Ok(())
    }
}

/// Writes down which member goes where; every name is given without underscores and in lower case.
macro_rules! members {
    ($($message:ty { $($name:literal => $method:ident($field:ident $(, $extra:expr)?),)* })*) => {
        $(impl Fill for $message {
            fn member<'de, A: MapAccess<'de>>(&mut self, name: Name, members: &mut Members<'_, A>) -> Result<bool, A::Error> {
                match name.as_bytes() {
                    $($name => members.$method(&mut self.$field $(, $extra)?),)*
                    _ => Ok(false),
                }
            }
        })*
    };
}

members! {
    TracesRequest { b"resourcespans" => list(resource_spans), }
    LogsRequest { b"resourcelogs" => list(resource_logs), }
    MetricsRequest { b"resourcemetrics" => list(resource_metrics), }
    Resource { b"attributes" => list(attributes), }
    Scope {
        b"name" => text(name),
        b"version" => text(version),
    }
    ResourceSpans {
        b"resource" => message(resource),
        b"scopespans" => list(scope_spans),
    }
    ScopeSpans {
        b"scope" => message(scope),
        b"spans" => list(spans),
    }
    Span {
        b"traceid" => id(trace_id, 16),
        b"spanid" => id(span_id, 8),
        b"parentspanid" => id(parent_span_id, 8),
        b"name" => text(name),
        b"kind" => choice(kind, &SPAN_KINDS),
        b"starttimeunixnano" => time(start_time_unix_nano),
        b"endtimeunixnano" => time(end_time_unix_nano),
        b"attributes" => list(attributes),
        b"events" => list(events),
        b"links" => list(links),
        b"status" => message(status),
    }
    SpanEvent {
        b"timeunixnano" => time(time_unix_nano),
        b"name" => text(name),
        b"attributes" => list(attributes),
    }
    SpanLink {
        b"traceid" => id(trace_id, 16),
        b"spanid" => id(span_id, 8),
        b"attributes" => list(attributes),
    }
    Status {
        b"message" => text(message),
        b"code" => choice(code, &STATUS_CODES),
    }
    ResourceLogs {
        b"resource" => message(resource),
        b"scopelogs" => list(scope_logs),
    }
    ScopeLogs {
        b"scope" => message(scope),
        b"logrecords" => list(log_records),
    }
    LogRecord {
        b"timeunixnano" => time(time_unix_nano),
        b"observedtimeunixnano" => time(observed_time_unix_nano),
        b"body" => message(body),
        b"attributes" => list(attributes),
        b"traceid" => id(trace_id, 16),
        b"spanid" => id(span_id, 8),
        b"eventname" => text(event_name),
    }
    KeyValue {
        b"key" => text(key),
        b"value" => message(value),
    }
    ArrayValue { b"values" => values(values), }
    KeyValueList { b"values" => list(values), }
    ResourceMetrics { b"scopemetrics" => list(scope_metrics), }
    ScopeMetrics { b"metrics" => list(metrics), }
    Metric {
        b"gauge" => message(gauge),
        b"sum" => message(sum),
        b"histogram" => message(histogram),
        b"exponentialhistogram" => message(exponential_histogram),
        b"summary" => message(summary),
    }
    Points { b"datapoints" => list(data_points), }
}

impl Fill for Point {
    fn member<'de, A: MapAccess<'de>>(&mut self, _: Name, _: &mut Members<'_, A>) -> Result<bool, A::Error> {
        Ok(false)
    }
}

impl Fill for AnyValue {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: Name, members: &mut Members<'_, A>) -> Result<bool, A::Error> {
        let value = match name.as_bytes() {
            b"stringvalue" => members.scalar()?.into_text().map(Any::Str),
            b"boolvalue" => members.scalar()?.to_bool().map(Any::Bool),
            b"intvalue" => {
                let scalar = members.scalar()?;
                scalar.to_i64().map(Any::Int).or_else(|| scalar.to_f64().map(Any::Double))
            }
            b"doublevalue" => members.scalar()?.to_f64().map(Any::Double),
            b"bytesvalue" => members.scalar()?.to_bytes().map(Any::Bytes),
            b"arrayvalue" => {
                let mut list = None;
                members.message(&mut list)?;
                list.map(Any::Array)
            }
            b"kvlistvalue" => {
                let mut map = None;
                members.message(&mut map)?;
                map.map(Any::Map)
            }
            _ => return Ok(false),
        };
        if value.is_some() {
            self.value = value;
        }
        Ok(true)
    }
}
