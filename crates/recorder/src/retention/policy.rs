//! How long and how much is kept.

use std::fmt;

const DAY_US: u64 = 86_400_000_000;
const UNITS: [(u64, &str); 4] = [(DAY_US, "d"), (3_600_000_000, "h"), (60_000_000, "m"), (1_000_000, "s")];

/// What may be forgotten. A session goes with its whole spawn tree or not at all.
///
/// ```
/// use flightrec_recorder::RetentionPolicy;
/// let policy = RetentionPolicy { older_than_us: Some(30 * 86_400_000_000), keep_bytes: None };
/// assert_eq!(policy.to_string(), "older than 30d");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RetentionPolicy {
    /// Trees whose latest event is older than this go, in microseconds.
    pub older_than_us: Option<u64>,
    /// The trees that were touched longest ago go, until the store has at most this many bytes.
    pub keep_bytes: Option<u64>,
}

impl RetentionPolicy {
    /// Whether it lets everything stay.
    pub const fn keeps_everything(&self) -> bool {
        self.older_than_us.is_none() && self.keep_bytes.is_none()
    }
}

impl fmt::Display for RetentionPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let age = self.older_than_us.map(|age_us| {
            let whole = |(unit_us, _): &&(u64, &str)| age_us.is_multiple_of(*unit_us);
            UNITS.iter().find(whole).map_or_else(
                || format!("older than {age_us}us"),
                |(unit_us, name)| format!("older than {}{name}", age_us / unit_us),
            )
        });
        let size = self.keep_bytes.map(|bytes| format!("at most {bytes} bytes"));
        match (age, size) {
            (None, None) => f.write_str("keep everything"),
            (age, size) => f.write_str(&age.into_iter().chain(size).collect::<Vec<_>>().join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_told_in_the_largest_whole_unit() {
        let cases = [
            (None, None, "keep everything"),
            (Some(DAY_US), None, "older than 1d"),
            (Some(36 * 3_600_000_000), None, "older than 36h"),
            (Some(90_000_000), Some(5), "older than 90s, at most 5 bytes"),
            (Some(1), None, "older than 1us"),
            (None, Some(0), "at most 0 bytes"),
        ];
        for (older_than_us, keep_bytes, told) in cases {
            assert_eq!(RetentionPolicy { older_than_us, keep_bytes }.to_string(), told);
        }
    }
}
