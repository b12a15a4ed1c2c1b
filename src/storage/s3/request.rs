//! Our own requests to the store: signed, limited in number and in time, and tried again where that is safe.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use actix_web::web::Bytes;
use backon::{ExponentialBuilder, Retryable};
use http::request::Parts;
use reqsign_aws_v4::RequestSigner;
use reqsign_core::{Context, SignRequest};
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use tokio::sync::Semaphore;

use super::credentials::{CredentialSource, Credentials};
use super::endpoint::{AddressStyle, Endpoint};
use crate::storage::LARGE_TRANSFERS;
use crate::uri::encoded;

/// How many requests are under way at once. The others wait, and their time runs.
const AT_ONCE: usize = 64;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(1);

/// The most of an answer that is read: a page of a listing has some 400 kB.
const LARGEST_ANSWER: usize = 4 * 1024 * 1024;

/// Maximum number of small transfers at a time, beside those.
const SMALL_TRANSFERS: usize = 32;

/// Minimum rate at which a store copies or sends bytes. A transfer of fewer bytes is small, any
/// other is large.
const BYTES_PER_SECOND: u64 = 20_000_000;

/// Time that a store is given for a transfer, beside that for any request. Zero if the transfer is
/// small.
pub(super) fn time_for_bytes(size: u64) -> Duration {
    Duration::from_secs(size / BYTES_PER_SECOND)
}

/// Requests that wait for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lane {
    /// Requests that are answered at once.
    Quick,
    /// Copies and reads of small objects, which never wait for large ones.
    Small,
    /// Copies and reads that take the longer the more bytes there are.
    Large,
}

/// How much time an answer has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    lane: Lane,
    /// One attempt.
    attempt: Duration,
    /// All of them.
    total: Duration,
}

impl Patience {
    /// For what somebody waits for: a client is told within 5 seconds that the store is away, whatever else its request asks for.
    pub(super) const SHORT: Self =
        Self { lane: Lane::Quick, attempt: Duration::from_secs(1), total: Duration::from_millis(2_200) };

    /// For what takes the longer the more bytes there are: the store is copying them, or sends them. Somebody waits for
    /// a small file too.
    pub(super) fn for_bytes(size: u64) -> Self {
        let extra = time_for_bytes(size);
        let lane = if extra.is_zero() { Lane::Small } else { Lane::Large };
        let long = Duration::from_secs(3) + extra;
        Self { lane, attempt: long, total: long }
    }

    /// For the background, where a page may come slowly.
    pub(super) const LONG: Self =
        Self { lane: Lane::Quick, attempt: Duration::from_secs(10), total: Duration::from_secs(30) };
}

/// Whether a request does the same when it is made twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    Safe,
    Never,
}

/// A request to the store.
#[derive(Clone, Debug)]
pub(super) struct Call<'a> {
    pub(super) method: Method,
    pub(super) bucket: &'a str,
    /// The object, or the bucket itself if it is empty.
    pub(super) key: &'a str,
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Bytes,
    pub(super) repeat: Repeat,
    pub(super) patience: Patience,
    /// The most of the answer's body that is read; the rest is not waited for.
    pub(super) limit: usize,
}

impl<'a> Call<'a> {
    /// A request for `key` in `bucket` that may be repeated, and for which somebody waits.
    pub(super) fn new(method: Method, bucket: &'a str, key: &'a str) -> Self {
        Self {
            method,
            bucket,
            key,
            query: Vec::new(),
            headers: Vec::new(),
            body: Bytes::new(),
            repeat: Repeat::Safe,
            patience: Patience::SHORT,
            limit: LARGEST_ANSWER,
        }
    }

    pub(super) fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// What the store answered: anything but that it cannot now.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// The answer, if it is of success.
    pub(super) fn succeeded(self) -> Result<Self, Failure> {
        if self.status.is_success() { Ok(self) } else { Err(Failure::answered(self.status, &self.body)) }
    }

