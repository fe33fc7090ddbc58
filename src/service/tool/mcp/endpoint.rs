//! [`McpEndpoint`]: where a server is reached over HTTP.

use std::fmt;

use hyper::Uri;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::http::uri::Scheme;
use rmcp::service::RoleClient;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::transport::{StreamableHttpClientTransport, Transport};

use super::McpError;
use super::http::HttpClient;
use super::sent::Sent;
use crate::service::https;

/// A server that is reached over HTTP, and what it is told with each request. Its debug output shows neither the URL
/// nor a header.
///
/// No redirection is followed and no proxy asked, so that headers go to this origin alone; with `http` everything can
/// be read on the way. `https` trusts the certificates of the system.
#[derive(Clone)]
pub struct McpEndpoint {
    url: String,
    headers: Vec<(String, String)>,
}

impl McpEndpoint {
    /// The endpoint at a URL, such as `https://example.com/mcp`.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), headers: Vec::new() }
    }

    /// The same with a header, such as `authorization`. Where the server says its value back, that is masked, if it has
    /// at least 6 bytes, and at least 16 if it is a single plain word or number.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// What it is told that nobody else may hear.
    pub(super) fn sent(&self) -> Sent {
        Sent::in_headers(self.headers.iter().map(|(_name, value)| value.as_str()))
    }

    /// Checks it, and makes it ready. Nothing is asked yet.
    pub(super) fn open(
        self,
        server: &str,
        limit: usize,
    ) -> Result<impl Transport<RoleClient> + 'static, McpError> {
        let refused = |setting, reason| McpError::Setting { server: server.to_owned(), setting, reason };
        let uri: Uri =
            self.url.trim().parse().map_err(|_quotes_it| refused("URL", "it is no absolute URL"))?;
        let is_secure = uri.scheme() == Some(&Scheme::HTTPS);
        if !is_secure && uri.scheme() != Some(&Scheme::HTTP) {
            return Err(refused("URL", "it is neither `http` nor `https`"));
        }
        if uri.authority().is_none_or(|authority| authority.as_str().contains('@')) {
            return Err(refused("URL", "it holds a user or a password, which is no place for a key"));
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let name: HeaderName =
                name.parse().map_err(|_quotes_it| refused("header", "no header can be called that"))?;
            let mut value = HeaderValue::from_str(value)
                .map_err(|_invalid| refused("header", "it has characters that no header can hold"))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let client = https::client(is_secure)
            .map_err(|source| McpError::Start { server: server.to_owned(), source })?;
        let client = HttpClient { client, uri, headers, limit };
        // The URL and the headers are the client's, so that nothing else can show them.
        let config = StreamableHttpClientTransportConfig::with_uri("");
        Ok(StreamableHttpClientTransport::with_client(client, config))
    }
}

impl fmt::Debug for McpEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpEndpoint").finish_non_exhaustive()
    }
}
