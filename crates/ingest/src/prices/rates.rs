//! Rates and the arithmetic of a price: whole nano-dollars, rounded once.

use crate::facts::Usage;

/// Tokens that a rate is for.
const TOKENS_PER_RATE: u128 = 1_000_000;

/// Nano-dollars per million tokens that no rate may exceed: a million dollars. So no sum overflows.
pub(super) const MAX_RATE: u64 = 1_000_000_000_000_000;

/// What tokens cost, in nano-dollars per million of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rates {
    /// Read and neither from nor to a cache.
    pub(super) input: u64,
    /// Read from a cache.
    pub(super) cached: u64,
    /// Written to a cache.
    pub(super) cache_write: u64,
    /// Written, reasoning apart.
    pub(super) output: u64,
    /// Spent on reasoning.
    pub(super) reasoning: u64,
}

/// The tokens of a request by what they are charged as; none is counted twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Parts {
    input: u64,
    cached: u64,
    cache_write: u64,
    output: u64,
    reasoning: u64,
}

impl Parts {
    /// Shares that exceed their whole are cut to it: first what was read from the cache, then what was
    /// written to it are taken from the input, and reasoning is taken from the output.
    fn of(usage: &Usage) -> Self {
        let cached = usage.cached.unwrap_or(0).min(usage.input);
        let cache_write = usage.cache_write.unwrap_or(0).min(usage.input - cached);
        let reasoning = usage.reasoning.unwrap_or(0).min(usage.output);
        Self {
            input: usage.input - cached - cache_write,
            cached,
            cache_write,
            output: usage.output - reasoning,
            reasoning,
        }
    }
}

impl Rates {
    /// What this use costs, in nano-dollars, rounded to the nearest, halves up.
    pub(super) fn cost_nanos(&self, usage: &Usage) -> u64 {
        let nanos = (self.exact(usage) + TOKENS_PER_RATE / 2) / TOKENS_PER_RATE;
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }

    /// What this use costs, in millionths of a nano-dollar.
    fn exact(&self, usage: &Usage) -> u128 {
        let parts = Parts::of(usage);
        [
            (parts.input, self.input),
            (parts.cached, self.cached),
            (parts.cache_write, self.cache_write),
            (parts.output, self.output),
            (parts.reasoning, self.reasoning),
        ]
        .into_iter()
        .map(|(tokens, rate)| u128::from(tokens) * u128::from(rate))
        .sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RATES: Rates = Rates {
        input: 3_000_000_000,
        cached: 300_000_000,
        cache_write: 3_750_000_000,
        output: 15_000_000_000,
        reasoning: 16_000_000_000,
    };

    fn usage(input: u64, cached: u64, cache_write: u64, output: u64, reasoning: u64) -> Usage {
        Usage {
            input,
            output,
            cached: Some(cached),
            cache_write: Some(cache_write),
            reasoning: Some(reasoning),
            cost_nanos: None,
        }
    }

    #[test]
    fn every_token_is_charged_once_at_its_own_rate() {
        let cases = [
            (usage(0, 0, 0, 0, 0), 0),
            (usage(1_000_000, 0, 0, 0, 0), 3_000_000_000),
            (usage(1_000_000, 1_000_000, 0, 0, 0), 300_000_000),
            (usage(1_000_000, 0, 1_000_000, 0, 0), 3_750_000_000),
            (usage(0, 0, 0, 1_000_000, 0), 15_000_000_000),
            (usage(0, 0, 0, 1_000_000, 1_000_000), 16_000_000_000),
            (usage(10, 4, 3, 5, 2), 9_000 + 1_200 + 11_250 + 45_000 + 32_000),
        ];
        for (usage, nanos) in cases {
            assert_eq!(RATES.cost_nanos(&usage), nanos, "{usage:?}");
        }
    }

    #[test]
    fn shares_beyond_their_whole_are_cut_to_it() {
        assert_eq!(RATES.cost_nanos(&usage(100, 200, 300, 10, 20)), 100 * 300 + 10 * 16_000);
        assert_eq!(RATES.cost_nanos(&usage(100, 60, 300, 0, 0)), 60 * 300 + 40 * 3_750);
    }

    #[test]
    fn halves_are_rounded_up_and_less_is_rounded_down() {
        let rates = Rates { input: 500_000, cached: 499_999, cache_write: 0, output: 0, reasoning: 0 };
        assert_eq!(rates.cost_nanos(&usage(1, 0, 0, 0, 0)), 1);
        assert_eq!(rates.cost_nanos(&usage(1, 1, 0, 0, 0)), 0);
    }

    #[test]
    fn the_most_that_can_be_counted_costs_the_most_that_can_be_told() {
        let most =
            Rates { input: MAX_RATE, cached: MAX_RATE, cache_write: MAX_RATE, output: MAX_RATE, reasoning: MAX_RATE };
        assert_eq!(most.cost_nanos(&usage(u64::MAX, u64::MAX, u64::MAX, u64::MAX, u64::MAX)), u64::MAX);
    }

    fn rates() -> impl Strategy<Value = Rates> {
        proptest::array::uniform5(0..=MAX_RATE).prop_map(|[input, cached, cache_write, output, reasoning]| Rates {
            input,
            cached,
            cache_write,
            output,
            reasoning,
        })
    }

    /// Tokens of each of the five kinds, and the use that they add up to.
    fn parts() -> impl Strategy<Value = [u64; 5]> {
        proptest::array::uniform5(0..=u64::MAX / 8)
    }

    fn whole([input, cached, cache_write, output, reasoning]: [u64; 5]) -> Usage {
        usage(input + cached + cache_write, cached, cache_write, output + reasoning, reasoning)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_whole_costs_what_its_parts_cost(rates in rates(), parts in parts()) {
            let each = (0..5).map(|kind| {
                let mut alone = [0; 5];
                alone[kind] = parts[kind];
                rates.exact(&whole(alone))
            });
            prop_assert_eq!(rates.exact(&whole(parts)), each.sum::<u128>());
        }

        #[test]
        fn more_of_any_kind_never_costs_less(rates in rates(), parts in parts(), kind in 0_usize..5, more in 0..=u64::MAX / 8) {
            let mut grown = parts;
            grown[kind] += more;
            prop_assert!(rates.cost_nanos(&whole(parts)) <= rates.cost_nanos(&whole(grown)));
        }

        #[test]
        fn no_counts_are_too_wild(rates in rates(), counts in proptest::array::uniform5(any::<u64>())) {
            let [input, cached, cache_write, output, reasoning] = counts;
            let usage = usage(input, cached, cache_write, output, reasoning);
            let dearest = [rates.input, rates.cached, rates.cache_write].into_iter().max().unwrap_or(0);
            let most = u128::from(input) * u128::from(dearest)
                + u128::from(output) * u128::from(rates.output.max(rates.reasoning));
            prop_assert!(rates.exact(&usage) <= most);
            let _rounded = rates.cost_nanos(&usage);
        }
    }
}
