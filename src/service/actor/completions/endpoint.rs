//! [`Endpoint`]: where a model is asked, and one question to it.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use hyper::http::uri::{Authority, PathAndQuery, Scheme};
use hyper::{HeaderMap, Method, Request, StatusCode, Uri};
use tokio::time::{Instant, timeout};

use super::error::{BuildModelError, EndpointError};
use super::secret::Secret;
use crate::event::Brief;
use crate::redact::Redactor;
use crate::service::https::{self, HttpsClient};

/// What is read of an answer that is no success: enough for the message of an error.
const ERROR_LIMIT: usize = 64 << 10;

/// How long the rest of such an answer is waited for at most: its status has come by then.
const ERROR_PATIENCE: Duration = Duration::from_secs(1);

/// Where a model is asked. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub(super) struct Endpoint {
    client: HttpsClient,
    uri: Uri,
    origin: String,
    key: Option<Secret>,
    /// Marked as sensitive.
    authorization: Option<HeaderValue>,
}

/// What came back, whatever it says.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// Empty if it is no success and could not be read.
    pub(super) body: Vec<u8>,
}

/// Why nothing came back.
pub(super) enum Fault {
    Endpoint(EndpointError),
    /// Something did, but it is no HTTP.
    NoHttp,
}

impl Endpoint {
    /// The endpoint below `base_url`. With `https` the certificates of the system are read.
    pub(super) fn open(base_url: &Secret, key: Option<Secret>) -> Result<Self, BuildModelError> {
        let uri = completions_below(base_url.expose()).map_err(|reason| BuildModelError::Url { reason })?;
        let origin = [uri.scheme_str(), Some("://"), uri.authority().map(Authority::as_str)];
        let origin = origin.into_iter().flatten().collect();
        let authorization = key.as_ref().map(bearer).transpose()?;
        let is_secure = uri.scheme() == Some(&Scheme::HTTPS);
        let client = https::client(is_secure).map_err(|source| BuildModelError::Certificates { source })?;
        Ok(Self { client, uri, origin, key, authorization })
    }

    /// Scheme, host and port.
    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    /// What of a text from there may be told: on one line, cut, without secrets.
    pub(super) fn tell(&self, text: &str) -> String {
        let text = self.key.as_ref().map_or_else(|| text.to_owned(), |key| key.mask_in(text));
        let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        Brief::from(Redactor::new().redact_text(&line).into_owned()).to_string()
    }

    /// Asks once, within `patience`, and reads at most `limit` bytes of a success.
    pub(super) async fn ask(
        &self,
        question: Bytes,
        patience: Duration,
        limit: usize,
    ) -> Result<Answer, Fault> {
        let started = Instant::now();
        let left = || patience.saturating_sub(started.elapsed());
        let too_late = |_elapsed| Fault::Endpoint(EndpointError::TimedOut { limit: patience });
        let asked = timeout(patience, self.client.request(self.request(question))).await;
        let (head, body) = asked.map_err(too_late)?.map_err(|error| fault_of(&error))?.into_parts();
        let body = if head.status == StatusCode::OK {
            timeout(left(), read(body, limit)).await.map_err(too_late)??
        } else {
            // The status says what went wrong, whether or not its explanation arrives, and arrives in time.
            let read = timeout(ERROR_PATIENCE.min(left()), read(body, ERROR_LIMIT)).await;
            read.ok().and_then(Result::ok).unwrap_or_default()
        };
        Ok(Answer { status: head.status, headers: head.headers, body })
    }

