//! Values as they are said: times, spans, paces.

use std::time::Duration;

use agentbus::event::Timestamp;
use agentbus::journal::{Pace, ReadFrom};

/// The text is no such value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadValue {
    #[error("must be a whole number and s, m, h or d, such as 90s, 15m, 2h or 7d")]
    Span,
    #[error(
        "must be an RFC 3339 time such as 2026-01-31T09:30:00Z, or how long ago, such as 90s, 15m, 2h or 7d"
    )]
    Moment,
    #[error("must lie between the years 1677 and 2262")]
    OutOfRange,
    #[error("must be a position, start or end")]
    Beginning,
    #[error("must be immediate, original, or x and a number above 0, such as x60")]
    Pace,
}

/// A span: `90s`, `15m`, `2h`, `7d`.
pub(super) fn span(text: &str) -> Result<Duration, BadValue> {
    let (number, seconds) = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)]
        .iter()
        .find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, *seconds)))
        .ok_or(BadValue::Span)?;
    let is_plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = number.parse().ok().filter(|_| is_plain).ok_or(BadValue::Span)?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or(BadValue::Span)
}

/// A time: RFC 3339, or a span back from now.
pub(super) fn moment(text: &str) -> Result<Timestamp, BadValue> {
    before(Timestamp::now(), text)
}

fn before(now: Timestamp, text: &str) -> Result<Timestamp, BadValue> {
    match span(text) {
        Ok(span) => {
            let nanos =
                i64::try_from(span.as_nanos()).ok().and_then(|span| now.unix_nanos().checked_sub(span));
            nanos.map(Timestamp::from_unix_nanos).ok_or(BadValue::OutOfRange)
        }
        Err(_no_span) => text.parse().map_err(|_no_time| {
            // A time that no timestamp can hold is one all the same.
            let is_time = text.parse::<jiff::Timestamp>().is_ok();
            if is_time { BadValue::OutOfRange } else { BadValue::Moment }
        }),
    }
}

/// Where a consumer begins: behind a position, at the start, or at the end.
pub(super) fn beginning(text: &str) -> Result<ReadFrom, BadValue> {
    match text {
        "start" => Ok(ReadFrom::Start),
        "end" => Ok(ReadFrom::End),
        _ => text.parse().map(ReadFrom::After).map_err(|_no_position| BadValue::Beginning),
    }
}

/// A pace: `immediate`, `original`, `x60`, `x0.5`.
pub(super) fn pace(text: &str) -> Result<Pace, BadValue> {
    match text {
        "immediate" => Ok(Pace::Immediate),
        "original" => Ok(Pace::Original),
        _ => {
            let times = text.strip_prefix('x').and_then(|times| times.parse().ok());
            times
                .filter(|times: &f64| times.is_finite() && *times > 0.0)
                .map(Pace::Times)
                .ok_or(BadValue::Pace)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_number_and_a_unit() {
        assert_eq!(span("0s"), Ok(Duration::ZERO));
        assert_eq!(span("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(span("2h"), Ok(Duration::from_hours(2)));
        assert_eq!(span("7d"), Ok(Duration::from_hours(7 * 24)));
        for text in ["", "d", "7", "7w", "-7d", "+7d", "1.5h", " 7d", "7 d", "18446744073709551615d"] {
            assert_eq!(span(text), Err(BadValue::Span), "{text:?}");
        }
    }

    #[test]
    fn a_moment_is_a_time_or_so_long_ago() {
        let now = Timestamp::from_unix_nanos(100_000_000_000);
        assert_eq!(before(now, "90s"), Ok(Timestamp::from_unix_nanos(10_000_000_000)));
        assert_eq!(before(now, "1970-01-01T00:00:01Z"), Ok(Timestamp::from_unix_nanos(1_000_000_000)));
        for text in ["1000000d", "9999-01-01T00:00:00Z", "0001-01-01T00:00:00Z"] {
            assert_eq!(before(now, text), Err(BadValue::OutOfRange), "{text:?}");
        }
        for text in ["", "yesterday", "2026-01-31", "90"] {
            assert_eq!(before(now, text), Err(BadValue::Moment), "{text:?}");
        }
    }

    #[test]
    fn a_pace_is_a_word_or_a_factor() {
        assert_eq!(pace("original"), Ok(Pace::Original));
        assert_eq!(pace("x0.5"), Ok(Pace::Times(0.5)));
        for text in ["", "x", "60", "x0", "x-1", "xNaN", "xinf", "fast", "Immediate"] {
            assert_eq!(pace(text), Err(BadValue::Pace), "{text:?}");
        }
    }
}
