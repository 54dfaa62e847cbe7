//! Finding the price that applies to one request.

use flightrec_events::Timestamp;
use flightrec_events::telemetry::{PRICE_TABLE, USER_PRICE_TABLE};
use rustc_hash::FxHashMap;

use super::format::{List, Price, PriceError};
use super::names::{self, Served};
use crate::facts::Usage;

/// What a request costs by a list of prices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Priced {
    /// In nano-dollars.
    pub nanos: u64,
    /// Which list, which of its models, and the threshold of input tokens that was exceeded, such as
    /// `table:2026-11-22 openai/gpt-5.4 above 272000`; at most 256 bytes.
    pub source: String,
}

/// Lists of prices: the one that is built in, and before it the user's own.
///
/// ```
/// use flightrec_events::Timestamp;
/// use flightrec_ingest::facts::Usage;
/// use flightrec_ingest::prices::PriceTable;
/// let table = PriceTable::bundled();
/// let at = Timestamp::parse_text("2026-11-22T12:00:00Z").unwrap();
/// let usage = Usage { input: 1_500, output: 50, ..Usage::default() };
/// let priced = table.price(Some("anthropic"), "claude-opus-4-8[1m]", &usage, at).unwrap();
/// assert_eq!(priced.nanos, 8_750_000);
/// assert_eq!(priced.source, "table:2026-11-22 anthropic/claude-opus-4-8");
/// assert_eq!(table.price(Some("openai"), "gpt-unheard-of", &usage, at), None);
/// ```
#[derive(Debug, Clone)]
pub struct PriceTable {
    /// The one that wins comes first.
    lists: Vec<Indexed>,
}

/// A list, and where in it a model is found.
#[derive(Debug, Clone)]
struct Indexed {
    origin: &'static str,
    list: List,
    by_model: FxHashMap<String, Vec<usize>>,
    /// Beginnings of names, the longest first.
    by_beginning: Vec<(String, usize)>,
}

impl PriceTable {
    /// The list that is built in.
    pub fn bundled() -> Self {
        let json = include_bytes!("../../data/prices.json");
        let list = List::read(json).expect("the list that is built in is held to its form by a test");
        Self { lists: vec![Indexed::new(PRICE_TABLE, list)] }
    }

    /// The list that is built in, and before it one of the user's own: where that one has a price for the
    /// model, the provider and the time, it wins.
    ///
    /// # Errors
    /// [`PriceError`] where the user's list is not of the form that `data/prices.json` has, or where an
    /// entry of it contradicts itself; correct the file and begin again.
    pub fn with_user(json: &[u8]) -> Result<Self, PriceError> {
        let mut table = Self::bundled();
        table.lists.insert(0, Indexed::new(USER_PRICE_TABLE, List::read(json)?));
        Ok(table)
    }

    /// What this use of a model costs at that time, or `None` if no list knows.
    ///
    /// The provider may be named as conventions, gateways or SDKs name it; where it is not named, or serves
    /// the models of others, the model's name decides.
    pub fn price(&self, provider: Option<&str>, model: &str, usage: &Usage, at: Timestamp) -> Option<Priced> {
        let by_provider = provider.map_or(Served::Unsaid, names::served);
        let spellings = names::spellings(model);
        self.lists.iter().find_map(|indexed| {
            spellings.iter().find_map(|(name, by_path)| {
                let served = by_path.unwrap_or(by_provider);
                indexed.price(&Wanted { provider, served, name, at }, usage)
            })
        })
    }
}

/// What a price is looked for.
struct Wanted<'w> {
    provider: Option<&'w str>,
    served: Served,
    name: &'w str,
    at: Timestamp,
}

/// How well a price fits; the greatest wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// By the model's name, although another provider is told: gateways name themselves.
    ByModel,
    /// By an entry for whatever provider.
    ForAll,
    /// By the provider and the model.
    ByProvider,
}

impl Indexed {
    fn new(origin: &'static str, list: List) -> Self {
        let mut by_model: FxHashMap<String, Vec<usize>> = FxHashMap::default();
        let mut by_beginning = Vec::new();
        for (index, price) in list.prices.iter().enumerate() {
            for model in &price.models {
                match model.strip_suffix('*') {
                    Some(beginning) => by_beginning.push((beginning.to_owned(), index)),
                    None => by_model.entry(model.clone()).or_default().push(index),
                }
            }
        }
        by_beginning.sort_by_key(|(beginning, _)| std::cmp::Reverse(beginning.len()));
        Self { origin, list, by_model, by_beginning }
    }

