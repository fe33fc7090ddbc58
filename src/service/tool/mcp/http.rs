//! The requests of the protocol over HTTP.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri};
use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::streamable_http_client::{
    SseError, StreamableHttpClient, StreamableHttpError, StreamableHttpPostResponse,
};
use sse_stream::{Sse, SseStream};
use tokio_stream::Stream;

use crate::service::https::HttpsClient;

/// By what a server knows which conversation a request is of.
const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");

/// Speaks to one server.
#[derive(Clone)]
pub(super) struct HttpClient {
    pub(super) client: HttpsClient,
    pub(super) uri: Uri,
    /// Sent with each request; sensitive.
    pub(super) headers: HeaderMap,
    /// The most bytes of an answer.
    pub(super) limit: usize,
}

/// Why there is no answer. It says nothing of what was sent or came back.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpFault {
    #[error("the connection failed")]
    Connection,
    #[error("status {0}")]
    Status(u16),
    #[error("the answer is too large, or cut")]
    Body,
    #[error("the answer is none of the protocol")]
    Answer,
}

type Failed = StreamableHttpError<HttpFault>;

impl HttpClient {
    fn request(&self, method: Method, extra: HashMap<HeaderName, HeaderValue>) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::default());
        *request.method_mut() = method;
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        headers.extend(self.headers.clone());
        headers.extend(extra);
        request
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Failed> {
        self.client
            .request(request)
            .await
            .map_err(|_told_below| StreamableHttpError::Client(HttpFault::Connection))
    }

    /// The one message of a body.
    async fn message(&self, body: Incoming) -> Result<ServerJsonRpcMessage, Failed> {
        let read = Limited::new(body, self.limit).collect().await;
        let read = read.map_err(|_too_large_or_cut| StreamableHttpError::Client(HttpFault::Body))?;
        serde_json::from_slice(&read.to_bytes())
            .map_err(|_may_quote_it| StreamableHttpError::Client(HttpFault::Answer))
    }
}

impl StreamableHttpClient for HttpClient {
    type Error = HttpFault;

    async fn post_message(
        &self,
        _uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session: Option<Arc<str>>,
        _authorization: Option<String>,
        extra: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpPostResponse, Failed> {
        let is_request = matches!(message, ClientJsonRpcMessage::Request(_));
        let mut request = self.request(Method::POST, extra);
        *request.body_mut() = Full::new(serde_json::to_vec(&message)?.into());
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        attach(headers, session.as_deref())?;
        let response = self.send(request).await?;
        match response.status() {
            StatusCode::ACCEPTED | StatusCode::NO_CONTENT => return Ok(StreamableHttpPostResponse::Accepted),
            StatusCode::NOT_FOUND if session.is_some() => return Err(StreamableHttpError::SessionExpired),
            StatusCode::OK => {}
            status => return Err(StreamableHttpError::Client(HttpFault::Status(status.as_u16()))),
        }
        let headers = response.headers();
        let is_of = |kind: &str| {
            let of = headers.get(CONTENT_TYPE).and_then(|of| of.to_str().ok()).unwrap_or_default();
            of.to_ascii_lowercase().starts_with(kind)
        };
        if !is_request && (headers.get(CONTENT_LENGTH).is_some_and(|length| length == "0")) {
            return Ok(StreamableHttpPostResponse::Accepted);
        }
        let session = headers.get(SESSION).and_then(|session| session.to_str().ok()).map(str::to_owned);
        if is_of("text/event-stream") {
            let body = Limited::new(response.into_body(), self.limit);
            let events = SseStream::new(body.map_err(|_too_large_or_cut| HttpFault::Body));
            return Ok(StreamableHttpPostResponse::Sse(Box::pin(events), session));
        }
        if !is_of("application/json") {
            return Err(StreamableHttpError::Client(HttpFault::Answer));
        }
        Ok(StreamableHttpPostResponse::Json(self.message(response.into_body()).await?, session))
    }

    async fn delete_session(
        &self,
        _uri: Arc<str>,
        session: Arc<str>,
        _authorization: Option<String>,
        extra: HashMap<HeaderName, HeaderValue>,
    ) -> Result<(), Failed> {
        let mut request = self.request(Method::DELETE, extra);
        attach(request.headers_mut(), Some(&*session))?;
        // Whether the server forgets it is its own affair.
        self.send(request).await.map(drop)
    }

    async fn get_stream(
        &self,
        _uri: Arc<str>,
        _session: Option<Arc<str>>,
        _last: Option<String>,
        _authorization: Option<String>,
        _extra: HashMap<HeaderName, HeaderValue>,
    ) -> Result<Pin<Box<dyn Stream<Item = Result<Sse, SseError>> + Send>>, Failed> {
        // The server's own messages are not listened to.
        Err(StreamableHttpError::ServerDoesNotSupportSse)
    }
}

fn attach(headers: &mut HeaderMap, session: Option<&str>) -> Result<(), Failed> {
    if let Some(session) = session {
        let session = HeaderValue::from_str(session);
        headers.insert(SESSION, session.map_err(|_invalid| StreamableHttpError::Client(HttpFault::Answer))?);
    }
    Ok(())
}
