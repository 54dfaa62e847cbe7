//! What model runs cost by the price list that telemetry is priced by, too.

use flightrec_events::{Id, Timestamp};
use flightrec_ingest::facts;
use flightrec_ingest::prices::PriceTable;
use flightrec_sessions::{PriceList, Priced, Usage};

/// A price list for sessions.
#[derive(Debug)]
pub(in crate::commands) struct ListPrices(pub(in crate::commands) PriceTable);

impl PriceList for ListPrices {
    fn price(&self, provider: &Id, model_id: &Id, usage: &Usage, at: Timestamp) -> Option<Priced> {
        let usage = facts::Usage {
            input: usage.prompt_tokens,
            output: usage.completion_tokens,
            cached: Some(usage.cached_prompt_tokens),
            cache_write: Some(usage.cache_write_tokens),
            reasoning: Some(usage.reasoning_tokens),
            cost_nanos: None,
        };
        let priced = self.0.price(Some(provider.as_str()), model_id.as_str(), &usage, at)?;
        // Its names are at most as long as an id may be.
        Some(Priced { nanos: priced.nanos, source: Id::new(priced.source).ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_the_list_knows_is_priced_and_no_other() {
        let list = ListPrices(PriceTable::bundled());
        let at = Timestamp::parse_text("2026-11-22T12:00:00Z").unwrap();
        let usage = Usage { prompt_tokens: 1_500, completion_tokens: 50, ..Usage::default() };
        let price = |provider, model| list.price(&Id::new(provider).unwrap(), &Id::new(model).unwrap(), &usage, at);
        let priced = price("anthropic", "claude-opus-4-8").unwrap();
        assert_eq!((priced.nanos, priced.source.as_str()), (8_750_000, "table:2026-11-22 anthropic/claude-opus-4-8"));
        assert_eq!(price("workshop", "workshop-mini-3b"), None);
    }
}