    fn price(&self, wanted: &Wanted<'_>, usage: &Usage) -> Option<Priced> {
        let exact = self.by_model.get(wanted.name).into_iter().flatten().map(|index| (wanted.name, *index));
        let (model, price) = self.best(exact, wanted).or_else(|| {
            let longest = self.by_beginning.iter().filter(|(beginning, _)| wanted.name.starts_with(beginning));
            let length = longest.clone().next()?.0.len();
            let alike = longest.filter(|(beginning, _)| beginning.len() == length);
            self.best(alike.map(|(beginning, index)| (beginning.as_str(), *index)), wanted)
        })?;
        let (rates, above) = price.rates(usage.input)?;
        let provider = price.provider.as_deref().map(|provider| format!("{provider}/")).unwrap_or_default();
        let above = above.map(|above| format!(" above {above}")).unwrap_or_default();
        let source = format!("{}{} {provider}{model}{above}", self.origin, self.list.date);
        Some(Priced { nanos: rates.cost_nanos(usage), source })
    }

    /// Of these prices the one that fits best, and among equals the one that began last.
    fn best<'t>(
        &'t self,
        candidates: impl Iterator<Item = (&'t str, usize)>,
        wanted: &Wanted<'_>,
    ) -> Option<(&'t str, &'t Price)> {
        candidates
            .map(|(model, index)| (model, &self.list.prices[index]))
            .filter(|(_, price)| price.holds(wanted.at))
            .filter_map(|(model, price)| Some((wanted.fit(price)?, model, price)))
            .max_by_key(|(fit, _, price)| (*fit, price.from()))
            .map(|(_, model, price)| (model, price))
    }
}

