//! The file that holds a list of prices, and what must be true of it.

use std::fmt;

use flightrec_events::Timestamp;
use serde::Deserialize;

use super::rates::{MAX_RATE, Rates};

/// Bytes that the name of a model may have.
pub(super) const MAX_MODEL_BYTES: usize = 128;
/// Bytes that the name of a provider may have.
const MAX_PROVIDER_BYTES: usize = 64;

/// Why a list of prices cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PriceError {
    /// It is not JSON of the form that is described in the documentation.
    #[error("the list of prices is not JSON of the expected form: {source}")]
    Form {
        /// What is wrong, with line and column.
        #[from]
        source: serde_json::Error,
    },
    /// Its `date` is no date.
    #[error("`date` is `{date}`: expected a day, such as 2026-11-22")]
    Date {
        /// What stands there.
        date: String,
    },
    /// One of its entries contradicts itself.
    #[error("entry {entry} of `prices`{}: {problem}", .model.as_ref().map(|model| format!(" ({model})")).unwrap_or_default())]
    Entry {
        /// Its place, counted from 1.
        entry: usize,
        /// The first of its models.
        model: Option<String>,
        /// What is wrong.
        problem: Problem,
    },
}

/// What is wrong with an entry of a list of prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// It names no model.
    NoModel,
    /// A name is empty or too long.
    Name,
    /// `from` or `until` is neither a day nor a time.
    Time,
    /// `until` does not come after `from`.
    Period,
    /// A rate is above a million dollars per million tokens.
    Rate,
    /// The thresholds of `long_context` and `up_to` do not rise.
    Thresholds,
    /// `source` does not say where the prices come from.
    Source,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::NoModel => f.write_str("name at least one model in `models`"),
            Problem::Name => {
                write!(f, "a model's name has 1 to {MAX_MODEL_BYTES} bytes, a provider's 1 to {MAX_PROVIDER_BYTES}")
            }
            Problem::Time => f.write_str("give `from` and `until` as a day or as RFC 3339 in UTC"),
            Problem::Period => f.write_str("`until` must come after `from`"),
            Problem::Rate => write!(f, "rates are nano-dollars per million tokens, {MAX_RATE} at most"),
            Problem::Thresholds => f.write_str("the thresholds of `long_context`, and `up_to` after them, must rise"),
            Problem::Source => f.write_str("say in `source` where the prices come from"),
        }
    }
}

/// A list of prices as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    date: String,
    prices: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    provider: Option<String>,
    #[serde(default)]
    host: bool,
    models: Vec<String>,
    from: Option<String>,
    until: Option<String>,
    up_to: Option<u64>,
    input: u64,
    cached: Option<u64>,
    cache_write: Option<u64>,
    output: u64,
    reasoning: Option<u64>,
    #[serde(default)]
    long_context: Vec<Tier>,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tier {
    above: u64,
    input: u64,
    cached: Option<u64>,
    cache_write: Option<u64>,
    output: u64,
    reasoning: Option<u64>,
}

/// A list of prices, checked.
#[derive(Debug, Clone)]
pub(super) struct List {
    /// The day on which it was put together.
    pub(super) date: String,
    pub(super) prices: Vec<Price>,
}

/// What some models of one provider cost for some time.
#[derive(Debug, Clone)]
pub(super) struct Price {
    /// Who serves them, in lower case; `None` for whoever does.
    pub(super) provider: Option<String>,
    /// Whether others serve models of these names too, so that the provider must be told.
    pub(super) host: bool,
    /// Names in lower case; one that ends in `*` stands for all that begin so.
    pub(super) models: Vec<String>,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    up_to: Option<u64>,
    base: Rates,
    /// By the number of input tokens above which they hold, rising.
    tiers: Vec<(u64, Rates)>,
}

impl Price {
    /// Whether it holds at that time.
    pub(super) fn holds(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at < until)
    }

    /// When it began to hold; `None` comes before any time.
    pub(super) const fn from(&self) -> Option<Timestamp> {
        self.from
    }

    /// The rates for a request with so many input tokens, and the threshold that it exceeds.
    pub(super) fn rates(&self, input_tokens: u64) -> Option<(Rates, Option<u64>)> {
        if self.up_to.is_some_and(|most| input_tokens > most) {
            return None;
        }
        let tier = self.tiers.iter().rev().find(|(above, _)| input_tokens > *above);
        Some(tier.map_or((self.base, None), |(above, rates)| (*rates, Some(*above))))
    }
}

