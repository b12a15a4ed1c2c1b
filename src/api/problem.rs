//! What a client is told when it is refused: a problem document (RFC 9457) that is also what Teable's clients read.
//!
//! A [`Problem`] carries two texts that never mix: `detail` goes to the client, `cause` to the log.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::port::Refusal;
use super::rate_limit::{self, Allowance};

/// The media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// In how many seconds a client may try again what was answered 503.
const RETRY_AFTER_SECONDS: &str = "5";

/// A stable name of the kind of problem, for programs
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(example = "validation_error")]
pub enum ProblemCode {
    /// 400
    ValidationError,
    /// 401
    Unauthorized,
    /// 403
    RestrictedResource,
    /// 403, and a new signature helps
    TokenExpired,
    /// 404
    NotFound,
    /// 405
    MethodNotAllowed,
    /// 408
    RequestTimeout,
    /// 409
    Conflict,
    /// 413
    PayloadTooLarge,
    /// 415
    UnsupportedMediaType,
    /// 416
    RangeNotSatisfiable,
    /// 429
    TooManyRequests,
    /// 503
    ServiceUnavailable,
    /// 507
    InsufficientStorage,
    /// 507, and only for this base
    QuotaExceeded,
}

impl ProblemCode {
    /// The HTTP status that goes with the code.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::ValidationError => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::RestrictedResource | Self::TokenExpired => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::Conflict => StatusCode::CONFLICT,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::RangeNotSatisfiable => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Self::ServiceUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::InsufficientStorage | Self::QuotaExceeded => StatusCode::INSUFFICIENT_STORAGE,
        }
    }
}

/// One offending field
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// A JSON pointer (RFC 6901) into the body, or `/path/NAME`, `/query/NAME`, `/header/NAME` for a parameter
    #[schema(example = "/contentLength")]
    pub pointer: String,
    /// What is wrong with it
    #[schema(example = "must be at least 0")]
    pub message: Cow<'static, str>,
}

/// Why a request was refused (RFC 9457). `message` and `code` are what Teable's clients read.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
struct Body<'a> {
    /// A URI reference that names the kind of problem
    #[serde(rename = "type")]
    #[schema(example = "about:blank")]
    kind: &'a str,
    /// The kind of problem in words
    #[schema(example = "Bad Request")]
    title: &'a str,
    /// The HTTP status
    #[schema(value_type = i32, minimum = 400, maximum = 599, example = 400)]
    status: u16,
    /// What happened this time, and what helps
    #[schema(example = "contentLength must be at least 0")]
    detail: &'a str,
    /// The same as `detail`
    #[schema(example = "contentLength must be at least 0")]
    message: &'a str,
    code: ProblemCode,
    /// The request's id, which also stands in the server's log
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, example = "urn:uuid:019a0b7c-5d3e-7f10-8a2b-4c6d8e0f1a2b")]
    instance: Option<&'a str>,
    /// Every offending field
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<FieldError>, required = false)]
    errors: &'a [FieldError],
}

/// A refusal, with what the client is told and what the log is told.
#[derive(Debug)]
pub struct Problem(Box<Parts>);