impl Wanted<'_> {
    fn fit(&self, price: &Price) -> Option<Fit> {
        let Some(provider) = price.provider.as_deref() else {
            return Some(Fit::ForAll);
        };
        let is_named = self.provider.is_some_and(|told| told.eq_ignore_ascii_case(provider));
        let is_meant = matches!(self.served, Served::By(_)) && names::served(provider) == self.served;
        if is_named || is_meant {
            return Some(Fit::ByProvider);
        }
        (!price.host && self.served != Served::Free).then_some(Fit::ByModel)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_text(text).unwrap()
    }

    fn now() -> Timestamp {
        at("2026-11-22T12:00:00Z")
    }

    fn usage(input: u64, output: u64) -> Usage {
        Usage { input, output, ..Usage::default() }
    }

    #[test]
    fn a_model_is_found_under_every_name_and_provider() {
        let table = PriceTable::bundled();
        let cases = [
            (Some("openai"), "gpt-4o-2024-08-06", "table:2026-11-22 openai/gpt-4o"),
            (Some("openai"), "gpt-4o-2024-05-13", "table:2026-11-22 openai/gpt-4o-2024-05-13"),
            (Some("openai"), "openai/gpt-4o", "table:2026-11-22 openai/gpt-4o"),
            (Some("azure.ai.openai"), "gpt-4o", "table:2026-11-22 openai/gpt-4o"),
            (None, "gpt-5-codex", "table:2026-11-22 openai/gpt-5-codex"),
            (Some("my gateway"), "gpt-5-mini-2025-08-07", "table:2026-11-22 openai/gpt-5-mini"),
            (Some("anthropic"), "claude-opus-4-8[1m]", "table:2026-11-22 anthropic/claude-opus-4-8"),
            (
                Some("aws.bedrock"),
                "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
                "table:2026-11-22 anthropic/claude-sonnet-4-5",
            ),
            (Some("gcp.vertex_ai"), "claude-sonnet-4-5@20250929", "table:2026-11-22 anthropic/claude-sonnet-4-5"),
            (Some("openai"), "claude-haiku-4-5", "table:2026-11-22 anthropic/claude-haiku-4-5"),
            (Some("gcp.gemini"), "models/gemini-2.5-flash", "table:2026-11-22 google/gemini-2.5-flash"),
            (Some("groq"), "openai/gpt-oss-120b", "table:2026-11-22 groq/openai/gpt-oss-120b"),
            (None, "groq/llama-3.3-70b-versatile", "table:2026-11-22 groq/llama-3.3-70b-versatile"),
        ];
        for (provider, model, source) in cases {
            let priced = table.price(provider, model, &usage(1, 1), now());
            assert_eq!(priced.map(|priced| priced.source).as_deref(), Some(source), "{provider:?} {model}");
        }
    }

    #[test]
    fn what_no_list_knows_has_no_price() {
        let table = PriceTable::bundled();
        let cases = [
            (Some("openai"), "gpt-fake-5"),
            (Some("mock-provider"), "mock-gpt"),
            (Some("mock-provider"), "gpt-4o"),
            (Some("ollama"), "gpt-4o"),
            (None, "ollama/gpt-4o"),
            (None, ""),
            (None, "test"),
            (None, "gpt-4o-realtime-preview"),
            (None, "claude"),
            (None, "llama-3.3-70b-versatile"),
            (Some("together"), "openai/gpt-oss-120b"),
        ];
        for (provider, model) in cases {
            assert_eq!(table.price(provider, model, &usage(1, 1), now()), None, "{provider:?} {model}");
        }
    }

    #[test]
    fn a_price_holds_from_its_day_on() {
        let table = PriceTable::bundled();
        let cost = |model: &str, time: &str| {
            table.price(None, model, &usage(1_000_000, 0), at(time)).map(|priced| priced.nanos)
        };
        assert_eq!(cost("o3", "2025-06-09T23:59:59.999999Z"), Some(10_000_000_000));
        assert_eq!(cost("o3", "2025-06-10T00:00:00Z"), Some(2_000_000_000));
        assert_eq!(cost("deepseek-chat", "2025-09-05T15:59:59Z"), Some(270_000_000));
        assert_eq!(cost("deepseek-chat", "2025-09-05T16:00:00Z"), Some(560_000_000));
        assert_eq!(cost("deepseek-chat", "2026-11-22T00:00:00Z"), None, "nothing vouches for it any more");
        assert_eq!(cost("gpt-6-sol", "2026-09-21T00:00:00Z"), None);
    }

    #[test]
    fn a_long_request_is_charged_at_the_rates_of_its_length() {
        let table = PriceTable::bundled();
        let priced = |model: &str, input: u64| table.price(None, model, &usage(input, 1_000), now());
        assert_eq!(priced("gemini-2.5-pro", 200_000).unwrap().nanos, 200_000 * 1_250 + 1_000 * 10_000);
        let long = priced("gemini-2.5-pro", 200_001).unwrap();
        assert_eq!(long.nanos, 200_001 * 2_500 + 1_000 * 15_000);
        assert_eq!(long.source, "table:2026-11-22 google/gemini-2.5-pro above 200000");
        assert!(priced("gpt-6.1-terra", 272_000).is_some());
        assert_eq!(priced("gpt-6.1-terra", 272_001), None, "no page tells its price");
    }

    #[test]
    fn the_users_own_prices_win() {
        let json = json!({ "date": "2026-11-01", "prices": [
            { "models": ["gpt-4o"], "provider": "openai", "input": 1_000_000_000, "output": 0, "source": "a contract" },
            { "models": ["house-*"], "input": 5_000_000, "output": 5_000_000, "source": "power and rent" },
            { "models": ["house-large-*"], "input": 7_000_000, "output": 7_000_000, "source": "power and rent" },
            { "models": ["o3"], "input": 9, "output": 9, "from": "2026-12-01", "source": "a contract to come" },
            { "models": ["gpt-5"], "provider": "mock-provider", "input": 3_000_000, "output": 0, "source": "a test" },
        ]});
        let table = PriceTable::with_user(json.to_string().as_bytes()).unwrap();
        let cases = [
            (Some("openai"), "openai/gpt-4o-2024-08-06", Some((1_000_000_000, "user-table:2026-11-01 openai/gpt-4o"))),
            (Some("ollama"), "house-7b", Some((5_000_000, "user-table:2026-11-01 house-"))),
            (None, "house-large-70b", Some((7_000_000, "user-table:2026-11-01 house-large-"))),
            (None, "o3", Some((2_000_000_000, "table:2026-11-22 openai/o3"))),
            (Some("Mock-Provider"), "gpt-5", Some((3_000_000, "user-table:2026-11-01 mock-provider/gpt-5"))),
            (None, "unheard-of", None),
        ];
        for (provider, model, expected) in cases {
            let priced = table.price(provider, model, &usage(1_000_000, 0), now());
            let found = priced.as_ref().map(|priced| (priced.nanos, priced.source.as_str()));
            assert_eq!(found, expected, "{provider:?} {model}");
        }
    }

    #[test]
    fn a_source_fits_into_an_event() {
        let json = json!({ "date": "2026-11-01", "prices": [{
            "provider": "p".repeat(64), "models": ["m".repeat(128)], "input": 0, "output": 0, "source": "a page",
            "long_context": [{ "above": u64::MAX - 1, "input": 0, "output": 0 }] }] });
        let table = PriceTable::with_user(json.to_string().as_bytes()).unwrap();
        let priced = table.price(Some(&"p".repeat(64)), &"m".repeat(128), &usage(u64::MAX, 0), now()).unwrap();
        assert!(priced.source.len() <= 256, "{}", priced.source.len());
        assert_eq!(priced.nanos, 0);
    }
}
