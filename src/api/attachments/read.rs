//! `GET` and `HEAD /attachments/read/{bucket}/{dir}/{name}`: the bytes, or what is known of them (RFC 9110, sections 13
//! and 14).

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use actix_web::body::{BodySize, MessageBody};
use actix_web::http::StatusCode;
use actix_web::http::header::{
    self, ByteRangeSpec, ContentRangeSpec, EntityTag, Header, HttpDate, IfModifiedSince, IfNoneMatch,
    IfRange, Range,
};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, get, head, web};
use serde::Deserialize;
use utoipa::openapi::{ContentBuilder, Ref, ResponseBuilder};
use utoipa::{IntoParams, IntoResponses, ToSchema};
use validator::{Validate, ValidationError};

use super::super::port::Outgoing;
use super::super::problem::Problem;
use super::super::query;
use super::super::text::{DISPOSITION, DispositionSchema, invalid, quoted_string, token};
use super::Port;
use super::responses::{
    BadRequest, Bodiless, Forbidden, MethodNotAllowed, NotFound, RangeNotSatisfiable, Responses,
    ServiceUnavailable, TooManyRequests, documented, with_headers,
};
use super::upload::FileContent;

/// Where a file stands, as its `url` says.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct Place {
    /// The bucket, as in the file's `url`
    #[param(example = "private")]
    pub bucket: String,
    /// The directory of the upload type, as in the file's `url`
    #[param(example = "table")]
    pub dir: String,
    /// The object's name, as in the file's `url`
    #[param(example = "019a0b7c5d3e7f108a2b4c6d8e0f1a2b")]
    pub name: String,
}

/// The query of a read.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
struct ReadQuery {
    /// The read token, which a file in the private bucket asks for
    #[param(nullable = false, example = "xxxxxxxx")]
    token: Option<String>,
    /// The `Content-Disposition` to answer with (RFC 6266), such as `attachment; filename="photo.png"`. A file of an active type is an `attachment` whatever stands here.
    #[serde(rename = "response-content-disposition")]
    #[validate(length(max = DISPOSITION.max), custom(function = acceptable))]
    #[param(inline, value_type = Option<DispositionSchema>, nullable = false)]
    response_content_disposition: Option<String>,
}

/// How a file is offered: shown or saved, and under which parameters (RFC 6266).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disposition {
    /// Whether it may be shown.
    pub kind: DispositionKind,
    /// What stands behind the kind, from its semicolon on, ready to be sent.
    pub parameters: String,
}

/// Whether a file is shown or saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DispositionKind {
    /// Shown, where the reader can.
    Inline,
    /// Saved.
    Attachment,
}

impl Disposition {
    /// The disposition that `text` is, if it is in the grammar of the contract.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, parameters) = if let Some(behind) = text.strip_prefix("inline") {
            (DispositionKind::Inline, behind)
        } else {
            (DispositionKind::Attachment, text.strip_prefix("attachment")?)
        };
        scan_parameters(parameters.as_bytes())?;
        Some(Self { kind, parameters: parameters.to_owned() })
    }
}

fn scan_parameters(text: &[u8]) -> Option<()> {
    let mut rest = text;
    if let Some(value) = parameter(rest, b"filename=") {
        rest = quoted_string(value).or_else(|| token(value))?;
    }
    if let Some(value) = parameter(rest, b"filename*=UTF-8''") {
        rest = extended_value(value)?;
    }
    rest.is_empty().then_some(())
}

/// What stands behind `; name=` or `;name=`.
fn parameter<'a>(text: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let rest = text.strip_prefix(b";")?;
    rest.strip_prefix(b" ").unwrap_or(rest).strip_prefix(name)
}