impl List {
    /// Reads a list and checks it.
    pub(super) fn read(json: &[u8]) -> Result<Self, PriceError> {
        let file: File = serde_json::from_slice(json)?;
        if file.date.len() != 10 || time(&file.date).is_none() {
            return Err(PriceError::Date { date: file.date });
        }
        let prices = file.prices.into_iter().enumerate().map(|(index, entry)| {
            let model = entry.models.first().cloned();
            checked(entry).map_err(|problem| PriceError::Entry { entry: index + 1, model, problem })
        });
        Ok(Self { date: file.date, prices: prices.collect::<Result<_, _>>()? })
    }
}

fn checked(entry: Entry) -> Result<Price, Problem> {
    if entry.models.is_empty() {
        return Err(Problem::NoModel);
    }
    let fits = |name: &str, most: usize| !name.is_empty() && name.len() <= most && !name.contains(char::is_control);
    if !entry.models.iter().all(|model| fits(model, MAX_MODEL_BYTES))
        || !entry.provider.iter().all(|provider| fits(provider, MAX_PROVIDER_BYTES))
    {
        return Err(Problem::Name);
    }
    if entry.source.trim().is_empty() {
        return Err(Problem::Source);
    }
    let read = |text: &Option<String>| text.as_deref().map(|text| time(text).ok_or(Problem::Time)).transpose();
    let (from, until) = (read(&entry.from)?, read(&entry.until)?);
    if from.zip(until).is_some_and(|(from, until)| until <= from) {
        return Err(Problem::Period);
    }
    let thresholds: Vec<u64> = entry.long_context.iter().map(|tier| tier.above).chain(entry.up_to).collect();
    if !thresholds.is_sorted_by(|one, next| one < next) {
        return Err(Problem::Thresholds);
    }
    let base = rates(entry.input, entry.cached, entry.cache_write, entry.output, entry.reasoning)?;
    let tiers = entry.long_context.iter().map(|tier| {
        let rates = rates(tier.input, tier.cached, tier.cache_write, tier.output, tier.reasoning)?;
        Ok((tier.above, rates))
    });
    Ok(Price {
        provider: entry.provider.map(|provider| provider.to_lowercase()),
        host: entry.host,
        models: entry.models.iter().map(|model| model.to_lowercase()).collect(),
        from,
        until,
        up_to: entry.up_to,
        base,
        tiers: tiers.collect::<Result<_, _>>()?,
    })
}

/// Rates; one that is not given is that of the input, and for reasoning that of the output.
fn rates(
    input: u64,
    cached: Option<u64>,
    cache_write: Option<u64>,
    output: u64,
    reasoning: Option<u64>,
) -> Result<Rates, Problem> {
    let rates = Rates {
        input,
        cached: cached.unwrap_or(input),
        cache_write: cache_write.unwrap_or(input),
        output,
        reasoning: reasoning.unwrap_or(output),
    };
    let all = [rates.input, rates.cached, rates.cache_write, rates.output, rates.reasoning];
    if all.iter().all(|rate| *rate <= MAX_RATE) { Ok(rates) } else { Err(Problem::Rate) }
}

