//! Speaks the contract from the other side: signs, sends and notifies, at any server that keeps to it. Knows none of the rooms of the service, and
//! nothing of terminals.

mod retry;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actix_web::body::SizedStream;
use actix_web::http::header::{AUTHORIZATION, RETRY_AFTER};
use actix_web::http::{Method, StatusCode, Uri};
use actix_web::web::Bytes;
use awc::error::SendRequestError;
use awc::{ClientRequest, Connector};
use futures_util::TryStreamExt;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value, json};
use tokio_util::io::ReaderStream;

use crate::domain::{FileName, UploadType};
use crate::tls;
use crate::uri::encoded;

pub use retry::Retries;

/// How long a small request may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// What a server must take of a file, in bytes a second; below that an upload is given up.
const SLOWEST: u64 = 16 * 1024;
/// The most of an answer that is read: problems and notifications are far below.
const LARGEST_ANSWER: usize = 1024 * 1024;
/// The address of the API: an origin and the path under which the contract is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiUrl(String);

impl std::str::FromStr for ApiUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str =
            "must be an address such as https://files.example.com, or one with the path of the API";
        let uri: Uri = text.parse().map_err(|_| WRONG)?;
        let is_http = matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
        if !is_http || uri.query().is_some() || text.contains(['#', '@']) {
            return Err(WRONG);
        }
        let bare = text.trim_end_matches('/');
        Ok(Self(if uri.path() == "/" { format!("{bare}{}", crate::api::MOUNT) } else { bare.to_owned() }))
    }
}

/// A server, and who asks it.
pub struct Client {
    http: awc::Client,
    api: ApiUrl,
    token: String,
    retries: Retries,
}

/// A file to send.
#[derive(Clone, Debug)]
pub struct Upload<'a> {
    /// Where it is on this computer.
    pub path: &'a Path,
    /// What it is called.
    pub name: &'a str,
    /// Its media type.
    pub media_type: &'a str,
    /// How many bytes it has.
    pub size: u64,
    /// What it is for.
    pub upload_type: UploadType,
    /// The base that it is for.
    pub base: Option<&'a str>,
}

/// A stored file, as the server told it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stored {
    /// Where it can be read without a header, for a limited time.
    pub presigned_url: String,
    /// How many bytes it has.
    pub size: Number,
    /// In pixels, of an image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<Number>,
    /// In pixels, of an image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<Number>,
    /// The rest of what was told.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What happens on the way.
#[derive(Clone, Debug)]
pub enum Event {
    /// The bytes start, perhaps anew.
    Started,
    /// So many more bytes are on their way.
    Sent(u64),
    /// A step failed, and is tried again after a while.
    Again {
        /// Why, in words.
        why: String,
        /// After how long.
        wait: Duration,
    },
}

/// Why a file was not stored.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The server does not want it.
    #[error("{0}")]
    Refused(Problem),
    /// The server cannot be reached, or is not able to.
    #[error("{0}")]
    Unavailable(Unavailable),
    /// The file cannot be read.
    #[error("the file cannot be read")]
    Unreadable(#[source] std::io::Error),
    /// The file is not what it was when it was signed for.
    #[error("the file changed while it was sent")]
    Changed,
    /// No file can be stored under its name.
    #[error("a file's name must not be empty and have no control characters")]
    Unnamable,
    /// What was answered is not what the contract says.
    #[error("{url} does not answer as an attachment service: {what}")]
    Foreign {
        /// Who.
        url: String,
        /// What was wrong with it.
        what: String,
    },
}

/// Why nothing came of asking, however often.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    /// There is no connection, or it broke.
    #[error("{url} cannot be reached: {cause}")]
    Unreachable {
        /// Who.
        url: String,
        /// Why.
        cause: String,
    },
    /// It says that it cannot now.
    #[error("{0}")]
    Told(Problem),
}

/// A refusal, as the server told it (RFC 9457), in whatever form Teable's servers tell it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Problem {
    /// The HTTP status.
    #[serde(default)]
    pub status: u16,
    /// What happened, and what helps.
    pub message: String,
    /// The kind of problem, for programs.
    #[serde(default)]
    pub code: String,
    /// Every offending field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// The request, as the server's log has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
}