/// What stands behind the `value-chars` (RFC 8187, section 3.2.1), of which there is at least one.
fn extended_value(text: &[u8]) -> Option<&[u8]> {
    let mut rest = text;
    loop {
        rest = match rest {
            [b'%', high, low, behind @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => behind,
            [byte, behind @ ..] if byte.is_ascii_alphanumeric() || b"!#$&+.^_`|~-".contains(byte) => behind,
            _ => return (rest.len() < text.len()).then_some(rest),
        };
    }
}

fn acceptable(text: &str) -> Result<(), ValidationError> {
    match Disposition::parse(text) {
        Some(_) => Ok(()),
        None => Err(invalid("must be inline or attachment, with filename and filename* at most")),
    }
}

const DESCRIBED: [(&str, &str); 4] = [
    ("Accept-Ranges", "Always `bytes`"),
    ("Content-Disposition", "Whether the file is shown or saved, and under which name (RFC 6266, RFC 8187)"),
    ("Content-Security-Policy", "What the file may do when a browser shows it, which is nothing"),
    ("X-Content-Type-Options", "Always `nosniff`"),
];
const VALIDATED: [(&str, &str); 3] = [
    ("Cache-Control", "How long a copy may be kept"),
    ("ETag", "A strong validator; the bytes under one name never change"),
    ("Last-Modified", "When the file was stored"),
];
const PART: (&str, &str) = ("Content-Range", "The bytes that the answer holds, and the file's size");

struct WholeFile;
struct PartOfFile;
struct FileExists;
struct NotModified;

impl IntoResponses for WholeFile {
    fn responses() -> Responses {
        let response = with_headers(DESCRIBED.iter().chain(&VALIDATED)).description("The whole file");
        documented("200", any_content(response))
    }
}

impl IntoResponses for PartOfFile {
    fn responses() -> Responses {
        let response = with_headers(DESCRIBED.iter().chain(&VALIDATED).chain([&PART]))
            .description("The range of the file that was asked for");
        documented("206", any_content(response))
    }
}

impl IntoResponses for FileExists {
    fn responses() -> Responses {
        documented("200", with_headers(DESCRIBED.iter().chain(&VALIDATED)).description("The file exists"))
    }
}

impl IntoResponses for NotModified {
    fn responses() -> Responses {
        documented("304", with_headers(VALIDATED.iter()).description("The client's copy is still right"))
    }
}

/// The type is the file's own. What is not known to be another is `application/octet-stream`, which stands first for generated clients: they
/// do not read `*/*` as bytes.
fn any_content(response: ResponseBuilder) -> ResponseBuilder {
    let content = || ContentBuilder::new().schema(Some(Ref::from_schema_name(FileContent::name()))).build();
    response.content("application/octet-stream", content()).content("*/*", content())
}

/// Read a file
#[utoipa::path(
    operation_id = "readFile",
    tag = "attachments",
    description = "Answers the bytes of a file. A file in the public bucket is read without credentials, one in the private bucket with the read token that stands in its `presignedUrl`.",
    params(
        Place,
        ReadQuery,
        ("Range" = Option<String>, Header, nullable = false, description = "One range of bytes (RFC 9110, section 14.2), such as `bytes=0-1023`. Several ranges, or what is no range of bytes, are ignored."),
        ("If-Range" = Option<String>, Header, nullable = false, description = "The range counts only if the file still has this ETag or date (RFC 9110, section 13.1.5)"),
        ("If-None-Match" = Option<String>, Header, nullable = false, description = "Answer 304 if the file still has one of these ETags (RFC 9110, section 13.1.2)"),
        ("If-Modified-Since" = Option<String>, Header, nullable = false, description = "Answer 304 if the file has not changed since this date (RFC 9110, section 13.1.3)"),
    ),
    responses(
        WholeFile, PartOfFile, NotModified,
        BadRequest, Forbidden, NotFound, MethodNotAllowed, RangeNotSatisfiable, TooManyRequests, ServiceUnavailable,
    ),
)]
#[get("/attachments/read/{bucket}/{dir}/{name}")]
pub async fn read_file(
    port: Port,
    place: web::Path<Place>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let file = find(&port, &place, &request).await?;
    if is_fresh(&request, &file) {
        return Ok(describe(StatusCode::NOT_MODIFIED, &file).finish());
    }
    let Some(ranges) = wanted_range(&request, &file) else {
        let mut response = describe(StatusCode::OK, &file);
        let size = file.size;
        return Ok(response.body(file.content.read(0, size).await?));
    };
    let (first, last) =
        ranges.to_satisfiable_range(file.size).ok_or_else(|| Problem::range_not_satisfiable(file.size))?;
    let mut response = describe(StatusCode::PARTIAL_CONTENT, &file);
    response.insert_header(header::ContentRange(ContentRangeSpec::Bytes {
        range: Some((first, last)),
        instance_length: Some(file.size),
    }));
    Ok(response.body(file.content.read(first, last - first + 1).await?))
}

