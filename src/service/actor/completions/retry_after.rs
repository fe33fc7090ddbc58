//! How long an endpoint asks to wait.

use std::time::Duration;

use hyper::HeaderMap;
use hyper::header::{DATE, HeaderName, RETRY_AFTER};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

use crate::event;

/// The wait that `Retry-After` asks for, in seconds or up to a moment; none if it says neither.
///
/// The moment is one on the clock of the endpoint, so it is compared with its `Date`, where it tells that.
pub(super) fn wait_asked_for(headers: &HeaderMap) -> Option<Duration> {
    let asked = text(headers, &RETRY_AFTER)?;
    if asked.bytes().all(|byte| byte.is_ascii_digit()) {
        // More seconds than can be counted are as good as for ever.
        return (!asked.is_empty()).then(|| Duration::from_secs(asked.parse().unwrap_or(u64::MAX)));
    }
    let until = moment(asked)?;
    let now = text(headers, &DATE).and_then(moment).or_else(local_now)?;
    // A moment that has passed asks for no wait.
    Some(Duration::try_from(until.duration_since(now)).unwrap_or_default())
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    Some(headers.get(name)?.to_str().ok()?.trim())
}

fn moment(date: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(date).ok()
}

fn local_now() -> Option<Timestamp> {
    Timestamp::from_nanosecond(i128::from(event::Timestamp::now().unix_nanos())).ok()
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn wait(retry_after: &str, date: Option<&str>) -> Option<Duration> {
        let value = |text: &str| HeaderValue::from_str(text).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, value(retry_after));
        date.and_then(|date| headers.insert(DATE, value(date)));
        wait_asked_for(&headers)
    }

    #[test]
    fn seconds_are_taken_as_they_are() {
        assert_eq!(wait("7", None), Some(Duration::from_secs(7)));
        assert_eq!(wait("0", None), Some(Duration::ZERO));
        assert_eq!(wait("99999999999999999999999", None), Some(Duration::from_secs(u64::MAX)));
    }

    #[test]
    fn a_moment_is_compared_with_the_clock_of_the_endpoint() {
        let date = Some("Wed, 21 Oct 2015 07:28:00 GMT");
        assert_eq!(wait("Wed, 21 Oct 2015 07:28:30 GMT", date), Some(Duration::from_secs(30)));
        assert_eq!(wait("Wed, 21 Oct 2015 07:27:30 GMT", date), Some(Duration::ZERO));
    }

    #[test]
    fn without_that_it_is_compared_with_ours() {
        assert_eq!(wait("Wed, 21 Oct 2015 07:28:30 GMT", None), Some(Duration::ZERO));
        assert!(wait("Thu, 31 Dec 9998 07:28:30 GMT", Some("yesterday")) > Some(Duration::from_secs(1)));
    }

    #[test]
    fn what_says_neither_asks_for_nothing() {
        for garbage in ["", "-1", "1.5", "soon", "Wed, 99 Oct 2015 07:28:00 GMT", "2015-10-21T07:28:00Z"] {
            assert_eq!(wait(garbage, None), None, "{garbage}");
        }
        assert_eq!(wait_asked_for(&HeaderMap::new()), None);
    }
}