    /// Returns whether a copy was made. One that fails on its way is told in the body of a 200.
    pub(super) fn is_copied(&self) -> bool {
        self.status.is_success() && self.body.windows(16).any(|part| part == b"CopyObjectResult")
    }

    /// The failure that the body of a 200 tells.
    pub(super) fn not_copied(&self) -> Failure {
        Failure::Foreign(String::from_utf8_lossy(&self.body).into_owned())
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("the object store cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    #[error("the object store did not answer in time")]
    Slow,
    #[error("the object store answered {status} {code}: {message}")]
    Answered { status: StatusCode, code: String, message: String },
    #[error("the object store answered what no S3 answers: {0}")]
    Foreign(String),
    #[error("there is no such bucket")]
    NoBucket,
    #[error("the credentials are wrong, or do not reach this far")]
    NoRights,
    #[error(
        "no credentials for the object store were found; set BACKEND_STORAGE_S3_ACCESS_KEY and BACKEND_STORAGE_S3_SECRET_KEY, or \
         what Amazon's tools take, or give the machine a role"
    )]
    NoCredentials(#[source] Option<Box<dyn std::error::Error + Send + Sync>>),
    #[error("the credentials for the object store have expired, and no others were found yet")]
    CredentialsExpired,
    #[error("the credentials for the object store cannot be had from {place}")]
    Credentials {
        place: &'static str,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("a request to the object store cannot be made")]
    Unsignable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Failure {
    /// What an answer of no success says (Amazon S3 API Reference, "Error responses").
    pub(super) fn answered(status: StatusCode, body: &[u8]) -> Self {
        #[derive(Default, serde::Deserialize)]
        #[serde(rename_all = "PascalCase", default)]
        struct Error {
            code: String,
            message: String,
        }
        let error: Error = quick_xml::de::from_reader(body).unwrap_or_default();
        Self::Answered { status, code: error.code, message: error.message }
    }

    /// Whether asking again may help.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Slow => true,
            Self::Answered { status, .. } => {
                status.is_server_error() && *status != StatusCode::NOT_IMPLEMENTED
                    || *status == StatusCode::TOO_MANY_REQUESTS
            }
            _ => false,
        }
    }

    fn of(error: reqwest::Error) -> Self {
        // The addresses of our own requests hold no secret, for those are signed in their headers.
        if error.is_timeout() { Self::Slow } else { Self::Unreachable(error) }
    }
}

/// Who asks the store.
pub(super) struct Requester {
    http: reqwest::Client,
    pub(super) credentials: Credentials,
    signer: RequestSigner,
    pub(super) endpoint: Endpoint,
    pub(super) style: AddressStyle,
    quick: Semaphore,
    small: Semaphore,
    large: Semaphore,
}

impl Requester {
    pub(super) async fn new(
        source: &CredentialSource,
        region: &str,
        endpoint: Endpoint,
        style: AddressStyle,
    ) -> Result<Self, Failure> {
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(crate::tls::trusting_this_computer())
            .connect_timeout(CONNECT)
            .pool_max_idle_per_host(AT_ONCE)
            .pool_idle_timeout(Duration::from_secs(30))
            // A connection that the store's side has lost is not waited for.
            .tcp_keepalive(Duration::from_secs(15))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(Failure::of)?;
        let credentials = Credentials::find(source, region, &http).await?;
        Ok(Self {
            http,
            credentials,
            signer: RequestSigner::new("s3", region).with_standard_session_token(),
            endpoint,
            style,
            quick: Semaphore::new(AT_ONCE),
            small: Semaphore::new(SMALL_TRANSFERS),
            large: Semaphore::new(LARGE_TRANSFERS),
        })
    }

    /// What the store answers to `call`.
    pub(super) async fn send(&self, call: &Call<'_>) -> Result<Answer, Failure> {
        self.persist(call, || async {
            let mut response = self.ask(call).await?;
            let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
            let mut body = Vec::new();
            while body.len() < call.limit
                && let Some(chunk) = response.chunk().await.map_err(Failure::of)?
            {
                body.extend_from_slice(&chunk[..chunk.len().min(call.limit - body.len())]);
            }
            if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
                return Err(Failure::answered(status, &body));
            }
            Ok(Answer { status, headers, body })
        })
        .await
    }