    fn request(&self, question: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(question));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        let json = HeaderValue::from_static("application/json");
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, json.clone());
        headers.insert(ACCEPT, json);
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("agentbus/", env!("CARGO_PKG_VERSION"))));
        if let Some(authorization) = self.authorization.clone() {
            headers.insert(AUTHORIZATION, authorization);
        }
        request
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("origin", &self.origin)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// Where chat completions are below a URL. An error never quotes it.
fn completions_below(base_url: &str) -> Result<Uri, &'static str> {
    let base: Uri = base_url.trim().parse().map_err(|_quotes_it| "it is no absolute URL")?;
    let mut parts = base.into_parts();
    if parts.scheme != Some(Scheme::HTTP) && parts.scheme != Some(Scheme::HTTPS) {
        return Err("it is neither `http` nor `https`");
    }
    let authority = parts.authority.as_ref().map_or("", Authority::as_str);
    if authority.contains('@') {
        return Err("it holds a user or a password, which is no place for a key");
    }
    if authority.is_empty() || authority.starts_with(':') {
        return Err("it has no host");
    }
    let (path, query) = parts.path_and_query.as_ref().map_or(("", None), |p| (p.path(), p.query()));
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let whole = format!("{}/chat/completions{query}", path.trim_end_matches('/'));
    parts.path_and_query = Some(whole.parse::<PathAndQuery>().map_err(|_quotes_it| "its path is none")?);
    Uri::from_parts(parts).map_err(|_quotes_it| "it is no absolute URL")
}

fn bearer(key: &Secret) -> Result<HeaderValue, BuildModelError> {
    let value = HeaderValue::from_str(&format!("Bearer {}", key.expose()));
    let mut value = value.map_err(|_invalid| BuildModelError::Setting {
        setting: "key",
        reason: "it has characters that no header can hold",
    })?;
    value.set_sensitive(true);
    Ok(value)
}

async fn read(mut body: Incoming, limit: usize) -> Result<Vec<u8>, Fault> {
    let too_large = || Fault::Endpoint(EndpointError::TooLarge { limit });
    let most = u64::try_from(limit).unwrap_or(u64::MAX);
    if body.size_hint().lower() > most {
        return Err(too_large());
    }
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| fault_of(&error))?;
        if let Some(data) = frame.data_ref() {
            if data.len() > limit.saturating_sub(whole.len()) {
                return Err(too_large());
            }
            whole.extend_from_slice(data);
        }
    }
    Ok(whole)
}

/// What went wrong below HTTP. The last cause tells it; those above it only say who was asked.
fn fault_of(error: &(dyn Error + 'static)) -> Fault {
    let is_no_http = |error: &hyper::Error| error.is_parse() && !error.is_incomplete_message();
    if causes(error).filter_map(|cause| cause.downcast_ref()).any(is_no_http) {
        return Fault::NoHttp;
    }
    let reason = causes(error).last().map(ToString::to_string).unwrap_or_default();
    Fault::Endpoint(EndpointError::Connection { reason })
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn below(url: &str) -> Result<String, &'static str> {
        completions_below(url).map(|uri| uri.to_string())
    }

    #[test]
    fn chat_completions_are_below_the_url() {
        for (url, expected) in [
            ("http://localhost:1234/v1", "http://localhost:1234/v1/chat/completions"),
            (" https://api.openai.com/v1/ ", "https://api.openai.com/v1/chat/completions"),
            ("http://[::1]:80", "http://[::1]:80/chat/completions"),
            ("https://h/a?api-version=1", "https://h/a/chat/completions?api-version=1"),
        ] {
            assert_eq!(below(url).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn a_url_that_cannot_be_asked_is_refused() {
        for url in [
            "",
            "nonsense",
            "/v1",
            "ftp://h/v1",
            "file:///etc",
            "http://",
            "http://:80",
            "localhost:1",
            "h ttp://h",
        ] {
            assert!(below(url).is_err(), "{url}");
        }
        for url in ["http://user:hunter2@h/v1", "https://user@h/v1"] {
            assert!(below(url).unwrap_err().contains("a user or a password"), "{url}");
        }
    }

    #[test]
    fn what_is_told_is_one_line_without_secrets_and_cut() {
        let url = Secret::new("http://localhost:1");
        let endpoint = Endpoint::open(&url, Some(Secret::new("plain looking key"))).unwrap();
        let told = endpoint.tell("bad\nkey\u{1b}[2J plain looking key, sk-0123456789abcdefgh");
        assert_eq!(crate::redact::without_tags(&told), "bad key [2J [redacted], [redacted]");
        assert_eq!(endpoint.tell(&"x".repeat(10_000)).len(), 500);
    }
}
