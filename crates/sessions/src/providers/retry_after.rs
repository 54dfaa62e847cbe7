//! How long a provider asks to wait.

use std::time::{Duration, SystemTime};

use flightrec_events::Timestamp;
use reqwest::header::HeaderMap;
use serde_json::Value;

/// The wait that the headers of an answer ask for, or else its body: `retry-after-ms`, then `retry-after` in seconds
/// or as a date, then the `retryDelay` that Gemini puts into its error. A date in the past asks for no wait at all.
pub(super) fn wait(headers: &HeaderMap, body: &Value, now: Timestamp) -> Option<Duration> {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    header("retry-after-ms")
        .and_then(seconds)
        .map(|ms| ms / 1000)
        .or_else(|| header("retry-after").and_then(|told| seconds(told).or_else(|| until(told, headers, now))))
        .or_else(|| delay(body))
}

/// A decimal number of seconds; nothing that a float parser would also take.
fn seconds(told: &str) -> Option<Duration> {
    let is_decimal = !told.is_empty() && told.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    Duration::try_from_secs_f64(told.parse().ok().filter(|_| is_decimal)?).ok()
}

/// From the answer's own date, if it has one: the two clocks need not agree.
fn until(told: &str, headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let at = httpdate::parse_http_date(told).ok()?;
    let date = headers.get("date").and_then(|value| value.to_str().ok());
    let from = match date.and_then(|date| httpdate::parse_http_date(date).ok()) {
        Some(date) => date,
        None => SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(now.as_micros()).ok()?),
    };
    Some(at.duration_since(from).unwrap_or_default())
}

/// `{"error": {"details": [{"retryDelay": "37s"}]}}`.
fn delay(body: &Value) -> Option<Duration> {
    let details = body.pointer("/error/details")?.as_array()?;
    details.iter().find_map(|detail| seconds(detail["retryDelay"].as_str()?.strip_suffix('s')?))
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn waits(headers: &[(&'static str, &'static str)]) -> Option<Duration> {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        // 2026-03-01T12:00:00Z
        wait(&headers, &Value::Null, Timestamp::from_micros(1_772_366_400_000_000).unwrap())
    }

    #[test]
    fn seconds_milliseconds_and_dates_are_understood() {
        let ms = Duration::from_millis;
        for (headers, expected) in [
            (&[("retry-after", "7")][..], Some(ms(7000))),
            (&[("retry-after", "0")], Some(ms(0))),
            (&[("retry-after", " 1.5 ")], Some(ms(1500))),
            (&[("retry-after", "7"), ("retry-after-ms", "250")], Some(ms(250))),
            (&[("retry-after", "Sun, 01 Mar 2026 12:00:30 GMT")], Some(ms(30_000))),
            (&[("retry-after", "Sun, 01 Mar 2026 11:00:00 GMT")], Some(ms(0))),
            (
                &[("retry-after", "Sun, 01 Mar 2026 13:00:09 GMT"), ("date", "Sun, 01 Mar 2026 13:00:00 GMT")],
                Some(ms(9000)),
            ),
            (&[("retry-after-ms", "soon"), ("retry-after", "2")], Some(ms(2000))),
            (&[("retry-after", "-1")], None),
            (&[("retry-after", "inf")], None),
            (&[("retry-after", "1e3")], None),
            (&[("retry-after", "1.2.3")], None),
            (&[("retry-after", ".")], None),
            (&[("retry-after", "")], None),
            (&[("retry-after", "99999999999999999999999999")], None),
            (&[("retry-after", "Sun, 99 Mar 2026 12:00:30 GMT")], None),
            (&[], None),
        ] {
            assert_eq!(waits(headers), expected, "{headers:?}");
        }
    }

    #[test]
    fn geminis_wait_stands_in_the_body() {
        let body = serde_json::json!({"error": {"details": [{"@type": "x"}, {"retryDelay": "37.5s"}]}});
        assert_eq!(wait(&HeaderMap::new(), &body, Timestamp::default()), Some(Duration::from_millis(37_500)));
        let odd = serde_json::json!({"error": {"details": [{"retryDelay": "x"}, {"retryDelay": 3}]}});
        assert_eq!(wait(&HeaderMap::new(), &odd, Timestamp::default()), None);
    }
}