/// One offending field.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct FieldError {
    /// A JSON pointer to it.
    pub pointer: String,
    /// What is wrong with it.
    pub message: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.message.trim_end_matches('.'))?;
        for FieldError { pointer, message } in &self.errors {
            // A sentence on one field alone says it already.
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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Signature {
    url: String,
    upload_method: String,
    token: String,
    #[serde(default)]
    request_headers: Map<String, Value>,
}

/// What came back.
struct Answer {
    url: String,
    status: StatusCode,
    retry_after: Option<Duration>,
    body: Bytes,
}

impl Client {
    /// For the API at `api`, with an access token.
    #[must_use]
    pub fn new(api: ApiUrl, token: String, retries: Retries) -> Self {
        let connector = Connector::new()
            .rustls_0_23(Arc::new(tls::trusting_this_computer()))
            .timeout(Duration::from_secs(10));
        // A proxy of this computer's is none of the contract's; time is limited where each request is made.
        let http = awc::Client::builder().connector(connector).disable_timeout().disable_redirects().finish();
        Self { http, api, token, retries }
    }

    /// Takes a file through the whole flow. Each step may be repeated: signing changes nothing, the same bytes are accepted again, and so is a
    /// second notify. `hear` is told what happens.
    ///
    /// # Errors
    /// Why it was not stored.
    pub async fn upload(
        &self,
        upload: &Upload<'_>,
        hear: impl Fn(Event) + Clone + 'static,
    ) -> Result<Stored, Failure> {
        // What notify would refuse is not sent first.
        FileName::parse(upload.name).ok_or(Failure::Unnamable)?;
        let signature = self.sign(upload, &hear).await?;
        self.send(upload, &signature, hear.clone()).await?;
        self.notify(upload, &signature, &hear).await
    }

    async fn sign(&self, upload: &Upload<'_>, hear: &impl Fn(Event)) -> Result<Signature, Failure> {
        let url = format!("{}/attachments/signature", self.api.0);
        let mut wish = json!({
            "contentType": upload.media_type,
            "contentLength": upload.size,
            "type": upload.upload_type.number(),
        });
        if let Some(base) = upload.base {
            wish["baseId"] = json!(base);
        }
        let ask = || async {
            let request =
                self.http.post(&url).insert_header((AUTHORIZATION, self.bearer())).timeout(PATIENCE);
            answer(&url, request.send_json(&wish).await).await
        };
        parsed(&url, &self.retries.until_answered(ask, hear).await?)
    }

    async fn send(
        &self,
        upload: &Upload<'_>,
        signature: &Signature,
        hear: impl Fn(Event) + Clone + 'static,
    ) -> Result<(), Failure> {
        let Signature { url, upload_method, request_headers, .. } = signature;
        let foreign = |what: &str| Failure::Foreign { url: self.api.0.clone(), what: what.to_owned() };
        let method: Method = upload_method.parse().map_err(|_| foreign("its `uploadMethod` is no method"))?;
        if url.parse::<Uri>().is_err() {
            return Err(foreign("its `url` is no address"));
        }
        let patience = PATIENCE + Duration::from_secs(upload.size / SLOWEST);
        // Object stores may be told to make an object where none is, and no other.
        let is_made_once = request_headers.keys().any(|name| name.eq_ignore_ascii_case("if-none-match"));
        let put = || async {
            hear(Event::Started);
            // The address is the credential; no access token is sent.
            let mut request = self.http.request(method.clone(), url).timeout(patience);
            for (name, value) in
                request_headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("content-length"))
            {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                request = request.insert_header((name.as_str(), value));
            }
            let file = tokio::fs::File::open(upload.path).await.map_err(Failure::Unreadable)?;
            let hear = hear.clone();
            let bytes = ReaderStream::with_capacity(file, 64 * 1024)
                .inspect_ok(move |chunk| hear(Event::Sent(chunk.len() as u64)));
            let mut answered =
                answer(url, request.send_body(SizedStream::new(upload.size, bytes)).await).await;
            if let Ok(answer) = &mut answered
                && answer.status == StatusCode::PRECONDITION_FAILED
                && is_made_once
            {
                // An attempt whose answer was lost has made it. Notify tells whether it is what was signed.
                answer.status = StatusCode::OK;
            }
            match tokio::fs::metadata(upload.path).await {
                Ok(now) if now.len() == upload.size => answered,
                Ok(_) => Err(Failure::Changed),
                Err(error) => Err(Failure::Unreadable(error)),
            }
        };
        self.retries.until_answered(put, &hear).await.map(|_| ())
    }

    async fn notify(
        &self,
        upload: &Upload<'_>,
        signature: &Signature,
        hear: &impl Fn(Event),
    ) -> Result<Stored, Failure> {
        let url = format!(
            "{}/attachments/notify/{}?filename={}",
            self.api.0,
            encoded(&signature.token),
            encoded(upload.name)
        );
        let ask = || async {
            let request: ClientRequest =
                self.http.post(&url).insert_header((AUTHORIZATION, self.bearer())).timeout(PATIENCE);
            answer(&url, request.send().await).await
        };
        parsed(&url, &self.retries.until_answered(ask, hear).await?)
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }
}

/// The whole answer, or why there is none.
async fn answer<S>(
    url: &str,
    sent: Result<awc::ClientResponse<S>, SendRequestError>,
) -> Result<Answer, Failure>
where
    S: futures_util::Stream<Item = Result<Bytes, awc::error::PayloadError>>,
{
    let unreachable =
        |cause: String| Failure::Unavailable(Unavailable::Unreachable { url: without_secrets(url), cause });
    let mut response = match sent {
        Ok(response) => response,
        Err(SendRequestError::Body(error)) => {
            return Err(Failure::Unreadable(std::io::Error::other(error.to_string())));
        }
        Err(error) => return Err(unreachable(error.to_string())),
    };
    let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let status = response.status();
    let body = response.body().limit(LARGEST_ANSWER).await.map_err(|error| unreachable(error.to_string()))?;
    Ok(Answer { url: without_secrets(url), status, retry_after: retry_after.map(Duration::from_secs), body })
}

/// An address without what its path and its query may hold: they are credentials.
fn without_secrets(url: &str) -> String {
    match url.parse::<Uri>() {
        Ok(uri) => format!(
            "{}://{}",
            uri.scheme_str().unwrap_or_default(),
            uri.authority().map(ToString::to_string).unwrap_or_default()
        ),
        Err(_) => "the server".to_owned(),
    }
}

fn parsed<T: serde::de::DeserializeOwned>(url: &str, answer: &Answer) -> Result<T, Failure> {
    serde_json::from_slice(&answer.body)
        .map_err(|error| Failure::Foreign { url: without_secrets(url), what: error.to_string() })
}