/// A day, from its midnight in UTC on, or a time.
fn time(text: &str) -> Option<Timestamp> {
    if text.len() == 10 {
        return Timestamp::parse_text(&format!("{text}T00:00:00Z")).ok();
    }
    Timestamp::parse_text(text).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn list(entry: &Value) -> Result<List, PriceError> {
        List::read(json!({ "date": "2026-11-22", "prices": [entry] }).to_string().as_bytes())
    }

    fn entry() -> Value {
        json!({ "models": ["m"], "input": 1, "output": 2, "source": "a page" })
    }

    #[test]
    fn an_entry_that_contradicts_itself_is_named() {
        let cases = [
            ("models", json!([]), Problem::NoModel),
            ("models", json!([""]), Problem::Name),
            ("models", json!(["x".repeat(MAX_MODEL_BYTES + 1)]), Problem::Name),
            ("models", json!(["a\nb"]), Problem::Name),
            ("provider", json!(""), Problem::Name),
            ("provider", json!("x".repeat(MAX_PROVIDER_BYTES + 1)), Problem::Name),
            ("from", json!("soon"), Problem::Time),
            ("until", json!("2026-13-01"), Problem::Time),
            ("input", json!(MAX_RATE + 1), Problem::Rate),
            ("reasoning", json!(u64::MAX), Problem::Rate),
            ("long_context", json!([{"above": 1, "input": MAX_RATE + 1, "output": 0}]), Problem::Rate),
            (
                "long_context",
                json!([{"above": 2, "input": 1, "output": 0}, {"above": 2, "input": 1, "output": 0}]),
                Problem::Thresholds,
            ),
            ("source", json!(" "), Problem::Source),
        ];
        for (field, value, expected) in cases {
            let mut entry = entry();
            entry[field] = value.clone();
            let error = list(&entry).unwrap_err();
            assert!(
                matches!(&error, PriceError::Entry { entry: 1, problem, .. } if *problem == expected),
                "{field} {value}: {error}"
            );
            assert!(!error.to_string().is_empty() && error.to_string().contains("entry 1"));
        }
        let mut period = entry();
        (period["from"], period["until"]) = (json!("2026-11-22"), json!("2026-11-22T00:00:00Z"));
        assert!(matches!(list(&period), Err(PriceError::Entry { problem: Problem::Period, .. })));
        let mut thresholds = entry();
        (thresholds["up_to"], thresholds["long_context"]) = (json!(5), json!([{"above": 5, "input": 1, "output": 1}]));
        assert!(matches!(list(&thresholds), Err(PriceError::Entry { problem: Problem::Thresholds, .. })));
    }

    #[test]
    fn what_is_not_of_the_form_is_refused() {
        let mut unknown = entry();
        unknown["inptu"] = json!(1);
        assert!(matches!(list(&unknown), Err(PriceError::Form { .. })));
        let mut fraction = entry();
        fraction["input"] = json!(2.5);
        assert!(matches!(list(&fraction), Err(PriceError::Form { .. })));
        for date in ["", "today", "2026-11-22T00:00:00Z", "2026-02-30"] {
            let json = json!({ "date": date, "prices": [] }).to_string();
            assert!(matches!(List::read(json.as_bytes()), Err(PriceError::Date { .. })), "{date}");
        }
        assert!(matches!(List::read(b"not json"), Err(PriceError::Form { .. })));
    }

    #[test]
    fn rates_that_are_not_given_are_those_of_input_and_output() {
        let list = list(&entry()).unwrap();
        let expected = Rates { input: 1, cached: 1, cache_write: 1, output: 2, reasoning: 2 };
        assert_eq!(list.prices[0].rates(u64::MAX), Some((expected, None)));
    }

    #[test]
    fn the_list_that_is_built_in_names_each_model_for_one_provider_and_one_price_at_a_time() {
        let list = List::read(include_bytes!("../../data/prices.json")).unwrap();
        for (index, one) in list.prices.iter().enumerate() {
            assert!(one.provider.is_some(), "{:?}", one.models);
            for other in &list.prices[index + 1..] {
                let shared: Vec<_> = one.models.iter().filter(|model| other.models.contains(model)).collect();
                if shared.is_empty() {
                    continue;
                }
                assert!(one.host || other.host || one.provider == other.provider, "{shared:?}");
                let apart =
                    |early: &Price, late: &Price| early.until.zip(late.from).is_some_and(|(until, from)| until <= from);
                assert!(apart(one, other) || apart(other, one), "{shared:?}");
            }
        }
    }

    #[test]
    fn more_input_never_costs_less_by_the_list_that_is_built_in() {
        let list = List::read(include_bytes!("../../data/prices.json")).unwrap();
        for price in &list.prices {
            let all: Vec<Rates> =
                std::iter::once(price.base).chain(price.tiers.iter().map(|(_, rates)| *rates)).collect();
            for pair in all.windows(2) {
                let (low, high) = (pair[0], pair[1]);
                assert!(low.input <= high.input && low.output <= high.output, "{:?}", price.models);
                assert!(low.cached <= high.cached && low.cache_write <= high.cache_write, "{:?}", price.models);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_damaged_list_is_read_or_refused(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut json = br#"{"date":"2026-11-22","prices":[{"provider":"p","models":["m","n*"],"from":"2026-01-01","until":"2026-11-22T10:00:00Z","up_to":900,"input":1,"cached":2,"cache_write":3,"output":4,"reasoning":5,"long_context":[{"above":7,"input":8,"output":9}],"source":"a page"}]}"#.to_vec();
            prop_assert!(List::read(&json).is_ok());
            let at = at.index(json.len());
            json[at] = byte;
            if let Err(error) = List::read(&json) {
                prop_assert!(!error.to_string().is_empty());
            }
        }
    }
}