/// Read what is known of a file
#[utoipa::path(
    operation_id = "headFile",
    tag = "attachments",
    description = "The headers of `readFile`, without the bytes. No range applies to a HEAD request (RFC 9110, section 14.2).",
    params(
        Place,
        ReadQuery,
        ("If-None-Match" = Option<String>, Header, nullable = false, description = "Answer 304 if the file still has one of these ETags (RFC 9110, section 13.1.2)"),
        ("If-Modified-Since" = Option<String>, Header, nullable = false, description = "Answer 304 if the file has not changed since this date (RFC 9110, section 13.1.3)"),
    ),
    responses(
        FileExists, NotModified,
        Bodiless<BadRequest>, Bodiless<Forbidden>, Bodiless<NotFound>, Bodiless<TooManyRequests>, Bodiless<ServiceUnavailable>,
    ),
)]
#[head("/attachments/read/{bucket}/{dir}/{name}")]
pub async fn head_file(
    port: Port,
    place: web::Path<Place>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let file = find(&port, &place, &request).await?;
    if is_fresh(&request, &file) {
        return Ok(describe(StatusCode::NOT_MODIFIED, &file).finish());
    }
    Ok(describe(StatusCode::OK, &file).body(Unsent { size: file.size }))
}

/// The body that a HEAD request asks about: it has a size, and nothing of it is sent.
struct Unsent {
    size: u64,
}

impl MessageBody for Unsent {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.size)
    }

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<web::Bytes, Infallible>>> {
        Poll::Ready(None)
    }
}

async fn find(port: &Port, place: &Place, request: &HttpRequest) -> Result<Outgoing, Problem> {
    let query: ReadQuery = query::read(request)?;
    let disposition = query.response_content_disposition.as_deref().and_then(Disposition::parse);
    Ok(port.read(place, query.token.as_deref(), disposition.as_ref()).await?)
}

fn describe(status: StatusCode, file: &Outgoing) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response
        .insert_header(header::ETag(strong(file)))
        .insert_header(header::LastModified(HttpDate::from(file.last_modified)))
        .insert_header((header::CACHE_CONTROL, file.cache_control.as_str()));
    if status != StatusCode::NOT_MODIFIED {
        response
            .insert_header((header::CONTENT_TYPE, file.media_type.as_str()))
            .insert_header((header::CONTENT_DISPOSITION, file.content_disposition.as_str()))
            .insert_header((header::ACCEPT_RANGES, "bytes"))
            .insert_header((header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'"))
            .insert_header((header::CROSS_ORIGIN_RESOURCE_POLICY, file.resource_policy))
            .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"));
    }
    response
}

fn strong(file: &Outgoing) -> EntityTag {
    EntityTag::new_strong(file.etag.clone())
}

/// Whether the client's copy is still right. `If-None-Match` counts before `If-Modified-Since` (RFC 9110, section
/// 13.2.2); what cannot be parsed is no condition.
fn is_fresh(request: &HttpRequest, file: &Outgoing) -> bool {
    if request.headers().contains_key(header::IF_NONE_MATCH) {
        return match typed::<IfNoneMatch>(request) {
            Some(IfNoneMatch::Any) => true,
            Some(IfNoneMatch::Items(tags)) => tags.iter().any(|tag| tag.weak_eq(&strong(file))),
            None => false,
        };
    }
    typed::<IfModifiedSince>(request)
        .is_some_and(|IfModifiedSince(date)| whole_seconds(file.last_modified) <= SystemTime::from(date))
}

/// The one range that the client wants, if it wants one and its condition holds.
fn wanted_range(request: &HttpRequest, file: &Outgoing) -> Option<ByteRangeSpec> {
    let Range::Bytes(ranges) = typed::<Range>(request)? else { return None };
    let [range] = <[_; 1]>::try_from(ranges).ok()?;
    let holds = match (request.headers().contains_key(header::IF_RANGE), typed::<IfRange>(request)) {
        (false, _) => true,
        (true, Some(IfRange::EntityTag(tag))) => tag.strong_eq(&strong(file)),
        (true, Some(IfRange::Date(date))) => SystemTime::from(date) == whole_seconds(file.last_modified),
        (true, None) => false,
    };
    holds.then_some(range)
}

/// The header, if it is there and can be parsed.
fn typed<H: Header>(request: &HttpRequest) -> Option<H> {
    H::parse(request).ok()
}

/// HTTP dates have no fractions.
fn whole_seconds(time: SystemTime) -> SystemTime {
    let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_secs(since_epoch.as_secs())
}