    /// Gives `take` every piece of the body that is answered to `call`, and then what it has made of them.
    pub(super) async fn fold<T>(
        &self,
        call: &Call<'_>,
        first: impl Fn() -> T,
        take: impl Fn(&mut T, &[u8]),
    ) -> Result<T, Failure> {
        self.persist(call, || async {
            let mut response = self.ask(call).await?;
            if !response.status().is_success() {
                return Err(Failure::answered(response.status(), b""));
            }
            let mut made = first();
            while let Some(chunk) = response.chunk().await.map_err(Failure::of)? {
                take(&mut made, &chunk);
            }
            Ok(made)
        })
        .await
    }

    /// Makes the attempt, and makes it again where that is safe and there is time.
    async fn persist<T, F: Future<Output = Result<T, Failure>>>(
        &self,
        call: &Call<'_>,
        attempt: impl Fn() -> F,
    ) -> Result<T, Failure> {
        let Patience { lane, attempt: each, total } = call.patience;
        let once = || async { tokio::time::timeout(each, attempt()).await.map_err(|_| Failure::Slow)? };
        let times = if call.repeat == Repeat::Safe { 4 } else { 0 };
        let pauses = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(50))
            .with_max_delay(Duration::from_millis(800))
            .with_max_times(times)
            .with_jitter();
        let all = async {
            let slots = match lane {
                Lane::Quick => &self.quick,
                Lane::Small => &self.small,
                Lane::Large => &self.large,
            };
            let _slot = slots.acquire().await;
            once.retry(pauses).when(Failure::may_pass).await
        };
        tokio::time::timeout(total, all).await.map_err(|_| Failure::Slow)?
    }

    async fn ask(&self, call: &Call<'_>) -> Result<reqwest::Response, Failure> {
        let query = call
            .query
            .iter()
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect::<Vec<_>>()
            .join("&");
        let url = self.endpoint.locate(self.style, call.bucket, call.key).url(&query);
        let mut request = http::Request::builder().method(call.method.clone()).uri(url);
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        let unsignable = |error: http::Error| Failure::Unsignable(error.into());
        let (mut parts, body) = request.body(call.body.clone()).map_err(unsignable)?.into_parts();
        self.sign(&mut parts).await?;
        let request =
            reqwest::Request::try_from(http::Request::from_parts(parts, body)).map_err(Failure::of)?;
        self.http.execute(request).await.map_err(Failure::of)
    }

    /// What the store answers to a request at an address that was signed before, as a client makes it.
    pub(super) async fn send_presigned(
        &self,
        url: &str,
        headers: &[(&'static str, &str)],
        body: &'static [u8],
    ) -> Result<StatusCode, Failure> {
        let request =
            headers.iter().fold(self.http.put(url), |request, (name, value)| request.header(*name, *value));
        let response = request.body(body).timeout(Patience::SHORT.total).send().await.map_err(Failure::of)?;
        Ok(response.status())
    }

    async fn sign(&self, parts: &mut Parts) -> Result<(), Failure> {
        let current = self.credentials.at(SystemTime::now())?;
        self.signer
            .sign_request(&Context::new(), parts, Some(&current.credential), None)
            .await
            .map_err(|error| Failure::Unsignable(error.into()))
    }
}

impl From<Failure> for super::StoreError {
    fn from(failure: Failure) -> Self {
        let is_missing = matches!(&failure, Failure::Answered { status, code, .. }
            if *status == StatusCode::NOT_FOUND && code != "NoSuchBucket");
        if is_missing { Self::NotFound } else { Self::Failed(std::io::Error::other(failure)) }
    }
}

/// The requester is shared by the threads that answer requests.
pub(super) type Shared = Arc<Requester>;
