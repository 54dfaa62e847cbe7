//! Money, counts, durations and ids as people read them. None of this is for programs.

use flightrec_events::Timestamp;
use flightrec_recorder::query::elapsed_us;
use flightrec_recorder::view::SessionView;

const NANOS: u128 = 1_000_000_000;

/// A whole number in groups of three digits.
pub(crate) fn count(number: impl Into<u128>) -> String {
    let digits = number.into().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Dollars with as many decimals as needed, and at least two.
pub(crate) fn dollars(nanos: u128) -> String {
    let fraction = format!("{:09}", nanos % NANOS);
    let shown = fraction.trim_end_matches('0').len().max(2);
    format!("${}.{}", count(nanos / NANOS), &fraction[..shown])
}

/// A cost, with what has no price counted apart.
pub(crate) fn cost(nanos: u128, unpriced_runs: u64) -> String {
    match (nanos, unpriced_runs) {
        (_, 0) => dollars(nanos),
        (0, _) => "unpriced".to_owned(),
        _ => format!("{} + {} unpriced", dollars(nanos), count(unpriced_runs)),
    }
}

/// A duration in its two largest units.
pub(crate) fn duration(us: i64) -> String {
    let sign = if us < 0 { "-" } else { "" };
    let us = us.unsigned_abs();
    let (ms, s) = (us / 1000, us / 1_000_000);
    let text = match s {
        0 => format!("{ms}ms"),
        1..60 => format!("{}.{}s", s, ms % 1000 / 100),
        60..3600 => format!("{}m{:02}s", s / 60, s % 60),
        3600..86_400 => format!("{}h{:02}m", s / 3600, s / 60 % 60),
        _ => format!("{}d{:02}h", s / 86_400, s / 3600 % 24),
    };
    format!("{sign}{text}")
}

/// How long a session has lived by its own events.
pub(crate) fn elapsed(session: &SessionView) -> String {
    elapsed_us(session).map_or_else(none, duration)
}

/// A time, or a dash.
pub(crate) fn time(at: Option<Timestamp>) -> String {
    at.map_or_else(none, |at| at.to_string())
}

/// What stands for an absent fact.
pub(crate) fn none() -> String {
    "-".to_owned()
}

/// A size in bytes, in the largest fitting unit.
pub(crate) fn bytes(size: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut scaled = size as f64;
    while scaled >= 1024.0 && unit + 1 < UNITS.len() {
        scaled /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{size} B") } else { format!("{scaled:.1} {}", UNITS[unit]) }
}

/// How many, with the right noun.
pub(crate) fn counted(number: u64, singular: &str, plural: &str) -> String {
    format!("{} {}", count(number), if number == 1 { singular } else { plural })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_exact() {
        for (nanos, text) in [
            (0, "$0.00"),
            (12_300_000, "$0.0123"),
            (1, "$0.000000001"),
            (1_230_000_000, "$1.23"),
            (1_234_567_000_000_000, "$1,234,567.00"),
            (u128::MAX, "$340,282,366,920,938,463,463,374,607,431.768211455"),
        ] {
            assert_eq!(dollars(nanos), text);
        }
        assert_eq!(cost(0, 0), "$0.00");
        assert_eq!(cost(0, 3), "unpriced");
        assert_eq!(cost(10_000_000, 2), "$0.01 + 2 unpriced");
    }

    #[test]
    fn counts_sizes_and_durations() {
        assert_eq!([0_u64, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0, 1023, 1024, 3 << 30].map(bytes), ["0 B", "1023 B", "1.0 KiB", "3.0 GiB"]);
        let texts = [5_000, 1_900_000, 61_000_000, 7_260_000_000, 90_000_000_000, -2_000_000].map(duration);
        assert_eq!(texts, ["5ms", "1.9s", "1m01s", "2h01m", "1d01h", "-2.0s"]);
        assert_eq!(counted(1, "event", "events"), "1 event");
        assert_eq!(counted(0, "event", "events"), "0 events");
    }
}
