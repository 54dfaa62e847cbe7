//! What the use of a model costs, as far as anybody told.

use std::fmt;

use flightrec_events::{Id, Timestamp};

use crate::model::Usage;

/// The prices of one model, in nano-dollars per million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Price {
    /// Tokens read, neither from nor to the cache.
    pub input_nanos: u64,
    /// Tokens written, reasoning included.
    pub output_nanos: u64,
    /// Tokens read from the cache; as `input_nanos` if not given.
    pub cached_nanos: Option<u64>,
    /// Tokens written to the cache; as `input_nanos` if not given.
    pub cache_write_nanos: Option<u64>,
}

impl Price {
    /// The cost of a use, in nano-dollars, rounded half up once.
    pub fn cost_nanos(&self, usage: &Usage) -> u64 {
        let plain = usage.prompt_tokens.saturating_sub(usage.cached_prompt_tokens + usage.cache_write_tokens);
        let sum = [
            (plain, self.input_nanos),
            (usage.cached_prompt_tokens, self.cached_nanos.unwrap_or(self.input_nanos)),
            (usage.cache_write_tokens, self.cache_write_nanos.unwrap_or(self.input_nanos)),
            (usage.completion_tokens, self.output_nanos),
        ]
        .iter()
        .map(|(tokens, price)| u128::from(*tokens) * u128::from(*price))
        .sum::<u128>();
        u64::try_from((sum + 500_000) / 1_000_000).unwrap_or(u64::MAX)
    }
}

/// A cost and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Priced {
    /// In nano-dollars.
    pub nanos: u64,
    /// The source, such as `provider` or a price list with its date.
    pub source: Id,
}

/// A list of prices.
pub trait PriceList: Send + Sync + fmt::Debug {
    /// What a use costs; `None` if the list does not know the model. Never a guess, never a silent zero.
    fn price(&self, provider: &Id, model_id: &Id, usage: &Usage, at: Timestamp) -> Option<Priced>;
}
