//! `GET /attachments/{token}`: from the token that a client has kept to an address that works now.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, get, web};

use super::super::bearer::Bearer;
use super::super::problem::Problem;
use super::super::query;
use super::Port;
use super::notify::FileNameQuery;
use super::responses::{
    BadRequest, Forbidden, MethodNotAllowed, NotFound, ServiceUnavailable, TooManyRequests, Unauthorized,
};

/// Open a file by its token
#[utoipa::path(
    operation_id = "openAttachment",
    tag = "attachments",
    description = "Redirects to a fresh address at which the file can be read. `token` is the one that `notifyUpload` answered; it does not expire for this purpose.",
    params(("token" = String, Path, description = "The `token` of the signature", example = "xxxxxxxx"), FileNameQuery),
    responses(
        (
            status = 302, description = "The file can be read at `Location`",
            headers(
                ("Location" = String, description = "An absolute URL that needs no header"),
                ("Cache-Control" = String, description = "How long a copy may be kept"),
            ),
        ),
        BadRequest, Unauthorized, Forbidden, NotFound, MethodNotAllowed, TooManyRequests, ServiceUnavailable,
    ),
    security(("bearerAuth" = [])),
)]
#[get("/attachments/{token}")]
pub async fn open_attachment(
    port: Port,
    bearer: Bearer,
    token: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let caller = bearer.authenticate(&**port).await?;
    let query: FileNameQuery = query::read(&request)?;
    let opened = port.open(&caller, &token, query.file_name()).await?;
    // Each redirect is for this caller alone and names a token that expires.
    Ok(HttpResponse::Found()
        .insert_header((header::LOCATION, opened.location))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .finish())
}
