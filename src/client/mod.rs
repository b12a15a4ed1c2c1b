//! Client for the attachments API: signs, uploads and notifies, at any server that implements the
//! contract. It does not depend on the service and does not print anything.

mod body;
mod retry;

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use actix_web::web::Bytes;
use http::Uri;
use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    RETRY_AFTER,
};
use reqwest::{Body, Method, Request, StatusCode, Url};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value, json};

use crate::domain::{FileName, UploadType};
use crate::tls;
use crate::uri::encoded;
use body::{BodyError, FileBody};

pub use retry::Retries;

/// Timeout for making a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Timeout for a request without a file, from the connection to the last byte of the response.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Minimum transfer rate of an upload, in bytes per second. Slower uploads time out.
const MIN_TRANSFER_RATE: u64 = 16 * 1024;
/// Maximum size of a response body. Problems and results of notify are far smaller.
const MAX_RESPONSE_BODY: usize = 1024 * 1024;
/// Time after which an unused connection is closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(15);

/// The URL of the API: an origin and the path under which the contract is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiUrl(Url);

impl std::str::FromStr for ApiUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str =
            "must be an address such as https://files.example.com, or one with the path of the API";
        // `Url` also accepts `http:host` and `http:///host`; `Uri` does not.
        let uri: Uri = text.parse().map_err(|_| WRONG)?;
        let is_http = matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
        if !is_http || uri.query().is_some() || text.contains(['#', '@']) {
            return Err(WRONG);
        }
        let mut url: Url = text.parse().map_err(|_| WRONG)?;
        if url.path() == "/" {
            url.set_path(crate::api::MOUNT);
        }
        Ok(Self(url))
    }
}

impl ApiUrl {
    /// Returns the URL of `path`, which starts with a slash, below that of the API.
    fn endpoint(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!("{}{path}", self.0.path().trim_end_matches('/')));
        url
    }
}

/// Client for one API with one access token.
pub struct Client {
    http: reqwest::Client,
    api: ApiUrl,
    token: String,
    retries: Retries,
}

/// A file to upload.
#[derive(Clone, Debug)]
pub struct Upload<'a> {
    /// Path of the file on this computer.
    pub path: &'a Path,
    /// File name that the server stores.
    pub name: &'a str,
    /// Media type of the file.
    pub media_type: &'a str,
    /// Size in bytes.
    pub size: u64,
    /// Purpose of the file.
    pub upload_type: UploadType,
    /// ID of the base that the file belongs to.
    pub base: Option<&'a str>,
}

/// A stored file, as the server describes it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stored {
    /// Link that reads the file without an access token, for a limited time.
    pub presigned_url: String,
    /// Size in bytes.
    pub size: Number,
    /// Width of an image in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<Number>,
    /// Height of an image in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<Number>,
    /// All other fields of the response.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// Progress of an upload.
#[derive(Clone, Debug)]
pub enum Event {
    /// The transfer starts, or starts again.
    Started,
    /// This many more bytes were handed to the connection.
    Sent(u64),
    /// A step failed and will be tried again.
    Retrying {
        /// Sentence that describes the failure.
        reason: String,
        /// Time until the next attempt.
        delay: Duration,
    },
}

/// The reason why a file was not stored.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The server refused the file.
    #[error("{0}")]
    Refused(Problem),
    /// The server cannot be reached, or cannot do it now.
    #[error("{0}")]
    Unavailable(Unavailable),
    /// The file cannot be read.
    #[error("the file cannot be read")]
    Unreadable(#[source] std::io::Error),
    /// The file has another size than when the upload was signed.
    #[error("the file changed while it was sent")]
    Changed,
    /// The server cannot store a file under this name.
    #[error("a file's name must not be empty and have no control characters")]
    InvalidName,
    /// The server does not follow the contract.
    #[error("{origin} does not answer as an attachment service: {reason}")]
    NotAService {
        /// Origin of the server.
        origin: String,
        /// The part of the response that is wrong.
        reason: String,
    },
}

/// The reason why a server did not do a step, after all retries.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    /// No complete response was received: the connection failed, broke or timed out.
    #[error("{origin} cannot be reached: {cause}")]
    Unreachable {
        /// Origin of the server.
        origin: String,
        /// Sentence that describes the cause.
        cause: String,
    },
    /// The server responded that it cannot do it now.
    #[error("{0}")]
    Reported(Problem),
}

/// Error response of a server (RFC 9457). All fields but `message` are optional, because not every
/// server sends them.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Problem {
    /// HTTP status.
    #[serde(default)]
    pub status: u16,
    /// Sentence for a person: the problem and its remedy.
    pub message: String,
    /// Stable code of the problem, for programs.
    #[serde(default)]
    pub code: String,
    /// All invalid fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// URN of the request in the server's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
}