#[derive(Debug)]
struct Parts {
    code: ProblemCode,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    headers: Vec<(HeaderName, HeaderValue)>,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl Problem {
    fn new(code: ProblemCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Parts {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            headers: Vec::new(),
            cause: None,
        }))
    }

    fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    fn caused_by(mut self, cause: Box<dyn Error + Send + Sync>) -> Self {
        self.0.cause = Some(cause);
        self
    }

    /// 400 that names every one of `errors`, each under its own name.
    #[must_use]
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let sentence = |error: &FieldError| match error.pointer.rsplit('/').next() {
            Some(name) if !name.is_empty() => format!("{name} {}", error.message),
            _ => format!("the body {}", error.message),
        };
        let detail = errors.iter().map(sentence).collect::<Vec<_>>().join("; ");
        let mut problem = Self::new(ProblemCode::ValidationError, detail);
        problem.0.errors = errors;
        problem
    }

    /// 401 to a request without usable credentials.
    #[must_use]
    pub fn no_credentials() -> Self {
        Self::new(
            ProblemCode::Unauthorized,
            "This needs an access token, sent as `Authorization: Bearer tat_…`. \
             `teable-attachments token create` makes one.",
        )
        .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    /// 404 to a path that is none of ours.
    #[must_use]
    pub fn no_such_route() -> Self {
        Self::new(ProblemCode::NotFound, "There is nothing at this address. /docs/ lists what there is.")
    }

    /// 405, with the methods that there are.
    #[must_use]
    pub fn method_not_allowed(allow: &str) -> Self {
        let problem =
            Self::new(ProblemCode::MethodNotAllowed, format!("This address only answers to {allow}."));
        match HeaderValue::from_str(allow) {
            Ok(value) => problem.with_header(header::ALLOW, value),
            Err(_) => problem,
        }
    }

    /// 400 to whoever wants a WebSocket.
    #[must_use]
    pub fn no_upgrade() -> Self {
        Self::new(
            ProblemCode::ValidationError,
            "There is no WebSocket here. Send the request without `Upgrade`.",
        )
    }

    /// 413 to a body of more than `limit` bytes where a small document is expected.
    #[must_use]
    pub fn document_too_large(limit: usize) -> Self {
        Self::new(ProblemCode::PayloadTooLarge, format!("The body may have at most {limit} bytes."))
    }

    /// 415 to a body that is not JSON.
    #[must_use]
    pub fn not_json() -> Self {
        Self::new(ProblemCode::UnsupportedMediaType, "Send the body as `Content-Type: application/json`.")
    }

    /// 416, with the size that the file has.
    #[must_use]
    pub fn range_not_satisfiable(size: u64) -> Self {
        let problem = Self::new(
            ProblemCode::RangeNotSatisfiable,
            format!("The file has {size} bytes, and no such range."),
        );
        match HeaderValue::try_from(format!("bytes */{size}")) {
            Ok(value) => problem.with_header(header::CONTENT_RANGE, value),
            Err(_) => problem,
        }
    }

    fn too_many_requests(allowance: &Allowance) -> Self {
        let (by, wait) = (allowance.counted.by(), allowance.reset);
        let detail = format!("Too many requests {by}. Try again in {wait} s.");
        let mut problem = Self::new(ProblemCode::TooManyRequests, detail)
            .with_header(header::RETRY_AFTER, HeaderValue::from(wait));
        problem.0.headers.extend(rate_limit::headers(allowance));
        problem
    }

    fn for_a_moment(detail: &'static str) -> Self {
        Self::new(ProblemCode::ServiceUnavailable, detail)
            .with_header(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS))
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> ProblemCode {
        self.0.code
    }

    /// What the log is told and the client is not.
    #[must_use]
    pub fn cause(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.0.cause.as_deref()
    }

    /// The answer. `instance` is the URI of the request that is refused, if it has one.
    #[must_use]
    pub fn answer(&self, instance: Option<&str>) -> HttpResponse {
        let status = self.0.code.status();
        let mut response = HttpResponse::build(status);
        for (name, value) in &self.0.headers {
            response.insert_header((name.clone(), value.clone()));
        }
        // What is refused now may be there in a moment, and a cache may keep a 404 for as long as it likes (RFC 9110, section 15.1).
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        // `json` keeps a content type that is already set.
        response.content_type(MEDIA_TYPE).json(Body {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Refused"),
            status: status.as_u16(),
            detail: &self.0.detail,
            message: &self.0.detail,
            code: self.0.code,
            instance,
            errors: &self.0.errors,
        })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.detail)
    }
}

