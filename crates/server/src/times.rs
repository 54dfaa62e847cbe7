//! Times and durations as people type them, on the command line and in addresses.

use flightrec_events::Timestamp;
use jiff::civil;

const SECOND_US: i64 = 1_000_000;

/// What is said where a time could not be read.
const ACCEPTED: &str = "use RFC 3339 (2026-03-01T12:00:00Z), a date (2026-03-01, midnight UTC), a duration back from now (90s, 15m, 2h, 30d, 4w), or `now`";

/// A point in time, perhaps relative to the present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// That point.
    At(Timestamp),
    /// So many microseconds before the present.
    BeforeNowUs(i64),
}

impl When {
    /// Reads what the user typed.
    ///
    /// # Errors
    /// What would have been understood.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bad = || format!("not a time; {ACCEPTED}");
        if text == "now" {
            return Ok(When::BeforeNowUs(0));
        }
        if let Some(us) = duration_us(text) {
            return Ok(When::BeforeNowUs(us));
        }
        let us = if let Ok(at) = text.parse::<jiff::Timestamp>() {
            at.as_microsecond()
        } else {
            // Without an offset it is UTC, like everything that is printed.
            let at: civil::DateTime = text.parse().map_err(|_| bad())?;
            jiff::tz::Offset::UTC.to_timestamp(at).map_err(|_| bad())?.as_microsecond()
        };
        Timestamp::from_micros(us).map(When::At).ok_or_else(bad)
    }

    /// The point in time, as seen from `now`.
    pub fn resolve(self, now: Timestamp) -> Timestamp {
        match self {
            When::At(at) => at,
            When::BeforeNowUs(us) => Timestamp::from_micros(now.as_micros().saturating_sub(us)).unwrap_or_default(),
        }
    }
}

/// `FROM..TO`; either side may be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeSpan {
    /// Where it begins.
    pub from: Option<When>,
    /// Where it ends; this point itself is outside.
    pub to: Option<When>,
}

impl TimeSpan {
    /// Reads what the user typed.
    ///
    /// # Errors
    /// What would have been understood.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (from, to) =
            text.split_once("..").ok_or_else(|| format!("expected FROM..TO, where each is a time: {ACCEPTED}"))?;
        let side = |text: &str| if text.is_empty() { Ok(None) } else { When::parse(text).map(Some) };
        Ok(Self { from: side(from)?, to: side(to)? })
    }

    /// Both ends as points in time, as seen from `now`; an open end reaches as far as times go.
    ///
    /// # Errors
    /// If the range is empty.
    pub fn resolve(self, now: Timestamp) -> Result<(Timestamp, Timestamp), String> {
        let at = |when: Option<When>, otherwise: &str| match when {
            Some(when) => when.resolve(now),
            None => Timestamp::parse_text(otherwise).unwrap_or_default(),
        };
        let (from, to) = (at(self.from, "0001-01-01T00:00:00Z"), at(self.to, "9999-12-29T00:00:00Z"));
        if from < to {
            Ok((from, to))
        } else {
            Err(format!("{from}..{to} is empty: the first time must lie before the second"))
        }
    }
}

/// Reads a window such as `60s`, `5m` or `1h`, in whole seconds; a bare number counts seconds.
///
/// # Errors
/// What would have been understood.
pub fn window_s(text: &str) -> Result<u64, String> {
    let bad = || "expected a window of 1 second to 24 hours, such as 60s, 5m or 1h".to_owned();
    let us = match text.parse::<i64>() {
        Ok(seconds) => seconds.checked_mul(SECOND_US).ok_or_else(bad)?,
        Err(_) => duration_us(text).ok_or_else(bad)?,
    };
    if us % SECOND_US == 0 && (1..=86_400).contains(&(us / SECOND_US)) {
        Ok((us / SECOND_US) as u64)
    } else {
        Err(bad())
    }
}

/// Reads an age such as `30d`, `12h` or `4w`, in microseconds.
///
/// # Errors
/// What would have been understood.
pub fn age_us(text: &str) -> Result<u64, String> {
    let age = duration_us(text).and_then(|us| u64::try_from(us).ok()).filter(|us| *us > 0);
    age.ok_or_else(|| "expected an age such as 30d, 12h or 4w".to_owned())
}

/// A duration of whole numbers with units, largest unit first: `30d`, `1h30m`, `250ms`.
fn duration_us(text: &str) -> Option<i64> {
    let mut rest = text;
    let mut total: i64 = 0;
    let mut last_unit_us = i64::MAX;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at(digits);
        let letters = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, tail) = tail.split_at(letters);
        let unit_us = match unit {
            "ms" => 1000,
            "s" => SECOND_US,
            "m" | "min" => 60 * SECOND_US,
            "h" => 3600 * SECOND_US,
            "d" => 86_400 * SECOND_US,
            "w" => 7 * 86_400 * SECOND_US,
            _ => return None,
        };
        if unit_us >= last_unit_us {
            return None;
        }
        last_unit_us = unit_us;
        total = total.checked_add(number.parse::<i64>().ok()?.checked_mul(unit_us)?)?;
        rest = tail;
    }
    (last_unit_us != i64::MAX).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_text(text).unwrap()
    }

    #[test]
    fn what_people_type() {
        let now = at("2026-03-10T12:00:00Z");
        for (text, expected) in [
            ("2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z"),
            ("2026-03-01T12:00:00.5+02:00", "2026-03-01T10:00:00.5Z"),
            ("2026-03-01T12:00:00", "2026-03-01T12:00:00Z"),
            ("2026-03-01 12:00", "2026-03-01T12:00:00Z"),
            ("2026-03-01", "2026-03-01T00:00:00Z"),
            ("2h", "2026-03-10T10:00:00Z"),
            ("1h30m", "2026-03-10T10:30:00Z"),
            ("9d", "2026-03-01T12:00:00Z"),
            ("1w", "2026-03-03T12:00:00Z"),
            ("250ms", "2026-03-10T11:59:59.75Z"),
            ("now", "2026-03-10T12:00:00Z"),
        ] {
            assert_eq!(When::parse(text).unwrap().resolve(now), at(expected), "{text}");
        }
        for bad in ["", "yesterday", "2h ago", "h", "2", "2x", "30m1h", "1h1h", "99999999999999w", "2026-13-01", "-2h"]
        {
            let message = When::parse(bad).unwrap_err();
            assert!(message.contains("RFC 3339") && message.contains("2h"), "{bad}: {message}");
        }
    }

    #[test]
    fn ranges_may_be_open() {
        let span = TimeSpan::parse("2h..").unwrap();
        assert_eq!((span.from, span.to), (Some(When::BeforeNowUs(7_200 * SECOND_US)), None));
        assert!(TimeSpan::parse("..").is_ok());
        assert!(TimeSpan::parse("2h").unwrap_err().contains("FROM..TO"));
        assert!(TimeSpan::parse("a..b").is_err());
        let now = at("2026-03-10T12:00:00Z");
        assert_eq!(span.resolve(now).unwrap(), (at("2026-03-10T10:00:00Z"), at("9999-12-29T00:00:00Z")));
        assert!(TimeSpan::parse("now..2h").unwrap().resolve(now).unwrap_err().contains("empty"));
    }

    #[test]
    fn windows() {
        assert_eq!(window_s("60s"), Ok(60));
        assert_eq!(window_s("90"), Ok(90));
        assert_eq!(window_s("24h"), Ok(86_400));
        for bad in ["0", "0s", "-1", "25h", "500ms", "x", "", "99999999999999999999"] {
            assert!(window_s(bad).is_err(), "{bad}");
        }
    }
}
