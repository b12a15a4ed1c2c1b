//! `PUT` and `POST /attachments/upload/{token}`: the bytes.

use actix_web::body::{BodyStream, BoxBody, MessageBody};
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, post, put, web};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::super::port::Incoming;
use super::super::problem::Problem;
use super::Port;
use super::responses::{
    BadRequest, Conflict, ContentTooLarge, Forbidden, InsufficientStorage, MethodNotAllowed, NotFound,
    RequestTimeout, ServiceUnavailable, TooManyRequests, UnsupportedMediaType,
};

/// The raw bytes of a file
pub struct FileContent;

impl PartialSchema for FileContent {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
            .description(Some("The raw bytes of a file"))
            .into()
    }
}

impl ToSchema for FileContent {}

/// Send the bytes of a file
///
/// Stores the bytes under an upload token. The token in the address is the only credential. An upload happens once: the
/// same bytes again are accepted, other bytes are refused. A server whose files are in an object store answers 404: there
/// the `url` of the signature is the store's own.
#[utoipa::path(
    operation_id = "uploadFile",
    tag = "attachments",
    description = "Stores the bytes under an upload token. The token in the address is the only credential. An upload happens once: the same bytes again are accepted, other bytes are refused. A server whose files are in an object store answers 404: there the `url` of the signature is the store's own.",
    params(("token" = String, Path, description = "The `token` of the signature", example = "xxxxxxxx")),
    request_body(
        content((FileContent = "application/octet-stream"), (FileContent = "*/*")),
        description = "The raw bytes. `Content-Type` is the one of `requestHeaders`, or `application/octet-stream`, which claims nothing.",
    ),
    responses(
        (
            status = 201, description = "The bytes are stored",
            links(("notify" = (
                operation_id = "notifyUpload", parameters(("token" = "$request.path.token")),
                description = "Make the file readable",
            ))),
        ),
        BadRequest, Forbidden, NotFound, MethodNotAllowed, RequestTimeout, Conflict, ContentTooLarge, UnsupportedMediaType,
        TooManyRequests, ServiceUnavailable, InsufficientStorage,
    ),
)]
#[put("/attachments/upload/{token}")]
pub async fn upload_file(
    port: Port,
    token: web::Path<String>,
    request: HttpRequest,
    bytes: web::Payload,
) -> Result<HttpResponse, Problem> {
    store(&port, &token, &request, bytes).await
}

/// Send the bytes of a file, with POST
#[utoipa::path(
    operation_id = "uploadFileByPost",
    tag = "attachments",
    description = "The same as `uploadFile`, for clients that cannot send a PUT.",
    params(("token" = String, Path, description = "The `token` of the signature", example = "xxxxxxxx")),
    request_body(
        content((FileContent = "application/octet-stream"), (FileContent = "*/*")),
        description = "The raw bytes. `Content-Type` is the one of `requestHeaders`, or `application/octet-stream`, which claims nothing.",
    ),
    responses(
        (
            status = 201, description = "The bytes are stored",
            links(("notify" = (
                operation_id = "notifyUpload", parameters(("token" = "$request.path.token")),
                description = "Make the file readable",
            ))),
        ),
        BadRequest, Forbidden, NotFound, MethodNotAllowed, RequestTimeout, Conflict, ContentTooLarge, UnsupportedMediaType,
        TooManyRequests, ServiceUnavailable, InsufficientStorage,
    ),
)]
#[post("/attachments/upload/{token}")]
pub async fn upload_file_by_post(
    port: Port,
    token: web::Path<String>,
    request: HttpRequest,
    bytes: web::Payload,
) -> Result<HttpResponse, Problem> {
    store(&port, &token, &request, bytes).await
}

async fn store(
    port: &Port,
    token: &str,
    request: &HttpRequest,
    bytes: web::Payload,
) -> Result<HttpResponse, Problem> {
    let header = |name| request.headers().get(name).map(header::HeaderValue::as_bytes);
    let incoming = Incoming {
        media_type: header(header::CONTENT_TYPE).map(|value| String::from_utf8_lossy(value).into_owned()),
        // actix has refused a length that is no number.
        length: header(header::CONTENT_LENGTH)
            .and_then(|value| std::str::from_utf8(value).ok()?.parse().ok()),
        bytes: BoxBody::new(BodyStream::new(bytes).boxed()),
    };
    port.upload(token, incoming).await?;
    Ok(HttpResponse::Created().finish())
}
