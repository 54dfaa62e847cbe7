//! Points in time: RFC 3339 in UTC outside, microseconds since 1970 inside.

use std::fmt;

use crate::codec::{DecodeError, Decoder, Encoder};
use crate::columns::{Cell, Cells, WRONG_TYPE};
use crate::json::Json;
use crate::value::{Shape, Value};
use crate::violation::{Rule, Violation};

/// Microseconds since 1970-01-01T00:00:00Z. Finer digits are cut off.
///
/// ```
/// use flightrec_events::Timestamp;
/// let t = Timestamp::parse_text("2026-03-01T12:00:00.003151Z").unwrap();
/// assert_eq!(t.to_string(), "2026-03-01T12:00:00.003151Z");
/// assert!(Timestamp::parse_text("2026-03-01T12:00:00").is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Timestamp(i64);

/// 0001-01-01T00:00:00Z
const MIN_US: i64 = -62_135_596_800_000_000;
/// 9999-12-31T23:59:59.999999Z, less the margin that the calendar library keeps.
const MAX_US: i64 = 253_402_207_200_999_999;

impl Timestamp {
    /// The latest time.
    pub const MAX: Self = Self(MAX_US);

    /// The time from microseconds since 1970; `None` outside the years 1 to 9999.
    pub const fn from_micros(unix_us: i64) -> Option<Self> {
        if unix_us < MIN_US || unix_us > MAX_US { None } else { Some(Self(unix_us)) }
    }

    /// Microseconds since 1970.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Microseconds from `earlier` to `self`; negative if it is later.
    pub const fn micros_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Reads RFC 3339 with `Z` or a zero offset.
    ///
    /// # Errors
    /// [`Rule::BadValue`] for anything else, a missing zone and another offset included.
    pub fn parse_text(text: &str) -> Result<Self, Violation> {
        let bad = || Violation::new(Rule::BadValue, "expected RFC 3339 in UTC, such as 2026-03-01T12:00:00.003151Z");
        if let Some(time) = plain_micros(text.as_bytes()).and_then(Self::from_micros) {
            return Ok(time);
        }
        let bytes = text.as_bytes();
        let zone = text.get(19..).map(|tail| tail.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit()));
        let shape = bytes.len() >= 20 && bytes.len() <= 40 && matches!(bytes[10], b'T' | b't' | b' ');
        if !shape || !matches!(zone, Some("Z" | "z" | "+00:00" | "-00:00")) {
            return Err(bad());
        }
        let parsed: jiff::Timestamp = text.parse().map_err(|_| bad())?;
        Self::from_micros(parsed.as_nanosecond().div_euclid(1000) as i64).ok_or_else(bad)
    }

    /// The one form in which times are printed: 27 bytes, microseconds, `Z`.
    fn digits(self) -> [u8; 27] {
        let (days, mut rest) = (self.0.div_euclid(DAY_US), self.0.rem_euclid(DAY_US));
        let (year, month, day) = civil_from_days(days);
        let mut out = *b"0000-00-00T00:00:00.000000Z";
        let mut put = |at: std::ops::Range<usize>, mut value: i64| {
            for slot in out[at].iter_mut().rev() {
                *slot = b'0' + (value % 10) as u8;
                value /= 10;
            }
        };
        put(0..4, year);
        put(5..7, month);
        put(8..10, day);
        for (at, unit) in [(11, 3_600_000_000), (14, 60_000_000), (17, 1_000_000)] {
            put(at..at + 2, rest / unit);
            rest %= unit;
        }
        put(20..26, rest);
        out
    }
}

/// Microseconds in a day; UTC as computers count it has no leap seconds.
const DAY_US: i64 = 86_400_000_000;

/// The microseconds behind `YYYY-MM-DDTHH:MM:SSZ`, with up to six digits of a second's fraction.
/// `None` for every other form and every unusual value: the calendar library decides on those.
fn plain_micros(text: &[u8]) -> Option<i64> {
    let (head, tail) = text.split_first_chunk::<19>()?;
    if [head[4], head[7], head[10], head[13], head[16]] != *b"--T::" {
        return None;
    }
    let number = |digits: &[u8]| {
        let all = digits.iter().all(u8::is_ascii_digit);
        all.then(|| digits.iter().fold(0, |value, digit| value * 10 + i64::from(digit - b'0')))
    };
    let (year, month, day) = (number(&head[..4])?, number(&head[5..7])?, number(&head[8..10])?);
    let (hour, minute, second) = (number(&head[11..13])?, number(&head[14..16])?, number(&head[17..])?);
    let day_exists = year > 0 && (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day);
    if !day_exists || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let fraction_us = match tail {
        b"Z" => 0,
        [b'.', digits @ .., b'Z'] if (1..=6).contains(&digits.len()) => {
            number(digits)? * 10_i64.pow(6 - digits.len() as u32)
        }
        _ => return None,
    };
    let seconds = (hour * 60 + minute) * 60 + second;
    Some(days_from_civil(year, month, day) * DAY_US + seconds * 1_000_000 + fraction_us)
}

const fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days in 400 years, after which the calendar repeats.
const ERA_DAYS: i64 = 146_097;
/// Days from 0000-03-01, where an era begins, to 1970-01-01.
const EPOCH_DAY: i64 = 719_468;

/// Days since 1970. Years are counted from March, so that the leap day ends them.
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * ERA_DAYS + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - EPOCH_DAY
}

/// Year, month and day of a day counted from 1970: the inverse of [`days_from_civil`].
const fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + EPOCH_DAY;
    let (era, day_of_era) = (shifted.div_euclid(ERA_DAYS), shifted.rem_euclid(ERA_DAYS));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(std::str::from_utf8(&self.digits()).expect("digits and signs are ASCII"))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

const OUTSIDE: DecodeError = DecodeError("a time is outside the years 1 to 9999");

impl Value for Timestamp {
    const SHAPE: Shape = Shape::Timestamp;

    fn parse(json: &Json<'_>) -> Result<Self, Violation> {
        if let Json::Str(text) = json { Self::parse_text(text) } else { Err(json.wrong_type("a string")) }
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.push(b'"');
        out.extend_from_slice(&self.digits());
        out.push(b'"');
    }
    fn encode(&self, out: &mut Encoder<'_>) {
        out.bytes(&self.0.to_le_bytes());
    }
    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Self::from_micros(i64::from_le_bytes(input.array()?)).ok_or(OUTSIDE)
    }
    fn shred(&self, cells: &mut Cells<'_>) {
        cells.put(Cell::Time(self.0));
    }
    fn assemble(cell: Cell<'_>) -> Result<Self, DecodeError> {
        let Cell::Time(unix_us) = cell else { return Err(WRONG_TYPE) };
        Self::from_micros(unix_us).ok_or(OUTSIDE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_utc_is_taken() {
        for good in ["2026-03-01T12:00:00Z", "2026-03-01t12:00:00.5z", "2026-03-01T12:00:00.123456789+00:00"] {
            assert!(Timestamp::parse_text(good).is_ok(), "{good}");
        }
        for bad in [
            "2026-03-01T12:00:00",
            "2026-03-01T12:00:00+02:00",
            "2026-02-30T12:00:00Z",
            "1772366400",
            "",
            "2026-03-01",
            "2026-03-01T12:00:00[UTC]",
            "2026-03-01T12:00Z",
        ] {
            assert!(Timestamp::parse_text(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn microseconds_are_kept_and_the_rest_is_cut() {
        assert_eq!(Timestamp::parse_text("1969-12-31T23:59:59.9999999Z").unwrap().as_micros(), -1);
        assert_eq!(
            Timestamp::parse_text("2026-03-01T12:00:00.1234567Z").unwrap().to_string(),
            "2026-03-01T12:00:00.123456Z"
        );
        assert_eq!(Timestamp::parse_text("2026-03-01T12:00:00Z").unwrap().to_string(), "2026-03-01T12:00:00.000000Z");
    }

    #[test]
    fn the_ends_of_the_range_print() {
        for us in [MIN_US, MAX_US, 0] {
            let text = Timestamp::from_micros(us).unwrap().to_string();
            assert_eq!(Timestamp::parse_text(&text).unwrap().as_micros(), us, "{text}");
        }
    }

    #[test]
    fn days_that_do_not_exist_are_refused() {
        for bad in ["2025-02-29", "1900-02-29", "2024-04-31", "2024-13-01", "2024-00-01", "2024-01-00", "0000-01-01"] {
            assert!(Timestamp::parse_text(&format!("{bad}T00:00:00Z")).is_err(), "{bad}");
        }
        for good in ["2024-02-29", "2000-02-29", "0001-01-01", "9999-12-29"] {
            assert_eq!(&Timestamp::parse_text(&format!("{good}T00:00:00Z")).unwrap().to_string()[..10], good);
        }
    }

    proptest! {
        #[test]
        fn the_short_way_agrees_with_the_calendar_library(us in MIN_US..=MAX_US) {
            let time = Timestamp::from_micros(us).unwrap();
            let library = format!("{:.6}", jiff::Timestamp::from_microsecond(us).unwrap());
            prop_assert_eq!(time.to_string(), library.as_str());
            prop_assert_eq!(plain_micros(library.as_bytes()), Some(us));
            prop_assert_eq!(Timestamp::parse_text(&library), Ok(time));
        }

        #[test]
        fn no_text_panics(text in "[0-9TZ:. +-]{0,40}|\\PC{0,30}") {
            let library = text.parse::<jiff::Timestamp>().ok().map(|time| time.as_nanosecond().div_euclid(1000) as i64);
            if let Some(us) = plain_micros(text.as_bytes()) {
                prop_assert_eq!(library, Some(us));
            }
            let _any = Timestamp::parse_text(&text);
        }
    }
}