/// An invalid field.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct FieldError {
    /// JSON pointer to the field.
    pub pointer: String,
    /// Sentence that describes the error.
    pub message: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.message.trim_end_matches('.'))?;
        for FieldError { pointer, message } in &self.errors {
            // With one invalid field, `message` already contains the sentence.
            if !self.message.contains(message.as_str()) {
                write!(formatter, "; {}: {message}", pointer.trim_start_matches('/'))?;
            }
        }
        write!(formatter, " (status {}", self.status)?;
        if !self.code.is_empty() {
            write!(formatter, ", {}", self.code)?;
        }
        if let Some(instance) = &self.instance {
            write!(formatter, ", request {}", instance.trim_start_matches("urn:uuid:"))?;
        }
        formatter.write_str(")")
    }
}

/// Response to a signature request.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Signature {
    url: String,
    upload_method: String,
    token: String,
    #[serde(default)]
    request_headers: Map<String, Value>,
}

/// The parts of a signature that are needed to send the file, parsed.
struct UploadTarget {
    method: Method,
    url: Url,
    headers: HeaderMap,
}

impl UploadTarget {
    /// Parses a signature, or returns a sentence that describes the first invalid field.
    fn parse(signature: &Signature) -> Result<Self, &'static str> {
        let method = signature.upload_method.parse().map_err(|_| "its `uploadMethod` is no method")?;
        let url: Url = signature.url.parse().map_err(|_| "its `url` is no address")?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("its `url` is no address");
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &signature.request_headers {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let name: HeaderName = name.parse().map_err(|_| "its `requestHeaders` cannot be sent")?;
            let value: HeaderValue = value.parse().map_err(|_| "its `requestHeaders` cannot be sent")?;
            headers.insert(name, value);
        }
        // The length of the body sets this header.
        headers.remove(CONTENT_LENGTH);
        Ok(Self { method, url, headers })
    }
}

/// A complete response with any status.
struct ServerResponse {
    origin: String,
    status: StatusCode,
    retry_after: Option<Duration>,
    body: Bytes,
}

