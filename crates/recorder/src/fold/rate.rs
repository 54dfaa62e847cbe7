//! Usage by second, for the rate over a sliding window.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::usage::Charge;

/// How many seconds with usage are kept, the latest ones: more than any window that is worth asking for.
const MAX_SECONDS: usize = 86_400;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Second {
    tokens: i128,
    nanos: i128,
    unpriced_runs: i64,
}

/// Sums over a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct WindowSums {
    pub(crate) tokens: u128,
    pub(crate) nanos: u128,
    pub(crate) unpriced_runs: u64,
}

/// Usage by the second in which it happened, on the emitters' clocks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct RateLog {
    seconds: BTreeMap<i64, Second>,
}

impl RateLog {
    pub(crate) fn add(&mut self, charge: &Charge) {
        self.change(charge, 1);
    }

    pub(crate) fn take_back(&mut self, charge: &Charge) {
        self.change(charge, -1);
    }

    fn change(&mut self, charge: &Charge, sign: i64) {
        let second = self.seconds.entry(charge.timestamp_us.div_euclid(1_000_000)).or_default();
        second.tokens += i128::from(sign) * i128::from(charge.amounts.total());
        match charge.amounts.nanos {
            Some(nanos) => second.nanos += i128::from(sign) * i128::from(nanos),
            None => second.unpriced_runs += sign,
        }
        while self.seconds.len() > MAX_SECONDS {
            self.seconds.pop_first();
        }
    }

    /// Sums over the `window_s` whole seconds that end with the second of `now_us`.
    pub(crate) fn sums(&self, now_us: i64, window_s: u64) -> WindowSums {
        let last = now_us.div_euclid(1_000_000);
        let first = last.saturating_sub(i64::try_from(window_s).unwrap_or(i64::MAX)).saturating_add(1);
        let mut sums = (0_i128, 0_i128, 0_i64);
        if first <= last {
            for second in self.seconds.range(first..=last).map(|(_, second)| second) {
                sums = (sums.0 + second.tokens, sums.1 + second.nanos, sums.2 + second.unpriced_runs);
            }
        }
        WindowSums {
            tokens: u128::try_from(sums.0).unwrap_or(0),
            nanos: u128::try_from(sums.1).unwrap_or(0),
            unpriced_runs: u64::try_from(sums.2).unwrap_or(0),
        }
    }
}
