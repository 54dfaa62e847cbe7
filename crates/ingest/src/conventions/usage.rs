//! What a model call used, from whichever of its counts are told.

use crate::attributes::Attributes;
use crate::facts::Usage;

/// The most dollars that one call is believed to cost.
const MAX_USD: f64 = 1e6;

/// Counts as a convention tells them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub input: Option<u64>,
    pub output: Option<u64>,
    pub total: Option<u64>,
    pub cached: Option<u64>,
    pub cache_write: Option<u64>,
    pub reasoning: Option<u64>,
    /// In dollars.
    pub cost_usd: Option<f64>,
}

impl Counts {
    /// The usage, if any tokens are told.
    ///
    /// Tokens from and to a cache belong into the input. Where an emitter counts them apart, its own figures
    /// show it: there are more of them than there is input, or only with them the parts make up the total.
    pub(crate) fn usage(self) -> Option<Usage> {
        if self.input.is_none() && self.output.is_none() {
            return None;
        }
        let (input, output) = (self.input.unwrap_or(0), self.output.unwrap_or(0));
        let cache = self.cached.unwrap_or(0).saturating_add(self.cache_write.unwrap_or(0));
        let all = input.saturating_add(cache);
        let is_apart = cache > 0 && (cache > input || self.total == Some(all.saturating_add(output)));
        Some(Usage {
            input: if is_apart { all } else { input },
            output,
            cached: self.cached,
            cache_write: self.cache_write,
            reasoning: self.reasoning,
            cost_nanos: self.cost_usd.and_then(nanos),
        })
    }
}

/// The first of these keys that holds a count.
pub(crate) fn first_count(attributes: &Attributes<'_>, keys: &[&str]) -> Option<u64> {
    keys.iter().find_map(|key| attributes.u64(key))
}

/// Dollars in nano-dollars. A cost of zero is what emitters write for a model whose price they do not know,
/// so it is as good as untold.
pub(crate) fn nanos(usd: f64) -> Option<u64> {
    (usd > 0.0 && usd <= MAX_USD).then(|| (usd * 1e9).round() as u64)
}

/// Seconds in milliseconds, if they can be a wait.
pub(crate) fn millis(seconds: f64) -> Option<u64> {
    (0.0..1e9).contains(&seconds).then(|| (seconds * 1e3).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_tokens_there_is_no_usage() {
        assert_eq!(Counts::default().usage(), None);
        assert_eq!(Counts { cached: Some(1), cost_usd: Some(0.5), ..Counts::default() }.usage(), None);
        let usage = Counts { input: Some(3), ..Counts::default() }.usage().unwrap();
        assert_eq!((usage.input, usage.output, usage.cached), (3, 0, None));
    }

    #[test]
    fn cached_tokens_that_are_counted_apart_are_added_to_the_input() {
        let cases = [
            (Counts { input: Some(500), cached: Some(400), ..Counts::default() }, 500),
            (
                Counts { input: Some(500), cached: Some(400), total: Some(510), output: Some(10), ..Counts::default() },
                500,
            ),
            (
                Counts { input: Some(500), cached: Some(400), total: Some(910), output: Some(10), ..Counts::default() },
                900,
            ),
            (Counts { input: Some(3), cached: Some(400), cache_write: Some(20), ..Counts::default() }, 423),
            (Counts { input: Some(3), cached: Some(u64::MAX), cache_write: Some(20), ..Counts::default() }, u64::MAX),
            (Counts { input: Some(0), cached: Some(0), total: Some(0), ..Counts::default() }, 0),
        ];
        for (counts, input) in cases {
            assert_eq!(counts.usage().unwrap().input, input, "{counts:?}");
        }
    }

    #[test]
    fn dollars_are_kept_to_the_nano_dollar() {
        let cases = [
            (0.001_185, Some(1_185_000)),
            (0.000_000_001, Some(1)),
            (0.0, None),
            (-1.0, None),
            (f64::NAN, None),
            (1e9, None),
        ];
        for (usd, wanted) in cases {
            let usage = Counts { input: Some(1), cost_usd: Some(usd), ..Counts::default() }.usage().unwrap();
            assert_eq!(usage.cost_nanos, wanted, "{usd}");
        }
    }

    #[test]
    fn a_wait_is_told_in_seconds() {
        for (seconds, wanted) in
            [(0.288_2, Some(288)), (0.0, Some(0)), (-0.1, None), (f64::INFINITY, None), (1e12, None)]
        {
            assert_eq!(millis(seconds), wanted);
        }
    }
}