impl Client {
    /// Creates a client for the API at `api` that uses the access token `token`.
    ///
    /// # Panics
    /// If `reqwest` does not accept the TLS configuration of this program, which is a bug.
    #[must_use]
    pub fn new(api: ApiUrl, token: String, retries: Retries) -> Self {
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::trusting_this_computer())
            .http1_only()
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            // A redirect would send the access token or the file to a server that the user did not
            // name.
            .redirect(reqwest::redirect::Policy::none())
            // `Retries` decides, because it also reports each new attempt.
            .retry(reqwest::retry::never())
            .no_proxy()
            .default_headers(HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("identity"))]))
            .build()
            .expect("the TLS configuration is one of rustls");
        Self { http, api, token, retries }
    }

    /// Signs, sends and notifies one file. Each step may be repeated: a signature changes nothing
    /// on the server, the same bytes are accepted again, and so is a second notify. `on_event` is
    /// called with the progress.
    ///
    /// # Errors
    /// The reason why the file was not stored.
    pub async fn upload(
        &self,
        upload: &Upload<'_>,
        on_event: impl Fn(Event) + Clone + Send + Sync + Unpin + 'static,
    ) -> Result<Stored, UploadError> {
        // Notify refuses such names, but only after the whole file was sent.
        FileName::parse(upload.name).ok_or(UploadError::InvalidName)?;
        let signature = self.sign(upload, &on_event).await?;
        self.send(upload, &signature, &on_event).await?;
        self.notify(upload, &signature, &on_event).await
    }

    async fn sign(&self, upload: &Upload<'_>, on_event: &impl Fn(Event)) -> Result<Signature, UploadError> {
        let mut spec = json!({
            "contentType": upload.media_type,
            "contentLength": upload.size,
            "type": upload.upload_type.number(),
        });
        if let Some(base) = upload.base {
            spec["baseId"] = json!(base);
        }
        let attempt = || async {
            let mut request =
                self.api_request(self.api.endpoint("/attachments/signature"), spec.to_string())?;
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            self.execute(request).await
        };
        parse_json(&self.retries.run(attempt, on_event).await?)
    }

    async fn send(
        &self,
        upload: &Upload<'_>,
        signature: &Signature,
        on_event: &(impl Fn(Event) + Clone + Send + Sync + Unpin + 'static),
    ) -> Result<(), UploadError> {
        let UploadTarget { method, url, headers } =
            UploadTarget::parse(signature).map_err(|reason| self.not_a_service(reason))?;
        let timeout = REQUEST_TIMEOUT + Duration::from_secs(upload.size / MIN_TRANSFER_RATE);
        let creates_only = headers.contains_key(http::header::IF_NONE_MATCH);
        let attempt = || async {
            on_event(Event::Started);
            let file = tokio::fs::File::open(upload.path).await.map_err(UploadError::Unreadable)?;
            let on_event = on_event.clone();
            let body = FileBody::new(file, upload.size, move |bytes| on_event(Event::Sent(bytes)));
            // The URL is the credential, so the access token is not sent.
            let mut request = Request::new(method.clone(), url.clone());
            request.headers_mut().clone_from(&headers);
            *request.timeout_mut() = Some(timeout);
            *request.body_mut() = Some(Body::wrap(body));
            let mut result = self.execute(request).await;
            if let Ok(response) = &mut result
                && response.status == StatusCode::PRECONDITION_FAILED
                && creates_only
            {
                // The object exists. An earlier attempt, whose response was lost, may have created
                // it. Notify checks that its content is the signed one.
                response.status = StatusCode::OK;
            }
            match tokio::fs::metadata(upload.path).await {
                Ok(metadata) if metadata.len() == upload.size => result,
                Ok(_) => Err(UploadError::Changed),
                Err(error) => Err(UploadError::Unreadable(error)),
            }
        };
        self.retries.run(attempt, on_event).await.map(|_| ())
    }

    async fn notify(
        &self,
        upload: &Upload<'_>,
        signature: &Signature,
        on_event: &impl Fn(Event),
    ) -> Result<Stored, UploadError> {
        let mut url = self.api.endpoint(&format!("/attachments/notify/{}", encoded(&signature.token)));
        url.set_query(Some(&format!("filename={}", encoded(upload.name))));
        let attempt = || async { self.execute(self.api_request(url.clone(), String::new())?).await };
        parse_json(&self.retries.run(attempt, on_event).await?)
    }

    /// Returns a POST request with the access token.
    fn api_request(&self, url: Url, body: String) -> Result<Request, UploadError> {
        self.http
            .post(url)
            .header(AUTHORIZATION, format!("Bearer {}", self.token))
            // Otherwise the header is missing if the body is empty, which some proxies refuse
            // (411).
            .header(CONTENT_LENGTH, body.len())
            .timeout(REQUEST_TIMEOUT)
            .body(body)
            .build()
            .map_err(|error| unreachable(&self.api.0, &error))
    }

    /// Sends a request and reads the whole response.
    async fn execute(&self, request: Request) -> Result<ServerResponse, UploadError> {
        let url = request.url().clone();
        let mut response = self.http.execute(request).await.map_err(|error| unreachable(&url, &error))?;
        let retry_after =
            response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&url, &error))? {
            if body.len() + chunk.len() > MAX_RESPONSE_BODY {
                let cause = format!("its response is longer than {MAX_RESPONSE_BODY} bytes");
                return Err(UploadError::Unavailable(Unavailable::Unreachable {
                    origin: origin(&url),
                    cause,
                }));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(ServerResponse {
            origin: origin(&url),
            status: response.status(),
            retry_after: retry_after.map(Duration::from_secs),
            body: body.into(),
        })
    }

    fn not_a_service(&self, reason: &str) -> UploadError {
        UploadError::NotAService { origin: origin(&self.api.0), reason: reason.to_owned() }
    }
}

/// Converts an error of a request: the file could not be read, or the server could not be reached.
fn unreachable(url: &Url, error: &reqwest::Error) -> UploadError {
    // The outer errors only say that a request failed. The first one also contains the whole URL.
    let mut cause: &(dyn Error + 'static) = error;
    loop {
        match cause.downcast_ref() {
            Some(BodyError::Read(error)) => {
                return UploadError::Unreadable(std::io::Error::new(error.kind(), error.to_string()));
            }
            Some(BodyError::TooShort) => return UploadError::Changed,
            None => {}
        }
        match cause.source() {
            Some(source) => cause = source,
            None => break,
        }
    }
    UploadError::Unavailable(Unavailable::Unreachable { origin: origin(url), cause: cause.to_string() })
}

/// Returns the origin of a URL. Its path and its query may be credentials, so they are not shown.
fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

fn parse_json<T: serde::de::DeserializeOwned>(response: &ServerResponse) -> Result<T, UploadError> {
    serde_json::from_slice(&response.body).map_err(|error| UploadError::NotAService {
        origin: response.origin.clone(),
        reason: error.to_string(),
    })
}
