//! `POST /attachments/notify/{token}`: the bytes have arrived; what are they, and where can they be read?

use actix_web::http::StatusCode;
use actix_web::{CustomizeResponder, HttpRequest, Responder, post, web};
use serde::{Deserialize, Serialize};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use super::super::bearer::Bearer;
use super::super::number::Count;
use super::super::problem::Problem;
use super::super::query;
use super::super::text::{LABEL, LabelSchema, printable};
use super::Port;
use super::responses::{
    BadRequest, Forbidden, InsufficientStorage, MethodNotAllowed, NotFound, ServiceUnavailable,
    TooManyRequests, Unauthorized,
};

/// The query of this operation and of [`super::open`].
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FileNameQuery {
    /// The file's name, with which the file is offered for saving
    #[validate(length(max = LABEL.max), custom(function = printable))]
    #[param(inline, value_type = Option<LabelSchema>, nullable = false, example = "photo.png")]
    filename: Option<String>,
}

impl FileNameQuery {
    /// The name; an empty one is none.
    #[must_use]
    pub fn file_name(&self) -> Option<&str> {
        self.filename.as_deref().filter(|name| !name.is_empty())
    }
}

/// A stored file
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotifyVo {
    /// The token that the file was uploaded with
    #[schema(example = "xxxxxxxx")]
    pub token: String,
    /// File size
    #[schema(schema_with = size)]
    pub size: Count,
    /// Where the file stands on its server. It grants no access to a private file
    #[schema(example = "/api/attachments/read/private/table/019a0b7c5d3e7f108a2b4c6d8e0f1a2b")]
    pub url: String,
    /// Where the file stands in its bucket
    #[schema(example = "table/019a0b7c5d3e7f108a2b4c6d8e0f1a2b")]
    pub path: String,
    /// Mime type
    #[schema(example = "image/png")]
    pub mimetype: String,
    /// Width in pixels, of an image
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = width, required = false)]
    pub width: Option<Count>,
    /// Height in pixels, of an image
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = height, required = false)]
    pub height: Option<Count>,
    /// An absolute URL at which the file can be read without a header, for a limited time
    #[schema(
        example = "https://example.com/api/attachments/read/private/table/019a0b7c5d3e7f108a2b4c6d8e0f1a2b?token=xxxxxxxx"
    )]
    pub presigned_url: String,
}

fn size() -> RefOr<Schema> {
    Count::described("File size", 123)
}

fn width() -> RefOr<Schema> {
    Count::described("Width in pixels, of an image", 100)
}

fn height() -> RefOr<Schema> {
    Count::described("Height in pixels, of an image", 100)
}

/// Tell that the bytes have arrived
#[utoipa::path(
    operation_id = "notifyUpload",
    tag = "attachments",
    description = "Makes an uploaded file readable and says what was stored. A repeated call gives the same file and a fresh `presignedUrl`.",
    params(("token" = String, Path, description = "The `token` of the signature", example = "xxxxxxxx"), FileNameQuery),
    responses(
        (
            status = 201, description = "The stored file", body = NotifyVo,
            links(
                ("read" = (
                    operation_id = "readFile", parameters(
                        ("bucket" = "$response.body#/url#regex:/read/([^/]+)/"),
                        ("dir" = "$response.body#/path#regex:^([^/]+)/"),
                        ("name" = "$response.body#/path#regex:/([^/]+)$"),
                        ("query.token" = "$response.body#/presignedUrl#regex:([^/=&]+)(?:&response-|$)"),
                    ),
                    description = "Read the file. It stands at `presignedUrl`, whose parts are these; tools that do not know `#regex:` (Schemathesis does) take `presignedUrl` as it is.",
                )),
                ("readHeaders" = (
                    operation_id = "headFile", parameters(
                        ("bucket" = "$response.body#/url#regex:/read/([^/]+)/"),
                        ("dir" = "$response.body#/path#regex:^([^/]+)/"),
                        ("name" = "$response.body#/path#regex:/([^/]+)$"),
                        ("query.token" = "$response.body#/presignedUrl#regex:([^/=&]+)(?:&response-|$)"),
                    ),
                    description = "Read what is known of the file",
                )),
                ("open" = (
                    operation_id = "openAttachment", parameters(("token" = "$response.body#/token")),
                    description = "Open the file by its token, at any later time",
                )),
            ),
        ),
        BadRequest, Unauthorized, Forbidden, NotFound, MethodNotAllowed, TooManyRequests, ServiceUnavailable,
        InsufficientStorage,
    ),
    security(("bearerAuth" = [])),
)]
#[post("/attachments/notify/{token}")]
pub async fn notify_upload(
    port: Port,
    bearer: Bearer,
    token: web::Path<String>,
    request: HttpRequest,
) -> Result<CustomizeResponder<web::Json<NotifyVo>>, Problem> {
    let caller = bearer.authenticate(&**port).await?;
    let query: FileNameQuery = query::read(&request)?;
    let stored = port.notify(&caller, &token, query.file_name()).await?;
    Ok(web::Json(stored).customize().with_status(StatusCode::CREATED))
}
