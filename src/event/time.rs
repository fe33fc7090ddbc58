//! [`Timestamp`]: when something happened.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::text::read_text;

/// A moment in UTC, in whole nanoseconds since 1970; from the year 1677 to 2262.
///
/// Its text is RFC 3339 in UTC with a `Z`, with as many decimal places as it needs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// The text is no RFC 3339 time, or one that no [`Timestamp`] can hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be an RFC 3339 time such as 2026-01-31T09:30:00Z, between the years 1677 and 2262")]
pub struct ParseTimestampError;

impl Timestamp {
    /// The moment of the call; in a test that fixed the clock, that moment.
    pub fn now() -> Self {
        super::source::now()
    }

    /// The moment so many nanoseconds after 1970 began; before it, if negative.
    pub const fn from_unix_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since 1970 began.
    pub const fn unix_nanos(self) -> i64 {
        self.0
    }

    /// Whole milliseconds since 1970 began; 0 before it.
    pub const fn unix_millis(self) -> u64 {
        if self.0 < 0 { 0 } else { self.0.unsigned_abs() / 1_000_000 }
    }

    /// That much later, or the last moment there is.
    #[must_use]
    pub fn saturating_add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this is; zero if it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        let nanos = i128::from(self.0) - i128::from(earlier.0);
        Duration::from_nanos(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
    }

    pub(super) fn read_clock() -> Self {
        let nanos = |span: Duration| i64::try_from(span.as_nanos()).unwrap_or(i64::MAX);
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => Self(nanos(since)),
            Err(before) => Self(-nanos(before.duration())),
        }
    }

    fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_nanosecond(i128::from(self.0))
            .expect("jiff's range holds every i64 of nanoseconds")
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.to_jiff(), f)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = ParseTimestampError;
    fn from_str(text: &str) -> Result<Self, ParseTimestampError> {
        let moment: jiff::Timestamp = text.parse().map_err(|_not_rfc_3339| ParseTimestampError)?;
        i64::try_from(moment.as_nanosecond()).map(Self).map_err(|_out_of_range| ParseTimestampError)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_text(deserializer, "an RFC 3339 time", str::parse)
    }
}

#[cfg(feature = "jiff")]
impl TryFrom<jiff::Timestamp> for Timestamp {
    type Error = ParseTimestampError;
    fn try_from(moment: jiff::Timestamp) -> Result<Self, ParseTimestampError> {
        i64::try_from(moment.as_nanosecond()).map(Self).map_err(|_out_of_range| ParseTimestampError)
    }
}

#[cfg(feature = "jiff")]
impl From<Timestamp> for jiff::Timestamp {
    fn from(moment: Timestamp) -> Self {
        moment.to_jiff()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_moment_reads_what_it_wrote() {
        for nanos in [0, 1, -1, i64::MIN, i64::MAX, 1_700_000_000_123_456_789] {
            let moment = Timestamp::from_unix_nanos(nanos);
            assert_eq!(moment.to_string().parse(), Ok(moment));
            assert!(moment.to_string().ends_with('Z'));
        }
    }

    #[test]
    fn a_time_out_of_range_is_refused() {
        for text in ["", "yesterday", "9999-01-01T00:00:00Z", "2026-01-01", "1600-01-01T00:00:00Z"] {
            assert_eq!(text.parse::<Timestamp>(), Err(ParseTimestampError), "{text:?}");
        }
    }

    #[test]
    fn an_offset_is_turned_into_utc() {
        let moment: Timestamp = "2026-01-31T10:30:00+01:00".parse().unwrap();
        assert_eq!(moment.to_string(), "2026-01-31T09:30:00Z");
    }
}