impl Error for Problem {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.cause.as_deref().map(|cause| cause as &(dyn Error + 'static))
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.0.code.status()
    }

    fn error_response(&self) -> HttpResponse {
        self.answer(None)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        use ProblemCode as Code;
        match refusal {
            Refusal::UnknownAccessToken => {
                Self::new(Code::Unauthorized, "This access token is not known, has expired or was revoked.")
                    .with_header(
                        header::WWW_AUTHENTICATE,
                        HeaderValue::from_static("Bearer error=\"invalid_token\""),
                    )
            }
            Refusal::OutsideBases => {
                Self::new(Code::RestrictedResource, "This access token is bound to other bases.")
            }
            Refusal::Invalid(error) => Self::invalid(vec![error]),
            Refusal::BadUploadToken => Self::new(
                Code::RestrictedResource,
                "This is not an upload token of this server. Ask for a new signature.",
            ),
            Refusal::UploadTokenExpired => {
                Self::new(Code::TokenExpired, "This upload token has expired. Ask for a new signature.")
            }
            Refusal::BadReadToken => Self::new(
                Code::RestrictedResource,
                "This file is private, and `token` is not a read token for it. Notify or open it for a new address.",
            ),
            Refusal::ReadTokenExpired => Self::new(
                Code::TokenExpired,
                "This read token has expired. Notify or open the file for a new address.",
            ),
            Refusal::NoSuchFile => Self::new(Code::NotFound, "There is no such file."),
            Refusal::NothingUploaded => {
                Self::new(Code::NotFound, "Nothing was uploaded under this token. Send the bytes first.")
            }
            Refusal::OtherUpload { what } => Self::new(
                Code::ValidationError,
                format!("What was uploaded {what}, and is removed. Ask for a new signature."),
            ),
            Refusal::Elsewhere => Self::new(
                Code::NotFound,
                "This server keeps its files in an object store. Use the addresses that the signature and notify answer.",
            ),
            Refusal::OtherBytes => Self::new(
                Code::Conflict,
                "Other bytes are already stored under this token. Ask for a new signature.",
            ),
            Refusal::TooLong { signed } => Self::new(
                Code::PayloadTooLarge,
                format!("The body is larger than the {signed} bytes that were signed."),
            ),
            Refusal::TooShort { signed } => Self::new(
                Code::ValidationError,
                format!("The body is smaller than the {signed} bytes that were signed."),
            ),
            Refusal::ChecksumMismatch => {
                Self::new(Code::ValidationError, "The SHA-256 of the body is not the `hash` that was signed.")
            }
            Refusal::TooSlow => Self::new(
                Code::RequestTimeout,
                "The body came too slowly, and nothing of it is kept. Send it again.",
            ),
            Refusal::BrokenBody(cause) => {
                Self::new(Code::ValidationError, "The body broke off or is malformed.").caused_by(cause)
            }
            Refusal::OtherMediaType { signed } if signed == "application/octet-stream" => Self::new(
                Code::UnsupportedMediaType,
                "The signature is for application/octet-stream. Send the bytes as that.",
            ),
            Refusal::OtherMediaType { signed } => Self::new(
                Code::UnsupportedMediaType,
                format!(
                    "The signature is for {signed}. Send the bytes as that, or as application/octet-stream."
                ),
            ),
            Refusal::NoRoom(cause) => {
                Self::new(Code::InsufficientStorage, "There is no room left for this file.").caused_by(cause)
            }
            Refusal::OverQuota { quota } => Self::new(
                Code::QuotaExceeded,
                format!("With this file the base would have more than its {quota} bytes."),
            ),
            Refusal::TooManyFiles { limit } => {
                Self::new(Code::QuotaExceeded, format!("The base has reached its limit of {limit} files."))
            }
            Refusal::TooManyRequests(allowance) => Self::too_many_requests(&allowance),
            Refusal::Busy => Self::for_a_moment(
                "The service has as much to do as it takes on at once. Try again in a moment.",
            ),
            Refusal::Unavailable(cause) => {
                Self::for_a_moment("The service cannot do this right now. Try again in a moment.")
                    .caused_by(cause)
            }
        }
    }
}

/// The schemas that the refusals of [`super::attachments`] refer to, by name.
pub(super) fn schemas() -> Vec<(String, RefOr<Schema>)> {
    let mut schemas = vec![(Body::name().into_owned(), Body::schema())];
    Body::schemas(&mut schemas);
    schemas
}

/// A reference to the schema of a problem.
pub(super) fn schema_ref() -> RefOr<Schema> {
    utoipa::openapi::Ref::from_schema_name(Body::name()).into()
}
